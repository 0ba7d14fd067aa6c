//! What the operator asked for: TOML and environment in, validated settings out, all errors at once.
//!
//! Embedded defaults < the file < `MATCHWATCH__SECTION__KEY` in the environment. Flags come last, and belong to
//! the command that has them.
//!
//! - `sources`, `tree`: text in, one tree of values out, each of which knows where it was written.
//! - `section`, `value`, `adapter`: tools that read keys and tell what is wrong with them.
//! - `document`, `accounts`, `watches`, `notifiers`, `filters`: which keys there are, and what they mean.
//! - `problem`, `syntax`, `suggest`: how it is told.

mod accounts;
mod adapter;
mod alarms;
mod document;
mod filters;
mod names;
mod notifiers;
mod problem;
mod section;
mod settings;
mod sources;
mod suggest;
mod syntax;
mod tree;
mod value;
mod watches;

use std::net::SocketAddr;
use std::path::Path;

pub use problem::{Problem, Problems};
pub use settings::{
    AccountSettings, DiscoverySettings, Followed, LogFormat, LogSettings, NotifierAdapter,
    NotifierSettings, Outbox, Polling, Settings, StoreSettings, WatchSettings,
};
pub use tree::PREFIX as ENVIRONMENT_PREFIX;

use problem::Findings;
use section::Section;
use sources::Sources;

/// A configuration that can be run.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What it says.
    pub settings: Settings,
    /// What may be a mistake.
    pub warnings: Vec<Problem>,
}

/// Reads the file at `path` and lays over it what `environment` says in `MATCHWATCH__…`.
///
/// Secrets are looked up, to tell a missing one now, and not kept.
///
/// # Errors
///
/// All that is wrong, at once.
pub fn load(
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded, Problems> {
    let (file, text) = read_file(path)?;
    parse(&file, &text, environment)
}

/// The same for text that is already read; `file` is what messages call it.
///
/// # Errors
///
/// As [`load`].
pub fn parse(
    file: &str,
    text: &str,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded, Problems> {
    let (settings, warnings) = read(file, text, environment, document::settings)?;
    Ok(Loaded { settings, warnings })
}

/// Reads only which jobs are followed, and in which accounts.
///
/// # Errors
///
/// What is wrong with that.
pub fn load_followed(
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Followed, Problems> {
    let (file, text) = read_file(path)?;
    read(&file, &text, environment, document::followed).map(|(followed, _)| followed)
}

/// Reads only where the daemon listens.
///
/// # Errors
///
/// What is wrong with that.
pub fn load_listen(
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Option<SocketAddr>, Problems> {
    let (file, text) = read_file(path)?;
    read(&file, &text, environment, document::listen).map(|(listen, _)| listen)
}

/// Reads only where events wait, who works on them and for whom.
///
/// # Errors
///
/// What is wrong with that.
pub fn load_outbox(
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Outbox, Problems> {
    let (file, text) = read_file(path)?;
    read(&file, &text, environment, document::outbox).map(|(outbox, _)| outbox)
}

/// Reads only when jobs are asked about, and where it is kept what was learned of them.
///
/// # Errors
///
/// What is wrong with that.
pub fn load_polling(
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Polling, Problems> {
    let (file, text) = read_file(path)?;
    read(&file, &text, environment, document::polling).map(|(polling, _)| polling)
}

/// The file's text, and what messages call it.
fn read_file(path: &Path) -> Result<(String, String), Problems> {
    let file = path.display().to_string();
    let text = std::fs::read(path)
        .map_err(|error| problem::unreadable(&error))
        .and_then(|bytes| String::from_utf8(bytes).map_err(|error| problem::not_utf8(&error)));
    match text {
        Ok(text) => Ok((file, text)),
        Err(problem) => Err(Problems::of_file(&file, problem)),
    }
}

/// Reads what `part` asks for, with the warnings about it.
fn read<T>(
    file: &str,
    text: &str,
    environment: impl IntoIterator<Item = (String, String)>,
    part: impl FnOnce(Section<'_>) -> T,
) -> Result<(T, Vec<Problem>), Problems> {
    let environment: Vec<_> = environment.into_iter().collect();
    let mut sources = Sources::new(file, text);
    let overrides = tree::overrides(&environment, &mut sources);
    let (mut tree, errors) = tree::parse(text);
    let findings = Findings::new(&sources);
    syntax::report(errors, &findings);
    tree::overlay(&mut tree, overrides, &findings);
    let read = part(Section::root(tree, &findings));
    findings.conclude(read)
}
