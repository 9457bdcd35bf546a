//! What every request can reach: pool, protection of personal data, the issuer's keys, workflows.
//! Holds no business state: several processes of the API may run side by side.

use std::ops::Deref;
use std::sync::Arc;

use nesie_platform::outward::Inside;
use nesie_platform::protection::Protection;
use nesie_storage::PgPool;

use crate::auth::Keys;
use crate::changes::Changes;
use crate::cli::CallbackSecret;
use crate::temporal::Workflows;
use crate::turns::Turns;

/// The state of the router; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of the state.
pub struct Parts {
    pub(crate) pool: PgPool,
    pub(crate) protection: Protection,
    pub(crate) keys: Keys,
    pub(crate) workflows: Workflows,
    pub(crate) turns: Turns,
    pub(crate) changes: Changes,
    pub(crate) callback_secret: CallbackSecret,
    pub(crate) inside: Inside,
}

/// What the state is made of.
pub struct AppSettings {
    /// Pool of the application role.
    pub pool: PgPool,
    /// Protection of personal data.
    pub protection: Protection,
    /// Client for the issuer's keys.
    pub http: reqwest::Client,
    /// Issuer of the tokens.
    pub oidc_issuer: String,
    /// Where the issuer's keys are.
    pub oidc_jwks_url: String,
    /// The secret of the payment provider's callbacks.
    pub callback_secret: CallbackSecret,
    /// Whether webhooks may be sent to this machine.
    pub inside: Inside,
}

impl App {
    /// Puts the state together; Temporal is connected to when the first act needs it, since reads never do.
    #[must_use]
    pub fn new(settings: AppSettings) -> Self {
        Self(Arc::new(Parts {
            turns: Turns::within(settings.pool.options().get_max_connections()),
            changes: Changes::new(settings.pool.clone()),
            pool: settings.pool,
            protection: settings.protection,
            keys: Keys::new(settings.http, settings.oidc_issuer, settings.oidc_jwks_url),
            workflows: Workflows::default(),
            callback_secret: settings.callback_secret,
            inside: settings.inside,
        }))
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
