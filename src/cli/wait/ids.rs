//! Job ids from the command line and standard input.

use std::io::Read;
use std::sync::Arc;

use anyhow::{Context, bail};
use serde_json::Value;

/// Reads the ids given as flags; `-` stands for those on standard input. Each id comes once.
pub(super) fn read(flags: &[String], mut stdin: impl Read) -> anyhow::Result<Vec<Arc<str>>> {
    let mut ids = Vec::new();
    for flag in flags {
        if flag == "-" {
            let mut text = String::new();
            stdin.read_to_string(&mut text).context("reading job ids from standard input")?;
            ids.extend(parse(&text).context("standard input")?);
        } else {
            ids.push(flag.trim().to_owned());
        }
    }
    if ids.iter().any(String::is_empty) {
        bail!(
            "--job-id is empty: give the id that start-matching-job or start-id-mapping-job printed"
        );
    }
    let mut unique: Vec<Arc<str>> = Vec::new();
    for id in ids {
        if !unique.iter().any(|known| **known == *id) {
            unique.push(id.into());
        }
    }
    Ok(unique)
}

/// Reads ids: JSON as start-matching-job and start-id-mapping-job print it (one document or several), JSON strings and
/// arrays of them, or words.
fn parse(text: &str) -> anyhow::Result<Vec<String>> {
    let mut ids = Vec::new();
    if text.trim_start().starts_with(['{', '[', '"']) {
        for document in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
            collect(&document.context("not JSON")?, &mut ids)?;
        }
    } else {
        ids.extend(text.split_whitespace().map(str::to_owned));
    }
    if ids.is_empty() {
        bail!("no job id found");
    }
    Ok(ids)
}

fn collect(value: &Value, ids: &mut Vec<String>) -> anyhow::Result<()> {
    match value {
        Value::String(id) => ids.push(id.clone()),
        Value::Array(values) => {
            for value in values {
                collect(value, ids)?;
            }
        }
        Value::Object(fields) => match fields.get("jobId") {
            Some(Value::String(id)) => ids.push(id.clone()),
            _ => bail!(
                "a JSON object without \"jobId\": pipe in what start-matching-job or start-id-mapping-job prints"
            ),
        },
        other => bail!("{other} is no job id"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_stdin(text: &str) -> anyhow::Result<Vec<String>> {
        let ids = read(&["-".to_owned()], text.as_bytes())?;
        Ok(ids.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_start_matching_job_prints_is_understood() {
        assert_eq!(from_stdin("{\n    \"jobId\": \"abc\"\n}\n").unwrap(), ["abc"]);
        assert_eq!(from_stdin("{\"jobId\":\"abc\"}{\"jobId\":\"def\"}").unwrap(), ["abc", "def"]);
    }

    #[test]
    fn what_start_id_mapping_job_prints_is_understood() {
        let printed = r#"{
            "jobId": "abc",
            "outputSourceConfig": [{ "roleArn": "arn:role", "outputS3Path": "s3://bucket/" }],
            "jobType": "BATCH"
        }"#;
        assert_eq!(from_stdin(printed).unwrap(), ["abc"]);
    }

    #[test]
    fn words_lines_strings_and_arrays_are_understood() {
        assert_eq!(from_stdin("abc\ndef ghi\n").unwrap(), ["abc", "def", "ghi"]);
        assert_eq!(from_stdin("\"abc\"\n").unwrap(), ["abc"]);
        assert_eq!(from_stdin("[\"abc\", {\"jobId\": \"def\"}]").unwrap(), ["abc", "def"]);
    }

    #[test]
    fn an_id_given_twice_is_waited_for_once() {
        let flags = ["abc".to_owned(), "-".to_owned(), "abc".to_owned()];
        assert_eq!(read(&flags, "abc".as_bytes()).unwrap().len(), 1);
    }

    #[test]
    fn what_holds_no_id_is_refused() {
        for text in ["", "  \n", "{}", "[]", "[1]", "{\"jobId\": 1}", "{\"jobId\""] {
            assert!(from_stdin(text).is_err(), "{text}");
        }
        assert!(read(&[String::new()], "".as_bytes()).is_err());
    }
}
