//! `action.yml`: the composite action at the root of the repository, and the script that it runs.

use std::collections::BTreeSet;

use super::*;

const ACTION: &str = include_str!("../../../action.yml");
const SCRIPT: &str = include_str!("../../../scripts/github-action");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The script as the runner calls it, with these inputs, against this account.
fn action(account: &Account, inputs: &[(&str, &str)]) -> Command {
    let mut command = Command::new("bash");
    command
        .arg(format!("{ROOT}/scripts/github-action"))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_ENDPOINT_URL_ENTITYRESOLUTION", &account.url)
        .env("GITHUB_ACTION_PATH", ROOT)
        .env("INPUT_PROGRAM", env!("CARGO_BIN_EXE_matchwatch"))
        .env("INPUT_REGION", "eu-west-1")
        .env("INPUT_ARGUMENTS", "--no-sign-request\n--max-interval\n1s\n")
        .envs(inputs.iter().copied())
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true);
    command
}

impl Step {
    async fn act(&self, account: &Account, inputs: &[(&str, &str)]) -> Output {
        let mut command = action(account, inputs);
        command
            .env("GITHUB_OUTPUT", self.file("output"))
            .env("GITHUB_STEP_SUMMARY", self.file("summary"));
        ended(command).await
    }
}

#[tokio::test]
async fn with_a_workflow_the_action_starts_a_job_and_with_ids_it_waits() {
    let quick = "[[workflows]]\nname = \"customers\"\nduration = \"100ms\"\n";
    let account = Account::open_with(quick).await;
    let step = Step::new();
    let inputs = [("INPUT_WORKFLOW_NAME", "customers"), ("INPUT_TIMEOUT", "1m")];
    let output = step.act(&account, &inputs).await;
    assert_exit(&output, 0);
    let id = step.output("job-id").unwrap();
    assert_eq!(step.output("status").as_deref(), Some("SUCCEEDED"));

    let step = Step::new();
    let output = step.act(&account, &[("INPUT_JOB_ID", &format!("{id}\n  {id}\n"))]).await;
    assert_exit(&output, 0);
    assert_eq!(step.output("job-id"), Some(id));
    assert_eq!(account.simulator.jobs().len(), 1);
}

#[tokio::test]
async fn what_is_missing_from_its_inputs_is_an_annotation() {
    let account = Account::open().await;
    for (inputs, words) in [
        (&[][..], "give workflow-name"),
        (&[("INPUT_WORKFLOW_NAME", "customers"), ("INPUT_QUEUE", "yes")], "true or false"),
        (&[("INPUT_JOB_ID", "a"), ("INPUT_QUEUE", "true")], "queue is for a job that is started"),
        (&[("INPUT_JOB_ID", "a"), ("INPUT_JOB_TYPE", "BATCH")], "job-type is for a job that is"),
    ] {
        let output = Step::new().act(&account, inputs).await;
        assert_exit(&output, 2);
        assert!(annotations(stderr(&output))[0].message.contains(words), "{}", stderr(&output));
    }
    assert!(account.simulator.jobs().is_empty());
}

#[tokio::test]
async fn an_input_is_a_word_whatever_it_holds() {
    let account = Account::open().await;
    let name = "customers; touch pwned $(touch pwned) --quiet";
    let output = Step::new().act(&account, &[("INPUT_WORKFLOW_NAME", name)]).await;
    assert_exit(&output, 2);
    assert!(stderr(&output).contains("ValidationException"), "{}", stderr(&output));
}

/// The names below a key of the first level, two blanks in.
fn names(section: &str) -> BTreeSet<String> {
    let lines = ACTION.lines().skip_while(|line| *line != format!("{section}:")).skip(1);
    let lines = lines.take_while(|line| line.is_empty() || line.starts_with(' '));
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'));
    names.filter(|name| !name.starts_with(' ')).map(str::to_owned).collect()
}

#[test]
fn every_input_reaches_the_script_and_every_output_comes_from_the_step() {
    let inputs = names("inputs");
    assert!(inputs.len() > 5, "they are not read any more: {inputs:?}");
    for input in inputs {
        let variable = format!("INPUT_{}", input.to_uppercase().replace('-', "_"));
        assert!(ACTION.contains(&format!("{variable}: ${{{{ inputs.{input} }}}}\n")), "{input}");
        assert!(SCRIPT.contains(&variable), "{input}");
    }
    let outputs = names("outputs");
    assert!(outputs.len() > 5, "they are not read any more: {outputs:?}");
    for output in outputs {
        assert!(
            ACTION.contains(&format!("${{{{ steps.matchwatch.outputs.{output} }}}}\n")),
            "{output}"
        );
    }
}
