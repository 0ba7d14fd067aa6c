//! What the file says, and what it leaves to the defaults.

use std::path::Path;
use std::time::Duration;

use matchwatch::aws::{Access, Role};
use matchwatch::backoff::Policy;
use matchwatch::config::{
    self, AccountSettings, DiscoverySettings, Loaded, LogFormat, LogSettings, NotifierAdapter,
    NotifierSettings, Problems, Settings, StoreSettings, WatchSettings,
};
use matchwatch::domain::{
    AlarmRules, Amount, EventPattern, Filter, Gates, JobKind, JobStatus, NamePattern, Start,
};
use matchwatch::notify::{
    AwsConfig, BuiltInTemplate, CommandConfig, EventBridgeConfig, SnsConfig, SqsConfig,
    WebhookConfig,
};
use matchwatch::secret::{MaybeSecret, SecretRef};
use matchwatch::store::SqliteConfig;
use matchwatch::tls::CaBundle;
use matchwatch::{deliver, watch};

use super::{JOB, secs};

fn load_fixture(name: &str) -> Result<Loaded, Problems> {
    config::load(&Path::new("tests/fixtures/config").join(name), [])
}

#[test]
fn an_empty_file_gives_the_defaults() {
    let Loaded { settings, warnings } = load_fixture("good.empty.toml").unwrap();
    assert_eq!(
        settings,
        Settings {
            log: LogSettings { filter: "info".into(), format: LogFormat::Auto },
            http_listen: None,
            ca_bundle: None,
            store: StoreSettings::Sqlite(SqliteConfig {
                path: "matchwatch.db".into(),
                lock_timeout: secs(30),
            }),
            retain: secs(90 * 86_400),
            watch: watch::Config {
                call_worth: secs(1),
                min_interval: secs(1),
                max_interval: secs(600),
                backoff: Policy { initial: secs(1), max: secs(120) },
                get_rate: 5.0,
                list_rate: 2.5,
                concurrency: 32,
                not_found_grace: secs(600),
            },
            request_timeout: secs(10),
            discovery_interval: secs(30),
            deliver: deliver::Config {
                backoff: Policy { initial: secs(1), max: secs(600) },
                max_retry_after: secs(3_600),
                give_up_after: secs(3 * 86_400),
                concurrency: 8,
            },
            shutdown_grace: secs(10),
            accounts: vec![AccountSettings {
                name: "default".into(),
                access: Access::default(),
                get_rate: None,
                list_rate: None,
            }],
            watches: Vec::new(),
            notifiers: vec![NotifierSettings {
                name: "stdout".into(),
                filter: Filter::default(),
                adapter: NotifierAdapter::Stdout,
            }],
        }
    );
    let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        ["tests/fixtures/config/good.empty.toml: [[watch]]: there is none: nothing is watched"]
    );
}

#[test]
fn a_watch_needs_only_a_workflow_and_job_ids() {
    let Loaded { settings, warnings } = load_fixture("good.minimal.toml").unwrap();
    assert_eq!(
        settings.watches,
        [WatchSettings {
            account: "default".into(),
            kind: JobKind::Matching,
            workflow_name: "customers".into(),
            job_ids: vec![JOB.into()],
            discovery: None,
            notifiers: Vec::new(),
            gates: Gates::default(),
            alarms: AlarmRules::OF_DAEMON,
        }]
    );
    assert_eq!(warnings, []);
}

#[test]
fn a_watch_that_names_no_job_follows_all_that_start() {
    let Loaded { settings, warnings } =
        config::parse("test.toml", "[[watch]]\nworkflow_name = \"customers\"\n", []).unwrap();
    assert_eq!(warnings, []);
    let discovery = settings.watches[0].discovery.as_ref().unwrap();
    assert_eq!(discovery.workflows.literal(), Some("customers"));
    assert_eq!((discovery.start, discovery.interval), (Start::New, None));
}

#[test]
fn a_start_is_a_word_or_a_moment() {
    for (text, start) in [
        ("new", Start::New),
        ("running", Start::Running),
        ("since 7d", Start::Ago(secs(7 * 86_400))),
        ("since 2026-11-01T00:00:00Z", Start::At("2026-11-01T00:00:00Z".parse().unwrap())),
        ("since 2026-11-01T02:00:00+02:00", Start::At("2026-11-01T00:00:00Z".parse().unwrap())),
    ] {
        let text = format!("[[watch]]\nall = true\nstart = {text:?}\n");
        let Loaded { settings, .. } = config::parse("test.toml", &text, []).unwrap();
        assert_eq!(settings.watches[0].discovery.as_ref().unwrap().start, start, "{text}");
    }
}

#[test]
fn every_key_is_taken_up() {
    let Loaded { settings, warnings } = load_fixture("good.full.toml").unwrap();
    assert_eq!(warnings, []);
    let alarms = AlarmRules {
        queued_longer_than: Some(secs(3_600)),
        running_longer_than: Some(secs(21_600)),
        running_longer_than_usual: Some(1.5),
        usual_needs_runs: 5,
        lost: false,
        access_denied: false,
        watch_broken: true,
    };
    assert_eq!(
        settings,
        Settings {
            log: LogSettings { filter: "warn,matchwatch=debug".into(), format: LogFormat::Json },
            http_listen: Some("[::1]:9000".parse().unwrap()),
            ca_bundle: Some(CaBundle::read("tests/fixtures/tls/ca.pem").unwrap()),
            store: StoreSettings::Sqlite(SqliteConfig {
                path: "state/jobs.db".into(),
                lock_timeout: Duration::ZERO,
            }),
            retain: secs(30 * 86_400),
            watch: watch::Config {
                call_worth: secs(5),
                min_interval: secs(2),
                max_interval: secs(60),
                backoff: Policy { initial: Duration::from_millis(500), max: secs(60) },
                get_rate: 2.0,
                list_rate: 0.5,
                concurrency: 10,
                not_found_grace: secs(3_600),
            },
            request_timeout: secs(2),
            discovery_interval: secs(60),
            deliver: deliver::Config {
                backoff: Policy { initial: secs(2), max: secs(2) },
                max_retry_after: secs(600),
                give_up_after: secs(86_400),
                concurrency: 3,
            },
            shutdown_grace: secs(90),
            accounts: vec![
                AccountSettings {
                    name: "production".into(),
                    access: Access {
                        region: Some("eu-west-1".into()),
                        profile: Some("prod".into()),
                        endpoint_url: Some("http://127.0.0.1:8080".into()),
                        no_sign_request: true,
                        ..Access::default()
                    },
                    get_rate: Some(4.5),
                    list_rate: Some(1.0),
                },
                AccountSettings {
                    name: "123456789012".into(),
                    access: Access {
                        profile: Some("base".into()),
                        role: Some(Role {
                            arn: "arn:aws-us-gov:iam::210987654321:role/path/watcher".into(),
                            external_id: Some("tenant:42/x".into()),
                            session_name: "matchwatch@ops".into(),
                            sts_endpoint_url: Some("http://127.0.0.1:8082".into()),
                        }),
                        use_fips: Some(false),
                        use_dualstack: Some(false),
                        ..Access::default()
                    },
                    get_rate: None,
                    list_rate: None,
                },
            ],
            watches: vec![
                WatchSettings {
                    account: "production".into(),
                    kind: JobKind::Matching,
                    workflow_name: "customers".into(),
                    job_ids: vec![JOB.into(), "ffffffffffffffffffffffffffffffff".into()],
                    discovery: None,
                    notifiers: vec!["ops".into(), "lines".into()],
                    gates: Gates {
                        max_unprocessed: Some("0.5%".parse().unwrap()),
                        min_match_ids: Some(1_000),
                        min_processed: Some(0),
                    },
                    alarms: AlarmRules {
                        queued_longer_than: None,
                        running_longer_than_usual: Some(2.0),
                        lost: true,
                        ..alarms
                    },
                },
                // The same job id in another account is another job.
                WatchSettings {
                    account: "123456789012".into(),
                    kind: JobKind::Matching,
                    workflow_name: "customers".into(),
                    job_ids: vec![JOB.into()],
                    discovery: None,
                    notifiers: Vec::new(),
                    gates: Gates { max_unprocessed: Some(Amount::Records(12)), ..Gates::default() },
                    alarms,
                },
                // And so is that of another kind.
                WatchSettings {
                    account: "123456789012".into(),
                    kind: JobKind::IdMapping,
                    workflow_name: "customers".into(),
                    job_ids: vec![JOB.into()],
                    discovery: None,
                    notifiers: Vec::new(),
                    gates: Gates::default(),
                    alarms,
                },
                WatchSettings {
                    account: "production".into(),
                    kind: JobKind::Matching,
                    workflow_name: "orders-*".into(),
                    job_ids: Vec::new(),
                    discovery: Some(DiscoverySettings {
                        workflows: NamePattern::new("orders-*"),
                        start: Start::Running,
                        interval: Some(secs(20)),
                    }),
                    notifiers: Vec::new(),
                    gates: Gates::default(),
                    alarms,
                },
                WatchSettings {
                    account: "production".into(),
                    kind: JobKind::Matching,
                    workflow_name: "*".into(),
                    job_ids: Vec::new(),
                    discovery: Some(DiscoverySettings {
                        workflows: NamePattern::new("*"),
                        start: Start::Ago(secs(7 * 86_400)),
                        interval: None,
                    }),
                    notifiers: vec!["lines".into()],
                    gates: Gates::default(),
                    alarms,
                },
            ],
            notifiers: vec![
                NotifierSettings {
                    name: "ops".into(),
                    filter: Filter {
                        statuses: vec![JobStatus::Succeeded, JobStatus::Failed],
                        events: vec![EventPattern::new("job.*")],
                        workflows: vec![NamePattern::new("customers"), NamePattern::new("cust*")],
                        accounts: vec!["production".into()],
                        regions: vec!["eu-west-1".into()],
                        kinds: vec![JobKind::Matching],
                    },
                    adapter: NotifierAdapter::Webhook(WebhookConfig {
                        secrets: vec![SecretRef::File(
                            "tests/fixtures/config/signing_secret".into()
                        )],
                        headers: [
                            (
                                "Authorization".to_owned(),
                                MaybeSecret::Kept(SecretRef::Env("CARGO_PKG_NAME".into())),
                            ),
                            ("X-Team".to_owned(), MaybeSecret::Plain("data".into())),
                        ]
                        .into(),
                        timeout: secs(5),
                        ..WebhookConfig::posting_to(MaybeSecret::Plain(
                            "https://example.com/hook".into(),
                        ))
                    }),
                },
                NotifierSettings {
                    name: "chat".into(),
                    filter: Filter::default(),
                    adapter: NotifierAdapter::Webhook(WebhookConfig {
                        template: Some(BuiltInTemplate::Slack),
                        ..WebhookConfig::posting_to(MaybeSecret::Kept(SecretRef::File(
                            "tests/fixtures/config/url".into(),
                        )))
                    }),
                },
                NotifierSettings {
                    name: "tickets".into(),
                    filter: Filter::default(),
                    adapter: NotifierAdapter::Webhook(WebhookConfig {
                        template_file: Some("tests/fixtures/config/ticket.jinja".into()),
                        template_secrets: [(
                            "token".to_owned(),
                            SecretRef::File("tests/fixtures/config/signing_secret".into()),
                        )]
                        .into(),
                        content_type: Some("application/vnd.tickets+json".into()),
                        ..WebhookConfig::posting_to(MaybeSecret::Plain(
                            "https://example.com/tickets".into(),
                        ))
                    }),
                },
                NotifierSettings {
                    name: "phone".into(),
                    filter: Filter::default(),
                    adapter: NotifierAdapter::Webhook(WebhookConfig {
                        template_text: Some("{{ title }}".into()),
                        content_type: Some("text/plain".into()),
                        ..WebhookConfig::posting_to(MaybeSecret::Plain(
                            "https://example.com/phone".into(),
                        ))
                    }),
                },
                NotifierSettings {
                    name: "data".into(),
                    filter: Filter::default(),
                    adapter: NotifierAdapter::Sns(SnsConfig {
                        topic_arn: "arn:aws:sns:eu-west-1:123456789012:jobs.fifo".into(),
                        aws: AwsConfig {
                            region: Some("eu-central-1".into()),
                            profile: Some("publisher".into()),
                            role_arn: Some("arn:aws:iam::123456789012:role/path/publisher".into()),
                            endpoint_url: Some("http://127.0.0.1:8081".into()),
                            timeout: secs(3),
                            ..AwsConfig::default()
                        },
                    }),
                },
                NotifierSettings {
                    name: "queue".into(),
                    filter: Filter::default(),
                    adapter: NotifierAdapter::Sqs(SqsConfig {
                        queue_url: "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs.fifo"
                            .into(),
                        aws: AwsConfig {
                            region: Some("eu-central-1".into()),
                            profile: Some("sender".into()),
                            role_arn: Some("arn:aws:iam::123456789012:role/sender".into()),
                            endpoint_url: Some("http://127.0.0.1:8082".into()),
                            timeout: secs(6),
                            ..AwsConfig::default()
                        },
                    }),
                },
                NotifierSettings {
                    name: "bus".into(),
                    filter: Filter::default(),
                    adapter: NotifierAdapter::EventBridge(EventBridgeConfig {
                        event_bus: "arn:aws:events:eu-west-1:123456789012:event-bus/jobs".into(),
                        aws: AwsConfig {
                            region: Some("eu-central-1".into()),
                            profile: Some("sender".into()),
                            role_arn: Some("arn:aws:iam::123456789012:role/sender".into()),
                            endpoint_url: Some("http://127.0.0.1:8083".into()),
                            timeout: secs(7),
                            ..AwsConfig::default()
                        },
                    }),
                },
                NotifierSettings {
                    name: "archive".into(),
                    filter: Filter::default(),
                    adapter: NotifierAdapter::Command(CommandConfig {
                        command: vec!["/bin/cat".into(), "-".into()],
                        timeout: secs(4),
                    }),
                },
                NotifierSettings {
                    name: "lines".into(),
                    filter: Filter::default(),
                    adapter: NotifierAdapter::Stdout,
                },
            ],
        }
    );
}

#[test]
fn what_may_be_a_mistake_is_a_warning() {
    let Loaded { settings, warnings } = load_fixture("good.doubtful.toml").unwrap();
    let warnings: Vec<_> = warnings
        .iter()
        .map(|warning| warning.to_string().replace("tests/fixtures/config/good.doubtful.toml", ""))
        .collect();
    assert_eq!(
        warnings,
        [
            ":4:8: [store] path: has no effect with `type = \"memory\"`",
            ":8:10: [[account]] region: Entity Resolution is not known to be offered in \
             `eu-wset-1`; did you mean `eu-west-1`?",
            ":13:48: [[watch]] job_ids: `0123456789abcdef0123456789abcdef` is named twice",
            ":18:12: [[account]] use_fips: Entity Resolution is not known to have a FIPS endpoint in \
             `eu-west-1`; it has one in `us-east-1`, `us-east-2`, `us-west-2`",
            ":24:9: [[watch]] start: has no effect in a watch that names its jobs",
            ":32:17: [[watch]] workflow_name: has no effect: an earlier watch follows all of it already, by \
             `orders-*`; put this one before that",
            ":36:17: [[watch]] workflow_name: jobs of workflows that fit `orders-*` as well are followed by that \
             earlier watch alone",
            ":46:17: [[watch]] min_match_ids: ID mapping jobs have no match ids: each one that succeeds will fail this \
             gate; min_processed and max_unprocessed suit them",
        ]
    );
    assert_eq!(settings.watches[0].job_ids, [JOB.into()]);
}

/// What is said of the filter `keys` beside watches of `customers` in `one` and of `suppliers` in `two`, the first of
/// which tells it.
fn warnings_about(keys: &str) -> Vec<String> {
    let text = format!(
        "account = [{{ name = 'one', region = 'eu-west-1' }}, {{ name = 'two', region = 'us-east-1' }}]\n\
         [[watch]]\naccount = 'one'\nworkflow_name = 'customers'\njob_ids = ['{JOB}']\n\
         [[watch]]\naccount = 'two'\nworkflow_name = 'suppliers'\njob_ids = ['{JOB}']\nnotifiers = ['other']\n\
         [[notifier]]\nname = 'other'\ntype = 'stdout'\n\
         [[notifier]]\nname = 'ops'\ntype = 'stdout'\n{keys}\n"
    );
    let warnings = super::parse(&text).unwrap_or_else(|problems| panic!("{problems}")).warnings;
    warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_filter_that_nothing_can_pass_is_a_warning() {
    for (keys, warning) in [
        (
            "accounts = ['one', 'two']",
            ":17:20: [[notifier]] accounts: no watch that tells it is in account `two`",
        ),
        (
            "regions = ['eu-wset-1']",
            ":17:12: [[notifier]] regions: nothing is watched in `eu-wset-1`; did you mean `eu-west-1`?",
        ),
        (
            "workflows = ['customer']",
            ":17:14: [[notifier]] workflows: no watch that tells it follows a workflow `customer`; \
             did you mean `customers`?",
        ),
        (
            "workflows = ['suppliers', 'c*']",
            ":17:14: [[notifier]] workflows: no watch that tells it follows a workflow `suppliers`; \
             followed are `customers`",
        ),
        (
            "kinds = ['id-mapping']",
            ":17:10: [[notifier]] kinds: no watch that tells it follows id-mapping jobs",
        ),
        ("events = ['jobs.*']", ":17:11: [[notifier]] events: no event is of a type `jobs.*`"),
        (
            "events = ['*.quality_failed', 'job.failed']",
            ":17:11: [[notifier]] events: no watch that tells it makes an event `*.quality_failed`: it has no quality gate",
        ),
        (
            "events = ['job.*', 'alarm.queued_too_long.*']",
            ":17:20: [[notifier]] events: no watch that tells it makes an event `alarm.queued_too_long.*`: its alarm is \
             off, in [alarms] and in the [[watch]]",
        ),
        (
            "events = ['job.failed']\nstatuses = ['SUCCEEDED']",
            ":14:1: [[notifier]] ops: no event can pass all of its filters together",
        ),
    ] {
        assert_eq!(warnings_about(keys), [format!("test.toml{warning}")], "{keys}");
    }
}

#[test]
fn a_notifier_that_no_watch_tells_is_a_warning() {
    let text = format!(
        "[[watch]]\nworkflow_name = 'customers'\njob_ids = ['{JOB}']\nnotifiers = ['ops']\n\
         [[notifier]]\nname = 'ops'\ntype = 'stdout'\n[[notifier]]\nname = 'boss'\ntype = 'stdout'\n"
    );
    let warnings = super::parse(&text).unwrap().warnings;
    let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        ["test.toml:8:1: [[notifier]] boss: no watch tells it: each names other notifiers"]
    );
}

#[test]
fn a_filter_that_something_can_pass_is_none() {
    for keys in [
        "",
        "accounts = ['one']\nregions = ['eu-west-1']\nkinds = ['matching']",
        "workflows = ['*', 'cust?mers', '*s']",
        "events = ['job.*', 'dev.matchwatch.job.failed.v1']\nstatuses = ['FAILED']",
        "events = ['alarm.lost.raised', 'alarm.*_too_long.*', 'job.quality_failed']\n\
         [alarms]\nqueued_longer_than = '1h'\n\
         [[watch]]\naccount = 'one'\nall = true\nmax_unprocessed = '5%'",
    ] {
        assert_eq!(warnings_about(keys), [""; 0], "{keys}");
    }
}

#[test]
fn a_region_that_the_environment_decides_may_be_any() {
    let text = format!(
        "watch = [{{ workflow_name = 'customers', job_ids = ['{JOB}'] }}]\n\
         notifier = [{{ name = 'ops', type = 'stdout', regions = ['eu-west-1'] }}]"
    );
    assert_eq!(super::parse(&text).unwrap().warnings, []);
}
