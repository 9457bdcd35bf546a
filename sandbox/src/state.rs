//! Everything the sandbox knows, in memory, behind one mutex a concern.
//! It never reads another crate of the workspace or a database: it is the outside world.

use std::{
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Context;

use crate::{
    callbacks::Callbacks,
    faults::Faults,
    holds::Holds,
    issuer::Issuer,
    ledger::{Calls, Ledgers},
    persons::Persons,
    providers::{accounting::Books, aml::Publisher, merchants::Merchants, payments::Transfers, webhooks::Receivers},
    weather::Weather,
};

/// What the sandbox is told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// The URL that stands as `iss` in its tokens; JWKS and token endpoint lie below it.
    pub issuer: String,
    /// Where the signing key is kept, so that tokens outlive a restart; without it the key lives as long as the process.
    pub key_file: Option<PathBuf>,
    /// The secret under which payment callbacks are signed; without it none is sent.
    pub callback_secret: Option<String>,
    /// The seed of the made-up AML lists.
    pub aml_seed: u64,
    /// For how long the profile `lagging` does not know a transfer that has happened.
    pub lag: Duration,
}

impl Config {
    /// What holds unless told otherwise, for an issuer under this URL.
    pub fn new(issuer: String) -> Self {
        Self { issuer, key_file: None, callback_secret: None, aml_seed: 1, lag: Duration::from_secs(3) }
    }
}

/// The outside world.
pub struct Sandbox {
    pub(crate) lag: Duration,
    pub(crate) issuer: Issuer,
    pub(crate) persons: Persons,
    pub(crate) aml: Publisher,
    pub(crate) merchants: Merchants,
    pub(crate) books: Books,
    pub(crate) transfers: Transfers,
    pub(crate) callbacks: Callbacks,
    pub(crate) ledgers: Ledgers,
    pub(crate) calls: Calls,
    pub(crate) faults: Faults,
    pub(crate) holds: Holds,
    pub(crate) weather: Weather,
    pub(crate) receivers: Receivers,
}

impl Sandbox {
    /// A world in which nothing has happened yet.
    pub fn try_new(config: Config) -> anyhow::Result<Self> {
        let Config { issuer, key_file, callback_secret, aml_seed, lag } = config;
        Ok(Self {
            lag,
            issuer: Issuer::try_new(issuer, key_file.as_deref()).context("cannot prepare the issuer's key")?,
            persons: Persons::default(),
            aml: Publisher::seeded(aml_seed),
            merchants: Merchants::with_the_first(),
            books: Books::default(),
            transfers: Transfers::default(),
            callbacks: Callbacks::try_new(callback_secret).context("cannot prepare payment callbacks")?,
            ledgers: Ledgers::default(),
            calls: Calls::default(),
            faults: Faults::default(),
            holds: Holds::default(),
            weather: Weather::default(),
            receivers: Receivers::default(),
        })
    }

    /// Forgets what happened and what was arranged, but nothing that was published: lists, merchants and the key stay.
    pub(crate) fn reset(&self) {
        self.faults.clear();
        self.holds.clear();
        self.weather.set(crate::weather::Climate::default());
        self.transfers.clear();
        self.books.clear();
        self.callbacks.clear();
        self.ledgers.clear();
        self.calls.clear();
        self.persons.clear();
        self.receivers.clear();
    }
}

/// Locks a mutex; one whose holder panicked is still usable, since every change here is complete or not begun.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
