//! A service that does not answer as it should.

use matchwatch::simulator::Operation::GetMatchingJob;
use matchwatch::simulator::Status::{Running, Succeeded};
use matchwatch::simulator::{Answer, Denial, Script};

use crate::support::daemon::{Home, watch};
use crate::support::service::Service;

#[tokio::test]
async fn no_row_of_bad_answers_ends_the_daemon_or_a_job() {
    let service = Service::start().await;
    let (one, two) = (service.job("customers"), service.job("suppliers"));
    let broken = [
        Answer::Error500,
        Answer::Error503,
        Answer::Reset,
        Answer::Stall,
        Answer::Malformed,
        Answer::Empty,
        Answer::ExpiredToken,
        Answer::WithoutStatus,
        Answer::UnknownStatus,
    ];
    // They come last, because the pacer slows down for all that follows.
    let throttled = [
        Answer::Throttled,
        Answer::ThrottledHtml,
        Answer::ThrottledEmpty,
        Answer::ThrottledRetryAfter { millis: 20 },
    ];
    let script = |answers: &[Answer], times| {
        for answer in answers.iter().cloned() {
            service.simulator.script(Script { operation: GetMatchingJob, answer, times });
        }
    };
    script(&broken, 2);
    let watches = watch("customers", &[&one]) + &watch("suppliers", &[&two]);
    let home =
        Home::new(service.url(), &watches).with("MATCHWATCH__POLL__REQUEST_TIMEOUT", "200ms");
    let mut daemon = home.serve().await;
    let mut told = [daemon.event().await, daemon.event().await];
    told.sort_by_key(|event| event["subject"] != one);
    assert_eq!([&told[0]["subject"], &told[1]["subject"]], [&one, &two]);

    script(&throttled, 1);
    for (job, status) in [(&one, Succeeded), (&two, Running)] {
        service.set(job, status);
        let event = daemon.event().await;
        assert_eq!(
            (event["subject"].as_str(), event["data"]["status"].as_str()),
            (Some(job.as_str()), Some(status.as_str()))
        );
    }
    assert_eq!(service.simulator.counts().of(GetMatchingJob, "stall"), 2);
    assert_eq!(daemon.page("/healthz").await.0, 200);
    assert_eq!(daemon.stop().await.code, Some(0));
}

#[tokio::test]
async fn an_unknown_job_is_given_up_after_its_grace_and_the_others_go_on() {
    let service = Service::start().await;
    let job = service.job("customers");
    let unknown = "0123456789abcdef0123456789abcdef";
    let watches = watch("customers", &[&job, unknown]) + &watch("nobody", &[unknown]);
    let home =
        Home::new(service.url(), &watches).with("MATCHWATCH__POLL__NOT_FOUND_GRACE", "300ms");
    let mut daemon = home.serve().await;
    let mut lost = Vec::new();
    for _ in 0..2 {
        let line = daemon.log("job given up").await;
        assert!(line["job"].as_str().unwrap().contains(unknown), "{line}");
        lost.push(line["job"].clone());
    }
    assert_ne!(lost[0], lost[1], "a job is given up once");
    let asked = service.simulator.counts().of(GetMatchingJob, "ResourceNotFoundException");
    assert!(asked > 4, "there is a grace, but only {asked} questions were asked");

    service.set(&job, Succeeded);
    while daemon.event().await["data"]["status"] != "SUCCEEDED" {}
    let jobs =
        |state| format!("matchwatch_jobs{{account=\"main\",kind=\"matching\",state=\"{state}\"}}");
    assert_eq!(daemon.metric(&jobs("lost")).await, Some(2.0));
    assert_eq!(daemon.metric(&jobs("unseen")).await, Some(0.0));
    assert_eq!(service.simulator.counts().of(GetMatchingJob, "ResourceNotFoundException"), asked);
    assert_eq!(daemon.page("/readyz").await.0, 200);
    assert_eq!(daemon.stop().await.code, Some(0));
}

#[tokio::test]
async fn a_job_that_becomes_readable_within_its_grace_is_followed() {
    let service = Service::start().await;
    let job = service.job("customers");
    let answer = Answer::NotFound;
    service.simulator.script(Script { operation: GetMatchingJob, answer, times: 5 });
    let mut daemon = Home::new(service.url(), &watch("customers", &[&job])).serve().await;
    assert_eq!(daemon.event().await["data"]["status"], "QUEUED");
    daemon.stop().await;
}

#[tokio::test]
async fn a_workflow_that_denies_access_stops_no_other() {
    let service = Service::start().await;
    let denied: Vec<String> = (0..3).map(|_| service.job("suppliers")).collect();
    let denied: Vec<&str> = denied.iter().map(String::as_str).collect();
    let job = service.job("customers");
    let workflow = Some("suppliers".to_owned());
    service.simulator.set_denials(vec![Denial { workflow, ..Denial::default() }]);
    let watches = watch("suppliers", &denied) + &watch("customers", &[&job]);
    let mut daemon = Home::new(service.url(), &watches).serve().await;
    for _ in 0..denied.len() {
        let line = daemon.log("no answer about the job; asking again").await;
        assert!(line["job"].as_str().unwrap().contains("suppliers"), "{line}");
    }
    service.set(&job, Running);
    while daemon.event().await["data"]["status"] != "RUNNING" {}
    assert_eq!(daemon.page("/readyz").await.0, 200);
    service.set(&job, Succeeded);
    assert_eq!(daemon.event().await["data"]["status"], "SUCCEEDED");
    assert_eq!(daemon.stop().await.code, Some(0));
}
