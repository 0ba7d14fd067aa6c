//! Logs: on standard error, text for people and JSON for collectors.

use std::io::{self, IsTerminal};

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{ParseError, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{LogFormat, LogSettings};

/// Starts logging for the rest of the process.
pub(super) fn start(settings: &LogSettings) -> Result<(), ParseError> {
    let filter = EnvFilter::builder().parse(&settings.filter)?;
    // Where nobody reads the logs any more, the work goes on all the same.
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .log_internal_errors(false);
    let json = match settings.format {
        LogFormat::Auto => !io::stderr().is_terminal(),
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    if json {
        let logs = logs.json().flatten_event(true).with_current_span(false).with_span_list(false);
        logs.finish().with(filter_fn(shows_no_secret)).init();
    } else {
        let logs = logs.with_ansi(io::stderr().is_terminal()).with_target(false);
        logs.finish().with(filter_fn(shows_no_secret)).init();
    }
    Ok(())
}

/// Libraries print whole requests and answers at level `trace`: credentials, tokens and signatures too. That is
/// never logged, whatever the filter asks for.
fn shows_no_secret(line: &Metadata<'_>) -> bool {
    let is_ours = line.target().split("::").next() == Some(env!("CARGO_CRATE_NAME"));
    is_ours || *line.level() <= Level::DEBUG
}

/// Starts logging where the environment asks for it (`MATCHWATCH_LOG=debug`): for commands that have no configuration.
pub(super) fn start_from_environment() -> Result<(), ParseError> {
    match std::env::var("MATCHWATCH_LOG") {
        Ok(filter) => start(&LogSettings { filter, format: LogFormat::Auto }),
        Err(_) => Ok(()),
    }
}
