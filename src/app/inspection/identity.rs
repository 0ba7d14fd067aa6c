//! Who is it that asks, and is the clock right?

use std::sync::Arc;

use jiff::SignedDuration;

use super::accounts::{Answer, Asker, Question, fails};
use super::{TroubleKind, Verdict};
use crate::aws::{Identity, NotIdentified};
use crate::clock::{Clock as _, SystemClock};
use crate::source::SourceError;

/// The service tells the time to the second, and the answer takes its time: so much says nothing of the clock.
const TELLS_NOTHING: SignedDuration = SignedDuration::from_secs(2);
/// A clock that is kept by NTP is not off by this much. AWS refuses requests that are off by 5 minutes
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html>).
const TOLERATED: SignedDuration = SignedDuration::from_secs(10);

/// How far the clock of this machine is ahead of the service's, where the service told the time.
pub(super) type Ahead = Option<SignedDuration>;

impl Asker {
    /// Asks who it is that asks.
    pub(super) async fn identify(self: Arc<Self>) -> Verdict {
        if let Err(error) = self.greeting().await {
            return fails(error, &error.to_string());
        }
        match self.identity().await {
            None => Verdict::Works(self.introduction().await),
            Some(Ok(Identity { account_id, arn })) => {
                Verdict::Works(format!("{account_id} in {}, asked as {arn}", self.region().await))
            }
            // The service answers all the same: where STS is out of reach, nothing else is amiss.
            Some(Err(error)) => Verdict::Works(format!(
                "{}; who that is, is not known: {error}",
                self.introduction().await
            )),
        }
    }

    /// Whether the account answers at all.
    pub(super) async fn greeting(&self) -> &Result<Ahead, SourceError> {
        let greet = async || {
            let answer = self.ask(&Question::Introduction(self.kind())).await?;
            Ok(match answer {
                Answer::Introduction(date) => {
                    date.map(|date| SystemClock.now().duration_since(date))
                }
                _ => None,
            })
        };
        self.greeting.get_or_init(greet).await
    }

    /// Who asks; nobody in particular where requests are not signed.
    pub(super) async fn identity(&self) -> Option<&Result<Identity, NotIdentified>> {
        let (access, timeout) = (self.access(), self.request_timeout());
        if access.no_sign_request {
            return None;
        }
        Some(self.identity.get_or_init(|| self.aws().identify(access, timeout)).await)
    }
}

/// Holds the clock of this machine to the service's, as the first account tells it that does.
pub(super) async fn clock(askers: Vec<Arc<Asker>>) -> Verdict {
    for asker in askers {
        if let Ok(Some(ahead)) = asker.greeting().await {
            return judge(*ahead);
        }
    }
    Verdict::NothingToTry("no account tells the time")
}

fn judge(ahead: SignedDuration) -> Verdict {
    let off = ahead.abs();
    if off <= TELLS_NOTHING {
        return Verdict::Works("as the service's".to_owned());
    }
    let direction = if ahead.is_positive() { "ahead of" } else { "behind" };
    let reason = format!("{} s {direction} the service's", off.as_secs());
    if off <= TOLERATED {
        return Verdict::Works(reason);
    }
    let advice = "Set it, and keep it by NTP: events bear its time, and AWS refuses requests that are 5 minutes off";
    Verdict::fails(TroubleKind::Configuration, reason, advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_wrong_that_is_off_by_more_than_ten_seconds_either_way() {
        let judged = |seconds| judge(SignedDuration::from_secs(seconds));
        assert_eq!(judged(2), Verdict::Works("as the service's".to_owned()));
        assert_eq!(judged(-9), Verdict::Works("9 s behind the service's".to_owned()));
        for (seconds, words) in [(11, "11 s ahead of"), (-90, "90 s behind")] {
            let Verdict::Fails(trouble) = judged(seconds) else { panic!("{seconds}") };
            assert!(trouble.reason.starts_with(words), "{trouble}");
        }
    }
}
