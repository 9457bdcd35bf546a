//! The lender's own systems as receivers of webhooks: each verifies signatures by itself, as
//! <https://www.standardwebhooks.com> has it, under the secrets that it was told.
//! Nothing that does not verify gets into the ledger, and nothing of the sender's code is used.

use std::{collections::HashMap, sync::Mutex};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::post,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    ambient,
    exchange::{Answer, conduct, malformed, parse, required_header},
    operation::{Call, Operation},
    providers::Shared,
    state::locked,
};

/// How old, or how far in the future, a message may be: older ones could be played again by whoever heard them.
const TOLERANCE_SECONDS: i64 = 300;

/// The paths of this provider.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/{receiver}", post(receive))
}

/// What the admin endpoint is told about a receiver.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewReceiver {
    /// Secrets as the sender showed them, `whsec_…`.
    secrets: Vec<String>,
}

/// The secrets of every receiver.
#[derive(Default)]
pub(crate) struct Receivers {
    inner: Mutex<HashMap<String, Vec<Vec<u8>>>>,
}

impl Receivers {
    /// Tells a receiver its secrets, instead of those that it knew.
    pub(crate) fn set(&self, receiver: &str, new: &NewReceiver) -> Result<(), String> {
        let read = |secret: &String| {
            let encoded = secret.strip_prefix("whsec_").ok_or("a secret begins with whsec_")?;
            STANDARD.decode(encoded).map_err(|_| "a secret is whsec_ and base64")
        };
        let secrets = new.secrets.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        locked(&self.inner).insert(receiver.to_owned(), secrets);
        Ok(())
    }

    /// Forgets every receiver.
    pub(crate) fn clear(&self) {
        locked(&self.inner).clear();
    }

    /// The places of the secrets under which one of the signatures holds, in the order in which they were told.
    fn verifying(&self, receiver: &str, message: &Message, body: &[u8]) -> Vec<usize> {
        let receivers = locked(&self.inner);
        let secrets = receivers.get(receiver).map(Vec::as_slice).unwrap_or_default();
        let holds =
            |secret: &Vec<u8>| message.signatures.iter().any(|signature| message.holds(signature, secret, body));
        secrets.iter().enumerate().filter(|(_, secret)| holds(secret)).map(|(place, _)| place).collect()
    }
}

/// What the headers of a message say.
struct Message {
    id: String,
    timestamp: String,
    /// Those of version 1, decoded.
    signatures: Vec<Vec<u8>>,
}

impl Message {
    fn read(headers: &HeaderMap) -> Result<Self, String> {
        let header = required_header(headers, "webhook-signature")?;
        let ours = header.split(' ').filter_map(|signature| signature.strip_prefix("v1,"));
        let signatures = ours.map(|signature| STANDARD.decode(signature)).collect::<Result<Vec<_>, _>>();
        Ok(Self {
            id: required_header(headers, "webhook-id")?,
            timestamp: required_header(headers, "webhook-timestamp")?,
            signatures: signatures.map_err(|_| "a signature is v1, and base64".to_owned())?,
        })
    }

    fn holds(&self, signature: &[u8], secret: &[u8], body: &[u8]) -> bool {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return false };
        for part in [self.id.as_bytes(), b".", self.timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        mac.verify_slice(signature).is_ok()
    }

    fn is_fresh(&self) -> bool {
        let sent: Option<i64> = self.timestamp.parse().ok();
        sent.is_some_and(|sent| ambient::now().timestamp().abs_diff(sent) <= TOLERANCE_SECONDS.unsigned_abs())
    }
}

async fn receive(
    State(sandbox): State<Shared>,
    Path(receiver): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let read = Message::read(&headers).and_then(|message| Ok((message, parse::<Value>(&body)?)));
    let (message, content) = match read {
        Ok(read) => read,
        Err(problem) => return malformed(&sandbox, Operation::WebhooksReceive, &problem),
    };
    let call = Call::new(Operation::WebhooksReceive, &format!("{receiver}/{}", message.id));
    conduct(sandbox, call, async move |sandbox, _| {
        let verified_by = sandbox.receivers.verifying(&receiver, &message, &body);
        if verified_by.is_empty() || !message.is_fresh() {
            return Answer::error(StatusCode::UNAUTHORIZED, "no signature holds");
        }
        let entry = json!({
            "receiver": receiver,
            "webhook_id": message.id,
            "webhook_timestamp": message.timestamp,
            "signatures": message.signatures.len(),
            "verified_by": verified_by,
            "body": content,
        });
        sandbox.ledgers.enter(Operation::WebhooksReceive, entry);
        Answer::ok(&json!({ "received": true }))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of the specification's own libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    fn message(signature: &str) -> Message {
        let headers = [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", signature),
        ];
        let headers = headers.map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")));
        Message::read(&HeaderMap::from_iter(headers)).expect("readable")
    }

    #[test]
    fn a_message_verifies_under_the_secrets_whose_signature_it_carries() {
        let receivers = Receivers::default();
        let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned();
        receivers.set("a", &NewReceiver { secrets: vec![other, SECRET.to_owned()] }).expect("set");
        let good = message("v1,AAAA v2,xx v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(receivers.verifying("a", &good, BODY), [1]);
        assert!(receivers.verifying("a", &good, b"{}").is_empty(), "another body");
        assert!(receivers.verifying("b", &good, BODY).is_empty(), "another receiver");
        assert!(receivers.verifying("a", &message("v1,AAAA"), BODY).is_empty());
        assert!(!good.is_fresh(), "years old");
        assert!(receivers.set("a", &NewReceiver { secrets: vec!["MfKQ".to_owned()] }).is_err());
    }
}
