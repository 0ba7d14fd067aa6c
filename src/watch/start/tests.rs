//! Starts against a service in the same process, in paused time.

mod hostile;
mod others;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;

use super::*;
use crate::clock::TokioClock;
use crate::domain::{
    JobDetails, JobKind, JobStatus, JobSummary, JobType, Observation, ObservedStatus, WorkflowKey,
};
use crate::source::{JobPage, JobSource, PageToken, Scope, WorkflowPage};

const POLICY: Policy = Policy { initial: Duration::from_secs(1), max: Duration::from_secs(30) };

/// What the service does with a request to start a job.
#[derive(Debug, Clone)]
enum Reply {
    /// Starts one and says so.
    Good,
    /// Starts one, and the answer is lost.
    Lost,
    /// Starts one that lists show only after this long; the answer is lost.
    LostAndSlow(Duration),
    /// Starts none, and the answer is lost.
    LostBefore,
    /// Refuses.
    Bad(StartError),
}

/// A service that starts jobs as its script says.
#[derive(Default)]
struct Service {
    script: Mutex<VecDeque<Reply>>,
    jobs: Mutex<Vec<Job>>,
    /// Errors of the next lists.
    list_errors: Mutex<VecDeque<SourceError>>,
    /// Jobs that somebody else starts just before ours.
    others_at_start: Mutex<usize>,
    may_list: AtomicBool,
    starts: Mutex<usize>,
    lists: Mutex<usize>,
}

#[derive(Clone)]
struct Job {
    id: String,
    appears_at: Instant,
    start_time: Option<Timestamp>,
    job_type: Option<JobType>,
}

fn unavailable() -> SourceError {
    SourceError::Unavailable { message: "503".into() }
}

fn denied() -> SourceError {
    SourceError::AccessDenied {
        scope: Scope::Question,
        message: "entityresolution:ListMatchingJobs".into(),
    }
}

fn conflict() -> StartError {
    StartError::Conflict { message: "it runs".into() }
}

impl Service {
    fn new(script: impl IntoIterator<Item = Reply>) -> Arc<Self> {
        let script = Mutex::new(script.into_iter().collect());
        Arc::new(Self { script, may_list: true.into(), ..Self::default() })
    }

    fn add(&self, after: Duration) -> String {
        let mut jobs = self.jobs.lock().unwrap();
        let id = format!("job-{}", jobs.len());
        let appears_at = Instant::now() + after;
        jobs.push(Job { id: id.clone(), appears_at, start_time: None, job_type: None });
        id
    }

    /// Says when the latest job was started.
    fn date(&self, start_time: Timestamp) {
        self.jobs.lock().unwrap().last_mut().unwrap().start_time = Some(start_time);
    }

    /// Waits for the first request to start a job.
    async fn until_started(&self) {
        while *self.starts.lock().unwrap() == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    }

    fn count(&self) -> usize {
        self.jobs.lock().unwrap().len()
    }
}

#[async_trait]
impl JobStarter for Service {
    async fn start(&self, _order: &JobOrder) -> Result<String, StartError> {
        *self.starts.lock().unwrap() += 1;
        sleep(Duration::from_millis(20)).await;
        for _ in 0..std::mem::take(&mut *self.others_at_start.lock().unwrap()) {
            self.add(Duration::ZERO);
        }
        let reply = self.script.lock().unwrap().pop_front().unwrap_or(Reply::Good);
        let lost = Err(StartError::Lost(unavailable()));
        match reply {
            Reply::Good => Ok(self.add(Duration::ZERO)),
            Reply::Lost => {
                self.add(Duration::ZERO);
                lost
            }
            Reply::LostAndSlow(after) => {
                self.add(after);
                lost
            }
            Reply::LostBefore => lost,
            Reply::Bad(error) => Err(error),
        }
    }
}

#[async_trait]
impl JobSource for Service {
    async fn observe(&self, job: &JobKey) -> Result<Observation, SourceError> {
        let jobs = self.jobs.lock().unwrap();
        let known = jobs.iter().find(|known| *known.id == *job.job_id).unwrap();
        Ok(Observation {
            status: ObservedStatus::Known(JobStatus::Running),
            details: JobDetails { job_type: known.job_type.clone(), ..JobDetails::default() },
        })
    }

    async fn list_jobs(
        &self,
        _workflow: &WorkflowKey,
        page: Option<PageToken>,
    ) -> Result<JobPage, SourceError> {
        *self.lists.lock().unwrap() += 1;
        sleep(Duration::from_millis(20)).await;
        if let Some(error) = self.list_errors.lock().unwrap().pop_front() {
            return Err(error);
        }
        if !self.may_list.load(Ordering::Relaxed) {
            return Err(denied());
        }
        let jobs = self.jobs.lock().unwrap();
        let visible: Vec<&Job> =
            jobs.iter().filter(|job| job.appears_at <= Instant::now()).collect();
        let from = page.map_or(0, |PageToken(at)| at.parse().unwrap());
        let to = visible.len().min(from + usize::from(JobPage::MAX_JOBS));
        let summary = |job: &&Job| JobSummary {
            job_id: job.id.clone(),
            status: ObservedStatus::Known(JobStatus::Running),
            start_time: job.start_time,
            end_time: None,
        };
        let next = (to < visible.len()).then(|| PageToken(to.to_string()));
        Ok(JobPage { jobs: visible[from..to].iter().map(summary).collect(), next })
    }

    async fn list_workflows(
        &self,
        _kind: JobKind,
        _page: Option<PageToken>,
    ) -> Result<WorkflowPage, SourceError> {
        unreachable!("a start lists no workflows")
    }
}

/// What a start came to, and what it told on the way.
struct Told {
    outcome: Result<Started, StartFailure>,
    news: Vec<StartNews>,
}

impl Told {
    /// The job's id, and how it is known.
    fn job(&self) -> (&str, How) {
        let started = self.outcome.as_ref().unwrap();
        (&started.job.job_id, started.how)
    }

    fn has(&self, wanted: impl Fn(&StartNews) -> bool) -> bool {
        self.news.iter().any(wanted)
    }
}

async fn start(service: &Arc<Service>, queue: bool) -> Told {
    start_of_type(service, queue, None).await
}

async fn start_of_type(service: &Arc<Service>, queue: bool, job_type: Option<JobType>) -> Told {
    let (told, mut news) = mpsc::unbounded_channel();
    let source = Arc::clone(service) as Arc<dyn JobSource>;
    let account = Account { name: "main".into(), region: "eu-west-1".into(), source };
    let workflow =
        WorkflowKey { account: "main".into(), kind: JobKind::Matching, name: "customers".into() };
    let start = Start {
        account,
        starter: Arc::clone(service) as Arc<dyn JobStarter>,
        order: JobOrder { workflow, job_type, output: None },
        config: StartConfig {
            backoff: POLICY,
            queue: queue.then_some(POLICY),
            settling: StartConfig::SETTLING,
        },
        budgets: Budgets::new(5.0, 2.5),
        clock: Arc::new(TokioClock::starting_at(now())),
        told,
    };
    let outcome = start.run().await;
    let mut all = Vec::new();
    while let Ok(news) = news.try_recv() {
        all.push(news);
    }
    Told { outcome, news: all }
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_job_is_started_once_and_told_the_moment_that_it_exists() {
    let service = Service::new([]);
    let told = start(&service, false).await;
    assert_eq!(told.job(), ("job-0", How::Told));
    assert_eq!(service.count(), 1);
    let started = told.outcome.unwrap();
    assert_eq!(told.news, [StartNews::Asked, StartNews::Started(started)]);
}

#[tokio::test(start_paused = true)]
async fn what_had_no_effect_is_asked_for_again() {
    let throttled = SourceError::Throttled {
        retry_after: Some(Duration::from_secs(5)),
        message: "slow down".into(),
    };
    let expired = SourceError::CredentialsExpired { message: "old".into() };
    let no_effect = [throttled, unavailable(), expired];
    let service = Service::new(no_effect.map(|error| Reply::Bad(StartError::NotStarted(error))));
    let begun = Instant::now();
    let told = start(&service, false).await;
    assert_eq!(told.job(), ("job-0", How::Told));
    assert_eq!(*service.starts.lock().unwrap(), 4);
    assert!(begun.elapsed() >= Duration::from_secs(5), "the service asked for it");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_good_is_the_end() {
    let denied = SourceError::AccessDenied { scope: Scope::Question, message: "no".into() };
    let service = Service::new([Reply::Bad(StartError::NotStarted(denied.clone()))]);
    let told = start(&service, true).await;
    assert_eq!(told.outcome, Err(StartFailure::Refused(denied)));
    assert_eq!(*service.starts.lock().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_answer_was_lost_is_adopted_and_none_is_started_besides() {
    for reply in [Reply::Lost, Reply::LostAndSlow(Duration::from_secs(25))] {
        let service = Service::new([reply]);
        service.add(Duration::ZERO);
        let told = start(&service, false).await;
        assert_eq!(told.job(), ("job-1", How::Adopted));
        assert_eq!(service.count(), 2);
        assert!(told.has(|news| matches!(news, StartNews::Lost(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_appears_late_is_adopted_two_seconds_after_it_is_seen() {
    let service = Service::new([Reply::LostAndSlow(Duration::from_secs(20))]);
    let begun = Instant::now();
    let told = start(&service, false).await;
    assert_eq!(told.job(), ("job-0", How::Adopted));
    let took = begun.elapsed();
    assert!(took < StartConfig::SETTLING + Duration::from_secs(3), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn where_no_job_appears_for_half_a_minute_another_is_asked_for_and_that_is_said() {
    let service = Service::new([Reply::LostBefore]);
    let begun = Instant::now();
    let told = start(&service, false).await;
    assert_eq!(told.job(), ("job-0", How::Told));
    assert_eq!(service.count(), 1);
    assert!(begun.elapsed() >= Duration::from_secs(30));
    assert!(told.has(|news| *news == StartNews::NothingAppeared));
    assert!(!told.has(|news| matches!(news, StartNews::Others(_))));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_appears_too_late_is_told_beside_the_second_one() {
    let service = Service::new([Reply::LostAndSlow(Duration::from_millis(30_050))]);
    let told = start(&service, false).await;
    assert_eq!(service.count(), 2);
    assert_eq!(told.job(), ("job-1", How::Told));
    assert!(
        told.has(|news| *news == StartNews::Others(vec!["job-0".to_owned()])),
        "{:?}",
        told.news
    );
}

#[tokio::test(start_paused = true)]
async fn who_may_not_list_starts_one_job_and_no_second_one_after_a_lost_answer() {
    let service = Service::new([Reply::Good, Reply::Lost]);
    service.may_list.store(false, Ordering::Relaxed);
    let told = start(&service, false).await;
    assert_eq!(told.job(), ("job-0", How::Told));
    assert!(told.has(|news| *news == StartNews::Blind(denied())));

    let told = start(&service, false).await;
    assert_eq!(told.outcome, Err(StartFailure::Unsure(Unsure::Unlisted(denied()))));
    assert_eq!(service.count(), 2);
    assert_eq!(*service.starts.lock().unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn no_start_follows_a_lost_answer_while_no_list_is_answered() {
    let service = Service::new([Reply::LostBefore]);
    // The first list is the census.
    let begun = Instant::now();
    let outage = async {
        sleep(Duration::from_millis(30)).await;
        service.list_errors.lock().unwrap().extend(std::iter::repeat_n(unavailable(), 20));
    };
    let (told, ()) = tokio::join!(start(&service, false), outage);
    assert_eq!(told.job(), ("job-0", How::Told));
    assert!(begun.elapsed() > Duration::from_mins(2), "{:?}", begun.elapsed());
    assert!(told.has(|news| *news == StartNews::ListTrouble(unavailable())));
}

#[tokio::test(start_paused = true)]
async fn a_busy_workflow_is_the_end_or_with_a_queue_a_wait() {
    let full = [Reply::Bad(conflict()), Reply::Bad(conflict())];
    let told = start(&Service::new(full.clone()), false).await;
    assert_eq!(told.outcome, Err(StartFailure::Full(conflict())));
    let service = Service::new(full);
    let told = start(&service, true).await;
    assert_eq!(told.job(), ("job-0", How::Told));
    assert_eq!(*service.starts.lock().unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_workflow_that_is_busy_with_the_job_of_a_lost_answer_leads_to_that_job() {
    let late = Reply::LostAndSlow(Duration::from_millis(30_050));
    for queue in [false, true] {
        let service = Service::new([late.clone(), Reply::Bad(conflict())]);
        let told = start(&service, queue).await;
        assert_eq!(told.job(), ("job-0", How::Adopted));
        assert_eq!(service.count(), 1);
    }
    let service = Service::new([Reply::LostBefore, Reply::Bad(conflict())]);
    let told = start(&service, false).await;
    assert_eq!(told.outcome, Err(StartFailure::Unsure(Unsure::Full(conflict()))));
}

#[tokio::test(start_paused = true)]
async fn a_workflow_that_is_not_there_is_asked_for_no_job() {
    let service = Service::new([]);
    let not_found = SourceError::NotFound { message: "no such workflow".into() };
    service.list_errors.lock().unwrap().push_back(not_found.clone());
    let told = start(&service, false).await;
    assert_eq!(told.outcome, Err(StartFailure::Refused(not_found)));
    assert_eq!(*service.starts.lock().unwrap(), 0);
}
