//! `matchwatch check --online`: what a configuration names is tried once, and all that fails is told.

use std::fs;

use matchwatch::simulator::Operation::{
    GetIdMappingJob, GetMatchingJob, ListIdMappingWorkflows, ListMatchingWorkflows,
};
use matchwatch::simulator::Status::Succeeded;
use matchwatch::simulator::{Answer, Denial, Kind, Script};
use serde_json::{Value, json};

use crate::support::daemon::{Home, watch};
use crate::support::receiver::{Mood, Receiver};
use crate::support::schema::{assert_valid, schema, validator};
use crate::support::scripted::{Reply, ScriptedServer};
use crate::support::service::Service;

const NOBODY: &str = "http://127.0.0.1:1";

/// What the command said, and how it ended.
struct Report {
    code: Option<i32>,
    /// The lines about what was tried.
    tried: Vec<String>,
    stderr: String,
}

impl Report {
    /// The line about this.
    #[track_caller]
    fn about(&self, subject: &str) -> &str {
        let mut lines = self.tried.iter().map(String::as_str);
        let line = lines.find(|line| line.contains(&format!(" {subject}: ")));
        line.unwrap_or_else(|| panic!("nothing about {subject}: {:#?}", self.tried))
    }
}

async fn check(home: &Home) -> Report {
    let output = home.run(&["check", "--online"]).await;
    let stdout = String::from_utf8(output.stdout).unwrap();
    let tried = stdout.lines().skip_while(|line| *line != "Tried now:").skip(1);
    Report {
        code: output.status.code(),
        tried: tried.map(str::to_owned).collect(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn hook(name: &str, url: &str) -> String {
    format!(
        "[[notifier]]\nname = {name:?}\ntype = \"webhook\"\nurl = {url:?}\nstatuses = [\"FAILED\"]\n"
    )
}

#[tokio::test]
async fn what_works_is_told_in_the_order_of_the_configuration_and_nothing_is_left_behind() {
    let service = Service::start().await;
    let (one, two) = (service.job("customers"), service.job("suppliers"));
    service.set(&two, Succeeded);
    let mut receiver = Receiver::start(Mood::Good).await;
    let configuration = watch("customers", &[&one])
        + &watch("suppliers", &[&two])
        + &hook("hook", receiver.url())
        + "[[notifier]]\nname = \"lines\"\ntype = \"stdout\"\n";
    let home = Home::new(service.url(), &configuration);
    let report = check(&home).await;
    let arrival = receiver.next().await;
    assert_eq!(
        report.tried,
        [
            "  ok      store: the first start makes jobs.db",
            "  ok      account main: eu-west-1 answers unsigned requests",
            "  ok      watch customers in main: jobs are known: 1 QUEUED",
            "  ok      watch suppliers in main: jobs are known: 1 SUCCEEDED",
            &format!("  ok      notifier hook: took the test event {}", arrival.id),
            "  -       notifier lines: standard output, where this report goes",
        ]
    );
    assert_eq!((report.code, report.stderr.as_str()), (Some(0), ""));
    assert_eq!(receiver.rest(), [], "one event, and past its filter");

    let event: Value = serde_json::from_str(&arrival.body).unwrap();
    assert_valid(&validator(&schema()), &event);
    assert_eq!(
        (&event["type"], &event["subject"]),
        (&json!("dev.matchwatch.test.v1"), &json!("hook"))
    );
    assert_eq!(event["id"], json!(arrival.id));
    assert_eq!(fs::read_dir(home.file("")).unwrap().count(), 1, "only the configuration is there");

    check(&home).await;
    assert_ne!(receiver.next().await.id, arrival.id, "each test is a new event");
}

#[tokio::test]
async fn id_mapping_jobs_are_asked_about_by_their_own_operations() {
    let service = Service::start().await;
    let job = service.job_of(Kind::IdMapping, "households");
    let watch = watch("households", &[&job]) + "kind = \"id-mapping\"\n";
    let report = check(&Home::new(service.url(), &watch)).await;
    let line = report.about("watch households (id-mapping) in main");
    assert!(line.ends_with("jobs are known: 1 QUEUED"), "{line}");
    let counts = service.simulator.counts();
    assert_eq!((counts.total(GetMatchingJob), counts.total(ListMatchingWorkflows)), (0, 0));
    assert_eq!((counts.total(GetIdMappingJob), counts.total(ListIdMappingWorkflows)), (1, 1));
    assert_eq!(report.code, Some(0));
}

#[tokio::test]
async fn all_is_tried_though_much_fails_and_the_worst_decides() {
    let service = Service::start().await;
    let (known, denied) = (service.job("customers"), service.job("suppliers"));
    let workflow = Some("suppliers".to_owned());
    service.simulator.set_denials(vec![Denial { workflow, ..Denial::default() }]);
    let (ill, mut well) =
        (Receiver::start(Mood::Bad(500)).await, Receiver::start(Mood::Good).await);
    let unknown = "0123456789abcdef0123456789abcdef";
    let configuration = watch("suppliers", &[&denied])
        + &watch("customers", &[unknown, &known])
        + &hook("ill", &format!("{}/planted-token", ill.url()))
        + &hook("well", well.url());
    let report = check(&Home::new(service.url(), &configuration)).await;

    assert_eq!(report.code, Some(4), "{:#?}", report.tried);
    assert!(report.about("account main").starts_with("  ok "), "{:#?}", report.tried);
    for (subject, parts) in [
        (
            "watch suppliers in main",
            [
                "perform: entityresolution:GetMatchingJob on resource: arn:aws:entityresolution:us-east-1:123456789012:matchingworkflow/suppliers",
                "IAM policy",
            ],
        ),
        (
            "watch customers in main",
            ["1 of 2 jobs not there; 0123456789abcdef", "Check workflow_name"],
        ),
        ("notifier ill", ["127.0.0.1 answered 500", "Check url"]),
    ] {
        let line = report.about(subject);
        assert!(line.starts_with("  FAILED  "), "{line}");
        for part in parts {
            assert!(line.contains(part), "{part} is not in: {line}");
        }
    }
    assert!(!report.tried.concat().contains("planted-token"), "{:#?}", report.tried);
    assert!(report.about("notifier well").starts_with("  ok "), "{:#?}", report.tried);
    assert_eq!(well.next().await.body.matches("dev.matchwatch.test.v1").count(), 1);
    assert_eq!(report.stderr, "matchwatch: 3 of 6 things do not work\n");
}

#[tokio::test]
async fn each_kind_of_trouble_has_its_exit_code() {
    let service = Service::start().await;
    let job = service.job("customers");
    let watched = watch("customers", &[&job]);
    let receiver = Receiver::start(Mood::Bad(410)).await;

    let untold = Home::new(service.url(), &(watched.clone() + &hook("hook", receiver.url())));
    let regionless = format!("{watched}[[account]]\nname = \"other\"\n");
    let regionless = regionless.replace("workflow", "account = \"main\"\nworkflow");
    let regionless =
        Home::new(service.url(), &regionless).with("AWS_EC2_METADATA_DISABLED", "true");
    let no_database = Home::new(service.url(), &watched);
    fs::write(no_database.file("jobs.db"), "no database").unwrap();
    let missing =
        Home::new(service.url(), &watch("customers", &["0123456789abcdef0123456789abcdef"]));
    let away = Home::new(NOBODY, &watched);
    for (home, code, subject, words) in [
        (untold, 1, "notifier hook", "answered 410"),
        (regionless, 2, "account other", "no Region"),
        (no_database, 2, "store", "is not a SQLite database"),
        (missing, 5, "watch customers in main", "not found"),
        (away, 6, "account main", "service unavailable"),
    ] {
        let report = check(&home).await;
        assert_eq!(report.code, Some(code), "{:#?}", report.tried);
        let line = report.about(subject);
        assert!(line.starts_with("  FAILED  ") && line.contains(words), "{line}");
    }
}

#[tokio::test]
async fn a_throttle_that_passes_is_borne_and_one_that_stays_is_told() {
    let service = Service::start().await;
    let home = Home::new(service.url(), &watch("customers", &[&service.job("customers")]));
    for (times, code) in [(2, 0), (3, 6)] {
        service.simulator.script(Script {
            operation: GetMatchingJob,
            answer: Answer::Throttled,
            times,
        });
        let report = check(&home).await;
        let line = report.about("watch customers in main");
        assert_eq!(report.code, Some(code), "{line}");
        assert_eq!(line.contains("throttled by the service"), code == 6, "{line}");
    }
}

#[tokio::test]
async fn what_never_answers_is_told_once_its_time_is_up() {
    let service = ScriptedServer::start(vec![Reply::Silence; 6]).await;
    let receiver = Receiver::start(Mood::Silent).await;
    let configuration = watch("customers", &["0123456789abcdef0123456789abcdef"])
        + &hook("hook", receiver.url())
        + "timeout = \"100ms\"\n\
           [[notifier]]\nname = \"run\"\ntype = \"command\"\ntimeout = \"100ms\"\n\
           command = [\"/bin/sh\", \"-c\", \"while :; do :; done\"]\n";
    let home = Home::new(&service.url(), &configuration)
        .with("MATCHWATCH__POLL__REQUEST_TIMEOUT", "100ms");
    let report = check(&home).await;
    assert_eq!(report.code, Some(6), "{:#?}", report.tried);
    // On a busy machine the time may be up before a request is on its way.
    assert!(service.requests().len() <= 6, "three attempts each for the account and its watch");
    for (subject, words) in [
        ("account main", "service unavailable"),
        ("watch customers in main", "service unavailable"),
        ("notifier hook", "no answer within 100ms"),
        ("notifier run", "was killed after 100ms"),
    ] {
        let line = report.about(subject);
        assert!(line.starts_with("  FAILED  ") && line.contains(words), "{line}");
    }
}

#[tokio::test]
async fn an_account_is_well_where_it_forbids_what_no_daemon_needs() {
    let service = Service::start().await;
    let operation = Some(ListMatchingWorkflows);
    service.simulator.set_denials(vec![Denial { operation, ..Denial::default() }]);
    let report = check(&Home::new(service.url(), "")).await;
    assert_eq!(report.code, Some(0), "{:#?}", report.tried);
}

#[tokio::test]
async fn credentials_are_tried_with_a_signed_request() {
    let refusal = |code: &str| {
        let headers = [("x-amzn-errortype", code)];
        Reply::new(403, &headers, "{\"message\": \"The security token is invalid.\"}")
    };
    for (code, ends) in [("UnrecognizedClientException", 4), ("AccessDeniedException", 0)] {
        let server = ScriptedServer::start([refusal(code)]).await;
        let home = Home::new(&server.url(), "")
            .with("MATCHWATCH__ACCOUNT__0__NO_SIGN_REQUEST", "false")
            .with("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
            .with("AWS_SECRET_ACCESS_KEY", "secret");
        let report = check(&home).await;
        assert_eq!(report.code, Some(ends), "{:#?}", report.tried);
        let requests = server.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        assert!(requests[0].header("authorization").unwrap().contains("AKIAEXAMPLE"));
    }
    let home = Home::new(NOBODY, "")
        .with("MATCHWATCH__ACCOUNT__0__NO_SIGN_REQUEST", "false")
        .with("AWS_EC2_METADATA_DISABLED", "true");
    let report = check(&home).await;
    assert_eq!(report.code, Some(4), "{:#?}", report.tried);
    assert!(report.about("account main").contains("no credentials found"), "{:#?}", report.tried);
}

#[tokio::test]
async fn a_command_is_run_with_a_test_that_it_can_tell_from_a_job() {
    let service = Service::start().await;
    let notifier = "[[notifier]]\nname = \"run\"\ntype = \"command\"\n\
                    command = [\"/bin/sh\", \"-c\", \"cat > told; env > variables\"]\n";
    let home = Home::new(service.url(), notifier).with("MATCHWATCH_STATUS", "SUCCEEDED");
    let report = check(&home).await;
    assert_eq!(report.code, Some(0), "{:#?}", report.tried);
    let told: Value = serde_json::from_slice(&fs::read(home.file("told")).unwrap()).unwrap();
    assert_valid(&validator(&schema()), &told);
    let variables = fs::read_to_string(home.file("variables")).unwrap();
    let has = |line: &str| variables.lines().any(|known| known == line);
    assert!(has("MATCHWATCH_TEST=true") && has("MATCHWATCH_EVENT_TYPE=dev.matchwatch.test.v1"));
    assert!(!variables.contains("MATCHWATCH_STATUS"), "{variables}");
}

#[tokio::test]
async fn of_many_jobs_the_first_ten_are_asked_about() {
    let service = Service::start().await;
    let jobs: Vec<String> = (0..12).map(|_| service.job("customers")).collect();
    let ids: Vec<&str> = jobs.iter().map(String::as_str).collect();
    let report = check(&Home::new(service.url(), &watch("customers", &ids))).await;
    let line = report.about("watch customers in main");
    assert!(line.ends_with(": 10 QUEUED; 2 more were not asked about"), "{line}");
    assert_eq!(service.simulator.counts().of(GetMatchingJob, "ok"), 10);
}

#[tokio::test]
async fn a_daemon_that_runs_is_not_disturbed() {
    let service = Service::start().await;
    let job = service.job("customers");
    let home = Home::new(service.url(), &watch("customers", &[&job]));
    let mut daemon = home.serve().await;
    daemon.event().await;
    let report = check(&home).await;
    assert_eq!(report.code, Some(0), "{:#?}", report.tried);
    assert_eq!(report.about("store"), "  ok      store: jobs.db is sound");
    service.set(&job, Succeeded);
    assert_eq!(daemon.event().await["data"]["status"], "SUCCEEDED");
    assert_eq!(daemon.stop().await.stdout.len(), 2, "the test went nowhere near it");
}

#[tokio::test]
async fn without_online_nothing_is_sent_anywhere() {
    let (service, receiver) = (ScriptedServer::start([]).await, ScriptedServer::start([]).await);
    let configuration =
        watch("customers", &["0123456789abcdef0123456789abcdef"]) + &hook("hook", &receiver.url());
    let output = Home::new(&service.url(), &configuration).run(&["check"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!((service.connections(), receiver.connections()), (0, 0));
    assert!(!String::from_utf8(output.stdout).unwrap().contains("Tried"));
}

#[tokio::test]
async fn a_watch_that_finds_its_jobs_is_told_with_its_workflows() {
    let service = Service::start().await;
    let watches = "[[watch]]\nworkflow_name = \"custom*\"\n
        [[watch]]\nworkflow_name = \"orders-*\"\n
        [[watch]]\nworkflow_name = \"returns\"\n
        [[watch]]\nall = true\n";
    let report = check(&Home::new(service.url(), watches)).await;
    assert_eq!(
        report.about("watch custom* in main"),
        "  ok      watch custom* in main: follows 1 workflow, whose jobs can be listed: customers"
    );
    assert!(report.about("watch orders-* in main").contains("none of 2 workflows fits `orders-*`"));
    assert!(report.about("watch returns in main").starts_with("  FAILED"), "{:#?}", report.tried);
    let all = "follows 2 workflows, whose jobs can be listed: customers, suppliers";
    assert!(report.about("watch * in main").ends_with(all), "{:#?}", report.tried);
    assert_eq!(report.code, Some(5), "{:#?}", report.tried);
}
