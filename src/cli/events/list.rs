//! `matchwatch events list`

use crate::cli::config_args::ConfigArgs;
use crate::cli::listing::{
    DELIVERY_COLUMNS, EventRow, Format, ListArgs, delivery_cells, json_lines, plain, print, second,
    short_type, table,
};
use crate::cli::{Exit, Failure, kind};
use crate::domain::JobKind;
use crate::store::{DeliveryState, EventFilter, ListedEvent};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,

    /// Only deliveries in this state: pending, delivered or dead
    #[arg(long, value_name = "STATE")]
    state: Option<DeliveryState>,

    /// Only deliveries to this notifier
    #[arg(long, value_name = "NAME")]
    notifier: Option<String>,

    /// Only events of this job
    #[arg(long, value_name = "ID")]
    job_id: Option<String>,

    /// Only events of jobs of this kind
    #[arg(long, value_name = "KIND", value_parser = kind::parser())]
    kind: Option<JobKind>,

    /// Only events of this workflow's jobs
    #[arg(long, value_name = "NAME")]
    workflow_name: Option<String>,

    #[command(flatten)]
    list: ListArgs,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let filter = EventFilter {
        event_id: None,
        state: args.state,
        notifier: args.notifier,
        job_id: args.job_id,
        kind: args.kind,
        workflow_name: args.workflow_name,
    };
    let mut view = args.config.look_inside().await?;
    let found = view.events(&filter, args.list.asked()).await;
    let mut found = found.map_err(Failure::usage)?;
    args.list.cut(&mut found);
    print(&match args.list.output {
        Format::Json => json_lines(found.iter().map(EventRow::from)),
        Format::Text if found.is_empty() => "no such events\n".to_owned(),
        Format::Text => text(&found),
    })?;
    Ok(Exit::Success)
}

fn text(events: &[ListedEvent]) -> String {
    let rows: Vec<_> = events.iter().map(row).collect();
    let [notifier, state, attempts, when, reason] = DELIVERY_COLUMNS;
    let head =
        ["RECORDED", "WORKFLOW", "JOB", "EVENT", "ID", notifier, state, attempts, when, reason];
    table(head, &rows)
}

fn row(event: &ListedEvent) -> [String; 10] {
    let [notifier, state, attempts, when, reason] = delivery_cells(event.delivery.as_ref());
    [
        second(event.recorded_at),
        plain(event.subject.workflow_name().map_or("-", |name| name)),
        plain(event.subject.job_id().map_or("-", |id| id)),
        plain(short_type(&event.event_type)),
        plain(&event.event_id),
        notifier,
        state,
        attempts,
        when,
        reason,
    ]
}
