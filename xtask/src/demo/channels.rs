//! The channel by which the demonstration applies: opened, where it is not, as compliance of a lender does whose notice
//! to the regulator was sent before this system existed (paras 4, 5). Never by the database.

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::front::{Answer, Front};
use crate::console::say;

/// The channels that a front end of the demonstration may name.
const CHANNELS: [(&str, &str, &str); 2] = [
    ("web", "web_resource", "Личный кабинет на интернет-ресурсе"),
    ("mobile", "mobile_application", "Мобильное приложение"),
];

/// Opens each channel that is not open yet.
pub(super) fn open(compliance: &Front) -> Result<()> {
    let channels = compliance.get("/v1/channels")?;
    let open = |code: &str| channels["items"].as_array().into_iter().flatten().any(|channel| channel["code"] == code);
    for (code, kind, name) in CHANNELS.into_iter().filter(|(code, ..)| !open(code)) {
        let key = format!("demo-channel-{code}");
        let reported = done(compliance.act("POST", "/v1/channel-notices", &key, &notice(code, kind, name))?)?;
        let id = reported["id"].as_str().context("a notice has an id")?;
        let path = format!("/v1/channel-notices/{id}/activation");
        done(compliance.act("POST", &path, &format!("{key}-activation"), &json!({}))?)?;
        say(format_args!("channel `{code}` is open by its notice {id}"));
    }
    Ok(())
}

fn done(answer: Answer) -> Result<Value> {
    match answer {
        Answer::Accepted(body) => Ok(body),
        Answer::NotExpected(why) => bail!("opening a channel: {why}"),
    }
}

fn notice(code: &str, kind: &str, name: &str) -> Value {
    json!({
        "notice": "opening", "code": code, "kind": kind, "name": name,
        "operations": ["microcredit_account", "microcredit_card", "microcredit_merchant"],
        "security_procedures": "Политика информационной безопасности и процедуры защиты от несанкционированного доступа, утверждены приказом № 1",
        "documents": [{"name": "policy.txt", "content_type": "text/plain", "content": "cG9saWN5"}],
        "sent_outside": {
            "sent_on": "2026-01-12", "receipt_number": "ЗТ-2026-1", "received_at": "2026-01-12T10:00:00+05:00",
        },
    })
}
