//! What happens after an answer, or after none: pure, but for the jitter.

use std::time::Duration;

use tokio::time::Instant;

use super::{Config, Pacer};
use crate::backoff::Backoff;
use crate::domain::JobStatus;
use crate::source::SourceError;

/// What happens next with a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// It is asked about again after this delay.
    AskIn(Duration),
    /// It has ended: it is never asked about again.
    Ended(JobStatus),
    /// It is not asked about any more, for this reason.
    GiveUp(SourceError),
}

/// How long an error that may mend itself is borne before the job is given up. `None` is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// With a job that the service does not know: a new one may not be readable yet.
    pub not_found: Option<Duration>,
    /// With denied access, where the job has never been seen.
    pub denied_at_first: Option<Duration>,
    /// With denied access, where the job has been seen before.
    pub denied_later: Option<Duration>,
}

impl Patience {
    /// Of a daemon: somebody may mend the permissions while it runs.
    pub const fn of_daemon(not_found_grace: Duration) -> Self {
        Self { not_found: Some(not_found_grace), denied_at_first: None, denied_later: None }
    }

    /// How long a pipeline step bears with a job that the service does not know.
    pub const STEP_NOT_FOUND: Duration = Duration::from_secs(30);

    /// Of a pipeline step: somebody waits for the answer.
    pub const OF_STEP: Self = Self {
        not_found: Some(Self::STEP_NOT_FOUND),
        denied_at_first: Some(Duration::ZERO),
        denied_later: Some(Duration::from_mins(5)),
    };
}

/// A question that the service denies is asked again no sooner than this.
const DENIED_INTERVAL: Duration = Duration::from_mins(1);

/// What is remembered of a job's answers, to know what happens next.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    answered: bool,
    /// The errors since the last answer.
    trouble: Option<Box<Trouble>>,
}

#[derive(Debug, Clone)]
struct Trouble {
    reason: &'static str,
    /// The reason that the service last gave for not telling of the job, and when it began to. Errors that say
    /// nothing of the job, such as throttles, leave it as it is.
    refusal: Option<(&'static str, Instant)>,
    backoff: Backoff,
}

impl Trouble {
    fn begin(reason: &'static str, config: &Config) -> Box<Self> {
        Box::new(Self { reason, refusal: None, backoff: Backoff::new(config.backoff) })
    }
}

impl Record {
    /// The job answered, and its status is accepted and recorded.
    pub(super) fn answered(&mut self) {
        self.answered = true;
        self.trouble = None;
    }

    /// Whether the last question had no answer, or none that was recorded.
    pub(super) const fn is_in_trouble(&self) -> bool {
        self.trouble.is_some()
    }

    /// The job answered, but the store did not take what follows. Returns the time until it is asked again.
    pub(super) fn not_recorded(&mut self, config: &Config) -> Duration {
        let trouble = self.trouble.get_or_insert_with(|| Trouble::begin("store", config));
        trouble.backoff.next_delay()
    }

    /// The job did not answer. The second value says whether this is the first error for its reason in a row.
    pub(super) fn failed(
        &mut self,
        error: &SourceError,
        config: &Config,
        patience: &Patience,
        now: Instant,
    ) -> (Next, bool) {
        let reason = error.reason();
        let first = self.trouble.as_ref().is_none_or(|trouble| trouble.reason != reason);
        let trouble = self.trouble.get_or_insert_with(|| Trouble::begin(reason, config));
        trouble.reason = reason;
        if is_refusal(error) && trouble.refusal.is_none_or(|(known, _)| known != reason) {
            trouble.refusal = Some((reason, now));
        }
        let grace = match error {
            SourceError::Throttled { .. }
            | SourceError::Unavailable { .. }
            | SourceError::CredentialsExpired { .. } => None,
            SourceError::NotFound { .. } => patience.not_found,
            SourceError::AccessDenied { .. } if self.answered => patience.denied_later,
            SourceError::AccessDenied { .. } => patience.denied_at_first,
            SourceError::Invalid { .. } => Some(Duration::ZERO),
        };
        // Where patience ends, the last question is asked then and not after.
        let left = grace
            .zip(trouble.refusal)
            .map(|(grace, (_, since))| (since + grace).saturating_duration_since(now));
        if left.is_some_and(|left| left.is_zero()) {
            return (Next::GiveUp(error.clone()), first);
        }
        let delay = match error {
            SourceError::CredentialsExpired { .. } if first => Duration::ZERO,
            SourceError::Throttled { retry_after: Some(pause), .. } => {
                trouble.backoff.next_delay().max((*pause).min(Pacer::MAX_PAUSE))
            }
            SourceError::AccessDenied { .. } if grace.is_none() => {
                trouble.backoff.next_delay().max(DENIED_INTERVAL)
            }
            _ => trouble.backoff.next_delay(),
        };
        (Next::AskIn(left.map_or(delay, |left| delay.min(left))), first)
    }
}

/// Whether the service did answer, and would not tell of the job.
const fn is_refusal(error: &SourceError) -> bool {
    match error {
        SourceError::NotFound { .. }
        | SourceError::AccessDenied { .. }
        | SourceError::Invalid { .. } => true,
        SourceError::Throttled { .. }
        | SourceError::Unavailable { .. }
        | SourceError::CredentialsExpired { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backoff;
    use crate::source::Scope;

    fn config() -> Config {
        Config {
            call_worth: Duration::from_secs(1),
            min_interval: Duration::from_secs(1),
            max_interval: Duration::from_secs(15),
            backoff: backoff::Policy {
                initial: Duration::from_secs(1),
                max: Duration::from_secs(60),
            },
            get_rate: 5.0,
            list_rate: 2.5,
            concurrency: 32,
            not_found_grace: Duration::from_mins(10),
        }
    }

    fn daemon() -> Patience {
        Patience::of_daemon(config().not_found_grace)
    }

    fn throttled() -> SourceError {
        SourceError::Throttled { retry_after: None, message: "slow down".into() }
    }

    fn not_found() -> SourceError {
        SourceError::NotFound { message: "no such job".into() }
    }

    fn denied() -> SourceError {
        SourceError::AccessDenied { scope: Scope::Question, message: "no".into() }
    }

    fn expired() -> SourceError {
        SourceError::CredentialsExpired { message: "expired".into() }
    }

    /// Asks again whenever told to, until given up or for `limit` questions; says how long it took.
    fn bear(
        record: &mut Record,
        error: &SourceError,
        patience: &Patience,
        limit: usize,
    ) -> Option<Duration> {
        let start = Instant::now();
        let mut now = start;
        for _ in 0..limit {
            match record.failed(error, &config(), patience, now).0 {
                Next::AskIn(delay) => now += delay,
                Next::GiveUp(reason) => {
                    assert_eq!(&reason, error);
                    return Some(now - start);
                }
                Next::Ended(_) => panic!("an error ended the job"),
            }
        }
        None
    }

    #[test]
    fn throttles_and_outages_are_borne_for_ever_by_daemon_and_step_alike() {
        let unavailable = SourceError::Unavailable { message: "503".into() };
        for error in [throttled(), unavailable] {
            for patience in [daemon(), Patience::OF_STEP] {
                assert_eq!(bear(&mut Record::default(), &error, &patience, 5_000), None);
            }
        }
    }

    #[test]
    fn a_thousand_jobs_throttled_at_once_come_back_over_the_whole_range() {
        let mut tenths = [0; 10];
        for _ in 0..1_000 {
            let (next, _) =
                Record::default().failed(&throttled(), &config(), &daemon(), Instant::now());
            let Next::AskIn(delay) = next else { panic!("a throttled job is asked again") };
            tenths[(((delay.as_secs_f64() - 0.5) * 10.0) as usize).min(9)] += 1;
        }
        assert!(tenths.iter().all(|&count| count > 50), "{tenths:?}");
    }

    #[test]
    fn an_answer_starts_the_backoff_anew() {
        let mut record = Record::default();
        for _ in 0..10 {
            record.failed(&throttled(), &config(), &daemon(), Instant::now());
        }
        record.answered();
        let (next, first) = record.failed(&throttled(), &config(), &daemon(), Instant::now());
        assert!(first);
        assert!(matches!(next, Next::AskIn(delay) if delay <= Duration::from_millis(1_500)));
    }

    #[test]
    fn an_unknown_job_is_given_up_when_its_grace_ends() {
        let daemon_took = bear(&mut Record::default(), &not_found(), &daemon(), 1_000);
        assert_eq!(daemon_took, Some(Duration::from_mins(10)));
        let step_took = bear(&mut Record::default(), &not_found(), &Patience::OF_STEP, 1_000);
        assert_eq!(step_took, Some(Duration::from_secs(30)));
    }

    #[test]
    fn throttles_in_between_do_not_lengthen_the_grace_of_an_unknown_job() {
        let mut record = Record::default();
        let start = Instant::now();
        let mut now = start;
        for error in [not_found(), throttled()].iter().cycle().take(1_000) {
            match record.failed(error, &config(), &daemon(), now).0 {
                Next::AskIn(delay) => now += delay,
                Next::GiveUp(reason) => {
                    assert_eq!(reason, not_found());
                    let longest = config().not_found_grace + 2 * config().backoff.max;
                    assert!(now - start <= longest, "{:?}", now - start);
                    return;
                }
                Next::Ended(_) => panic!("an error ended the job"),
            }
        }
        panic!("the job is asked about for ever");
    }

    #[test]
    fn an_answer_starts_the_grace_anew() {
        let mut record = Record::default();
        let start = Instant::now();
        record.failed(&not_found(), &config(), &daemon(), start);
        record.answered();
        let later = start + config().not_found_grace;
        let (next, _) = record.failed(&not_found(), &config(), &daemon(), later);
        assert!(matches!(next, Next::AskIn(_)));
    }

    #[test]
    fn denied_access_ends_a_step_at_once_or_after_five_minutes_if_it_worked_before() {
        let mut record = Record::default();
        assert_eq!(bear(&mut record, &denied(), &Patience::OF_STEP, 10), Some(Duration::ZERO));
        let mut record = Record::default();
        record.answered();
        let took = bear(&mut record, &denied(), &Patience::OF_STEP, 1_000);
        assert_eq!(took, Some(Duration::from_mins(5)));
    }

    #[test]
    fn denied_access_slows_a_daemon_and_never_stops_it() {
        let mut record = Record::default();
        let (next, _) = record.failed(&denied(), &config(), &daemon(), Instant::now());
        assert!(matches!(next, Next::AskIn(delay) if delay >= DENIED_INTERVAL));
        assert_eq!(bear(&mut record, &denied(), &daemon(), 1_000), None);
    }

    #[test]
    fn expired_credentials_are_tried_again_at_once_and_then_like_an_outage() {
        let mut record = Record::default();
        let now = Instant::now();
        let (next, _) = record.failed(&expired(), &config(), &daemon(), now);
        assert_eq!(next, Next::AskIn(Duration::ZERO));
        let (next, _) = record.failed(&expired(), &config(), &daemon(), now);
        assert!(matches!(next, Next::AskIn(delay) if delay >= Duration::from_millis(500)));
    }

    #[test]
    fn an_invalid_request_is_given_up_at_once() {
        let invalid = SourceError::Invalid { message: "bad name".into() };
        for patience in [daemon(), Patience::OF_STEP] {
            assert_eq!(bear(&mut Record::default(), &invalid, &patience, 10), Some(Duration::ZERO));
        }
    }

    #[test]
    fn a_service_that_asks_to_be_left_alone_is_left_alone_but_not_for_ever() {
        let asked = |seconds| SourceError::Throttled {
            retry_after: Some(Duration::from_secs(seconds)),
            message: String::new(),
        };
        let now = Instant::now();
        let (next, _) = Record::default().failed(&asked(20), &config(), &daemon(), now);
        assert_eq!(next, Next::AskIn(Duration::from_secs(20)));
        let (next, _) = Record::default().failed(&asked(1_000_000), &config(), &daemon(), now);
        assert_eq!(next, Next::AskIn(Pacer::MAX_PAUSE));
    }
}
