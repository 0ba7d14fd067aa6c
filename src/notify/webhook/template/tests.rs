use super::*;
use crate::domain::{Event, EventType, Message};
use crate::notify::testing::{failed, failed_with, succeeded, trial};
use crate::secret::MaybeSecret;

fn config(text: &str) -> Config {
    let url = MaybeSecret::Plain("https://example.com".to_owned());
    Config { template_text: Some(text.to_owned()), ..Config::posting_to(url) }
}

fn template(text: &str) -> Template {
    let secrets = BTreeMap::from([("token".to_owned(), Secret::new("hunter2hunter2"))]);
    Template::of(&config(text), &secrets).unwrap().unwrap()
}

fn made(text: &str, message: &Message<Event>) -> String {
    template(text).render(&Context::of(message).unwrap()).unwrap()
}

/// What is wrong with a template that is read, or that makes examples.
fn problem(text: &str) -> String {
    check(&config(text)).unwrap_err().1
}

#[test]
fn whatever_a_text_holds_it_stays_one_text_of_the_json() {
    let hostile = "\"}, \\ {{ title }} </script> \u{1}\n'";
    let body = made(r#"{ "error": {{ error }} }"#, &failed_with(hostile));
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["error"], hostile);
}

#[test]
fn what_is_sent_as_another_type_is_not_quoted() {
    let config = Config {
        content_type: Some("text/plain; charset=utf-8".to_owned()),
        ..config("{{ title }}: {{ data.status }}")
    };
    let template = Template::of(&config, &BTreeMap::new()).unwrap().unwrap();
    assert_eq!(
        template.render(&Context::of(&succeeded()).unwrap()).unwrap(),
        "Matching job of customers succeeded in main, eu-west-1: SUCCEEDED"
    );
    assert_eq!(content_type(&config).unwrap(), "text/plain; charset=utf-8");
}

#[test]
fn json_is_what_says_that_it_is() {
    for json in ["application/json", "Application/JSON; charset=utf-8", "application/ld+json"] {
        assert!(is_json(json), "{json}");
    }
    for other in ["text/plain", "application/jsonl", "application/x-www-form-urlencoded"] {
        assert!(!is_json(other), "{other}");
    }
}

#[test]
fn an_event_is_printed_whole_and_as_it_is() {
    let body: serde_json::Value = serde_json::from_str(&made("{{ event }}", &failed())).unwrap();
    let sent: serde_json::Value = serde_json::from_str(&failed().body).unwrap();
    assert_eq!(body, sent);
}

#[test]
fn a_field_that_an_event_lacks_can_be_asked_for() {
    let text = "{{ data.durationSeconds | default(0) }}";
    assert_eq!(made(text, &succeeded()), "0");
    let text =
        "{% if data.errorDetails %}{{ data.errorDetails.errorMessage }}{% else %}null{% endif %}";
    assert_eq!(made(text, &failed()), "\"S3: access denied\"");
    assert_eq!(made(text, &succeeded()), "null");
    let test = Context::of_test(&trial()).unwrap();
    assert_eq!(template("[{{ test }}, {{ severity }}]").render(&test).unwrap(), r#"[true,"info"]"#);
}

#[test]
fn a_mistake_is_told_with_its_line() {
    for (text, told) in [
        (
            "\n{{ title ",
            "template_text:2: syntax error: unexpected end of input, expected end of variable block",
        ),
        ("{{ title }\n", "template_text:1: syntax error: "),
        ("1\n{% if %}", "template_text:2: syntax error: "),
        ("[\n{{ title | shout }}]", "template_text:2: unknown filter: "),
        (
            "[\n\n{{ data.jobid }}]",
            "template_text:3: undefined value: `data.jobid` is undefined (for example dev.matchwatch.job.queued.v1)",
        ),
        ("{{ data.errorDetails.errorMessage }}", "template_text:1: undefined value: "),
        (
            "{\n  \"text\": \"{{ title }}\"\n}",
            "template_text:2: what it makes is no JSON: expected `,` or `}` (for example dev.matchwatch.job.queued.v1)",
        ),
        (
            "{\n\n  \"text\": 1,\n}",
            "template_text:4: what it makes is no JSON: trailing comma (for example ",
        ),
        ("", "template_text:1: what it makes is no JSON: EOF while parsing a value (for example "),
    ] {
        let problem = problem(text);
        assert!(problem.starts_with(told), "{text}: {problem}");
    }
}

#[test]
fn no_print_and_no_mistake_shows_a_secret() {
    let template = template(r#"{ "token": {{ secrets.token }}, "n": {{ 1 + secrets.token }} }"#);
    assert!(!format!("{template:?}").contains("hunter2"));
    let error = template.render(&Context::of(&succeeded()).unwrap()).unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn the_templates_that_we_bring_make_bodies_of_every_event() {
    for built_in in BuiltIn::ALL {
        let url = MaybeSecret::Plain("https://example.com".to_owned());
        let place = SecretRef::Env("PAGERDUTY_ROUTING_KEY".to_owned());
        let template_secrets = match built_in {
            BuiltIn::PagerDuty => BTreeMap::from([("routing_key".to_owned(), place)]),
            _ => BTreeMap::new(),
        };
        let config =
            Config { template: Some(built_in), template_secrets, ..Config::posting_to(url) };
        assert_eq!(check(&config), Ok(()), "{built_in:?}");
    }
}

#[test]
fn there_is_an_example_of_every_type() {
    let tried: Vec<_> = examples::all().map(|(what, _)| what).collect();
    for event_type in EventType::ALL {
        assert!(tried.iter().any(|what| what == event_type.as_str()), "{event_type}");
    }
    assert!(tried.contains(&"dev.matchwatch.test.v1".to_owned()));
}
