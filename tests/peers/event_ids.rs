//! The Python of docs/events.md makes the ids that we make.

use matchwatch::domain::{
    Alarm, AlarmFacts, AlarmKey, AlarmName, Event, JobDetails, JobKey, JobKind, JobStatus, Message,
    Subject, Transition,
};

use crate::support::output_of;

#[tokio::test]
async fn the_documented_python_makes_the_same_ids() {
    let document = include_str!("../../docs/events.md");
    let snippet = document.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let program = format!("{snippet}\nimport sys\nprint(event_id(json.loads(sys.argv[1])))");
    for workflow_name in ["customers", "Kunden \"Süd\"\\ 😀\u{7f}\u{1}/"] {
        let key = JobKey {
            account: "main".into(),
            kind: JobKind::IdMapping,
            workflow_name: workflow_name.into(),
            job_id: "0123456789abcdef0123456789abcdef".into(),
        };
        let transition = Transition { from: None, to: JobStatus::Queued, inferred: Vec::new() };
        let observed_at = "2025-06-01T08:00:00Z".parse().unwrap();
        let event = Event::of_transition(
            &key,
            "us-east-1",
            &transition,
            &JobDetails::default(),
            observed_at,
        );
        let quality = Event::of_failed_gates(&event, Vec::new()).unwrap();
        let mut events = vec![event, quality];
        let workflow = key.workflow();
        let account = Subject::Account(workflow_name.into());
        for subject in [key.into(), Subject::Workflow(workflow), account] {
            let key = AlarmKey { name: AlarmName::AccessDenied, subject };
            let raised_at = "2025-06-01T08:00:00.1230Z".parse().unwrap();
            let alarm = Alarm::new(
                key,
                "us-east-1".to_owned(),
                raised_at,
                "no".to_owned(),
                AlarmFacts::default(),
            );
            events.push(Event::of_raised(&alarm));
            events.push(Event::of_resolved(&alarm, "yes", observed_at));
        }
        for event in events {
            let id = event.id.to_string();
            let message = Message::encode(event).unwrap();
            assert_eq!(output_of(&["-c", &program, &message.body]).await.trim(), id);
        }
    }
}
