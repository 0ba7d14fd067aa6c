//! Says what went wrong, from the logs of the simulator and the receivers alone. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use matchwatch::simulator::Status;
use serde::Deserialize;
use serde_json::Value;

/// Headers that belong to a delivery and not to its event.
const OF_A_DELIVERY: [&str; 2] = ["webhook-timestamp", "webhook-signature"];

/// What the simulator knows of a job that the daemon was told to follow.
#[derive(Debug, Clone)]
pub(crate) struct JobLog {
    pub(crate) id: String,
    /// Statuses in which it was, in time; none if it never was there.
    pub(crate) reached: Vec<Status>,
    /// Statuses that an untampered answer told.
    pub(crate) served: BTreeSet<Status>,
    /// It vanished for good before its end: nobody could learn more.
    pub(crate) gone: bool,
}

/// A request that a receiver read to its end. Ticks order what happened at all receivers.
#[derive(Debug, Clone)]
pub(crate) struct Receipt {
    pub(crate) notifier: usize,
    pub(crate) at: u64,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) answer: Option<Answer>,
}

/// An answer that settles a delivery, as far as its receiver knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 2xx, at this tick.
    Accepted(u64),
    /// 410, at this tick: a dead letter.
    Gone(u64),
}

impl Receipt {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    pub(crate) const fn accepted(&self) -> bool {
        matches!(self.answer, Some(Answer::Accepted(_)))
    }

    /// The headers that every delivery of the event shares.
    fn of_the_event(&self) -> impl Iterator<Item = &(String, String)> {
        self.headers.iter().filter(|(name, _)| !OF_A_DELIVERY.contains(&&**name))
    }
}

/// What an event says, as far as the judge cares.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Said {
    pub(crate) id: String,
    #[serde(rename = "type")]
    pub(crate) event_type: String,
    pub(crate) sequence: String,
    pub(crate) data: SaidOfJob,
}

/// The event's data, as far as the judge cares.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SaidOfJob {
    pub(crate) job_id: String,
    pub(crate) status: Status,
    pub(crate) inferred: Vec<Status>,
    pub(crate) previous_status: Option<Status>,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// A status that the job reached was never told, neither by an event nor inside the next one.
    Lost,
    /// An event came before the one ahead of it was settled.
    Reordered,
    /// A second event of the same job and type has an id of its own.
    AnotherId,
    /// The same event came with other bytes or headers.
    OtherBytes,
    /// Something was told that never was, or told both by an event and inside another.
    MadeUp,
}

/// A fault, and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) fault: Fault,
    pub(crate) job: String,
    text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: job {}: {}", self.fault, self.job, self.text)
    }
}

/// The judgement on a wave.
#[derive(Debug, Default)]
pub(crate) struct Judgement {
    pub(crate) problems: Vec<Problem>,
    /// Jobs that ended.
    pub(crate) terminal_statuses: u64,
    /// Events that were accepted, once for each notifier.
    pub(crate) delivered: u64,
    /// Statuses that were served, gone with a kill, and told inside the next event.
    pub(crate) inferred: u64,
    /// Statuses that were never served, and told inside the next event.
    pub(crate) unseen: u64,
    /// Receipts of what had been received before.
    pub(crate) duplicates: u64,
}

/// Judges what `notifiers` receivers got of `jobs`.
pub(crate) fn judge(jobs: &[JobLog], receipts: &[Receipt], notifiers: usize) -> Judgement {
    let mut court = Judgement::default();
    let mut by_job: HashMap<String, Vec<(Said, &Receipt)>> = HashMap::new();
    for receipt in receipts {
        match serde_json::from_slice::<Said>(&receipt.body) {
            Ok(said) => by_job.entry(said.data.job_id.clone()).or_default().push((said, receipt)),
            Err(error) => {
                let body = String::from_utf8_lossy(&receipt.body);
                court.find(Fault::MadeUp, "?", format!("no event: {error}: {body}"));
            }
        }
    }
    for job in jobs {
        let said = by_job.remove(&job.id).unwrap_or_default();
        Case { job, said, notifiers }.judge(&mut court);
    }
    for stranger in by_job.keys() {
        court.find(Fault::MadeUp, stranger, "the wave has no such job".to_owned());
    }
    court
}

impl Judgement {
    /// How many faults of this kind there are.
    pub(crate) fn count(&self, fault: Fault) -> u64 {
        self.problems.iter().map(|problem| u64::from(problem.fault == fault)).sum()
    }

    fn find(&mut self, fault: Fault, job: &str, text: String) {
        self.problems.push(Problem { fault, job: job.to_owned(), text });
    }
}

const fn rank(status: Status) -> usize {
    match status {
        Status::Queued => 1,
        Status::Running => 2,
        Status::Succeeded | Status::Failed => 3,
    }
}

/// One job, and every receipt that speaks of it, in the order of their ticks.
struct Case<'a> {
    job: &'a JobLog,
    said: Vec<(Said, &'a Receipt)>,
    notifiers: usize,
}

impl Case<'_> {
    fn judge(mut self, court: &mut Judgement) {
        self.said.sort_by_key(|(_, receipt)| receipt.at);
        self.claims(court);
        self.copies(court);
        let told = self.told();
        for notifier in 0..self.notifiers {
            self.path(notifier, &told, court);
            self.order(notifier, court);
        }
        self.count(&told, court);
    }

    fn find(&self, court: &mut Judgement, fault: Fault, text: String) {
        court.find(fault, &self.job.id, text);
    }

    /// Every event says what was, and says the same of it everywhere.
    fn claims(&self, court: &mut Judgement) {
        let mut ids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (said, receipt) in &self.said {
            let SaidOfJob { status, .. } = said.data;
            let event_type =
                format!("dev.matchwatch.job.{}.v1", status.as_str().to_ascii_lowercase());
            if said.event_type != event_type || said.sequence != rank(status).to_string() {
                let text =
                    format!("{} is told as {} {}", status.as_str(), said.event_type, said.sequence);
                self.find(court, Fault::MadeUp, text);
            }
            if !self.job.reached.contains(&status) {
                self.find(court, Fault::MadeUp, format!("it never was {}", status.as_str()));
            }
            if receipt.header("webhook-id") != Some(&*said.id) {
                let header = receipt.header("webhook-id");
                self.find(court, Fault::AnotherId, format!("{} came as {header:?}", said.id));
            }
            ids.entry(&said.event_type).or_default().insert(&said.id);
        }
        for (event_type, ids) in ids {
            if ids.len() > 1 {
                self.find(court, Fault::AnotherId, format!("{event_type} has the ids {ids:?}"));
            }
        }
    }

    /// Every copy of an event is the event.
    fn copies(&self, court: &mut Judgement) {
        let mut first_bodies: HashMap<&str, &[u8]> = HashMap::new();
        let mut firsts: HashMap<(usize, &str), &Receipt> = HashMap::new();
        for (said, receipt) in &self.said {
            let first_body = *first_bodies.entry(&said.id).or_insert(&receipt.body);
            if first_body != receipt.body {
                self.find(court, Fault::OtherBytes, format!("{} has two bodies", said.id));
            }
            let place = (receipt.notifier, &*said.id);
            match firsts.get(&place) {
                None => drop(firsts.insert(place, receipt)),
                Some(first) => {
                    court.duplicates += 1;
                    if !first.of_the_event().eq(receipt.of_the_event()) {
                        self.find(
                            court,
                            Fault::OtherBytes,
                            format!("{} has other headers", said.id),
                        );
                    }
                }
            }
        }
    }

    /// What each notifier accepted, by rank.
    fn told(&self) -> Vec<BTreeMap<usize, Said>> {
        let mut told = vec![BTreeMap::new(); self.notifiers];
        for (said, receipt) in &self.said {
            if receipt.accepted() {
                told[receipt.notifier]
                    .entry(rank(said.data.status))
                    .or_insert_with(|| said.clone());
            }
        }
        told
    }

    /// The statuses that a notifier was told are the whole way that the job went.
    fn path(&self, notifier: usize, told: &[BTreeMap<usize, Said>], court: &mut Judgement) {
        let furthest = if self.job.gone {
            // What one notifier knows, all must.
            told.iter().filter_map(|told| told.keys().last()).max().copied()
        } else {
            self.job.reached.iter().map(|status| rank(*status)).max()
        };
        let mut reached = 0;
        let mut previous = None;
        for (&rank_now, said) in &told[notifier] {
            let SaidOfJob { status, ref inferred, previous_status, .. } = said.data;
            let inside: Vec<usize> = inferred.iter().map(|status| rank(*status)).collect();
            for between in (reached + 1..rank_now).filter(|between| !inside.contains(between)) {
                let text = format!(
                    "notifier {notifier} was told {} without rank {between} before it",
                    status.as_str()
                );
                self.find(court, Fault::Lost, text);
            }
            if inside.iter().any(|inside| !(reached + 1..rank_now).contains(inside))
                || previous_status != previous
            {
                let text = format!(
                    "notifier {notifier} was told {} after {previous:?} with {:?}",
                    status.as_str(),
                    said.data
                );
                self.find(court, Fault::MadeUp, text);
            }
            reached = rank_now;
            previous = Some(status);
        }
        for missing in reached + 1..=furthest.unwrap_or(0) {
            self.find(
                court,
                Fault::Lost,
                format!("notifier {notifier} was not told rank {missing}"),
            );
        }
    }

    /// An event sets out when the one ahead of it has been accepted, or is a dead letter.
    fn order(&self, notifier: usize, court: &mut Judgement) {
        let mut first_receipts = BTreeMap::new();
        let mut settled: BTreeMap<usize, u64> = BTreeMap::new();
        for (said, receipt) in self.said.iter().filter(|(_, r)| r.notifier == notifier) {
            let rank = rank(said.data.status);
            first_receipts.entry(rank).or_insert(receipt.at);
            if let Some(Answer::Accepted(at) | Answer::Gone(at)) = receipt.answer {
                let first = settled.entry(rank).or_insert(at);
                *first = at.min(*first);
            }
        }
        for (rank, at) in &first_receipts {
            for (ahead, _) in first_receipts.range(..rank) {
                if settled.get(ahead).is_none_or(|settled| settled > at) {
                    let text =
                        format!("notifier {notifier} got rank {rank} before {ahead} was done");
                    self.find(court, Fault::Reordered, text);
                }
            }
        }
    }

    fn count(&self, told: &[BTreeMap<usize, Said>], court: &mut Judgement) {
        court.terminal_statuses +=
            u64::from(self.job.reached.iter().any(|status| status.is_terminal()));
        court.delivered += told.iter().map(|told| told.len() as u64).sum::<u64>();
        let events =
            told.iter().max_by_key(|told| told.len()).into_iter().flat_map(BTreeMap::values);
        for status in events.flat_map(|said| &said.data.inferred) {
            if self.job.served.contains(status) {
                court.inferred += 1;
            } else {
                court.unseen += 1;
            }
        }
    }
}

/// All that the logs hold of one job, for people.
pub(crate) fn explain(job: &str, jobs: &[JobLog], receipts: &[Receipt]) -> String {
    let mut text = String::new();
    for log in jobs.iter().filter(|log| log.id == job) {
        text.push_str(&format!("  {log:?}\n"));
    }
    for receipt in receipts {
        let Ok(body) = serde_json::from_slice::<Value>(&receipt.body) else { continue };
        if body["data"]["jobId"] == job {
            let Receipt { at, notifier, answer, .. } = receipt;
            text.push_str(&format!("  tick {at} notifier {notifier} {answer:?} {body}\n"));
        }
    }
    text
}
