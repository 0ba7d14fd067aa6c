//! What CreateMatchingWorkflow and CreateIdMappingWorkflow ask for. The simulator heeds the name, the resolution type and
//! where jobs write; the rest is held to the model where clients could get it wrong, and said again.

use serde_json::{Map, Value};

use super::job::Output;
use super::operation::Kind;
use super::refusal::Refusal;
use super::spec::{ResolutionType, WorkflowSpec};
use super::wire;

/// The members of the answer, in the order of the service's model.
const fn members(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Matching => &[
            "workflowName",
            "workflowArn",
            "description",
            "inputSourceConfig",
            "outputSourceConfig",
            "resolutionTechniques",
            "incrementalRunConfig",
            "roleArn",
        ],
        Kind::IdMapping => &[
            "workflowName",
            "workflowArn",
            "description",
            "inputSourceConfig",
            "outputSourceConfig",
            "idMappingTechniques",
            "incrementalRunConfig",
            "roleArn",
        ],
    }
}

/// Members that must be there.
const fn required(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Matching => &[
            "workflowName",
            "inputSourceConfig",
            "outputSourceConfig",
            "resolutionTechniques",
            "roleArn",
        ],
        Kind::IdMapping => &["workflowName", "inputSourceConfig", "idMappingTechniques"],
    }
}

/// The workflow that a body describes, and the answer, whose ARN is still empty. Unknown members are ignored, as the
/// service ignores them.
pub(super) fn read(kind: Kind, body: &[u8]) -> Result<(WorkflowSpec, Map<String, Value>), Refusal> {
    let body: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|error| Refusal::serialization(format!("The body cannot be read: {error}")))?;
    for member in required(kind) {
        if body.get(*member).is_none_or(Value::is_null) {
            return Err(Refusal::constraint(member, "null", "not be null"));
        }
    }
    let name = text(&body, "workflowName");
    if !wire::is_entity_name(name) {
        let pattern = "satisfy regular expression pattern: [a-zA-Z_0-9-]*";
        return Err(Refusal::constraint("workflowName", name, pattern));
    }
    let inputs = list(&body, "inputSourceConfig");
    if !(1..=20).contains(&inputs.len()) {
        let found = format!("{} items", inputs.len());
        return Err(Refusal::constraint("inputSourceConfig", &found, "have length from 1 to 20"));
    }
    let mut spec = WorkflowSpec::of(kind, name);
    match kind {
        Kind::Matching => spec.resolution_type = resolution_type(&body)?,
        Kind::IdMapping => {
            one_of(&body, "idMappingTechniques", "idMappingType", &["PROVIDER", "RULE_BASED"])?;
        }
    }
    spec.output = output(&body)?;
    let mut shape = Map::new();
    for member in members(kind) {
        match body.get(*member).filter(|_| *member != "workflowArn") {
            Some(value) => drop(shape.insert((*member).to_owned(), value.clone())),
            None if *member == "workflowArn" => {
                shape.insert((*member).to_owned(), Value::Null);
            }
            None => {}
        }
    }
    Ok((spec, shape))
}

fn text<'b>(body: &'b Map<String, Value>, member: &str) -> &'b str {
    body.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn list<'b>(body: &'b Map<String, Value>, member: &str) -> &'b [Value] {
    body.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn resolution_type(body: &Map<String, Value>) -> Result<ResolutionType, Refusal> {
    let known =
        [ResolutionType::RuleMatching, ResolutionType::MlMatching, ResolutionType::Provider];
    let names = known.map(ResolutionType::as_str);
    let given = one_of(body, "resolutionTechniques", "resolutionType", &names)?;
    Ok(known.into_iter().find(|known| known.as_str() == given).unwrap_or_default())
}

/// The value of `member` in the structure `of`, which is one of these.
fn one_of<'b>(
    body: &'b Map<String, Value>,
    of: &str,
    member: &str,
    values: &[&str],
) -> Result<&'b str, Refusal> {
    let given = body.get(of).and_then(|of| of.get(member)?.as_str());
    given.filter(|given| values.contains(given)).ok_or_else(|| {
        let constraint = format!("satisfy enum value set: [{}]", values.join(", "));
        Refusal::constraint(&format!("{of}.{member}"), given.unwrap_or("null"), &constraint)
    })
}

/// Where its jobs write, where both a path and a role say it.
fn output(body: &Map<String, Value>) -> Result<Option<Output>, Refusal> {
    let sources = list(body, "outputSourceConfig");
    if body.contains_key("outputSourceConfig") && sources.len() != 1 {
        let found = format!("{} items", sources.len());
        return Err(Refusal::constraint("outputSourceConfig", &found, "have length 1"));
    }
    let role_arn = text(body, "roleArn");
    let Some(path) = sources.first().and_then(|source| source.get("outputS3Path")?.as_str()) else {
        return Ok(None);
    };
    if role_arn.is_empty() {
        return Ok(None);
    }
    let kms_arn = sources.first().and_then(|source| source.get("KMSArn")?.as_str());
    let output = Output {
        role_arn: role_arn.to_owned(),
        s3_path: path.to_owned(),
        kms_arn: kms_arn.map(ToOwned::to_owned),
    };
    output.check().map_err(Refusal::invalid)?;
    Ok(Some(output))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn matching() -> Value {
        json!({
            "workflowName": "customers",
            "inputSourceConfig": [{ "inputSourceARN": "arn:aws:glue:eu-west-1:123456789012:table/a/b", "schemaName": "s" }],
            "outputSourceConfig": [{ "outputS3Path": "s3://results/customers/", "output": [{ "name": "id" }] }],
            "resolutionTechniques": { "resolutionType": "ML_MATCHING" },
            "roleArn": "arn:aws:iam::123456789012:role/Writer",
        })
    }

    fn refusal(kind: Kind, body: &Value) -> &'static str {
        read(kind, body.to_string().as_bytes()).unwrap_err().code
    }

    #[test]
    fn a_workflow_is_made_as_described_and_said_again_in_the_order_of_the_model() {
        let (spec, shape) = read(Kind::Matching, matching().to_string().as_bytes()).unwrap();
        assert_eq!((&*spec.name, spec.resolution_type), ("customers", ResolutionType::MlMatching));
        assert_eq!(spec.output.unwrap().s3_path, "s3://results/customers/");
        let names: Vec<_> = shape.keys().map(String::as_str).collect();
        let wanted = [
            "workflowName",
            "workflowArn",
            "inputSourceConfig",
            "outputSourceConfig",
            "resolutionTechniques",
            "roleArn",
        ];
        assert_eq!(names, wanted);
    }

    #[test]
    fn what_the_model_forbids_is_refused() {
        for member in required(Kind::Matching) {
            let mut body = matching();
            body.as_object_mut().unwrap().remove(*member);
            assert_eq!(refusal(Kind::Matching, &body), "ValidationException", "{member}");
        }
        for (member, value) in [
            ("workflowName", json!("no spaces")),
            ("inputSourceConfig", json!([])),
            ("outputSourceConfig", json!([{}, {}])),
            ("outputSourceConfig", json!([{ "outputS3Path": "results" }])),
            ("resolutionTechniques", json!({ "resolutionType": "GUESSING" })),
        ] {
            let mut body = matching();
            body[member] = value;
            assert_eq!(refusal(Kind::Matching, &body), "ValidationException", "{member}");
        }
        assert_eq!(refusal(Kind::IdMapping, &matching()), "ValidationException");
        assert_eq!(read(Kind::Matching, b"{").unwrap_err().code, "SerializationException");
    }
}
