//! `matchwatch alarms`: what is not as it should be, as the database knows it.

use clap::Subcommand;
use jiff::Timestamp;
use serde::Serialize;

use super::config_args::ConfigArgs;
use super::listing::{Format, SubjectColumns, json_lines, plain, print, second, table};
use super::{Exit, Failure};
use crate::domain::{Alarm, AlarmFacts, AlarmName};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the alarms that are open
    List(List),
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    config: ConfigArgs,

    /// Only alarms of this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,

    /// How it is printed
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

/// An alarm, as JSON: what its event tells.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AlarmRow<'a> {
    alarm: AlarmName,
    raised_at: Timestamp,
    message: &'a str,
    region: &'a str,
    #[serde(flatten)]
    subject: SubjectColumns<'a>,
    #[serde(flatten)]
    facts: &'a AlarmFacts,
}

impl<'a> From<&'a Alarm> for AlarmRow<'a> {
    fn from(alarm: &'a Alarm) -> Self {
        Self {
            alarm: alarm.key.name,
            raised_at: alarm.raised_at,
            message: &alarm.message,
            region: &alarm.region,
            subject: (&alarm.key.subject).into(),
            facts: &alarm.facts,
        }
    }
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let Command::List(List { config, account, output }) = args.command;
    let mut view = config.look_inside().await?;
    let open = view.open_alarms(account.as_deref()).await.map_err(Failure::usage)?;
    print(&match output {
        Format::Json => json_lines(open.iter().map(AlarmRow::from)),
        Format::Text if open.is_empty() => "no alarm is open\n".to_owned(),
        Format::Text => text(&open),
    })?;
    Ok(Exit::Success)
}

fn text(open: &[Alarm]) -> String {
    let rows: Vec<_> = open.iter().map(row).collect();
    table(["RAISED", "ALARM", "ACCOUNT", "WORKFLOW", "JOB", "MESSAGE"], &rows)
}

fn row(Alarm { key, raised_at, message, .. }: &Alarm) -> [String; 6] {
    let subject = &key.subject;
    [
        second(*raised_at),
        key.name.to_string(),
        plain(subject.account()),
        plain(subject.workflow_name().map_or("-", |name| name)),
        plain(subject.job_id().map_or("-", |id| id)),
        plain(message),
    ]
}
