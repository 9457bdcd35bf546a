//! The demonstration: drives the book of applications through the HTTP API only, as a front end would, and reconciles
//! the sandbox's own ledgers with what the API says. It never opens the database and uses no crate of ours.

mod book;
mod cases;
mod channels;
mod front;
mod http;
mod identity;
mod ledgers;
mod listed;
mod prepare;
mod reconcile;
mod report;
mod sandbox;
mod signals;
mod staff;
mod story;
mod table;

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use self::book::Book;
use self::front::Front;
use self::http::Http;
use self::ledgers::Marks;
use self::prepare::Story;
use self::sandbox::Sandbox;
use self::signals::{Progress, Signals, locked};
use self::staff::Desk;
use self::story::Told;
use crate::console::say;
use crate::service::Name;
use crate::stack::Stack;
use crate::verbs::request_token;

/// Where the book lies.
const BOOK: &str = "xtask/book/origination.json";
/// How many applications are under way at once at most.
const AT_ONCE: usize = 8;

/// Everything that the threads of a run share.
struct Run {
    /// Tells this run's persons, keys and merchants from those of another run on the same stack.
    number: u32,
    sandbox: Sandbox,
    client: Front,
    operations: Front,
    compliance: Front,
    desk: Desk,
    signals: Signals,
    progress: Progress,
}

/// Drives the book, or one story of it, and fails on any unexpected outcome and any difference between the ledgers.
pub(crate) fn run(stack: &mut Stack, story: Option<&str>) -> Result<()> {
    if story == Some(cases::STORY) {
        return cases::run(stack);
    }
    let book = Book::read(&stack.settings.root.join(BOOK))?.only(story)?;
    let run = Run::begin(stack)?;
    channels::open(&run.compliance)?;
    let marks = Marks::of(&run.sandbox)?;
    let stories = prepare::stories(&book, run.number, &run.sandbox)?;
    say(format_args!("run {:06}, applications: {}, at most {AT_ONCE} at once", run.number, stories.len()));
    let driven = drive(stack, &run, &stories);
    // Also after a crash: a stack that stays up must not keep the faults of this run.
    let swept = run.desk.sweep(&run.sandbox);
    let told = driven?;
    let never_met = swept.context("removing the faults of this run")?;
    report::give(stack, &run, &stories, told, &marks, &never_met)
}

impl Run {
    fn begin(stack: &Stack) -> Result<Self> {
        let settings = &stack.settings;
        let signals = Signals::new(stack.interrupt.clone());
        let http = Http::new();
        let api = settings.http_url(Name::Api);
        let front = |subject: &str, role: &str| -> Result<Front> {
            let token = request_token(settings, &[role.to_owned()], subject)?;
            Ok(Front::new(http.clone(), api.clone(), &token, signals.clone()))
        };
        Ok(Self {
            // The seed of a hasher is the one source of chance in the standard library.
            number: u32::try_from(RandomState::new().build_hasher().finish() % 1_000_000)?,
            sandbox: Sandbox::new(http.clone(), settings.http_url(Name::Sandbox)),
            client: front("demo-front-end", "service")?,
            operations: front("demo-operator", "operations")?,
            compliance: front("demo-compliance-officer", "compliance")?,
            desk: Desk::default(),
            progress: Progress::begin(),
            signals,
        })
    }
}

/// Tells every story, and gives what each came to, in the book's order.
fn drive(stack: &mut Stack, run: &Run, stories: &[Story]) -> Result<Vec<Told>> {
    let queue: Mutex<VecDeque<usize>> = Mutex::new((0..stories.len()).collect());
    let told = Mutex::new(Vec::with_capacity(stories.len()));
    let (opened, finished) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut watched = Ok(());
    thread::scope(|scope| {
        scope.spawn(|| staff::work(run, stories));
        for number in 0..AT_ONCE.min(stories.len()) {
            let (queue, told, opened, finished) = (&queue, &told, &opened, &finished);
            scope.spawn(move || {
                // The first application goes alone: it shows that a new stack has its lists.
                while number > 0 && !opened.load(Ordering::SeqCst) && !run.signals.stopped() {
                    thread::sleep(Duration::from_millis(50));
                }
                while let Some(index) = next(queue).filter(|_| !run.signals.stopped()) {
                    let end = story::tell(run, &stories[index], opened);
                    opened.store(true, Ordering::SeqCst);
                    let count = finished.fetch_add(1, Ordering::SeqCst) + 1;
                    if !run.signals.stopped() {
                        let name = &stories[index].planned.name;
                        run.progress.tell(name, format_args!("{end} ({count}/{})", stories.len()));
                    }
                    locked(told).push((index, end));
                }
            });
        }
        while finished.load(Ordering::SeqCst) < stories.len() && watched.is_ok() {
            watched = stack.interrupt.check().and_then(|()| stack.check());
            thread::sleep(Duration::from_millis(100));
        }
        run.signals.stop();
    });
    watched?;
    let mut told = told.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    told.sort_by_key(|(index, _)| *index);
    Ok(told.into_iter().map(|(_, end)| end).collect())
}

fn next(queue: &Mutex<VecDeque<usize>>) -> Option<usize> {
    locked(queue).pop_front()
}
