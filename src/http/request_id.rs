//! An id for each request: on the answer, in the log, and in errors that a caller may quote to us.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};
use tracing_actix_web::RequestId;
use uuid::Uuid;

use super::state::State;
use crate::store::db::pool::watched;

/// The header that carries it.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CURRENT: Uuid;
}

/// The id of the request that is being answered.
#[must_use]
pub fn current() -> Option<Uuid> {
    CURRENT.try_with(|id| *id).ok()
}

/// Middleware for the whole application, inside of the request log, whose id it takes over.
pub async fn mark(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let logged = request.extensions().get::<RequestId>().map(|id| **id);
    let made = || request.app_data::<web::Data<State>>().map(|state| state.clock.row_id());
    let Some(id) = logged.or_else(made) else { return next.call(request).await };
    let mut response = CURRENT.scope(id, watched(next.call(request))).await?;
    // A UUID is visible ASCII, so there is always a value.
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(HEADER, value);
    }
    Ok(response)
}
