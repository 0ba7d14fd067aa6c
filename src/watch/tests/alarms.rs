//! Alarms that go by time, of jobs that an earlier process left.

use super::*;
use crate::domain::AlarmRules;

#[tokio::test(start_paused = true)]
async fn a_job_that_ended_while_nothing_ran_raises_no_alarm_for_its_time() {
    let service = Arc::new(Service::new([(key(1), life(0, 0))]));
    let store = memory();
    let (poller, _) = poller(&service, &store, config(15));
    let alarms = AlarmRules { running_longer_than: Some(MINUTE), ..AlarmRules::NONE };
    let hours_ago = Timestamp::UNIX_EPOCH - jiff::SignedDuration::from_hours(3);
    let left = WatchedJob {
        status: Some(JobStatus::Running),
        since: Some(hours_ago),
        terms: Arc::new(Terms { alarms, ..Terms::default() }),
        ..watched(1)
    };
    poller.run(given([left]), CancellationToken::new()).await;
    let told = events(&*store).await;
    let told: Vec<_> = told.iter().map(|event| event.event_type.as_str()).collect();
    assert_eq!(told, ["dev.matchwatch.job.succeeded.v1"]);
}
