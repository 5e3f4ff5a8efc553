//! Tests who may read, and what happens to those who may not.

use chrono::TimeDelta;
use rollbook::crypto::token::Token;
use rollbook::store::{consumers, tokens};

use crate::support::people::{insert, person};
use crate::support::served::Served;

/// 401 names the scheme, and the error when a token was sent.
#[tokio::test]
async fn without_a_good_token_there_is_401_with_a_challenge() {
    let served = Served::start().await;
    let plain = Some("Bearer realm=\"scim\"");
    let invalid = Some("Bearer realm=\"scim\", error=\"invalid_token\"");
    let unknown = Token::random();
    for (header, challenge) in [
        (None, plain),
        (Some("Basic YTpi".to_owned()), plain),
        (Some("Bearer".to_owned()), plain),
        (Some("Bearer rbk_mistyped".to_owned()), invalid),
        (Some(format!("Bearer {}x", served.token)), invalid),
        (Some(format!("Bearer {}", unknown.reveal())), invalid),
    ] {
        let headers: Vec<_> = header.iter().map(|value| ("authorization", value.as_str())).collect();
        let answer = served.send("GET", "/scim/v2/Users", &headers).await;
        answer.refusal(401, None);
        assert_eq!(answer.header("www-authenticate"), challenge, "{header:?}");
    }
    for scheme in ["bearer", "BEARER", "Bearer"] {
        let header = format!("{scheme} {}", served.token);
        assert_eq!(served.send("GET", "/scim/v2/Users", &[("authorization", &header)]).await.status, 200);
    }
    // a token in the query string is ignored.
    let path = format!("/scim/v2/Users?access_token={}", served.token);
    served.send("GET", &path, &[]).await.refusal(401, None);
    served.stop().await;
}

/// Story 25 (ii): two tokens live at once, one is retired, the other goes on. And R-178: tokens end.
#[tokio::test]
async fn tokens_overlap_end_and_are_revoked_at_once() {
    let served = Served::start().await;
    let consumer = served.consumer("idp", &["scim:read"], false).await;
    let (first_id, first) = served.issue(Some(consumer.id), Some(served.now() + TimeDelta::days(1))).await;
    let (_, second) = served.issue(Some(consumer.id), None).await;
    let status = |token: &str| {
        let (token, served) = (token.to_owned(), &served);
        async move { served.get_as(&token, "/scim/v2/Users").await.status }
    };
    assert_eq!((status(&first).await, status(&second).await), (200, 200));
    assert_eq!(tokens::of_consumer(&mut *served.conn().await, Some(consumer.id)).await.unwrap().len(), 2);
    served.clock.advance(TimeDelta::hours(24) - TimeDelta::seconds(1));
    assert_eq!(status(&first).await, 200);
    served.clock.advance(TimeDelta::seconds(1));
    assert_eq!((status(&first).await, status(&second).await), (401, 200), "it ends on the instant");
    let mut conn = served.conn().await;
    assert!(!tokens::delete(&mut conn, None, first_id).await.unwrap(), "it is not the admin's");
    assert!(tokens::delete(&mut conn, Some(consumer.id), first_id).await.unwrap());
    assert_eq!(tokens::of_consumer(&mut conn, Some(consumer.id)).await.unwrap().len(), 1);
    assert!(consumers::delete(&mut conn, consumer.id).await.unwrap());
    drop(conn);
    assert_eq!(status(&second).await, 401, "tokens go with their consumer");
    served.stop().await;
}

/// last use is recorded, at most once a minute.
#[tokio::test]
async fn the_last_use_of_a_token_is_written_once_a_minute() {
    let served = Served::start().await;
    let consumer = served.consumer("idp", &["scim:read"], false).await;
    let token = served.token_of(&consumer).await;
    let last_use =
        || async { tokens::of_consumer(&mut *served.conn().await, Some(consumer.id)).await.unwrap()[0].last_used_at };
    let began = served.now();
    assert_eq!(last_use().await, None);
    for (seconds, written) in [(0, 0), (59, 0), (1, 60), (30, 60), (120, 210)] {
        served.clock.advance(TimeDelta::seconds(seconds));
        served.get_as(&token, "/scim/v2/ServiceProviderConfig").await;
        assert_eq!(last_use().await, Some(began + TimeDelta::seconds(written)));
    }
    served.stop().await;
}

/// R-023, story 22: writing with a reader's token is 403 with the reason, and changes nothing.
#[tokio::test]
async fn a_reader_cannot_write() {
    let served = Served::start().await;
    let id = insert(&mut *served.conn().await, &[person("ana@acme.com", "Ana", "Silva")], served.now()).await[0];
    let user = format!("/scim/v2/Users/{id}");
    let before = served.get(&user).await.text;
    let bearer = format!("Bearer {}", served.token);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/scim+json")];
    for (method, path) in
        [("POST", "/scim/v2/Users"), ("PUT", &user), ("PATCH", &user), ("DELETE", &user), ("POST", "/scim/v2/Bulk")]
    {
        let detail = served.send(method, path, &headers).await.refusal(403, None);
        assert_eq!(
            detail, "This directory is maintained from the HR system; writing is not enabled for this token",
            "{method} {path}"
        );
    }
    assert_eq!(served.get(&user).await.text, before);
    served.stop().await;
}

#[tokio::test]
async fn a_writer_hears_that_writing_is_not_available_yet_and_can_read() {
    let served = Served::start().await;
    let writer = served.token_of(&served.consumer("writer", &["scim:write"], false).await).await;
    assert_eq!(served.get_as(&writer, "/scim/v2/Users").await.status, 200);
    let bearer = format!("Bearer {writer}");
    let post = |content_type: &'static str| {
        let (served, bearer) = (&served, bearer.clone());
        async move {
            let headers = [("authorization", bearer.as_str()), ("content-type", content_type)];
            served.send("POST", "/scim/v2/Users", &headers).await
        }
    };
    post("application/scim+json; charset=utf-8").await.refusal(501, None);
    //
    post("TEXT/JSON").await.refusal(501, None);
    post("text/plain").await.refusal(415, None);
    served.stop().await;
}

#[tokio::test]
async fn a_token_without_the_scope_is_403() {
    let served = Served::start().await;
    let feed = served.token_of(&served.consumer("feed", &["events:read", "unknown:scope"], false).await).await;
    let detail = served.get_as(&feed, "/scim/v2/Users").await.refusal(403, None);
    assert_eq!(detail, "this token lacks the scope scim:read");
    let (_, admin) = served.issue(None, None).await;
    served.get_as(&admin, "/scim/v2/Users").await.refusal(403, None);
    served.stop().await;
}

/// Law 1, R-015: the answer to a fault is never like an empty directory.
#[tokio::test]
async fn without_its_database_the_server_answers_503_and_never_an_empty_list() {
    let served = Served::start().await;
    insert(&mut *served.conn().await, &[person("ana@acme.com", "Ana", "Silva")], served.now()).await;
    assert_eq!(served.send("GET", "/readyz", &[]).await.status, 200);
    served.lanes.close();
    for path in ["/scim/v2/Users", "/scim/v2/Users?filter=userName%20eq%20%22x%22", "/scim/v2/ServiceProviderConfig"] {
        let answer = served.get(path).await;
        answer.refusal(503, None);
        assert_eq!(answer.header("retry-after"), Some("5"), "{path}");
    }
    let ready = served.send("GET", "/readyz", &[]).await;
    assert_eq!((ready.status, ready.body()["reason"].as_str()), (503, Some("the database cannot be reached")));
    let health = served.send("GET", "/healthz", &[]).await;
    assert_eq!((health.status, health.body()["status"].as_str()), (200, Some("up")));
    served.stop().await;
}

/// Law 1: also when the database goes away in the middle of a statement, or a statement fails.
#[tokio::test]
async fn a_statement_that_fails_is_no_empty_list_either() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    insert(&mut conn, &[person("ana@acme.com", "Ana", "Silva")], served.now()).await;
    diesel_async::RunQueryDsl::execute(diesel::sql_query("ALTER TABLE people RENAME TO elsewhere"), &mut conn)
        .await
        .unwrap();
    drop(conn);
    let detail = served.get("/scim/v2/Users").await.refusal(500, None);
    assert_eq!(detail, "internal error", "what it was stands in the log only");
    served.stop().await;
}

/// Every endpoint checks the caller before it checks anything else.
#[tokio::test]
async fn no_endpoint_of_scim_answers_without_a_token() {
    let served = Served::start().await;
    let id = insert(&mut *served.conn().await, &[person("ana@acme.com", "Ana", "Silva")], served.now()).await[0];
    for (methods, path) in [
        ("GET POST", "/Users".to_owned()),
        ("GET PUT PATCH DELETE", format!("/Users/{id}")),
        ("GET", "/Users/unknown".to_owned()),
        ("GET", "/Users?filter=((".to_owned()),
        ("POST", "/Users/.search".to_owned()),
        ("POST", "/.search".to_owned()),
        ("POST", "/Bulk".to_owned()),
        ("GET POST PUT PATCH DELETE", "/Me".to_owned()),
        ("GET", "/".to_owned()),
        ("GET", "/ServiceProviderConfig".to_owned()),
        ("GET", "/ResourceTypes".to_owned()),
        ("GET", "/ResourceTypes/User".to_owned()),
        ("GET", "/Schemas".to_owned()),
        ("GET", "/Schemas/unknown".to_owned()),
    ] {
        for method in methods.split(' ') {
            served.send(method, &format!("/scim/v2{path}"), &[]).await.refusal(401, None);
        }
    }
    served.stop().await;
}

#[tokio::test]
async fn consumers_are_kept_changed_and_found_by_name() {
    let served = Served::start().await;
    let first = served.consumer("Okta", &["scim:read"], false).await;
    let mut conn = served.conn().await;
    let again = consumers::ConsumerRow { id: served.clock.row_id(), name: "OKTA".to_owned(), ..first.clone() };
    let taken = consumers::insert(&mut conn, &again).await.unwrap_err();
    assert!(taken.to_string().contains("consumers_name_key"), "names are unique in any case");
    assert_eq!(consumers::find_by_name(&mut conn, "okta").await.unwrap().as_ref(), Some(&first));
    let change = consumers::ConsumerChange {
        scopes: Some(vec!["events:read".to_owned()]),
        external_id_from_source: Some(true),
        ..consumers::ConsumerChange::default()
    };
    assert!(consumers::update(&mut conn, first.id, &change).await.unwrap());
    let changed = consumers::find(&mut conn, first.id).await.unwrap().unwrap();
    assert_eq!((changed.name.as_str(), changed.scopes.len()), ("Okta", 1));
    assert!(changed.external_id_from_source);
    assert!(consumers::update(&mut conn, first.id, &consumers::ConsumerChange::default()).await.unwrap());
    assert!(!consumers::update(&mut conn, uuid::Uuid::nil(), &change).await.unwrap());
    // The reader of the test came first.
    let page = consumers::page(&mut conn, None, 1).await.unwrap();
    assert_eq!(page[0].name, "reader");
    let next = consumers::page(&mut conn, Some((page[0].created_at, page[0].id)), 5).await.unwrap();
    assert_eq!(next.iter().map(|row| row.id).collect::<Vec<_>>(), [first.id]);
    drop(conn);
    served.stop().await;
}
