//! Tests the HTTP rules of SCIM: media types, methods, paths, versions, headers, discovery.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::served::{Served, encoded};

const WORKER: &str = "urn:ietf:params:scim:schemas:extension:worker:2.0:User";

///
#[tokio::test]
async fn the_answer_has_the_type_that_the_caller_accepts() {
    let served = Served::start().await;
    let bearer = format!("Bearer {}", served.token);
    let get = |accept: &'static str| {
        let (served, bearer) = (&served, bearer.clone());
        async move { served.send("GET", "/scim/v2/Users", &[("authorization", &bearer), ("accept", accept)]).await }
    };
    for (accept, expected) in [
        ("", "application/scim+json"),
        ("*/*", "application/scim+json"),
        ("application/*", "application/scim+json"),
        ("application/scim+json; charset=utf-8", "application/scim+json"),
        ("application/json, application/scim+json", "application/scim+json"),
        ("application/json", "application/json"),
        ("application/scim+json;q=0, */*", "application/json"),
    ] {
        let answer = get(accept).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(expected)), "{accept}");
    }
    get("text/html").await.refusal(406, None);
    // Refusals too are of the type that was asked for.
    let answer = served.send("GET", "/scim/v2/Users", &[("accept", "application/json")]).await;
    assert_eq!((answer.status, answer.header("content-type")), (401, Some("application/json")));
    served.stop().await;
}

///
#[tokio::test]
async fn endpoints_are_found_in_any_case_with_or_without_version_and_slashes() {
    let served = Served::start().await;
    for path in [
        "/scim/v2/Users",
        "/scim/v2/users",
        "/scim/v2/USERS/",
        "/scim/v2//Users//",
        "/scim/V2/Users",
        "/scim/Users",
        "/scim/users/?count=1",
        "/scim/v2/Schemas/",
        "/scim/resourcetypes",
        "/scim/v2/serviceproviderconfig",
        "/scim/v2/ResourceTypes/user",
        "/scim/v2/%55sers",
    ] {
        assert_eq!(served.get(path).await.status, 200, "{path}");
    }
    for path in ["/scim/v1/Users", "/scim/v3/Users", "/scim/v20/Users", "/scim/v1"] {
        served.get(path).await.refusal(400, Some("invalidVers"));
    }
    for path in [
        "/scim/v2/User",
        "/scim/v2/Users.scim",
        "/scim/v2/Group",
        "/scim/v2/Users/a/b",
        "/scim/v2/v2/Users",
        "/scim/v2/User/.search",
        "/scim/vacation",
        "/scim/v2/Schemas/urn:unknown",
        "/scim/v2/ResourceTypes/Groups",
    ] {
        served.get(path).await.refusal(404, None);
    }
    served.stop().await;
}

///
#[tokio::test]
async fn a_wrong_method_is_405_with_the_right_ones_in_allow() {
    let served = Served::start().await;
    let bearer = format!("Bearer {}", served.token);
    for (method, path, allow) in [
        ("PUT", "/scim/v2/Users", "GET, HEAD, OPTIONS"),
        ("DELETE", "/scim/v2/Users", "GET, HEAD, OPTIONS"),
        ("POST", "/scim/v2/Users/x", "GET, HEAD, OPTIONS"),
        ("POST", "/scim/v2/Schemas", "GET, HEAD, OPTIONS"),
        ("DELETE", "/scim/v2/ServiceProviderConfig", "GET, HEAD, OPTIONS"),
        ("GET", "/scim/v2/Bulk", "OPTIONS"),
        ("GET", "/scim/v2/Users/.search", "POST, OPTIONS"),
        ("POST", "/scim/v2", "GET, HEAD, OPTIONS"),
    ] {
        let answer = served.send(method, path, &[("authorization", &bearer)]).await;
        answer.refusal(405, None);
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
    }
    for method in ["GET", "PUT"] {
        served.send(method, "/scim/v2/Me", &[("authorization", &bearer)]).await.refusal(501, None);
    }
    served.stop().await;
}

/// HEAD is GET without the body; every answer has a request id.
#[tokio::test]
async fn head_has_no_body_and_every_answer_has_a_request_id() {
    let served = Served::start().await;
    let bearer = format!("Bearer {}", served.token);
    let get = served.get("/scim/v2/Users").await;
    let head = served.send("HEAD", "/scim/v2/Users", &[("authorization", &bearer)]).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), get.header("content-length"));
    assert_eq!(head.header("content-type"), Some("application/scim+json"));
    let mut ids = std::collections::BTreeSet::new();
    for path in ["/scim/v2/Users", "/scim/v2/Nothing", "/scim/v1/Users", "/healthz", "/nowhere"] {
        let id = served.get(path).await.header("x-request-id").unwrap().parse::<uuid::Uuid>().unwrap();
        assert!(ids.insert(id), "{path}");
    }
    served.stop().await;
}

/// bytes that are no UTF-8 are refused, in the path and in the query.
#[tokio::test]
async fn what_is_not_utf_8_is_refused() {
    let served = Served::start().await;
    for path in ["/scim/v2/Users/%FF", "/scim/v2/Users?filter=%C3%28", "/scim/v2/Users?whatever=%FF"] {
        served.get(path).await.refusal(400, Some("invalidSyntax"));
    }
    served.stop().await;
}

/// what discovery states is what the server does.
#[tokio::test]
async fn discovery_tells_what_there_is_and_nothing_that_is_hidden() {
    let served = Served::start().await;
    let config = served.get("/scim/v2/ServiceProviderConfig").await.body();
    for feature in ["patch", "bulk", "changePassword"] {
        assert_eq!(config[feature]["supported"], false, "{feature}");
    }
    assert_eq!((&config["sort"]["supported"], &config["etag"]["supported"]), (&true.into(), &true.into()));
    assert_eq!(config["filter"], serde_json::json!({"supported": true, "maxResults": 500}));
    assert_eq!(config["pagination"]["cursor"], true);
    assert_eq!(config["meta"]["location"], "https://dir.example.com/scim/v2/ServiceProviderConfig");

    let types = served.get("/scim/v2/ResourceTypes").await.list();
    assert_eq!((&types["totalResults"], &types["Resources"][0]["endpoint"]), (&2.into(), &"/Users".into()));
    let schemas = served.get("/scim/v2/Schemas?startIndex=9&count=1&sortBy=x").await;
    let worker = schemas.list()["Resources"].as_array().unwrap().iter().find(|s| s["id"] == WORKER).cloned().unwrap();
    let attributes: Vec<&Value> = worker["attributes"].as_array().unwrap().iter().map(|a| &a["name"]).collect();
    assert!(attributes.contains(&&Value::from("startDate")));
    for hidden in ["dateOfBirth", "birthday", "personalEmail", "legalName"] {
        assert!(!schemas.text.contains(&format!("\"{hidden}\"")), "{hidden}");
    }
    // By URN as it is, percent-encoded, and in another case.
    for urn in [WORKER.to_owned(), encoded(WORKER), WORKER.to_uppercase()] {
        assert_eq!(served.get(&format!("/scim/v2/Schemas/{urn}")).await.body()["id"], WORKER);
    }
    assert_eq!(served.get("/scim/v2/ResourceTypes/User?attributes=endpoint").await.body()["endpoint"], "/Users");
    //
    for path in ["ServiceProviderConfig", "ResourceTypes", "Schemas"] {
        served.get(&format!("/scim/v2/{path}?filter=id%20pr")).await.refusal(403, None);
        served.send("GET", &format!("/scim/v2/{path}"), &[]).await.refusal(401, None);
    }
    served.stop().await;
}

/// A request that is hardly HTTP gets an error, and the next caller an answer.
#[tokio::test]
async fn odd_bytes_on_the_wire_do_no_harm() {
    let served = Served::start().await;
    let address = served.url.trim_start_matches("http://").to_owned();
    let header = "x".repeat(200_000);
    for request in [
        "GET /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \u{e9}\u{0}\r\n\r\n".to_owned(),
        format!("GET /scim/v2/Users HTTP/1.1\r\nHost: x\r\nX-Long: {header}\r\n\r\n"),
        format!("GET /scim/v2/Users?{header} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
        "\u{16}\u{3}\u{1}".to_owned(),
        "GET /scim/v2/Users HTTP/9.9\r\n\r\n".to_owned(),
    ] {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let (mut answer, bytes) = (Vec::new(), request.as_bytes());
        // The server may hang up before it has read everything.
        if stream.write_all(bytes).await.is_ok() && stream.shutdown().await.is_ok() {
            let _ = stream.read_to_end(&mut answer).await;
        }
        assert!(!String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 200"), "{request:.40}");
    }
    assert_eq!(served.get("/scim/v2/Users").await.status, 200);
    served.stop().await;
}
