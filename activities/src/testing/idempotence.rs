//! The harness that every step goes through: failed by its provider before and after the effect, failed by the database
//! at the commit, then run, then run again.

use std::fmt::Debug;

use serde_json::json;

use super::scene::Scene;
use crate::failure::{Failure, FailureClass};

/// How much is asked of the steps on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Care {
    /// Everything that the harness can do.
    Thorough,
    /// Only that they succeed: for tests of what comes later.
    Quick,
}

/// What a step may leave behind although it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing but the note that a provider was called.
    Nothing,
    /// A fact of its own that is committed before the provider is called.
    Committed,
}

/// Every effect of every provider that keeps a ledger.
async fn ledgers(scene: &Scene) -> Vec<String> {
    let mut all = Vec::new();
    for provider in
        ["bureau", "coid", "proprietors", "payments", "merchants", "accounting", "notifications", "regulator"]
    {
        all.push(format!("{provider}: {:?}", scene.ledger(provider).await));
    }
    all
}

/// Takes a step with all care; the verdict.
pub(super) async fn take<V: Debug + PartialEq>(
    scene: &Scene,
    care: Care,
    name: &str,
    before: Before,
    providers: &[(&str, &str)],
    run: impl AsyncFn() -> Result<V, Failure>,
) -> V {
    if care == Care::Quick {
        return run().await.unwrap_or_else(|failure| panic!("{name}: {failure:?}"));
    }
    for (provider, operation) in providers {
        for fault in [
            json!({"kind": "status", "code": 503}),
            json!({"kind": "status_after", "code": 500}),
            json!({"kind": "malformed"}),
        ] {
            let rows = scene.rows(&["provider_calls"]).await;
            scene.fault(provider, operation, fault.clone(), Some(1)).await;
            let failure = run().await.expect_err("a provider that fails is not an answer");
            assert_eq!(failure.class, FailureClass::Retry, "{name} after {fault}: {failure:?}");
            assert_eq!(failure.provider, Some(*provider), "{name} after {fault}");
            if before == Before::Nothing {
                assert_eq!(scene.rows(&["provider_calls"]).await, rows, "{name} left rows after {fault}");
            }
            scene.mend().await;
        }
    }
    let rows = scene.rows(&["provider_calls"]).await;
    fail_commits(scene, "").await;
    let failure = run().await.expect_err("a fact that is not committed is no verdict");
    assert_eq!((failure.class, failure.code), (FailureClass::Retry, "storage.driver"), "{name}: {failure:?}");
    assert_eq!(scene.rows(&["provider_calls"]).await, rows, "{name} left rows behind an aborted transaction");
    allow_commits(scene).await;

    let verdict = run().await.unwrap_or_else(|failure| panic!("{name}: {failure:?}"));
    let (rows, effects) = (scene.rows(&[]).await, ledgers(scene).await);
    let again = run().await.unwrap_or_else(|failure| panic!("{name} again: {failure:?}"));
    assert_eq!(again, verdict, "{name} run twice");
    assert_eq!(scene.rows(&[]).await, rows, "{name} run twice wrote twice");
    assert_eq!(ledgers(scene).await, effects, "{name} run twice had its effect twice");
    verdict
}

/// Makes every transaction fail at its commit that records a fact under this key; under any, where it is empty.
pub(super) async fn fail_commits(scene: &Scene, fact_key: &str) {
    let when = if fact_key.is_empty() { String::new() } else { format!("WHEN (NEW.fact_key = '{fact_key}')") };
    scene
        .execute(
            "CREATE OR REPLACE FUNCTION fail_at_commit() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'made to fail'; END $$",
        )
        .await;
    scene
        .execute(&format!(
            "CREATE CONSTRAINT TRIGGER fail_at_commit AFTER INSERT ON timeline
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW {when} EXECUTE FUNCTION fail_at_commit()"
        ))
        .await;
}

/// Ends what [`fail_commits`] began.
pub(super) async fn allow_commits(scene: &Scene) {
    scene.execute("DROP TRIGGER fail_at_commit ON timeline").await;
}
