//! Tests HTTP below the application: requests that are hardly HTTP, and how answers are sent.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::groups::department;
use crate::support::people::{crowd, insert};
use crate::support::served::Served;

/// The head and the body of an answer, as they were received.
#[derive(Debug)]
struct Raw {
    head: String,
    body: Vec<u8>,
}

impl Raw {
    fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    fn header(&self, name: &str) -> Option<String> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Everything that a server answers to these bytes, until it has answered so many requests or hangs up.
async fn exchange(url: &str, bytes: &[u8], answers: usize, has_body: bool) -> Vec<Raw> {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let (mut read, mut found) = (Vec::new(), Vec::new());
    while found.len() < answers {
        let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else {
            assert!(stream.read_buf(&mut read).await.unwrap() > 0, "hung up after {found:?}");
            continue;
        };
        let head = String::from_utf8(read[..end].to_vec()).unwrap();
        let raw = Raw { head, body: Vec::new() };
        let length = raw.header("content-length").map_or(0, |length| length.parse().unwrap());
        let length = if has_body { length } else { 0 };
        while read.len() < end + 4 + length {
            assert!(stream.read_buf(&mut read).await.unwrap() > 0, "hung up within {raw:?}");
        }
        let body = read[end + 4..end + 4 + length].to_vec();
        read.drain(..end + 4 + length);
        found.push(Raw { body, ..raw });
    }
    found
}

#[tokio::test]
async fn a_target_that_was_not_encoded_is_answered_as_if_it_were() {
    let served = Served::start().await;
    insert(&mut *served.conn().await, &crowd(3), served.now()).await;
    let get =
        |target: &str| format!("GET {target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", served.token);
    let filter = |text: &str| get(&format!("/scim/v2/Users?filter={text}"));
    let search =
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"userName eq \"p1@acme.com\""}"#;
    let post = format!(
        "POST /scim/v2/Users/.search HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{search}",
        served.token,
        search.len()
    );
    // All on one connection, at once.
    let sent = [
        filter("userName%20eq%20\"p0@acme.com\""),
        filter("userName%20eq%20%22p0@acme.com%22"),
        post,
        filter("userName%20co%20\"<>{}|^`#\""),
        filter("userName%20eq%20\"zo\u{eb}@acme.com\""),
        filter("userName+ne+\"p0@acme.com\""),
    ]
    .concat();
    let answers = exchange(&served.url, sent.as_bytes(), 6, true).await;
    let totals: Vec<(u16, Value)> =
        answers.iter().map(|answer| (answer.status(), answer.json()["totalResults"].clone())).collect();
    assert_eq!(totals, [1, 1, 1, 0, 0, 2].map(|total| (200, Value::from(total))));
    // Bytes that are not UTF-8 are not a text of a filter (R-008).
    let odd = [
        b"GET /scim/v2/Users?filter=\xff HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ".as_slice(),
        served.token.as_bytes(),
        b"\r\n\r\n",
    ]
    .concat();
    let refused = exchange(&served.url, &odd, 1, true).await;
    assert_eq!((refused[0].status(), &refused[0].json()["scimType"]), (400, &"invalidSyntax".into()));
    served.stop().await;
}

#[tokio::test]
async fn what_is_no_http_is_refused_in_the_words_of_the_surface_and_with_a_request_id() {
    let served = Served::start().await;
    let long = "x".repeat(140_000);
    for (request, status) in [
        ("GET /scim/v2/Users?filter=userName eq \"x\" HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), 400),
        ("GET /scim/v2/Users HTTP/3.7\r\nhost: x\r\n\r\n".to_owned(), 400),
        ("GET /scim/v2/Users HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET /scim/v2/Users HTTP/1.1\r\nhost: x\r\nno colon\r\n\r\n".to_owned(), 400),
        ("GET /scim/v2/Users HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n".to_owned(), 400),
        ("POST /scim/v2/Users/.search HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n".to_owned(), 400),
        (format!("GET /scim/v2/Users HTTP/1.1\r\nhost: x\r\na: {long}\r\n\r\n"), 431),
        (format!("GET /scim/v2/Users?a={long}"), 431),
    ] {
        let answers = exchange(&served.url, request.as_bytes(), 1, true).await;
        let answer = &answers[0];
        assert_eq!(
            (answer.status(), answer.header("content-type").as_deref()),
            (status, Some("application/scim+json")),
            "{request:.60}"
        );
        assert!(answer.header("x-request-id").unwrap().parse::<uuid::Uuid>().is_ok());
        assert_eq!(answer.json()["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error");
        assert!(answer.json()["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    }
    for (request, code) in [
        ("GET /healthz?\u{1} HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), "malformed"),
        ("\u{16}\u{3}\u{1}\u{2}".to_owned(), "malformed"),
        (format!("GET /api/v1/people HTTP/1.1\r\nhost: x\r\na: {long}\r\n\r\n"), "headTooLarge"),
    ] {
        let answers = exchange(&served.url, request.as_bytes(), 1, true).await;
        assert_eq!(answers[0].header("content-type").as_deref(), Some("application/problem+json"), "{request:.60}");
        assert_eq!((&answers[0].json()["code"], answers[0].json()["requestId"].is_string()), (&code.into(), true));
    }
    let head = exchange(&served.url, b"HEAD /scim/v2/Users HTTP/1.1\r\n\r\n", 1, false).await;
    assert_eq!(head[0].status(), 400);
    // A body that is broken off in its encoding is refused by the endpoint that was called.
    let chunked = format!(
        "POST /scim/v2/Users/.search HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        served.token
    );
    let answers = exchange(&served.url, chunked.as_bytes(), 1, true).await;
    assert_eq!((answers[0].status(), &answers[0].json()["scimType"]), (400, &"invalidSyntax".into()));
    assert_eq!(served.get("/scim/v2/Users").await.status, 200);
    served.stop().await;
}

/// The whole of a body without `Content-Length` that ends with the connection's request, unpacked.
async fn unpacked(served: &Served, path: &str, encoding: &str) -> (Option<String>, Option<String>, usize, String) {
    let client = reqwest::Client::builder().no_gzip().build().unwrap();
    let request = client.get(format!("{}{path}", served.url)).bearer_auth(&served.token);
    let response = request.header("accept-encoding", encoding).send().await.unwrap();
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (content, vary) = (header("content-encoding"), header("vary"));
    let bytes = response.bytes().await.unwrap();
    let mut text = String::new();
    if content.as_deref() == Some("gzip") {
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(bytes.as_ref()), &mut text).unwrap();
    } else {
        text = String::from_utf8(bytes.to_vec()).unwrap();
    }
    (content, vary, bytes.len(), text)
}

#[tokio::test]
async fn pages_are_compressed_for_those_who_ask_for_it() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let ids = insert(&mut conn, &crowd(1_500), served.now()).await;
    let group = department(&mut conn, "Data", &ids, served.now()).await;
    let group = format!("/scim/v2/Groups/{group}");
    // A page, a streamed resource, a streamed list.
    for path in ["/scim/v2/Users?count=300", &group, "/scim/v2/Groups", "/scim/v2/Schemas"] {
        let plain = unpacked(&served, path, "identity").await;
        let packed = unpacked(&served, path, "gzip, deflate").await;
        assert_eq!((plain.0.as_deref(), packed.0.as_deref()), (None, Some("gzip")), "{path}");
        assert_eq!((plain.1.as_deref(), packed.1.as_deref()), (Some("accept-encoding"), Some("accept-encoding")));
        assert!(packed.2 * 3 < plain.2, "{path}: {} of {}", packed.2, plain.2);
        assert!(plain.3 == packed.3, "{path}");
    }
    // A small body, and a refusal, are sent as they are.
    for path in ["/scim/v2/Users?count=0", "/scim/v2/Users/nobody"] {
        assert_eq!(unpacked(&served, path, "gzip").await.0, None, "{path}");
    }
    let client = reqwest::Client::builder().no_gzip().build().unwrap();
    let ask = async |method: reqwest::Method, known: &str| {
        let request = client.request(method, format!("{}{group}", served.url)).bearer_auth(&served.token);
        let request = request.header("accept-encoding", "gzip").header("if-none-match", known);
        let answer = request.send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), header("content-encoding"), header("vary"), header("etag").unwrap())
    };
    let (status, content, vary, tag) = ask(reqwest::Method::HEAD, "\"x\"").await;
    assert_eq!((status, content.as_deref(), vary.as_deref()), (200, Some("gzip"), Some("accept-encoding")));
    assert_eq!(tag, served.get(&group).await.header("etag").unwrap());
    let (status, content, vary, same) = ask(reqwest::Method::GET, &tag).await;
    assert_eq!((status, content, vary.as_deref(), same), (304, None, Some("accept-encoding"), tag));
    served.stop().await;
}
