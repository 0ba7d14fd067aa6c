//! Alarms that go by time, of jobs that an earlier process left.

use super::*;
use crate::domain::{Alarm, AlarmFacts, AlarmKey, AlarmName, AlarmRules, Message};
use crate::store::{Raising, Telling};

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

#[tokio::test(start_paused = true)]
async fn a_job_that_is_given_up_is_late_no_more() {
    let service = Arc::new(Service::new([]));
    let store = memory();
    let (poller, _) = poller(&service, &store, config(15));
    for name in [AlarmName::QueuedTooLong, AlarmName::RunningTooLong] {
        let key = AlarmKey { name, subject: key(1).into() };
        let (region, message) = ("eu-west-1".to_owned(), "late".to_owned());
        let facts = AlarmFacts::default();
        let alarm = Alarm::new(key, region, Timestamp::UNIX_EPOCH, message, facts);
        let message = Message::encode(Event::of_raised(&alarm)).unwrap();
        let telling = Telling { message, notifiers: Vec::new() };
        assert!(store.raise(&Raising { alarm, telling }).await.unwrap());
    }
    let alarms = AlarmRules { running_longer_than: Some(MINUTE), lost: true, ..AlarmRules::NONE };
    let left = WatchedJob {
        status: Some(JobStatus::Running),
        since: Some(Timestamp::UNIX_EPOCH),
        terms: Arc::new(Terms { alarms, ..Terms::default() }),
        ..watched(1)
    };
    poller.run(given([left]), CancellationToken::new()).await;
    let open = store.open_alarms(None).await.unwrap();
    let open: Vec<_> = open.iter().map(|alarm| alarm.key.name).collect();
    assert_eq!(open, [AlarmName::Lost]);
}
