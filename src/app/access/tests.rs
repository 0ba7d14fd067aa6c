use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::config;
use crate::domain::{AlarmFacts, AlarmKey, Event, Filter, Route, Routing, WorkflowKey};
use crate::source::{Scope, SourceError};
use crate::watch::Entry;

const CUSTOMERS: &str =
    "[[watch]]\nworkflow_name = \"customers\"\njob_ids = [\"0123456789abcdef0123456789abcdef\"]\n";
const ALL: &str = "[[watch]]\nall = true\n";

fn watches(text: &str) -> Vec<WatchSettings> {
    let text = format!(
        "[[notifier]]\nname = \"ops\"\ntype = \"stdout\"\n\
         [[notifier]]\nname = \"data\"\ntype = \"stdout\"\n\
         [[account]]\nname = \"main\"\nregion = \"eu-west-1\"\n{text}"
    );
    config::parse("a test", &text, []).unwrap().settings.watches
}

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
}

fn workflow(name: &str) -> WorkflowKey {
    WorkflowKey { account: "main".into(), kind: JobKind::Matching, name: name.into() }
}

fn denied() -> SourceError {
    SourceError::AccessDenied { scope: Scope::Question, message: "not authorized".into() }
}

fn refused() -> SourceError {
    SourceError::AccessDenied { scope: Scope::Account, message: "role main is not assumed".into() }
}

const GET: Operation = Operation::GetMatchingJob;
const LIST: Operation = Operation::ListMatchingJobs;
const WORKFLOWS: Operation = Operation::ListMatchingWorkflows;

/// A bell with whoever hears it.
struct Stage {
    bell: Arc<Bell>,
    heard: mpsc::UnboundedReceiver<News>,
    book: Book,
    second: i64,
}

impl Stage {
    fn new(text: &str) -> Self {
        Self::with(text, HashMap::new())
    }

    fn with(text: &str, open: HashMap<Subject, Alarm>) -> Self {
        let (bell, heard) = Bell::new(&"main".into());
        let region = "eu-west-1".to_owned();
        let book = Book::new(region, watches(text), open);
        Self { bell, heard, book, second: 0 }
    }

    /// The next process.
    fn restarted(self, text: &str) -> Self {
        Self::with(text, self.book.open)
    }

    /// A question about a workflow, or for the workflows, came back: what is raised and resolved by it, as
    /// `raised main` or `resolved customers`.
    fn answer(
        &mut self,
        of: Option<&str>,
        operation: Operation,
        answer: Result<(), SourceError>,
    ) -> Vec<String> {
        let workflow = of.map(workflow);
        self.bell.answered(workflow.as_ref(), operation, answer.as_ref().copied(), true);
        self.hear()
    }

    fn hear(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        while let Ok(news) = self.heard.try_recv() {
            self.second += 1;
            let entries = self.book.take(news, &routing(), at(self.second));
            told.extend(entries.iter().map(as_told));
        }
        told
    }

    fn told_to(&self, subject: &Subject) -> Vec<&str> {
        self.book.open[subject].notifiers.iter().map(|name| &**name).collect()
    }
}

fn as_told(entry: &Entry) -> String {
    let event = Event::of_raised(&entry.alarm);
    let state = if entry.resolved.is_some() { "resolved" } else { "raised" };
    format!("{state} {}", event.subject)
}

fn routing() -> Routing {
    let route = |name: &str| Route { notifier: name.into(), filter: Filter::default() };
    Routing::new(vec![route("ops"), route("data")])
}

#[test]
fn credentials_that_are_refused_are_one_alarm_of_the_account_however_much_is_asked() {
    let mut stage = Stage::new(ALL);
    let mut told = Vec::new();
    for name in ["customers", "suppliers", "orders"] {
        for operation in [GET, LIST] {
            told.extend(stage.answer(Some(name), operation, Err(refused())));
        }
    }
    told.extend(stage.answer(None, WORKFLOWS, Err(refused())));
    assert_eq!(told, ["raised main"]);
    assert_eq!(stage.answer(Some("orders"), GET, Ok(())), ["resolved main"]);
    assert!(stage.answer(Some("customers"), GET, Ok(())).is_empty());
    assert_eq!(stage.answer(Some("customers"), GET, Err(refused())), ["raised main"], "again");
}

#[test]
fn who_is_denied_a_single_question_has_credentials_that_work() {
    let mut stage = Stage::new(ALL);
    assert_eq!(stage.answer(Some("customers"), GET, Err(refused())), ["raised main"]);
    let told = stage.answer(Some("customers"), GET, Err(denied()));
    assert_eq!(told, ["resolved main", "raised customers"]);
    assert!(stage.answer(Some("suppliers"), GET, Ok(())).is_empty());
    let not_found = SourceError::NotFound { message: "no job".into() };
    assert_eq!(stage.answer(Some("customers"), GET, Err(not_found)), ["resolved customers"]);
}

#[test]
fn an_error_that_says_nothing_of_access_changes_nothing() {
    let mut stage = Stage::new(ALL);
    stage.answer(Some("customers"), GET, Err(refused()));
    let message = || "so".to_owned();
    for error in [
        SourceError::Unavailable { message: message() },
        SourceError::Throttled { retry_after: None, message: message() },
        SourceError::Invalid { message: message() },
    ] {
        assert!(stage.answer(Some("customers"), GET, Err(error)).is_empty());
    }
}

#[test]
fn sessions_that_expire_count_only_where_one_after_the_other_is_no_better() {
    let mut stage = Stage::new(ALL);
    let expired = SourceError::CredentialsExpired { message: "expired".into() };
    let (customers, expires) = (workflow("customers"), |stage: &mut Stage, is_certain| {
        stage.bell.answered(Some(&workflow("customers")), GET, Err(&expired), is_certain);
        stage.hear()
    });
    for _ in 0..9 {
        assert!(expires(&mut stage, false).is_empty(), "others are found at once");
    }
    for _ in 0..9 {
        assert!(expires(&mut stage, true).is_empty() && expires(&mut stage, true).is_empty());
        stage.bell.answered(Some(&customers), GET, Ok(()), true);
        assert!(stage.hear().is_empty(), "an answer in between");
    }
    let told = [(); 4].map(|()| expires(&mut stage, true)).concat();
    assert_eq!(told, ["raised main"]);
    assert_eq!(stage.answer(Some("customers"), GET, Ok(())), ["resolved main"]);
}

#[test]
fn a_workflow_whose_list_is_denied_is_told_until_it_is_listed_again_over_restarts() {
    let mut stage = Stage::new(ALL);
    assert_eq!(stage.answer(Some("customers"), LIST, Err(denied())), ["raised customers"]);
    assert!(stage.answer(Some("customers"), GET, Ok(())).is_empty(), "that is another question");
    let mut stage = stage.restarted(ALL);
    assert!(stage.answer(Some("customers"), GET, Ok(())).is_empty());
    assert!(stage.answer(Some("customers"), LIST, Err(denied())).is_empty(), "it is known");
    assert_eq!(stage.answer(Some("customers"), LIST, Ok(())), ["resolved customers"]);
}

#[test]
fn where_two_questions_are_denied_the_second_is_told_when_the_first_is_granted() {
    let mut stage = Stage::new(ALL);
    assert_eq!(stage.answer(Some("customers"), LIST, Err(denied())), ["raised customers"]);
    assert!(stage.answer(Some("customers"), GET, Err(denied())).is_empty());
    let told = stage.answer(Some("customers"), LIST, Ok(()));
    assert_eq!(told, ["resolved customers", "raised customers"]);
    assert_eq!(stage.answer(Some("customers"), GET, Ok(())), ["resolved customers"]);
}

#[test]
fn credentials_that_are_refused_are_told_though_a_list_was_denied_before() {
    let mut stage = Stage::new(ALL);
    assert_eq!(stage.answer(None, WORKFLOWS, Err(denied())), ["raised main"]);
    let told = stage.answer(Some("customers"), GET, Err(refused()));
    assert_eq!(told, ["resolved main", "raised main"]);
    assert_eq!(stage.book.open[&Subject::Account("main".into())].facts.operation, None);
    let told = stage.answer(Some("customers"), GET, Ok(()));
    assert_eq!(told, ["resolved main", "raised main"], "the list is denied still");
    assert_eq!(stage.answer(None, WORKFLOWS, Ok(())), ["resolved main"]);
}

#[test]
fn a_list_of_workflows_that_is_denied_is_an_alarm_of_the_account_for_those_who_need_it() {
    let text = CUSTOMERS.to_owned() + "notifiers = [\"data\"]\n" + ALL + "notifiers = [\"ops\"]\n";
    let mut stage = Stage::new(&text);
    assert_eq!(stage.answer(None, WORKFLOWS, Err(denied())), ["raised main"]);
    assert_eq!(stage.told_to(&Subject::Account("main".into())), ["ops"]);
    assert!(stage.answer(Some("customers"), GET, Ok(())).is_empty());
    assert_eq!(stage.answer(None, WORKFLOWS, Ok(())), ["resolved main"]);
    stage.answer(Some("customers"), GET, Err(refused()));
    assert_eq!(stage.told_to(&Subject::Account("main".into())), ["ops", "data"]);
}

#[test]
fn who_does_not_want_it_is_not_told() {
    let mut stage = Stage::new(&(CUSTOMERS.to_owned() + "access_denied = false\n"));
    assert!(stage.answer(Some("customers"), GET, Err(denied())).is_empty());
    assert!(stage.answer(Some("customers"), GET, Err(refused())).is_empty());
    assert!(stage.answer(Some("customers"), GET, Ok(())).is_empty());
}

#[test]
fn a_workflow_that_is_deleted_denies_nothing_any_more() {
    let mut stage = Stage::new(&(CUSTOMERS.to_owned() + ALL));
    for name in ["customers", "suppliers"] {
        stage.answer(Some(name), LIST, Err(denied()));
    }
    let mut stage = stage.restarted(&(CUSTOMERS.to_owned() + ALL));
    stage.bell.workflows(JobKind::IdMapping, &HashSet::new());
    assert!(stage.hear().is_empty(), "those are of another kind");
    stage.bell.workflows(JobKind::Matching, &HashSet::new());
    assert_eq!(stage.hear(), ["resolved suppliers"], "a watch names the other");
    for _ in 0..3 {
        // Its job is asked about until it is lost, and where nothing is allowed it never is.
        let told = stage.answer(Some("suppliers"), GET, Err(denied()));
        assert!(told.is_empty(), "{told:?}");
        stage.bell.workflows(JobKind::Matching, &HashSet::new());
        assert!(stage.hear().is_empty());
    }
    stage.answer(Some("suppliers"), GET, Err(denied()));
    stage.bell.workflows(JobKind::Matching, &HashSet::from(["suppliers".into()]));
    assert!(stage.hear().is_empty());
    let told = stage.answer(Some("suppliers"), GET, Err(denied()));
    assert_eq!(told, ["raised suppliers"], "one of that name is there again");
    assert_eq!(stage.answer(Some("suppliers"), GET, Ok(())), ["resolved suppliers"]);
}

#[test]
fn a_workflow_that_a_watch_names_is_told_though_the_list_does_not_show_it() {
    let mut stage = Stage::new(&(CUSTOMERS.to_owned() + ALL));
    stage.bell.workflows(JobKind::Matching, &HashSet::new());
    assert!(stage.hear().is_empty());
    assert_eq!(stage.answer(Some("customers"), GET, Err(denied())), ["raised customers"]);
    assert!(stage.answer(Some("customers"), GET, Err(denied())).is_empty());
    assert_eq!(stage.answer(Some("customers"), GET, Ok(())), ["resolved customers"]);
}

#[test]
fn an_alarm_of_a_version_that_did_not_say_what_is_denied_ends_as_well() {
    let key = AlarmKey {
        name: AlarmName::AccessDenied,
        subject: Subject::Workflow(workflow("customers")),
    };
    let (region, message) = ("eu-west-1".to_owned(), "access is denied".to_owned());
    let alarm = Alarm::new(key, region, at(0), message, AlarmFacts::default());
    let open = HashMap::from([(alarm.key.subject.clone(), alarm)]);
    let mut stage = Stage::with(CUSTOMERS, open);
    assert!(stage.answer(Some("customers"), GET, Err(denied())).is_empty(), "it is known");
    assert_eq!(stage.answer(Some("customers"), GET, Ok(())), ["resolved customers"]);
}

#[test]
fn what_no_watch_asks_for_any_more_is_not_denied() {
    let mut stage = Stage::new(&(CUSTOMERS.to_owned() + ALL));
    stage.answer(None, WORKFLOWS, Err(denied()));
    stage.answer(Some("customers"), LIST, Err(denied()));
    let mut stage = stage.restarted(CUSTOMERS);
    let mut told: Vec<_> = stage.book.tidy(at(9)).iter().map(as_told).collect();
    told.sort();
    assert_eq!(told, ["resolved customers", "resolved main"]);
    assert!(stage.book.open.is_empty());
}
