//! Variables that win over the file.

use matchwatch::config::NotifierAdapter;
use matchwatch::secret::{MaybeSecret, SecretRef};

use super::{JOB, SHIPPED, parse_with, secs, settings};

#[test]
fn the_environment_wins_over_the_file_key_by_key() {
    let file =
        "[poll]\nmax_interval = \"15s\"\nconcurrency = 4\n[[account]]\nname = \"production\"\n";
    let settings = settings(
        file,
        &[
            ("MATCHWATCH__POLL__MAX_INTERVAL", "30s"),
            ("MATCHWATCH__POLL__GET_RATE", "3"),
            ("MATCHWATCH__HTTP__LISTEN", "127.0.0.1:9464"),
            ("MATCHWATCH__ACCOUNT__0__REGION", "eu-west-1"),
            ("MATCHWATCH__ACCOUNT__1__NAME", "\"123456789012\""),
            ("MATCHWATCH_CONFIG", "not ours"),
            ("PATH", "not ours"),
        ],
    );
    assert_eq!(settings.watch.max_interval, secs(30));
    assert_eq!(settings.watch.get_rate, 3.0);
    assert_eq!(settings.watch.concurrency, 4);
    assert_eq!(settings.http_listen, Some("127.0.0.1:9464".parse().unwrap()));
    assert_eq!(settings.accounts[0].name, "production".into());
    assert_eq!(settings.accounts[0].access.region.as_deref(), Some("eu-west-1"));
    assert_eq!(settings.accounts[1].name, "123456789012".into());
}

#[test]
fn the_environment_alone_can_configure_everything() {
    let settings = settings(
        "",
        &[
            ("MATCHWATCH__WATCH__0__WORKFLOW_NAME", "customers"),
            ("MATCHWATCH__WATCH__0__JOB_IDS__0", JOB),
            ("MATCHWATCH__WATCH__0__NOTIFIERS", "[\"hook\"]"),
            ("MATCHWATCH__NOTIFIER__0__NAME", "hook"),
            ("MATCHWATCH__NOTIFIER__0__TYPE", "webhook"),
            ("MATCHWATCH__NOTIFIER__0__URL", "https://example.com"),
            ("MATCHWATCH__NOTIFIER__0__SECRETS__0__FILE", "tests/fixtures/config/signing_secret"),
            ("MATCHWATCH__NOTIFIER__0__HEADERS__X_TEAM", "data"),
        ],
    );
    assert_eq!(settings.watches[0].job_ids, [JOB.into()]);
    let NotifierAdapter::Webhook(webhook) = &settings.notifiers[0].adapter else {
        panic!("{:?}", settings.notifiers);
    };
    assert_eq!(webhook.secrets, [SecretRef::File("tests/fixtures/config/signing_secret".into())]);
    assert_eq!(webhook.headers["x_team"], MaybeSecret::Plain("data".into()));
}

#[test]
fn entries_of_a_list_are_added_in_the_order_of_their_numbers() {
    let names: Vec<_> =
        (0..12).map(|i| (format!("MATCHWATCH__ACCOUNT__{i}__NAME"), format!("a{i}"))).collect();
    // An environment has no order.
    let shuffled = names.iter().rev().map(|(n, v)| (n.as_str(), v.as_str())).collect::<Vec<_>>();
    let settings = settings("", &shuffled);
    let given: Vec<_> = settings.accounts.iter().map(|account| account.name.to_string()).collect();
    assert_eq!(given, names.into_iter().map(|(_, name)| name).collect::<Vec<_>>());
}

#[test]
fn an_empty_address_switches_the_listener_of_the_file_off() {
    let off = settings(SHIPPED, &[("MATCHWATCH__HTTP__LISTEN", "")]);
    assert_eq!(off.http_listen, None);
}

#[test]
fn what_is_wrong_in_the_environment_names_the_variable() {
    let told = parse_with(
        "[poll]\nmax_intervall = \"5s\"\n",
        &[
            ("MATCHWATCH__POLL__MAX_INTERVAL", "soon"),
            ("MATCHWATCH__POLL__MAX_INTERVAL__MAX", "3"),
            ("MATCHWATCH__POL__INTERVAL", "5s"),
            ("MATCHWATCH__DELIVER__CONCURENCY", "5"),
            ("MATCHWATCH__ACCOUNT__2__NAME", "late"),
            ("MATCHWATCH__ACCOUNT__0__NAME", "5"),
            ("MATCHWATCH__WATCH__0__JOB_IDS", "[\"x\"]"),
            ("MATCHWATCH____INTERVAL", "5s"),
            ("MATCHWATCH__A__B__C__D__E__F__G", "5s"),
        ],
    )
    .unwrap_err()
    .to_string();
    assert_eq!(
        told,
        "test.toml:2:1: [poll] max_intervall: unknown key; did you mean `max_interval`?
MATCHWATCH____INTERVAL: .interval: no key has this name
MATCHWATCH__A__B__C__D__E__F__G: a.b.c.d.e.f.g: no key has this name
MATCHWATCH__ACCOUNT__0__NAME: [[account]] name: expected a string in quotes, as in \"…\", found an integer
MATCHWATCH__ACCOUNT__2__NAME: account.2.name: `2` is none of its entries: they are numbered from 0, and the next is 1
MATCHWATCH__DELIVER__CONCURENCY: [deliver] concurency: unknown key; did you mean `concurrency`?
MATCHWATCH__POL__INTERVAL: [pol]: unknown section; did you mean `[poll]`?
MATCHWATCH__POLL__MAX_INTERVAL: [poll] max_interval: \"soon\" is not a duration: write a number and a unit, as in 30s, 5m, 2h30m or 3d
MATCHWATCH__POLL__MAX_INTERVAL__MAX: poll.max_interval.max: `poll.max_interval` is a single value, with nothing inside it
MATCHWATCH__WATCH__0__JOB_IDS: [[watch]] workflow_name: missing; write for example workflow_name = \"my-workflow\"
MATCHWATCH__WATCH__0__JOB_IDS: [[watch]] job_ids: `x` is no job id; write the 32 digits 0-9 and a-f that start-matching-job and start-id-mapping-job answer
11 problems in test.toml and the environment"
    );
}
