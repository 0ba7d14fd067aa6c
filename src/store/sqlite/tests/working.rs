//! What the file holds after everything that can happen to it.

use std::fs;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use sqlx::{AssertSqlSafe, Row as _};

use super::*;
use crate::domain::JobStatus::{Queued, Running, Succeeded};
use crate::store::conformance::{
    HOOK, TOPIC, at, change, commit, dead, delivered, due, due_events, job, message, only_due,
    retry, told_to,
};

#[tokio::test]
async fn a_reopened_store_still_holds_everything() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let told = told_to(&[HOOK, TOPIC], change(&job("a"), None, Queued, at(0)));
    commit(&store, &told).await;
    commit(&store, &change(&job("a"), Some(Queued), Running, at(1))).await;
    store.settle(only_due(&store, HOOK, at(1)).await.id, &retry(30)).await.unwrap();
    store.settle(only_due(&store, TOPIC, at(1)).await.id, &dead(2)).await.unwrap();
    let backlog = store.backlog().await.unwrap();
    store.close().await;

    let store = open(&folder).await;
    assert_eq!(store.status(&job("a")).await.unwrap(), Some(Running));
    assert_eq!(store.backlog().await.unwrap(), backlog);
    assert_eq!(store.next_due(HOOK, at(2)).await.unwrap(), Some(at(30)));
    let delivery = only_due(&store, HOOK, at(30)).await;
    assert_eq!((delivery.attempts, &delivery.message), (1, message(&told)));
    store.settle(delivery.id, &delivered(30)).await.unwrap();
    assert_eq!(due_events(&store, HOOK, at(31)).await, [("a".to_owned(), Running)]);
}

#[tokio::test]
async fn what_was_committed_is_there_without_a_close() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    commit(&store, &change(&job("a"), None, Queued, at(0))).await;
    // As after a crash: file and log at this moment, with nothing written since.
    let copy = TempDir::new().unwrap();
    for suffix in ["", "-wal"] {
        let name = format!("matchwatch.db{suffix}");
        fs::copy(folder.path().join(&name), copy.path().join(&name)).unwrap();
    }
    let recovered = open(&copy).await;
    assert_eq!(recovered.status(&job("a")).await.unwrap(), Some(Queued));
    assert_eq!(due(&recovered, HOOK, at(0)).await.len(), 1);
}

#[tokio::test]
async fn a_change_that_fails_midway_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let mut shell = shell(&database(&folder)).await;
    // ABORT leaves the transaction to be rolled back, ROLLBACK ends it behind the program's back.
    for (id, trigger) in [
        (
            "abort",
            "CREATE TRIGGER refuse BEFORE INSERT ON deliveries WHEN new.notifier = 'topic'
                BEGIN SELECT RAISE(ABORT, 'no'); END",
        ),
        (
            "rollback",
            "CREATE TRIGGER refuse BEFORE INSERT ON deliveries WHEN new.notifier = 'topic'
                BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
        ),
    ] {
        run(&mut shell, trigger).await;
        let change = told_to(&[HOOK, TOPIC], change(&job(id), None, Running, at(0)));
        let error = store.record(&change).await.unwrap_err();
        assert!(matches!(error, StoreError::Database(_)), "{error:?}");
        assert_eq!(store.status(&job(id)).await.unwrap(), None);
        assert_eq!(due(&store, HOOK, at(9)).await, []);

        run(&mut shell, "DROP TRIGGER refuse").await;
        commit(&store, &change).await;
        for notifier in [HOOK, TOPIC] {
            let delivery = only_due(&store, notifier, at(9)).await;
            store.settle(delivery.id, &delivered(9)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_work_resumes_when_there_is_room() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    commit(&store, &change(&job("before"), None, Running, at(0))).await;
    let mut large = change(&job("large"), None, Running, at(1));
    let large_message = &mut large.tellings[0].message;
    large_message.body = format!("{}{}", large_message.body, " ".repeat(100_000)).into();

    // SQLite answers as for a full disk; the limit is the connection's own and ends with it.
    let fill = async || {
        run(&mut store.shared.writer().await.unwrap(), "PRAGMA max_page_count = 1").await;
    };
    fill().await;
    let error = store.check_writable().await.unwrap_err().to_string();
    assert!(error.contains("disk is full"), "{error}");
    fill().await;
    let error = store.record(&large).await.unwrap_err().to_string();
    assert!(error.contains("disk is full") && error.contains("Make room"), "{error}");
    assert_eq!(store.status(&job("large")).await.unwrap(), None);
    assert_eq!(store.status(&job("before")).await.unwrap(), Some(Running));

    run(&mut store.shared.writer().await.unwrap(), "PRAGMA max_page_count = 1000000").await;
    store.check_writable().await.unwrap();
    commit(&store, &large).await;
    assert_eq!(due(&store, HOOK, at(9)).await.len(), 2);
}

#[tokio::test]
async fn the_write_check_writes_each_time() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let mut shell = shell(&database(&folder)).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        store.check_writable().await.unwrap();
        // Changes with each commit of another connection that wrote something.
        let version: i64 =
            sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut shell).await.unwrap();
        assert!(!seen.contains(&version), "{version} after {seen:?}");
        seen.push(version);
    }
}

#[tokio::test]
async fn a_call_dropped_at_any_point_leaves_all_of_its_work_or_nothing() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let mut ended = false;
    for polls in 0..200 {
        let id = format!("dropped after {polls}");
        let change = told_to(&[HOOK, TOPIC], change(&job(&id), None, Running, at(polls)));
        ended = poll_at_most(polls, store.record(&change)).await;
        // What it left in line comes before this.
        let next = format!("after {polls}");
        commit(&store, &told_to(&[], change_of(&next))).await;
        let status = store.status(&job(&id)).await.unwrap();
        let told = [HOOK, TOPIC].map(|notifier| due_events(&store, notifier, at(polls)));
        for told in told {
            let told = told.await.iter().any(|(told, _)| *told == id);
            assert_eq!(told, status == Some(Running), "{id}");
        }
        if ended {
            break;
        }
    }
    assert!(ended, "a call that is never dropped ends");
}

fn change_of(id: &str) -> Change {
    change(&job(id), None, Running, at(0))
}

#[tokio::test]
async fn those_who_write_at_the_same_time_wait_for_the_disk_together() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let changes: Vec<_> = (0..100).map(|number| change_of(&number.to_string())).collect();
    let recorded = futures_of(changes.iter().map(|change| store.record(change))).await;
    assert!(recorded.into_iter().all(|recorded| recorded.unwrap() == Recorded::Committed));
    assert!(store.commits() <= 2, "{} commits", store.commits());

    let due = store.due(HOOK, at(0), 100).await.unwrap();
    let done = delivered(1);
    futures_of(due.iter().map(|delivery| store.settle(delivery.id, &done))).await;
    assert!(store.commits() <= 4, "{} commits", store.commits());
    assert_eq!(store.backlog().await.unwrap(), []);

    // One by one, each has a commit of its own.
    let before = store.commits();
    for id in ["x", "y", "z"] {
        commit(&store, &change_of(id)).await;
    }
    assert_eq!(store.commits(), before + 3);
}

#[tokio::test]
async fn one_that_is_refused_or_dropped_does_not_spoil_those_that_it_waits_with() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let mut shell = shell(&database(&folder)).await;
    run(
        &mut shell,
        "CREATE TRIGGER refuse BEFORE INSERT ON jobs WHEN new.job_id = 'refused'
            BEGIN SELECT RAISE(ABORT, 'no'); END",
    )
    .await;
    commit(&store, &change_of("known")).await;
    let ids = ["a", "refused", "known", "dropped", "b"];
    let changes = ids.map(change_of);
    let [a, refused, known, dropped, b] = changes.each_ref().map(|change| store.record(change));
    let (a, refused, known, _, b) = tokio::join!(a, refused, known, poll_at_most(1, dropped), b);
    assert_eq!(a.unwrap(), Recorded::Committed);
    assert!(refused.is_err());
    assert_eq!(known.unwrap(), Recorded::Superseded(Some(Running)));
    assert_eq!(b.unwrap(), Recorded::Committed);
    for (id, status) in
        [("a", Some(Running)), ("refused", None), ("dropped", Some(Running)), ("b", Some(Running))]
    {
        assert_eq!(store.status(&job(id)).await.unwrap(), status, "{id}");
    }
}

/// Lets all of them run side by side.
async fn futures_of<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    poll_fn(|context| {
        for (future, output) in futures.iter_mut().filter(|(_, output)| output.is_none()) {
            if let Poll::Ready(ready) = future.as_mut().poll(context) {
                *output = Some(ready);
            }
        }
        match futures.iter().all(|(_, output)| output.is_some()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    futures.into_iter().filter_map(|(_, output)| output).collect()
}

/// Polls `work` as often as it wakes, but no more than `limit` times; says whether it ended.
async fn poll_at_most(limit: i64, work: impl Future) -> bool {
    let mut work = pin!(work);
    let mut polls = 0;
    poll_fn(|context| {
        if polls == limit {
            return Poll::Ready(false);
        }
        polls += 1;
        match work.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if polls == limit => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[tokio::test]
async fn a_writer_from_outside_is_waited_for() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let mut shell = shell(&database(&folder)).await;
    run(&mut shell, "BEGIN IMMEDIATE").await;
    let change = change(&job("a"), None, Running, at(0));
    let (recorded, ()) = tokio::join!(store.record(&change), run(&mut shell, "COMMIT"));
    assert_eq!(recorded.unwrap(), Recorded::Committed);
}

#[tokio::test]
async fn commits_go_to_a_log_and_reach_the_disk_before_they_return() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let mut connection = store.shared.writer().await.unwrap();
    for (pragma, expected) in [
        ("PRAGMA journal_mode", "wal"),
        ("PRAGMA synchronous", "2"), // FULL
        ("PRAGMA foreign_keys", "1"),
        ("PRAGMA busy_timeout", "5000"),
    ] {
        let row = sqlx::query(pragma).fetch_one(&mut *connection).await.unwrap();
        let value = row
            .try_get::<String, _>(0)
            .or_else(|_| row.try_get::<i64, _>(0).map(|value| value.to_string()));
        assert_eq!(value.unwrap(), expected, "{pragma}");
    }
}

#[tokio::test]
async fn every_call_after_the_close_says_so() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    store.close().await;
    store.close().await;
    let error = store.record(&change(&job("a"), None, Running, at(0))).await.unwrap_err();
    assert!(error.to_string().contains("closed"), "{error}");
    assert!(store.check_writable().await.is_err());
}

#[tokio::test]
async fn an_event_that_cannot_be_read_names_its_delivery_which_can_be_given_up() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    commit(&store, &change(&job("a"), None, Queued, at(0))).await;
    commit(&store, &change(&job("a"), Some(Queued), Succeeded, at(1))).await;
    let delivery = only_due(&store, HOOK, at(1)).await;
    run(
        &mut shell(&database(&folder)).await,
        "UPDATE events SET body = '{' WHERE recorded_at < 1700000001000000",
    )
    .await;
    let error = store.due(HOOK, at(1), 10).await.unwrap_err();
    let StoreError::Damaged { delivery: damaged, event_id, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(*damaged, delivery.id);
    assert_eq!(*event_id, delivery.message.event.id.to_string());
    store.settle(*damaged, &dead(2)).await.unwrap();
    assert_eq!(due_events(&store, HOOK, at(2)).await, [("a".to_owned(), Succeeded)]);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_stands_in_nobodys_way() {
    for damage in [
        "UPDATE deliveries SET attempts = -1 WHERE id = 1",
        "UPDATE deliveries SET attempts = 9223372036854775807 WHERE id = 1",
        "UPDATE deliveries SET created_at = 9223372036854775807 WHERE id = 1",
        "UPDATE events SET body = CAST(x'ff' AS TEXT) WHERE rowid = 1",
        "UPDATE events SET body = replace(body, ',', char(10) || ',') WHERE rowid = 1",
    ] {
        let folder = TempDir::new().unwrap();
        let store = open(&folder).await;
        commit(&store, &change(&job("a"), None, Queued, at(0))).await;
        commit(&store, &change(&job("b"), None, Queued, at(1))).await;
        run(&mut shell(&database(&folder)).await, damage).await;
        let error = store.due(HOOK, at(1), 10).await.unwrap_err();
        let StoreError::Damaged { delivery, .. } = error else { panic!("{damage}: {error:?}") };
        store.settle(delivery, &dead(2)).await.unwrap();
        assert_eq!(due_events(&store, HOOK, at(2)).await, [("b".to_owned(), Queued)], "{damage}");
    }
}

#[tokio::test]
async fn no_question_looks_through_all_deliveries() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let mut connection = store.shared.writer().await.unwrap();
    for (statement, index) in [
        (statements::STATUS, "jobs USING INDEX sqlite_autoindex_jobs_1"),
        (standings::STANDINGS, "jobs USING INDEX sqlite_autoindex_jobs_1"),
        (standings::LIVE, "jobs USING INDEX jobs_live"),
        (statements::DUE, "d USING INDEX deliveries_due (notifier=? AND due_at<?)"),
        (statements::DUE, "e USING INDEX sqlite_autoindex_events_1 (id=?)"),
        (statements::NEXT_DUE, "USING COVERING INDEX deliveries_due (notifier=? AND due_at>?)"),
        (statements::ADD_DELIVERY, "USING COVERING INDEX deliveries_line (job=? AND notifier=?)"),
        (statements::MOVE_UP, "USING COVERING INDEX deliveries_line (job=? AND notifier=?)"),
        (statements::HASTEN, "deliveries USING INDEX deliveries_open (notifier=? AND state=?)"),
        // This one reads all that are open, and nothing but the index.
        (statements::BACKLOG, "SCAN deliveries USING COVERING INDEX deliveries_open"),
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
        // What was asked is put in order, and no more than that.
        let sorts = statement == standings::STANDINGS;
        let sorted = plan.iter().any(|line| line.contains("TEMP B-TREE"));
        assert_eq!(sorted, sorts, "{statement}: {plan:#?}");
        let scans = plan.iter().filter(|line| line.contains("SCAN deliveries")).count();
        assert_eq!(scans, usize::from(statement == statements::BACKLOG), "{statement}: {plan:#?}");
    }
}
