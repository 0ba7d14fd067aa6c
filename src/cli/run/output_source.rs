//! Where an ID mapping job writes, as the AWS CLI has it: in shorthand, or as JSON.

use serde_json::Value;

use crate::domain::OutputSource;

/// Reads `roleArn=…,outputS3Path=…`, a JSON object, or a JSON list of one.
pub(super) fn parse(text: &str) -> Result<OutputSource, String> {
    let text = text.trim();
    let output = if text.starts_with(['{', '[']) { from_json(text) } else { from_shorthand(text) }?;
    for (name, value) in [("roleArn", &output.role_arn), ("outputS3Path", &output.output_s3_path)] {
        if value.as_deref().is_none_or(str::is_empty) {
            return Err(format!("{name} is missing"));
        }
    }
    Ok(output)
}

fn from_shorthand(text: &str) -> Result<OutputSource, String> {
    let mut output = OutputSource::default();
    for pair in text.split(',') {
        let (name, value) =
            pair.split_once('=').ok_or_else(|| format!("{pair:?} is no name=value"))?;
        put(&mut output, name.trim(), value)?;
    }
    Ok(output)
}

fn from_json(text: &str) -> Result<OutputSource, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    let object = match value {
        Value::Array(mut outputs) if outputs.len() == 1 => outputs.remove(0),
        other => other,
    };
    let Value::Object(members) = object else {
        return Err("write one JSON object: the service takes one output".to_owned());
    };
    let mut output = OutputSource::default();
    for (name, value) in &members {
        let value = value.as_str().ok_or_else(|| format!("{name} is no text"))?;
        put(&mut output, name, value)?;
    }
    Ok(output)
}

fn put(output: &mut OutputSource, name: &str, value: &str) -> Result<(), String> {
    let member = match name {
        "roleArn" => &mut output.role_arn,
        "outputS3Path" => &mut output.output_s3_path,
        "KMSArn" => &mut output.kms_arn,
        _ => return Err(format!("{name:?} is none of roleArn, outputS3Path and KMSArn")),
    };
    match member.replace(value.to_owned()) {
        None => Ok(()),
        Some(_) => Err(format!("{name} is there twice")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shorthand_and_json_say_the_same() {
        let short =
            parse("roleArn=arn:aws:iam::1:role/w,outputS3Path=s3://b/=x/,KMSArn=arn:k").unwrap();
        let long =
            r#"{"roleArn":"arn:aws:iam::1:role/w","outputS3Path":"s3://b/=x/","KMSArn":"arn:k"}"#;
        assert_eq!(parse(long).unwrap(), short);
        assert_eq!(parse(&format!("[{long}]")).unwrap(), short);
        assert_eq!(short.output_s3_path.as_deref(), Some("s3://b/=x/"));
    }

    #[test]
    fn what_is_missing_or_too_much_is_named() {
        for (text, words) in [
            ("roleArn=a", "outputS3Path is missing"),
            ("outputS3Path=s3://b/,roleArn=", "roleArn is missing"),
            ("roleArn=a,roleArn=b,outputS3Path=c", "twice"),
            ("roleArn=a,outputS3Path=c,kmsArn=d", "kmsArn"),
            ("s3://b/", "name=value"),
            ("{\"roleArn\":1}", "no text"),
            ("[{},{}]", "one output"),
            ("{", "not JSON"),
        ] {
            let refusal = parse(text).unwrap_err();
            assert!(refusal.contains(words), "{text}: {refusal}");
        }
    }
}
