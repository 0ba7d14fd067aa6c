//! How long jobs ran that have ended.

use std::time::Duration;

use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::statements::{BEGIN, instant, unreadable};
use crate::domain::{PastRun, WorkflowKey};
use crate::store::PAST_RUNS_KEPT;

const ADD: &str = "INSERT INTO past_runs (account, kind, workflow_name, job_id, ended_at, run_time)
    VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";

const FORGET: &str = "DELETE FROM past_runs
    WHERE account = ?1 AND kind = ?2 AND workflow_name = ?3 AND job_id NOT IN (
        SELECT job_id FROM past_runs WHERE account = ?1 AND kind = ?2 AND workflow_name = ?3
        ORDER BY ended_at DESC, job_id DESC LIMIT ?4
    )";

const OF_WORKFLOW: &str = "SELECT job_id, ended_at, run_time FROM past_runs
    WHERE account = ? AND kind = ? AND workflow_name = ? ORDER BY ended_at, job_id";

const OF_NAME: &str = "SELECT account, kind, job_id, ended_at, run_time FROM past_runs
    WHERE workflow_name = ? ORDER BY account, kind, ended_at, job_id";

pub(super) async fn learn(
    connection: &mut SqliteConnection,
    workflow: &WorkflowKey,
    runs: &[PastRun],
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with(BEGIN).await?;
    for run in runs {
        sqlx::query(ADD)
            .bind(&*workflow.account)
            .bind(workflow.kind.as_str())
            .bind(&*workflow.name)
            .bind(&*run.job_id)
            .bind(run.ended_at.as_microsecond())
            .bind(i64::try_from(run.run_time.as_micros()).unwrap_or(i64::MAX))
            .execute(&mut *transaction)
            .await?;
    }
    sqlx::query(FORGET)
        .bind(&*workflow.account)
        .bind(workflow.kind.as_str())
        .bind(&*workflow.name)
        .bind(i64::try_from(PAST_RUNS_KEPT).unwrap_or(i64::MAX))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

pub(super) async fn of_workflow(
    connection: &mut SqliteConnection,
    workflow: &WorkflowKey,
) -> Result<Vec<PastRun>, sqlx::Error> {
    let rows = sqlx::query(OF_WORKFLOW)
        .bind(&*workflow.account)
        .bind(workflow.kind.as_str())
        .bind(&*workflow.name)
        .fetch_all(connection)
        .await?;
    rows.iter().map(past_run).collect()
}

/// The past runs of all workflows of that name, workflow by workflow, each in the order in which they ended.
pub(super) async fn of_name(
    connection: &mut SqliteConnection,
    name: &str,
) -> Result<Vec<(WorkflowKey, PastRun)>, sqlx::Error> {
    let rows = sqlx::query(OF_NAME).bind(name).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let kind: &str = row.try_get("kind")?;
            let workflow = WorkflowKey {
                account: row.try_get::<&str, _>("account")?.into(),
                kind: kind.parse().map_err(|error| unreadable("kind", error))?,
                name: name.into(),
            };
            Ok((workflow, past_run(row)?))
        })
        .collect()
}

fn past_run(row: &SqliteRow) -> Result<PastRun, sqlx::Error> {
    let micros: i64 = row.try_get("run_time")?;
    let micros = u64::try_from(micros).map_err(|error| unreadable("run_time", error))?;
    Ok(PastRun {
        job_id: row.try_get::<&str, _>("job_id")?.into(),
        ended_at: instant(row.try_get("ended_at")?, "ended_at")?,
        run_time: Duration::from_micros(micros),
    })
}
