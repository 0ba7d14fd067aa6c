//! Durations as people write them: `30s`, `2h30m`, `3 days`.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde::de::{self, Deserializer, Visitor};

/// Reads a duration such as `250ms`, `30s`, `2h30m` or `3d`. A day is 24 hours.
///
/// # Errors
///
/// A sentence that says what was found and what to write.
pub fn parse(text: &str) -> Result<Duration, String> {
    let advice = || {
        format!("{text:?} is not a duration: write a number and a unit, as in 30s, 5m, 2h30m or 3d")
    };
    let span: Span = text.trim().parse().map_err(|_| advice())?;
    let signed = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| advice())?;
    Duration::try_from(signed).map_err(|_| {
        format!(
            "{text:?} is not a duration: write one that is not negative, as in 30s, 5m, 2h30m or 3d"
        )
    })
}

/// Writes a duration as [`parse`] reads it, to the second from one second on: `2h 30m`, `850ms`, `3d`.
pub fn display(duration: Duration) -> String {
    const DAY: u64 = 24 * 60 * 60;
    if duration.as_secs() >= DAY && duration.as_secs().is_multiple_of(DAY) {
        return format!("{}d", duration.as_secs() / DAY);
    }
    let shown = if duration < Duration::from_secs(1) {
        Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    } else {
        Duration::from_secs(duration.as_secs())
    };
    SignedDuration::try_from(shown)
        .map_or_else(|_| format!("{}s", shown.as_secs()), |d| format!("{d:#}"))
}

/// For `#[serde(deserialize_with = "crate::duration::deserialize")]`.
///
/// # Errors
///
/// As [`parse`].
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    struct Parse;

    impl Visitor<'_> for Parse {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a duration in quotes with its unit, as in \"15s\"")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
            parse(text).map_err(E::custom)
        }
    }

    deserializer.deserialize_str(Parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        for (text, seconds) in [
            ("30s", 30.0),
            ("2h30m", 9_000.0),
            ("250ms", 0.25),
            ("3d", 259_200.0),
            ("1 hour 5 minutes", 3_900.0),
            ("PT1M", 60.0),
        ] {
            assert_eq!(parse(text).map(|d| d.as_secs_f64()), Ok(seconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_advice() {
        for text in ["", "30", "soon", "1 month", "-5s"] {
            assert!(parse(text).unwrap_err().contains("duration"), "{text}");
        }
    }

    #[test]
    fn durations_are_shown_briefly() {
        assert_eq!(display(Duration::from_millis(9_000_900)), "2h 30m");
        assert_eq!(display(Duration::from_millis(850)), "850ms");
        assert_eq!(display(Duration::from_secs(3 * 86_400)), "3d");
    }
}
