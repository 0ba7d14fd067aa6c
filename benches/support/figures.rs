//! Figures of a sample.

/// The value that this share of a sample does not exceed.
pub(crate) fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index of a sample that fits into memory"
    )]
    let rank = (values.len() as f64 * share).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// To the tenth: more would be noise.
#[allow(dead_code, reason = "not every bench rounds so")]
pub(crate) fn to_tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
