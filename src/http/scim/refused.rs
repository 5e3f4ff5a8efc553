//! What SCIM knows and this server does not do for the caller: writing with a reader's token is 403, what is not
//! available yet 501, what does not exist 404. Nothing is done in part.

use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_TYPE;

use crate::http::auth::{Caller, ScimRead, ScimWrite};
use crate::http::error::ScimFailure;
use crate::scim::error::ScimError;
use crate::scim::media;

/// POST, PUT, PATCH and DELETE of resources, and bulk requests.
pub(super) async fn write(_: Caller<ScimWrite>, request: HttpRequest) -> ScimFailure {
    match check_content_type(&request) {
        Err(error) => error.into(),
        Ok(()) => ScimError::not_implemented("writing through SCIM is not available yet").into(),
    }
}

/// POST .search.
pub(super) async fn search(_: Caller<ScimRead>, request: HttpRequest) -> ScimFailure {
    match check_content_type(&request) {
        Err(error) => error.into(),
        Ok(()) => ScimError::not_implemented("POST .search is not available yet; send the query with GET").into(),
    }
}

/// `/Me`: a token stands for a consumer, not for a user.
pub(super) async fn me(_: Caller<ScimRead>) -> ScimFailure {
    ScimError::not_implemented("this token stands for no user, so that there is no /Me").into()
}

/// A query across resource types, on the base URL.
pub(super) async fn everything(_: Caller<ScimRead>) -> ScimFailure {
    ScimError::not_implemented("queries on the base URL are not available yet; ask /Users or /Groups").into()
}

pub(super) async fn unknown() -> ScimFailure {
    ScimError::not_found("there is no such endpoint; /ResourceTypes lists those of resources").into()
}

///
fn check_content_type(request: &HttpRequest) -> Result<(), ScimError> {
    let header = request.headers().get(CONTENT_TYPE).map_or(Ok(""), |value| value.to_str());
    match header {
        Ok(header) if media::content_type_ok(header) => Ok(()),
        _ => Err(ScimError::unsupported_media_type("bodies are application/scim+json or application/json")),
    }
}
