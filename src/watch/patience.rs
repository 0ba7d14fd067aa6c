//! Asks until there is an answer.

use tokio::time::{Instant, sleep};

use super::pacer::Budget;
use crate::backoff::{Backoff, Policy};
use crate::source::SourceError;

/// Asks within the budget until there is an answer, or an error that waiting does not mend. What is borne with is told.
///
/// Throttles and outages are waited out for ever: the caller sets the deadline.
pub(super) async fn patiently<T, F>(
    budget: &Budget,
    policy: Policy,
    mut trouble: impl FnMut(SourceError),
    ask: impl Fn() -> F,
) -> Result<T, SourceError>
where
    F: Future<Output = Result<T, SourceError>>,
{
    let mut backoff = Backoff::new(policy);
    let mut renewed = false;
    loop {
        budget.spend_one().await;
        let sent_at = Instant::now();
        let error = match ask().await {
            Err(
                error @ (SourceError::Throttled { .. }
                | SourceError::Unavailable { .. }
                | SourceError::CredentialsExpired { .. }),
            ) => error,
            answer => {
                budget.pacer().succeeded();
                return answer;
            }
        };
        trouble(error.clone());
        match error {
            SourceError::CredentialsExpired { .. } if !renewed => {
                renewed = true;
                continue;
            }
            SourceError::Throttled { retry_after, .. } => {
                budget.pacer().throttled(sent_at, Instant::now(), retry_after);
            }
            _ => {}
        }
        sleep(backoff.next_delay()).await;
    }
}
