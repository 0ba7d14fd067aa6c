//! SIGTERM while everything is wrong at once.

use matchwatch::simulator::Operation::GetMatchingJob;
use matchwatch::simulator::Status::{Running, Succeeded};
use matchwatch::simulator::{Limit, Limits};

use super::disk::{assert_whole, home, metric_is_above, told};
use crate::support::receiver::{Arrival, Mood, Receiver};
use crate::support::service::Service;

#[tokio::test]
async fn told_to_stop_amid_an_outage_throttling_a_backlog_and_a_full_disk_it_ends_well_and_resumes()
{
    let service = Service::start().await;
    let jobs: Vec<String> = (0..40).map(|_| service.job("customers")).collect();
    let jobs: Vec<&str> = jobs.iter().map(String::as_str).collect();
    let mut receiver = Receiver::start(Mood::Silent).await;
    let mut home = home(&service, &jobs, &receiver)
        .on_a_small_disk()
        .with("MATCHWATCH__SERVE__SHUTDOWN_GRACE", "1s");
    let mut daemon = home.serve().await;
    // Deliveries are under way, and more of them wait.
    let mut arrivals: Vec<Arrival> = Vec::new();
    for _ in 0..8 {
        arrivals.push(receiver.next().await);
    }
    let pending = "matchwatch_deliveries_pending{notifier=\"hook\"}";
    metric_is_above(&daemon, pending, 39.0).await;
    home.disk.as_mut().unwrap().fill();
    for job in &jobs {
        service.set(job, Running);
    }
    metric_is_above(&daemon, "matchwatch_store_errors_total{operation=\"record\"}", 3.0).await;
    service.simulator.set_limits(&Limits::from([(GetMatchingJob, Limit::per_second(1.0))]));
    service.answered("ThrottlingException", 3).await;

    daemon.terminate();
    daemon.log("stopping: no more questions, delivering what is due").await;
    daemon.log("the grace is over; what is undelivered goes out at the next start").await;
    let ended = daemon.ended().await;
    assert_eq!(ended.code, Some(0), "{:#?}", ended.stderr);

    home.disk.as_mut().unwrap().make_room().await;
    service.simulator.set_limits(&Limits::from([(GetMatchingJob, Limit::Unlimited)]));
    receiver.set(Mood::Good);
    let cut_off = receiver.rest();
    assert!(cut_off.is_empty(), "no more than 8 at once: {cut_off:#?}");
    let daemon = home.serve().await;
    let repeated: Vec<String> = arrivals.drain(..).map(|arrival| arrival.id).collect();
    let mut running = 0;
    while running < jobs.len() {
        arrivals.push(receiver.next().await);
        running += usize::from(told(arrivals.last().unwrap()).1 == "RUNNING");
    }
    for job in &jobs {
        service.set(job, Succeeded);
    }
    while arrivals.len() < 3 * jobs.len() {
        arrivals.push(receiver.next().await);
    }
    assert_eq!(daemon.stop().await.code, Some(0));
    arrivals.extend(receiver.rest());
    assert_whole(&arrivals, &jobs);
    assert!(repeated.iter().all(|id| arrivals.iter().any(|arrival| arrival.id == *id)));
}
