//! Refuses what SCIM defines and this server does not do for the caller. Writing with a reader's token is 403,
//! what is not available yet 501, what does not exist 404. Nothing is done in part.

use actix_web::HttpRequest;

use super::request_body::check_content_type;
use crate::http::auth::{Caller, ScimRead, ScimWrite};
use crate::http::error::ScimFailure;
use crate::scim::error::ScimError;

/// POST, PUT, PATCH and DELETE of resources, and bulk requests.
pub(super) async fn write(_: Caller<ScimWrite>, request: HttpRequest) -> ScimFailure {
    match check_content_type(&request) {
        Err(error) => error.into(),
        Ok(()) => ScimError::not_implemented("writing through SCIM is not available yet").into(),
    }
}

/// `/Me`: a token represents a consumer, not a user.
pub(super) async fn me(_: Caller<ScimRead>) -> ScimFailure {
    ScimError::not_implemented("this token stands for no user, so that there is no /Me").into()
}

pub(super) async fn unknown() -> ScimFailure {
    ScimError::not_found("there is no such endpoint; /ResourceTypes lists those of resources").into()
}
