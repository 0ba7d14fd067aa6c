//! `matchwatch completions`: the scripts, and the shells that read them.

use std::process::Output;

use tokio::process::Command;

use crate::wait::{assert_exit, bare, ended, stderr, stdout};

async fn completions(shell: &str) -> Output {
    ended(bare("completions", &[shell])).await
}

#[tokio::test]
async fn each_shell_has_a_script_that_knows_the_commands_and_their_flags() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = completions(shell).await;
        assert_exit(&output, 0);
        assert_eq!(stderr(&output), "", "{shell}");
        for word in ["matchwatch", "redeliver", "max-unprocessed", "id-mapping"] {
            assert!(stdout(&output).contains(word), "{word} of {shell}");
        }
    }
}

#[tokio::test]
async fn bash_completes_commands_flags_and_their_values() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("matchwatch.bash");
    std::fs::write(&script, completions("bash").await.stdout).unwrap();
    for (words, completed) in [
        ("matchwatch wa", "wait"),
        ("matchwatch events redel", "redeliver"),
        ("matchwatch run --min-m", "--min-match-ids"),
        ("matchwatch wait --kind id", "id-mapping"),
    ] {
        // What bash does for the Tab key.
        let typed = format!(
            "set -eu; source '{}'; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             function=$(complete -p matchwatch | sed 's/.*-F \\([^ ]*\\).*/\\1/'); \
             \"$function\" matchwatch \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            script.display()
        );
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", &typed]);
        let output = ended(bash).await;
        assert_exit(&output, 0);
        assert_eq!(stdout(&output), format!("{completed}\n"), "{words}");
    }
}

#[tokio::test]
async fn a_shell_that_is_not_known_is_exit_2_and_those_that_are_are_named() {
    let output = completions("csh").await;
    assert_exit(&output, 2);
    assert!(stderr(&output).contains("bash, elvish, fish, powershell, zsh"), "{}", stderr(&output));
}

#[tokio::test]
async fn a_script_that_cannot_be_written_is_exit_2() {
    let mut command = bare("completions", &["bash"]);
    command.stdout(std::fs::File::create("/dev/full").unwrap());
    let child = command.spawn().unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert_exit(&output, 2);
    assert!(stderr(&output).contains("No space left"), "{}", stderr(&output));
}
