//! What is old is forgotten, a batch at a time.

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::statements::{BEGIN, instant, unreadable};
use crate::domain::{JobKey, JobStatus};
use crate::store::{Position, Pruned, Retention};

pub(super) const DELIVERIES: &str = "DELETE FROM deliveries WHERE id IN (
        SELECT id FROM deliveries WHERE state = 'delivered' AND settled_at < ?
        ORDER BY settled_at LIMIT ?
    )";

/// The last event of the batch.
pub(super) const EVENTS_END: &str = "SELECT recorded_at, rowid FROM events
    WHERE (recorded_at, rowid) > (?1, ?2) AND recorded_at < ?3
    ORDER BY recorded_at, rowid LIMIT 1 OFFSET ?4";

pub(super) const EVENTS: &str = "DELETE FROM events
    WHERE (recorded_at, rowid) > (?1, ?2) AND (recorded_at, rowid) <= (?3, ?4) AND recorded_at < ?5
        AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event_id = events.id)";

const JOBS: &str = "SELECT id, account, kind, workflow_name, job_id, status, updated_at FROM jobs
    WHERE id > ? ORDER BY id LIMIT ?";

/// The rows are a JSON list.
pub(super) const JOBS_GONE: &str = "DELETE FROM jobs WHERE id IN (SELECT value FROM json_each(?))
        AND NOT EXISTS (SELECT 1 FROM events WHERE job = jobs.id)
        AND NOT EXISTS (SELECT 1 FROM alarms WHERE job = jobs.id)
    RETURNING status <> ''";

const PRUNE_TO: &str = "INSERT INTO pruned (id, ended_before) VALUES (1, ?1)
    ON CONFLICT DO UPDATE SET ended_before = max(ended_before, ?1)";

const PRUNED_TO: &str = "SELECT ended_before FROM pruned";

pub(super) async fn prune(
    connection: &mut SqliteConnection,
    retention: &Retention,
    from: Position,
    limit: usize,
) -> Result<Pruned, sqlx::Error> {
    let limit = limit.max(1);
    match from {
        Position::Deliveries => deliveries(connection, retention, limit).await,
        Position::Events { recorded_at, row } => {
            events(connection, retention, (recorded_at, row), limit).await
        }
        Position::Jobs { row } => jobs(connection, retention, row, limit).await,
    }
}

async fn deliveries(
    connection: &mut SqliteConnection,
    retention: &Retention,
    limit: usize,
) -> Result<Pruned, sqlx::Error> {
    let gone = sqlx::query(DELIVERIES)
        .bind(retention.before.as_microsecond())
        .bind(bound(limit))
        .execute(connection)
        .await?;
    let removed = count(gone.rows_affected());
    let next = if removed < limit {
        Position::Events { recorded_at: Timestamp::MIN, row: 0 }
    } else {
        Position::Deliveries
    };
    Ok(Pruned { removed, next: Some(next) })
}

async fn events(
    connection: &mut SqliteConnection,
    retention: &Retention,
    (recorded_at, row): (Timestamp, i64),
    limit: usize,
) -> Result<Pruned, sqlx::Error> {
    let before = retention.before.as_microsecond();
    let end: Option<(i64, i64)> = sqlx::query_as(EVENTS_END)
        .bind(recorded_at.as_microsecond())
        .bind(row)
        .bind(before)
        .bind(bound(limit - 1))
        .fetch_optional(&mut *connection)
        .await?;
    let (end_recorded_at, end_row) = end.unwrap_or((before, i64::MAX));
    let gone = sqlx::query(EVENTS)
        .bind(recorded_at.as_microsecond())
        .bind(row)
        .bind(end_recorded_at)
        .bind(end_row)
        .bind(before)
        .execute(connection)
        .await?;
    let next = match end {
        Some((recorded_at, row)) => {
            Position::Events { recorded_at: instant(recorded_at, "recorded_at")?, row }
        }
        None => Position::Jobs { row: 0 },
    };
    Ok(Pruned { removed: count(gone.rows_affected()), next: Some(next) })
}

async fn jobs(
    connection: &mut SqliteConnection,
    retention: &Retention,
    row: i64,
    limit: usize,
) -> Result<Pruned, sqlx::Error> {
    let rows = sqlx::query(JOBS).bind(row).bind(bound(limit)).fetch_all(&mut *connection).await?;
    let mut old = Vec::new();
    for row in &rows {
        if may_go(row, retention)? {
            old.push(row.try_get::<i64, _>("id")?);
        }
    }
    let removed = if old.is_empty() { 0 } else { forget(connection, &old, retention).await? };
    let next = match rows.last() {
        Some(last) if rows.len() == limit => Some(Position::Jobs { row: last.try_get("id")? }),
        _ => None,
    };
    Ok(Pruned { removed, next })
}

/// Forgets the jobs of these rows that nothing is left of, and keeps how far. Returns how many are gone.
async fn forget(
    connection: &mut SqliteConnection,
    rows: &[i64],
    retention: &Retention,
) -> Result<usize, sqlx::Error> {
    let mut transaction = connection.begin_with(BEGIN).await?;
    let gone: Vec<bool> = sqlx::query_scalar(JOBS_GONE)
        .bind(format!("{rows:?}"))
        .fetch_all(&mut *transaction)
        .await?;
    if gone.contains(&true) {
        sqlx::query(PRUNE_TO)
            .bind(retention.before.as_microsecond())
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(gone.len())
}

pub(super) async fn pruned_to(
    connection: &mut SqliteConnection,
) -> Result<Option<Timestamp>, sqlx::Error> {
    let ended_before: Option<i64> =
        sqlx::query_scalar(PRUNED_TO).fetch_optional(connection).await?;
    ended_before.map(|at| instant(at, "ended_before")).transpose()
}

/// Whether the job of a row has ended, long ago, and is not watched; or is none.
fn may_go(row: &SqliteRow, retention: &Retention) -> Result<bool, sqlx::Error> {
    let updated_at: i64 = row.try_get("updated_at")?;
    if updated_at >= retention.before.as_microsecond() {
        return Ok(false);
    }
    let status: &str = row.try_get("status")?;
    if status.is_empty() {
        // Nothing is known of it but events.
        return Ok(true);
    }
    let status: JobStatus = status.parse().map_err(|error| unreadable("status", error))?;
    Ok(status.is_terminal() && !retention.watched.contains(&job_key(row)?))
}

/// The job of a row that has its columns.
pub(super) fn job_key(row: &SqliteRow) -> Result<JobKey, sqlx::Error> {
    let text = |column| row.try_get::<&str, _>(column);
    Ok(JobKey {
        account: text("account")?.into(),
        kind: text("kind")?.parse().map_err(|error| unreadable("kind", error))?,
        workflow_name: text("workflow_name")?.into(),
        job_id: text("job_id")?.into(),
    })
}

fn bound(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn count(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}
