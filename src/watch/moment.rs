//! An instant of the wall clock in eight bytes, or none in as many: each job remembers several, and an
//! `Option<Timestamp>` takes 24.

use std::num::NonZero;

use jiff::Timestamp;

const SIGN: u64 = 1 << 63;

/// Nanoseconds since 1677, in their order. All up to 2262 can be told; what is beyond is the last of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(NonZero<u64>);

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        let nanos = at.as_nanosecond();
        let nanos = i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX });
        Self(NonZero::new(nanos.cast_unsigned() ^ SIGN).unwrap_or(NonZero::<u64>::MIN))
    }
}

impl From<Moment> for Timestamp {
    fn from(moment: Moment) -> Self {
        let nanos = (moment.0.get() ^ SIGN).cast_signed();
        // Every one of them is a timestamp.
        Self::from_nanosecond(nanos.into()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_the_timestamp_that_it_was_made_of_and_takes_eight_bytes() {
        for text in [
            "1970-01-01T00:00:00Z",
            "1969-12-31T23:59:59.999999999Z",
            "2026-11-24T20:00:00.123456789Z",
        ] {
            let at: Timestamp = text.parse().unwrap();
            assert_eq!(Timestamp::from(Moment::from(at)), at);
        }
        assert_eq!(size_of::<Option<Moment>>(), 8);
    }

    #[test]
    fn moments_are_in_the_order_of_time_and_end_where_no_more_can_be_told() {
        let moments = [
            Timestamp::MIN,
            Timestamp::UNIX_EPOCH,
            Timestamp::from_second(1).unwrap(),
            Timestamp::MAX,
        ]
        .map(Moment::from);
        assert!(moments.is_sorted());
        assert!(moments.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(Timestamp::from(moments[3]) < Timestamp::MAX);
    }
}
