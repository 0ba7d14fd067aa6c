//! `matchwatch check --online`: what was tried, one line each.

use std::io::Write as _;

use crate::app::{Inspection, MissingPermission, Subject, TroubleKind, Verdict};
use crate::cli::{Exit, Failure};
use crate::config::Settings;
use crate::domain::JobKind;

/// Tries all of it, and says how it went. The worst decides how the command ends.
pub(super) async fn report(settings: &Settings) -> Result<Exit, Failure> {
    let inspection = Inspection::begin(settings).map_err(Failure::usage)?;
    say("Tried now:")?;
    let Outcome { exit, tried, failed, .. } = follow(inspection).await?;
    if failed > 0 {
        crate::cli::tell(format_args!("matchwatch: {failed} of {tried} things do not work"));
    }
    Ok(exit)
}

/// What came of an inspection.
pub(in crate::cli) struct Outcome {
    /// How the command ends.
    pub(in crate::cli) exit: Exit,
    pub(in crate::cli) tried: usize,
    pub(in crate::cli) failed: usize,
    /// In the order in which they were found.
    pub(in crate::cli) missing: Vec<MissingPermission>,
}

/// Says of each thing how it went, as soon as that is known.
pub(in crate::cli) async fn follow(mut inspection: Inspection) -> Result<Outcome, Failure> {
    let mut outcome = Outcome { exit: Exit::Success, tried: 0, failed: 0, missing: Vec::new() };
    while let Some((subject, verdict)) = inspection.next().await {
        say(&line(&subject, &verdict))?;
        outcome.tried += usize::from(!matches!(verdict, Verdict::NothingToTry(_)));
        if let Verdict::Fails(trouble) = verdict {
            outcome.failed += 1;
            outcome.exit = outcome.exit.worse(exit_of(trouble.kind));
            outcome.missing.extend(trouble.missing.map(|missing| *missing));
        }
    }
    Ok(outcome)
}

/// A notifier that fails has a code of its own, and a mild one: it says that AWS is well, and what is wrong beyond
/// that only the line tells.
const fn exit_of(kind: TroubleKind) -> Exit {
    match kind {
        TroubleKind::Configuration => Exit::Usage,
        TroubleKind::Access => Exit::AccessDenied,
        TroubleKind::NotFound => Exit::NotFound,
        TroubleKind::NoAnswer => Exit::Unreachable,
        TroubleKind::NotTold => Exit::Failed,
    }
}

fn line(subject: &Subject, verdict: &Verdict) -> String {
    let subject = match subject {
        Subject::Store => "store".to_owned(),
        Subject::Clock => "clock".to_owned(),
        Subject::Permission { operation, workflows, account } => {
            format!("{operation} on {workflows} in {account}")
        }
        Subject::Account(name) => format!("account {name}"),
        Subject::Watch { kind: JobKind::Matching, workflow_name, account } => {
            format!("watch {workflow_name} in {account}")
        }
        Subject::Watch { kind, workflow_name, account } => {
            format!("watch {workflow_name} ({kind}) in {account}")
        }
        Subject::Notifier(name) => format!("notifier {name}"),
    };
    match verdict {
        Verdict::Works(seen) => format!("  ok      {subject}: {seen}"),
        Verdict::NothingToTry(why) => format!("  -       {subject}: {why}"),
        Verdict::Fails(trouble) => format!("  FAILED  {subject}: {trouble}"),
    }
}

/// Says a line at once: the next may take its time.
fn say(line: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(Failure::usage)
}
