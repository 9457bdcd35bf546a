//! One attempt of one delivery: signed under every valid secret, sent, logged with its status or class of failure, put
//! off or ended, as the receiver asks where it does. Never logs a body, an address or a secret, and never reads what the
//! receiver answers but its status and when to come again.

use std::time::Instant;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use nesie_domain::ids::Owner;
use nesie_domain::webhook::Wish;
use nesie_platform::outward::{Answered, CallFailure};
use nesie_platform::webhook::{WebhookSecret, signatures};
use nesie_platform::{clock, protection};
use nesie_storage::webhooks::deliveries::{self, Attempted, Claimed};
use nesie_storage::webhooks::{endpoints, queue, secrets};
use nesie_storage::{PgConnection, audit};
use serde_json::{Value, json};

use super::Sender;

/// Who disabled an endpoint that said that it is no more.
const GONE: &str = "system";

/// Makes the attempt. Its result is stored, or its claim lapses and it is made again.
pub(super) async fn run(sender: &Sender, claimed: &Claimed) {
    let (at, began) = (clock::now(), Instant::now());
    let sent = send(sender, claimed, at).await;
    let ended_at = clock::now();
    let (status, failure, wish) = match sent {
        Ok(Answered { status, .. }) if (200..300).contains(&status) => (Some(i32::from(status)), None, Wish::Nothing),
        Ok(Answered { status, retry_after }) => {
            (Some(i32::from(status)), Some("status"), Wish::of(status, retry_after.as_deref(), ended_at))
        }
        Err(failure) => (None, Some(failure), Wish::Nothing),
    };
    let attempt = u16::try_from(claimed.attempt).unwrap_or(u16::MAX);
    let pause = sender.schedule.pause_after(attempt, jitter());
    let pause = pause.and_then(|pause| TimeDelta::from_std(sender.schedule.heeding(pause, &wish)).ok());
    let attempted = Attempted {
        at,
        ended_at,
        milliseconds: i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX),
        status,
        failure,
        next_at: failure.and(pause).map(|pause| ended_at + pause),
    };
    if let Err(error) = store(sender, claimed, &attempted, &wish).await {
        let error = &error as &dyn std::error::Error;
        tracing::error!(error, delivery = %claimed.id, "an attempt is not stored; its claim lapses and it is made again");
    }
    match (failure, attempted.next_at) {
        (None, _) => tracing::debug!(delivery = %claimed.id, attempt, "delivered"),
        (Some(failure), Some(_)) => {
            tracing::warn!(delivery = %claimed.id, endpoint = %claimed.endpoint_id, attempt, failure, status, "a webhook is not delivered yet");
        }
        (Some(failure), None) => {
            tracing::error!(delivery = %claimed.id, endpoint = %claimed.endpoint_id, attempt, failure, status, "a webhook is given up; it can be replayed");
        }
    }
}

async fn store(
    sender: &Sender,
    claimed: &Claimed,
    attempted: &Attempted,
    wish: &Wish,
) -> Result<(), nesie_storage::StorageError> {
    let mut transaction = nesie_storage::pool::begin(&sender.pool).await?;
    if *wish == Wish::Gone {
        leave_alone(&mut transaction, claimed, attempted.ended_at).await?;
    }
    if !deliveries::finish(&mut transaction, claimed, attempted).await? {
        tracing::warn!(delivery = %claimed.id, "an attempt took longer than its claim; it may be made twice");
    }
    nesie_storage::pool::commit(transaction).await
}

/// Disables an endpoint that answered 410, as operations would: in the audit log, seen over the API, and told of to the
/// others. What waits for it stays until it is enabled again.
async fn leave_alone(
    connection: &mut PgConnection,
    claimed: &Claimed,
    at: DateTime<Utc>,
) -> Result<(), nesie_storage::StorageError> {
    if !endpoints::disable(connection, claimed.endpoint_id, GONE, at).await? {
        return Ok(());
    }
    let details = json!({ "endpoint_id": claimed.endpoint_id, "delivery_id": claimed.id, "status": 410 });
    let entry = audit::Entry {
        occurred_at: at,
        actor: "system",
        roles: &[],
        action: "disable_webhook_endpoint",
        object: &endpoints::object(claimed.endpoint_id),
        reason: "endpoint_gone",
        request_id: None,
        details: details.clone(),
    };
    audit::record(connection, &entry).await?;
    let key = format!("webhook_endpoint:{}:{}", claimed.endpoint_id, claimed.id);
    queue::tell(connection, &key, "webhook.endpoint_disabled", &details, at).await
}

/// What is read of the answer, or the class of the failure.
async fn send(sender: &Sender, claimed: &Claimed, at: DateTime<Utc>) -> Result<Answered, &'static str> {
    let signing = valid_secrets(sender, claimed, at).await?;
    let body = body(claimed);
    let id = format!("evt_{}", claimed.event_id);
    let timestamp = at.timestamp();
    let headers = [
        ("webhook-signature", signatures(&signing, &id, timestamp, body.as_bytes())),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-id", id),
    ];
    sender.client.post(&claimed.url, &headers, body).await.map_err(|failure| match failure {
        CallFailure::Refused(_) => "address_refused",
        CallFailure::NotConnected => "not_connected",
        CallFailure::TimedOut => "timed_out",
        CallFailure::Broken => "broken",
    })
}

async fn valid_secrets(
    sender: &Sender,
    claimed: &Claimed,
    at: DateTime<Utc>,
) -> Result<Vec<WebhookSecret>, &'static str> {
    let sealed = secrets::valid(&sender.pool, claimed.endpoint_id, at).await.map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "secrets can not be read");
        "secret_unreadable"
    })?;
    let opened = sealed.iter().map(|secret| sender.protection.open(&secrets::place(secret.id), &secret.sealed));
    let opened = opened.collect::<Result<Vec<_>, _>>().map_err(|_| "secret_unreadable")?;
    // Unsigned, it would be worth nothing.
    if opened.is_empty() {
        return Err("secret_unreadable");
    }
    Ok(opened.into_iter().map(WebhookSecret::from_bytes).collect())
}

/// The same bytes in every attempt and replay: all of it stands in the outbox.
fn body(claimed: &Claimed) -> String {
    let mut data = json!({ "sequence": claimed.sequence, "details": details(claimed) });
    match claimed.owner {
        Some(Owner::Application(id)) => data["application_id"] = json!(id),
        Some(Owner::Case(id)) => data["case_id"] = json!(id),
        None => {}
    }
    let timestamp = claimed.occurred_at.to_rfc3339_opts(SecondsFormat::Micros, true);
    json!({ "type": claimed.event, "timestamp": timestamp, "data": data }).to_string()
}

/// Which step of an application was parked, and why, could tell of a list (AML law art. 11): whoever may know of it reads it in
/// the API, under a role of his own.
fn details(claimed: &Claimed) -> Value {
    if claimed.event == "application.step_parked" {
        return json!({ "parked_step_id": claimed.payload["parked_step_id"] });
    }
    claimed.payload.clone()
}

fn jitter() -> u16 {
    let [first, second, ..] = protection::random_bytes();
    u16::from_be_bytes([first, second])
}

#[cfg(test)]
mod tests {
    use nesie_domain::ids::{CaseId, EventId, WebhookDeliveryId, WebhookEndpointId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_parked_step_of_an_application_is_told_without_what_parked_it() {
        let parked = |step: &str, code: &str| {
            let id = Uuid::from_u128(6);
            json!({ "parked_step_id": id, "step": step, "occasion": 1, "failure_code": code })
        };
        let told = |event: &str, payload| {
            let claimed = Claimed { event: event.to_owned(), payload, ..claimed() };
            serde_json::from_str::<Value>(&body(&claimed)).expect("JSON")["data"]["details"].clone()
        };
        let by_list = told("application.step_parked", parked("reserve_and_check", "check.waits"));
        assert_eq!(by_list, told("application.step_parked", parked("reserve_and_check", "provider.timed_out")));
        assert_eq!(by_list, json!({ "parked_step_id": Uuid::from_u128(6) }));
        let of_case = parked("refund_paid", "provider.timed_out");
        assert_eq!(told("case.step_parked", of_case.clone()), of_case, "a case is the lender's own");
    }

    #[test]
    fn a_body_names_event_instant_owner_and_place_and_is_the_same_each_time() {
        let claimed = claimed();
        let again = Claimed { attempt: 2, round: 1, claim: Uuid::from_u128(9), ..claimed.clone() };
        assert_eq!(body(&claimed), body(&again));
        let expected = json!({
            "type": "duty.breached",
            "timestamp": "1970-01-01T00:00:00.000000Z",
            "data": {"case_id": Uuid::from_u128(5), "sequence": 7, "details": {"duty_id": Uuid::from_u128(6)}},
        });
        assert_eq!(serde_json::from_str::<Value>(&body(&claimed)).expect("JSON"), expected);
    }

    fn claimed() -> Claimed {
        Claimed {
            id: WebhookDeliveryId::from_uuid(Uuid::from_u128(1)),
            claim: Uuid::from_u128(2),
            round: 0,
            attempt: 1,
            endpoint_id: WebhookEndpointId::from_uuid(Uuid::from_u128(3)),
            url: "https://hooks.example.kz/".to_owned(),
            event_id: EventId::from_uuid(Uuid::from_u128(4)),
            event: "duty.breached".to_owned(),
            sequence: 7,
            owner: Some(CaseId::from_uuid(Uuid::from_u128(5)).into()),
            payload: json!({ "duty_id": Uuid::from_u128(6) }),
            occurred_at: DateTime::UNIX_EPOCH,
        }
    }
}
