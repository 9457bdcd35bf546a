//! Fraud incidents as load: without clients, each leaves two duties open; one with a thousand clients informs them all.
//! Never an act that ends a duty of the first kind: they are to stay open.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use chrono::{SecondsFormat, TimeDelta};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use nesie_platform::clock::now;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use temporalio_client::Client;
use uuid::Uuid;

use crate::applicant::Applicant;
use crate::front::Front;
use crate::history::{Events, Recorded};

/// Duties that an incident without clients opens: the regulator is to be informed, measures are to be taken.
pub(crate) const DUTIES_EACH: usize = 2;
/// Reports in flight.
pub(crate) const IN_FLIGHT: usize = 32;
/// Between two looks at a case.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest that one wait may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// What an incident with many clients took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Informed {
    /// How many clients.
    pub(crate) clients: usize,
    /// Until each duty to inform was met.
    pub(crate) time: Duration,
    /// The history of its workflow.
    pub(crate) history: Events,
}

/// Reports so many incidents without clients, and waits until their duties are open. Their cases.
pub(crate) async fn open(compliance: &Front, count: usize) -> anyhow::Result<Vec<Uuid>> {
    let cases: Vec<Uuid> = stream::iter(0..count)
        .map(|_| async {
            let case = report(compliance, &[]).await?;
            wait(compliance, case, "open", DUTIES_EACH).await?;
            anyhow::Ok(case)
        })
        .buffer_unordered(IN_FLIGHT)
        .try_collect()
        .await?;
    Ok(cases)
}

/// Reports one incident with so many clients, and waits until each was informed.
pub(crate) async fn inform(compliance: &Front, client: &Client, clients: usize) -> anyhow::Result<Informed> {
    let affected: std::collections::BTreeSet<String> =
        std::iter::repeat_with(|| Applicant::somebody().iin).take(clients * 2).collect();
    let affected: Vec<String> = affected.into_iter().take(clients).collect();
    let begun = Instant::now();
    let case = report(compliance, &affected).await?;
    wait(compliance, case, "met", affected.len()).await?;
    let time = begun.elapsed();
    let history = Recorded::fetch(client, &workflow_id(case)).await?.total();
    Ok(Informed { clients: affected.len(), time, history })
}

/// The workflow of a case.
pub(crate) fn workflow_id(case: Uuid) -> String {
    format!("case/{case}")
}

async fn report(compliance: &Front, clients: &[String]) -> anyhow::Result<Uuid> {
    let detected_at = (now() - TimeDelta::seconds(1)).to_rfc3339_opts(SecondsFormat::Secs, true);
    let mut body = json!({
        "reference": format!("BENCH-{}", Uuid::new_v4()), "kind": "unauthorised_access", "detected_at": detected_at,
        "description": "Измерение",
    });
    if !clients.is_empty() {
        let client = |iin: &String| json!({ "iin": iin, "phone": "+77011234567" });
        body["clients"] = clients.iter().map(client).collect::<Vec<Value>>().into();
    }
    let (key, begun) = (Uuid::new_v4(), Instant::now());
    loop {
        let (status, answer) = compliance.send(Method::POST, "/v1/fraud-incidents", Some((&body, key))).await?;
        match status {
            StatusCode::ACCEPTED => {
                return answer["id"].as_str().and_then(|id| id.parse().ok()).context("an incident has an id");
            }
            StatusCode::SERVICE_UNAVAILABLE if begun.elapsed() < PATIENCE => tokio::time::sleep(PAUSE).await,
            _ => bail!("an incident was answered {status} {}", answer["code"]),
        }
    }
}

async fn wait(compliance: &Front, case: Uuid, state: &str, count: usize) -> anyhow::Result<()> {
    let begun = Instant::now();
    let path = format!("/v1/fraud-incidents/{case}");
    loop {
        let counts = compliance.get(&path).await?["duty_counts"].clone();
        if counts[state].as_u64() >= Some(u64::try_from(count)?) {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            bail!("case {case}: {counts}, and not {count} {state}");
        }
        tokio::time::sleep(PAUSE).await;
    }
}
