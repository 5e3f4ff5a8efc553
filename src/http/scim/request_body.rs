//! Reads bodies of SCIM requests.

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::{HttpRequest, web};
use serde_json::{Map, Value};

use crate::scim::error::ScimError;
use crate::scim::{json, media};

/// Bytes of a body, at most.
const MAX_BODY: usize = 1024 * 1024;

/// The body of a search.
///
/// # Errors
/// 400 `invalidSyntax`, 413, 415.
pub(super) async fn search_body(request: &HttpRequest, payload: web::Payload) -> Result<Map<String, Value>, ScimError> {
    check_content_type(request)?;
    if request.headers().get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(ScimError::unsupported_media_type("bodies are taken without Content-Encoding"));
    }
    match payload.to_bytes_limited(MAX_BODY).await {
        Ok(Ok(bytes)) => json::object(&bytes),
        Ok(Err(_)) => Err(ScimError::invalid_syntax("the body ended before it was complete")),
        Err(_) => Err(ScimError::too_large(format!("the body is larger than {MAX_BODY} bytes"))),
    }
}

///
pub(super) fn check_content_type(request: &HttpRequest) -> Result<(), ScimError> {
    let header = request.headers().get(CONTENT_TYPE).map_or(Ok(""), |value| value.to_str());
    match header {
        Ok(header) if media::content_type_ok(header) => Ok(()),
        _ => Err(ScimError::unsupported_media_type("bodies are application/scim+json or application/json")),
    }
}
