//! Starts the job, and says what is known of it: in the end, and when something else ends first.

use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use super::super::Exit;
use super::super::wait::{Ended, Ends, HEARTBEAT, Outlets};
use super::advice::Advice;
use super::job_id_file::JobIdFile;
use super::known::Known;
use crate::domain::{JobKey, WorkflowKey};
use crate::duration;
use crate::watch::{How, Start, StartConfig, StartFailure, StartNews, Started};

/// How long the answer to a request that is under way is waited for when the command is to end.
const LINGER: Duration = Duration::from_secs(2);

/// The start of a job, as a person sees it.
pub(super) struct Launch<'a> {
    workflow: WorkflowKey,
    advice: Advice,
    job_id_file: Option<JobIdFile>,
    outlets: &'a mut Outlets,
    begun: Instant,
    known: Known,
    /// What was said last of troubles: a reason, told once in a row.
    trouble: Option<&'static str>,
}

type News = mpsc::UnboundedReceiver<StartNews>;

enum Step {
    News(StartNews),
    Over(Result<Started, StartFailure>),
    Heartbeat,
}

impl<'a> Launch<'a> {
    pub(super) fn new(
        workflow: WorkflowKey,
        advice: Advice,
        job_id_file: Option<JobIdFile>,
        outlets: &'a mut Outlets,
        begun: Instant,
    ) -> Self {
        let (known, trouble) = (Known::default(), None);
        Self { workflow, advice, job_id_file, outlets, begun, known, trouble }
    }

    /// Starts the job. Returns it, or how the command ends without it.
    pub(super) async fn see_through(
        &mut self,
        start: Start,
        mut news: News,
        ends: &mut Ends,
    ) -> Result<JobKey, Exit> {
        let mut start = pin!(start.run());
        let mut heartbeat = Instant::now() + HEARTBEAT;
        loop {
            let step = async {
                tokio::select! {
                    biased;
                    Some(news) = news.recv() => Step::News(news),
                    outcome = &mut start => Step::Over(outcome),
                    () = sleep_until(heartbeat) => Step::Heartbeat,
                }
            };
            match ends.first(step).await {
                Ended::ByItself(Step::News(news)) => self.take(&news),
                Ended::ByItself(Step::Over(outcome)) => {
                    self.take_all(&mut news);
                    return self.conclude(outcome);
                }
                Ended::ByItself(Step::Heartbeat) => {
                    heartbeat += HEARTBEAT;
                    let after = duration::display(self.begun.elapsed());
                    self.outlets.progress.note(&format!("still no job (after {after})"));
                }
                Ended::Signal(exit) => {
                    self.linger(start.as_mut(), &mut news).await;
                    self.say_known("stopped; ");
                    return Err(exit);
                }
                Ended::Deadline => {
                    let after = duration::display(self.begun.elapsed());
                    self.linger(start.as_mut(), &mut news).await;
                    self.say_known(&format!("the time was up after {after}; "));
                    return Err(self.known.exit());
                }
            }
        }
    }

    /// Waits a moment for the answer to a request that is under way: better to know than to guess. No other one is sent.
    async fn linger(
        &mut self,
        mut start: Pin<&mut impl Future<Output = Result<Started, StartFailure>>>,
        news: &mut News,
    ) {
        self.take_last(news);
        if self.known.is_asked {
            let linger = duration::display(LINGER);
            self.outlets.progress.note(&format!(
                "a request to start a job is under way: waiting {linger} for the answer"
            ));
        }
        let mut enough = pin!(sleep(LINGER));
        while self.known.is_asked {
            tokio::select! {
                biased;
                Some(news) = news.recv() => self.take_at_last(&news),
                outcome = &mut start => {
                    self.take_last(news);
                    // A job is among the news.
                    if let Err(failure) = outcome {
                        self.known.fail(failure);
                    }
                    break;
                }
                () = &mut enough => break,
            }
        }
        self.take_last(news);
    }

    /// Takes in all news that are left when the command is to end.
    fn take_last(&mut self, news: &mut News) {
        while let Ok(news) = news.try_recv() {
            self.take_at_last(&news);
        }
    }

    /// Takes in what happened when the command is to end. Only a job is worth a line of its own by then: nothing is
    /// asked again, nothing looked for, and the last line says the rest.
    fn take_at_last(&mut self, news: &StartNews) {
        self.known.take(news);
        if let StartNews::Started(started) = news {
            self.say_started(started);
        }
    }

    fn take_all(&mut self, news: &mut News) {
        while let Ok(news) = news.try_recv() {
            self.take(&news);
        }
    }

    /// Takes in what happened, and says what is worth a line.
    fn take(&mut self, news: &StartNews) {
        self.known.take(news);
        let progress = &self.outlets.progress;
        match news {
            StartNews::Asked => {}
            StartNews::Blind(error) => progress.note(&format!(
                "the workflow's jobs cannot be listed: {error}. Should the answer to the start be lost, nobody can look \
                 for the job"
            )),
            StartNews::ListTrouble(error) => {
                self.trouble(error.reason(), &format!("listing jobs: {error}; asking again"));
            }
            StartNews::NotStarted(error) => {
                self.trouble(error.reason(), &format!("no job started yet: {error}; asking again"));
            }
            StartNews::Full(error) => {
                self.trouble("full", &format!("no job started yet: {error}; asking again"));
            }
            StartNews::Lost(error) => progress.say(&format!(
                "matchwatch: nobody knows what came of the request to start a job: {error}. A job may have been started: \
                 looking for it"
            )),
            StartNews::Appeared(job_ids) => {
                progress.note(&format!("{}: may be it; looking once more", job_ids.join(", ")));
            }
            StartNews::NothingAppeared => {
                let settling = duration::display(StartConfig::SETTLING);
                progress.say(&format!(
                    "matchwatch: no new job has appeared in {settling}: asking for one again. Should the earlier \
                     request have started one all the same, there will be two"
                ));
            }
            StartNews::Started(started) => self.say_started(started),
            StartNews::Others(others) => progress.say(&format!(
                "matchwatch: a second job: beside the one that is waited for there has appeared {}, which an earlier \
                 request may have started",
                others.join(", ")
            )),
        }
    }

    fn say_started(&mut self, Started { job, how }: &Started) {
        let name = format!("{}/{}", job.workflow_name, job.job_id);
        let after = duration::display(self.begun.elapsed());
        self.outlets.progress.say(&match how {
            How::Told => format!("{name}: started (after {after})"),
            How::Adopted => format!(
                "{name}: adopted (after {after}): it is the only job that has appeared since that request; \
                 somebody else may have started it"
            ),
        });
        if let Some(github) = &mut self.outlets.github {
            github.started(job);
        }
        if let Some(file) = &mut self.job_id_file
            && let Err(error) = file.write(&job.job_id)
        {
            // There is a job: to wait for it is worth more than the file.
            self.outlets.progress.say(&format!("matchwatch: {error:#}"));
        }
    }

    /// Says a trouble once, until another comes.
    fn trouble(&mut self, reason: &'static str, words: &str) {
        if self.trouble.replace(reason) != Some(reason) {
            self.outlets.progress.note(words);
        }
    }

    /// Takes in what it has come to. Without a job it says why.
    fn conclude(&mut self, outcome: Result<Started, StartFailure>) -> Result<JobKey, Exit> {
        match outcome {
            Ok(started) => Ok(started.job),
            Err(failure) => {
                self.known.fail(failure);
                self.say_known("");
                Err(self.known.exit())
            }
        }
    }

    /// Says, as the last line, what is known.
    fn say_known(&self, how: &str) {
        let words = self.known.words(&self.workflow, &self.advice);
        self.outlets.progress.say(&format!("matchwatch: {how}{words}"));
    }
}
