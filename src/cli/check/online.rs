//! `matchwatch check --online`: what was tried, one line each.

use std::io::Write as _;

use crate::app::{Inspection, Subject, TroubleKind, Verdict};
use crate::cli::{Exit, Failure};
use crate::config::Settings;
use crate::domain::JobKind;

/// Tries all of it, and says how it went. The worst decides how the command ends.
pub(super) async fn report(settings: &Settings) -> Result<Exit, Failure> {
    let mut inspection = Inspection::begin(settings).map_err(Failure::usage)?;
    say("Tried now:")?;
    let (mut exit, mut tried, mut failed) = (Exit::Success, 0, 0);
    while let Some((subject, verdict)) = inspection.next().await {
        say(&line(&subject, &verdict))?;
        tried += usize::from(!matches!(verdict, Verdict::NothingToTry(_)));
        if let Verdict::Fails(trouble) = verdict {
            failed += 1;
            exit = exit.worse(exit_of(trouble.kind));
        }
    }
    if failed > 0 {
        crate::cli::tell(format_args!("matchwatch: {failed} of {tried} things do not work"));
    }
    Ok(exit)
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
