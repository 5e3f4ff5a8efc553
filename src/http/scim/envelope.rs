//! Checks every request under `/scim` before its handler runs: length of the URL, its encoding, the protocol version,
//! and the media type of the answer.

use std::time::Duration;

use actix_web::Error;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_MATCH};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, ResponseError};

use crate::http::error::{Refusal, ScimFailure};
use crate::http::uri;
use crate::scim::error::ScimError;
use crate::scim::media::{self, MediaType};
use crate::scim::version;
use crate::store::db::pool::watched;

/// Bytes of path and query. A filter of 8 KiB, each byte percent-encoded, fits.
const MAX_URI: usize = 32 * 1024;

/// How long an answer may take: longer than a statement may, shorter than clients wait.
const LONGEST: Duration = Duration::from_secs(40);

/// The middleware. Bodies are JSON of the negotiated type, refusals too. A caller that accepts neither type gets 406.
pub(super) async fn envelope(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let media = match acceptable(&request) {
        Ok(media) => media,
        Err(error) => {
            let response: HttpResponse = ScimFailure::from(error).error_response();
            return Ok(request.into_response(response));
        }
    };
    let precondition = Precondition::of(&request);
    let answered = tokio::time::timeout(LONGEST, watched(next.call(request))).await;
    let Ok(answer) = answered else {
        // A database that hangs does not apply even its own time limit.
        tracing::error!("a request was given up after {} s", LONGEST.as_secs());
        return Err(ScimFailure::from(Refusal::Unavailable).into());
    };
    let mut response = answer?.map_into_boxed_body();
    if precondition.is_some_and(|precondition| !precondition.holds(&response)) {
        let failed =
            ScimFailure::from(ScimError::precondition_failed("If-Match names another version than the present one"))
                .error_response();
        response = response.into_response(failed).map_into_boxed_body();
    }
    if !matches!(response.response().body().size(), BodySize::None | BodySize::Sized(0)) {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media.as_str()));
    }
    // Answers with people must not be stored by caches on the way.
    if !response.headers().contains_key(CACHE_CONTROL) {
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(response)
}

/// `If-Match` of a request that reads (RFC 9110 section 13.1.1). It is evaluated first: where it does not hold,
/// `If-None-Match` does not count.
struct Precondition(Vec<String>);

impl Precondition {
    fn of(request: &ServiceRequest) -> Option<Self> {
        let reads = [Method::GET, Method::HEAD].contains(request.method());
        let headers = request.headers().get_all(IF_MATCH);
        // A header that is no text names no version.
        let headers: Vec<String> = headers.map(|value| value.to_str().unwrap_or_default().to_owned()).collect();
        (reads && !headers.is_empty()).then_some(Self(headers))
    }

    /// Whether the answer is of a version that was named. An answer without a version, such as a list, exists and is
    /// none of those named. Refusals stay as they are.
    fn holds<B>(&self, response: &ServiceResponse<B>) -> bool {
        if !matches!(response.status(), StatusCode::OK | StatusCode::NOT_MODIFIED) {
            return true;
        }
        let tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
        self.0.iter().any(|header| header.trim() == "*" || tag.is_some_and(|tag| version::names(header, tag)))
    }
}

fn acceptable(request: &ServiceRequest) -> Result<MediaType, ScimError> {
    let length = request.uri().path_and_query().map_or(0, |text| text.as_str().len());
    if length > MAX_URI {
        let detail = format!("the URL has {length} bytes; at most {MAX_URI} are taken");
        return Err(ScimError::new(414, None, detail));
    }
    // the path as it came, since the router has replaced what it could not decode.
    uri::decode(request.uri().path()).map_err(|error| ScimError::invalid_syntax(error.to_string()))?;
    check_version(request.uri().path())?;
    media::accept(&joined(request.headers())).map_err(|error| ScimError::not_acceptable(error.to_string()))
}

/// a version segment comes right before the endpoint; we support v2, and no segment means the newest version.
fn check_version(path: &str) -> Result<(), ScimError> {
    let segment = path.strip_prefix("/scim").unwrap_or(path).split('/').find(|segment| !segment.is_empty());
    let version = segment.and_then(|segment| segment.strip_prefix(['v', 'V']));
    match version {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && digits != "2" => {
            Err(ScimError::invalid_version("this server speaks SCIM v2 only"))
        }
        _ => Ok(()),
    }
}

/// Several `Accept` headers are one list. One that is no text names nothing that we have.
fn joined(headers: &HeaderMap) -> String {
    let texts: Vec<&str> = headers.get_all(ACCEPT).map(|value| value.to_str().unwrap_or("?")).collect();
    texts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    ///
    #[test]
    fn only_version_2_is_spoken_and_a_name_that_begins_with_v_is_no_version() {
        for path in ["/scim/v2/Users", "/scim/V2/Users", "/scim/Users", "/scim", "/scim//v2//Users", "/scim/vacation"] {
            assert!(check_version(path).is_ok(), "{path}");
        }
        for path in ["/scim/v1/Users", "/scim/v3", "/scim/V10/Users", "/scim//v1/Users", "/scim/v02/Users"] {
            assert_eq!(check_version(path).unwrap_err().status, 400, "{path}");
        }
    }
}
