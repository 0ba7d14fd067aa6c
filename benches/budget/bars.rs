//! What must hold.

use serde_json::{Value, json};

use super::outcome::Row;

/// A figure and the most that it may be.
pub(crate) struct Bar {
    name: String,
    most: f64,
    is: f64,
    /// It must be less than that.
    strictly: bool,
}

impl Bar {
    fn at_most(name: impl Into<String>, most: f64, is: f64) -> Self {
        Self { name: name.into(), most, is, strictly: false }
    }

    fn below(name: impl Into<String>, most: f64, is: f64) -> Self {
        Self { strictly: true, ..Self::at_most(name, most, is) }
    }

    pub(crate) fn is_met(&self) -> bool {
        if self.strictly { self.is < self.most } else { self.is <= self.most }
    }

    pub(crate) fn print(&self) {
        let met = if self.is_met() { "" } else { "  MISSED" };
        println!("{:<66} {:>9.2} {:>9.2}{met}", self.name, self.most, self.is);
    }

    pub(crate) fn json(&self) -> Value {
        let round = |value: f64| (value * 1_000.0).round() / 1_000.0;
        json!({ "bar": self.name, "at_most": round(self.most), "is": round(self.is) })
    }
}

pub(crate) fn of(
    listed: &Row,
    denied: &Row,
    turns: &Row,
    standard: &Row,
    adaptive: &Row,
) -> Vec<Bar> {
    let mut bars: Vec<Bar> = [(50, 1.2), (95, 2.2), (99, 2.5)]
        .map(|(share, most)| {
            Bar::at_most(format!("with lists: p{share}, s"), most, listed.percentile(share))
        })
        .into();
    bars.push(Bar::at_most(
        "lists denied: p95 over perfect turns",
        1.15,
        denied.percentile(95) / turns.percentile(95),
    ));
    bars.push(Bar::at_most(
        "lists denied: requests over boto3's, adaptive",
        1.1,
        denied.requests() / adaptive.requests(),
    ));
    for ours in [listed, denied] {
        let bar = |what: &str, is| Bar::at_most(format!("{}: {what}", ours.name), 0.0, is);
        // The bursts that a pacer allows itself are smaller than those that the service allows.
        bars.push(bar("throttled in the first 30 s", ours.throttled_early() as f64));
        bars.push(Bar::at_most(
            format!("{}: share throttled after 30 s", ours.name),
            0.01,
            ours.throttled_later(),
        ));
        bars.push(bar("errors surfaced", ours.errors() as f64));
        for theirs in [standard, adaptive] {
            for share in [50, 95, 99] {
                bars.push(Bar::below(
                    format!("{}: p{share}, beside {}", ours.name, theirs.name),
                    theirs.percentile(share),
                    ours.percentile(share),
                ));
            }
        }
    }
    for theirs in [standard, adaptive] {
        bars.push(Bar::below(
            format!("{}: requests, beside {}", listed.name, theirs.name),
            theirs.requests(),
            listed.requests(),
        ));
    }
    bars
}
