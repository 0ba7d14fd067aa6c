//! The plots of docs/cadence.md.

use std::fs;
use std::path::Path;

use matchwatch::chart::{Axis, Chart, Line, Style};
use matchwatch::watch::cadence::RunTimes;

use super::judge::{changed, jobs, learn, shipped};
use super::optimum::Optimum;
use super::random::Random;
use super::tally::Tally;
use super::workload::{Shape, Truth};
use super::{PAST_RUNS, SEEDS};

const MEAN: f64 = 900.0;

pub(crate) fn draw(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    for (name, svg) in [("waits", waits()), ("learning", learning()), ("tripled", tripled())] {
        fs::write(folder.join(name).with_extension("svg"), svg)?;
    }
    Ok(())
}

/// How long the next wait is, at each age.
fn waits() -> String {
    let truth = |shape| Truth { shape, mean: MEAN };
    let learned = |shape| learn(&truth(shape).past(PAST_RUNS, 0, &mut Random::of(0)));
    let line = |label, run_times: &RunTimes| Line {
        label,
        points: (1..=300)
            .map(|n| 6.0 * f64::from(n))
            .map(|age| (age, shipped(run_times, age, 0.5)))
            .collect(),
        style: Style::Solid,
    };
    let best = Optimum::of(&truth(Shape::Lognormal03));
    let optimum = (1..=300).map(|n| 6.0 * f64::from(n)).map(|age| (age, best.wait(age)));
    Chart {
        title: "How long matchwatch waits before it asks again, after 30 jobs of 15 minutes",
        x: Axis { label: "age of the job, s", ends: (0.0, 1_800.0), logarithmic: false },
        y: Axis { label: "wait, s", ends: (2.0, 600.0), logarithmic: true },
        lines: vec![
            line("lognormal σ 0.3", &learned(Shape::Lognormal03)),
            line("two-peaked", &learned(Shape::TwoPeaked)),
            line("exponential", &learned(Shape::Exponential)),
            line("never seen", &RunTimes::default()),
            Line { label: "optimum for σ 0.3", points: optimum.collect(), style: Style::Dashed },
        ],
    }
    .svg()
}

/// What a job costs after so many others.
fn learning() -> String {
    let shapes = [Shape::Lognormal01, Shape::Lognormal03, Shape::TwoPeaked, Shape::Exponential];
    let lines = shapes.map(|shape| {
        let truth = Truth { shape, mean: MEAN };
        let best = Optimum::of(&truth);
        let after = |count: usize| {
            let (mut ours, mut optimum) = (Tally::default(), Tally::default());
            for seed in 0..SEEDS {
                let mut random = Random::of(seed);
                let learned = learn(&truth.past(count, seed, &mut random));
                for run_time in jobs(&truth, 20, seed, &mut random) {
                    ours.follow(run_time, |age, _| shipped(&learned, age, random.next()));
                    optimum.follow(run_time, |age, _| best.wait(age));
                }
            }
            (count as f64, ours.cost() / optimum.cost())
        };
        let points = [0, 1, 2, 3, 4, 6, 8, 10, 14, 20, 30, 45, 60].map(after).to_vec();
        Line { label: shape.name(), points, style: Style::Solid }
    });
    Chart {
        title: "Cost over the optimum, by jobs seen before (mean 15 minutes)",
        x: Axis { label: "jobs seen before", ends: (0.0, 60.0), logarithmic: false },
        y: Axis { label: "cost over the optimum", ends: (1.0, 3.5), logarithmic: false },
        lines: lines.to_vec(),
    }
    .svg()
}

/// What a job costs after a change.
fn tripled() -> String {
    let changes = changed();
    let labels: Vec<String> = changes
        .iter()
        .map(|change| format!("{}, {} s", change.old.shape.name(), change.old.mean))
        .collect();
    let lines = changes.iter().zip(&labels).map(|(change, label)| Line {
        label,
        points: change.since.iter().map(|(jobs, over)| (*jobs as f64, *over)).collect(),
        style: Style::Solid,
    });
    Chart {
        title: "Cost over the optimum after the durations tripled overnight",
        x: Axis { label: "jobs since", ends: (0.0, 10.0), logarithmic: false },
        y: Axis { label: "cost over the optimum", ends: (1.0, 3.5), logarithmic: false },
        lines: lines.collect(),
    }
    .svg()
}
