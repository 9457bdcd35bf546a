//! `demo --story cases`: the cases of paragraphs 4, 5, 13 and 36 from start to end, through the HTTP API only, with the
//! server's own time skipping. It prints each duty as it was kept, and fails on whatever was not as it should be.

mod channel_notice;
mod clock;
mod data_leak;
mod duties;
mod fraud_incident;
mod scene;
mod suspension;
mod write_off;

use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use self::scene::{Case, Scene};
use super::channels;
use super::table::{Align, Column, lines};
use crate::console::say;
use crate::service::Name;
use crate::stack::Stack;

/// What `--story` names.
pub(super) const STORY: &str = "cases";

/// How many of `CHAPTERS`, from the first on, the stack can do: the others wait for their cases.
const READY: usize = 5;

/// Every case of the story.
const CHAPTERS: [Chapter; 5] = [
    Chapter { title: "channel notice (paras 4, 5)", tell: channel_notice::tell },
    Chapter { title: "fraud incident (para 13 ¶1)", tell: fraud_incident::tell },
    Chapter { title: "accrual suspension, cancelled (para 13 ¶2–3)", tell: suspension::tell },
    Chapter { title: "court verdict: write-off and refund (para 13 ¶4–5)", tell: write_off::tell },
    Chapter { title: "leak of personal data (para 36)", tell: data_leak::tell },
];

/// One case of the story.
struct Chapter {
    title: &'static str,
    tell: fn(&Scene) -> Result<Told>,
}

/// What a chapter came to.
struct Told {
    case: Case,
    /// The duties that there must be, by kind and state; no others.
    duties: Vec<(&'static str, &'static str)>,
}

/// The columns of the table.
const COLUMNS: [Column; 7] = [
    Column { title: "case", align: Align::Left },
    Column { title: "duty", align: Align::Left },
    Column { title: "paragraph", align: Align::Left },
    Column { title: "days", align: Align::Right },
    Column { title: "due (Almaty)", align: Align::Left },
    Column { title: "state", align: Align::Left },
    Column { title: "by", align: Align::Left },
];

/// Tells every chapter, then what the duties are, then whatever was unexpected.
pub(super) fn run(stack: &mut Stack) -> Result<()> {
    let scene = Scene::set(stack)?;
    channels::open(&scene.run.compliance)?;
    let (mut rows, mut troubles) = (Vec::new(), Vec::new());
    for chapter in &CHAPTERS[..READY] {
        stack.interrupt.check()?;
        stack.check()?;
        let begun = Instant::now();
        say(format_args!("\n=== {}", chapter.title));
        match tell(&scene, chapter, &mut rows) {
            Ok(found) => {
                say(format_args!("=== {}: {:.1} s", chapter.title, begun.elapsed().as_secs_f64()));
                troubles.extend(found);
            }
            Err(error) => troubles.push(format!("{}: {error:#}", chapter.title)),
        }
    }
    say("");
    lines(&COLUMNS, &rows).iter().for_each(say);
    say("");
    addresses(stack, &scene).iter().for_each(say);
    for chapter in &CHAPTERS[READY..] {
        say(format_args!("not told yet: {}", chapter.title));
    }
    if troubles.is_empty() {
        say(format_args!("cases: {READY}, duties: {}, each as it should be", rows.len()));
        return Ok(());
    }
    troubles.iter().for_each(|trouble| say(format_args!("TROUBLE {trouble}")));
    bail!("the story of the cases went otherwise in {} points", troubles.len())
}

/// Tells one chapter, prints its duties, and gives what is wrong with them.
fn tell(scene: &Scene, chapter: &Chapter, rows: &mut Vec<Vec<String>>) -> Result<Vec<String>> {
    let told = (chapter.tell)(scene)?;
    let kept = duties::of_case(scene, &told.case)?;
    for duty in &kept {
        duties::print(duty);
        rows.push(row(chapter, duty));
    }
    scene.print_story(&told.case)?;
    Ok(duties::differences(&kept, &told.duties).into_iter().map(|what| format!("{}: {what}", chapter.title)).collect())
}

fn row(chapter: &Chapter, duty: &Value) -> Vec<String> {
    let text = |field: &str| duty[field].as_str().unwrap_or("-").to_owned();
    let title = chapter.title.split(" (").next().unwrap_or_default();
    vec![
        title.to_owned(),
        text("kind"),
        text("paragraph"),
        duty["working_days"].to_string(),
        text("due_at_almaty"),
        text("state"),
        // Without the issuer of the token.
        text("ended_by").rsplit('|').next().unwrap_or_default().to_owned(),
    ]
}

fn addresses(stack: &Stack, scene: &Scene) -> Vec<String> {
    let api = stack.settings.http_url(Name::Api);
    vec![
        format!("duties             {api}/v1/duties"),
        format!("API documentation  {api}/docs"),
        format!("Temporal UI        {}", scene.clock.pages()),
        "`cargo xtask up` leaves the stack running to look at them".to_owned(),
    ]
}

/// The text of a field that an answer must have.
fn required<'a>(answer: &'a Value, field: &str) -> Result<&'a str> {
    answer[field].as_str().with_context(|| format!("no `{field}` in {answer}"))
}
