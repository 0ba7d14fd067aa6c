//! Logs: on standard error, text for people and JSON for collectors.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

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
        logs.json().flatten_event(true).with_current_span(false).with_span_list(false).init();
    } else {
        logs.with_ansi(io::stderr().is_terminal()).with_target(false).init();
    }
    Ok(())
}

/// Starts logging where the environment asks for it (`MATCHWATCH_LOG=debug`): for commands that have no configuration.
pub(super) fn start_from_environment() -> Result<(), ParseError> {
    match std::env::var("MATCHWATCH_LOG") {
        Ok(filter) => start(&LogSettings { filter, format: LogFormat::Auto }),
        Err(_) => Ok(()),
    }
}
