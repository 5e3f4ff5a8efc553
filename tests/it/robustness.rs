//! Tests that all input is answered in bounded time and memory. A refusal has a message, and the next request is
//! served. What is malformed on a small scale is in `scim_filter`, `scim_search` and `scim_protocol`; filters of users
//! that are made to break the server are in `stories_reading`.

use std::process::{Command, Stdio};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::groups::department;
use crate::support::people::{crowd, insert};
use crate::support::program::{Program, folder, serve};
use crate::support::served::{Answer, Served, encoded};

/// How long any single answer may take. It takes milliseconds; this is for a machine that does much else.
const BOUND: Duration = Duration::from_secs(10);
/// Of a body, as the server takes it.
const MEGABYTE: usize = 1024 * 1024;
const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

async fn bounded<T>(what: &str, answer: impl Future<Output = T>) -> T {
    timeout(BOUND, answer).await.unwrap_or_else(|_| panic!("no answer within {BOUND:?}: {what:.100}"))
}

/// Checks that the server has not suffered: it serves as before.
async fn serves_on(served: &Served) {
    let answer = bounded("the next request", served.get("/scim/v2/Users?count=1")).await;
    assert_eq!(answer.list()["totalResults"], 3);
}

async fn with_people() -> Served {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let ids = insert(&mut conn, &crowd(3), served.now()).await;
    department(&mut conn, "Data", &ids, served.now()).await;
    drop(conn);
    served
}

/// each by the limit that it breaks, for groups and for all types as for users; and as far as a URL goes.
#[tokio::test]
async fn filters_of_any_size_and_depth_are_refused_in_words() {
    let served = with_people().await;
    let nested = |open: &str, close: &str| format!("{}id pr{}", open.repeat(200), close.repeat(200));
    let terms = |term: &str, n: usize| vec![term; n].join(" or ");
    for (filter, words) in [
        (nested("(", ")"), "nested deeper than 20"),
        (nested("not (", ")"), "nested deeper than 20"),
        ("(".repeat(200), "nested deeper than 20"),
        (nested("emails[", "]"), "brackets inside brackets"),
        (terms("id pr", 500), "more than 50 expressions"),
        (terms("id pr", 10_000), "at most 8192"),
        (terms("userName eq \"ana@acme.com\" and not (active eq true)", 10_000), "at most 8192"),
        ("(".repeat(MEGABYTE - 1000), "at most 8192"),
        (format!("userName eq \"{}\"", "x".repeat(MEGABYTE - 1000)), "at most 8192"),
    ] {
        for path in ["/Groups", ""] {
            let answer = bounded(&filter, served.search_as(&served.token, path, json!({ "filter": filter }))).await;
            let detail = answer.refusal(400, Some("invalidFilter"));
            assert!(detail.contains(words) && detail.len() < 200, "{filter:.60}: {detail}");
        }
    }
    serves_on(&served).await;

    // As many terms as a URL holds, and more.
    let get = async |n: usize| bounded("a long URL", served.filter(&terms("id pr", n))).await;
    assert!(get(500).await.refusal(400, Some("invalidFilter")).contains("more than 50 expressions"));
    assert!(get(2_000).await.refusal(400, Some("invalidFilter")).contains("at most 8192"));
    assert!(get(3_000).await.refusal(414, None).contains("32768"));
    let head = format!("GET /scim/v2/Users?filter={}", encoded(&terms("id pr", 10_000)));
    let (status, _) = raw(&served, head.as_bytes()).await;
    assert!(status == HUNG_UP || (400..500).contains(&status), "{status}");
    serves_on(&served).await;
    served.stop().await;
}

/// every other member of a search may be as long as a body may be.
#[tokio::test]
async fn bodies_of_a_megabyte_are_answered_at_once() {
    let served = with_people().await;
    let long = |word: &str| word.repeat((MEGABYTE - 1000) / word.len());
    let member = |name: &str, value: &Value| format!("{{\"schemas\": [\"{SEARCH}\"], \"{name}\": {value}}}");
    let many: Vec<String> = (0..60_000).map(|n| format!("a{n}.b")).collect();
    let nested = format!("{{\"schemas\": [\"{SEARCH}\"], \"x\": {}", long("[").as_str());
    let distinct = many.iter().map(|name| format!("\"{name}\": 1")).collect::<Vec<_>>().join(",");
    for (body, refused) in [
        (member("attributes", &json!(many)), None),
        (member("excludedAttributes", &json!(long("userName,"))), None),
        (member("attributes", &json!(long("urn:"))), None),
        (member("sortBy", &json!(long("a:"))), Some("invalidValue")),
        (member("sortOrder", &json!(long("a"))), Some("invalidValue")),
        (member("count", &json!(long("9"))), None),
        (member("startIndex", &json!(long("9"))), None),
        (member("startIndex", &json!(long("-"))), Some("invalidValue")),
        (member("cursor", &json!(long("A"))), Some("invalidCursor")),
        (member("unknown", &json!("?")).replace('?', &long("\\u0000")), None),
        (format!("{{\"schemas\": [\"{SEARCH}\"], {distinct}}}"), None),
        (nested, Some("invalidSyntax")),
        (long("{\"a\":"), Some("invalidSyntax")),
        (member("count", &json!(1)).replace(": 1}", &format!(": 1{}}}", long("0"))), Some("invalidSyntax")),
        (format!("{}{}", long(" "), member("count", &json!(1))), None),
    ] {
        assert!(body.len() <= MEGABYTE, "{body:.100}: {}", body.len());
        for path in ["/Users/.search", "/.search"] {
            let answer = served.post_text(&served.token, path, "application/scim+json", &body);
            let answer = bounded(&body, answer).await;
            match refused {
                None => assert_eq!(answer.status, 200, "{body:.100}: {:.300}", answer.text),
                Some(keyword) => {
                    let detail = answer.refusal(400, Some(keyword));
                    assert!(detail.len() < 300, "{body:.100}: {detail}");
                }
            }
        }
    }
    serves_on(&served).await;
    served.stop().await;
}

/// bytes that are no UTF-8, as they are; `scim_protocol` has them percent-encoded.
#[tokio::test]
async fn bytes_that_are_no_utf_8_are_refused_wherever_they_stand() {
    let served = with_people().await;
    for wrong in [&b"\xff"[..], b"\xc3(", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"a\x80"] {
        let body = [b"{\"schemas\": [\"", SEARCH.as_bytes(), b"\"], \"filter\": \"userName eq \\\"", wrong, b"\\\"\"}"];
        let (status, text) = post(&served, &body.concat()).await;
        assert_eq!(status, 400, "{wrong:x?}");
        let error: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&error["status"], &error["scimType"]), (&json!("400"), &json!("invalidSyntax")), "{wrong:x?}");
        // As the name of a member, in the path, in the query.
        assert_eq!(post(&served, &[b"{\"", wrong, b"\": 1}"].concat()).await.0, 400, "{wrong:x?}");
        for head in [&b"GET /scim/v2/Users/"[..], b"GET /scim/v2/Users?filter=", b"GET /scim/v2/Users?count=1&"] {
            let (status, _) = raw(&served, &[head, wrong].concat()).await;
            assert!((400..500).contains(&status), "{wrong:x?} behind {}: {status}", String::from_utf8_lossy(head));
        }
    }
    // Halves of a pair of surrogates are no text either.
    for half in ["\\ud800", "\\udc00", "\\ud83d\\ud83d"] {
        let body = format!("{{\"schemas\": [\"{SEARCH}\"], \"filter\": \"userName eq \\\"{half}\\\"\"}}");
        assert_eq!(post(&served, body.as_bytes()).await.0, 400, "{half}");
        let filter = format!("userName eq \"{half}\"");
        served.filter(&filter).await.refusal(400, Some("invalidFilter"));
    }
    serves_on(&served).await;
    served.stop().await;
}

/// Postgres has no text with NUL; it must not come to that.
#[tokio::test]
async fn nul_is_a_character_like_others_that_nobody_has() {
    let served = with_people().await;
    let users = [
        "id",
        "externalId",
        "userName",
        "displayName",
        "name.familyName",
        "emails",
        "emails.type",
        "department",
        "employeeNumber",
        "manager",
        "manager.displayName",
        "managerEmail",
        "groups",
        "groups.display",
        "schemas",
        "meta.location",
        "meta.resourceType",
        "sourceWorkerId",
    ];
    let groups = ["id", "displayName", "members", "members.display", "meta.location", "externalId"];
    let all = users.map(|path| ("/Users", path)).into_iter().chain(groups.map(|path| ("/Groups", path)));
    for (endpoint, path) in all {
        let everybody = if endpoint == "/Users" { 3 } else { 1 };
        for value in ["\\u0000", "a\\u0000", "\\u0000p1@acme.com"] {
            // One statement for each value, whatever the operator.
            let is = ["eq", "co", "sw", "ew"].map(|operator| format!("{path} {operator} \"{value}\"")).join(" or ");
            let order =
                ["gt", "ge", "lt", "le", "ne"].map(|operator| format!("{path} {operator} \"{value}\"")).join(" or ");
            let ask = async |filter: &str| {
                let path = format!("/scim/v2{endpoint}?filter={}", encoded(filter));
                bounded(filter, served.get(&path)).await.list()["totalResults"].clone()
            };
            assert_eq!(ask(&is).await, 0, "{is}");
            assert_eq!(ask(&format!("{order} or not ({is})")).await, everybody, "{order}");
        }
    }
    for (path, status) in [
        ("/Users/%00", 404),
        ("/Groups/a%00b", 404),
        ("/Schemas/%00", 404),
        ("/%00", 404),
        ("/Users?filter=%00", 400),
        ("/Users?filter=userName%20eq%20%22%00%22", 400),
        ("/Users?sortBy=%00", 400),
        ("/Users?sortOrder=%00", 400),
        ("/Users?count=%00", 400),
        ("/Users?cursor=%00", 400),
        ("/Users?attributes=%00", 200),
        ("/Users?%00=%00", 200),
    ] {
        let answer: Answer = bounded(path, served.get(&format!("/scim/v2{path}"))).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
    }
    // Outside of a string a NUL is no JSON; in one it is written with an escape.
    for body in [&b"\0"[..], b"{\"a\": \"\0\"}", b"{}\0"] {
        assert_eq!(post(&served, body).await.0, 400, "{body:?}");
    }
    serves_on(&served).await;
    served.stop().await;
}

/// Status and body of what comes back to `head`, the beginning of a request line, sent as it is.
async fn raw(served: &Served, head: &[u8]) -> (u16, String) {
    let token = &served.token;
    let rest = format!(" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n");
    exchange(served, &[head, rest.as_bytes()].concat()).await
}

/// The same of a search of users.
async fn post(served: &Served, body: &[u8]) -> (u16, String) {
    let (token, length) = (&served.token, body.len());
    let head = format!(
        "POST /scim/v2/Users/.search HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
         Content-Type: application/scim+json\r\nContent-Length: {length}\r\n\r\n"
    );
    exchange(served, &[head.as_bytes(), body].concat()).await
}

/// Replaces a status when there is none. The server's answer to a head that is too long may be lost with the rest of
/// it.
const HUNG_UP: u16 = 0;

async fn exchange(served: &Served, request: &[u8]) -> (u16, String) {
    let address = served.url.trim_start_matches("http://");
    let mut answer = Vec::new();
    bounded(&String::from_utf8_lossy(request), async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The server may hang up before it has read everything; its answer is there nevertheless.
        let _ = stream.write_all(request).await;
        let _ = stream.read_to_end(&mut answer).await;
    })
    .await;
    let text = String::from_utf8(answer).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or(HUNG_UP), body.to_owned())
}

/// Open connections that the server is to hold.
const CROWD: u64 = 10_000;
/// Of its files, and of ours, that are no connection of the crowd.
const SPARE: u64 = 512;
/// Connections that are being opened at once.
const AT_ONCE: usize = 64;

/// Raises the limit of open files of this process, and returns how many of the crowd fit both ends.
fn fitting_crowd() -> u64 {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let mut crowd = CROWD.min(hard.saturating_sub(SPARE));
    if soft < crowd + SPARE && setrlimit(Resource::RLIMIT_NOFILE, crowd + SPARE, hard).is_err() {
        crowd = soft / 2;
    }
    if crowd < CROWD {
        eprintln!("{crowd} connections instead of {CROWD}: so many files this machine lets a process have open");
    }
    crowd
}

/// A connection over which one request was answered, so that the server holds it.
async fn held(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    is_served(&mut stream).await;
    stream
}

async fn is_served(stream: &mut TcpStream) {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "hung up: {}", String::from_utf8_lossy(&answer));
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
}

/// As a service is started: with the soft limit of open files that systems give.
fn with_usual_limit(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -S -n 1024; exec \"$0\" \"$@\""]).arg(command.get_program()).args(command.get_args());
    shell.env_clear().stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    shell
}

#[tokio::test]
async fn ten_thousand_open_connections_keep_nobody_from_being_served() {
    let folder = folder();
    let program = Program::start(with_usual_limit(&serve(&folder.path().join("data")))).await;
    let consumer = program.post("/consumers", &json!({ "name": "idp", "scopes": ["scim:read"] })).await;
    let tokens = format!("/consumers/{}/tokens", consumer["id"].as_str().unwrap());
    let made = program.post(&tokens, &json!({ "name": "of the idp" })).await;
    let token = made["token"].as_str().unwrap();
    let peak_before = peak_memory(program.id());

    let address = program.url().trim_start_matches("http://");
    let crowd = fitting_crowd();
    let opening = stream::iter(0..crowd).map(|_| bounded("one of the crowd", held(address))).buffer_unordered(AT_ONCE);
    let mut open: Vec<TcpStream> = opening.collect().await;
    // Some of them begin a request that they never end.
    for slow in open.iter_mut().step_by(10) {
        slow.write_all(b"GET /scim/v2/Users?filter=").await.unwrap();
    }

    // The program's own client may have a connection from before; this one has none.
    let fresh = reqwest::Client::builder().build().unwrap();
    let asked = fresh.get(format!("{}/scim/v2/Users", program.url())).bearer_auth(token).send();
    let answer = Answer::of(bounded("a new connection", asked).await.unwrap()).await;
    assert_eq!(answer.list()["totalResults"], 0);
    if let (Some(before), Some(after)) = (peak_before, peak_memory(program.id())) {
        let each = (after - before) / crowd;
        println!("{crowd} connections took {} KiB, {each} KiB each", after - before);
        assert!(each < 40, "{each} KiB for each of {crowd} connections: {before} KiB before, {after} KiB at most");
    }
    // They were open all the time.
    for n in [1, open.len() / 4 * 2 + 1, open.len() / 2 * 2 - 1] {
        bounded("a connection of the crowd", is_served(&mut open[n])).await;
    }
    let mut byte = [0];
    let hung_up = open.iter().filter(|stream| matches!(stream.try_read(&mut byte), Ok(0))).count();
    assert_eq!(hung_up, 0, "of {crowd}");
}

/// The most memory that a process had so far, in KiB; where the system reports it.
fn peak_memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse().unwrap())
}
