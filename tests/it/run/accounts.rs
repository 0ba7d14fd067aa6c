//! A configuration with several accounts: in whose a job is started, and what is asked of it.

use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

/// Two accounts, and a configuration with these watches.
struct Accounts {
    one: Account,
    two: Account,
    folder: TempDir,
}

impl Accounts {
    async fn watched_by(watches: &str) -> Self {
        let (one, two) = (Account::open_with(QUICK).await, Account::open_with(QUICK).await);
        let folder = tempfile::tempdir().unwrap();
        let accounts = [("one", &one.url), ("two", &two.url)].map(|(name, url)| {
            format!(
                "[[account]]\nname = {name:?}\nregion = \"eu-west-1\"\nno_sign_request = true\nendpoint_url = {url:?}\n"
            )
        });
        std::fs::write(folder.path().join("matchwatch.toml"), accounts.concat() + watches).unwrap();
        Self { one, two, folder }
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("matchwatch.toml")
    }

    fn run(&self) -> Command {
        let mut command = bare("run", &["--workflow-name", "customers", "--config"]);
        command.arg(self.config());
        command
    }
}

#[tokio::test]
async fn a_job_is_started_where_a_watch_names_its_workflow_and_judged_by_that_watch_alone() {
    let accounts = Accounts::watched_by(
        "[[watch]]\naccount = \"one\"\nall = true\n\
         [[watch]]\naccount = \"two\"\nworkflow_name = \"customers\"\nmin_match_ids = 1000\n",
    )
    .await;
    let output = ended(accounts.run()).await;
    assert_exit(&output, 7);
    assert_eq!((job_ids(&accounts.one).len(), job_ids(&accounts.two).len()), (0, 1));

    let id = &job_ids(&accounts.two)[0];
    let mut wait = bare("wait", &["--workflow-name", "customers", "--job-id", id, "--config"]);
    wait.arg(accounts.config());
    assert_exit(&ended(wait).await, 7);
}

#[tokio::test]
async fn where_no_watch_names_the_workflow_the_account_whose_pattern_fits_it_is_meant() {
    let accounts = Accounts::watched_by(
        "[[watch]]\naccount = \"one\"\nworkflow_name = \"suppliers\"\n\
         [[watch]]\naccount = \"two\"\nworkflow_name = \"cust*\"\n",
    )
    .await;
    assert_exit(&ended(accounts.run()).await, 0);
    assert_eq!((job_ids(&accounts.one).len(), job_ids(&accounts.two).len()), (0, 1));
}

#[tokio::test]
async fn where_nothing_says_which_account_is_meant_no_job_is_started() {
    let two =
        "[[watch]]\naccount = \"one\"\nall = true\n[[watch]]\naccount = \"two\"\nall = true\n";
    let none = "[[watch]]\naccount = \"one\"\nworkflow_name = \"suppliers\"\n";
    for (watches, words) in [
        (two, "the accounts one and two both have a watch for workflow customers"),
        (
            none,
            "no watch of the configuration names workflow customers, and it has the accounts one, two",
        ),
    ] {
        let accounts = Accounts::watched_by(watches).await;
        let output = ended(accounts.run()).await;
        assert_exit(&output, 2);
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
        assert!(stderr(&output).contains("say which by --account"), "{}", stderr(&output));
        assert!(job_ids(&accounts.one).is_empty() && job_ids(&accounts.two).is_empty());
    }
}
