//! The daemon as `serve` wires it, with its budget lifted.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use matchwatch::app::Daemon;
use matchwatch::config::{self, Loaded};
use matchwatch::deliver::Stop;
use tokio::time::sleep;

use crate::asked;
use crate::round::{Begun, Round};
use crate::{POLLS, WARM_UP};

/// Far beyond what one process can send.
const LIFTED: f64 = 1e6;

/// Watches all jobs as fast as it can. Its database is in `folder`.
pub(crate) fn measure(url: &str, folder: &Path) -> anyhow::Result<Round> {
    // As serve logs, but that nobody reads it.
    tracing_subscriber::fmt().json().with_env_filter("info").with_writer(io::sink).init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(url, folder))
}

async fn run(url: &str, folder: &Path) -> anyhow::Result<Round> {
    let mut loaded = config::parse("bench", &configuration(url, folder), [])?;
    let poll = &mut loaded.settings.watch;
    poll.get_rate = LIFTED;
    // Every job is due as soon as it has answered.
    poll.call_worth = Duration::from_nanos(1);
    poll.min_interval = Duration::from_millis(1);
    let Loaded { settings, .. } = loaded.clone();
    let daemon = Daemon::build(&settings, Arc::new(move || Ok(loaded.clone()))).await?;
    let metrics = daemon.metrics().clone();
    let answers = metrics.requests.with_label_values(&["main", "GetMatchingJob", "ok"]);
    let stop = Stop::default();
    let running = tokio::spawn(daemon.run(None, stop.clone()));
    let reach = async |count| {
        while answers.get() < count {
            sleep(Duration::from_millis(5)).await;
        }
    };
    // By then each job's first answer is recorded.
    reach(asked::JOBS as u64 + WARM_UP).await;
    let begun = Begun::after(answers.get())?;
    reach(asked::JOBS as u64 + WARM_UP + POLLS).await;
    let round = begun.end(answers.get())?;
    stop.drain.cancel();
    running.await??;
    Ok(round)
}

fn configuration(url: &str, folder: &Path) -> String {
    let database = folder.join("matchwatch.db");
    let mut text = format!(
        "[store]\npath = {database:?}\n\
         [[account]]\nname = \"main\"\nregion = \"us-east-1\"\nendpoint_url = \"{url}\"\n\
         [[notifier]]\nname = \"nobody\"\ntype = \"stdout\"\nstatuses = [\"FAILED\"]\n"
    );
    let jobs: Vec<_> = asked::jobs().collect();
    for of_workflow in jobs.chunk_by(|(one, _), (other, _)| one == other) {
        let ids: Vec<_> = of_workflow.iter().map(|(_, job_id)| job_id).collect();
        let workflow = &of_workflow[0].0;
        // A list of strings is written in TOML as Rust prints it.
        let _ = write!(text, "[[watch]]\nworkflow_name = \"{workflow}\"\njob_ids = {ids:?}\n");
    }
    text
}
