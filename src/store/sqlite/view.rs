//! A look into a database, beside the daemon that works on it: without its lock, and without a way to write.

use std::path::PathBuf;

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{ConnectOptions as _, QueryBuilder, Row as _, Sqlite, SqliteConnection};

use super::alarms::subject;
use super::prune::job_key;
use super::refusal::{refused, unusable};
use super::statements::{instant, unreadable};
use super::{SqliteStore, file, past_runs, refusal, schema};
use crate::domain::{JobKind, PastRun, WorkflowKey};
use crate::store::{
    EventFilter, JobFilter, ListedDelivery, ListedEvent, ListedJob, SqliteConfig, StoreError,
};

const EVENTS: &str = "SELECT e.id AS event_id, e.type, e.recorded_at,
        j.account, j.kind, j.workflow_name, j.job_id,
        d.notifier, d.state, d.attempts, d.last_reason, d.due_at, d.settled_at
    FROM events e JOIN jobs j ON j.id = e.job LEFT JOIN deliveries d ON d.event_id = e.id
    WHERE TRUE";

const JOBS: &str = "SELECT account, kind, workflow_name, job_id, status, first_seen_at, updated_at
    FROM jobs WHERE status <> ''";

/// Shows what a database holds.
#[derive(Debug)]
pub struct SqliteView {
    path: PathBuf,
    connection: SqliteConnection,
}

impl SqliteView {
    /// Opens the file to read it.
    ///
    /// # Errors
    ///
    /// There is no such file, it is damaged, or another version of this program wrote it.
    pub async fn open(config: &SqliteConfig) -> Result<Self, StoreError> {
        let path = file::resolve(&config.path)?;
        file::check_log(&path)?;
        if !path.exists() {
            let advice =
                "`serve` makes it at its first start; or name another file in [store] path";
            return Err(unusable(&path, "there is no such file", advice));
        }
        let connection =
            file::onlooker(&path).connect().await.map_err(|error| refused(&path, error))?;
        let mut view = Self { path, connection };
        view.check_schema().await?;
        Ok(view)
    }

    async fn check_schema(&mut self) -> Result<(), StoreError> {
        let known = SqliteStore::schema_version();
        // A file that `serve` has just made holds nothing yet.
        let version = schema::read(&self.path, &mut self.connection).await?.unwrap_or_default();
        if version < known {
            return Err(unusable(
                &self.path,
                format_args!("its schema is {version}, and this matchwatch reads {known}"),
                "Start this version's `serve` on it, which brings it up to date",
            ));
        }
        Ok(())
    }

    /// How long jobs ran of the workflows of that name: workflow by workflow, in the order in which they ended.
    ///
    /// # Errors
    ///
    /// The database cannot be read.
    pub async fn past_runs(
        &mut self,
        workflow_name: &str,
    ) -> Result<Vec<(WorkflowKey, PastRun)>, StoreError> {
        past_runs::of_name(&mut self.connection, workflow_name)
            .await
            .map_err(|error| refused(&self.path, error))
    }

    /// Events with their deliveries, the newest first; at most `limit` rows.
    ///
    /// # Errors
    ///
    /// The database cannot be read.
    pub async fn events(
        &mut self,
        filter: &EventFilter,
        limit: u32,
    ) -> Result<Vec<ListedEvent>, StoreError> {
        let mut query = QueryBuilder::new(EVENTS);
        narrow(&mut query, "e.id", filter.event_id.as_deref());
        narrow(&mut query, "d.state", filter.state.map(|state| state.as_str()));
        narrow(&mut query, "d.notifier", filter.notifier.as_deref());
        narrow(&mut query, "j.job_id", filter.job_id.as_deref());
        narrow(&mut query, "j.kind", filter.kind.map(JobKind::as_str));
        narrow(&mut query, "j.workflow_name", filter.workflow_name.as_deref());
        query.push(" ORDER BY e.recorded_at DESC, e.rowid DESC, d.notifier LIMIT ");
        query.push_bind(limit);
        self.read(query, listed_event).await
    }

    /// The bytes that every delivery of an event sends.
    ///
    /// # Errors
    ///
    /// The database cannot be read.
    pub async fn body(&mut self, event_id: &str) -> Result<Option<String>, StoreError> {
        sqlx::query_scalar("SELECT body FROM events WHERE id = ?")
            .bind(event_id)
            .fetch_optional(&mut self.connection)
            .await
            .map_err(|error| refused(&self.path, error))
    }

    /// Jobs, the one that changed last first; at most `limit`.
    ///
    /// # Errors
    ///
    /// The database cannot be read.
    pub async fn jobs(
        &mut self,
        filter: &JobFilter,
        limit: u32,
    ) -> Result<Vec<ListedJob>, StoreError> {
        let mut query = QueryBuilder::new(JOBS);
        narrow(&mut query, "job_id", filter.job_id.as_deref());
        narrow(&mut query, "status", filter.status.map(|status| status.as_str()));
        narrow(&mut query, "kind", filter.kind.map(JobKind::as_str));
        narrow(&mut query, "workflow_name", filter.workflow_name.as_deref());
        query.push(" ORDER BY updated_at DESC, id DESC LIMIT ");
        query.push_bind(limit);
        self.read(query, listed_job).await
    }

    async fn read<T>(
        &mut self,
        mut query: QueryBuilder<Sqlite>,
        row: impl Fn(&SqliteRow) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = query.build().fetch_all(&mut self.connection).await;
        let read = rows.and_then(|rows| rows.iter().map(row).collect());
        read.map_err(|error| refusal::refused(&self.path, error))
    }
}

fn narrow(query: &mut QueryBuilder<Sqlite>, column: &str, value: Option<&str>) {
    if let Some(value) = value {
        query.push(" AND ").push(column).push(" = ").push_bind(value.to_owned());
    }
}

fn listed_event(row: &SqliteRow) -> Result<ListedEvent, sqlx::Error> {
    let state: Option<&str> = row.try_get("state")?;
    let delivery = match state {
        None => None,
        Some(state) => Some(ListedDelivery {
            notifier: row.try_get("notifier")?,
            state: state.parse().map_err(|error| unreadable("state", error))?,
            attempts: row.try_get("attempts")?,
            last_reason: row.try_get("last_reason")?,
            due_at: time(row, "due_at")?,
            settled_at: row
                .try_get::<Option<i64>, _>("settled_at")?
                .map(|at| instant(at, "settled_at"))
                .transpose()?,
        }),
    };
    Ok(ListedEvent {
        event_id: row.try_get("event_id")?,
        event_type: row.try_get("type")?,
        recorded_at: time(row, "recorded_at")?,
        subject: subject(row)?,
        delivery,
    })
}

fn listed_job(row: &SqliteRow) -> Result<ListedJob, sqlx::Error> {
    let status: &str = row.try_get("status")?;
    Ok(ListedJob {
        job: job_key(row)?,
        status: status.parse().map_err(|error| unreadable("status", error))?,
        first_seen_at: time(row, "first_seen_at")?,
        updated_at: time(row, "updated_at")?,
    })
}

fn time(row: &SqliteRow, column: &str) -> Result<Timestamp, sqlx::Error> {
    instant(row.try_get(column)?, column)
}
