//! Answers requests that are not HTTP with a 400, in the format of the called part of the URL space. The answer has a
//! request id, unlike the empty one of the parser.

use actix_web::http::header::CONNECTION;
use actix_web::{HttpResponse, ResponseError, web};

use super::error::{Code, Problem, ScimFailure};
use super::wire::{Malformation, REFUSED};
use crate::scim::error::ScimError;

/// Answers the requests that `wire` puts in place of unreadable ones. A client that calls it gets the same answer.
pub fn routes(config: &mut web::ServiceConfig) {
    config.route(&format!("{REFUSED}/{{front}}/{{why}}"), web::to(refuse));
}

async fn refuse(path: web::Path<(String, String)>) -> HttpResponse {
    let (front, why) = path.into_inner();
    let why = Malformation::parse(&why).unwrap_or(Malformation::Line);
    let detail = detail(why);
    let mut response = match (front.as_str(), why) {
        ("scim", Malformation::TooLarge) => ScimFailure::from(ScimError::new(431, None, detail)).error_response(),
        ("scim", _) => ScimFailure::from(ScimError::invalid_syntax(detail)).error_response(),
        (_, Malformation::TooLarge) => Problem::new(Code::HeadTooLarge, detail).error_response(),
        _ => Problem::malformed(detail).error_response(),
    };
    // It is unknown where the next request would begin.
    response.head_mut().set_connection_type(actix_http::ConnectionType::Close);
    response.headers_mut().remove(CONNECTION);
    response
}

fn detail(why: Malformation) -> &'static str {
    match why {
        Malformation::Line => "the request does not begin with a line of HTTP/1.1: method, target, version",
        Malformation::Target => "the request target is no URI: percent-encode what is not a letter or digit",
        Malformation::Version => {
            "the request line does not end with HTTP/1.0 or HTTP/1.1 behind one target: percent-encode spaces as %20"
        }
        Malformation::Header => "a header of the request cannot be read, is missing (Host), or contradicts another",
        Malformation::TooLarge => "the head of the request has more than 131072 bytes",
    }
}
