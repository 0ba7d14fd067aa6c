//! A plan for people: as text, and as a picture.

use std::time::Duration;

use super::super::listing::table;
use super::sketch::Sketch;
use crate::chart::{Axis, Chart, Line, Style};
use crate::duration;
use crate::watch::cadence::Plan;

/// Columns of the drawing.
const COLUMNS: usize = 72;
/// Questions that are told one by one.
const TOLD: usize = 24;

/// The plan as text.
pub(super) fn text(sketch: &Sketch) -> String {
    let fixed = format!("every {}", duration::display(sketch.interval));
    let name_width = fixed.chars().count().max("matchwatch".len());
    let mut drawn = vec![
        ("matchwatch".to_owned(), questions(&sketch.learned, sketch.until)),
        (fixed.clone(), questions(&sketch.fixed, sketch.until)),
    ];
    if sketch.usual().is_some() {
        drawn.insert(0, ("jobs end".to_owned(), ends(sketch)));
    }
    let mut text = format!("{}\n\n", known(sketch));
    for (name, line) in &drawn {
        text.push_str(format!("{name:<name_width$}  {line}").trim_end());
        text.push('\n');
    }
    let end = duration::display(sketch.until);
    text.push_str(&format!("{:name_width$}  0s{end:>width$}\n\n", "", width = COLUMNS - 2));
    text.push_str(&format!("{}\n", told(&sketch.learned, sketch.until)));
    if let Some(costs) = costs(sketch, &fixed) {
        text.push_str(&format!("\n{costs}"));
    }
    text
}

/// What is known of the run times, in a sentence.
fn known(sketch: &Sketch) -> String {
    let Some(usual) = sketch.usual() else {
        return "No run time is known: so is a job of a workflow asked about that was never seen."
            .to_owned();
    };
    let [p10, p50, p90] = [usual.p10, usual.p50, usual.p90].map(brief);
    let runs = match sketch.run_times.runs() {
        1 => "1 run is known".to_owned(),
        runs => format!("{runs} runs are known"),
    };
    format!(
        "{runs}: of the next jobs, 1 in 10 ends within {p10}, half within {p50}, 9 in 10 within {p90}."
    )
}

/// The column that `at` falls into.
fn column(at: Duration, until: Duration) -> usize {
    let share = at.as_secs_f64() / until.as_secs_f64();
    ((share * COLUMNS as f64) as usize).min(COLUMNS - 1)
}

/// One sign a column: how many questions fall into it.
fn questions(plan: &Plan, until: Duration) -> String {
    let mut counts = [0_usize; COLUMNS];
    for asked_at in plan.asked_at.iter().filter(|asked_at| **asked_at <= until) {
        counts[column(*asked_at, until)] += 1;
    }
    let sign = |count: &usize| match count {
        0 => ' ',
        1 => '|',
        2..=9 => char::from_digit(u32::try_from(*count).unwrap_or(9), 10).unwrap_or('#'),
        _ => '#',
    };
    counts.iter().map(sign).collect()
}

/// One bar a column: how many jobs end in it.
fn ends(sketch: &Sketch) -> String {
    const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let edge = |column: usize| {
        let at = sketch.until.mul_f64(column as f64 / COLUMNS as f64);
        sketch.run_times.share_within(at)
    };
    let shares: Vec<f64> = (0..COLUMNS).map(|column| edge(column + 1) - edge(column)).collect();
    let most = shares.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    shares.iter().map(|share| BARS[(share / most * 8.0).round() as usize % BARS.len()]).collect()
}

/// The ages of the questions, the first ones at least, on as many lines as they need.
fn told(plan: &Plan, until: Duration) -> String {
    const LEAD: &str = "asked at";
    let within = plan.asked_at.partition_point(|asked_at| *asked_at <= until);
    let shown = &plan.asked_at[..within];
    let mut ages: Vec<String> = shown.iter().take(TOLD).copied().map(brief).collect();
    if let Some(last) = shown.last().filter(|_| shown.len() > TOLD) {
        let rest = shown.len() - TOLD;
        ages.push(format!("{rest} times more up to {}", brief(*last)));
    }
    let mut text = LEAD.to_owned();
    let mut column = text.len();
    for (index, age) in ages.iter().enumerate() {
        if column + age.len() + 2 > COLUMNS + 12 {
            text.push_str(&format!("\n{:width$}", "", width = LEAD.len()));
            column = LEAD.len();
        }
        let comma = if index + 1 < ages.len() { "," } else { "" };
        text.push_str(&format!(" {age}{comma}"));
        column += age.len() + 2;
    }
    text
}

/// What both plans cost, in the mean over the run times that are known.
fn costs(sketch: &Sketch, fixed: &str) -> Option<String> {
    let row = |name: &str, plan: &Plan| {
        let forecast = sketch.forecast(plan)?;
        Some([
            name.to_owned(),
            brief(forecast.delay),
            brief(forecast.delay_p95),
            format!("{:.1}", forecast.calls),
            brief(Duration::from_secs_f64(forecast.cost(sketch.call_worth))),
        ])
    };
    let rows = [row("matchwatch", &sketch.learned)?, row(fixed, &sketch.fixed)?];
    let head = ["", "MEAN DELAY", "95 IN 100", "CALLS", "COST"];
    let worth = duration::display(sketch.call_worth);
    Some(format!(
        "{}\ncost: the delay, and {worth} for each call (--call-worth)\n",
        table(head, &rows)
    ))
}

/// As [`duration::display`], with tenths of a second below ten seconds.
fn brief(duration: Duration) -> String {
    match duration < Duration::from_secs(10) {
        true => format!("{:.1}s", duration.as_secs_f64()),
        false => duration::display(Duration::from_secs(duration.as_secs_f64().round() as u64)),
    }
}

/// The plan as a picture: how long matchwatch waits before each question, and where the known runs ended.
pub(super) fn svg(sketch: &Sketch) -> String {
    let seconds = |duration: Duration| duration.as_secs_f64();
    let before = std::iter::once(&Duration::ZERO).chain(&sketch.learned.asked_at);
    let waits: Vec<(f64, f64)> = before
        .zip(&sketch.learned.asked_at)
        .map(|(before, asked_at)| (seconds(*asked_at), seconds(asked_at.saturating_sub(*before))))
        .filter(|(asked_at, _)| *asked_at <= seconds(sketch.until))
        .collect();
    let interval = seconds(sketch.interval);
    let values = || waits.iter().map(|(_, wait)| *wait).chain([interval]);
    let (low, high) =
        values().fold((f64::MAX, f64::MIN), |(low, high), wait| (low.min(wait), high.max(wait)));
    let (low, high) = (low / 2.0, high * 1.5);
    let fixed = format!("every {}", duration::display(sketch.interval));
    let mut lines = vec![
        Line { label: "matchwatch asks", points: waits, style: Style::Dots },
        Line {
            label: &fixed,
            points: vec![(0.0, interval), (seconds(sketch.until), interval)],
            style: Style::Dashed,
        },
    ];
    if !sketch.past.is_empty() {
        let points = sketch.past.iter().map(|run| (seconds(*run), low)).collect();
        lines.push(Line { label: "known runs ended", points, style: Style::Dots });
    }
    Chart {
        title: "When a job is asked about",
        x: Axis {
            label: "age of the job, s",
            ends: (0.0, seconds(sketch.until)),
            logarithmic: false,
        },
        y: Axis { label: "wait before the question, s", ends: (low, high), logarithmic: true },
        lines,
    }
    .svg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::cadence::{Limits, RunTimes};

    fn sketch(minutes: &[u64]) -> Sketch {
        let past: Vec<Duration> = minutes.iter().copied().map(Duration::from_mins).collect();
        let run_times = RunTimes::learn(&past, &[]);
        let second = Duration::from_secs(1);
        Sketch::of(&past, run_times, second, Limits::default(), Duration::from_secs(30))
    }

    #[test]
    fn the_text_tells_what_is_known_when_is_asked_and_what_it_costs() {
        let text = text(&sketch(&[12, 15, 13, 14, 12, 16, 13]));
        assert!(
            text.starts_with("7 runs are known: of the next jobs, 1 in 10 ends within"),
            "{text}"
        );
        for line in
            ["jobs end    ", "matchwatch  ", "every 30s   ", "asked at ", "            MEAN DELAY"]
        {
            assert!(text.lines().any(|shown| shown.starts_with(line)), "{line:?} in\n{text}");
        }
        assert!(
            text.contains('█') && text.ends_with("1s for each call (--call-worth)\n"),
            "{text}"
        );
    }

    #[test]
    fn where_no_run_is_known_the_text_says_so_and_foretells_nothing() {
        let text = text(&sketch(&[]));
        assert!(text.starts_with("No run time is known"), "{text}");
        assert!(!text.contains("DELAY") && !text.contains("jobs end"), "{text}");
        assert!(text.contains("35 times more up to 58m 39s"), "{text}");
    }

    #[test]
    fn the_picture_shows_questions_the_fixed_interval_and_known_runs() {
        let svg = svg(&sketch(&[12, 15, 13]));
        for label in ["matchwatch asks", "every 30s", "known runs ended"] {
            assert!(svg.contains(label), "{svg}");
        }
        assert!(!super::svg(&sketch(&[])).contains("known runs"));
    }
}
