//! What watches that find their jobs remember.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::statements::{BEGIN, instant, unreadable};
use crate::domain::{FollowedWorkflow, NamePattern, WatchKey, WorkflowKey};

const ADD_WATCH: &str = "INSERT INTO watches (account, kind, workflows, first_seen_at)
    VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING";

const FIRST_SIGHT: &str =
    "SELECT first_seen_at FROM watches WHERE account = ? AND kind = ? AND workflows = ?";

const FOLLOW: &str = "INSERT INTO followed_workflows (account, kind, workflow_name, since)
    VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING";

const FOLLOWED: &str = "SELECT since, judged_by FROM followed_workflows
    WHERE account = ? AND kind = ? AND workflow_name = ?";

const PASSED_OVER: &str = "SELECT job_id FROM passed_over
    WHERE account = ? AND kind = ? AND workflow_name = ? ORDER BY job_id";

const JUDGED: &str = "UPDATE followed_workflows SET judged_by = ?4
    WHERE account = ?1 AND kind = ?2 AND workflow_name = ?3";

const FORGET_PASSED_OVER: &str =
    "DELETE FROM passed_over WHERE account = ? AND kind = ? AND workflow_name = ?";

/// The jobs are a JSON list.
const PASS_OVER: &str = "INSERT INTO passed_over (account, kind, workflow_name, job_id)
    SELECT ?1, ?2, ?3, value FROM json_each(?4) WHERE TRUE ON CONFLICT DO NOTHING";

const FORGET_WATCH: &str = "DELETE FROM watches WHERE account = ? AND kind = ? AND workflows = ?";

const FORGET_WORKFLOW: &str =
    "DELETE FROM followed_workflows WHERE account = ? AND kind = ? AND workflow_name = ?";

pub(super) async fn first_sight(
    connection: &mut SqliteConnection,
    watch: &WatchKey,
    now: Timestamp,
) -> Result<Timestamp, sqlx::Error> {
    sqlx::query(ADD_WATCH)
        .bind(&*watch.account)
        .bind(watch.kind.as_str())
        .bind(watch.workflows.as_str())
        .bind(now.as_microsecond())
        .execute(&mut *connection)
        .await?;
    let seen_at = sqlx::query_scalar(FIRST_SIGHT)
        .bind(&*watch.account)
        .bind(watch.kind.as_str())
        .bind(watch.workflows.as_str())
        .fetch_one(connection)
        .await?;
    instant(seen_at, "first_seen_at")
}

pub(super) async fn follow(
    connection: &mut SqliteConnection,
    workflow: &WorkflowKey,
    since: Timestamp,
) -> Result<FollowedWorkflow, sqlx::Error> {
    sqlx::query(FOLLOW)
        .bind(&*workflow.account)
        .bind(workflow.kind.as_str())
        .bind(&*workflow.name)
        .bind(since.as_microsecond())
        .execute(&mut *connection)
        .await?;
    let row = sqlx::query(FOLLOWED)
        .bind(&*workflow.account)
        .bind(workflow.kind.as_str())
        .bind(&*workflow.name)
        .fetch_one(&mut *connection)
        .await?;
    let passed_over: Vec<String> = sqlx::query_scalar(PASSED_OVER)
        .bind(&*workflow.account)
        .bind(workflow.kind.as_str())
        .bind(&*workflow.name)
        .fetch_all(connection)
        .await?;
    Ok(FollowedWorkflow {
        since: instant(row.try_get("since")?, "since")?,
        judged_by: row.try_get("judged_by")?,
        passed_over: passed_over.into_iter().map(Arc::from).collect(),
    })
}

pub(super) async fn pass_over(
    connection: &mut SqliteConnection,
    workflow: &WorkflowKey,
    judged_by: &str,
    jobs: &[Arc<str>],
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with(BEGIN).await?;
    let judged = sqlx::query(JUDGED)
        .bind(&*workflow.account)
        .bind(workflow.kind.as_str())
        .bind(&*workflow.name)
        .bind(judged_by)
        .execute(&mut *transaction)
        .await?;
    if judged.rows_affected() > 0 {
        forget_passed_over(&mut transaction, workflow).await?;
        let jobs: Vec<&str> = jobs.iter().map(AsRef::as_ref).collect();
        sqlx::query(PASS_OVER)
            .bind(&*workflow.account)
            .bind(workflow.kind.as_str())
            .bind(&*workflow.name)
            .bind(json!(jobs).to_string())
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}

async fn forget_passed_over(
    connection: &mut SqliteConnection,
    workflow: &WorkflowKey,
) -> Result<(), sqlx::Error> {
    sqlx::query(FORGET_PASSED_OVER)
        .bind(&*workflow.account)
        .bind(workflow.kind.as_str())
        .bind(&*workflow.name)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn keep(
    connection: &mut SqliteConnection,
    watches: &[WatchKey],
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with(BEGIN).await?;
    let known = "SELECT account, kind, workflows AS name FROM watches";
    for known in names(&mut transaction, known).await? {
        let WorkflowKey { account, kind, name } = known;
        let watch = WatchKey { account, kind, workflows: NamePattern::new(&*name) };
        if !watches.contains(&watch) {
            sqlx::query(FORGET_WATCH)
                .bind(&*watch.account)
                .bind(watch.kind.as_str())
                .bind(watch.workflows.as_str())
                .execute(&mut *transaction)
                .await?;
        }
    }
    let followed = "SELECT account, kind, workflow_name AS name FROM followed_workflows";
    for workflow in names(&mut transaction, followed).await? {
        if !watches.iter().any(|watch| watch.follows(&workflow)) {
            forget_passed_over(&mut transaction, &workflow).await?;
            sqlx::query(FORGET_WORKFLOW)
                .bind(&*workflow.account)
                .bind(workflow.kind.as_str())
                .bind(&*workflow.name)
                .execute(&mut *transaction)
                .await?;
        }
    }
    transaction.commit().await
}

async fn names(
    connection: &mut SqliteConnection,
    query: &'static str,
) -> Result<Vec<WorkflowKey>, sqlx::Error> {
    let rows = sqlx::query(query).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let kind: &str = row.try_get("kind")?;
            Ok(WorkflowKey {
                account: row.try_get::<&str, _>("account")?.into(),
                kind: kind.parse().map_err(|error| unreadable("kind", error))?,
                name: row.try_get::<&str, _>("name")?.into(),
            })
        })
        .collect()
}
