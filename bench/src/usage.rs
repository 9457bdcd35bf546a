//! What a stretch of the run used: CPU of each process, statements and rows of PostgreSQL, time.
//! Never more than the difference of two looks.

use std::time::{Duration, Instant};

use nesie_storage::PgPool;
use nesie_storage::statistics::{self, Work};

use crate::processes::{Processes, Ticks, used};

/// Where to look.
pub(crate) struct Meter {
    /// The stack's processes.
    pub(crate) processes: Processes,
    /// The database's statistics, where they can be read, and whether statements are counted.
    pub(crate) database: Option<(PgPool, bool)>,
}

/// One look.
pub(crate) struct Look {
    at: Instant,
    ticks: Ticks,
    work: Option<Work>,
}

/// What was used between two looks, or in several such stretches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Usage {
    /// Time.
    pub(crate) time: Duration,
    /// CPU by process.
    pub(crate) ticks: Ticks,
    /// PostgreSQL's work, where it is known.
    pub(crate) work: Option<Work>,
}

impl Meter {
    /// Looks now.
    pub(crate) async fn look(&self) -> anyhow::Result<Look> {
        let work = match &self.database {
            Some((pool, counted)) => Some(statistics::work(pool, *counted).await?),
            None => None,
        };
        Ok(Look { at: Instant::now(), ticks: self.processes.ticks(), work })
    }

    /// What was used since an earlier look.
    pub(crate) async fn since(&self, before: &Look) -> anyhow::Result<Usage> {
        let now = self.look().await?;
        let work = now.work.zip(before.work).map(|(now, before)| now.since(before));
        Ok(Usage { time: now.at - before.at, ticks: used(&before.ticks, &now.ticks), work })
    }
}

impl Usage {
    /// One more stretch.
    pub(crate) fn add(&mut self, other: &Self) {
        self.time += other.time;
        for (name, ticks) in &other.ticks {
            *self.ticks.entry(name.clone()).or_default() += ticks;
        }
        self.work = match (self.work, other.work) {
            (Some(one), Some(other)) => Some(one.and(other)),
            (one, other) => one.or(other),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_add_up() {
        let stretch = |ticks, transactions| Usage {
            time: Duration::from_secs(1),
            ticks: Ticks::from([("api".to_string(), ticks)]),
            work: Some(Work { transactions, ..Work::default() }),
        };
        let mut sum = Usage::default();
        sum.add(&stretch(3, 10));
        sum.add(&stretch(4, 5));
        assert_eq!((sum.time, sum.ticks["api"]), (Duration::from_secs(2), 7));
        assert_eq!(sum.work.map(|work| work.transactions), Some(15));
    }
}
