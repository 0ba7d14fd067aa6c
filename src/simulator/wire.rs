//! The API's rest-json: constraints on what comes in, shapes of what goes out.
//!
//! Members and constraints are those of the service's model, version 2018-05-10.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::job::{Job, JobType, Millis, Output};
use super::operation::Kind;
use super::refusal::Refusal;
use super::scenario::StartTimeMeans;
use super::world::Workflow;

/// Results on a page where the request says nothing, and the most that it may ask for.
const MAX_RESULTS: usize = 25;
const MAX_NAME: usize = 255;

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn is_token_byte(byte: u8) -> bool {
    is_name_byte(byte) || matches!(byte, b'=' | b'+' | b'/')
}

/// The model's EntityName.
pub(super) fn is_entity_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(is_name_byte)
}

/// The model's JobId.
pub(super) fn is_job_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The model's S3Path.
pub(super) fn is_s3_path(text: &str) -> bool {
    let Some(path) = text.strip_prefix("s3://") else { return false };
    let bucket = path.split('/').next().unwrap_or_default().as_bytes();
    let at_the_ends = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= 1_024
        && (3..=63).contains(&bucket.len())
        && bucket.iter().all(|byte| at_the_ends(byte) || matches!(byte, b'.' | b'-'))
        && bucket.first().is_some_and(at_the_ends)
        && bucket.last().is_some_and(at_the_ends)
}

/// The model's RoleArn.
pub(super) fn is_role_arn(text: &str) -> bool {
    let Some((account, role)) =
        text.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(":role"))
    else {
        return false;
    };
    let is_role_byte = |byte| is_token_byte(byte) || matches!(byte, b',' | b'.' | b'@');
    (32..=512).contains(&text.len())
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && !role.trim_start_matches('/').is_empty()
        && role.bytes().all(is_role_byte)
}

/// The model's KMSArn.
pub(super) fn is_kms_arn(text: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    let starts_well = parts.by_ref().take(3).eq(["arn", "aws", "kms"]);
    let account = parts.by_ref().nth(1).unwrap_or_default();
    starts_well
        && !account.is_empty()
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && parts.next().is_some()
}

/// Checks the label `workflowName`: ID mapping takes an ARN too, and a few characters more.
pub(super) fn check_workflow_name(kind: Kind, name: &str) -> Result<(), Refusal> {
    let refuse = |constraint| Err(Refusal::constraint("workflowName", name, constraint));
    match kind {
        Kind::Matching if name.len() > MAX_NAME => refuse("have length less than or equal to 255"),
        Kind::Matching if !is_entity_name(name) => {
            refuse("satisfy regular expression pattern: [a-zA-Z_0-9-]*")
        }
        Kind::IdMapping if !name.bytes().all(is_token_byte) && !is_workflow_arn(kind, name) => {
            refuse(
                "satisfy regular expression pattern: [a-zA-Z_0-9-=+/]*$|^arn:(aws|aws-us-gov|aws-cn):entityresolution:[a-z]{2}-[a-z]{1,10}-[0-9]:[0-9]{12}:(idmappingworkflow/[a-zA-Z_0-9-]{1,255})",
            )
        }
        _ => Ok(()),
    }
}

/// Whether the text is an ARN of a workflow. Region and account are compared with the workflow's later.
fn is_workflow_arn(kind: Kind, text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let &["arn", partition, "entityresolution", _, _, resource] = parts.as_slice() else {
        return false;
    };
    matches!(partition, "aws" | "aws-us-gov" | "aws-cn")
        && resource
            .split_once('/')
            .is_some_and(|(resource, name)| resource == kind.resource() && is_entity_name(name))
}

/// Checks the label `jobId`.
pub(super) fn check_job_id(id: &str) -> Result<(), Refusal> {
    if is_job_id(id) {
        return Ok(());
    }
    let constraint = "satisfy regular expression pattern: [a-f0-9]{32}";
    Err(Refusal::constraint("jobId", id, constraint))
}

/// What a StartIdMappingJob asks for.
#[derive(Debug, Default)]
pub(super) struct StartRequest {
    pub(super) job_type: Option<JobType>,
    pub(super) output: Option<Output>,
}

/// Reads the body of a StartIdMappingJob. Unknown members are ignored, as the service ignores them.
pub(super) fn read_start_request(body: &[u8]) -> Result<StartRequest, Refusal> {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Body {
        job_type: Option<String>,
        output_source_config: Option<Vec<OutputSource>>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct OutputSource {
        role_arn: Option<String>,
        #[serde(rename = "outputS3Path")]
        output_s3_path: Option<String>,
        #[serde(rename = "KMSArn")]
        kms_arn: Option<String>,
    }

    if body.is_empty() {
        return Ok(StartRequest::default());
    }
    let body: Body = serde_json::from_slice(body)
        .map_err(|error| Refusal::serialization(format!("The body cannot be read: {error}")))?;
    let job_type = body
        .job_type
        .map(|text| {
            serde_json::from_value(Value::from(text.as_str())).map_err(|_| {
                let values = "satisfy enum value set: [BATCH, INCREMENTAL, DELETE_ONLY]";
                Refusal::constraint("jobType", &text, values)
            })
        })
        .transpose()?;
    let output = match body.output_source_config {
        None => None,
        Some(mut sources) => match (sources.pop(), sources.is_empty()) {
            (Some(source), true) => Some(source),
            (source, _) => {
                let found = format!("{} items", sources.len() + usize::from(source.is_some()));
                return Err(Refusal::constraint("outputSourceConfig", &found, "have length 1"));
            }
        },
    };
    let output = output
        .map(|OutputSource { role_arn, output_s3_path, kms_arn }| {
            let required = |member: &str, value: Option<String>| {
                let member = format!("outputSourceConfig.1.member.{member}");
                value.ok_or_else(|| Refusal::constraint(&member, "null", "not be null"))
            };
            let output = Output {
                role_arn: required("roleArn", role_arn)?,
                s3_path: required("outputS3Path", output_s3_path)?,
                kms_arn,
            };
            output.check().map_err(Refusal::invalid)?;
            Ok(output)
        })
        .transpose()?;
    Ok(StartRequest { job_type, output })
}

/// The part of a list that a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) max_results: usize,
    /// How many entries, counted from the stable end of the list, lie behind the page's start.
    pub(super) from: Option<usize>,
}

impl Page {
    /// Reads `maxResults` and `nextToken` from a query string. `list` names the list, so that a token of
    /// another one is refused.
    pub(super) fn read(query: Option<&str>, list: &str) -> Result<Self, Refusal> {
        let mut page = Self { max_results: MAX_RESULTS, from: None };
        let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        for (name, value) in pairs {
            match name {
                "maxResults" => page.max_results = read_max_results(value)?,
                "nextToken" => page.from = Some(read_token(value, list)?),
                _ => {}
            }
        }
        Ok(page)
    }
}

/// The model sets no minimum for workflows; 0 is refused all the same, for it makes an endless pagination.
fn read_max_results(text: &str) -> Result<usize, Refusal> {
    let refuse = |constraint| Refusal::constraint("maxResults", text, constraint);
    let value: i64 = text.parse().map_err(|_| refuse("be a number"))?;
    let value = usize::try_from(value)
        .ok()
        .filter(|value| *value >= 1)
        .ok_or_else(|| refuse("have value greater than or equal to 1"))?;
    if value > MAX_RESULTS {
        return Err(refuse("have value less than or equal to 25"));
    }
    Ok(value)
}

/// The token of a page of `list`: opaque to clients, hexadecimal so that no client has to escape it.
pub(super) fn token(list: &str, from: usize) -> String {
    format!("{list}:{from}").bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn read_token(text: &str, list: &str) -> Result<usize, Refusal> {
    let decode = || {
        let bytes: Option<Vec<u8>> = text
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect();
        let decoded = String::from_utf8(bytes?).ok()?;
        let (named, from) = decoded.rsplit_once(':')?;
        if named == list { from.parse().ok() } else { None }
    };
    decode().ok_or_else(|| Refusal::invalid("The nextToken is invalid."))
}

/// Epoch seconds with a fraction of milliseconds.
#[expect(clippy::cast_precision_loss, reason = "exact for the next 285,000 years")]
fn time(millis: Millis) -> Value {
    json!(millis as f64 / 1_000.0)
}

fn start_time(job: &Job, means: StartTimeMeans) -> Millis {
    match means {
        StartTimeMeans::Submitted => job.submitted_at,
        StartTimeMeans::Running => job.began_at.unwrap_or(job.submitted_at),
    }
}

/// A JobSummary.
pub(super) fn job_summary(job: &Job, means: StartTimeMeans) -> Value {
    let mut shape = json!({
        "jobId": job.id,
        "status": job.status.as_str(),
        "startTime": time(start_time(job, means)),
    });
    if let Some(ended_at) = job.ended_at {
        shape["endTime"] = time(ended_at);
    }
    shape
}

/// What GetMatchingJob and GetIdMappingJob answer.
pub(super) fn job(job: &Job, kind: Kind, means: StartTimeMeans) -> Value {
    let mut shape = job_summary(job, means);
    if let Some(metrics) = &job.metrics {
        let in_order = kind.metric_names().iter().filter_map(|name| {
            let count = metrics.get(*name)?;
            Some(((*name).to_owned(), json!(count)))
        });
        shape["metrics"] = Value::Object(in_order.collect());
    }
    if let Some(message) = &job.error_message {
        shape["errorDetails"] = json!({ "errorMessage": message });
    }
    shape["outputSourceConfig"] = output_source_config(&job.output);
    if let Some(job_type) = job.job_type {
        shape["jobType"] = json!(job_type);
    }
    shape
}

/// What StartMatchingJob and StartIdMappingJob answer.
pub(super) fn started(job: &Job, kind: Kind) -> Value {
    let mut shape = json!({ "jobId": job.id });
    if kind == Kind::IdMapping {
        shape["outputSourceConfig"] = output_source_config(&job.output);
        shape["jobType"] = json!(job.job_type);
    }
    shape
}

fn output_source_config(output: &Output) -> Value {
    let mut source = json!({ "roleArn": output.role_arn, "outputS3Path": output.s3_path });
    if let Some(key) = &output.kms_arn {
        source["KMSArn"] = json!(key);
    }
    json!([source])
}

/// A MatchingWorkflowSummary or an IdMappingWorkflowSummary.
pub(super) fn workflow_summary(workflow: &Workflow) -> Value {
    let mut shape = json!({
        "workflowName": workflow.spec.name,
        "workflowArn": workflow.arn,
        "createdAt": time(workflow.created_at),
        "updatedAt": time(workflow.created_at),
    });
    if workflow.spec.kind == Kind::Matching {
        shape["resolutionType"] = json!(workflow.spec.resolution_type.as_str());
    }
    shape
}

/// A page of a list.
pub(super) fn list(member: &str, entries: Vec<Value>, next_token: Option<String>) -> Value {
    let mut shape = Map::new();
    shape.insert(member.to_owned(), Value::Array(entries));
    if let Some(token) = next_token {
        shape.insert("nextToken".to_owned(), json!(token));
    }
    Value::Object(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_ids_and_paths_are_held_to_the_services_model() {
        assert!(is_entity_name("Customers_360-eu") && !is_entity_name("a/b"));
        assert!(!is_entity_name("") && !is_entity_name(&"a".repeat(256)));
        assert!(is_job_id(&"0a".repeat(16)) && !is_job_id(&"0A".repeat(16)));
        assert!(is_s3_path("s3://bucket/a/b/") && is_s3_path("s3://a.b"));
        assert!(!is_s3_path("s3://Bucket/") && !is_s3_path("bucket") && !is_s3_path("s3://-a-/"));
        assert!(is_role_arn("arn:aws:iam::123456789012:role/writer"));
        assert!(!is_role_arn("arn:aws:iam::12345:role/a-writer-of-output"));
        assert!(is_kms_arn("arn:aws:kms:eu-west-1:123456789012:key/1"));
        assert!(!is_kms_arn("arn:aws:kms:eu-west-1:key/1"));
    }

    #[test]
    fn id_mapping_takes_an_arn_where_matching_takes_a_name_only() {
        let arn = "arn:aws:entityresolution:us-east-1:123456789012:idmappingworkflow/households";
        assert!(check_workflow_name(Kind::IdMapping, arn).is_ok());
        assert!(check_workflow_name(Kind::Matching, arn).is_err());
        assert!(check_workflow_name(Kind::IdMapping, &arn.replace("idm", "m")).is_err());
    }

    #[test]
    fn a_token_leads_back_into_its_own_list_only() {
        let query = format!("maxResults=7&nextToken={}", token("customers", 42));
        let page = Page { max_results: 7, from: Some(42) };
        assert_eq!(Page::read(Some(&query), "customers"), Ok(page));
        assert!(Page::read(Some(&query), "suppliers").is_err());
        assert!(Page::read(Some("nextToken=zz"), "customers").is_err());
        assert!(Page::read(Some("nextToken=%C3%A4"), "customers").is_err());
    }

    #[test]
    fn pages_hold_1_to_25_results_and_25_by_default() {
        fn page(query: Option<&str>) -> Result<usize, Refusal> {
            Page::read(query, "x").map(|page| page.max_results)
        }
        assert_eq!(page(None), Ok(25));
        assert_eq!(page(Some("maxResults=1")), Ok(1));
        for refused in ["0", "26", "-1", "many", ""] {
            assert!(page(Some(&format!("maxResults={refused}"))).is_err(), "{refused}");
        }
    }

    #[test]
    fn times_are_numbers_with_a_fraction_of_milliseconds() {
        assert_eq!(time(1_700_000_000_123).to_string(), "1700000000.123");
    }

    #[test]
    fn a_start_request_may_say_nothing_and_must_not_say_nonsense() {
        assert!(read_start_request(b"").is_ok() && read_start_request(b"{}").is_ok());
        let code = |body: &[u8]| read_start_request(body).unwrap_err().code;
        assert_eq!(code(b"{"), "SerializationException");
        assert_eq!(code(br#"{"jobType":"SOME"}"#), "ValidationException");
        assert_eq!(code(br#"{"outputSourceConfig":[]}"#), "ValidationException");
        assert_eq!(code(br#"{"outputSourceConfig":[{}]}"#), "ValidationException");
        assert_eq!(code(br#"{"outputSourceConfig":[{},{}]}"#), "ValidationException");
    }
}
