//! Gives each request an id. It is on the answer, in the log, and in errors that a caller may quote to us.

use actix_web::http::header::HeaderName;
use uuid::Uuid;

/// The header that carries it.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    pub(super) static CURRENT: Uuid;
}

/// The id of the request that is being answered.
#[must_use]
pub fn current() -> Option<Uuid> {
    CURRENT.try_with(|id| *id).ok()
}
