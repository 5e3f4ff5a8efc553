//! Makes answers that go wrong.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use futures_util::{future, stream};
use serde_json::Value;

/// The body that a gateway answers.
pub(super) const HTML: &str = "<html><body>Bad gateway</body></html>";

/// A body that fails before its first byte: the server closes the connection without having sent a status.
pub(super) fn close() -> HttpResponse {
    let broken = future::err::<Bytes, _>(std::io::Error::from(std::io::ErrorKind::ConnectionAborted));
    HttpResponse::Ok().streaming(stream::once(broken))
}

/// The first half of a body.
pub(super) fn half(body: &Value) -> Vec<u8> {
    let mut bytes = body.to_string().into_bytes();
    bytes.truncate(bytes.len() / 2);
    bytes
}

#[expect(clippy::disallowed_methods, reason = "a vendor is slow in real time, whatever a test's clock shows")]
pub(super) async fn wait(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}
