//! By which rule jobs would be asked about: the configuration's, and over it what the flags say.

use std::time::Duration;

use anyhow::anyhow;

use super::super::Failure;
use super::Args;
use crate::config::Polling;
use crate::domain::WorkflowKey;
use crate::duration;
use crate::watch::cadence::{CALL_WORTH, Limits};

/// What a call is worth, and between which delays the rule may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) call_worth: Duration,
    pub(super) limits: Limits,
}

/// A limit, and what its reader knows it by.
type Named = (Duration, &'static str);

impl Rule {
    /// As the flags say, and as it is shipped where they say nothing.
    pub(super) fn given(args: &Args) -> Result<Self, Failure> {
        let shipped = Limits::default();
        let min =
            flag(args.min_interval, "--min-interval").unwrap_or((shipped.shortest, "the default"));
        let max =
            flag(args.max_interval, "--max-interval").unwrap_or((shipped.longest, "the default"));
        check(min, max)?;
        let limits = Limits { shortest: min.0, longest: max.0 };
        Ok(Self { call_worth: args.call_worth.unwrap_or(CALL_WORTH), limits })
    }

    /// As `serve` would ask about a job of the workflow, if it were the only one of its account, where flags say nothing
    /// else.
    pub(super) fn configured(
        args: &Args,
        polling: &Polling,
        workflow: &WorkflowKey,
    ) -> Result<Self, Failure> {
        let mut config = polling.watch.clone();
        let min = flag(args.min_interval, "--min-interval")
            .unwrap_or((config.min_interval, "[poll] min_interval"));
        let max = flag(args.max_interval, "--max-interval")
            .unwrap_or((config.max_interval, "[poll] max_interval"));
        check(min, max)?;
        (config.min_interval, config.max_interval) = (min.0, max.0);
        Ok(Self {
            call_worth: args.call_worth.unwrap_or(config.call_worth),
            limits: config.limits_alone(polling.get_rate(&workflow.account)),
        })
    }
}

fn flag(value: Option<Duration>, name: &'static str) -> Option<Named> {
    value.map(|value| (value, name))
}

/// Whether there is something between the limits.
fn check((min, min_name): Named, (max, max_name): Named) -> Result<(), Failure> {
    if min <= max {
        return Ok(());
    }
    let (min, max) = (duration::display(min), duration::display(max));
    Err(Failure::usage(anyhow!("{min_name} {min} is longer than {max_name} {max}")))
}
