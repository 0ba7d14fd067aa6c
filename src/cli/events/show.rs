//! `matchwatch events show`

use anyhow::anyhow;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::cli::config_args::ConfigArgs;
use crate::cli::listing::{
    DELIVERY_COLUMNS, DeliveryRow, Format, delivery_cells, json_lines, plain, print, table,
};
use crate::cli::{Exit, Failure};
use crate::store::{EventFilter, ListedDelivery};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The event's id
    #[arg(value_name = "EVENT_ID")]
    event_id: String,

    #[command(flatten)]
    config: ConfigArgs,

    /// How it is printed
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

/// An event as it is sent, and whom it is for.
#[derive(Serialize)]
struct Shown<'a> {
    event: &'a RawValue,
    deliveries: Vec<DeliveryRow<'a>>,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let mut view = args.config.look_inside().await?;
    let Some(body) = view.body(&args.event_id).await.map_err(Failure::usage)? else {
        let error = anyhow!("there is no event {}", plain(&args.event_id));
        return Err(Failure { exit: Exit::NotFound, error });
    };
    let filter = EventFilter { event_id: Some(args.event_id), ..EventFilter::default() };
    let rows = view.events(&filter, u32::MAX).await.map_err(Failure::usage)?;
    let deliveries: Vec<ListedDelivery> = rows.into_iter().filter_map(|row| row.delivery).collect();
    print(&match args.output {
        Format::Text => text(&body, &deliveries),
        Format::Json => json(&body, &deliveries)?,
    })?;
    Ok(Exit::Success)
}

fn json(body: &str, deliveries: &[ListedDelivery]) -> Result<String, Failure> {
    let event = serde_json::from_str(body)
        .map_err(|error| Failure::usage(anyhow!("the stored event is damaged: {error}")))?;
    let deliveries = deliveries.iter().map(DeliveryRow::from).collect();
    Ok(json_lines([Shown { event, deliveries }]))
}

fn text(body: &str, deliveries: &[ListedDelivery]) -> String {
    // JSON escapes what a terminal would obey; what is no JSON shows as it is, as far as that is safe.
    let event = serde_json::from_str::<Value>(body)
        .and_then(|event| serde_json::to_string_pretty(&event))
        .unwrap_or_else(|_| plain(body));
    let rows: Vec<_> = match deliveries {
        [] => vec![delivery_cells(None)],
        some => some.iter().map(|delivery| delivery_cells(Some(delivery))).collect(),
    };
    format!("{}\n{event}\n", table(DELIVERY_COLUMNS, &rows))
}
