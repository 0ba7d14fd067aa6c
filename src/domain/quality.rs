//! Quality gates: when SUCCEEDED is not good enough.

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::details::JobMetrics;

/// What a job that SUCCEEDED must have done to count as a success. What is `None` is not asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gates {
    /// At most so many of its records were not processed: a number, or a share of its input records.
    pub max_unprocessed: Option<Amount>,
    /// At least so many match ids were generated.
    pub min_match_ids: Option<u64>,
    /// At least so many records were processed.
    pub min_processed: Option<u64>,
}

impl Gates {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These gates, and those of `other` where these ask for nothing.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            max_unprocessed: self.max_unprocessed.or(other.max_unprocessed),
            min_match_ids: self.min_match_ids.or(other.min_match_ids),
            min_processed: self.min_processed.or(other.min_processed),
        }
    }

    /// The gates that a job with these metrics fails. A count that a gate needs and the service did not say fails it:
    /// who asks for certainty has none.
    pub fn check(&self, metrics: Option<&JobMetrics>) -> Vec<GateFailure> {
        let said = |count: fn(&JobMetrics) -> Option<i64>| {
            metrics.and_then(count).and_then(|count| u64::try_from(count).ok())
        };
        let input = said(|metrics| metrics.input_records);
        let unprocessed = said(|metrics| metrics.records_not_processed);
        let processed = said(|metrics| metrics.total_records_processed);
        let match_ids = said(|metrics| metrics.match_ids);
        [
            self.max_unprocessed.and_then(|limit| too_many_unprocessed(limit, unprocessed, input)),
            self.min_match_ids.and_then(|limit| {
                too_few(Gate::MinMatchIds, limit, match_ids, "matchIDs", "match ids were generated")
            }),
            self.min_processed.and_then(|limit| {
                let (count, words) = ("totalRecordsProcessed", "records were processed");
                too_few(Gate::MinProcessed, limit, processed, count, words)
            }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn too_many_unprocessed(
    limit: Amount,
    unprocessed: Option<u64>,
    input: Option<u64>,
) -> Option<GateFailure> {
    let gate = Gate::MaxUnprocessed;
    let unknown = |count: &str| GateFailure {
        gate,
        limit,
        actual: None,
        message: format!("the service did not say {count}, and {gate} is {limit}"),
    };
    let Some(unprocessed) = unprocessed else { return Some(unknown("recordsNotProcessed")) };
    let (actual, of) = match (limit, input) {
        (Amount::Records(most), _) => {
            if unprocessed <= most {
                return None;
            }
            (Amount::Records(unprocessed), "records".to_owned())
        }
        // None of however many.
        (Amount::Share(_), _) if unprocessed == 0 => return None,
        (Amount::Share(_), None) => return Some(unknown("inputRecords")),
        (Amount::Share(most), Some(input)) => {
            if most.covers(unprocessed, input) {
                return None;
            }
            match Share::of(unprocessed, input) {
                Some(share) => (Amount::Share(share), format!("of {input} records ({share})")),
                None => (Amount::Records(unprocessed), format!("of {input} records")),
            }
        }
    };
    let message = format!("{unprocessed} {of} were not processed, and {gate} is {limit}");
    Some(GateFailure { gate, limit, actual: Some(actual), message })
}

fn too_few(
    gate: Gate,
    limit: u64,
    actual: Option<u64>,
    count: &str,
    words: &str,
) -> Option<GateFailure> {
    let message = match actual {
        Some(actual) if actual >= limit => return None,
        Some(actual) => format!("{actual} {words}, and {gate} is {limit}"),
        None => format!("the service did not say {count}, and {gate} is {limit}"),
    };
    let limit = Amount::Records(limit);
    Some(GateFailure { gate, limit, actual: actual.map(Amount::Records), message })
}

/// A quality gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// See [`Gates::max_unprocessed`].
    MaxUnprocessed,
    /// See [`Gates::min_match_ids`].
    MinMatchIds,
    /// See [`Gates::min_processed`].
    MinProcessed,
}

impl Gate {
    /// All gates.
    pub const ALL: [Self; 3] = [Self::MaxUnprocessed, Self::MinMatchIds, Self::MinProcessed];

    /// Its name in the configuration, in events and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MaxUnprocessed => "max_unprocessed",
            Self::MinMatchIds => "min_match_ids",
            Self::MinProcessed => "min_processed",
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A gate that a job failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GateFailure {
    /// Which one.
    pub gate: Gate,
    /// What it asks for.
    pub limit: Amount,
    /// What the job has instead; absent where the service did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<Amount>,
    /// The same for people.
    pub message: String,
}

/// A number of records, or a share of them. As text and JSON `1200`, or `5%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Amount {
    /// So many.
    Records(u64),
    /// So many of all.
    Share(Share),
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Records(count) => count.fmt(f),
            Self::Share(share) => share.fmt(f),
        }
    }
}

/// What is no [`Amount`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write a share such as 5% or 0.25%, from 0% to 100%, or a number of records such as 1200")]
pub struct NoAmount;

impl FromStr for Amount {
    type Err = NoAmount;

    fn from_str(text: &str) -> Result<Self, NoAmount> {
        let text = text.trim();
        if !text.ends_with('%') {
            return text.parse().map(Self::Records).map_err(|_| NoAmount);
        }
        let share: Share = text.parse()?;
        if share > Share::WHOLE {
            return Err(NoAmount);
        }
        Ok(Self::Share(share))
    }
}

/// A share, to the ten-thousandth of a per cent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Share {
    millionths: u64,
}

/// Millionths in a per cent.
const PER_CENT: u64 = 10_000;
/// Digits that a per cent has behind its point.
const DIGITS: usize = 4;

impl Share {
    /// 100 %.
    pub const WHOLE: Self = Self { millionths: 100 * PER_CENT };

    /// The share that `part` is of `whole`, rounded up: it never looks smaller than it is. `None` of nothing.
    pub fn of(part: u64, whole: u64) -> Option<Self> {
        let millionths = (u128::from(part) * u128::from(Self::WHOLE.millionths))
            .checked_add(u128::from(whole).checked_sub(1)?)?
            / u128::from(whole);
        u64::try_from(millionths).ok().map(|millionths| Self { millionths })
    }

    /// Whether `part` is at most this share of `whole`: exact, however large they are.
    fn covers(self, part: u64, whole: u64) -> bool {
        let part = u128::from(part) * u128::from(Self::WHOLE.millionths);
        part <= u128::from(whole) * u128::from(self.millionths)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.millionths / PER_CENT, self.millionths % PER_CENT);
        let digits = format!("{rest:0DIGITS$}");
        match digits.trim_end_matches('0') {
            "" => write!(f, "{whole}%"),
            digits => write!(f, "{whole}.{digits}%"),
        }
    }
}

impl FromStr for Share {
    type Err = NoAmount;

    fn from_str(text: &str) -> Result<Self, NoAmount> {
        let number = text.strip_suffix('%').ok_or(NoAmount)?.trim_end();
        let (whole, digits) = number.split_once('.').unwrap_or((number, "0"));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(digits) || digits.len() > DIGITS {
            return Err(NoAmount);
        }
        let whole: u64 = whole.parse().map_err(|_| NoAmount)?;
        let rest: u64 = format!("{digits:0<DIGITS$}").parse().map_err(|_| NoAmount)?;
        let millionths = whole.checked_mul(PER_CENT).and_then(|whole| whole.checked_add(rest));
        millionths.map(|millionths| Self { millionths }).ok_or(NoAmount)
    }
}

impl From<Share> for String {
    fn from(share: Share) -> Self {
        share.to_string()
    }
}

impl TryFrom<String> for Share {
    type Error = NoAmount;

    fn try_from(text: String) -> Result<Self, NoAmount> {
        text.parse()
    }
}
