//! Answers that are lost after what was asked for is done.

use super::*;

const PATH: &str = "/matchingworkflows/customers/jobs";

#[tokio::test]
async fn a_start_whose_answer_is_lost_has_started_a_job_all_the_same() {
    let served = serve(SCENARIO).await;
    served.script(Operation::StartMatchingJob, Answer::Lost);
    let error = served.try_send(Method::POST, PATH, None).await.unwrap_err();
    assert!(format!("{error:?}").contains("ConnectionReset"), "{error:?}");
    assert_eq!(served.simulator.jobs().len(), 1);

    served.script(Operation::StartMatchingJob, Answer::Lost500);
    assert_eq!(served.send(Method::POST, PATH, None).await.status(), 500);
    assert_eq!(served.simulator.jobs().len(), 2);
    assert_eq!(served.simulator.counts().of(Operation::StartMatchingJob, "lost"), 1);
}

#[tokio::test]
async fn a_start_that_is_never_answered_may_have_started_a_job() {
    let served = serve(SCENARIO).await;
    served.script(Operation::StartMatchingJob, Answer::LostStall);
    let stalled = served.try_send(Method::POST, PATH, None);
    let others = async {
        let start = Operation::StartMatchingJob;
        served.simulator.until(|counts| counts.of(start, "lost-stall") == 1).await;
        assert_eq!(served.simulator.jobs().len(), 1);
        served.stop.cancel();
    };
    assert!(tokio::join!(stalled, others).0.is_err());
}

#[tokio::test]
async fn faults_may_lose_a_share_of_all_answers() {
    let served = serve(SCENARIO).await;
    served.control(Method::PUT, "faults", json!({"lost": 1})).await;
    assert!(served.try_send(Method::POST, PATH, None).await.is_err());
    assert!(served.try_send(Method::GET, PATH, None).await.is_err());
    assert_eq!(served.simulator.jobs().len(), 1);
}
