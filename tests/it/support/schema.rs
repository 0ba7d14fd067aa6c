//! What docs/events.md says an event is.

use jsonschema::Validator;
use serde_json::Value;

/// The JSON blocks of docs/events.md.
fn json_blocks() -> Vec<Value> {
    include_str!("../../../docs/events.md")
        .split("```json\n")
        .skip(1)
        .map(|rest| serde_json::from_str(rest.split("```").next().unwrap()).unwrap())
        .collect()
}

/// The JSON Schema of an event.
pub(crate) fn schema() -> Value {
    let mut schemas = json_blocks().into_iter().filter(|block| block.get("$schema").is_some());
    schemas.next().expect("docs/events.md holds the schema")
}

/// The events that the page shows.
pub(crate) fn examples() -> Vec<Value> {
    json_blocks().into_iter().filter(|block| block.get("specversion").is_some()).collect()
}

pub(crate) fn validator(schema: &Value) -> Validator {
    jsonschema::options().should_validate_formats(true).build(schema).unwrap()
}

#[track_caller]
pub(crate) fn assert_valid(validator: &Validator, instance: &Value) {
    let errors: Vec<_> =
        validator.iter_errors(instance).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{instance:#}");
}
