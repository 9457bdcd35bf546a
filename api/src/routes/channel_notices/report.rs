//! A notice of a channel is drafted, or recorded as sent before this system existed. The same channel again, while its
//! notice is open, is answered with the first case.

use chrono::{DateTime, Utc};
use nesie_domain::channel::{ChannelKind, NoticeKind, NoticeSubject, SentOutside};
use nesie_domain::person::Channel;
use nesie_storage::bodies::ChannelNoticeDetails;
use nesie_storage::channels;
use nesie_storage::policy::{self, Channel as OpenChannel};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{KIND, read_contents};
use crate::app::App;
use crate::cases::{self, Document, Report};
use crate::parse::Fields;
use crate::problem::{Problem, internal};
use crate::routes::cases::report::report_route;

/// A notice of a channel.
#[derive(Deserialize, ToSchema)]
#[schema(as = ChannelNotice)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct ChannelNoticeRequest {
    /// `opening` (para 4) or `change` of what was notified (para 5).
    notice: String,
    /// The channel's code, which applications name.
    #[schema(example = "web")]
    code: String,
    /// `web_resource`, `mobile_application` or `terminal`.
    kind: String,
    /// The name of the web resource or application, or the terminal's location.
    name: String,
    /// `microcredit_account`, `microcredit_card`, `microcredit_merchant`, `microcredit_cash`.
    operations: Vec<String>,
    /// On the approved procedures of security and data protection.
    security_procedures: String,
    /// Opening: the day that is planned, if there is one.
    planned_on: Option<chrono::NaiveDate>,
    /// Change: the day on which it takes effect.
    effective_on: Option<chrono::NaiveDate>,
    /// At least one: `name`, `content_type`, `content` (base64).
    documents: Vec<Value>,
    /// Where it was sent before this system existed.
    sent_outside: Option<SentOutsideRequest>,
}

/// A notice that was sent before this system existed.
#[derive(Deserialize, ToSchema)]
#[schema(as = SentOutside)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct SentOutsideRequest {
    /// The day on which it was sent: the ten working days are counted from it.
    sent_on: chrono::NaiveDate,
    /// The regulator's number.
    receipt_number: String,
    /// When the regulator received it.
    received_at: DateTime<Utc>,
}

report_route! {
    /// Уведомление о канале (пункты 4 и 5)
    "/v1/channel-notices" by ComplianceOnly, ChannelNoticeRequest, "Уведомление уже зарегистрировано", made
}

async fn made(app: &App, body: &[u8], received_at: DateTime<Utc>) -> Result<Report, Problem> {
    let (details, documents) = read(body, received_at)?;
    let code = details.subject.code.as_str();
    check_channel(&details.subject, policy::channel(&app.pool, code).await?.as_ref())?;
    let over = channels::notices_over(&app.pool, code, details.subject.kind.as_str()).await?;
    as_report(&details, documents, over)
}

/// An open channel does not open again, and one that is not open can not change.
fn check_channel(subject: &NoticeSubject, open: Option<&OpenChannel>) -> Result<(), Problem> {
    match (subject.notice, open) {
        (NoticeKind::Opening, None) => Ok(()),
        (NoticeKind::Opening, Some(_)) => {
            let message = "Канал уже открыт: подайте уведомление об изменении";
            Err(Problem::field("/code", "channel.already_open", message))
        }
        (NoticeKind::Change, Some(open)) if open.kind == subject.kind.as_str() => Ok(()),
        (NoticeKind::Change, Some(_)) => {
            Err(Problem::field("/kind", "channel.other_kind", "Открытый канал с этим кодом другого вида"))
        }
        (NoticeKind::Change, None) => {
            Err(Problem::field("/code", "channel.not_open", "Канал не открыт: изменять нечего"))
        }
    }
}

fn read(body: &[u8], now: DateTime<Utc>) -> Result<(ChannelNoticeDetails, Vec<Document>), Problem> {
    let mut fields = Fields::read(body)?;
    let notice = fields.parsed("/notice", NoticeKind::parse);
    let code = fields.parsed("/code", Channel::parse);
    let kind = fields.parsed("/kind", ChannelKind::parse);
    let outside = fields.has("/sent_outside");
    let sent_outside = if outside { read_sent_outside(&mut fields, now) } else { None };
    // What was sent before may have been planned for a day that has passed since.
    let today = sent_outside.as_ref().map_or_else(|| crate::time::day(now), |sent| sent.sent_on);
    let contents = read_contents(&mut fields, notice.unwrap_or(NoticeKind::Opening), today);
    let documents = cases::read_documents(&mut fields, 1);
    let parsed = (|| {
        let documents = documents?;
        let document_ids = documents.iter().map(|document| document.reference().id).collect();
        let subject = NoticeSubject { notice: notice?, code: code?, kind: kind? };
        let sent_outside = if outside { Some(sent_outside?) } else { None };
        Some((ChannelNoticeDetails { subject, contents: contents?, document_ids, sent_outside }, documents))
    })();
    fields.finish(parsed)
}

fn read_sent_outside(fields: &mut Fields, now: DateTime<Utc>) -> Option<SentOutside> {
    let sent_on = fields.date("/sent_outside/sent_on");
    let receipt_number = fields.text("/sent_outside/receipt_number");
    let received_at = fields.past_instant("/sent_outside/received_at");
    let receipt_number = receipt_number?.trim().to_owned();
    let sent = SentOutside { sent_on: sent_on?, receipt_number, received_at: received_at? };
    for (field, error) in sent.faults(now) {
        fields.refuse(&format!("/sent_outside/{field}"), error.code(), error.message_ru());
    }
    Some(sent)
}

fn as_report(details: &ChannelNoticeDetails, documents: Vec<Document>, over: i64) -> Result<Report, Problem> {
    let ChannelNoticeDetails { subject, contents, sent_outside, .. } = details;
    let summary = json!({
        "notice": subject.notice, "code": subject.code, "kind": subject.kind, "name": contents.name,
        "operations": contents.operations, "planned_on": contents.planned_on, "sent_outside": sent_outside.is_some(),
    });
    // Once a notice is over the next one of the channel is another; until then it is the same one.
    let natural_key = format!("{}|{}|{over}", subject.code, subject.kind);
    let details = serde_json::to_value(details).map_err(|error| internal(&error, "a notice is no JSON"))?;
    Ok(Report { kind: KIND, natural_key, details, summary, documents })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        crate::time::now()
    }

    fn notice() -> Value {
        json!({
            "notice": "opening", "code": "web", "kind": "web_resource", "name": "nesie.kz",
            "operations": ["microcredit_account", "microcredit_card"],
            "security_procedures": "Политика информационной безопасности, утверждена приказом № 1",
            "documents": [{"name": "policy.pdf", "content_type": "application/pdf", "content": "JVBERg=="}],
        })
    }

    fn with(mut body: Value, change: &Value) -> Value {
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        body
    }

    fn named(body: &Value) -> Vec<(String, String)> {
        let Err(Problem::Invalid(errors)) = read(body.to_string().as_bytes(), now()) else {
            panic!("not a 422: {body}")
        };
        errors.into_iter().map(|error| (error.pointer, error.code)).collect()
    }

    #[test]
    fn a_notice_is_read_with_its_documents() {
        let (details, documents) = read(notice().to_string().as_bytes(), now()).expect("a notice");
        assert_eq!(details.document_ids, [documents[0].reference().id]);
        let report = as_report(&details, documents, 2).expect("a report");
        assert_eq!(report.natural_key, "web|web_resource|2");
        assert_eq!(report.summary["code"], "web");
    }

    #[test]
    fn each_bad_field_is_named() {
        let outside = |sent_on: &str, received_at: &str| json!({"sent_outside": {"sent_on": sent_on, "receipt_number": "1", "received_at": received_at}});
        for (change, pointer, code) in [
            (json!({"documents": []}), "/documents", "type.list"),
            (json!({"documents": null}), "/documents", "type.list"),
            (json!({"operations": ["roulette"]}), "/operations/0", "channel.operation_unknown"),
            (json!({"operations": []}), "/operations", "type.list"),
            (json!({"kind": "fax"}), "/kind", "channel.kind_unknown"),
            (json!({"code": "В"}), "/code", "channel.format"),
            (json!({"name": " "}), "/name", "channel_notice.name"),
            (json!({"security_procedures": ""}), "/security_procedures", "channel_notice.procedures"),
            (json!({"planned_on": "2020-02-02"}), "/planned_on", "channel_notice.planned_in_past"),
            (json!({"notice": "change"}), "/effective_on", "required"),
            (json!({"effective_on": "2090-02-02"}), "/effective_on", "unknown_field"),
            (outside("2019-12-31", "2026-01-12T09:00:00Z"), "/sent_outside/sent_on", "channel_notice.before_rules"),
            (outside("2999-01-01", "2026-01-12T09:00:00Z"), "/sent_outside/sent_on", "channel_notice.in_future"),
            (outside("2026-01-12", "2999-01-01T09:00:00Z"), "/sent_outside/received_at", "instant.in_the_future"),
            (
                outside("2026-01-12", "2026-01-10T09:00:00Z"),
                "/sent_outside/received_at",
                "channel_notice.received_before_sent",
            ),
        ] {
            let named = named(&with(notice(), &change));
            assert!(named.contains(&(pointer.to_owned(), code.to_owned())), "{pointer} {code} in {named:?}");
        }
    }

    #[test]
    fn a_notice_sent_outside_may_have_been_planned_for_a_day_that_has_passed() {
        let sent = json!({"planned_on": "2026-02-02", "sent_outside":
            {"sent_on": "2026-01-12", "receipt_number": "ЗТ-1", "received_at": "2026-01-12T09:00:00Z"}});
        let (details, _) = read(with(notice(), &sent).to_string().as_bytes(), now()).expect("a notice");
        assert_eq!(details.sent_outside.expect("sent outside").receipt_number, "ЗТ-1");
    }

    #[test]
    fn only_an_open_channel_of_the_same_kind_changes_and_it_does_not_open_again() {
        let subject = |notice| NoticeSubject {
            notice,
            code: Channel::parse("web").expect("a code"),
            kind: ChannelKind::WebResource,
        };
        let open = |kind: &str| OpenChannel {
            code: "web".to_owned(),
            kind: kind.to_owned(),
            operations: Vec::new(),
            active_from: now(),
        };
        let code = |notice, open: Option<OpenChannel>| match check_channel(&subject(notice), open.as_ref()) {
            Ok(()) => String::new(),
            Err(Problem::Invalid(errors)) => errors[0].code.clone(),
            Err(other) => panic!("not a 422: {other:?}"),
        };
        assert_eq!(code(NoticeKind::Opening, None), "");
        assert_eq!(code(NoticeKind::Opening, Some(open("web_resource"))), "channel.already_open");
        assert_eq!(code(NoticeKind::Change, None), "channel.not_open");
        assert_eq!(code(NoticeKind::Change, Some(open("terminal"))), "channel.other_kind");
        assert_eq!(code(NoticeKind::Change, Some(open("web_resource"))), "");
    }
}
