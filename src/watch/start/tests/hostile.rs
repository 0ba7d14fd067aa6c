//! A service that loses one answer in five, in a thousand starts.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::*;

/// A script by chance: some answers are lost, with the job started, to appear late, or not started at all.
fn script(chance: &mut SmallRng) -> Vec<Reply> {
    let mut one = || match chance.random::<f64>() {
        ..0.07 => Reply::Lost,
        ..0.14 => Reply::LostAndSlow(Duration::from_secs_f64(chance.random::<f64>() * 40.0)),
        ..0.20 => Reply::LostBefore,
        ..0.25 => Reply::Bad(StartError::NotStarted(unavailable())),
        ..0.28 => Reply::Bad(conflict()),
        _ => Reply::Good,
    };
    (0..20).map(|_| one()).collect()
}

#[tokio::test(start_paused = true)]
async fn no_second_job_is_started_without_a_word_in_a_thousand_starts() {
    let (mut adopted, mut twice) = (0, 0);
    for seed in 0..1_000 {
        let mut chance = SmallRng::seed_from_u64(seed);
        let service = Service::new(script(&mut chance));
        let lists = (0..20).filter(|_| chance.random::<f64>() < 0.2).map(|_| unavailable());
        service.list_errors.lock().unwrap().extend(lists);
        let told = start(&service, true).await;
        let is_said = told.has(|news| *news == StartNews::NothingAppeared);
        assert!(service.count() < 2 || is_said, "seed {seed}: {:?}", told.news);
        assert!(
            told.news.iter().filter(|news| **news == StartNews::Asked).count()
                == *service.starts.lock().unwrap()
        );
        match &told.outcome {
            Ok(Started { job, how }) => {
                let jobs = service.jobs.lock().unwrap();
                assert!(jobs.iter().any(|known| *known.id == *job.job_id), "seed {seed}");
                adopted += usize::from(*how == How::Adopted);
            }
            Err(StartFailure::Unsure(Unsure::Several(jobs))) => {
                assert_eq!(jobs.len(), service.count(), "seed {seed}");
            }
            Err(other) => panic!("seed {seed}: {other}"),
        }
        twice += usize::from(service.count() > 1);
    }
    // Each of these was put to the test.
    assert!(adopted > 50 && twice > 0, "{adopted} {twice}");
}
