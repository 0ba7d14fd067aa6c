//! Credentials that many share: found once for all who need them.

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_types::sdk_config::SharedTimeSource;
use tokio::sync::OnceCell;

/// What nobody gave an end is looked up again after this long, as the SDK does.
const WITHOUT_EXPIRY: Duration = Duration::from_secs(15 * 60);
/// What ends so soon is not handed out to newcomers any more.
const TOO_LATE: Duration = Duration::from_secs(10);

/// Credentials of one origin, and the search for them.
pub(super) struct SharedCredentials<P> {
    origin: P,
    time: SharedTimeSource,
    latest: Mutex<Arc<Search>>,
}

/// One search, for all who wait for it.
#[derive(Default)]
struct Search {
    /// 1 for the first one that was begun.
    number: u64,
    outcome: OnceCell<Result<Found, Arc<CredentialsError>>>,
}

struct Found {
    credentials: Credentials,
    at: SystemTime,
}

impl<P: ProvideCredentials> SharedCredentials<P> {
    pub(super) fn new(origin: P, time: SharedTimeSource) -> Self {
        Self { origin, time, latest: Mutex::default() }
    }

    /// Credentials other than those of search `had`, with the number of their own.
    async fn other_than(&self, had: u64) -> Result<(u64, Credentials), CredentialsError> {
        let search = self.search(had);
        let look = async {
            let credentials = self.origin.provide_credentials().await.map_err(Arc::new)?;
            Ok(Found { credentials, at: self.time.now() })
        };
        match search.outcome.get_or_init(|| look).await {
            Ok(found) => Ok((search.number, found.credentials.clone())),
            Err(error) => Err(again(error)),
        }
    }

    /// The search to wait for: the latest one, or a new one where that is of no use any more.
    fn search(&self, had: u64) -> Arc<Search> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = match latest.outcome.get() {
            None => latest.number == 0,
            Some(Err(_)) => true,
            Some(Ok(found)) => latest.number == had || found.is_stale(self.time.now()),
        };
        if is_over {
            *latest = Arc::new(Search { number: latest.number + 1, ..Search::default() });
        }
        Arc::clone(&latest)
    }
}

impl Found {
    fn is_stale(&self, now: SystemTime) -> bool {
        match self.credentials.expiry() {
            Some(expiry) => expiry <= now + TOO_LATE,
            None => self.at + WITHOUT_EXPIRY <= now,
        }
    }
}

/// What one customer has of shared credentials.
///
/// A customer keeps what it gets. If it asks again, what it got is of no more use: then others are looked for, unless
/// another customer has had them looked for already.
pub(super) struct Customer<P> {
    shared: Arc<SharedCredentials<P>>,
    /// The number of the search that found them.
    had: Arc<AtomicU64>,
}

impl<P: ProvideCredentials> Customer<P> {
    pub(super) fn of(shared: Arc<SharedCredentials<P>>) -> Self {
        Self { shared, had: Arc::default() }
    }

    async fn next(&self) -> provider::Result {
        let (number, credentials) =
            self.shared.other_than(self.had.load(Ordering::Relaxed)).await?;
        self.had.store(number, Ordering::Relaxed);
        Ok(credentials)
    }
}

/// The same customer.
impl<P> Clone for Customer<P> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), had: Arc::clone(&self.had) }
    }
}

/// For a customer that keeps nothing: asking again says nothing against what it got.
pub(super) trait Forget: Send + Sync + fmt::Debug {
    /// The next answer may be the same as the last one.
    fn forget(&self);
}

impl<P: ProvideCredentials> Forget for Customer<P> {
    fn forget(&self) {
        self.had.store(0, Ordering::Relaxed);
    }
}

impl<P: ProvideCredentials> ProvideCredentials for Customer<P> {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.next())
    }
}

/// Shows no credentials.
impl<P> fmt::Debug for Customer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Customer").finish_non_exhaustive()
    }
}

/// The same error for one more of those that wait for it.
pub(super) fn again(error: &Arc<CredentialsError>) -> CredentialsError {
    CredentialsError::provider_error(Again(Arc::clone(error)))
}

#[derive(Debug)]
struct Again(Arc<CredentialsError>);

impl fmt::Display for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Again {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;
    use crate::aws::hand_set_clock::HandSetClock;

    /// Finds other keys each time, once it may; every third time none.
    struct Origin {
        may: Semaphore,
        searches: AtomicU64,
        end: Option<SystemTime>,
    }

    impl fmt::Debug for Origin {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Origin")
        }
    }

    impl ProvideCredentials for Origin {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::new(async {
                let number = self.searches.fetch_add(1, Ordering::Relaxed) + 1;
                self.may.acquire().await.map_err(CredentialsError::unhandled)?.forget();
                match number % 3 {
                    0 => Err(CredentialsError::not_loaded("nothing here")),
                    _ => Ok(Credentials::new(number.to_string(), "secret", None, self.end, "test")),
                }
            })
        }
    }

    fn shared(end: Option<Duration>) -> (Arc<SharedCredentials<Origin>>, HandSetClock) {
        let clock = HandSetClock::new();
        let end = end.map(|end| clock.for_sdk().now() + end);
        let origin = Origin { may: Semaphore::new(100), searches: AtomicU64::new(0), end };
        let shared = SharedCredentials::new(origin, clock.for_sdk());
        (Arc::new(shared), clock)
    }

    async fn key(customer: &Customer<Origin>) -> String {
        customer.provide_credentials().await.unwrap().access_key_id().to_owned()
    }

    #[tokio::test]
    async fn many_who_ask_at_once_wait_for_one_search_though_the_first_of_them_goes_away() {
        let (shared, _) = shared(None);
        shared.origin.may.forget_permits(100);
        let customers: Vec<_> = (0..300).map(|_| Customer::of(Arc::clone(&shared))).collect();
        let mut waiting: Vec<_> = customers.iter().map(|c| Box::pin(key(c))).collect();
        for customer in &mut waiting {
            assert!(futures_poll(customer.as_mut()).await.is_none());
        }
        drop(waiting.remove(0));
        shared.origin.may.add_permits(1);
        for customer in waiting {
            // The one that went away had begun the first.
            assert_eq!(customer.await, "2");
        }
    }

    /// What a future has come to when it is asked once.
    async fn futures_poll<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(match std::pin::Pin::new(&mut future).poll(context) {
                std::task::Poll::Ready(value) => Some(value),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }

    #[tokio::test]
    async fn who_asks_again_gets_others_and_all_those_get_the_same_others() {
        let (shared, _) = shared(None);
        let [one, two] = [(); 2].map(|()| Customer::of(Arc::clone(&shared)));
        assert_eq!((key(&one).await, key(&two).await), ("1".into(), "1".into()));
        assert_eq!((key(&one).await, key(&two).await), ("2".into(), "2".into()));
        two.forget();
        assert_eq!(key(&two).await, "2", "it has nothing against them");
    }

    #[tokio::test]
    async fn a_search_in_vain_is_told_as_it_was_and_made_again_when_somebody_asks() {
        let (shared, _) = shared(None);
        let customer = Customer::of(shared);
        key(&customer).await;
        key(&customer).await;
        let error = customer.provide_credentials().await.unwrap_err();
        let first: &(dyn Error + 'static) = &error;
        let mut causes = std::iter::successors(Some(first), |&error| error.source());
        let original = causes.find_map(|e| {
            let error = e.downcast_ref::<CredentialsError>()?;
            matches!(error, CredentialsError::CredentialsNotLoaded(_)).then_some(e)
        });
        assert_eq!(original.unwrap().source().unwrap().to_string(), "nothing here");
        assert_eq!(key(&customer).await, "4");
    }

    #[tokio::test]
    async fn a_newcomer_gets_none_that_are_at_their_end() {
        for (end, lasts) in [(Some(Duration::from_secs(3_600)), 3_580), (None, 899)] {
            let (shared, clock) = shared(end);
            assert_eq!(key(&Customer::of(Arc::clone(&shared))).await, "1");
            clock.advance(Duration::from_secs(lasts));
            assert_eq!(key(&Customer::of(Arc::clone(&shared))).await, "1");
            clock.advance(Duration::from_secs(20));
            assert_eq!(key(&Customer::of(Arc::clone(&shared))).await, "2");
        }
    }
}
