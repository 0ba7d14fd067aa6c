//! `matchwatch events redeliver`

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::anyhow;
use uuid::Uuid;

use crate::app::{self, OutboxError};
use crate::cli::config_args::ConfigArgs;
use crate::cli::daemon_address::{DaemonAddress, reachable};
use crate::cli::listing::{Format, json_lines, print};
use crate::cli::{Exit, Failure, tell};
use crate::clock::{Clock as _, SystemClock};
use crate::domain::{Redelivered, Redelivery};
use crate::http::{self, NotDone};
use crate::store::StoreError;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Events to send again, to all whom they were for
    #[arg(value_name = "EVENT_ID", required_unless_present = "dead", conflicts_with = "dead")]
    event_ids: Vec<Uuid>,

    /// Send all dead letters again
    #[arg(long)]
    dead: bool,

    /// Of the dead letters, only those to this notifier
    #[arg(long, value_name = "NAME", requires = "dead", conflicts_with = "event_ids")]
    notifier: Option<Arc<str>>,

    #[command(flatten)]
    config: ConfigArgs,

    #[command(flatten)]
    daemon: DaemonAddress,

    /// How it is printed
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let outbox = args.config.load_outbox()?;
    let request = match args.dead {
        true => Redelivery::Dead { notifier: args.notifier },
        false => Redelivery::Events(args.event_ids),
    };
    let (done, sender) = match app::redeliver(&outbox, &request, SystemClock.now()).await {
        Ok(done) => (done, "the next `serve` sends them"),
        // A daemon works on it: that one is asked.
        Err(OutboxError::Store(StoreError::Locked { path })) => {
            let address = args.daemon.given().or(outbox.http_listen.map(reachable));
            let address = address.ok_or_else(|| nobody_to_ask(&path))?;
            (ask(address, &request, &path).await?, "they are on their way")
        }
        Err(error) => return Err(Failure::usage(error)),
    };
    print(&match args.output {
        Format::Json => json_lines([&done]),
        Format::Text => text(&done, sender),
    })?;
    if done.unknown.is_empty() {
        return Ok(Exit::Success);
    }
    let unknown: Vec<String> = done.unknown.iter().map(Uuid::to_string).collect();
    let error = anyhow!("not in the database: {}", unknown.join(", "));
    Err(Failure { exit: Exit::NotFound, error })
}

async fn ask(
    address: SocketAddr,
    request: &Redelivery,
    database: &str,
) -> Result<Redelivered, Failure> {
    http::ask_redelivery(address, request).await.map_err(|error| match error {
        NotDone::Silent { .. } => Failure {
            exit: Exit::Unreachable,
            error: anyhow::Error::new(error).context(format!(
                "database {database} is in use, and the daemon that should have it does not answer: say where it \
                 listens with --address"
            )),
        },
        NotDone::Refused { .. } => Failure::usage(error),
    })
}

fn nobody_to_ask(database: &str) -> Failure {
    Failure::usage(anyhow!(
        "database {database} is in use by a daemon that cannot be asked: [http] listen is not set. Set it and restart \
         the daemon; or stop the daemon, do this, and start it again"
    ))
}

fn text(done: &Redelivered, sender: &str) -> String {
    if done.without_notifier > 0 {
        tell(format_args!(
            "{} left as they are: their notifier is not in the configuration",
            deliveries(done.without_notifier)
        ));
    }
    match done.redelivered {
        0 => "nothing to send again\n".to_owned(),
        count => format!("{} to be made again: {sender}\n", deliveries(count)),
    }
}

fn deliveries(count: u64) -> String {
    format!("{count} {}", if count == 1 { "delivery" } else { "deliveries" })
}
