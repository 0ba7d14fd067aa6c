//! `matchwatch serve`: the daemon.

use std::io;

use anyhow::{Context, anyhow};
use tokio::net::TcpListener;

use super::config_args::ConfigArgs;
use super::signals::{Hangup, Signals};
use super::{Exit, Failure, logging};
use crate::app::Daemon;
use crate::config::{Loaded, Settings, StoreSettings};
use crate::deliver::Stop;

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
}

const AFTER_HELP: &str = "\
SIGTERM or SIGINT stops it: it asks no more, delivers what is due for up to [serve] shutdown_grace,
and exits 0; a second one stops it at once. What is undelivered goes out at the next start. SIGHUP
takes up another configuration; a wrong one is refused, and the one before runs on.

Where [http] listen is set, / is a status page; /api/accounts, /healthz, /readyz and /metrics are
for programs.

Exit codes:
  0    it was told to stop
  2    it cannot start: the error says why, and nothing was changed";

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let Loaded { settings, warnings } = args.config.load()?;
    logging::start(&settings.log).map_err(Failure::usage)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    if let StoreSettings::Sqlite(sqlite) = &settings.store
        && let Some(warning) = sqlite.disk_warning()
    {
        tracing::warn!("{warning}");
    }
    let mut signals = Signals::catch().context("catching signals").map_err(Failure::usage)?;
    let mut hangup = Hangup::catch().context("catching SIGHUP").map_err(Failure::usage)?;
    let read_settings = args.config.reader()?;
    let daemon = tokio::select! {
        built = Daemon::build(&settings, read_settings) => built.map_err(Failure::usage)?,
        // Told to stop while waiting for another process to let go of the database.
        _ = signals.received() => return Ok(Exit::Success),
    };
    let listener = match bind(&settings).await {
        Ok(listener) => listener,
        Err(failure) => {
            daemon.discard().await;
            return Err(failure);
        }
    };
    tell_what_runs(&settings, listener.as_ref());

    let stop = Stop::default();
    let told = stop.clone();
    let listening = async move {
        signals.received().await;
        told.drain.cancel();
        signals.received().await;
        tracing::warn!("told again: stopping at once");
        told.now.cancel();
        std::future::pending::<()>().await;
    };
    let reloader = daemon.reloader();
    let reloading = async move {
        loop {
            hangup.received().await;
            // The daemon says what comes of it.
            let _ = reloader.reload().await;
        }
    };
    tokio::select! {
        ended = daemon.run(listener, stop) => ended.map_err(Failure::usage)?,
        () = listening => {}
        () = reloading => {}
    }
    Ok(Exit::Success)
}

async fn bind(settings: &Settings) -> Result<Option<TcpListener>, Failure> {
    let Some(address) = settings.http_listen else { return Ok(None) };
    TcpListener::bind(address).await.map(Some).map_err(|error| {
        let advice = advice(error.kind());
        Failure::usage(anyhow!("cannot listen on {address} ([http] listen): {error}. {advice}"))
    })
}

/// What to do about an address that is not to be had.
const fn advice(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::AddrInUse => "Stop what listens there, or name another port",
        io::ErrorKind::AddrNotAvailable => {
            "Name an address of this machine, or 0.0.0.0 for all of them"
        }
        io::ErrorKind::PermissionDenied => {
            "Name a port above 1023, or give the process the capability CAP_NET_BIND_SERVICE"
        }
        _ => "Name another address",
    }
}

fn tell_what_runs(settings: &Settings, listener: Option<&TcpListener>) {
    let address = listener.and_then(|listener| listener.local_addr().ok());
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        accounts = settings.accounts.len(),
        watches = settings.watches.len(),
        jobs_named = settings.watches.iter().map(|watch| watch.job_ids.len()).sum::<usize>(),
        notifiers = settings.notifiers.len(),
        http = address.map(tracing::field::display),
        "watching"
    );
}
