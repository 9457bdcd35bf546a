//! The run: a warm-up that shows the shape of a grant, then rounds that alternate, ours and bare, under the same load.
//! Never both at the same time: they would measure each other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use nesie_domain::ids::ApplicationId;
use nesie_workflows::origination::{LoanOrigination, workflow_id};
use temporalio_client::Client;
use uuid::Uuid;

use crate::applicant::Applicant;
use crate::bare::{self, Shape};
use crate::front::{Front, Journey};
use crate::history::Recorded;
use crate::numbers::count;
use crate::report::say;
use crate::settings::Settings;
use crate::usage::{Meter, Usage};

/// Between the starts of the first ones of a round.
const RAMP: Duration = Duration::from_millis(20);

/// Everything that a round needs.
pub(crate) struct Bench {
    /// What we were told.
    pub(crate) settings: Settings,
    /// Our front end.
    pub(crate) front: Front,
    /// The engine.
    pub(crate) client: Client,
    /// The bare workflow's task queue, of this run only.
    pub(crate) task_queue: String,
    /// What is used.
    pub(crate) meter: Meter,
}

/// One side of a round: how many ended in how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// How many.
    pub(crate) ended: usize,
    /// From the first start to the last end.
    pub(crate) time: Duration,
}

impl Pace {
    /// How many a second.
    pub(crate) fn rate(self) -> f64 {
        let seconds = self.time.as_secs_f64();
        if seconds > 0.0 { count(self.ended) / seconds } else { 0.0 }
    }
}

/// What the rounds showed.
pub(crate) struct Results {
    /// The shape of a grant, which the bare workflow was given.
    pub(crate) shape: Shape,
    /// The idle stack, before the first round.
    pub(crate) idle: Usage,
    /// Each round: ours and bare.
    pub(crate) rounds: Vec<(Pace, Pace)>,
    /// Each of our applications.
    pub(crate) journeys: Vec<Journey>,
    /// Each bare workflow's time.
    pub(crate) bare_times: Vec<Duration>,
    /// What our rounds used, and the bare ones.
    pub(crate) used: (Usage, Usage),
    /// Histories of ours, and one of the bare workflow.
    pub(crate) histories: (Vec<Recorded>, Recorded),
}

impl Bench {
    /// Warms up, then runs every round.
    pub(crate) async fn run(&self) -> anyhow::Result<Results> {
        let shape = self.warm_up().await?;
        self.settle().await;
        let quiet = self.meter.look().await?;
        tokio::time::sleep(Duration::from_secs(self.settings.idle_seconds)).await;
        let idle = self.meter.since(&quiet).await?;

        let (mut rounds, mut journeys, mut bare_times) = (Vec::new(), Vec::new(), Vec::new());
        let mut used = (Usage::default(), Usage::default());
        let mut last_bare = String::new();
        for round in 0..self.settings.rounds.get() {
            let number = self.settings.of_round(round);
            if number == 0 {
                continue;
            }
            let before = self.meter.look().await?;
            let (ours, mut grants) = self.ours(number).await?;
            self.settle().await;
            used.0.add(&self.meter.since(&before).await?);
            let before = self.meter.look().await?;
            let (bare, mut times, id) = self.bare(number, &shape).await?;
            self.settle().await;
            used.1.add(&self.meter.since(&before).await?);
            say(&format!(
                "round {}: {:.2} applications/s, {:.2} bare workflows/s, ratio {:.2}",
                round + 1,
                ours.rate(),
                bare.rate(),
                ours.rate() / bare.rate()
            ));
            rounds.push((ours, bare));
            journeys.append(&mut grants);
            bare_times.append(&mut times);
            last_bare = id;
        }
        let sample = journeys.iter().rev().take(self.settings.histories.get());
        let mut histories = Vec::new();
        for journey in sample {
            histories.push(Recorded::fetch(&self.client, &our_workflow(journey.id)).await?);
        }
        let histories = (histories, Recorded::fetch(&self.client, &last_bare).await?);
        Ok(Results { shape, idle, rounds, journeys, bare_times, used, histories })
    }

    /// Not measured: until the server knows by which plan it answers each statement of each connection, and every cache is
    /// filled. The history of one of ours gives the bare workflow its shape.
    async fn warm_up(&self) -> anyhow::Result<Shape> {
        let number = self.settings.warm_up.get();
        let (_, journeys) = self.ours(number).await?;
        let first = journeys.first().context("a warm-up has applications")?;
        let shape = Recorded::fetch(&self.client, &our_workflow(first.id)).await?.shape();
        self.bare(number, &shape).await?;
        Ok(shape)
    }

    /// Grants, and then waits until their workflows have ended too, so that nothing of them runs into the next round.
    async fn ours(&self, number: usize) -> anyhow::Result<(Pace, Vec<Journey>)> {
        let begun = Instant::now();
        let journeys: Vec<Journey> = stream::iter(0..number)
            .map(|place| {
                let (delay, front) = (self.delay(place), self.front.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    front.grant(Applicant::somebody()).await
                })
            })
            .buffer_unordered(self.settings.in_flight.get())
            .map(|ended| ended.context("an application's task ended badly")?)
            .try_collect()
            .await?;
        let pace = Pace { ended: journeys.len(), time: begun.elapsed() };
        for journey in &journeys {
            let handle = self.client.get_workflow_handle::<LoanOrigination>(our_workflow(journey.id));
            handle.get_result(Default::default()).await.context("waiting for a workflow of ours")?;
        }
        Ok((pace, journeys))
    }

    /// Lets go by what one side left to the engine: it looks at the time-outs of steps when they are due, long after the
    /// steps. They are in the CPU of the side that they belong to, and in nobody's throughput.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_secs(self.settings.settle_seconds)).await;
    }

    /// The first ones start one after the other, so that they do not take every step in one crowd; the others start
    /// when a place is free.
    fn delay(&self, place: usize) -> Duration {
        let crowd = u32::try_from(place).unwrap_or(u32::MAX);
        if place < self.settings.in_flight.get() { RAMP * crowd } else { Duration::ZERO }
    }

    /// Bare workflows. The last value is the id of one of them.
    async fn bare(&self, number: usize, shape: &Shape) -> anyhow::Result<(Pace, Vec<Duration>, String)> {
        let begun = Instant::now();
        let ids: Vec<Arc<str>> = (0..number).map(|_| format!("bare/{}", Uuid::new_v4()).into()).collect();
        let times: Vec<Duration> = stream::iter(ids.iter().cloned().enumerate())
            .map(|(place, id)| {
                let (client, queue, shape) = (self.client.clone(), self.task_queue.clone(), shape.clone());
                let delay = self.delay(place);
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    bare::drive(client, queue, id.to_string(), shape).await
                })
            })
            .buffer_unordered(self.settings.in_flight.get())
            .map(|ended| ended.context("a bare workflow's task ended badly")?)
            .try_collect()
            .await?;
        let pace = Pace { ended: times.len(), time: begun.elapsed() };
        Ok((pace, times, ids.first().map(ToString::to_string).unwrap_or_default()))
    }
}

fn our_workflow(id: Uuid) -> String {
    workflow_id(ApplicationId::from_uuid(id))
}
