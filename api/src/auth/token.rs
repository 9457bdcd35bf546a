//! One token: signature by a key of the issuer, issuer, audience, expiry, and the roles it claims.

use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;

use super::keys::Keys;
use super::roles::Role;

const AUDIENCE: &str = "nesie";
/// How far the clocks of issuer and API may be apart.
const LEEWAY_SECONDS: u64 = 10;
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
    let mut validation = Validation::new(Algorithm::ES256);
    validation.leeway = LEEWAY_SECONDS;
    validation.validate_nbf = true;
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[keys.issuer()]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let claims =
        decode::<Claims>(token, &key, &validation).map_err(|error| TokenError::Refused(reason(&error)))?.claims;
    // U+0000 cannot be stored, and no subject has a reason to hold a control character.
    if claims.sub.is_empty() || claims.sub.len() > SUBJECT_BYTES_MAX || claims.sub.contains(char::is_control) {
        return Err(TokenError::Refused("token_subject"));
    }
    let roles = claims.roles.iter().filter_map(|name| Role::parse(name)).collect();
    Ok((format!("{}|{}", claims.iss, claims.sub), roles))
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
