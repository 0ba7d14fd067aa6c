//! Lists that serve two purposes: to find jobs, and to follow those at work.

use matchwatch::simulator::Status::{Running, Succeeded};

use crate::support::daemon::Home;
use crate::support::service::Service;

#[tokio::test]
async fn a_list_that_is_read_for_new_jobs_shows_that_one_has_ended() {
    let service = Service::start().await;
    let at_work = service.job("customers");
    service.set(&at_work, Running);
    // By itself it is asked about when its time has come, and that is in ten minutes.
    let home =
        Home::new(service.url(), "[discovery]\ninterval = \"1s\"\n\n[[watch]]\nall = true\n")
            .with("MATCHWATCH__POLL__MIN_INTERVAL", "10m")
            .with("MATCHWATCH__POLL__MAX_INTERVAL", "10m");
    let mut daemon = home.serve().await;
    assert_eq!(daemon.event().await["data"]["status"], "RUNNING");
    service.set(&at_work, Succeeded);
    assert_eq!(daemon.event().await["data"]["status"], "SUCCEEDED");
    daemon.stop().await;
}

#[tokio::test]
async fn a_list_that_is_read_for_jobs_at_work_shows_that_another_has_started() {
    let service = Service::start().await;
    // New jobs are looked for once an hour. Jobs at work are asked about every second, by lists, for they are many.
    let rarely = "[discovery]\ninterval = \"1h\"\n\n[[watch]]\nworkflow_name = \"customers\"\n";
    let jobs: Vec<_> = (0..10).map(|_| service.job("customers")).collect();
    jobs.iter().for_each(|job| service.set(job, Running));
    let home = Home::new(service.url(), rarely);
    let mut daemon = home.serve().await;
    for _ in &jobs {
        daemon.event().await;
    }
    let another = service.job("customers");
    assert_eq!(daemon.event().await["subject"], another);
    daemon.stop().await;
}
