//! What is said to SQLite. Each function leaves no transaction open, whatever happens.

use std::collections::BTreeSet;
use std::num::TryFromIntError;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use crate::domain::{JobKey, JobStatus, Message};
use crate::store::{
    Backlog, Change, Delivery, DeliveryId, Recorded, Settlement, StoreError, Telling,
};

/// Takes the right to write at once: a transaction that reads first and finds another writer in its way when it
/// comes to writing fails instead of waiting.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";

pub(super) const STATUS: &str = "SELECT nullif(status, '') FROM jobs
    WHERE account = ? AND kind = ? AND workflow_name = ? AND job_id = ?";

/// Those to pass over are a JSON list.
pub(super) const DUE: &str = "SELECT d.id, d.attempts, d.created_at, d.event_id, e.body
    FROM deliveries d CROSS JOIN events e ON e.id = d.event_id
    WHERE d.notifier = ? AND d.first_in_line = 1 AND d.due_at <= ?
        AND d.id NOT IN (SELECT value FROM json_each(?))
    ORDER BY d.due_at, d.id LIMIT ?";

pub(super) const NEXT_DUE: &str = "SELECT min(due_at) FROM deliveries
    WHERE notifier = ? AND first_in_line = 1 AND due_at > ?";

pub(super) const BACKLOG: &str =
    "SELECT notifier, sum(state = 'pending') AS pending, sum(state = 'dead') AS dead,
        min(created_at) FILTER (WHERE state = 'pending') AS oldest_pending
    FROM deliveries WHERE state <> 'delivered' GROUP BY notifier ORDER BY notifier";

const MOVE_JOB: &str =
    "INSERT INTO jobs (account, kind, workflow_name, job_id, status, first_seen_at, updated_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
    ON CONFLICT DO UPDATE SET status = ?5, updated_at = ?6,
        first_seen_at = iif(status = '', ?6, first_seen_at)
    RETURNING id";

const ADD_EVENT: &str = "INSERT INTO events (id, job, type, body, recorded_at)
    VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING";

pub(super) const ADD_DELIVERY: &str = "INSERT INTO deliveries
        (event_id, job, notifier, state, first_in_line, attempts, due_at, created_at)
    VALUES (?1, ?2, ?3, 'pending', NOT EXISTS (
        SELECT 1 FROM deliveries WHERE job = ?2 AND notifier = ?3 AND state = 'pending' AND out_of_line = 0
    ), 0, ?4, ?4)
    ON CONFLICT (event_id, notifier) DO NOTHING";

/// Attempts are counted up to what [`Delivery::attempts`] holds.
const RETRY: &str = "UPDATE deliveries
    SET attempts = min(attempts, 4294967294) + 1, due_at = ?, last_reason = ?
    WHERE id = ? AND state = 'pending'";

const DELIVERED: &str = "UPDATE deliveries
    SET state = 'delivered', first_in_line = 0, settled_at = ?
    WHERE id = ? AND state = 'pending' RETURNING job, notifier";

const DEAD: &str = "UPDATE deliveries
    SET state = 'dead', first_in_line = 0, settled_at = ?, attempts = min(attempts, 4294967294) + 1,
        last_reason = ?
    WHERE id = ? AND state = 'pending' RETURNING job, notifier";

/// What `state <> 'delivered'` says besides lets SQLite use the index.
pub(super) const HASTEN: &str = "UPDATE deliveries SET due_at =
        CASE WHEN attempts = 0 OR due_at - ?3 > ?4 THEN ?2 ELSE due_at - ?3 END
    WHERE notifier = ?1 AND state = 'pending' AND state <> 'delivered' AND due_at > ?2
        AND (?3 > 0 OR attempts = 0 OR due_at > ?4)";

/// The newest first: of a line that is given up in part, the first stays the first. What `state <> 'delivered'` says
/// besides lets SQLite use the index.
pub(super) const ABANDON: &str = "UPDATE deliveries
    SET state = 'dead', first_in_line = 0, settled_at = ?, last_reason = ?
    WHERE id IN (
        SELECT id FROM deliveries WHERE notifier = ? AND state = 'pending' AND state <> 'delivered'
        ORDER BY created_at DESC LIMIT ?
    ) RETURNING job";

pub(super) const MOVE_UP: &str = "UPDATE deliveries SET first_in_line = 1 WHERE id = (
        SELECT min(id) FROM deliveries
        WHERE job = ? AND notifier = ? AND state = 'pending' AND out_of_line = 0
    )";

/// As much as a change writes, so that it fails where a change would for want of room. Random, because SQLite
/// does not write what is there already.
const PROBE: &str = "UPDATE write_probe SET filler = randomblob(32768)";

pub(super) async fn status(
    connection: &mut SqliteConnection,
    job: &JobKey,
) -> Result<Option<JobStatus>, sqlx::Error> {
    let status: Option<Option<String>> = sqlx::query_scalar(STATUS)
        .bind(&*job.account)
        .bind(job.kind.as_str())
        .bind(&*job.workflow_name)
        .bind(&*job.job_id)
        .fetch_optional(connection)
        .await?;
    let status = status.flatten();
    status.map(|name| name.parse().map_err(|error| unreadable("status", error))).transpose()
}

/// Inside a transaction.
pub(super) async fn record(
    connection: &mut SqliteConnection,
    change: &Change,
) -> Result<Recorded, sqlx::Error> {
    let status = status(connection, &change.job).await?;
    if status != change.from {
        return Ok(Recorded::Superseded(status));
    }
    let job = move_job(connection, change).await?;
    for telling in &change.tellings {
        tell(connection, job, telling, change.recorded_at).await?;
    }
    Ok(Recorded::Committed)
}

/// Writes an event and its deliveries, unless its id is there. Inside a transaction.
pub(super) async fn tell(
    connection: &mut SqliteConnection,
    job: i64,
    telling: &Telling,
    recorded_at: Timestamp,
) -> Result<(), sqlx::Error> {
    let Telling { message, notifiers } = telling;
    let id = message.event.id.to_string();
    let added = sqlx::query(ADD_EVENT)
        .bind(&id)
        .bind(job)
        .bind(message.event.event_type.as_str())
        .bind(&*message.body)
        .bind(recorded_at.as_microsecond())
        .execute(&mut *connection)
        .await?;
    if added.rows_affected() == 0 {
        return Ok(());
    }
    for notifier in notifiers {
        sqlx::query(ADD_DELIVERY)
            .bind(&id)
            .bind(job)
            .bind(&**notifier)
            .bind(recorded_at.as_microsecond())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Writes the job's new status; returns the job's row.
async fn move_job(connection: &mut SqliteConnection, change: &Change) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(MOVE_JOB)
        .bind(&*change.job.account)
        .bind(change.job.kind.as_str())
        .bind(&*change.job.workflow_name)
        .bind(&*change.job.job_id)
        .bind(change.to.as_str())
        .bind(change.recorded_at.as_microsecond())
        .fetch_one(connection)
        .await
}

pub(super) async fn due(
    connection: &mut SqliteConnection,
    held: &[DeliveryId],
    notifier: &str,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Delivery>, StoreError> {
    let held: Vec<_> = held.iter().map(|delivery| delivery.0).collect();
    let rows = sqlx::query(DUE)
        .bind(notifier)
        .bind(now.as_microsecond())
        .bind(format!("{held:?}"))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
    rows.iter().map(delivery).collect()
}

fn delivery(row: &SqliteRow) -> Result<Delivery, StoreError> {
    let id = DeliveryId(row.try_get("id")?);
    // Whatever of it cannot be read: it would stand in the way of all others.
    sound_delivery(row, id).map_err(|source| {
        let event_id = row.try_get("event_id").unwrap_or_else(|_| "of an unreadable id".to_owned());
        StoreError::Damaged { delivery: id, event_id, source }
    })
}

fn sound_delivery(
    row: &SqliteRow,
    id: DeliveryId,
) -> Result<Delivery, Box<dyn std::error::Error + Send + Sync>> {
    Ok(Delivery {
        id,
        attempts: row.try_get("attempts")?,
        created_at: instant(row.try_get("created_at")?, "created_at")?,
        message: Message::decode(row.try_get("body")?)?,
    })
}

pub(super) async fn next_due(
    connection: &mut SqliteConnection,
    notifier: &str,
    now: Timestamp,
) -> Result<Option<Timestamp>, sqlx::Error> {
    let due_at: Option<i64> = sqlx::query_scalar(NEXT_DUE)
        .bind(notifier)
        .bind(now.as_microsecond())
        .fetch_one(connection)
        .await?;
    due_at.map(|due_at| instant(due_at, "due_at")).transpose()
}

/// Inside a transaction.
pub(super) async fn settle(
    connection: &mut SqliteConnection,
    delivery: DeliveryId,
    settlement: &Settlement,
) -> Result<(), sqlx::Error> {
    let ended = match settlement {
        Settlement::Retry { due_at, reason } => {
            sqlx::query(RETRY)
                .bind(due_at.as_microsecond())
                .bind(reason)
                .bind(delivery.0)
                .execute(connection)
                .await?;
            return Ok(());
        }
        Settlement::Delivered { at } => sqlx::query_as(DELIVERED).bind(at.as_microsecond()),
        Settlement::Dead { at, reason } => {
            sqlx::query_as(DEAD).bind(at.as_microsecond()).bind(reason)
        }
    };
    let line: Option<(i64, String)> =
        ended.bind(delivery.0).fetch_optional(&mut *connection).await?;
    if let Some((job, notifier)) = line {
        sqlx::query(MOVE_UP).bind(job).bind(notifier).execute(connection).await?;
    }
    Ok(())
}

pub(super) async fn hasten(
    connection: &mut SqliteConnection,
    notifier: &str,
    now: Timestamp,
    by: Duration,
    latest: Timestamp,
) -> Result<u64, sqlx::Error> {
    let hastened = sqlx::query(HASTEN)
        .bind(notifier)
        .bind(now.as_microsecond())
        .bind(i64::try_from(by.as_micros()).unwrap_or(i64::MAX))
        .bind(latest.as_microsecond())
        .execute(connection)
        .await?;
    Ok(hastened.rows_affected())
}

pub(super) async fn abandon(
    connection: &mut SqliteConnection,
    notifier: &str,
    at: Timestamp,
    reason: &str,
    limit: usize,
) -> Result<usize, sqlx::Error> {
    let mut transaction = connection.begin_with(BEGIN).await?;
    let jobs: Vec<i64> = sqlx::query_scalar(ABANDON)
        .bind(at.as_microsecond())
        .bind(reason)
        .bind(notifier)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&mut *transaction)
        .await?;
    // Where the clock went back, the first of a line need not be its oldest.
    for job in jobs.iter().collect::<BTreeSet<_>>() {
        sqlx::query(MOVE_UP).bind(job).bind(notifier).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(jobs.len())
}

pub(super) async fn backlog(
    connection: &mut SqliteConnection,
) -> Result<Vec<Backlog>, sqlx::Error> {
    let rows = sqlx::query(BACKLOG).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let oldest_pending: Option<i64> = row.try_get("oldest_pending")?;
            Ok(Backlog {
                notifier: row.try_get::<&str, _>("notifier")?.into(),
                pending: count(row, "pending")?,
                dead: count(row, "dead")?,
                oldest_pending: oldest_pending
                    .map(|created_at| instant(created_at, "oldest_pending"))
                    .transpose()?,
            })
        })
        .collect()
}

/// Writes a row that nobody reads.
pub(super) async fn probe(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query(PROBE).execute(connection).await.map(drop)
}

pub(super) fn count(row: &SqliteRow, column: &str) -> Result<u64, sqlx::Error> {
    let count: i64 = row.try_get(column)?;
    count.try_into().map_err(|error: TryFromIntError| unreadable(column, error))
}

pub(super) fn instant(microseconds: i64, column: &str) -> Result<Timestamp, sqlx::Error> {
    Timestamp::from_microsecond(microseconds).map_err(|error| unreadable(column, error))
}

/// What a column holds is nothing that this program writes.
pub(super) fn unreadable(
    column: &str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: Box::new(error) }
}
