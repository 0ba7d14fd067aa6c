//! Alarms that are open. What they tell of has a row in `jobs`: see the migration that made their table.

use std::sync::Arc;

use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::prune::job_key;
use super::statements::{BEGIN, instant, tell, unreadable};
use crate::domain::{Alarm, AlarmKey, JobKey, Subject, WorkflowKey};
use crate::store::{Raising, Resolving};

/// Makes a row for what has none. The update changes nothing, and has the row told where there is one.
const ROW: &str =
    "INSERT INTO jobs (account, kind, workflow_name, job_id, status, first_seen_at, updated_at)
    VALUES (?1, ?2, ?3, ?4, '', ?5, ?5)
    ON CONFLICT DO UPDATE SET updated_at = updated_at RETURNING id";

const OPEN: &str = "INSERT INTO alarms (job, name, region, raised_at, message, facts, notifiers)
    VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";

pub(super) const CLOSE: &str = "DELETE FROM alarms WHERE name = ?5 AND raised_at = ?6 AND job = (
        SELECT id FROM jobs WHERE account = ?1 AND kind = ?2 AND workflow_name = ?3 AND job_id = ?4
    ) RETURNING job";

const ALL: &str = "SELECT j.account, j.kind, j.workflow_name, j.job_id,
        a.name, a.region, a.raised_at, a.message, a.facts, a.notifiers
    FROM alarms a JOIN jobs j ON j.id = a.job WHERE ?1 IS NULL OR j.account = ?1";

pub(super) async fn raise(
    connection: &mut SqliteConnection,
    Raising { alarm, telling }: &Raising,
) -> Result<bool, sqlx::Error> {
    let unwritable = |error| sqlx::Error::Encode(Box::new(error));
    let facts = serde_json::to_string(&alarm.facts).map_err(unwritable)?;
    let names: Vec<&str> = alarm.notifiers.iter().map(|name| &**name).collect();
    let notifiers = serde_json::to_string(&names).map_err(unwritable)?;
    let mut transaction = connection.begin_with(BEGIN).await?;
    let [account, kind, workflow, job_id] = columns(&alarm.key.subject);
    let row: i64 = sqlx::query_scalar(ROW)
        .bind(account)
        .bind(kind)
        .bind(workflow)
        .bind(job_id)
        .bind(alarm.raised_at.as_microsecond())
        .fetch_one(&mut *transaction)
        .await?;
    let opened = sqlx::query(OPEN)
        .bind(row)
        .bind(alarm.key.name.as_str())
        .bind(&alarm.region)
        .bind(alarm.raised_at.as_microsecond())
        .bind(&alarm.message)
        .bind(facts)
        .bind(notifiers)
        .execute(&mut *transaction)
        .await?;
    if opened.rows_affected() == 0 {
        return Ok(false);
    }
    tell(&mut transaction, row, telling, alarm.raised_at).await?;
    transaction.commit().await?;
    Ok(true)
}

pub(super) async fn resolve(
    connection: &mut SqliteConnection,
    resolving: &Resolving,
) -> Result<bool, sqlx::Error> {
    let mut transaction = connection.begin_with(BEGIN).await?;
    let [account, kind, workflow, job_id] = columns(&resolving.key.subject);
    let row: Option<i64> = sqlx::query_scalar(CLOSE)
        .bind(account)
        .bind(kind)
        .bind(workflow)
        .bind(job_id)
        .bind(resolving.key.name.as_str())
        .bind(resolving.raised_at.as_microsecond())
        .fetch_optional(&mut *transaction)
        .await?;
    let Some(row) = row else { return Ok(false) };
    tell(&mut transaction, row, &resolving.telling, resolving.resolved_at).await?;
    transaction.commit().await?;
    Ok(true)
}

pub(super) async fn open(
    connection: &mut SqliteConnection,
    account: Option<&str>,
) -> Result<Vec<Alarm>, sqlx::Error> {
    let rows = sqlx::query(ALL).bind(account).fetch_all(connection).await?;
    let mut alarms = rows.iter().map(alarm).collect::<Result<Vec<_>, _>>()?;
    alarms.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(alarms)
}

fn alarm(row: &SqliteRow) -> Result<Alarm, sqlx::Error> {
    let text = |column| row.try_get::<&str, _>(column);
    let name = text("name")?.parse().map_err(|error| unreadable("name", error))?;
    let notifiers: Vec<String> =
        serde_json::from_str(text("notifiers")?).map_err(|error| unreadable("notifiers", error))?;
    Ok(Alarm {
        key: AlarmKey { name, subject: subject(row)? },
        region: text("region")?.to_owned(),
        raised_at: instant(row.try_get("raised_at")?, "raised_at")?,
        message: text("message")?.to_owned(),
        facts: serde_json::from_str(text("facts")?).map_err(|error| unreadable("facts", error))?,
        notifiers: notifiers.into_iter().map(Arc::from).collect(),
    })
}

/// What `jobs` says of a subject: account, kind, workflow, job.
fn columns(subject: &Subject) -> [&str; 4] {
    match subject {
        Subject::Job(JobKey { account, kind, workflow_name, job_id }) => {
            [account, kind.as_str(), workflow_name, job_id]
        }
        Subject::Workflow(WorkflowKey { account, kind, name }) => {
            [account, kind.as_str(), name, ""]
        }
        Subject::Account(account) => [account, "", "", ""],
    }
}

/// The subject of a row that has the columns of one.
pub(super) fn subject(row: &SqliteRow) -> Result<Subject, sqlx::Error> {
    if row.try_get::<&str, _>("kind")?.is_empty() {
        return Ok(Subject::Account(row.try_get::<&str, _>("account")?.into()));
    }
    let job = job_key(row)?;
    Ok(match job.job_id.is_empty() {
        true => Subject::Workflow(job.workflow()),
        false => Subject::Job(job),
    })
}
