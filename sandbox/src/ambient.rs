//! The one place where the sandbox reads the clock and makes random identifiers.
//! It never decides anything: a reader who looks for hidden inputs has to look only here.

use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use uuid::Uuid;

/// The present instant.
#[expect(clippy::disallowed_methods, reason = "this is the sandbox's clock")]
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::<Utc>::from(SystemTime::now())
}

/// An instant as every provider writes it: RFC 3339 in UTC with milliseconds.
pub(crate) fn written(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// An identifier that no earlier run of the sandbox has given out.
pub(crate) fn new_id(prefix: &str) -> String {
    format!("{prefix}-{}", Uuid::new_v4().simple())
}
