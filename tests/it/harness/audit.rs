//! Proofs of requirements: a story names the row of the requirement table that it has just driven over the API, and the
//! entry of the audit log that shows it. `cargo xtask compliance` reads these calls, so rows, action and
//! details (`json!`) are written in the call.
//! Never a proof by the absence of an entry, and never one without the object that it is about.

use serde_json::Value;

use super::{Stack, eventually};

/// One row of the requirement table, or several: `"R-132"`, `&["R-132", "R-133"]`.
pub(crate) trait Rows {
    /// The rows, for a failure to name.
    fn named(&self) -> String;
}

impl Rows for &str {
    fn named(&self) -> String {
        (*self).to_string()
    }
}

impl<const N: usize> Rows for &[&str; N] {
    fn named(&self) -> String {
        self.join(", ")
    }
}

impl Stack {
    /// Fails the story unless the audit log has an entry that this action was done to the object, `application/<id>` or
    /// `case/<id>`, whose details hold all of `details`; `json!({})` holds in any.
    pub(crate) async fn proves(&self, rows: impl Rows, object: &str, action: &str, details: Value) {
        self.audited(&rows.named(), object, action, true, &details).await;
    }

    /// The same for a denial: the action was tried on the object and refused.
    pub(crate) async fn proves_denial(&self, rows: impl Rows, object: &str, action: &str, details: Value) {
        self.audited(&rows.named(), object, action, false, &details).await;
    }

    async fn audited(&self, rows: &str, object: &str, action: &str, allowed: bool, details: &Value) {
        let database = self.database().await;
        // A denial is written after its answer was made, and some facts beside the record of an end.
        eventually(&format!("{rows}: the audit of {object} shows {action}"), || async {
            let found: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT FROM audit WHERE object = $1 AND action = $2 AND allowed = $3 AND details @> $4)",
            )
            .bind(object)
            .bind(action)
            .bind(allowed)
            .bind(details)
            .fetch_one(&database)
            .await
            .expect("the audit log");
            if found {
                return Ok(());
            }
            let seen: Vec<(String, bool, Value)> =
                sqlx::query_as("SELECT action, allowed, details FROM audit WHERE object = $1 ORDER BY sequence")
                    .bind(object)
                    .fetch_all(&database)
                    .await
                    .expect("the audit log");
            Err(format!("no {action} ({allowed}) with {details} in {seen:?}"))
        })
        .await;
        database.close().await;
    }
}
