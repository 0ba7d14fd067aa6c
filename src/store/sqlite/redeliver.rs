//! Deliveries that are made pending again.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use sqlx::{Connection as _, SqliteConnection};
use uuid::Uuid;

use super::statements::BEGIN;
use crate::domain::{Redelivered, Redelivery};

/// A delivery as new, beside the line. What `state <> 'delivered'` says besides lets SQLite use the index.
pub(super) const AGAIN_DEAD: &str = "UPDATE deliveries
    SET state = 'pending', out_of_line = 1, first_in_line = 1, attempts = 0, due_at = ?1, created_at = ?1,
        settled_at = NULL
    WHERE notifier = ?2 AND state = 'dead' AND state <> 'delivered'";

pub(super) const AGAIN_EVENT: &str = "UPDATE deliveries
    SET state = 'pending', out_of_line = 1, first_in_line = 1, attempts = 0, due_at = ?1, created_at = ?1,
        settled_at = NULL
    WHERE event_id = ?3 AND notifier = ?2 AND state <> 'pending'";

const LEFT_DEAD: &str = "SELECT count(*) FROM deliveries
    WHERE state = 'dead' AND state <> 'delivered' AND (?1 IS NULL OR notifier = ?1)";

const LEFT_OF_EVENT: &str =
    "SELECT count(*) FROM deliveries WHERE event_id = ? AND state <> 'pending'";

const IS_KNOWN: &str = "SELECT count(*) > 0 FROM events WHERE id = ?";

pub(super) async fn redeliver(
    connection: &mut SqliteConnection,
    redelivery: &Redelivery,
    notifiers: &[Arc<str>],
    now: Timestamp,
) -> Result<Redelivered, sqlx::Error> {
    let mut transaction = connection.begin_with(BEGIN).await?;
    let mut done = Redelivered::default();
    match redelivery {
        Redelivery::Events(events) => {
            for event in events.iter().collect::<BTreeSet<_>>() {
                again_event(&mut transaction, *event, notifiers, now, &mut done).await?;
            }
        }
        Redelivery::Dead { notifier } => {
            for wanted in notifiers.iter().filter(|n| notifier.as_ref().is_none_or(|o| o == *n)) {
                let again = sqlx::query(AGAIN_DEAD)
                    .bind(now.as_microsecond())
                    .bind(&**wanted)
                    .execute(&mut *transaction)
                    .await?;
                done.redelivered += again.rows_affected();
            }
            let left: i64 = sqlx::query_scalar(LEFT_DEAD)
                .bind(notifier.as_deref())
                .fetch_one(&mut *transaction)
                .await?;
            done.without_notifier = left.unsigned_abs();
        }
    }
    transaction.commit().await?;
    Ok(done)
}

async fn again_event(
    connection: &mut SqliteConnection,
    event: Uuid,
    notifiers: &[Arc<str>],
    now: Timestamp,
    done: &mut Redelivered,
) -> Result<(), sqlx::Error> {
    let id = event.to_string();
    if !sqlx::query_scalar(IS_KNOWN).bind(&id).fetch_one(&mut *connection).await? {
        done.unknown.push(event);
        return Ok(());
    }
    for notifier in notifiers {
        let again = sqlx::query(AGAIN_EVENT)
            .bind(now.as_microsecond())
            .bind(&**notifier)
            .bind(&id)
            .execute(&mut *connection)
            .await?;
        done.redelivered += again.rows_affected();
    }
    let left: i64 = sqlx::query_scalar(LEFT_OF_EVENT).bind(&id).fetch_one(connection).await?;
    done.without_notifier += left.unsigned_abs();
    Ok(())
}
