//! How far jobs have got, many at a time: a daemon that starts asks for all that it watches.

use serde_json::json;
use sqlx::{Row as _, SqliteConnection};

use super::prune::job_key;
use super::statements::{instant, unreadable};
use crate::domain::{JobKey, JobKind};
use crate::store::Standing;

/// Jobs in one question.
const MOST: usize = 1_000;

/// The keys are a JSON list of lists.
pub(super) const STANDINGS: &str = "SELECT nullif(jobs.status, '') AS status, jobs.updated_at
    FROM json_each(?) AS asked LEFT JOIN jobs
        ON jobs.account = asked.value ->> 0 AND jobs.kind = asked.value ->> 1
        AND jobs.workflow_name = asked.value ->> 2 AND jobs.job_id = asked.value ->> 3
    ORDER BY asked.key";

/// The condition is that of the index.
pub(super) const LIVE: &str =
    "SELECT account, kind, workflow_name, job_id, status, updated_at FROM jobs
    WHERE account = ? AND kind = ? AND status IN ('QUEUED', 'RUNNING')";

pub(super) async fn live(
    connection: &mut SqliteConnection,
    account: &str,
    kind: JobKind,
) -> Result<Vec<(JobKey, Standing)>, sqlx::Error> {
    let rows = sqlx::query(LIVE).bind(account).bind(kind.as_str()).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let status: &str = row.try_get("status")?;
            let status = status.parse().map_err(|error| unreadable("status", error))?;
            let since = instant(row.try_get("updated_at")?, "updated_at")?;
            Ok((job_key(row)?, Standing { status, since }))
        })
        .collect()
}

pub(super) async fn standings(
    connection: &mut SqliteConnection,
    jobs: &[JobKey],
) -> Result<Vec<Option<Standing>>, sqlx::Error> {
    let mut standings = Vec::with_capacity(jobs.len());
    for jobs in jobs.chunks(MOST) {
        let keys: Vec<_> = jobs
            .iter()
            .map(|job| json!([*job.account, job.kind.as_str(), *job.workflow_name, *job.job_id]))
            .collect();
        let rows = sqlx::query(STANDINGS)
            .bind(serde_json::Value::from(keys).to_string())
            .fetch_all(&mut *connection)
            .await?;
        for row in rows {
            let Some(status) = row.try_get::<Option<&str>, _>("status")? else {
                standings.push(None);
                continue;
            };
            let status = status.parse().map_err(|error| unreadable("status", error))?;
            let since = instant(row.try_get("updated_at")?, "updated_at")?;
            standings.push(Some(Standing { status, since }));
        }
    }
    Ok(standings)
}
