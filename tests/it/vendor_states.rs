//! Tests what connections do when an HR system refuses, is slow or is connected twice. The same holds for something in
//! front of it.

use std::time::Duration;

use chrono::TimeDelta;
use rollbook::flows::connections;
use rollbook::flows::error::FlowError;
use rollbook::sandbox::{Effect, Fault, JustworksConfig, SandboxConfig};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::hostile::{BULK, Hostile, IDENTITY};
use crate::support::live::{Live, uuid};
use crate::support::pair::Pair;
use crate::support::world::{World, admin};

async fn shown(live: &Live, connection: Uuid) -> Value {
    live.api(&format!("/connections/{connection}")).await
}

/// Lets the next pull come that is due.
async fn next_pull(live: &Live, connection: Uuid) {
    let due = shown(live, connection).await["nextRunAt"].as_str().unwrap().parse().unwrap();
    live.world.context.clock.set(due);
    live.world.work().await;
}

async fn post(live: &Live, path: &str, body: Value) -> (u16, Value) {
    let answer = live.call("POST", &format!("/api/v1{path}"), &live.admin, Some(&body)).await;
    (answer.status, answer.body())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_refuses_once_is_waited_out() {
    for at in [IDENTITY, BULK] {
        for effect in [Effect::html(401), Effect::html(403)] {
            let (live, connection) = Live::published(SandboxConfig::plain(5)).await;
            live.world.vendor.fault(Fault::on(at, effect).times(1)).unwrap();
            let run = live.sync(connection).await;
            assert_eq!((&run["state"], &run["problems"][0]["code"]), (&json!("failed"), &json!("blocked")), "{run}");
            assert_eq!(shown(&live, connection).await["state"], "failing");
            next_pull(&live, connection).await;
            let after = shown(&live, connection).await;
            assert_eq!((&after["state"], &after["problems"]), (&json!("active"), &json!([])), "{after}");
            assert_eq!(live.total().await, 5);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_goes_on_refusing_needs_an_admin_after_three_in_ten_minutes() {
    let (live, connection) = Live::published(SandboxConfig::plain(5)).await;
    live.world.vendor.fault(Fault::on("/", Effect::html(401))).unwrap();
    let began = live.world.now();
    live.sync(connection).await;
    let mut pulls = 1;
    while shown(&live, connection).await["state"] == "failing" {
        next_pull(&live, connection).await;
        pulls += 1;
        assert!(pulls < 20);
    }
    let after = shown(&live, connection).await;
    assert_eq!(after["state"], "needsReauthorization", "{after}");
    assert!(pulls >= 3 && live.world.now() - began >= TimeDelta::minutes(10), "{pulls} pulls");
    assert!(live.world.now() - began < TimeDelta::minutes(40));

    // The HR system's own refusal needs no second one.
    live.world.vendor.clear_faults();
    let given = json!({ "credentials": { "apiToken": live.world.vendor.token() } });
    live.post(&format!("/connections/{connection}/reauthorize"), given).await;
    assert_eq!(shown(&live, connection).await["state"], "active");
    live.world.vendor.fault(Fault::on("/", Effect::status(401))).unwrap();
    live.sync(connection).await;
    let after = shown(&live, connection).await;
    assert_eq!(after["state"], "needsReauthorization", "{after}");
    let remedy = after["problems"][0]["remedy"].as_str().unwrap();
    assert!(remedy.contains("/reauthorize") && remedy.contains("rollbook connection reauthorize"), "{remedy}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_before_justworks_is_waited_out_at_the_token_endpoint_too() {
    let pair = Pair::justworks(JustworksConfig::default()).await;
    let connection = pair.publish(json!({})).await;
    for (at, effect) in
        [("/v1/members", Effect::html(401)), ("/v1/company", Effect::html(403)), ("/oauth/token", Effect::html(400))]
    {
        pair.justworks.fault(Fault::on(at, effect)).unwrap();
        if at == "/oauth/token" {
            pair.live.world.advance(TimeDelta::hours(25));
        }
        let run = pair.live.sync(connection).await;
        assert_ne!(run["state"], "succeeded", "{at}: {run}");
        assert_eq!(pair.shown(connection).await["state"], "failing", "{at}: {run}");
        pair.justworks.clear_faults();
        assert_eq!(pair.next_pull(connection).await["state"], "succeeded", "{at}");
        assert_eq!(pair.shown(connection).await["state"], "active", "{at}");
    }
}

/// A 404 of a proxy is no proof that a worker is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_not_found_of_a_proxy_proves_no_absence() {
    let (live, connection) = Live::published(SandboxConfig::plain(20)).await;
    let gone = live.world.vendor.employment(3).unwrap()["id"].as_str().unwrap().to_owned();
    live.world.vendor.remove(3, false).unwrap();
    live.world.vendor.fault(Fault::on(&format!("/v1/employments/{gone}"), Effect::html(404))).unwrap();
    for _ in 0..3 {
        live.world.advance(TimeDelta::hours(4));
        live.sync(connection).await;
    }
    assert_eq!(live.users("active eq true").await.len(), 20);
    live.world.vendor.clear_faults();
    live.world.advance(TimeDelta::hours(4));
    live.sync(connection).await;
    assert_eq!(live.users("active eq true").await.len(), 19);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_an_admin_does_not_wait_long_for_an_hr_system() {
    let mut world = World::with(SandboxConfig::plain(5)).await;
    world.context.vendor_wait = Duration::from_secs(2);
    let live = Live::around(world).await;
    let order = json!({
        "kind": "remote", "name": "Remote", "settings": { "baseUrl": live.world.running.base_url() },
        "credentials": { "apiToken": live.world.vendor.token() },
    });
    let troubles =
        [Effect::Hang, Effect::too_many(Some(600), None), Effect::too_many(None, Some(200_000)), Effect::html(503)];
    for effect in troubles.clone() {
        live.world.vendor.fault(Fault::on("/", effect.clone())).unwrap();
        let (status, body) = post(&live, "/connections", order.clone()).await;
        assert_eq!((status, &body["code"]), (504, &json!("vendorUnavailable")), "{effect:?}: {body}");
        assert!(body["detail"].as_str().unwrap().contains("Nothing was changed"), "{body}");
        live.world.vendor.clear_faults();
    }
    let paused = live.world.context.clock.paused();
    assert!(paused < Duration::from_mins(5), "no wait that the HR system asked for: {paused:?}");
    // The HR system works again, and no earlier state blocks the pull.
    let (status, body) = post(&live, "/connections", order).await;
    assert_eq!(status, 201, "{body}");
    let id = body["id"].as_str().unwrap().to_owned();
    live.world.work().await;
    let given = json!({ "credentials": { "apiToken": live.world.vendor.token() } });
    for effect in troubles {
        live.world.vendor.fault(Fault::on("/", effect.clone())).unwrap();
        let (status, body) = post(&live, &format!("/connections/{id}/reauthorize"), given.clone()).await;
        assert_eq!((status, &body["code"]), (504, &json!("vendorUnavailable")), "{effect:?}: {body}");
        live.world.vendor.clear_faults();
    }
    assert_eq!(post(&live, &format!("/connections/{id}/reauthorize"), given).await.0, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_that_failed_is_tried_again_and_every_conflict_names_the_next_call() {
    let live = Live::with(SandboxConfig::plain(5)).await;
    live.world.vendor.fault(Fault::on(BULK, Effect::html(200))).unwrap();
    let connection = live.connect(json!({})).await;
    let before = shown(&live, connection).await;
    assert_eq!((&before["state"], &before["lastRun"]["state"]), (&json!("review"), &json!("incomplete")), "{before}");
    let conflict = async |step: &str, next: &str| {
        let (status, body) = post(&live, &format!("/connections/{connection}/{step}"), json!({})).await;
        let detail = body["detail"].as_str().unwrap().to_owned();
        assert_eq!(status, 409, "{step}: {detail}");
        assert!(detail.contains(&format!("POST /api/v1/connections/{connection}/{next}")), "{step}: {detail}");
        assert!(detail.contains(&format!("rollbook connection {next} {connection}")), "{step}: {detail}");
    };
    conflict("sync", "preview").await;
    conflict("finish", "preview").await;
    conflict("pause", "finish").await;
    conflict("resume", "finish").await;
    conflict("authorize", "reauthorize").await;

    live.world.vendor.clear_faults();
    next_pull(&live, connection).await;
    let after = shown(&live, connection).await;
    assert_eq!((&after["state"], &after["lastRun"]["state"]), (&json!("review"), &json!("succeeded")), "{after}");
    assert_eq!((&after["problems"], &after["nextRunAt"]), (&json!([]), &Value::Null), "{after}");
    live.finish(connection).await;
    conflict("finish", "sync").await;
    conflict("resume", "sync").await;
    live.post(&format!("/connections/{connection}/pause"), json!({})).await;
    for step in ["sync", "finish", "pause"] {
        conflict(step, "resume").await;
    }
    live.post(&format!("/connections/{connection}/resume"), json!({})).await;
    live.world.vendor.fault(Fault::on("/", Effect::status(401))).unwrap();
    live.sync(connection).await;
    for step in ["sync", "finish", "pause", "resume"] {
        conflict(step, "reauthorize").await;
    }

    let pair = Pair::justworks(JustworksConfig::default()).await;
    let waiting = pair.order(json!({})).await;
    for step in ["preview", "sync", "finish", "pause", "resume"] {
        let (status, body) = post(&pair.live, &format!("/connections/{waiting}/{step}"), json!({})).await;
        assert!(status == 409 && body["detail"].as_str().unwrap().contains("/authorize"), "{step}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_connected_once() {
    let live = Live::with(SandboxConfig::plain(5)).await;
    let connection = live.connect(json!({})).await;
    let order = |name: &str, base: &str, token: &str| json!({ "kind": "remote", "name": name, "settings": { "baseUrl": base }, "credentials": { "apiToken": token } });
    let base = live.world.running.base_url();
    for base in [base.clone(), format!("{base}/")] {
        let (status, body) = post(&live, "/connections", order("Again", &base, &live.world.vendor.token())).await;
        assert_eq!((status, &body["code"]), (409, &json!("conflict")), "{body}");
        let detail = body["detail"].as_str().unwrap();
        assert!(detail.contains("`Remote`") && detail.contains(&connection.to_string()), "{detail}");
    }
    assert_eq!(live.api("/connections").await["items"].as_array().unwrap().len(), 1);

    // Whatever the order in which requests come, one of them wins.
    let vendor = Hostile::new().await;
    let orders: Vec<Value> = (0..6)
        .map(|n| {
            let mut order = vendor.order();
            order["name"] = json!(format!("Hostile {n}"));
            order
        })
        .collect();
    let answers =
        futures_util::future::join_all(orders.into_iter().map(|order| post(&live, "/connections", order))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|(status, _)| *status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409], "{answers:?}");

    // Another address is another account, whatever its id.
    let elsewhere = Hostile::new().await;
    let mut order = elsewhere.order();
    order["name"] = json!("Elsewhere");
    let (status, body) = post(&live, "/connections", order).await;
    assert_eq!(status, 201, "{body}");
    let moved = json!({ "baseUrl": vendor.server.uri() });
    let refused = connections::lifecycle::change_settings(&live.world.context, uuid(&body["id"]), moved, &admin())
        .await
        .unwrap_err();
    assert!(matches!(&refused, FlowError::Conflict(text) if text.contains("`Hostile")), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_given_consent_for_once() {
    let pair = Pair::justworks(JustworksConfig::default()).await;
    let first = pair.publish(json!({})).await;
    let mut all = pair.settings();
    all["intervalMinutes"] = json!(60);
    let order = json!({ "kind": "justworks", "name": "Twice", "settings": all, "credentials": pair.app() });
    let (status, body) = post(&pair.live, "/connections", order).await;
    assert_eq!(status, 201, "{body}");
    let second = uuid(&body["id"]);
    let url = pair.authorization_url(second).await;
    let answer = pair.come_back(&pair.justworks.consent(&url).unwrap()).await;
    assert_eq!(answer.status, 409, "{}", answer.text);
    assert!(answer.text.contains("Justworks") && answer.text.contains(&first.to_string()), "{}", answer.text);
    assert_eq!(pair.shown(second).await["state"], "authorizing");
    // The one that has it can be given consent again.
    pair.consent(first).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_another_kind_are_refused_before_anybody_is_asked() {
    let pair = Pair::justworks(JustworksConfig::default()).await;
    let remote = pair.live.connect(json!({})).await;
    let justworks = pair.publish(json!({})).await;
    let asked = pair.live.world.vendor.statistics().requests;
    let (status, body) =
        post(&pair.live, &format!("/connections/{remote}/reauthorize"), json!({ "credentials": pair.app() })).await;
    assert_eq!((status, &body["code"]), (422, &json!("invalid")), "{body}");
    let fields: Vec<&str> =
        body["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["credentials.apiToken", "credentials.clientId", "credentials.clientSecret"]);
    let given = json!({ "credentials": { "apiToken": "ra_live_marker" } });
    let (status, body) = post(&pair.live, &format!("/connections/{justworks}/reauthorize"), given).await;
    assert_eq!((status, &body["code"]), (422, &json!("invalid")), "{body}");
    assert!(!body.to_string().contains("marker"));
    assert_eq!(pair.live.world.vendor.statistics().requests, asked, "nothing was sent");
}
