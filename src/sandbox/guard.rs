//! Shared code of the control endpoints. It decides who may use them, what they accept as JSON, and how they refuse.

use actix_web::guard::{Guard, GuardContext};
use actix_web::http::StatusCode;
use actix_web::web::JsonConfig;
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use super::error::SandboxError;

/// The largest body: a change of one record.
const BODY_LIMIT: usize = 256 * 1024;

/// Accepts any body as JSON: `curl -d` calls everything a form.
pub(super) fn any_json() -> JsonConfig {
    JsonConfig::default().limit(BODY_LIMIT).content_type_required(false).content_type(|_| true)
}

/// Only clients of this machine.
pub(super) struct SameMachine;

impl Guard for SameMachine {
    fn check(&self, context: &GuardContext<'_>) -> bool {
        context.head().peer_addr.is_none_or(|peer| peer.ip().to_canonical().is_loopback())
    }
}

impl ResponseError for SandboxError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NoSuchEmployment | Self::NoSuchMember => StatusCode::NOT_FOUND,
            Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code()).json(json!({"message": self.to_string()}))
    }
}
