//! What it costs to forget and to send again, and what an update keeps.

use sqlx::migrate::Migrate as _;
use sqlx::{AssertSqlSafe, Row as _};

use super::*;
use crate::domain::JobStatus::{Queued, Running};
use crate::store::conformance::{HOOK, at, change, due, due_events, job, message};

#[tokio::test]
async fn to_forget_or_to_send_again_looks_through_no_table_as_a_whole() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let mut connection = store.shared.writer().await.unwrap();
    for (statement, index) in [
        (prune::DELIVERIES, "USING COVERING INDEX deliveries_delivered (settled_at<?)"),
        (statements::ABANDON, "USING COVERING INDEX deliveries_open (notifier=? AND state=?)"),
        (prune::EVENTS_END, "USING COVERING INDEX events_by_age (recorded_at>? AND recorded_at<?)"),
        (prune::EVENTS, "events USING INDEX events_by_age (recorded_at>? AND recorded_at<?)"),
        (
            prune::EVENTS,
            "deliveries USING COVERING INDEX sqlite_autoindex_deliveries_1 (event_id=?)",
        ),
        (prune::JOBS_GONE, "jobs USING INTEGER PRIMARY KEY (rowid=?)"),
        (prune::JOBS_GONE, "events USING COVERING INDEX events_of_job (job=?)"),
        (redeliver::AGAIN_DEAD, "USING INDEX deliveries_open (notifier=? AND state=?)"),
        (
            redeliver::AGAIN_EVENT,
            "USING INDEX sqlite_autoindex_deliveries_1 (event_id=? AND notifier=?)",
        ),
        // Foreign keys: what a removal makes SQLite look for.
        ("SELECT 1 FROM deliveries WHERE job = ?", "deliveries_of_job (job=?)"),
    ] {
        let plan: Vec<String> =
            sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")))
                .fetch_all(&mut *connection)
                .await
                .unwrap()
                .iter()
                .map(|row| row.get("detail"))
                .collect();
        assert!(plan.iter().any(|line| line.contains(index)), "{statement}: {plan:#?}");
        assert!(!plan.iter().any(|line| line.contains("TEMP B-TREE")), "{statement}: {plan:#?}");
        assert!(
            !plan.iter().any(|line| line.contains("SCAN") && !line.contains("SCAN json_each")),
            "{statement}: {plan:#?}"
        );
    }
}

#[tokio::test]
async fn an_update_from_the_first_schema_keeps_what_waits_and_its_order() {
    let folder = TempDir::new().unwrap();
    let mut shell = shell(&database(&folder)).await;
    let first = MIGRATOR.iter().next().unwrap();
    shell.ensure_migrations_table("_sqlx_migrations").await.unwrap();
    shell.apply("_sqlx_migrations", first).await.unwrap();
    run(
        &mut shell,
        "INSERT INTO jobs VALUES (1, 'main', 'matching', 'customers', 'a', 'RUNNING', 0, 0)",
    )
    .await;
    for (id, change) in [
        (1_i64, change(&job("a"), None, Queued, at(0))),
        (2, change(&job("a"), Some(Queued), Running, at(1))),
    ] {
        let event = message(&change).event.id.to_string();
        sqlx::query("INSERT INTO events VALUES (?, 1, ?, ?, ?)")
            .bind(&event)
            .bind(message(&change).event.event_type.as_str())
            .bind(&*message(&change).body)
            .bind(change.recorded_at.as_microsecond())
            .execute(&mut shell)
            .await
            .unwrap();
        sqlx::query(
            "INSERT INTO deliveries VALUES (?, ?, 1, ?, 'pending', ?, 0, ?, NULL, ?, NULL)",
        )
        .bind(id)
        .bind(&event)
        .bind(HOOK)
        .bind(i64::from(id == 1))
        .bind(change.recorded_at.as_microsecond())
        .bind(change.recorded_at.as_microsecond())
        .execute(&mut shell)
        .await
        .unwrap();
    }
    shell.close().await.unwrap();

    let store = open(&folder).await;
    assert_eq!(store.status(&job("a")).await.unwrap(), Some(Running));
    for status in [Queued, Running] {
        assert_eq!(due_events(&store, HOOK, at(9)).await, [("a".to_owned(), status)]);
        let id = due(&store, HOOK, at(9)).await[0].id;
        store.settle(id, &Settlement::Delivered { at: at(9) }).await.unwrap();
    }
}
