//! `matchwatch doctor`

use std::collections::BTreeMap;
use std::io::Write as _;

use serde_json::{Value, json};

use super::check::online::{Outcome, follow};
use super::config_args::ConfigArgs;
use super::{Exit, Failure};
use crate::app::{Inspection, MissingPermission};

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
}

const AFTER_HELP: &str = "\
Each line says of one thing whether it works. What a policy lacks follows, as IAM statements to
paste. Each notifier is sent a test event (type dev.matchwatch.test.v1). No job is started and
nothing is changed.

Exit codes:
  0    all is well
  1    a notifier cannot deliver
  2    the configuration or the clock is wrong, or the database cannot be used
  4    credentials or access
  5    a watched workflow is not there
  6    AWS gives no answer
With several the worst counts: 2, 4, 5, 6, 1.

MATCHWATCH_LOG=debug in the environment shows each request on standard error.";

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let loaded = args.config.load()?;
    for warning in &loaded.warnings {
        super::tell(format_args!("warning: {warning}"));
    }
    super::logging::start_from_environment().map_err(Failure::usage)?;
    let diagnosis = Inspection::diagnose(&loaded.settings).map_err(Failure::usage)?;
    let Outcome { exit, tried, failed, missing } = follow(diagnosis).await?;
    std::io::stdout().write_all(prescription(&missing).as_bytes()).map_err(Failure::usage)?;
    match failed {
        0 => super::tell(format_args!("matchwatch: all is well")),
        1 => super::tell(format_args!("matchwatch: 1 of {tried} things does not work")),
        _ => super::tell(format_args!("matchwatch: {failed} of {tried} things do not work")),
    }
    Ok(exit)
}

/// A policy for each principal that lacks something.
fn prescription(missing: &[MissingPermission]) -> String {
    let mut principals: Vec<(&str, Vec<&MissingPermission>)> = Vec::new();
    for permission in missing {
        match principals.iter_mut().find(|(principal, _)| *principal == permission.principal) {
            Some((_, lacking)) => lacking.push(permission),
            None => principals.push((&permission.principal, vec![permission])),
        }
    }
    let policies = principals.iter().map(|(principal, lacking)| {
        format!("\nWhat the policy of {principal} lacks:\n{:#}\n", policy(lacking))
    });
    policies.collect()
}

/// One statement for all resources that lack the same actions.
fn policy(lacking: &[&MissingPermission]) -> Value {
    let mut actions_on: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for permission in lacking {
        let actions = actions_on.entry(&permission.resource).or_default();
        if !actions.contains(&&*permission.action) {
            actions.push(&permission.action);
        }
    }
    let mut statements: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
    for (resource, mut actions) in actions_on {
        actions.sort_unstable();
        statements.entry(actions).or_default().push(resource);
    }
    let statements: Vec<_> = statements
        .iter()
        .map(|(actions, resources)| {
            json!({ "Effect": "Allow", "Action": actions, "Resource": resources })
        })
        .collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(principal: &str, action: &str, resource: &str) -> MissingPermission {
        let (principal, action) = (principal.to_owned(), action.to_owned());
        MissingPermission { principal, action, resource: resource.to_owned() }
    }

    #[test]
    fn each_principal_gets_a_policy_and_resources_that_lack_the_same_share_a_statement() {
        let told = prescription(&[
            missing("account a", "er:List", "one"),
            missing("account a", "er:Get", "one"),
            missing("account a", "er:Get", "two"),
            missing("account a", "er:List", "two"),
            missing("account b", "er:List", "*"),
        ]);
        let policies: Vec<_> = told.split("What the policy of ").skip(1).collect();
        let [a, b] = policies[..] else { panic!("{told}") };
        let (name, a) = a.split_once(" lacks:\n").unwrap();
        assert_eq!(name, "account a");
        let a: Value = serde_json::from_str(a).unwrap();
        assert_eq!(
            a["Statement"],
            json!([{ "Effect": "Allow", "Action": ["er:Get", "er:List"], "Resource": ["one", "two"] }])
        );
        assert!(b.starts_with("account b lacks:"), "{b}");
    }
}
