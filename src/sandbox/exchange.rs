//! Reads what the simulated vendors need from a request, and counts the requests that are being answered.

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;

/// The bearer token that came with a request.
pub(super) fn bearer(request: &HttpRequest) -> Option<&str> {
    let given = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (kind, token) = given.split_once(' ')?;
    kind.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Path and query, for the list of recent requests.
pub(super) fn asked(request: &HttpRequest) -> String {
    request.uri().path_and_query().map(ToString::to_string).unwrap_or_default()
}

/// Reports, when it is dropped, that a request is no longer being answered. This includes a request whose client has
/// disconnected.
pub(super) struct InFlight<F: Fn()>(pub(super) F);

impl<F: Fn()> Drop for InFlight<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
