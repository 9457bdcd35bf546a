//! The channels by which the load applies: opened, where they are not, by the API as compliance (paras 4, 5).
//! Never part of what is measured.

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::front::Front;

/// The channels that front ends name.
const CHANNELS: [(&str, &str); 2] = [("web", "web_resource"), ("mobile", "mobile_application")];
/// How often an answer "not known to be done" is asked again.
const TRIES: u32 = 60;

/// Opens each channel that is not open yet.
pub(crate) async fn open(compliance: &Front) -> anyhow::Result<()> {
    let channels = compliance.get("/v1/channels").await?;
    let open = |code: &str| channels["items"].as_array().into_iter().flatten().any(|channel| channel["code"] == code);
    for (code, kind) in CHANNELS.into_iter().filter(|(code, _)| !open(code)) {
        let notice = json!({
            "notice": "opening", "code": code, "kind": kind, "name": "nesie.kz",
            "operations": ["microcredit_account", "microcredit_card", "microcredit_merchant"],
            "security_procedures": "Политика информационной безопасности, утверждена приказом № 1",
            "documents": [{"name": "policy.txt", "content_type": "text/plain", "content": "cG9saWN5"}],
            "sent_outside": {
                "sent_on": "2026-01-12", "receipt_number": "ЗТ-2026-1", "received_at": "2026-01-12T10:00:00+05:00",
            },
        });
        let reported = done(compliance, "/v1/channel-notices", &notice).await?;
        let id = reported["id"].as_str().context("a notice has an id")?;
        done(compliance, &format!("/v1/channel-notices/{id}/activation"), &json!({})).await?;
    }
    Ok(())
}

async fn done(compliance: &Front, path: &str, body: &Value) -> anyhow::Result<Value> {
    let key = Uuid::new_v4();
    for _ in 0..TRIES {
        let (status, answer) = compliance.send(Method::POST, path, Some((body, key))).await?;
        match status {
            StatusCode::OK | StatusCode::ACCEPTED => return Ok(answer),
            StatusCode::SERVICE_UNAVAILABLE => tokio::time::sleep(Duration::from_millis(500)).await,
            _ => bail!("{path}: {status} {answer}"),
        }
    }
    bail!("{path}: not known to be done")
}
