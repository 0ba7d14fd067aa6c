//! What the program counts about itself, in Prometheus' terms. Names are an API: docs/operations.md lists them.

use std::time::Duration;

use jiff::Timestamp;
use prometheus::{
    Encoder, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

pub use prometheus::{Error, IntGauge};

/// Every metric of the process. Cheap to clone; clones count together.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    /// 1 if the configuration was read well the last time, 0 if it was refused.
    pub config_last_reload_successful: IntGaugeVec,
    /// When it was read well last, in seconds since 1970-01-01 UTC.
    pub config_last_reload_success_timestamp_seconds: IntGaugeVec,
    /// 1 for an account that works or has not been tried yet, else 0. `account`, `kind`.
    pub account_up: IntGaugeVec,
    /// Requests to the service. `account`, `operation`, `outcome` (`ok` or the reason of the error).
    pub requests: IntCounterVec,
    /// Seconds from sending a request to its whole answer. `account`, `operation`.
    pub request_seconds: HistogramVec,
    /// Requests a second that the pacer allows at present. `account`, `operation`.
    pub pacer_rate: GaugeVec,
    /// Requests a second that are wanted at the present price. `account`, `operation`.
    pub demand: GaugeVec,
    /// The price of a call: seconds of delay that it must save at present. `account`, `operation`.
    pub call_worth: GaugeVec,
    /// Seconds that a poll was sent later than planned. `account`.
    pub poll_lateness_seconds: HistogramVec,
    /// Watched jobs. `account`, `kind`, `state` (`unseen`, `queued`, `running`, `succeeded`, `failed`, `lost`, `broken`).
    pub jobs: IntGaugeVec,
    /// Recorded transitions. `account`, `kind`, `status`.
    pub transitions: IntCounterVec,
    /// Quality gates that jobs failed. `account`, `kind`, `gate`.
    pub gates_failed: IntCounterVec,
    /// Alarms that began or were over. `account`, `alarm`, `state` (`raised`, `resolved`).
    pub alarms: IntCounterVec,
    /// Alarms that are open. `account`, `alarm`.
    pub alarms_open: IntGaugeVec,
    /// Observations that changed nothing though they differed. `account`, `reason` (`stale`, `unknown`).
    pub observations_ignored: IntCounterVec,
    /// Workflows whose jobs are followed. `account`, `kind`.
    pub discovery_workflows: IntGaugeVec,
    /// Those of them whose jobs cannot be listed at present, and one more where the workflows cannot. `account`, `kind`.
    pub discovery_troubles: IntGaugeVec,
    /// Looks through a workflow's list. `account`, `kind`, `outcome`.
    pub discovery_looks: IntCounterVec,
    /// Pages that these took. `account`, `kind`.
    pub discovery_pages: IntCounterVec,
    /// Jobs that were found. `account`, `kind`.
    pub discovered_jobs: IntCounterVec,
    /// Seconds from the start of a job to its discovery. `account`, `kind`.
    pub discovery_delay_seconds: HistogramVec,
    /// Transactions of the store, each of which waited for the disk.
    pub store_commits: IntCounterVec,
    /// Statements that the store refused. `operation`.
    pub store_errors: IntCounterVec,
    /// Attempts to deliver. `notifier`, `outcome` (`delivered`, `retry`, `rejected`, `gave_up`).
    pub deliveries: IntCounterVec,
    /// Seconds from recording a transition to its delivery. `notifier`.
    pub delivery_seconds: HistogramVec,
    /// Deliveries not yet made. `notifier`.
    pub deliveries_pending: IntGaugeVec,
    /// Deliveries given up. `notifier`.
    pub deliveries_dead: IntGaugeVec,
    /// When the oldest delivery not yet made was recorded, in seconds since 1970-01-01 UTC. `notifier`.
    pub oldest_pending_delivery_timestamp_seconds: IntGaugeVec,
}

impl Metrics {
    /// A set of metrics of its own: nothing is shared with another set in the same process.
    ///
    /// # Errors
    ///
    /// Only if two metrics below had one name.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new_custom(Some("matchwatch".to_owned()), None)?;
        let build_info =
            int_gauge(&registry, "build_info", "1, labelled with the version", &["version"])?;
        build_info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let latency = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
        let delay = [0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1_800.0, 7_200.0, 86_400.0];
        Ok(Self {
            config_last_reload_successful: int_gauge(
                &registry,
                "config_last_reload_successful",
                "Whether the configuration was read well the last time",
                &[],
            )?,
            config_last_reload_success_timestamp_seconds: int_gauge(
                &registry,
                "config_last_reload_success_timestamp_seconds",
                "When the configuration was read well last",
                &[],
            )?,
            account_up: int_gauge(
                &registry,
                "account_up",
                "Whether the account works, or has not been tried yet, for jobs of this kind",
                &["account", "kind"],
            )?,
            requests: counter(
                &registry,
                "requests_total",
                "Requests to the service by outcome",
                &["account", "operation", "outcome"],
            )?,
            request_seconds: histogram(
                &registry,
                "request_duration_seconds",
                "Time from sending a request to its whole answer",
                &["account", "operation"],
                &latency,
            )?,
            pacer_rate: gauge(
                &registry,
                "pacer_requests_per_second",
                "Requests a second that the pacer allows at present",
                &["account", "operation"],
            )?,
            demand: gauge(
                &registry,
                "poll_demand_requests_per_second",
                "Requests a second that are wanted at the present price of a call",
                &["account", "operation"],
            )?,
            call_worth: gauge(
                &registry,
                "poll_call_worth_seconds",
                "Seconds of delay that a call must save at present",
                &["account", "operation"],
            )?,
            poll_lateness_seconds: histogram(
                &registry,
                "poll_lateness_seconds",
                "Time by which a poll was sent later than planned",
                &["account"],
                &delay,
            )?,
            jobs: int_gauge(
                &registry,
                "jobs",
                "Watched jobs by state",
                &["account", "kind", "state"],
            )?,
            transitions: counter(
                &registry,
                "transitions_total",
                "Recorded transitions by the status reached",
                &["account", "kind", "status"],
            )?,
            gates_failed: counter(
                &registry,
                "quality_gates_failed_total",
                "Quality gates that jobs failed which succeeded",
                &["account", "kind", "gate"],
            )?,
            alarms: counter(
                &registry,
                "alarms_total",
                "Alarms that began or were over",
                &["account", "alarm", "state"],
            )?,
            alarms_open: int_gauge(
                &registry,
                "alarms_open",
                "Alarms that are open",
                &["account", "alarm"],
            )?,
            observations_ignored: counter(
                &registry,
                "observations_ignored_total",
                "Observations that differed from the known status and changed nothing",
                &["account", "reason"],
            )?,
            discovery_workflows: int_gauge(
                &registry,
                "discovery_workflows",
                "Workflows whose jobs are followed as they start",
                &["account", "kind"],
            )?,
            discovery_troubles: int_gauge(
                &registry,
                "discovery_troubles",
                "Lists that cannot be read at present: of a workflow's jobs, or of the workflows",
                &["account", "kind"],
            )?,
            discovery_looks: counter(
                &registry,
                "discovery_looks_total",
                "Looks through the list of a workflow's jobs by outcome",
                &["account", "kind", "outcome"],
            )?,
            discovery_pages: counter(
                &registry,
                "discovery_pages_total",
                "Pages of such lists that were read",
                &["account", "kind"],
            )?,
            discovered_jobs: counter(
                &registry,
                "discovered_jobs_total",
                "Jobs that were found",
                &["account", "kind"],
            )?,
            discovery_delay_seconds: histogram(
                &registry,
                "discovery_delay_seconds",
                "Time from the start of a job, as the service tells it, to its discovery",
                &["account", "kind"],
                &delay,
            )?,
            store_commits: counter(
                &registry,
                "store_commits_total",
                "Transactions of the store, each of which waited for the disk",
                &[],
            )?,
            store_errors: counter(
                &registry,
                "store_errors_total",
                "Operations that the store refused",
                &["operation"],
            )?,
            deliveries: counter(
                &registry,
                "delivery_attempts_total",
                "Attempts to deliver an event by outcome",
                &["notifier", "outcome"],
            )?,
            delivery_seconds: histogram(
                &registry,
                "delivery_delay_seconds",
                "Time from recording a transition to its delivery",
                &["notifier"],
                &delay,
            )?,
            deliveries_pending: int_gauge(
                &registry,
                "deliveries_pending",
                "Deliveries not yet made",
                &["notifier"],
            )?,
            deliveries_dead: int_gauge(
                &registry,
                "deliveries_dead",
                "Deliveries given up",
                &["notifier"],
            )?,
            oldest_pending_delivery_timestamp_seconds: int_gauge(
                &registry,
                "oldest_pending_delivery_timestamp_seconds",
                "When the oldest delivery not yet made was recorded",
                &["notifier"],
            )?,
            registry,
        })
    }

    /// All metrics in the Prometheus text format, version 0.0.4.
    ///
    /// # Errors
    ///
    /// Only if a metric could not be written to memory.
    pub fn encode(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }

    /// Shows that the configuration was read well.
    pub fn config_accepted(&self, at: Timestamp) {
        let unlabelled: &[&str] = &[];
        self.config_last_reload_successful.with_label_values(unlabelled).set(1);
        self.config_last_reload_success_timestamp_seconds
            .with_label_values(unlabelled)
            .set(at.as_second());
    }

    /// Shows that the configuration was refused, and that the one before runs on.
    pub fn config_refused(&self) {
        let unlabelled: &[&str] = &[];
        self.config_last_reload_successful.with_label_values(unlabelled).set(0);
    }

    /// Shows how many transactions the store has committed so far.
    pub fn committed(&self, commits: u64) {
        let unlabelled: &[&str] = &[];
        let counter = self.store_commits.with_label_values(unlabelled);
        counter.inc_by(commits.saturating_sub(counter.get()));
    }

    /// Shows that no request had a good answer yet: to an alert that compares with 0, nothing is not 0.
    pub fn expect_requests(&self, account: &str, operation: &str) {
        let _ = self.requests.with_label_values(&[account, operation, "ok"]);
    }

    /// Counts one request and its outcome: `ok` or the reason of the error.
    pub fn request(&self, account: &str, operation: &str, outcome: &str, took: Duration) {
        self.requests.with_label_values(&[account, operation, outcome]).inc();
        self.request_seconds.with_label_values(&[account, operation]).observe(took.as_secs_f64());
    }
}

fn counter(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<IntCounterVec> {
    register(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
}

fn int_gauge(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<IntGaugeVec> {
    register(registry, IntGaugeVec::new(Opts::new(name, help), labels)?)
}

fn gauge(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<GaugeVec> {
    register(registry, GaugeVec::new(Opts::new(name, help), labels)?)
}

fn histogram(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
    buckets: &[f64],
) -> prometheus::Result<HistogramVec> {
    register(
        registry,
        HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)?,
    )
}

fn register<C>(registry: &Registry, collector: C) -> prometheus::Result<C>
where
    C: prometheus::core::Collector + Clone + 'static,
{
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}
