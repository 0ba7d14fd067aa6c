//! `matchwatch doctor`: names the one thing that is wrong, and what mends it.

use matchwatch::simulator::{Denial, Operation};
use serde_json::{Value, json};

use crate::support::daemon::{Home, watch};
use crate::support::receiver::{Mood, Receiver};
use crate::support::scripted::{Reply, ScriptedServer};
use crate::support::service::Service;

const DISCOVERY: &str = "[[watch]]\nworkflow_name = \"cust*\"\n\
                         [[watch]]\nworkflow_name = \"suppliers\"\n";

/// What the doctor said, and how it ended.
struct Report {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Report {
    async fn of(home: &Home) -> Self {
        let output = home.run(&["doctor"]).await;
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn failed(&self) -> Vec<&str> {
        self.stdout.lines().filter_map(|line| line.strip_prefix("  FAILED  ")).collect()
    }

    /// The policies that it prints, by whose they are.
    fn policies(&self) -> Vec<(&str, Value)> {
        let policies = self.stdout.split("\nWhat the policy of ").skip(1);
        let parts = policies.map(|text| text.split_once(" lacks:\n").unwrap());
        parts.map(|(whose, policy)| (whose, serde_json::from_str(policy).unwrap())).collect()
    }
}

#[tokio::test]
async fn where_all_is_well_each_thing_is_named_and_nothing_else() {
    let service = Service::start().await;
    let mut receiver = Receiver::start(Mood::Good).await;
    let hook =
        format!("[[notifier]]\nname = \"hook\"\ntype = \"webhook\"\nurl = {:?}\n", receiver.url());
    let configuration = DISCOVERY.to_owned() + &watch("vendors", &[&"0".repeat(32)]) + &hook;
    let report = Report::of(&Home::new(service.url(), &configuration)).await;
    let arrival = receiver.next().await;
    let lines: Vec<_> = report.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            "  ok      store: the first start makes jobs.db",
            "  ok      clock: as the service's",
            "  ok      account main: eu-west-1 answers unsigned requests",
            "  ok      ListMatchingWorkflows on * in main: allowed",
            "  ok      ListMatchingJobs on cust* in main: allowed",
            "  ok      GetMatchingJob on cust* in main: allowed",
            "  ok      ListMatchingJobs on suppliers in main: allowed",
            "  ok      GetMatchingJob on suppliers in main: allowed",
            lines[8],
            "  ok      GetMatchingJob on vendors in main: allowed",
            &format!("  ok      notifier hook: took the test event {}", arrival.id),
        ]
    );
    // The one workflow that the service does not have.
    assert!(lines[8].starts_with("  FAILED  ListMatchingJobs on vendors in main: not found"));
    assert_eq!(report.code, Some(5), "{}", report.stderr);
    assert_eq!(report.policies(), [], "no policy mends that");
    assert_eq!(report.stderr, "matchwatch: 1 of 11 things does not work\n");

    let report = Report::of(&Home::new(service.url(), DISCOVERY)).await;
    assert_eq!((report.code, &*report.stderr), (Some(0), "matchwatch: all is well\n"));
}

#[tokio::test]
async fn of_an_operation_that_is_denied_exactly_that_and_its_resource_are_named() {
    use Operation::{GetMatchingJob, ListMatchingJobs, ListMatchingWorkflows};
    let service = Service::start().await;
    let home = Home::new(service.url(), DISCOVERY);
    let arn = |name: &str| format!("arn:aws:entityresolution:eu-west-1:*:matchingworkflow/{name}");
    for (operation, workflow, subject, resource) in [
        (ListMatchingWorkflows, None, "*", "*".to_owned()),
        (ListMatchingJobs, Some("customers"), "cust*", arn("cust*")),
        (ListMatchingJobs, Some("suppliers"), "suppliers", arn("suppliers")),
        (GetMatchingJob, Some("customers"), "cust*", arn("cust*")),
        (GetMatchingJob, Some("suppliers"), "suppliers", arn("suppliers")),
    ] {
        let workflow = workflow.map(str::to_owned);
        let denial = Denial { operation: Some(operation), workflow };
        service.simulator.set_denials(vec![denial]);
        let report = Report::of(&home).await;
        let [failed] = report.failed()[..] else { panic!("{operation}: {}", report.stdout) };
        assert!(failed.starts_with(&format!("{operation} on {subject} in main: ")), "{failed}");
        let statement = json!({
            "Effect": "Allow",
            "Action": [format!("entityresolution:{operation}")],
            "Resource": [resource],
        });
        let policy = json!({ "Version": "2012-10-17", "Statement": [statement] });
        assert_eq!(report.policies(), [("account main", policy)]);
        assert_eq!(report.code, Some(4), "{}", report.stderr);
    }
}

#[tokio::test]
async fn a_denied_list_is_told_and_no_fault_where_all_jobs_are_named() {
    let service = Service::start().await;
    let named = watch("customers", &[&service.job("customers")]);
    let operation = Some(Operation::ListMatchingJobs);
    service.simulator.set_denials(vec![Denial { operation, ..Denial::default() }]);
    let report = Report::of(&Home::new(service.url(), &named)).await;
    assert_eq!((report.failed(), report.code), (Vec::new(), Some(0)), "{}", report.stdout);
    let told = "  ok      ListMatchingJobs on customers in main: denied, and not needed: ";
    assert!(report.stdout.contains(told), "{}", report.stdout);

    let found = named + "[[watch]]\nworkflow_name = \"customers\"\n";
    let report = Report::of(&Home::new(service.url(), &found)).await;
    assert_eq!((report.failed().len(), report.code), (1, Some(4)), "{}", report.stdout);
}

#[tokio::test]
async fn the_same_holds_for_id_mapping() {
    let service = Service::start().await;
    let id_mapping = "[[watch]]\nkind = \"id-mapping\"\nall = true\n";
    let home = Home::new(service.url(), id_mapping);
    let operation = Some(Operation::ListIdMappingWorkflows);
    service.simulator.set_denials(vec![Denial { operation, ..Denial::default() }]);
    let report = Report::of(&home).await;
    assert_eq!(report.failed().len(), 1, "{}{}", report.stdout, report.stderr);
    let (_, policy) = &report.policies()[0];
    let statement = &policy["Statement"][0];
    assert_eq!(statement["Action"], json!(["entityresolution:ListIdMappingWorkflows"]));
}

#[tokio::test]
async fn a_clock_that_is_off_is_told_by_how_much() {
    let headers = [("date", "Wed, 01 Jan 2025 00:00:00 GMT"), ("content-type", "application/json")];
    let answer = Reply::new(200, &headers, "{\"workflowSummaries\": []}");
    let service = ScriptedServer::start(vec![answer; 3]).await;
    let report = Report::of(&Home::new(&service.url(), "")).await;
    let [failed] = report.failed()[..] else { panic!("{}{}", report.stdout, report.stderr) };
    assert!(
        failed.starts_with("clock: ") && failed.contains(" s ahead of the service's"),
        "{failed}"
    );
    assert_eq!(report.code, Some(2));
}

#[tokio::test]
async fn an_account_that_does_not_answer_is_told_once() {
    let report = Report::of(&Home::new("http://127.0.0.1:1", DISCOVERY)).await;
    let [failed] = report.failed()[..] else { panic!("{}{}", report.stdout, report.stderr) };
    assert!(failed.starts_with("account main: service unavailable"), "{failed}");
    assert_eq!(report.stdout.matches("the account has to work first").count(), 5);
    assert_eq!(report.code, Some(6));
}

#[tokio::test]
async fn a_topic_that_may_not_be_published_to_is_a_statement_to_paste() {
    let topic = "arn:aws:sns:eu-west-1:123456789012:jobs";
    let denied = "<ErrorResponse><Error><Type>Sender</Type><Code>AuthorizationError</Code>\
                  <Message>not authorized to perform: SNS:Publish</Message></Error></ErrorResponse>";
    let sns =
        ScriptedServer::start([Reply::new(403, &[("content-type", "text/xml")], denied)]).await;
    let service = Service::start().await;
    let notifier = format!(
        "[[notifier]]\nname = \"topic\"\ntype = \"sns\"\ntopic_arn = {topic:?}\nendpoint_url = {:?}\n",
        sns.url()
    );
    let home = Home::new(service.url(), &notifier)
        .with("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        .with("AWS_SECRET_ACCESS_KEY", "secret");
    let report = Report::of(&home).await;
    let policies = report.policies();
    let [(whose, policy)] = &policies[..] else { panic!("{}{}", report.stdout, report.stderr) };
    assert_eq!(*whose, "notifier topic");
    assert_eq!(policy["Statement"][0]["Action"], json!(["sns:Publish"]));
    assert_eq!(policy["Statement"][0]["Resource"], json!([topic]));
    assert_eq!(report.code, Some(1));
}
