//! Jobs that wait in the service's queue, where it is not plain what they wait for.

use super::*;

/// The rule as it is shipped, for a service that may not list.
fn shipped() -> Config {
    let second = Duration::from_secs(1);
    Config { call_worth: second, min_interval: second, max_interval: 10 * MINUTE, ..config(1) }
}

/// A job of another workflow.
fn other(number: usize) -> JobKey {
    JobKey { workflow_name: "suppliers".into(), ..key(number) }
}

/// A watched job of another workflow.
fn watched_other(number: usize) -> WatchedJob {
    WatchedJob { key: other(number), ..watched(number) }
}

/// When the job was asked about.
fn asked_at(service: &Service, job: &JobKey) -> Vec<Duration> {
    let log = service.log.lock().unwrap();
    log.requests.iter().filter(|(_, asked, _)| asked == job).map(|(at, ..)| *at).collect()
}

/// How long it took to see that a job had begun, in seconds.
async fn seen_late(store: &dyn Store, service: &Service, job: &JobKey) -> f64 {
    let told = events(store).await;
    let started = told
        .iter()
        .find(|event| event.subject == *job.job_id && event.status() == Some(JobStatus::Running));
    let seen_at = started.expect("every start is told").time.duration_since(Timestamp::UNIX_EPOCH);
    seen_at.as_secs_f64() - service.lives[job].runs_at.as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn those_behind_a_job_that_cannot_be_asked_about_are_asked_by_the_time_that_they_have_waited()
{
    // The service says nothing of the first from two minutes on, and nobody sees it end, an hour later.
    let service = Arc::new(Service::new([(key(1), life(0, 3_600)), (key(2), life(3_600, 9_000))]));
    let store = memory();
    let (poller, _) = poller(&service, &store, shipped());
    let stop = CancellationToken::new();
    let running = tokio::spawn(poller.run(given([watched(1), watched(2)]), stop.clone()));
    sleep(2 * MINUTE).await;
    service.log.lock().unwrap().unreachable.insert(key(1));
    sleep(90 * MINUTE).await;
    stop.cancel();
    running.await.unwrap();
    // Of one that has waited for an hour nothing is known but that: it is worth a question every two minutes.
    let late = seen_late(&*store, &service, &key(2)).await;
    assert!(late < 130.0, "{late} s");
    let asked = asked_at(&service, &key(2));
    let in_the_third_half_hour =
        asked.iter().filter(|at| (30 * MINUTE..60 * MINUTE).contains(*at)).count();
    assert!((14..=24).contains(&in_the_third_half_hour), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_does_not_wait_for_the_one_at_work_is_found_out_and_the_next_of_its_kind_sooner()
{
    // One workflow's job takes four hours. Those of another are worked on beside it, one after the other.
    let lives =
        [(key(1), life(0, 14_400)), (other(2), life(300, 1_200)), (other(3), life(5_000, 5_900))];
    let service = Arc::new(Service::new(lives));
    let store = memory();
    let (poller, _) = poller(&service, &store, shipped());
    let jobs = [watched(1), watched_other(2), watched_other(3)];
    poller.run(given(jobs), CancellationToken::new()).await;
    let asked = asked_at(&service, &other(2));
    let while_it_waits = asked.iter().filter(|at| at.as_secs() < 300).count();
    assert!((2..=6).contains(&while_it_waits), "{asked:?}");
    let found = asked.iter().find(|at| at.as_secs() >= 300).unwrap();
    assert!(found.as_secs() < 300 + 180, "{asked:?}");
    // From then on it is known, and the time that the next one has waited is all that counts.
    let asked = asked_at(&service, &other(3));
    let in_half_an_hour = asked.iter().filter(|at| (3_200..5_000).contains(&at.as_secs())).count();
    assert!((14..=24).contains(&in_half_an_hour), "{asked:?}");
    let late = seen_late(&*store, &service, &other(3)).await;
    assert!(late < 140.0, "{late} s: {asked:?}");
}
