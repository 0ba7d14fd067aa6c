//! A service, a store or a poll that fails.

use async_trait::async_trait;

use super::*;
use crate::store::{Change, Double, Recorded, StoreError};

/// A store that refuses the first changes.
struct Refusing {
    store: MemoryStore,
    refusals_left: Mutex<usize>,
}

#[async_trait]
impl Double for Refusing {
    fn behind(&self) -> &MemoryStore {
        &self.store
    }

    async fn record(&self, change: &Change) -> Result<Recorded, StoreError> {
        {
            let mut left = self.refusals_left.lock().unwrap();
            if *left > 0 {
                *left -= 1;
                return Err(StoreError::Unusable("disk full".into()));
            }
        }
        self.store.record(change).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_the_store_refuses_is_told_once_the_store_works_again() {
    let service = Arc::new(Service::new([(key(1), life(0, 60))]));
    let refusing = Refusing { store: MemoryStore::default(), refusals_left: Mutex::new(5) };
    let store: Arc<dyn Store> = Arc::new(refusing);
    let (poller, _) = poller(&service, &store, config(15));
    poller.run(given(vec![watched(1)]), CancellationToken::new()).await;
    let events = events(&*store).await;
    let last = events.last().unwrap();
    assert_eq!(last.status(), Some(JobStatus::Succeeded));
    let path: usize = events.iter().map(|event| 1 + event.job().unwrap().inferred.len()).sum();
    assert_eq!(path, 3, "told and inferred statuses are the whole path");
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_breaks_off_does_not_lose_its_job() {
    let service = Service::new([(key(1), life(0, 60))]);
    service.log.lock().unwrap().panics_left = 1;
    let service = Arc::new(service);
    let store = memory();
    let (poller, _) = poller(&service, &store, config(15));
    poller.run(given(vec![watched(1)]), CancellationToken::new()).await;
    assert_eq!(events(&*store).await.last().unwrap().status(), Some(JobStatus::Succeeded));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_the_service_does_not_know_is_given_up_after_the_grace() {
    let service = Arc::new(Service::new([]));
    let (poller, notes) = poller(&service, &memory(), config(15));
    poller.run(given(vec![watched(1)]), CancellationToken::new()).await;
    let elapsed = service.started.elapsed();
    assert!((10 * MINUTE..11 * MINUTE).contains(&elapsed), "{elapsed:?}");
    let last = notes.0.lock().unwrap().last().cloned();
    assert!(matches!(last, Some((_, Next::GiveUp(SourceError::NotFound { .. })))));
}

#[tokio::test(start_paused = true)]
async fn fifty_throttled_answers_in_a_row_do_not_end_a_pipeline_step() {
    let service = Service::new([(key(1), life(0, 60))]);
    service.log.lock().unwrap().throttles_left = 50;
    let service = Arc::new(service);
    let (mut poller, notes) = poller(&service, &memory(), config(5));
    poller.patience = Patience::OF_STEP;
    poller.run(given(vec![watched(1)]), CancellationToken::new()).await;
    assert_eq!(service.log.lock().unwrap().requests.len(), 51);
    let last = notes.0.lock().unwrap().last().cloned();
    assert_eq!(last, Some((key(1), Next::Ended(JobStatus::Succeeded))));
}
