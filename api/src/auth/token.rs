//! One token: signature by a key of the issuer, issuer, audience, expiry, and the roles it claims.

use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use nesie_platform::protection::sha256;
use serde::Deserialize;

use super::keys::Keys;
use super::roles::Role;
use super::verified::Verified;

const AUDIENCE: &str = "nesie";
/// How far the clocks of issuer and API may be apart.
const LEEWAY_SECONDS: u32 = 10;
const SUBJECT_BYTES_MAX: usize = 200;

/// Why a token does not hold.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TokenError {
    /// The issuer's keys are not to be had: nothing is known about the token.
    KeysUnavailable,
    /// It does not hold, for this reason.
    Refused(&'static str),
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    exp: f64,
    #[serde(default)]
    roles: Vec<String>,
}

/// The actor (`issuer|subject`) and the known roles of a token that holds.
pub(crate) async fn verify(keys: &Keys, token: &str) -> Result<(String, Vec<Role>), TokenError> {
    let header = decode_header(token).map_err(|_| TokenError::Refused("token_malformed"))?;
    if header.alg != Algorithm::ES256 {
        return Err(TokenError::Refused("token_algorithm"));
    }
    let kid = header.kid.ok_or(TokenError::Refused("token_without_key_id"))?;
    let key = keys.find(&kid).await.map_err(|_| TokenError::KeysUnavailable)?;
    let key = key.ok_or(TokenError::Refused("token_key_unknown"))?;
    // The same bytes under the same list of keys hold until they expire: only time can change the answer.
    let sha256 = sha256(token.as_bytes());
    let expired_before = seconds_now() - f64::from(LEEWAY_SECONDS);
    if let Some(who) = keys.verified().find(&sha256, key.list, expired_before) {
        return Ok(who);
    }
    let mut validation = Validation::new(Algorithm::ES256);
    validation.leeway = u64::from(LEEWAY_SECONDS);
    validation.validate_nbf = true;
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[keys.issuer()]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let claims = decode::<Claims>(token, &key.decoding, &validation)
        .map_err(|error| TokenError::Refused(reason(&error)))?
        .claims;
    // U+0000 cannot be stored, and no subject has a reason to hold a control character.
    if claims.sub.is_empty() || claims.sub.len() > SUBJECT_BYTES_MAX || claims.sub.contains(char::is_control) {
        return Err(TokenError::Refused("token_subject"));
    }
    let roles = claims.roles.iter().filter_map(|name| Role::parse(name)).collect();
    let who = (format!("{}|{}", claims.iss, claims.sub), roles);
    keys.verified().remember(sha256, Verified { who: who.clone(), expires_at: claims.exp, keys_of: key.list });
    Ok(who)
}

/// Seconds since 1970, as `exp` counts them.
fn seconds_now() -> f64 {
    crate::time::now().signed_duration_since(chrono::DateTime::UNIX_EPOCH).as_seconds_f64()
}

fn reason(error: &jsonwebtoken::errors::Error) -> &'static str {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::ExpiredSignature => "token_expired",
        ErrorKind::ImmatureSignature => "token_not_yet_valid",
        ErrorKind::InvalidIssuer => "token_issuer",
        ErrorKind::InvalidAudience => "token_audience",
        ErrorKind::InvalidSignature => "token_signature",
        _ => "token_refused",
    }
}
