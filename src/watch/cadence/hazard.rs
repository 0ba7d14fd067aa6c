//! How likely a job is to end at each age, and what follows from it.

/// What is believed of a job that nothing is known of: its hazard rate is this, over its age.
///
/// A half is the best of all such rates: on a job of any fixed length it costs least.
pub(super) const PRIOR: f64 = 0.5;

/// The rate at which jobs end, per e-fold of their age: constant over cells of equal width on a logarithmic scale.
/// Within a cell the hazard rate, per second, is the cell's rate over the age. Ages are in seconds, and above zero.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hazard {
    /// The age at which the first cell begins.
    start: f64,
    /// The age at which the last cell ends.
    end: f64,
    /// Width of a cell, in e-folds.
    step: f64,
    /// The rate before the first cell. After the last it is [`PRIOR`].
    before: f32,
    cells: Box<[f32]>,
}

impl Default for Hazard {
    /// Of a job that nothing is known of.
    fn default() -> Self {
        Self {
            start: f64::INFINITY,
            end: f64::INFINITY,
            step: 1.0,
            before: PRIOR as f32,
            cells: Box::default(),
        }
    }
}

/// A stretch of ages with one rate.
struct Piece {
    rate: f64,
    until: f64,
}

impl Hazard {
    /// `cells` begin at the age e^`first`, and each is `step` e-folds wide.
    pub(super) fn new(first: f64, step: f64, before: f64, cells: Box<[f32]>) -> Self {
        let end = (first + step * cells.len() as f64).exp();
        Self { start: first.exp(), end, step, before: before as f32, cells }
    }

    /// The ages that the cells span.
    pub(super) const fn span(&self) -> (f64, f64) {
        (self.start, self.end)
    }

    /// The pieces from `age` on; the last has no end.
    fn pieces(&self, age: f64) -> impl Iterator<Item = Piece> {
        let mut next = match age < self.start {
            true => None,
            // Beyond the last cell it is the number of cells, or more.
            false => Some(((age / self.start).ln() / self.step) as usize),
        };
        let ratio = self.step.exp();
        let mut until = match next {
            None => self.start,
            Some(cell) => self.start * (self.step * (cell + 1) as f64).exp(),
        };
        std::iter::from_fn(move || {
            let piece = match next {
                None => Piece { rate: f64::from(self.before), until },
                Some(cell) => match self.cells.get(cell) {
                    Some(rate) => Piece { rate: f64::from(*rate), until },
                    None => Piece { rate: PRIOR, until: f64::INFINITY },
                },
            };
            if next.is_some() || self.start.is_finite() {
                until = if next.is_none() { self.start * ratio } else { until * ratio };
                next = Some(next.map_or(0, |cell| cell + 1));
            }
            Some(piece)
        })
    }

    /// The Δ with ∫₀^Δ h(elapsed + u)(Δ − u) du = `worth`, at most `longest`: when the expected delay that a question
    /// ends has come to be worth the question. Seconds all.
    ///
    /// As far as only the prior speaks, no job ends before it has run for `worth`: no question could pay before.
    pub(super) fn balance(&self, elapsed: f64, worth: f64, longest: f64) -> f64 {
        if worth <= 0.0 {
            return 0.0;
        }
        let end = elapsed + longest;
        let mut age = elapsed.max(worth.min(self.start));
        // The expected delay so far, and how fast it grows: ∫h.
        let (mut delay, mut risk) = (0.0, 0.0);
        for piece in self.pieces(age) {
            if age >= end {
                break;
            }
            let until = piece.until.min(end).max(age);
            let (width, folds) = (until - age, (until / age).ln());
            let growth = risk * width + piece.rate * (until * folds - width);
            if delay + growth >= worth {
                return age - elapsed + rest(age, piece.rate, risk, worth - delay);
            }
            delay += growth;
            risk += piece.rate * folds;
            age = until;
        }
        longest
    }

    /// The age at which a job that has run for `from` will have ended with probability `share`.
    pub(super) fn quantile(&self, from: f64, share: f64) -> f64 {
        let mut missing = -(-share).ln_1p();
        let mut age = from;
        for piece in self.pieces(age) {
            let risk = piece.rate * (piece.until / age).ln();
            if risk >= missing {
                return age * (missing / piece.rate).exp();
            }
            missing -= risk;
            age = age.max(piece.until);
        }
        f64::INFINITY
    }

    /// The probability that a job that has run for `from` ends before `to`.
    pub(super) fn ends_before(&self, from: f64, to: f64) -> f64 {
        let mut risk = 0.0;
        let mut age = from;
        for piece in self.pieces(age) {
            if age >= to {
                break;
            }
            let until = piece.until.min(to).max(age);
            risk += piece.rate * (until / age).ln();
            age = until;
        }
        -(-risk).exp_m1()
    }
}

/// The w with `risk`·w + ∫₀^w `rate`/(`age` + u)(w − u) du = `missing`, by Newton's method from below: the left side is
/// convex and grows, so that it overshoots once and then descends.
fn rest(age: f64, rate: f64, risk: f64, missing: f64) -> f64 {
    let curve = rate / age;
    let mut wait = 2.0 * missing / (risk + (risk * risk + 2.0 * curve * missing).sqrt());
    for _ in 0..8 {
        let folds = (wait / age).ln_1p();
        let excess = risk * wait + rate * ((age + wait) * folds - wait) - missing;
        let step = excess / (risk + rate * folds);
        wait -= step;
        if step.abs() <= 1e-6 * wait {
            break;
        }
    }
    wait
}
