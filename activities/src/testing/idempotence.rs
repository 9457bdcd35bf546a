//! The harness that every step goes through: failed by its provider before and after the effect, failed at each of its
//! commits in turn, then run, then run again. Which steps there are, `world.rs` says, and the test below holds it to that.

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

/// More tries than any step takes: one that gets no further would go on for ever.
const TRIES_MAX: usize = 14;
/// As many commits as a step may have after its first.
const TRIES_AT_ONE_COMMIT: usize = 6;

/// Every effect of every provider that keeps a ledger.
async fn ledgers(scene: &Scene) -> Vec<String> {
    let mut all = Vec::new();
    for provider in [
        "bureau",
        "coid",
        "proprietors",
        "payments",
        "merchants",
        "accounting",
        "notifications",
        "regulator",
        "mobile-operators",
        "egov-mobile",
    ] {
        all.push(format!("{provider}: {:?}", scene.ledger(provider).await));
    }
    all
}

const NONE: [&str; 0] = [];

/// The tables whose rows are others.
fn changed<'a>(before: &'a [(String, String)], after: &[(String, String)]) -> Vec<&'a str> {
    let same = before.iter().zip(after).filter(|(before, after)| before != after);
    same.map(|((table, _), _)| table.as_str()).collect()
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
    assert!(crate::world::STEPS.contains(&name), "{name} is no step");
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
                let left = scene.rows(&["provider_calls"]).await;
                assert_eq!(changed(&rows, &left), NONE, "{name} left rows after {fault}");
            }
            scene.mend().await;
        }
    }
    let verdict = fail_each_commit(scene, name, &run).await;
    let (rows, effects) = (scene.rows(&[]).await, ledgers(scene).await);
    let again = run().await.unwrap_or_else(|failure| panic!("{name} again: {failure:?}"));
    assert_eq!(again, verdict, "{name} run twice");
    assert_eq!(changed(&rows, &scene.rows(&[]).await), NONE, "{name} run twice wrote twice");
    assert_eq!(ledgers(scene).await, effects, "{name} run twice had its effect twice");
    verdict
}

/// Fails the step at its first commit, which leaves nothing; then lets one commit through at every try and fails the next,
/// until none is left to fail. A step may commit the same thing at every try, such as that it sent money again: after some
/// tries more is let through.
async fn fail_each_commit<V: Debug>(scene: &Scene, name: &str, run: impl AsyncFn() -> Result<V, Failure>) -> V {
    let rows = scene.rows(&["provider_calls"]).await;
    for tried in 0..TRIES_MAX {
        fail_commit(scene, 1 + tried.div_ceil(TRIES_AT_ONE_COMMIT)).await;
        let result = run().await;
        let met = commits_pass(scene).await;
        match result {
            Ok(verdict) if !met => return verdict,
            Ok(verdict) => panic!("{name} took a commit that failed for done: {verdict:?}"),
            Err(failure) => {
                let how = (failure.class, failure.code);
                assert_eq!((how, met), ((FailureClass::Retry, "storage.driver"), true), "{name}: {failure:?}");
            }
        }
        if tried == 0 {
            let left = scene.rows(&["provider_calls"]).await;
            assert_eq!(changed(&rows, &left), NONE, "{name} left rows behind an aborted transaction");
        }
    }
    panic!("{name} gets no further from one commit to the next");
}

/// Makes the so manieth transaction from now on fail at its commit, of those that write more than the notes of calls.
pub(super) async fn fail_commit(scene: &Scene, number: usize) {
    if scene.value("SELECT to_regclass('harness.commits')").await.is_empty() {
        scene.execute(COUNT_COMMITS).await;
    }
    scene
        .execute(&format!("ALTER SEQUENCE harness.commits RESTART; UPDATE harness.failing SET number = {number}"))
        .await;
}

/// Ends what [`fail_commit`] began; whether that commit was met.
pub(super) async fn commits_pass(scene: &Scene) -> bool {
    let met = "SELECT is_called AND last_value >= number FROM harness.commits, harness.failing";
    let met = scene.value(met).await == "true";
    scene.execute("UPDATE harness.failing SET number = 0").await;
    met
}

/// Counts transactions as they commit; a sequence, since it keeps its count where one is aborted.
const COUNT_COMMITS: &str = "
    CREATE SCHEMA harness;
    CREATE SEQUENCE harness.commits;
    CREATE TABLE harness.failing AS SELECT 0 AS number;
    GRANT USAGE ON SCHEMA harness TO nesie_app;
    GRANT USAGE ON harness.commits TO nesie_app;
    GRANT SELECT ON harness.failing TO nesie_app;
    CREATE FUNCTION harness.count_commit() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE failing integer := (SELECT number FROM harness.failing);
    BEGIN
        IF failing > 0 AND coalesce(current_setting('harness.counted', true), '') = '' THEN
            PERFORM set_config('harness.counted', 'yes', true);
            IF nextval('harness.commits') = failing THEN
                RAISE EXCEPTION 'made to fail';
            END IF;
        END IF;
        RETURN NULL;
    END $$;
    DO $$
    DECLARE name text;
    BEGIN
        FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'provider_calls' LOOP
            EXECUTE format('CREATE CONSTRAINT TRIGGER count_commit AFTER INSERT OR UPDATE OR DELETE ON %I
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION harness.count_commit()', name);
        END LOOP;
    END $$";

/// Each step of the worker stands under its name in a test that takes it through the harness.
#[test]
fn every_step_goes_through_the_harness() {
    let tests = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/testing");
    let mut taken = String::new();
    for file in std::fs::read_dir(tests).expect("the tests") {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("Rust");
        taken.extend(text.split_whitespace());
    }
    for step in crate::world::STEPS {
        let calls = ["Care::Thorough,", "care,", ".act(", ".act_at("].map(|before| format!("{before}\"{step}\","));
        let found = calls.iter().any(|call| taken.contains(call));
        assert!(found, "{step} is not taken through the harness");
    }
}
