//! Many open duties at once: what each costs the worker's memory, the database and the engine, and how late its due
//! instant is noticed. Never a target: it is printed, and people judge.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use temporalio_client::Client;
use uuid::Uuid;

use crate::front::Front;
use crate::history::{Events, Recorded};
use crate::incidents::{self, DUTIES_EACH, Informed};
use crate::numbers::{count, each, milliseconds, number};
use crate::report::say;
use crate::settings::Settings;
use crate::skew::{self, Skew};
use crate::usage::{Meter, Usage};

/// What was seen of the open duties.
struct Opened {
    cases: Vec<Uuid>,
    time: Duration,
    used: Usage,
    /// How many of the cases fit into the worker's cache, by its setting.
    cached: usize,
    /// The worker's memory in KiB: before, with the cache full, with all open; where it is known.
    resident: [Option<u64>; 3],
    /// The engine's file in bytes, before and after, where it is known.
    engine: [Option<u64>; 2],
    history: Events,
}

/// Opens the duties and the incident, measures, and prints.
pub(crate) async fn run(settings: &Settings, front: &Front, client: &Client, meter: &Meter) -> anyhow::Result<()> {
    if settings.affected_clients > 0 {
        say(&format!("one incident with {} clients", settings.affected_clients));
        let informed = incidents::inform(front, client, settings.affected_clients).await?;
        say(&format!("\n{}\n", incident(&informed)));
    }
    let wanted = settings.duties / DUTIES_EACH;
    if wanted == 0 {
        return Ok(());
    }
    say(&format!("opening {} duties of {wanted} cases, which stay open in this stack", wanted * DUTIES_EACH));
    let opened = open(settings, front, client, meter, wanted).await?;
    say(&format!("\n{}", text(&opened)));
    match skew::measure(front, client, &opened.cases).await {
        Ok(skew) => say(&skew_text(&skew)),
        Err(error) => say(&format!("skew                         not measured: {error:#}")),
    }
    Ok(())
}

async fn open(
    settings: &Settings,
    front: &Front,
    client: &Client,
    meter: &Meter,
    wanted: usize,
) -> anyhow::Result<Opened> {
    let resident = || meter.processes.resident("worker");
    let file = engine_file(settings.stack_file.as_deref());
    // A worker that has not worked yet has not taken the memory that it always needs.
    incidents::open(front, wanted.min(20)).await?;
    let (before, engine_before, memory_before) = (meter.look().await?, size(file.as_deref()), resident());
    let begun = Instant::now();
    let cached = settings.cached_workflows.min(wanted);
    let mut cases = incidents::open(front, cached).await?;
    let memory_cached = resident();
    cases.extend(incidents::open(front, wanted - cached).await?);
    let (time, used) = (begun.elapsed(), meter.since(&before).await?);
    let history = match cases.first() {
        Some(case) => Recorded::fetch(client, &incidents::workflow_id(*case)).await?.total(),
        None => Events::default(),
    };
    let resident = [memory_before, memory_cached, resident()];
    Ok(Opened { time, used, cached, resident, engine: [engine_before, size(file.as_deref())], history, cases })
}

fn incident(informed: &Informed) -> String {
    [
        format!("One fraud incident with {} clients", informed.clients),
        format!("each informed after           {:.1} s", informed.time.as_secs_f64()),
        format!(
            "largest history (of its one workflow)  {} events, {} bytes",
            informed.history.count, informed.history.bytes
        ),
    ]
    .join("\n")
}

fn text(opened: &Opened) -> String {
    let (cases, cached) = (opened.cases.len(), opened.cached);
    let duties = cases * DUTIES_EACH;
    let memory = |from: Option<u64>, to: Option<u64>, of: usize| match from.zip(to) {
        Some((from, to)) if of > 0 => {
            let grown = number(to.saturating_sub(from));
            format!("{:.2} KiB a duty ({grown:.0} KiB for {} duties)", each(grown, of * DUTIES_EACH), of * DUTIES_EACH)
        }
        _ => "not known".to_string(),
    };
    let [before, full, all] = opened.resident;
    let rows = opened.used.work.map_or_else(
        || "not known".to_string(),
        |work| format!("{:.1} a duty", each(number(u64::try_from(work.rows_written).unwrap_or_default()), duties)),
    );
    let engine = opened.engine[0].zip(opened.engine[1]).map_or_else(
        || "not known".to_string(),
        |(from, to)| format!("{:.0} bytes a duty", each(number(to.saturating_sub(from)), duties)),
    );
    [
        format!("{duties} open duties of {cases} cases"),
        format!("opened in                    {:.1} s ({:.1} duties a second)", opened.time.as_secs_f64(), {
            count(duties) / opened.time.as_secs_f64().max(f64::EPSILON)
        }),
        format!("worker's memory, cached      {}", memory(before, full, cached)),
        format!("worker's memory, not cached  {}", memory(full, all, cases - cached)),
        format!("rows written in PostgreSQL   {rows}"),
        format!("Temporal's file              {engine}"),
        format!("history of a case            {} events, {} bytes", opened.history.count, opened.history.bytes),
    ]
    .join("\n")
}

fn skew_text(skew: &Skew) -> String {
    let [p50, p95, p99, most] = [50, 95, 99, 100].map(|percent| milliseconds(skew.late.percentile(percent)));
    format!(
        "due instant → noticed        p50 {p50} ms, p95 {p95} ms, p99 {p99} ms, most {most} ms ({} cases read; all fell \
         due at the same instant)",
        skew.read
    )
}

/// The development server's file lies beside the stack's; of another server nothing is known.
fn engine_file(stack_file: Option<&Path>) -> Option<PathBuf> {
    let stack_file = stack_file?;
    let text = std::fs::read_to_string(stack_file).ok()?;
    let stack: Value = serde_json::from_str(&text).ok()?;
    let ours = stack["services"].as_array()?.iter().any(|service| service["name"] == "temporal");
    Some(stack_file.with_file_name("temporal.db")).filter(|file| ours && file.exists())
}

/// Its size with its log of writes.
fn size(file: Option<&Path>) -> Option<u64> {
    let file = file?;
    let log = file.with_extension("db-wal");
    let bytes = |path: &Path| std::fs::metadata(path).ok().map(|data| data.len());
    Some(bytes(file)? + bytes(&log).unwrap_or_default())
}
