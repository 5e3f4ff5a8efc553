//! SCIM errors (RFC 7644 §3.12).

use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderName};
use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError};
use diesel::result::Error as DieselError;

use super::Refusal;
use crate::scim::error::{ScimError, ScimType};
use crate::scim::media::MediaType;
use crate::store::db::error::DatabaseError;

/// A refusal in the form of SCIM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScimFailure {
    error: ScimError,
    headers: Vec<(HeaderName, String)>,
}

impl ScimFailure {
    /// 405 with the methods that there are.
    #[must_use]
    pub fn method_not_allowed(allowed: &str) -> Self {
        let error = ScimError::method_not_allowed(super::methods(allowed));
        Self { error, headers: vec![(ALLOW, allowed.to_owned())] }
    }
}

impl From<ScimError> for ScimFailure {
    fn from(error: ScimError) -> Self {
        Self { error, headers: Vec::new() }
    }
}

impl From<Refusal> for ScimFailure {
    fn from(refusal: Refusal) -> Self {
        // RFC 7644 section 3.12: tooMany is also for what the server is not willing to process.
        let scim_type = matches!(refusal, Refusal::TooLong { .. }).then_some(ScimType::TooMany);
        Self { error: ScimError::new(refusal.status(), scim_type, refusal.detail()), headers: refusal.headers("scim") }
    }
}

impl From<DieselError> for ScimFailure {
    fn from(error: DieselError) -> Self {
        Refusal::from(error).into()
    }
}

impl From<DatabaseError> for ScimFailure {
    fn from(error: DatabaseError) -> Self {
        Refusal::from(error).into()
    }
}

impl fmt::Display for ScimFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl ResponseError for ScimFailure {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((CONTENT_TYPE, MediaType::Scim.as_str()));
        for header in &self.headers {
            response.insert_header(header.clone());
        }
        response.body(self.error.body().to_string())
    }
}

/// Some handlers only refuse.
impl Responder for ScimFailure {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.error_response()
    }
}
