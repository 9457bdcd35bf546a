//! Personal data leaked: the client's next application waits for repeated biometrics, the phone's check and a call that
//! compliance records (para 36; ). The paragraph sets no term, so there is no duty to show.

use std::sync::atomic::AtomicBool;
use std::thread;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;

use super::scene::{Case, Scene};
use super::{Told, required};
use crate::console::say;
use crate::demo::story;

/// Tells it.
pub(super) fn tell(scene: &Scene) -> Result<Told> {
    let application = scene.application("annuity-to-card")?;
    let body = json!({
        "source": "сообщение КНБ", "reference": scene.name("LEAK"), "learned_at": scene.ago(60)?,
        "description": "Выгрузка анкет в открытом доступе", "clients": [{ "iin": application.iin }],
    });
    let case = scene.report("data-leaks", &body)?;
    scene.at_stage(&case, "handling")?;
    let clients = scene.run.compliance.get(&case.at("clients"))?;
    let client = required(&clients["items"][0], "client_id")?.to_owned();
    let phone = application.application()["client"]["phone"].as_str().context("a client has a phone")?.to_owned();

    let run = &scene.run;
    let told = thread::scope(|scope| {
        let client_side = scope.spawn(|| story::tell(run, &application, &AtomicBool::new(false)));
        let called = call(scene, application.index, &case, [&client, &phone]);
        let told = client_side.join();
        called.and_then(|()| told.map_or_else(|_| bail!("the client's thread has panicked"), Ok))
    })?;
    ensure!(told.unexpected.is_empty(), "the client's application: {}", told.unexpected.join("; "));
    ensure!(told.application["outcome"]["outcome"] == "granted", "it ended as {}", told.application["outcome"]);
    let id = told.id.context("an application has an id")?;
    scene.tell(format_args!("application {id} went on after the call"));
    let clients = scene.run.compliance.get(&case.at("clients"))?;
    for measure in ["identified_at", "phone_checked_at", "called_at", "cleared_at"] {
        say(format_args!("    {measure:16} {}", required(&clients["items"][0], measure)?));
    }
    scene.done("POST", &case.at("closure"), &json!({ "reason": "клиент проверен" }))?;
    scene.at_stage(&case, "closed")?;
    Ok(Told { case, duties: Vec::new() })
}

/// Waits until the application wants the call, and records it.
fn call(scene: &Scene, story: usize, case: &Case, [client, phone]: [&str; 2]) -> Result<()> {
    let id = scene.until("the client has applied", || Ok(scene.run.desk.application_of(story)))?;
    for stage in ["awaiting_leak_verification", "awaiting_verification_call"] {
        scene.until(&format!("the application at {stage}"), || {
            let application = scene.run.client.get(&format!("/v1/applications/{id}"))?;
            ensure!(application["outcome"].is_null(), "it ended without its verification");
            let there = application["stage"]["stage"] == stage;
            // The client may be quicker than we look.
            let beyond = application["stage"]["stage"] == "awaiting_verification_call";
            Ok((there || beyond).then_some(()))
        })?;
        scene.tell(format_args!("application {id}: {stage}"));
    }
    let call = json!({
        "client_id": client, "phone": phone, "called_at": scene.ago(5)?, "operator": "Оператор 7",
        "outcome": "reached", "informed_of_theft": true, "recommended_voluntary_refusal": true,
        "script_version": "2026-11",
    });
    scene.done("POST", &case.at("verification-calls"), &call).map(drop)
}
