//! Holds the judge to its office: logs that were tampered with must be found out.

use matchwatch::simulator::Status::{self, Queued, Running, Succeeded};
use serde_json::json;

use crate::judge::{Answer, Fault, JobLog, Receipt, judge};

const NOTIFIERS: usize = 2;

fn job() -> JobLog {
    JobLog {
        id: "job".to_owned(),
        reached: vec![Queued, Running, Succeeded],
        served: [Queued, Running, Succeeded].into(),
        gone: false,
    }
}

fn receipt(
    notifier: usize,
    at: u64,
    id: &str,
    status: Status,
    previous: Option<Status>,
    inferred: &[Status],
) -> Receipt {
    let sequence = match status {
        Queued => "1",
        Running => "2",
        _ => "3",
    };
    let name = |status: Status| status.as_str();
    let body = json!({
        "id": id,
        "type": format!("dev.matchwatch.job.{}.v1", name(status).to_lowercase()),
        "sequence": sequence,
        "data": {
            "jobId": "job",
            "status": name(status),
            "previousStatus": previous.map(name),
            "inferred": inferred.iter().copied().map(name).collect::<Vec<_>>(),
        },
    });
    let headers = [("webhook-id", id), ("webhook-timestamp", "1"), ("content-type", "json")];
    Receipt {
        notifier,
        at,
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        body: body.to_string().into_bytes(),
        answer: Some(Answer::Accepted(at + 1)),
    }
}

/// What two good receivers get of one job that was seen at every step.
fn true_log() -> Vec<Receipt> {
    let told = |notifier: usize| {
        let at = 100 * notifier as u64;
        [
            receipt(notifier, at, "a", Queued, None, &[]),
            receipt(notifier, at + 10, "b", Running, Some(Queued), &[]),
            receipt(notifier, at + 20, "c", Succeeded, Some(Running), &[]),
        ]
    };
    (0..NOTIFIERS).flat_map(told).collect()
}

fn faults(jobs: &[JobLog], log: &[Receipt]) -> Vec<Fault> {
    let mut faults: Vec<Fault> =
        judge(jobs, log, NOTIFIERS).problems.iter().map(|problem| problem.fault).collect();
    faults.sort();
    faults.dedup();
    faults
}

/// # Panics
///
/// When the judge overlooks something, or finds what is not.
pub(crate) fn try_the_judge() {
    use Fault::{AnotherId, Lost, MadeUp, OtherBytes, Reordered};
    let found = |name: &str, wanted: &[Fault], doctor: &dyn Fn(&mut Vec<Receipt>)| {
        let mut log = true_log();
        doctor(&mut log);
        assert_eq!(faults(&[job()], &log), wanted, "{name}");
    };
    found("the truth", &[], &|_| {});
    found("no event at all", &[Lost], &|log| log.clear());
    found("an end that was not told", &[Lost], &|log| drop(log.remove(5)));
    found("an end that was refused", &[Lost], &|log| log[5].answer = None);
    // What follows names a status before it that was not told.
    found("a step that was not told", &[Lost, MadeUp], &|log| drop(log.remove(4)));
    found("a step before its time", &[Reordered], &|log| {
        (log[0].at, log[0].answer) = (15, Some(Answer::Accepted(16)));
    });
    found("a step while the one before was under way", &[Reordered], &|log| {
        log[0].answer = Some(Answer::Accepted(12));
    });
    found("an event under two ids", &[AnotherId], &|log| {
        log.push(receipt(0, 50, "d", Succeeded, Some(Running), &[]));
    });
    found("an id that the header does not have", &[AnotherId], &|log| {
        log[0].headers[0].1 = "z".to_owned();
    });
    found("a second copy", &[], &|log| {
        log.push(Receipt { at: 50, ..log[2].clone() });
        log[6].headers[1].1 = "2".to_owned();
    });
    found("a second copy with another byte", &[OtherBytes], &|log| {
        log.push(Receipt { at: 50, ..log[2].clone() });
        log[6].body.push(b' ');
    });
    found("a second copy with another header", &[OtherBytes], &|log| {
        log.push(Receipt { at: 50, ..log[2].clone() });
        log[6].headers[2].1 = "text".to_owned();
    });
    found("no event", &[MadeUp], &|log| {
        log.push(Receipt { body: b"{".to_vec(), ..log[0].clone() });
    });
    found("a status told twice over", &[MadeUp], &|log| {
        for notifier in 0..NOTIFIERS {
            log[3 * notifier + 2] = receipt(
                notifier,
                100 * notifier as u64 + 20,
                "c",
                Succeeded,
                Some(Running),
                &[Running],
            );
        }
    });
    found("a status told inside the next event", &[], &|log| {
        log.retain(|receipt| receipt.header("webhook-id") != Some("b"));
        for notifier in 0..NOTIFIERS {
            log[2 * notifier + 1] = receipt(
                notifier,
                100 * notifier as u64 + 20,
                "c",
                Succeeded,
                Some(Queued),
                &[Running],
            );
        }
    });

    let never = JobLog { reached: vec![Queued], served: [Queued].into(), ..job() };
    assert_eq!(faults(&[never], &true_log()), [MadeUp], "what never was");
    assert_eq!(faults(&[], &true_log()), [MadeUp], "a job that nobody planned");
    let gone = JobLog { gone: true, ..job() };
    assert_eq!(faults(std::slice::from_ref(&gone), &[]), [], "a job that nobody could see");
    let mut log = true_log();
    log.pop();
    assert_eq!(faults(&[gone], &log), [Lost], "what one was told and the other was not");
}
