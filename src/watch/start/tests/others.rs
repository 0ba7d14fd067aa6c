//! Jobs that somebody else starts, or has started before.

use jiff::SignedDuration;

use super::*;

#[tokio::test(start_paused = true)]
async fn with_several_new_jobs_none_is_taken_for_ours() {
    let service = Service::new([Reply::Lost]);
    *service.others_at_start.lock().unwrap() = 1;
    let told = start(&service, false).await;
    let both = vec!["job-0".to_owned(), "job-1".to_owned()];
    assert_eq!(told.outcome, Err(StartFailure::Unsure(Unsure::Several(both))));
}

#[tokio::test(start_paused = true)]
async fn a_job_of_somebody_else_is_not_adopted_while_ours_is_on_its_way() {
    let service = Service::new([Reply::LostAndSlow(Duration::from_secs(1))]);
    *service.others_at_start.lock().unwrap() = 1;
    let told = start(&service, false).await;
    let Err(StartFailure::Unsure(Unsure::Several(jobs))) = &told.outcome else {
        panic!("{:?}", told.outcome)
    };
    assert_eq!(jobs.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_job_of_another_type_is_not_taken_for_ours() {
    let service = Service::new([Reply::LostAndSlow(Duration::from_secs(5))]);
    *service.others_at_start.lock().unwrap() = 1;
    let typed = async {
        // Somebody else's is there before ours.
        while service.count() < 2 {
            sleep(Duration::from_millis(5)).await;
        }
        let mut jobs = service.jobs.lock().unwrap();
        jobs[0].job_type = Some(JobType::Batch);
        jobs[1].job_type = Some(JobType::Incremental);
    };
    let (told, ()) =
        tokio::join!(start_of_type(&service, false, Some(JobType::Incremental)), typed);
    assert_eq!(told.job(), ("job-1", How::Adopted));
}

/// More jobs than are read before a start, each an hour older than the one before.
fn with_many_jobs(script: impl IntoIterator<Item = Reply>) -> Arc<Service> {
    let service = Service::new(script);
    for age in 0..1_000 {
        service.add(Duration::ZERO);
        service.date(now().checked_sub(SignedDuration::from_hours(age + 1)).unwrap());
    }
    service
}

#[tokio::test(start_paused = true)]
async fn of_more_jobs_than_are_read_before_a_start_old_ones_are_not_taken_for_new() {
    let service = with_many_jobs([Reply::LostBefore]);
    let told = start(&service, false).await;
    assert_eq!(told.job(), ("job-1000", How::Told));
}

#[tokio::test(start_paused = true)]
async fn where_not_all_jobs_were_known_before_none_is_taken_for_ours_but_named() {
    let unsure = |jobs: &[&str]| {
        let jobs = jobs.iter().map(ToString::to_string).collect();
        Err(StartFailure::Unsure(Unsure::NewOrOld(jobs)))
    };
    // Somebody else's, five minutes old, and beyond what is read before a start.
    let service = with_many_jobs([Reply::LostBefore]);
    service.add(Duration::ZERO);
    service.date(now().checked_sub(SignedDuration::from_mins(5)).unwrap());
    let told = start(&service, false).await;
    assert_eq!(told.outcome, unsure(&["job-1000"]));
    assert_eq!(*service.starts.lock().unwrap(), 1);

    let service = with_many_jobs([Reply::Lost]);
    let told = start(&service, false).await;
    assert_eq!(told.outcome, unsure(&["job-1000"]));

    let service = Service::new([Reply::Lost]);
    service.may_list.store(false, Ordering::Relaxed);
    service.add(Duration::ZERO);
    let granted = async {
        service.until_started().await;
        service.may_list.store(true, Ordering::Relaxed);
    };
    let (told, ()) = tokio::join!(start(&service, false), granted);
    assert_eq!(told.outcome, unsure(&["job-0", "job-1"]));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_somebody_started_while_ours_had_to_wait_is_not_taken_for_ours() {
    let busy = Reply::Bad(conflict());
    let throttled = SourceError::Throttled { retry_after: None, message: "slow down".into() };
    let throttled = Reply::Bad(StartError::NotStarted(throttled));
    for no_effect in [busy, throttled] {
        let service = Service::new([no_effect, Reply::LostBefore]);
        let other = async {
            service.until_started().await;
            service.add(Duration::from_millis(500));
        };
        let (told, ()) = tokio::join!(start(&service, true), other);
        assert_eq!(told.job(), ("job-1", How::Told), "{:?}", told.news);
    }
}

#[tokio::test(start_paused = true)]
async fn who_may_not_list_is_told_so_once_and_does_not_ask_again() {
    let busy = Reply::Bad(conflict());
    let service = Service::new([busy.clone(), busy.clone(), busy]);
    service.may_list.store(false, Ordering::Relaxed);
    let told = start(&service, true).await;
    assert_eq!(told.job(), ("job-0", How::Told));
    let blind = told.news.iter().filter(|news| matches!(news, StartNews::Blind(_)));
    assert_eq!(blind.count(), 1);
    assert_eq!(*service.lists.lock().unwrap(), 1);
}
