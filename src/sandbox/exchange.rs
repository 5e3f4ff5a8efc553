//! What the fronts of the simulated vendors read from a request, and the count of those being answered.

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

/// Says that a request is not being answered any more, when it is dropped: also that of a client who has left.
pub(super) struct InFlight<F: Fn()>(pub(super) F);

impl<F: Fn()> Drop for InFlight<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
