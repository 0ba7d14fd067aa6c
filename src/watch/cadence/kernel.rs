//! Which past runs speak for the next one, and how sharply: chosen by how well each run is foretold by the others.

/// The widest kernel, in e-folds of run time; each next one is narrower by √2.
const WIDEST: f64 = 0.64;
const WIDTHS: usize = 12;
/// The width where there is one run, and nothing to choose by.
const WIDTH_OF_ONE: usize = 2;
/// How many of the runs before it set a run's level: their median. 0 for none, as if the level never moved.
const LEVELS: [usize; 4] = [0, 15, 7, 3];
/// With fewer runs than this the level is taken as fixed.
const LEAST_FOR_LEVELS: usize = 8;
/// Density, per e-fold, that even a stray run is granted, so that one outlier does not widen the kernels of all.
const STRAY: f64 = 0.1;
/// How much less each older run counts in the choice.
const FADE: f64 = 0.97;
/// Choices that are less likely than the best by more than this are dropped.
const NEGLIGIBLE: f64 = 0.01;
const SQRT_TAU: f64 = 2.506_628_274_631_000_5;

/// A set of normal kernels on the logarithm of run time, and how likely it is the right one.
#[derive(Debug)]
pub(super) struct Choice {
    /// The likelihoods of all choices add up to one.
    pub(super) likelihood: f64,
    /// Standard deviation of each kernel.
    pub(super) width: f64,
    /// Centre of each kernel, newest run first.
    pub(super) centres: Vec<f64>,
}

/// What past runs tell of the next one: the choices of level and width, weighed by how well each run is foretold from the
/// others (leave one out).
///
/// `logs` are logarithms of run times, newest first, and not empty; `weights` belong to them; `prior` is the prior's weight.
pub(super) fn choices(logs: &[f64], weights: &[f64], prior: f64) -> Vec<Choice> {
    let levels = if logs.len() < LEAST_FOR_LEVELS { &LEVELS[..1] } else { &LEVELS[..] };
    let sets: Vec<Vec<f64>> = levels.iter().map(|last| at_todays_level(logs, *last)).collect();
    // The oldest run has none before it to set its level: no set is judged by it.
    let judged = if sets.len() == 1 { logs.len() } else { logs.len() - 1 };
    let scores: Vec<[f64; WIDTHS]> = match logs.len() {
        1 => vec![std::array::from_fn(|width| if width == WIDTH_OF_ONE { 0.0 } else { f64::MIN })],
        _ => sets.iter().map(|set| scores(set, weights, prior, judged)).collect(),
    };
    let best = scores.iter().flatten().copied().fold(f64::MIN, f64::max);
    let mut choices = Vec::new();
    for (set, scores) in sets.iter().zip(&scores) {
        for (index, score) in scores.iter().enumerate() {
            let likelihood = (score - best).exp();
            if likelihood >= NEGLIGIBLE {
                let width = width(index);
                choices.push(Choice { likelihood, width, centres: drawn_in(set, weights, width) });
            }
        }
    }
    let sum: f64 = choices.iter().map(|choice| choice.likelihood).sum();
    for choice in &mut choices {
        choice.likelihood /= sum;
    }
    choices
}

fn width(index: usize) -> f64 {
    WIDEST * std::f64::consts::FRAC_1_SQRT_2.powi(i32::try_from(index).unwrap_or(i32::MAX))
}

/// Where the runs would lie had each been made at today's level: what follows a change, sudden or slow, then has all runs
/// to tell of its spread. The level of a run is the median of the `last` runs before it.
fn at_todays_level(logs: &[f64], last: usize) -> Vec<f64> {
    if last == 0 {
        return logs.to_vec();
    }
    let level = |from: usize| median(&logs[from..(from + last).min(logs.len())]);
    let today = level(0);
    (0..logs.len() - 1).map(|run| logs[run] - level(run + 1) + today).collect()
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    0.5 * (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2])
}

/// For each width the logarithm of the likelihood of the newest `judged` runs, each under the others.
fn scores(set: &[f64], weights: &[f64], prior: f64, judged: usize) -> [f64; WIDTHS] {
    let mut near = vec![[0.0; WIDTHS]; set.len()];
    for one in 1..set.len() {
        let (newer, rest) = near.split_at_mut(one);
        let near_one = &mut rest[0];
        for (other, near_other) in newer.iter_mut().enumerate() {
            let off = (set[one] - set[other]) / WIDEST;
            // A kernel narrower by √2 is the square of the wider one.
            let mut kernel = (-0.5 * off * off).exp();
            for (near_one, near_other) in near_one.iter_mut().zip(near_other) {
                *near_one += weights[other] * kernel;
                *near_other += weights[one] * kernel;
                kernel *= kernel;
            }
        }
    }
    let all: f64 = weights[..set.len()].iter().sum();
    let mut scores = [0.0; WIDTHS];
    let mut counts = 1.0;
    for (near, weight) in near.iter().zip(weights).take(judged) {
        for (index, score) in scores.iter_mut().enumerate() {
            let density = near[index] / (width(index) * SQRT_TAU);
            *score += counts * ((density + prior * STRAY) / (all - weight + prior)).ln();
        }
        counts *= FADE;
    }
    scores
}

/// The centres, drawn towards their mean so that the kernels do not add to the spread of the runs.
fn drawn_in(set: &[f64], weights: &[f64], width: f64) -> Vec<f64> {
    let all: f64 = weights[..set.len()].iter().sum();
    let mean = set.iter().zip(weights).map(|(log, weight)| log * weight).sum::<f64>() / all;
    let spread =
        set.iter().zip(weights).map(|(log, weight)| (log - mean).powi(2) * weight).sum::<f64>()
            / all;
    let share = if set.len() < 3 { 1.0 } else { (spread / (spread + width * width)).sqrt() };
    set.iter().map(|log| mean + share * (log - mean)).collect()
}

/// Adds `mass`, spread as a normal kernel, to `cells` that begin at `first` and are `step` wide.
pub(super) fn spread(cells: &mut [f64], first: f64, step: f64, centre: f64, width: f64, mass: f64) {
    const REACH: f64 = 4.0;
    // No kernel may fall between the middles of two cells.
    let width = width.max(step);
    let cell = |at: f64| ((at - first) / step).max(0.0) as usize;
    let from = cell(centre - REACH * width).min(cells.len());
    let to = (cell(centre + REACH * width) + 1).min(cells.len());
    // From one cell to the next a normal density changes by a factor that itself changes by a constant one.
    let pace = step / width;
    let off = (first + (from as f64 + 0.5) * step - centre) / width;
    let mut value = mass * pace / SQRT_TAU * (-0.5 * off * off).exp();
    let mut factor = (-(off + 0.5 * pace) * pace).exp();
    let turn = (-pace * pace).exp();
    for cell in &mut cells[from..to] {
        *cell += value;
        value *= factor;
        factor *= turn;
    }
}
