//! What must hold.

use serde_json::json;

use super::judge::{Change, Row, thousandths};
use super::workload::Shape;

/// A figure and the most that it may be.
pub(crate) struct Bar {
    name: String,
    most: f64,
    is: f64,
}

impl Bar {
    pub(crate) fn is_met(&self) -> bool {
        self.is <= self.most
    }

    pub(crate) fn print(&self) {
        let met = if self.is_met() { "" } else { "  MISSED" };
        println!("{:<66} {:>6.2} {:>7.3}{met}", self.name, self.most, self.is);
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        json!({ "bar": self.name, "at_most": self.most, "is": thousandths(self.is) })
    }
}

pub(crate) fn of(rows: &[Row], changes: &[Change]) -> Vec<Bar> {
    let bar = |name: &str, most, is| Bar { name: name.to_owned(), most, is };
    let learned: Vec<&Row> =
        rows.iter().filter(|row| row.truth.shape != Shape::ColdStart).collect();
    let stationary: Vec<&Row> = rows.iter().filter(|row| row.truth.shape.is_stationary()).collect();
    let at_an_hour: Vec<&Row> =
        learned.iter().copied().filter(|row| row.truth.mean == 3_600.0).collect();
    let over_best_fixed = |wanted: &dyn Fn(Shape) -> bool| {
        let wanted = rows.iter().filter(|row| wanted(row.truth.shape));
        most(wanted.map(Row::over_best_fixed))
    };
    let usual = [Shape::Lognormal03, Shape::TwoPeaked];
    let others = |shape: Shape| {
        !usual.contains(&shape) && !matches!(shape, Shape::Lognormal01 | Shape::ColdStart)
    };
    let settled =
        changes.iter().filter_map(|change| change.since.iter().find(|(jobs, _)| *jobs == 10));
    let agreement = rows.iter().map(|row| (row.optimum_cost / row.optimum.cost() - 1.0).abs());
    vec![
        bar("over the optimum, mean", 1.12, mean(learned.iter().map(|row| row.over_optimum()))),
        bar(
            "over the optimum, worst stationary workload",
            1.20,
            most(stationary.iter().map(|row| row.over_optimum())),
        ),
        bar(
            "over the best fixed interval: σ 0.1",
            0.60,
            over_best_fixed(&|shape| shape == Shape::Lognormal01),
        ),
        bar(
            "over the best fixed interval: σ 0.3, two-peaked",
            0.85,
            over_best_fixed(&|shape| usual.contains(&shape)),
        ),
        bar("over the best fixed interval: every other", 1.08, over_best_fixed(&others)),
        bar(
            "over the best fixed interval: cold start",
            1.42,
            over_best_fixed(&|shape| shape == Shape::ColdStart),
        ),
        bar(
            "over fixed 30 s at a mean of 1 h, mean",
            0.60,
            mean(at_an_hour.iter().map(|row| row.over("fixed 30 s"))),
        ),
        bar(
            "over the optimum, 10 jobs after durations tripled, worst",
            1.50,
            most(settled.map(|(_, over)| *over)),
        ),
        bar(
            "the judge: optimum by programming and by the jobs differ, most",
            0.02,
            most(agreement),
        ),
    ]
}

fn most(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::NEG_INFINITY, f64::max)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}
