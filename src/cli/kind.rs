//! `--kind`, for every command that is about jobs.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::domain::JobKind;

/// Reads `matching` or `id-mapping`.
pub(super) fn parser() -> impl TypedValueParser<Value = JobKind> {
    let names = JobKind::ALL.map(JobKind::as_str);
    PossibleValuesParser::new(names).try_map(|name| name.parse::<JobKind>())
}
