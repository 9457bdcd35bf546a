//! What a request brings beside the fields of its body: the body's bytes, what its path names, the parameters of its query.
//! Each is read into its type here, so that no handler sees a text that it can not mean. Never repeats a value in an answer.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header;
use axum::http::request::Parts;
use nesie_domain::calendar::CalendarVersion;
use serde::de::DeserializeOwned;

use super::cut;
use crate::problem::Problem;

/// How serde begins to say what it refuses, the code of that refusal, and what the caller is told. The parameter's name
/// follows, up to the next backquote.
const REFUSALS: [(&str, &str, &str); 3] = [
    ("unknown field `", "query.unknown", "Такого параметра нет"),
    ("duplicate field `", "query.repeated", "Параметр указан несколько раз"),
    ("missing field `", "query.malformed", "Обязательный параметр"),
];

/// The bytes of a JSON body, within the route's limit.
pub(crate) struct Body(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let json =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|kind| {
                kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
            });
        if !json {
            return Err(Problem::UnsupportedMediaType);
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
                Problem::TooLarge
            } else {
                Problem::MalformedJson
            }
        })?;
        Ok(Self(bytes))
    }
}

/// The id in a route's path; a malformed one names nothing.
pub(crate) struct Id<T>(pub(crate) T);

impl<T: std::str::FromStr, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await.map_err(|_| Problem::NotFound)?;
        path.parse().map(Self).map_err(|_| Problem::NotFound)
    }
}

/// The version of the calendar in a route's path; a text that no version can have names nothing.
pub(crate) struct Version(pub(crate) CalendarVersion);

impl<S: Send + Sync> FromRequestParts<S> for Version {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await.map_err(|_| Problem::NotFound)?;
        CalendarVersion::parse(&path).map(Self).map_err(|_| Problem::NotFound)
    }
}

/// The parameters of a query.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|query| Self(query.0)).map_err(|rejection| refused(&rejection.to_string()))
    }
}

/// The parameter that serde refused, by what it says: the name alone is taken from there.
fn refused(said: &str) -> Problem {
    for (before, code, message) in REFUSALS {
        if let Some((_, rest)) = said.split_once(before) {
            // What follows the name of an unknown one are the known ones.
            let name = rest.split_once("`, ").map_or(rest, |(name, _)| name);
            return Problem::field(&format!("?{}", cut(name.trim_end_matches('`'))), code, message);
        }
    }
    Problem::field("?", "query.malformed", "Параметры запроса не читаются")
}

#[cfg(test)]
mod tests {
    use axum::http::Uri;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        day: String,
        limit: Option<String>,
        cursor: Option<String>,
    }

    fn read(query: &str) -> Result<Asked, (String, String)> {
        let uri: Uri = format!("/v1/things?{query}").parse().expect("a URI");
        Query::<Asked>::try_from_uri(&uri).map(|query| query.0).map_err(|rejection| {
            let Problem::Invalid(mut errors) = refused(&rejection.to_string()) else { panic!("not a 422: {query}") };
            let error = errors.remove(0);
            (error.pointer, error.code)
        })
    }

    #[test]
    fn the_parameter_that_is_refused_is_named() {
        let refused_as = |pointer: &str, code: &str| Err((pointer.to_owned(), code.to_owned()));
        assert_eq!(read("day=1&no_such=1"), refused_as("?no_such", "query.unknown"));
        assert_eq!(read("day=1&limit=1&cursor=x&limit=2"), refused_as("?limit", "query.repeated"));
        assert_eq!(read("limit=1"), refused_as("?day", "query.malformed"));
        assert_eq!(read("day=1&a%60b=1"), refused_as("?a`b", "query.unknown"));
        let long = format!("?{}", "x".repeat(64));
        assert_eq!(read(&format!("{}=1", "x".repeat(100))), refused_as(&long, "query.unknown"));
        let whole = Asked { day: "1".to_owned(), limit: Some("2".to_owned()), cursor: None };
        assert_eq!(read("day=1&limit=2"), Ok(whole));
        assert_eq!(refused("something else"), Problem::field("?", "query.malformed", "Параметры запроса не читаются"));
    }
}
