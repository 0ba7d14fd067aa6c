//! The AWS CLI and boto3 against `matchwatch simulate`: it speaks the service's real wire format.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::{beside, program};

/// `matchwatch simulate`, which ends with the test.
pub(crate) struct Simulated {
    process: Child,
    stdout: BufReader<ChildStdout>,
    url: String,
}

impl Simulated {
    /// With the scenario beside these tests.
    pub(crate) fn start() -> Self {
        Self::of(&beside("simulator.toml"))
    }

    /// With a scenario of its own.
    pub(crate) fn of(scenario: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_matchwatch"))
            .args(["simulate", "--listen", "127.0.0.1:0", "--scenario"])
            .arg(scenario)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("matchwatch starts");
        let mut stdout = BufReader::new(process.stdout.take().expect("its stdout is piped"));
        let mut url = String::new();
        stdout.read_line(&mut url).expect("its stdout can be read");
        assert!(url.starts_with("http://127.0.0.1:"), "the first line is the URL, not {url:?}");
        Self { process, stdout, url: url.trim_end().to_owned() }
    }

    /// A program with nothing of this machine's AWS configuration in its environment.
    pub(crate) fn peer(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL_ENTITYRESOLUTION", &self.url)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_DEFAULT_REGION", "eu-west-1")
            .env("AWS_MAX_ATTEMPTS", "1");
        command
    }

    fn aws(&self, arguments: &str) -> Output {
        self.peer(program("aws"))
            .args(["--output", "json", "entityresolution"])
            .args(arguments.split_whitespace())
            .output()
            .expect("the AWS CLI starts")
    }

    /// What the CLI prints.
    pub(crate) fn told(&self, arguments: &str) -> Value {
        let output = self.aws(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "aws {arguments}: {stderr}");
        serde_json::from_slice(&output.stdout).expect("the CLI prints JSON")
    }

    /// Ends a job well, by the control path.
    fn end(&self, job_id: &str) {
        let send =
            "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], sys.argv[2].encode())";
        let path = format!("{}/_simulator/jobs/{job_id}/status", self.url);
        let status = self
            .peer(program("python"))
            .args(["-c", send, &path, r#"{"status": "SUCCEEDED"}"#])
            .status()
            .expect("Python starts");
        assert!(status.success());
    }

    /// What the CLI complains, which is an error of the service. Version 1 ends with 255 for those, version 2 with 254.
    fn complaint(&self, arguments: &str) -> String {
        let output = self.aws(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(255), "aws {arguments}: {stderr}");
        assert!(output.stdout.is_empty());
        stderr
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[track_caller]
fn boto3(case: &str) {
    let simulated = Simulated::start();
    let output = simulated
        .peer(program("python"))
        .arg(beside("boto3_simulator.py"))
        .args([&simulated.url, case])
        .output()
        .expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn boto3_reads_every_value_of_the_matching_operations() {
    boto3("matching_answers");
}

#[test]
fn boto3_reads_every_value_of_the_id_mapping_operations() {
    boto3("id_mapping_answers");
}

#[test]
fn boto3_paginators_read_every_list_to_its_end() {
    boto3("pages");
}

#[test]
fn boto3_raises_the_modelled_exception_for_every_wrong_request() {
    boto3("errors_of_requests");
}

#[test]
fn boto3_raises_every_modelled_exception_of_every_operation() {
    boto3("errors_of_the_service");
}

#[test]
fn boto3_meets_limits_and_denials_as_modelled_exceptions() {
    boto3("limits_and_denials");
}

#[test]
fn boto3_names_an_expired_token() {
    boto3("expired_token");
}

#[test]
fn the_aws_cli_reads_the_matching_operations() {
    let simulated = Simulated::start();
    let id = "0000000000000000000000000000000a";
    let job = simulated.told(&format!("get-matching-job --workflow-name customers --job-id {id}"));
    let wanted = json!({
        "jobId": id,
        "status": "SUCCEEDED",
        "startTime": 1_767_222_000.123,
        "endTime": 1_767_225_600.0,
        "metrics": {
            "inputRecords": 100,
            "totalRecordsProcessed": 95,
            "recordsNotProcessed": 3,
            "deleteRecordsProcessed": 2,
            "matchIDs": 60,
        },
        "outputSourceConfig": [{
            "roleArn": "arn:aws:iam::210987654321:role/Writer",
            "outputS3Path": "s3://results/customers/",
            "KMSArn": "arn:aws:kms:eu-west-1:210987654321:key/1",
        }],
    });
    assert_eq!(job, wanted);
    let jobs = simulated.told("list-matching-jobs --workflow-name customers");
    let statuses = ["QUEUED", "RUNNING", "FAILED", "SUCCEEDED"];
    assert_eq!(jobs["jobs"].as_array().map(Vec::len), Some(statuses.len()));
    for (job, status) in jobs["jobs"].as_array().into_iter().flatten().zip(statuses) {
        assert_eq!(job["status"], status);
    }
    let started = simulated.told("start-matching-job --workflow-name customers");
    assert_eq!(started["jobId"].as_str().map(str::len), Some(32));
    let workflows = simulated.told("list-matching-workflows");
    assert_eq!(workflows["workflowSummaries"][1]["workflowName"], "suppliers");
}

#[test]
fn the_aws_cli_reads_the_id_mapping_operations() {
    let simulated = Simulated::start();
    let id = "0000000000000000000000000000000e";
    let of = "--workflow-name households";
    let job = simulated.told(&format!("get-id-mapping-job {of} --job-id {id}"));
    assert_eq!(job["jobType"], "INCREMENTAL");
    assert_eq!(job["metrics"]["mappedTargetRecordsRemoved"], 15);
    assert_eq!(job["startTime"], 1_767_225_300.0);
    let jobs = simulated.told(&format!("list-id-mapping-jobs {of}"));
    assert_eq!(jobs["jobs"][0]["jobId"], id);
    let output = "roleArn=arn:aws:iam::210987654321:role/Writer,outputS3Path=s3://elsewhere/";
    let started = simulated.told(&format!(
        "start-id-mapping-job {of} --job-type DELETE_ONLY --output-source-config {output}"
    ));
    assert_eq!(started["jobType"], "DELETE_ONLY");
    assert_eq!(started["outputSourceConfig"][0]["outputS3Path"], "s3://elsewhere/");
    let workflows = simulated.told("list-id-mapping-workflows");
    assert_eq!(workflows["workflowSummaries"][0]["workflowName"], "households");
}

#[test]
fn the_aws_cli_follows_pages_by_itself() {
    let simulated = Simulated::start();
    let all = simulated.told("list-matching-jobs --workflow-name suppliers --page-size 20");
    assert_eq!(all["jobs"].as_array().map(Vec::len), Some(60));
}

#[test]
fn the_aws_cli_creates_and_deletes_workflows_of_both_kinds() {
    let simulated = Simulated::start();
    let table = "arn:aws:glue:eu-west-1:210987654321:table/lake/orders";
    let role = "arn:aws:iam::210987654321:role/Writer";
    let matching = format!(
        "--workflow-name orders --role-arn {role} --resolution-techniques resolutionType=ML_MATCHING \
         --input-source-config inputSourceARN={table},schemaName=orders \
         --output-source-config outputS3Path=s3://results/orders/,output=[{{name=id}}]"
    );
    let id_mapping = format!(
        "--workflow-name homes --role-arn {role} --id-mapping-techniques idMappingType=RULE_BASED \
         --input-source-config inputSourceARN={table},schemaName=orders,type=SOURCE \
         --output-source-config outputS3Path=s3://results/homes/"
    );
    for (family, name, arguments) in
        [("matching", "orders", matching), ("id-mapping", "homes", id_mapping)]
    {
        let created = simulated.told(&format!("create-{family}-workflow {arguments}"));
        let arn = created["workflowArn"].as_str().expect("an ARN");
        let resource = family.replace('-', "");
        assert!(arn.ends_with(&format!(":{resource}workflow/{name}")), "{arn}");
        assert_eq!(created["roleArn"], role);
        let again = simulated.complaint(&format!("create-{family}-workflow {arguments}"));
        assert!(again.contains("(ConflictException)"), "{again}");

        let of = format!("--workflow-name {name}");
        let started = simulated.told(&format!("start-{family}-job {of}"));
        let id = started["jobId"].as_str().expect("an id");
        let job = simulated.told(&format!("get-{family}-job {of} --job-id {id}"));
        let output = &job["outputSourceConfig"][0]["outputS3Path"];
        assert_eq!(output, &json!(format!("s3://results/{name}/")));
        let runs = simulated.complaint(&format!("delete-{family}-workflow {of}"));
        assert!(runs.contains("(ConflictException)"), "{runs}");

        simulated.end(id);
        let deleted = simulated.told(&format!("delete-{family}-workflow {of}"));
        assert!(deleted["message"].is_string(), "{deleted}");
        let gone = simulated.complaint(&format!("list-{family}-jobs {of}"));
        assert!(gone.contains("(ResourceNotFoundException)"), "{gone}");
    }
}

#[test]
fn the_aws_cli_names_the_error_and_the_operation() {
    let simulated = Simulated::start();
    let nobody = "0000000000000000000000000000000f";
    for (arguments, wanted) in [
        (
            format!("get-matching-job --workflow-name customers --job-id {nobody}"),
            "(ResourceNotFoundException) when calling the GetMatchingJob operation",
        ),
        (
            "get-matching-job --workflow-name customers --job-id 1".to_owned(),
            "(ValidationException) when calling the GetMatchingJob operation",
        ),
        (
            "list-id-mapping-jobs --workflow-name households --max-results 26".to_owned(),
            "(ValidationException) when calling the ListIdMappingJobs operation",
        ),
        (
            "start-matching-job --workflow-name nobody".to_owned(),
            "(ResourceNotFoundException) when calling the StartMatchingJob operation",
        ),
    ] {
        let complaint = simulated.complaint(&arguments);
        assert!(complaint.contains(wanted), "{complaint}");
    }
}

#[test]
fn the_simulator_ends_well_on_either_signal_and_says_nothing_more_on_stdout() {
    for signal in ["-TERM", "-INT"] {
        let mut simulated = Simulated::start();
        let id = simulated.process.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("kill starts");
        assert!(sent.success());
        assert_eq!(simulated.process.wait().expect("it ends").code(), Some(0), "{signal}");
        let mut more = String::new();
        simulated.stdout.read_line(&mut more).expect("its stdout can be read");
        assert_eq!(more, "");
    }
}

#[test]
fn a_bad_scenario_ends_the_simulator_before_it_listens() {
    let output = Command::new(env!("CARGO_BIN_EXE_matchwatch"))
        .args(["simulate", "--listen", "127.0.0.1:0", "--scenario"])
        .arg(beside("boto3_simulator.py"))
        .output()
        .expect("matchwatch starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("boto3_simulator.py") && stderr.contains("line 1"), "{stderr}");
}
