//! What a plan shows, whatever it is drawn with.

use std::time::Duration;

use serde_json::{Value, json};

use crate::watch::cadence::{Eta, Forecast, Limits, Plan, RunTimes};

/// How far a plan goes where no run is known.
const NEVER_SEEN_UNTIL: Duration = Duration::from_hours(1);

/// A plan beside another, and what each costs.
#[derive(Debug)]
pub(super) struct Sketch {
    /// As they were learned from, oldest first.
    pub(super) past: Vec<Duration>,
    pub(super) run_times: RunTimes,
    pub(super) call_worth: Duration,
    pub(super) limits: Limits,
    /// How far it is drawn. The plans go on, for the jobs that few have been like.
    pub(super) until: Duration,
    pub(super) learned: Plan,
    /// The fixed interval beside it.
    pub(super) interval: Duration,
    pub(super) fixed: Plan,
}

impl Sketch {
    pub(super) fn of(
        past: &[Duration],
        run_times: RunTimes,
        call_worth: Duration,
        limits: Limits,
        interval: Duration,
    ) -> Self {
        let planned = run_times.longest_known().unwrap_or(NEVER_SEEN_UNTIL);
        let until = run_times.longest_usual().unwrap_or(NEVER_SEEN_UNTIL);
        Self {
            past: past[past.len() - run_times.runs()..].to_vec(),
            learned: Plan::learned(&run_times, call_worth, limits, planned),
            fixed: Plan::fixed(interval, planned),
            run_times,
            call_worth,
            limits,
            until,
            interval,
        }
    }

    /// How long jobs usually run; none where no run is known.
    pub(super) fn usual(&self) -> Option<Eta> {
        self.run_times.eta(Duration::ZERO)
    }

    /// What a plan costs; none where no run is known.
    pub(super) fn forecast(&self, plan: &Plan) -> Option<Forecast> {
        plan.forecast(&self.run_times)
    }

    /// One document, in seconds. What is not known is left out.
    pub(super) fn json(&self) -> Value {
        let mut document = json!({
            "runs": self.run_times.runs(),
            "callWorthSeconds": seconds(self.call_worth),
            "minIntervalSeconds": seconds(self.limits.shortest),
            "maxIntervalSeconds": seconds(self.limits.longest),
        });
        if let Some(usual) = self.usual() {
            document["runTimeSeconds"] = json!({
                "p10": seconds(usual.p10),
                "p50": seconds(usual.p50),
                "p90": seconds(usual.p90),
            });
        }
        document["askedAtSeconds"] =
            self.learned.asked_at.iter().map(|asked_at| seconds(*asked_at)).collect();
        document["learned"] = json!({});
        document["fixed"] = json!({ "intervalSeconds": seconds(self.interval) });
        for (name, plan) in [("learned", &self.learned), ("fixed", &self.fixed)] {
            if let Some(forecast) = self.forecast(plan) {
                document[name]["delaySeconds"] = seconds(forecast.delay).into();
                document[name]["delayP95Seconds"] = seconds(forecast.delay_p95).into();
                document[name]["calls"] = thousandths(forecast.calls).into();
                document[name]["costSeconds"] = thousandths(forecast.cost(self.call_worth)).into();
            }
        }
        document
    }
}

fn seconds(duration: Duration) -> f64 {
    thousandths(duration.as_secs_f64())
}

fn thousandths(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}
