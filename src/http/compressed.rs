//! Compresses answers with gzip for clients that ask for it: pages of people are a tenth of their size then.

use actix_http::ContentEncoding;
use actix_http::encoding::Encoder;
use actix_web::Error;
use actix_web::body::{BodySize, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue, VARY};
use actix_web::middleware::Next;

/// Bytes of a body that is too small to be worth it: it is one packet anyway.
const SMALL: u64 = 1024;

/// The middleware. Streamed answers stay streamed. Nothing but 200 is compressed: what is shown once, such as a new
/// token, is answered with 201. Versions are weak, so that they are the same for both encodings.
pub(super) async fn compress<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<Encoder<B>, B>>, Error> {
    let wanted = takes_gzip(request.headers());
    let mut response = next.call(request).await?;
    if !matches!(response.status(), StatusCode::OK | StatusCode::NOT_MODIFIED) {
        return Ok(response.map_into_right_body());
    }
    let is_large = match response.response().body().size() {
        BodySize::Sized(size) => size >= SMALL,
        BodySize::Stream => true,
        BodySize::None => false,
    };
    if wanted && is_large && response.status() == StatusCode::OK {
        // It names the encoding, and that answers vary by what is accepted.
        return Ok(
            response.map_body(|head, body| EitherBody::left(Encoder::response(ContentEncoding::Gzip, head, body)))
        );
    }
    response.headers_mut().append(VARY, HeaderValue::from_static("accept-encoding"));
    Ok(response.map_into_right_body())
}

/// Whether a client accepts gzip, with at least the weight of no encoding (RFC 9110 section 12.5.3).
fn takes_gzip(headers: &HeaderMap) -> bool {
    let [mut gzip, mut identity, mut any] = [None, None, None];
    for header in headers.get_all(ACCEPT_ENCODING) {
        for part in header.to_str().unwrap_or_default().split(',') {
            let (coding, parameters) = part.split_once(';').unwrap_or((part, ""));
            let quality = quality(parameters);
            match coding.trim().to_ascii_lowercase().as_str() {
                "gzip" | "x-gzip" => gzip = Some(quality),
                "identity" => identity = Some(quality),
                "*" => any = Some(quality),
                _ => {}
            }
        }
    }
    let gzip = gzip.or(any).unwrap_or(0.0);
    gzip > 0.0 && gzip >= identity.unwrap_or(0.0)
}

/// The weight among the parameters of a coding; 1 if there is none, 0 if it cannot be read.
fn quality(parameters: &str) -> f32 {
    let weight = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse().unwrap_or(0.0))
    });
    weight.unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderMap;

    use super::*;

    #[test]
    fn gzip_is_for_those_who_ask_for_it() {
        for (header, wanted) in [
            ("gzip", true),
            ("GZIP", true),
            ("x-gzip", true),
            ("deflate, gzip;q=1.0, *;q=0.5", true),
            ("br;q=1.0, gzip;q=0.8", true),
            ("*", true),
            ("gzip;q=0.001", true),
            ("", false),
            ("identity", false),
            ("br", false),
            ("gzip;q=0", false),
            ("gzip; q=0.0, *", false),
            ("*;q=0", false),
            ("identity;q=1, gzip;q=0.5", false),
            ("gzip;q=x", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(header));
            assert_eq!(takes_gzip(&headers), wanted, "{header}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
