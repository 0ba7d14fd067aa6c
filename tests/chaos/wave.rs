//! Carries out the plan of one wave, and has it judged.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use matchwatch::simulator::Operation::GetMatchingJob;
use matchwatch::simulator::Simulator;
use matchwatch::simulator::{Answer, Distribution, JobSpec, Kind, Limit, Limits, Script, Status};
use rand::seq::IndexedRandom;
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::daemon::{Daemon, Home};
use crate::judge::{Fault, JobLog, Judgement, explain, judge};
use crate::plan::{Api, Climate, Cue, Deed, End, Life, NOTIFIERS, Plan, chance};
use crate::receiver::{Book, Receiver};
use crate::tally::Tally;

/// How long a cue is waited for before the life ends without it.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long the last life of a wave, in fair weather, may take to tell what is left to tell.
const CALM: Duration = Duration::from_mins(2);
/// Between two looks at whether all is told.
const BREATH: Duration = Duration::from_millis(100);

/// The world around the daemon.
pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    pub(crate) receivers: Vec<Receiver>,
    pub(crate) book: Book,
    pub(crate) home: Home,
}

/// Statuses in which each job was, and whether it is gone, by its number.
type Logs = Mutex<Vec<(Vec<Status>, bool)>>;

impl Stage {
    /// Plays a wave. Says on stderr what went wrong.
    pub(crate) async fn play(&self, seed: u64, wave: usize, plan: &Plan, tally: &mut Tally) {
        self.home.configure(&plan.jobs, &self.receivers);
        let logs: Logs = Mutex::new(vec![(Vec::new(), false); plan.jobs.len()]);
        tokio::join!(self.do_deeds(seed, wave, plan, &logs), self.live(&plan.lives, tally));
        self.calm_down();

        let jobs = || self.job_logs(plan, &logs);
        let mut last = self.home.start();
        tally.starts += 1;
        let told = timeout(CALM, self.tell_the_rest(&mut last, &jobs)).await;
        if told.is_err() {
            eprintln!("wave {wave}: not all was told within {CALM:?} of fair weather");
        }
        tally.note_stop(last.stop().await);
        let receipts = self.book.take();
        let judgement = judge(&jobs(), &receipts, NOTIFIERS.len());
        self.report(wave, &judgement, |job| explain(job, &jobs(), &receipts));
        tally.add(plan.jobs.len(), &judgement);
    }

    /// Does to the API, the jobs and the receivers what the plan says, when it says so.
    async fn do_deeds(&self, seed: u64, wave: usize, plan: &Plan, logs: &Logs) {
        let start = Instant::now();
        let mut chance = chance(seed, wave, "ravings");
        for (at, deed) in &plan.deeds {
            sleep_until(start + *at).await;
            match *deed {
                Deed::Move(job, status) => {
                    let planned = &plan.jobs[job];
                    if self.simulator.job(&planned.id).is_some() {
                        self.simulator.set_status(&planned.id, status).unwrap();
                    } else {
                        let job_id = Some(planned.id.clone());
                        let of = JobSpec::of(Kind::Matching, planned.workflow);
                        let spec = JobSpec { job_id, status: Some(status), ..of };
                        self.simulator.add_jobs(&spec).unwrap();
                    }
                    logs.lock().unwrap()[job].0.push(status);
                }
                Deed::Hide(job) => self.hide(plan, logs, job, true),
                Deed::Show(job) => self.hide(plan, logs, job, false),
                Deed::Api(api) => {
                    self.change_weather(api, &mut || {
                        RAVINGS.choose(&mut chance).cloned().unwrap_or(Answer::Empty)
                    });
                }
                Deed::Receiver(receiver, climate) => self.receivers[receiver].set(climate),
            }
        }
    }

    fn hide(&self, plan: &Plan, logs: &Logs, job: usize, hidden: bool) {
        self.simulator.set_hidden(&plan.jobs[job].id, hidden).unwrap();
        logs.lock().unwrap()[job].1 = hidden;
    }

    fn change_weather(&self, api: Api, raving: &mut dyn FnMut() -> Answer) {
        let simulator = &self.simulator;
        let limit = |limit| simulator.set_limits(&Limits::from([(GetMatchingJob, limit)]));
        let script = |answer, times| {
            simulator.script(Script { operation: GetMatchingJob, answer, times });
        };
        match api {
            Api::Fair => {
                simulator.clear_scripts();
                simulator.set_latency(Distribution::Fixed(Duration::ZERO));
                limit(Limit::Unlimited);
            }
            Api::Throttles(rate) => limit(Limit::per_second(rate.into())),
            Api::AsksForPeace => script(Answer::ThrottledRetryAfter { millis: 400 }, u32::MAX),
            Api::Fails => script(Answer::Error500, u32::MAX),
            Api::Stalls => script(Answer::Stall, u32::MAX),
            Api::Resets => script(Answer::Reset, u32::MAX),
            Api::BreaksOff => script(Answer::Malformed, u32::MAX),
            Api::Lags => simulator.set_latency(Distribution::Fixed(Duration::from_millis(250))),
            Api::Raves => (0..400).for_each(|_| script(raving(), 1)),
        }
    }

    fn calm_down(&self) {
        self.change_weather(Api::Fair, &mut || Answer::Genuine);
        for receiver in &self.receivers {
            receiver.set(Climate::Fair);
        }
    }

    /// One life after the other.
    async fn live(&self, lives: &[Life], tally: &mut Tally) {
        for life in lives {
            sleep(life.pause).await;
            let mut daemon = self.home.start();
            tally.starts += 1;
            tokio::select! {
                () = self.await_cue(life.cue) => {}
                status = daemon.dies() => {
                    eprintln!("the daemon ended by itself: {status}");
                    tally.deaths += 1;
                    self.print_log();
                    continue;
                }
            }
            match life.end {
                End::Kill => {
                    daemon.kill().await;
                    tally.kills += 1;
                }
                End::Terminate => tally.note_stop(daemon.stop().await),
                End::TerminateAndKill(after) => {
                    daemon.terminate();
                    sleep(after).await;
                    daemon.kill().await;
                    tally.kills += 1;
                }
            }
        }
    }

    async fn await_cue(&self, cue: Cue) {
        match cue {
            Cue::At(length) => sleep(length).await,
            Cue::Answer(length, moment) => {
                sleep(length).await;
                let before = self.simulator.counts().total(GetMatchingJob);
                let answered = self.simulator.until(|now| now.total(GetMatchingJob) > before);
                let _ = timeout(PATIENCE, answered).await;
                sleep(moment).await;
            }
            Cue::Receipt(length, moment) => {
                sleep(length).await;
                let _ = timeout(PATIENCE, self.book.beyond(self.book.ticks())).await;
                sleep(moment).await;
            }
        }
    }

    /// Has dead letters sent again, and waits until everything is told.
    async fn tell_the_rest(&self, daemon: &mut Daemon, jobs: &impl Fn() -> Vec<JobLog>) {
        let Some(address) = daemon.address().await else { return };
        let url = format!("http://{address}/-/redeliver");
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.post(url).json(&json!({ "dead": true })).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
        loop {
            let seen = self.book.ticks();
            let told =
                |receipts: &[_]| judge(&jobs(), receipts, NOTIFIERS.len()).count(Fault::Lost) == 0;
            if self.book.look(told) {
                return;
            }
            // A judgement takes a while: not one for each receipt.
            sleep(BREATH).await;
            self.book.beyond(seen).await;
        }
    }

    /// What the simulator knows of the jobs.
    fn job_logs(&self, plan: &Plan, logs: &Logs) -> Vec<JobLog> {
        const STATUSES: [Status; 4] =
            [Status::Queued, Status::Running, Status::Succeeded, Status::Failed];
        let logs = logs.lock().unwrap();
        let log = |(job, (reached, gone)): (&crate::plan::PlannedJob, &(Vec<Status>, bool))| {
            let served = |status: &Status| self.simulator.first_served(&job.id, *status).is_some();
            JobLog {
                id: job.id.clone(),
                reached: reached.clone(),
                served: STATUSES.into_iter().filter(served).collect::<BTreeSet<_>>(),
                gone: *gone,
            }
        };
        plan.jobs.iter().zip(&*logs).map(log).collect()
    }

    fn report(&self, wave: usize, judgement: &Judgement, explain: impl Fn(&str) -> String) {
        let mut explained = BTreeSet::new();
        for problem in &judgement.problems {
            eprintln!("wave {wave}: {problem}");
            if explained.insert(&problem.job) && explained.len() <= 5 {
                eprintln!("{}", explain(&problem.job));
            }
        }
        if !judgement.problems.is_empty() {
            self.print_log();
        }
    }

    fn print_log(&self) {
        eprintln!("the last that daemons said:\n{}", self.home.log().join("\n"));
    }
}

/// Answers that make no sense, or no sense now.
const RAVINGS: [Answer; 13] = [
    Answer::UnknownStatus,
    Answer::WithoutStatus,
    Answer::Empty,
    Answer::MetricOverflow,
    Answer::IsoTimes,
    Answer::Malformed,
    Answer::Error503,
    Answer::ThrottledHtml,
    Answer::ThrottledEmpty,
    Answer::NotFound,
    Answer::ExpiredToken,
    Answer::AccessDenied,
    Answer::Invalid,
];
