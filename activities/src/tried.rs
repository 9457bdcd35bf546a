//! When the try of a step that is under way began. The workflow's time is fixed when it asks for a step: of tries that come
//! later, or of a step that no worker took up for days, it says nothing.
//! Never the clock of this machine: it is Temporal's, as the workflow's own time is.

use std::time::SystemTime;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};

/// How long what a provider answered is as good as asked now.
pub(crate) const ONE_OCCASION: TimeDelta = TimeDelta::minutes(10);

tokio::task_local! {
    static STARTED_AT: DateTime<Utc>;
}

/// Runs a try that began at an instant.
pub(crate) async fn from<T>(started_at: Option<SystemTime>, step: impl Future<Output = T>) -> T {
    match started_at {
        // As precise as a row keeps it.
        Some(started_at) => STARTED_AT.scope(DateTime::<Utc>::from(started_at).trunc_subsecs(6), step).await,
        None => step.await,
    }
}

/// The instant of what is done now: when the workflow asked for it, or when this try began, if that is later. For what counts by
/// when it was really done: money sent, a contract made, a duty met. Not for what a repeat must find again under its instant.
pub(crate) fn at(asked_at: DateTime<Utc>) -> DateTime<Utc> {
    STARTED_AT.try_with(|started_at| asked_at.max(*started_at)).unwrap_or(asked_at)
}

/// The instant that names an occasion: tries of one step that begin within minutes ask the same once, and each later one anew.
pub(crate) fn occasion(asked_at: DateTime<Utc>) -> DateTime<Utc> {
    let at = at(asked_at);
    if at - asked_at <= ONE_OCCASION { asked_at } else { at }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_later_try_counts_by_its_own_beginning() {
        let asked_at = DateTime::UNIX_EPOCH + Duration::from_secs(100);
        let began = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(asked_at), asked_at, "outside of a try");
        assert_eq!(from(None, async { at(asked_at) }).await, asked_at);
        assert_eq!(from(began(99), async { at(asked_at) }).await, asked_at);
        let later = asked_at + Duration::from_secs(7);
        assert_eq!(from(began(107), async { (at(asked_at), occasion(asked_at)) }).await, (later, asked_at));
        let much_later = asked_at + Duration::from_secs(601);
        assert_eq!(from(began(701), async { (at(asked_at), occasion(asked_at)) }).await, (much_later, much_later));
    }
}
