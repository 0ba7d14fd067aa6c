//! What a call is worth at present: pure.
//!
//! A question is worth one call when the delay that it saves, in seconds, is worth `call_worth`. Where all that want
//! to ask at that price are too many for the budget, the price rises until they fit: every interval stretches by the
//! one rule, and none starves.

/// The share of the budget that planned questions may take. The rest is for those that nobody plans, and keeps the
/// queue short: at the full rate it would grow without end.
const UTILISATION: f64 = 0.95;

/// No price is higher, in seconds: at this one, nobody wants to ask.
const HIGHEST: f64 = 1e9;

/// What questions at one interval weigh.
///
/// Intervals grow with the root of the price, so a question at interval Δ and price λ weighs √λ / Δ at whatever
/// price: its calls a second at the price 1. One that is asked at the longest interval is asked so often at any price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Weight {
    elastic: f64,
    fixed: f64,
}

impl Weight {
    /// Of a question that is asked every `interval` seconds at this price, and every `longest` seconds at least.
    pub(super) fn new(interval: f64, longest: f64, price: f64) -> Self {
        match interval < longest {
            true => Self { elastic: price.sqrt() / interval, fixed: 0.0 },
            false => Self { elastic: 0.0, fixed: 1.0 / interval },
        }
    }

    /// Of a question that makes so many calls a second at the price 1.
    pub(super) const fn elastic(calls: f64) -> Self {
        Self { elastic: calls, fixed: 0.0 }
    }

    /// Calls a second at this price.
    pub(super) fn at(self, price: f64) -> f64 {
        self.elastic / price.sqrt() + self.fixed
    }
}

/// How much is wanted of one operation.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Demand {
    elastic: f64,
    fixed: f64,
    /// Questions with a weight.
    count: usize,
}

impl Demand {
    fn add(&mut self, weight: Weight) {
        self.elastic += weight.elastic;
        self.fixed += weight.fixed;
        self.count += 1;
    }

    fn remove(&mut self, weight: Weight) {
        self.elastic -= weight.elastic;
        self.fixed -= weight.fixed;
        self.count = self.count.saturating_sub(1);
        self.forget_rounding();
    }

    /// Puts another weight in the place of one.
    pub(super) fn replace(&mut self, before: Option<Weight>, after: Option<Weight>) {
        before.into_iter().for_each(|weight| self.remove(weight));
        after.into_iter().for_each(|weight| self.add(weight));
    }

    /// Adds all that another one holds.
    pub(super) fn join(&mut self, other: &Self) {
        self.elastic += other.elastic;
        self.fixed += other.fixed;
        self.count += other.count;
    }

    /// Removes all that another one holds.
    pub(super) fn take_away(&mut self, other: &Self) {
        self.elastic -= other.elastic;
        self.fixed -= other.fixed;
        self.count = self.count.saturating_sub(other.count);
        self.forget_rounding();
    }

    fn forget_rounding(&mut self) {
        let is_empty = self.count == 0;
        self.elastic = if is_empty { 0.0 } else { self.elastic.max(0.0) };
        self.fixed = if is_empty { 0.0 } else { self.fixed.max(0.0) };
    }

    /// How many questions there are.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Calls a second at this price.
    pub(super) fn at(&self, price: f64) -> f64 {
        Weight { elastic: self.elastic, fixed: self.fixed }.at(price)
    }

    /// The lowest price, `call_worth` or more, at which the demand fits into `rate` calls a second. `unknown`
    /// questions that have no weight yet are taken to weigh as much as the others.
    pub(super) fn price(&self, unknown: usize, call_worth: f64, rate: f64) -> f64 {
        if self.count == 0 {
            return call_worth;
        }
        let all = 1.0 + as_float(unknown) / as_float(self.count);
        let planned = UTILISATION * rate;
        // The longest interval sees to it that half is left.
        let left = (planned - self.fixed * all).max(planned / 2.0);
        let fitting = self.elastic * all / left;
        (fitting * fitting).clamp(call_worth, call_worth.max(HIGHEST))
    }
}

/// The longest interval, in seconds, that so many questions may need: those that are asked no more often take up half
/// of `rate` calls a second together.
pub(super) fn longest_turn(questions: usize, rate: f64) -> f64 {
    2.0 * as_float(questions) / (UTILISATION * rate)
}

/// The interval, in seconds, of a question that may take up all of `rate` calls a second that is planned.
pub(super) fn shortest_turn(rate: f64) -> f64 {
    1.0 / (UTILISATION * rate)
}

#[expect(clippy::cast_precision_loss, reason = "counts of jobs are exact")]
const fn as_float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_demand_that_fits_costs_what_a_call_is_worth() {
        let mut demand = Demand::default();
        assert!((demand.price(3, 1.0, 5.0) - 1.0).abs() < 1e-9);
        demand.add(Weight::new(10.0, 600.0, 1.0));
        assert!((demand.price(0, 1.0, 5.0) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_demand_four_times_too_high_costs_sixteen_times_as_much() {
        let mut demand = Demand::default();
        for _ in 0..20 {
            demand.add(Weight::new(1.0, 600.0, 1.0));
        }
        let price = demand.price(0, 1.0, 5.0 / 0.95);
        assert!((price - 16.0).abs() < 1e-9, "{price}");
        assert!((demand.at(price) - 5.0).abs() < 1e-9);
        let doubled = demand.price(20, 1.0, 5.0 / 0.95);
        assert!((doubled - 64.0).abs() < 1e-9, "{doubled}");
    }

    #[test]
    fn those_that_are_asked_at_the_longest_interval_do_not_drive_the_price() {
        let mut demand = Demand::default();
        for _ in 0..1_000 {
            demand.add(Weight::new(600.0, 600.0, 1e6));
        }
        demand.add(Weight::new(10.0, 600.0, 1.0));
        assert!((demand.price(0, 1.0, 5.0) - 1.0).abs() < 1e-9, "{}", demand.price(0, 1.0, 5.0));
    }

    proptest! {
        #[test]
        fn at_its_price_a_demand_fits_into_the_rate(
            intervals in prop::collection::vec(0.5..10_000.0_f64, 1..100),
            paid in 1.0..1e6_f64,
            rate in 0.1..100.0_f64,
        ) {
            let longest = longest_turn(intervals.len(), rate).max(600.0);
            let intervals: Vec<_> = intervals.iter().map(|interval| interval.min(longest)).collect();
            let mut demand = Demand::default();
            for interval in &intervals {
                demand.add(Weight::new(*interval, longest, paid));
            }
            let price = demand.price(0, 1.0, rate);
            prop_assert!(price >= 1.0);
            prop_assert!(demand.at(price) <= rate * UTILISATION * (1.0 + 1e-9));
            for interval in intervals {
                demand.remove(Weight::new(interval, longest, paid));
            }
            prop_assert!(demand.at(1.0).abs() < 1e-9);
        }
    }
}
