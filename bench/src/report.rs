//! What the bench prints.
//! Never a verdict: targets stand beside the numbers, and people judge.

use std::collections::BTreeMap;
use std::io::Write as _;

use nesie_storage::statistics::Work;

use crate::front::Leg;
use crate::history::{Events, Recorded};
use crate::numbers::{Distribution, count, each, median, milliseconds, number};
use crate::processes::seconds;
use crate::rounds::{Pace, Results};
use crate::settings::Settings;
use crate::table::Table;
use crate::usage::Usage;

/// Events of a grant by bank transfer that we want to stay below.
const EVENTS_TARGET: usize = 120;
/// The share of the bare workflow's throughput that we want to reach.
const RATIO_TARGET: f64 = 0.7;

/// A line for whoever runs the bench; a reader that has gone away is no reason to stop measuring.
pub(crate) fn say(line: &str) {
    let _gone = writeln!(std::io::stdout(), "{line}");
}

/// Everything, in order.
pub(crate) fn print(settings: &Settings, results: &Results) {
    say(&format!("\n{}", throughput(settings, results)));
    say(&format!("\n{}", legs(results).text()));
    say(&format!("\n{}", front_end(results)));
    say(&format!("\nHistory events by kind\n\n{}", events(results).text()));
    say(&format!("\n{}", against_target(&results.histories.0)));
    let counts = [results.journeys.len(), results.bare_times.len()];
    say(&format!("\nCPU seconds by process\n\n{}", cpu(results, counts).text()));
    say(&format!("\nPostgreSQL\n\n{}", database(results, counts)));
}

fn throughput(settings: &Settings, results: &Results) -> String {
    let whole = |pace: fn(&(Pace, Pace)) -> Pace| {
        let paces: Vec<Pace> = results.rounds.iter().map(pace).collect();
        Pace { ended: paces.iter().map(|pace| pace.ended).sum(), time: paces.iter().map(|pace| pace.time).sum() }
    };
    let (ours, bare) = (whole(|round| round.0), whole(|round| round.1));
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let shape = &results.shape;
    [
        format!("{} applications, {} in flight, {profile} build", ours.ended, settings.in_flight),
        format!("granted by bank transfer   {:.2} a second", ours.rate()),
        format!(
            "bare workflow              {:.2} a second (activities: {}, timers: {}, updates: {})",
            bare.rate(),
            shape.activities(),
            shape.timers,
            shape.updates()
        ),
        format!("ratio                      {}", ratio(&results.rounds)),
    ]
    .join("\n")
}

/// The ratio of the rounds: the median, and how far they lie apart.
fn ratio(rounds: &[(Pace, Pace)]) -> String {
    let ratios: Vec<f64> = rounds.iter().map(|(ours, bare)| ours.rate() / bare.rate()).collect();
    let Some(middle) = median(&ratios) else { return "no rounds".to_string() };
    let (low, high) = ratios.iter().fold((middle, middle), |(low, high), ratio| (low.min(*ratio), high.max(*ratio)));
    format!("{middle:.2} (rounds: {low:.2} to {high:.2}; target {RATIO_TARGET})")
}

fn legs(results: &Results) -> Table {
    let mut table = Table::new(["leg", "p50 ms", "p95 ms", "p99 ms"]);
    let mut row = |name: &str, times: &Distribution| {
        let [p50, p95, p99] = [50, 95, 99].map(|percent| milliseconds(times.percentile(percent)));
        table.row([name.to_string(), p50, p95, p99]);
    };
    for leg in Leg::ALL {
        let all = results.journeys.iter().flat_map(|journey| &journey.legs);
        row(leg.name(), &Distribution::of(all.filter(|(of, _)| *of == leg).map(|(_, time)| *time)));
    }
    row("bare workflow: whole", &Distribution::of(results.bare_times.iter().copied()));
    table
}

fn front_end(results: &Results) -> String {
    let journeys = &results.journeys;
    let looks: usize = journeys.iter().map(|journey| journey.looks).sum();
    let repeats: usize = journeys.iter().map(|journey| journey.repeats).sum();
    let refusals: usize = journeys.iter().map(|journey| journey.refusals).sum();
    format!(
        "The front end looked {:.1} times at each application, waiting for its changes; {repeats} acts were repeated \
         after 503, {refusals} after a 409 at the stage that expects them.",
        each(count(looks), journeys.len()),
    )
}

fn events(results: &Results) -> Table {
    let (ours, bare) = (&results.histories.0, &results.histories.1);
    let mut kinds: BTreeMap<String, Events> = BTreeMap::new();
    for (kind, events) in ours.iter().flat_map(Recorded::by_kind) {
        let sum = kinds.entry(kind).or_default();
        sum.count += events.count;
        sum.bytes += events.bytes;
    }
    let bare_kinds = bare.by_kind();
    for kind in bare_kinds.keys() {
        kinds.entry(kind.clone()).or_default();
    }
    let mut table = Table::new(["event (average of the sample)", "events", "bytes", "bare: events", "bytes"]);
    let average = |sum: usize, decimals: usize| format!("{:.decimals$}", each(count(sum), ours.len()));
    for (kind, sum) in &kinds {
        let bare = bare_kinds.get(kind).copied().unwrap_or_default();
        let cells = [average(sum.count, 1), average(sum.bytes, 0), bare.count.to_string(), bare.bytes.to_string()];
        let [events, bytes, bare_events, bare_bytes] = cells;
        table.row([kind.clone(), events, bytes, bare_events, bare_bytes]);
    }
    let sum = |part: fn(&Events) -> usize| kinds.values().map(part).sum::<usize>();
    let total = bare.total();
    let (all, bytes) = (average(sum(|events| events.count), 1), average(sum(|events| events.bytes), 0));
    table.row(["in all".to_string(), all, bytes, total.count.to_string(), total.bytes.to_string()]);
    let row = |name: &str, ours: String, bare: String| [name.to_string(), ours, String::new(), bare, String::new()];
    let actions = average(ours.iter().map(Recorded::actions).sum(), 1);
    table.row(row("Temporal actions (estimate)", actions, bare.actions().to_string()));
    let transitions: u64 = ours.iter().map(|recorded| recorded.state_transitions).sum();
    let transitions = format!("{:.1}", each(number(transitions), ours.len()));
    table.row(row("state transitions", transitions, bare.state_transitions.to_string()));
    table
}

fn against_target(histories: &[Recorded]) -> String {
    let totals = histories.iter().map(|recorded| recorded.total().count);
    let (fewest, most) = (totals.clone().min().unwrap_or_default(), totals.max().unwrap_or_default());
    format!(
        "Events of a grant by bank transfer: {fewest} to {most} in {} histories; target: at most {EVENTS_TARGET}.",
        histories.len()
    )
}

fn cpu(results: &Results, [ours, bare]: [usize; 2]) -> Table {
    let mut table = Table::new(["process", "idle: a second", "an application", "a bare workflow"]);
    let idle = results.idle.time.as_secs_f64().max(f64::EPSILON);
    let of = |usage: &Usage, name: &str| seconds(usage.ticks.get(name).copied().unwrap_or_default());
    let mut sums = [0.0; 3];
    for name in results.used.0.ticks.keys() {
        let figures = [
            of(&results.idle, name) / idle,
            each(of(&results.used.0, name), ours),
            each(of(&results.used.1, name), bare),
        ];
        sums = [sums[0] + figures[0], sums[1] + figures[1], sums[2] + figures[2]];
        let [idle, application, workflow] = figures.map(|figure| format!("{figure:.3}"));
        table.row([name.clone(), idle, application, workflow]);
    }
    let [idle, application, workflow] = sums.map(|sum| format!("{sum:.3}"));
    table.row(["in all".to_string(), idle, application, workflow]);
    table
}

fn database(results: &Results, [ours, bare]: [usize; 2]) -> String {
    let (Some(idle), Some(ours_work), Some(bare_work)) = (results.idle.work, results.used.0.work, results.used.1.work)
    else {
        return "not counted: NESIE_DATABASE_OWNER_URL is not set".to_string();
    };
    let seconds = results.idle.time.as_secs_f64().max(f64::EPSILON);
    let mut table = Table::new(["per", "idle: a second", "an application", "a bare workflow"]);
    let mut row = |name: &str, figure: fn(&Work) -> Option<i64>| {
        let text = |work: &Work, divide: &dyn Fn(f64) -> f64| {
            let figure = figure(work).map(|figure| number(u64::try_from(figure).unwrap_or_default()));
            figure.map_or_else(|| "–".to_string(), |figure| format!("{:.1}", divide(figure)))
        };
        let idle = text(&idle, &|figure| figure / seconds);
        let cells = [text(&ours_work, &|figure| each(figure, ours)), text(&bare_work, &|figure| each(figure, bare))];
        let [application, workflow] = cells;
        table.row([name.to_string(), idle, application, workflow]);
    };
    row("statements that read", |work| work.statements.map(|statements| statements.reads));
    row("statements that write", |work| work.statements.map(|statements| statements.writes));
    row("begin, commit and settings", |work| work.statements.map(|statements| statements.control));
    row("statements in all", |work| work.statements.map(|statements| statements.all()));
    row("transactions", |work| Some(work.transactions));
    row("rows written", |work| Some(work.rows_written));
    let note = if ours_work.statements.is_some() {
        "Idle work (the relays look for work) is in the other columns too."
    } else {
        "Statements are not counted: the server does not load pg_stat_statements. Idle work is in the other columns too."
    };
    format!("{}\n\n{note}", table.text())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn pace(ended: usize, seconds: u64) -> Pace {
        Pace { ended, time: Duration::from_secs(seconds) }
    }

    #[test]
    fn the_ratio_is_the_median_with_its_spread_and_the_target() {
        let rounds = [(pace(10, 2), pace(10, 1)), (pace(10, 1), pace(10, 1)), (pace(6, 1), pace(10, 1))];
        assert_eq!(ratio(&rounds), "0.60 (rounds: 0.50 to 1.00; target 0.7)");
        assert_eq!(ratio(&[]), "no rounds");
    }

    #[test]
    fn the_target_of_events_stands_beside_the_number() {
        assert_eq!(
            against_target(&[]),
            "Events of a grant by bank transfer: 0 to 0 in 0 histories; target: at most 120."
        );
    }
}
