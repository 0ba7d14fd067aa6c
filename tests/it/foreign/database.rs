//! A database that something damaged: lines of `table.column=value`, which change the first row of a table, and of
//! `@offset=hex`, which change bytes of the file. The value of `events.body` goes on to the end of the input. An input
//! that begins with `{` is nothing but the body of a stored event.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use matchwatch::backoff::Policy;
use matchwatch::clock::Clock;
use matchwatch::deliver::{self, Stop, Worker};
use matchwatch::domain::{
    Event, JobDetails, JobKey, JobKind, JobStatus, Message, Redelivery, TestEvent, Transition,
};
use matchwatch::heartbeat::Heartbeat;
use matchwatch::metrics::Metrics;
use matchwatch::notify::{Notifier, Outcome};
use matchwatch::store::{
    Change, EventFilter, JobFilter, Position, Retention, Settlement, SqliteConfig, SqliteStore,
    SqliteView, Store, StoreError, Telling,
};
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use tempfile::TempDir;
use tokio::sync::watch;

use super::cut;

const NOTIFIER: &str = "hook";

/// What a row holds as a whole number; all else is text.
const INTEGERS: [&str; 9] = [
    "jobs.first_seen_at",
    "jobs.updated_at",
    "events.job",
    "events.recorded_at",
    "deliveries.job",
    "deliveries.first_in_line",
    "deliveries.attempts",
    "deliveries.due_at",
    "deliveries.created_at",
];
const TEXTS: [&str; 11] = [
    "jobs.account",
    "jobs.kind",
    "jobs.workflow_name",
    "jobs.job_id",
    "jobs.status",
    "events.id",
    "events.type",
    "events.body",
    "deliveries.notifier",
    "deliveries.state",
    "deliveries.last_reason",
];

pub(crate) fn check(input: &[u8]) {
    if input.starts_with(b"{") {
        return check_body(input);
    }
    let damage = Damage::read(input);
    if let Some((_, body)) = damage.cells.iter().find(|(column, _)| *column == "events.body") {
        check_body(body);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(check_store(&damage));
}

/// What is read as an event is that event, and one line.
fn check_body(body: &[u8]) {
    let Ok(body) = std::str::from_utf8(body) else { return };
    let Ok(message) = Message::decode(body) else { return };
    assert_eq!(&*message.body, body, "other bytes would be sent");
    assert!(!body.contains(['\n', '\r']), "an event of several lines: {body:?}");
    let encoded = Message::encode(message.event.clone()).expect("an event is written as JSON");
    assert!(!encoded.body.contains(['\n', '\r']));
    let again = Message::decode(&encoded.body).expect("and read back");
    assert_eq!(again.event, message.event);
    assert_eq!(Message::encode(again.event).expect("as before").body, encoded.body);
}

async fn check_store(damage: &Damage<'_>) {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("matchwatch.db");
    fs::write(&path, &*SOUND).expect("a file that can be written");
    damage.cells_of(&path).await;
    damage.bytes_of(&path);
    let config = SqliteConfig { path, lock_timeout: Duration::ZERO };
    match SqliteStore::open(&config).await {
        Ok(store) => {
            let store: Arc<dyn Store> = Arc::new(store);
            if damage.is_of_cells() {
                deliver_all_but_the_damaged(&store).await;
            }
            ask_everything(&*store, damage).await;
            store.close().await;
        }
        // Rows that no schema allows, or a file that is none.
        Err(error) => tell(&error),
    }
    match SqliteView::open(&config).await {
        Ok(mut view) => look_at_everything(&mut view, damage).await,
        Err(error) => tell(&error),
    }
}

/// One row that cannot be read holds up no other: the event of the sound job gets through.
async fn deliver_all_but_the_damaged(store: &Arc<dyn Store>) {
    try_all_once(store).await;
    let mut delivered = Vec::new();
    for _ in 0..4 {
        match store.due(NOTIFIER, later(), 10).await {
            Ok(due) if due.is_empty() => break,
            Ok(due) => {
                for delivery in due {
                    check_body(delivery.message.body.as_bytes());
                    let done = Settlement::Delivered { at: later() };
                    store.settle(delivery.id, &done).await.expect("written down");
                    delivered.push(delivery.message.event.id);
                }
            }
            Err(StoreError::Damaged { delivery, .. }) => {
                let dead = Settlement::Dead { at: later(), reason: "damaged".to_owned() };
                store.settle(delivery, &dead).await.expect("set aside");
            }
            Err(error) => panic!("a damaged row stands in the way for ever: {error}"),
        }
    }
    assert!(delivered.contains(&event("sound").event.id), "the sound event never came");
}

/// A worker to whose notifier nothing gets through.
async fn try_all_once(store: &Arc<dyn Store>) {
    let worker = Worker {
        name: NOTIFIER.into(),
        notifier: Arc::new(Unreachable),
        store: Arc::clone(store),
        clock: Arc::new(Stopped),
        config: deliver::Config {
            backoff: Policy { initial: Duration::from_secs(1), max: Duration::from_secs(600) },
            max_retry_after: Duration::from_secs(3_600),
            give_up_after: Duration::from_secs(1_000_000_000),
            concurrency: 8,
        },
        metrics: Metrics::new().expect("metrics"),
        heartbeat: Heartbeat::new(),
    };
    let stop = Stop::default();
    stop.drain.cancel();
    let (_recorded, recorded) = watch::channel(());
    worker.run(recorded, stop).await;
}

/// Every question has an answer, or an error that says what is wrong.
async fn ask_everything(store: &dyn Store, damage: &Damage<'_>) {
    let sound = store.status(&job("sound")).await;
    if damage.is_of_cells() {
        assert!(matches!(sound, Ok(Some(JobStatus::Running))), "{sound:?}");
    }
    told(sound);
    told(store.status(&job("damaged")).await);
    told(store.due(NOTIFIER, later(), 10).await);
    told(store.next_due(NOTIFIER, now()).await);
    told(store.backlog().await);
    let notifiers = [NOTIFIER.into()];
    told(store.redeliver(&Redelivery::Dead { notifier: None }, &notifiers, later()).await);
    let events = Redelivery::Events(vec![event("sound").event.id, event("damaged").event.id]);
    told(store.redeliver(&events, &notifiers, later()).await);
    told(store.abandon(NOTIFIER, later(), "nobody is there", 10).await);
    let moved = change("damaged", Some(JobStatus::Running), JobStatus::Succeeded);
    told(store.record(&moved).await);
    let retention = Retention { before: Timestamp::MAX, watched: Arc::default() };
    let mut position = Some(Position::default());
    for _ in 0..20 {
        let Some(from) = position else { break };
        position = told(store.prune(&retention, from, 1).await).and_then(|pruned| pruned.next);
    }
    assert_eq!(position, None, "pruning finds no end");
    told(store.check_writable().await);
}

async fn look_at_everything(view: &mut SqliteView, damage: &Damage<'_>) {
    told(view.events(&EventFilter::default(), 10).await);
    told(view.jobs(&JobFilter::default(), 10).await);
    told(view.body(&event("damaged").event.id.to_string()).await);
    let of_sound =
        EventFilter { job_id: Some(job("sound").job_id.to_string()), ..EventFilter::default() };
    let listed = view.events(&of_sound, 10).await;
    assert!(listed.is_ok() || !damage.is_of_cells(), "a damaged row hides the others: {listed:?}");
    told(listed);
}

fn told<T>(answer: Result<T, StoreError>) -> Option<T> {
    answer.inspect_err(tell).ok()
}

/// An error says what is wrong, on one clean line.
fn tell(error: &StoreError) {
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains(char::is_control), "not one clean line: {text:?}");
}

/// What is done to a sound database.
#[derive(Debug, Default)]
struct Damage<'i> {
    cells: Vec<(&'static str, &'i [u8])>,
    bytes: Vec<(u64, Vec<u8>)>,
}

impl<'i> Damage<'i> {
    fn read(input: &'i [u8]) -> Self {
        let mut damage = Self::default();
        let mut rest = input;
        while !rest.is_empty() {
            if let Some(body) = rest.strip_prefix(b"events.body=") {
                damage.cells.push(("events.body", body));
                break;
            }
            let (line, after) = cut(rest, b"\n");
            let (place, value) = cut(line, b"=");
            rest = after;
            let known = INTEGERS.iter().chain(&TEXTS).find(|known| known.as_bytes() == place);
            if let Some(column) = known {
                damage.cells.push((column, value));
            } else if let Some(offset) = place.strip_prefix(b"@").and_then(number) {
                damage.bytes.push((offset, hex(value)));
            }
        }
        damage
    }

    /// Whether the file is a sound database with odd values in it.
    fn is_of_cells(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Changes what the schema lets be changed. A sqlite3 shell could do that.
    async fn cells_of(&self, path: &Path) {
        if self.cells.is_empty() {
            return;
        }
        let options = SqliteConnectOptions::new().filename(path).foreign_keys(false);
        let options = options.synchronous(SqliteSynchronous::Off);
        let mut shell = options.connect().await.expect("a sound database");
        for (column, value) in &self.cells {
            let (table, name) = column.split_once('.').expect("a table and a column");
            let update = format!("UPDATE {table} SET {name} =");
            let changed = if INTEGERS.contains(column) {
                let Some(number) = number::<i64>(value) else { continue };
                let update = AssertSqlSafe(format!("{update} ? WHERE rowid = 1"));
                sqlx::query(update).bind(number).execute(&mut shell).await
            } else {
                let update = AssertSqlSafe(format!("{update} CAST(? AS TEXT) WHERE rowid = 1"));
                sqlx::query(update).bind(*value).execute(&mut shell).await
            };
            // What the schema forbids is not there either.
            drop(changed);
        }
        shell.close().await.expect("closed");
    }

    fn bytes_of(&self, path: &Path) {
        let file = OpenOptions::new().write(true).open(path).expect("a file that can be written");
        for (offset, bytes) in &self.bytes {
            // The file does not grow.
            let offset = offset % SOUND.len() as u64;
            let room = SOUND.len() - usize::try_from(offset).unwrap_or_default();
            let bytes = &bytes[..bytes.len().min(room)];
            file.write_all_at(bytes, offset).expect("written");
        }
    }
}

fn number<N: std::str::FromStr>(text: &[u8]) -> Option<N> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn hex(text: &[u8]) -> Vec<u8> {
    text.chunks_exact(2)
        .map_while(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// A database with the events of two jobs, both pending. The first row of every table belongs to the job "damaged".
static SOUND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let make = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(async {
            let folder = TempDir::new().expect("a temporary folder");
            let path = folder.path().join("matchwatch.db");
            let config = SqliteConfig { path: path.clone(), lock_timeout: Duration::ZERO };
            let store = SqliteStore::open(&config).await.expect("a new database");
            for name in ["damaged", "sound"] {
                let change = change(name, None, JobStatus::Running);
                store.record(&change).await.expect("recorded");
            }
            store.close().await;
            fs::read(&path).expect("a database")
        })
    };
    // Whoever asks first is inside a runtime already.
    std::thread::spawn(make).join().expect("a database")
});

fn job(name: &str) -> JobKey {
    JobKey {
        account: "main".into(),
        kind: JobKind::Matching,
        workflow_name: "customers".into(),
        job_id: name.into(),
    }
}

fn event(name: &str) -> Message {
    change(name, None, JobStatus::Running).tellings.remove(0).message
}

fn change(name: &str, from: Option<JobStatus>, to: JobStatus) -> Change {
    let transition = Transition { from, to, inferred: Vec::new() };
    let details = JobDetails::default();
    let event = Event::of_transition(&job(name), "eu-west-1", &transition, &details, now());
    Change {
        job: job(name),
        from,
        to,
        tellings: vec![Telling {
            message: Message::encode(event).expect("an event is written as JSON"),
            notifiers: vec![NOTIFIER.into()],
        }],
        recorded_at: now(),
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_700_000_000).expect("an instant")
}

/// When everything is due.
fn later() -> Timestamp {
    Timestamp::from_second(200_000_000_000).expect("an instant")
}

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        now()
    }
}

struct Unreachable;

#[async_trait]
impl Notifier for Unreachable {
    async fn notify(&self, _: &Message) -> Outcome {
        Outcome::Retry { reason: "nobody is there".to_owned(), after: None }
    }

    async fn try_out(&self, _: &Message<TestEvent>) -> Outcome {
        Outcome::Retry { reason: "nobody is there".to_owned(), after: None }
    }
}
