//! Tests the stories about Justworks, and about one person that two HR systems know, through the admin API and SCIM.

use chrono::TimeDelta;
use rollbook::crypto::seal::SealContext;
use rollbook::flows::planning::timers;
use rollbook::flows::{connections, runs};
use rollbook::sandbox::{Effect, Fault, JustworksConfig, SandboxConfig};
use serde_json::json;

use crate::support::live::{ENTERPRISE, WORKER, of_people, types};
use crate::support::pair::Pair;
use crate::support::world::{admin, context, work};

#[tokio::test(flavor = "multi_thread")]
async fn story_4_needs_reauthorization_keeps_serving() {
    let pair = Pair::justworks(JustworksConfig::plain(120)).await;
    let connection = pair.publish(json!({})).await;
    assert_eq!(pair.live.total().await, 120);
    let known = i64::try_from(pair.live.feed(0).await.len()).unwrap();

    pair.justworks.revoke_grant();
    let run = pair.next_pull(connection).await;
    assert_eq!(run["state"], "failed", "{run}");
    let shown = pair.shown(connection).await;
    assert_eq!(shown["state"], "needsReauthorization");
    let problem = &shown["problems"][0];
    assert_eq!(problem["code"], "needsReauthorization");
    assert_eq!((&problem["status"], &problem["at"]), (&json!(400), &shown["stateSince"]), "{problem}");
    assert!(problem["remedy"].as_str().unwrap().contains("authorize"), "{problem}");
    assert_eq!(pair.live.total().await, 120);
    assert_eq!(pair.live.users("active eq true").await.len(), 100, "a whole page");
    let events = pair.live.feed(known).await;
    assert_eq!(types(&events), ["connection.needsReauthorization"]);
    assert_eq!(events[0]["connectionId"], connection.to_string());
    // Time passes, and nothing is tried again, nor reported again.
    pair.live.world.advance(TimeDelta::hours(30));
    pair.live.world.work().await;
    assert_eq!(pair.live.feed(known).await.len(), 1);

    pair.consent(connection).await;
    let shown = pair.shown(connection).await;
    assert_eq!(shown["state"], "active", "{shown}");
    let run = pair.live.api(&format!("/runs/{}", shown["lastRun"]["id"].as_str().unwrap())).await;
    assert_eq!((&run["counts"]["created"], &run["counts"]["deactivated"]), (&json!(0), &json!(0)), "{run}");
    assert_eq!(run["state"], "succeeded");
    assert_eq!(pair.live.feed(known).await.len(), 1);
}

/// Two HR systems of which both are in review: both plans were made before anything was published.
async fn both_in_review() -> (Pair, uuid::Uuid, uuid::Uuid) {
    let pair = ana("1990-02-11", "1990-02-11", ("Ana", "Silva")).await;
    let remote = pair.live.connect(json!({})).await;
    let justworks = pair.order(json!({})).await;
    pair.consent(justworks).await;
    (pair, remote, justworks)
}

async fn plan_of(pair: &Pair, connection: uuid::Uuid) -> String {
    let run = pair.shown(connection).await["lastRun"]["id"].as_str().unwrap().to_owned();
    pair.live.api(&format!("/runs/{run}")).await["planId"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_whose_ground_has_moved_says_so_and_finish_asks() {
    let (pair, remote, justworks) = both_in_review().await;
    let seen = plan_of(&pair, justworks).await;
    let shown = pair.live.api(&format!("/plans/{seen}")).await;
    assert_eq!((&shown["stale"], &shown["staleSince"]), (&json!(false), &json!(null)));
    assert_eq!((&shown["counts"]["created"], &shown["counts"]["updated"]), (&json!(5), &json!(0)));
    pair.live.finish(remote).await;
    pair.live.world.advance(TimeDelta::seconds(1));
    let shown = pair.live.api(&format!("/plans/{seen}")).await;
    assert_eq!(shown["stale"], true, "{shown}");
    assert_eq!(shown["staleSince"]["connectionId"], remote.to_string());
    assert!(shown["staleSince"]["runId"].is_string(), "{shown}");

    let path = format!("/api/v1/connections/{justworks}/finish");
    let finish =
        async |plan: &str| pair.live.call("POST", &path, &pair.live.admin, Some(&json!({ "planId": plan }))).await;
    let refused = finish(&seen).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    let problem = refused.body();
    assert_eq!(problem["code"], "planChanged");
    assert_eq!(problem["difference"]["seen"]["created"], 5, "{problem}");
    assert_eq!(problem["difference"]["now"]["created"], 4, "{problem}");
    assert_eq!(pair.live.total().await, 5, "nothing is published");
    assert_eq!(pair.shown(justworks).await["state"], "review");
    let now = problem["planId"].as_str().unwrap().to_owned();
    assert_eq!(plan_of(&pair, justworks).await, now, "the preview shows it");
    assert_eq!(pair.live.api(&format!("/plans/{now}")).await["stale"], false);
    assert_eq!(finish(&seen).await.status, 409, "the old one is gone");
    let done = finish(&now).await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert_eq!((&done.body()["planId"], &done.body()["difference"]), (&json!(now), &json!(null)));
    pair.live.world.work().await;
    assert_eq!(pair.live.total().await, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn finish_without_a_plan_publishes_the_plan_as_it_is_now_and_says_how_it_differs() {
    let (pair, remote, justworks) = both_in_review().await;
    pair.live.finish(remote).await;
    let done = pair.live.post(&format!("/connections/{justworks}/finish"), json!({})).await;
    let counts = |which: &str| done["difference"][which]["created"].clone();
    assert_eq!((counts("seen"), counts("now")), (json!(5), json!(4)), "{done}");
    let run = pair.live.run(&done).await;
    assert_eq!((&run["state"], &run["counts"]["created"]), (&json!("succeeded"), &json!(4)), "{run}");
    assert_eq!(pair.live.total().await, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_another_connection_does_not_touch_is_published_as_it_was_seen() {
    let pair = Pair::with(SandboxConfig::plain(3), JustworksConfig { seed: 9, ..JustworksConfig::plain(4) }).await;
    let remote = pair.live.connect(json!({})).await;
    let justworks = pair.order(json!({})).await;
    pair.consent(justworks).await;
    let seen = plan_of(&pair, justworks).await;
    pair.live.finish(remote).await;
    let done = pair.live.post(&format!("/connections/{justworks}/finish"), json!({ "planId": seen })).await;
    assert_eq!(done["difference"], json!(null), "made again, and the same: {done}");
    assert_eq!(pair.live.total().await, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_of_the_mapping_before_finish_lists_the_workers_whose_outcome_changes() {
    let pair = Pair::justworks(JustworksConfig::plain(12)).await;
    pair.justworks.patch(2, &json!({ "type": "fractional_advisor" })).unwrap();
    let connection = pair.order(json!({})).await;
    pair.consent(connection).await;
    let mapping = pair.live.api(&format!("/connections/{connection}/mapping")).await;
    let preview = async |types: serde_json::Value| {
        let path = format!("/api/v1/connections/{connection}/mapping?preview=true");
        let answer = pair.live.call("PUT", &path, &pair.live.admin, Some(&json!({ "workerTypes": types }))).await;
        let plan = answer.body()["planId"].as_str().unwrap().to_owned();
        let changes = pair.live.api(&format!("/plans/{plan}/changes?limit=100")).await["items"].clone();
        (pair.live.api(&format!("/plans/{plan}")).await["counts"].clone(), changes.as_array().unwrap().clone())
    };
    let mut types = mapping["workerTypes"].clone();
    let (counts, changes) = preview(types.clone()).await;
    assert_eq!((&counts["created"], changes.len()), (&json!(0), 0), "the same map changes nothing: {counts}");
    types["fractional_advisor"] = json!("Contractor");
    let (counts, changes) = preview(types).await;
    assert_eq!((&counts["created"], &counts["withheld"]), (&json!(1), &json!(0)), "{counts}");
    assert_eq!(changes.len(), 1);
    let member = pair.justworks.member(2).unwrap();
    assert_eq!(changes[0]["person"]["sourceId"], member["id"]);
    pair.live.finish(connection).await;
    assert_eq!(pair.live.total().await, 11, "what was only tried is not applied");
}

/// Ana works through Remote as the employment 1 and through Justworks as the member 1.
async fn ana(remote_born: &str, justworks_born: &str, justworks_name: (&str, &str)) -> Pair {
    let pair = Pair::with(SandboxConfig::plain(5), JustworksConfig { seed: 9, ..JustworksConfig::plain(5) }).await;
    let worker = json!({
        "full_name": "Ana Silva", "work_email": "Ana.Silva@acme.com", "job_title": "Staff Engineer",
        "personal_details": { "given_name": "Ana", "surname": "Silva", "birthdate": remote_born },
    });
    pair.live.world.vendor.patch(1, &worker).unwrap();
    let member = json!({
        "name": { "given_name": justworks_name.0, "family_name": justworks_name.1, "preferred_name": null, "full_preferred_name": null },
        "emails": [{ "type": "WORK", "address": "ana.silva@ACME.com" }],
        "date_of_birth": justworks_born, "job_title": "Engineer",
    });
    pair.justworks.patch(1, &member).unwrap();
    pair
}

#[tokio::test(flavor = "multi_thread")]
async fn story_5_two_hr_systems_and_one_person() {
    let pair = ana("1990-02-11", "1990-02-11", ("Ana", "Silva")).await;
    let (remote, justworks) = pair.publish_both().await;
    assert_eq!(pair.live.total().await, 9, "five and five, and Ana is in both");
    let user = pair.live.user("ANA.SILVA@acme.com").await;
    assert_eq!(user["userName"], "Ana.Silva@acme.com", "its stored case");
    assert_eq!(user["title"], "Staff Engineer", "Remote came first");
    let person = pair.live.api(&format!("/people/{}", user["id"].as_str().unwrap())).await;
    let workers = person["workers"].as_array().unwrap();
    assert_eq!(workers.len(), 2, "{:?}", pair.live.reviews().await);
    let of = |connection: uuid::Uuid| {
        workers.iter().find(|worker| worker["connectionId"] == connection.to_string()).unwrap()
    };
    assert_eq!(of(justworks)["link"]["reason"], "work email (case-folded) + date of birth", "{workers:?}");
    assert_eq!(of(remote)["link"]["reason"], "first worker of the person");
    // Each value states its source and the values that lost.
    let title = person["units"].as_array().unwrap().iter().find(|unit| unit["unit"] == "title").unwrap();
    assert_eq!(title["from"]["connectionId"], remote.to_string(), "{title}");
    let losing = title["losers"].as_array().unwrap();
    assert!(losing.iter().any(|candidate| candidate["connectionId"] == justworks.to_string()), "{title}");
    assert_eq!(person["primary"]["connectionId"], person["source"]["connectionId"], "{person}");
    assert!(person["primary"]["reason"].is_string(), "{person}");
    // The other order of events: a person that has left at Remote and works at Justworks is active.
    pair.live.world.vendor.patch(1, &json!({ "status": "archived", "termination_date": "2026-11-01" })).unwrap();
    pair.live.sync(remote).await;
    let user = pair.live.user("ana.silva@acme.com").await;
    assert_eq!(
        (&user["active"], &user["title"]),
        (&json!(true), &json!("Engineer")),
        "a job that ended overrules no current one"
    );
    assert_eq!(user[WORKER]["sourceSystem"], "justworks");
}

#[tokio::test(flavor = "multi_thread")]
async fn story_6_the_same_email_and_two_humans() {
    let pair = ana("1990-02-11", "1971-09-30", ("Ana", "Costa")).await;
    let (_, justworks) = pair.publish_both().await;
    assert_eq!(pair.live.total().await, 9, "Remote's Ana, and not the other");
    let reviews = pair.live.reviews().await;
    assert_eq!(reviews.len(), 1);
    assert_eq!(reviews[0]["connectionId"], justworks.to_string());
    assert_eq!(reviews[0]["detail"]["conflicts"], json!(["birthDate", "name"]));
    let user = pair.live.user("ana.silva@acme.com").await;
    assert_eq!(user["name"]["familyName"], "Silva");
}

#[tokio::test(flavor = "multi_thread")]
async fn story_14_an_end_that_is_taken_back_at_justworks_ends_nothing() {
    let pair = Pair::justworks(JustworksConfig::plain(80)).await;
    let emails: Vec<String> = (3..6)
        .map(|n| pair.justworks.member(n).unwrap()["emails"][0]["address"].as_str().unwrap().to_owned())
        .collect();
    let country = |n: u32| {
        let jobs = pair.justworks.member(n).unwrap()["current_employment"].clone();
        jobs.as_object().unwrap().keys().next().unwrap().clone()
    };
    let connection = pair.publish(json!({})).await;
    pair.justworks.terminate(3, "2026-11-10".parse().unwrap()).unwrap();
    pair.justworks.terminate(4, "2026-11-28".parse().unwrap()).unwrap();
    pair.justworks.terminate(5, "2026-11-29".parse().unwrap()).unwrap();
    pair.live.sync(connection).await;
    assert_eq!(pair.live.user(&emails[0]).await["active"], false);
    assert_eq!(pair.live.user(&emails[1]).await[WORKER]["terminationDate"], "2026-11-28");
    let known = i64::try_from(pair.live.feed(0).await.len()).unwrap();

    // Within the employment that is shown, and for another in the record's own date.
    let open = |n: u32| json!({ "active": true, "current_employment": { country(n): { "end_date": null } } });
    pair.justworks.patch(3, &open(3)).unwrap();
    pair.justworks.patch(4, &open(4)).unwrap();
    pair.justworks.patch(5, &json!({ "employment_termination_date": null })).unwrap();
    let run = pair.live.sync(connection).await;
    assert_eq!(run["counts"]["updated"], 3, "{run}");
    for email in &emails {
        let user = pair.live.user(email).await;
        assert_eq!((&user["active"], user[WORKER].get("terminationDate")), (&json!(true), None), "{user}");
    }
    let events = of_people(pair.live.feed(known).await);
    let mut seen = types(&events);
    seen.sort_unstable();
    assert_eq!(seen, ["person.activated", "termination.cancelled", "termination.cancelled"]);

    let run = pair.live.sync(connection).await;
    assert_eq!(run["counts"]["updated"], 0, "the same again changes nothing: {run}");
    pair.live.world.advance(TimeDelta::days(15));
    pair.live.world.work().await;
    for email in &emails {
        assert_eq!(pair.live.user(email).await["active"], true);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn story_20_a_manager_of_the_other_hr_system_who_comes_later() {
    let pair = Pair::with(SandboxConfig::plain(5), JustworksConfig { seed: 9, ..JustworksConfig::plain(5) }).await;
    let boss = json!({ "work_email": "mona.major@acme.com", "full_name": "Mona Major" });
    pair.live.world.vendor.patch(2, &boss).unwrap();
    // Justworks names a person that it does not list.
    let elsewhere =
        json!({ "manager": { "id": "mem_elsewhere", "email": "Mona.Major@acme.com", "name": "Mona Major" } });
    pair.justworks.patch(3, &elsewhere).unwrap();
    pair.publish(json!({})).await;
    let member = pair.justworks.member(3).unwrap();
    let email = member["emails"][0]["address"].as_str().unwrap().to_owned();
    let user = pair.live.user(&email).await;
    assert!(user[ENTERPRISE].get("manager").is_none(), "{user}");
    let person = pair.live.api(&format!("/people/{}", user["id"].as_str().unwrap())).await;
    assert_eq!(person["manager"]["state"], "pending", "{person}");

    let remote = pair.live.connect(json!({})).await;
    pair.live.finish(remote).await;
    let mona = pair.live.user("mona.major@acme.com").await;
    let user = pair.live.user(&email).await;
    assert_eq!(user[ENTERPRISE]["manager"]["value"], mona["id"], "within the run that brings her");
    let reference = user[ENTERPRISE]["manager"]["$ref"].as_str().unwrap();
    let path = reference.strip_prefix(&pair.live.url).unwrap().strip_prefix("/scim/v2").unwrap();
    assert_eq!(pair.live.scim(path).await.body()["userName"], mona["userName"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn story_20_a_circle_through_two_hr_systems_is_cut_at_its_youngest_edge() {
    let pair = Pair::with(SandboxConfig::plain(5), JustworksConfig { seed: 9, ..JustworksConfig::plain(5) }).await;
    let member = pair.justworks.member(3).unwrap();
    let email = member["emails"][0]["address"].as_str().unwrap().to_owned();
    let (remote, _) = pair.publish_both().await;
    let (a, b) = (pair.live.email_of(2), email);
    pair.justworks.patch(3, &json!({ "manager": { "id": "mem_elsewhere", "email": a } })).unwrap();
    let justworks = pair.live.api("/connections").await["items"][1]["id"].as_str().unwrap().to_owned();
    pair.live.sync(justworks.parse().unwrap()).await;
    pair.live.world.advance(TimeDelta::hours(1));
    let vendor = &pair.live.world.vendor;
    vendor.patch(2, &json!({ "manager_employment_id": null, "manager_email": b, "manager": "B" })).unwrap();
    pair.live.sync(remote).await;
    let (first, second) = (pair.live.user(&b).await, pair.live.user(&a).await);
    assert_eq!(first[ENTERPRISE]["manager"]["value"], second["id"], "the older edge holds");
    assert!(second[ENTERPRISE].get("manager").is_none(), "{second}");
    let reviews = pair.live.reviews().await;
    assert_eq!(reviews.len(), 1, "{reviews:?}");
    assert_eq!(reviews[0]["reason"], "managerCycle");
    assert_eq!(reviews[0]["detail"]["people"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn story_7_blank_keys_never_match_across_hr_systems() {
    let pair = Pair::with(SandboxConfig::plain(3), JustworksConfig { seed: 9, ..JustworksConfig::plain(3) }).await;
    let nobody = json!({ "emails": [], "work_id": null, "employment_start_date": "2027-01-04" });
    for index in 0..3 {
        pair.justworks.patch(index, &nobody).unwrap();
    }
    pair.live.world.vendor.patch(0, &json!({ "work_email": null, "provisional_start_date": "2027-01-04" })).unwrap();
    let (_, justworks) = pair.publish_both().await;
    assert_eq!(pair.live.total().await, 2, "Remote's two");
    let reviews = pair.live.reviews().await;
    let titles: Vec<&str> = reviews.iter().map(|review| review["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["missing work email"; 4]);
    pair.justworks.patch(1, &json!({ "emails": [{ "type": "WORK", "address": "new.hire@acme.com" }] })).unwrap();
    pair.live.sync(justworks).await;
    assert_eq!(pair.live.total().await, 3);
    assert_eq!(pair.live.reviews().await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_human_is_known_before_the_set_up_is_finished() {
    let pair = Pair::justworks(JustworksConfig::examples()).await;
    let connection = pair.order(json!({})).await;
    pair.consent(connection).await;
    let shown = pair.shown(connection).await;
    assert_eq!(shown["state"], "review");
    let tally = &shown["tally"];
    let number = |name: &str| tally[name].as_i64().unwrap();
    assert_eq!(number("vendor"), 16, "{tally}");
    assert_eq!(number("published") + number("withheld") + number("excluded"), 16, "{tally}");
    for word in ["published", "withheld", "excluded"] {
        let list = pair.live.api(&format!("/connections/{connection}/workers?disposition={word}&limit=100")).await;
        let list = list["items"].as_array().unwrap();
        assert_eq!(i64::try_from(list.len()).unwrap(), number(word), "{word}");
        assert!(word == "published" || list.iter().all(|worker| worker["title"].is_string()), "{list:?}");
    }
    assert_eq!(pair.live.total().await, 0);
    // The unknown type of worker is a question that mapping answers, before anything is published.
    let reviews = pair.live.reviews().await;
    let unmapped: Vec<_> = reviews.iter().filter(|review| review["detail"]["word"] == "fractional_advisor").collect();
    assert_eq!(unmapped.len(), 1, "{reviews:?}");
    let id = unmapped[0]["id"].as_str().unwrap();
    let refused = json!({ "decision": "map", "to": "Wizard" });
    let path = format!("/api/v1/reviews/{id}/resolve");
    assert_eq!(pair.live.call("POST", &path, &pair.live.admin, Some(&refused)).await.status, 422);
    let unknown = json!({ "decision": "map", "to": "Employee", "q": 1 });
    let refused = pair.live.call("POST", &path, &pair.live.admin, Some(&unknown)).await.body();
    let error = json!({ "field": "q", "message": "unknown; expected decision, to, days, reason" });
    assert_eq!(refused["errors"], json!([error]), "{refused}");
    let asked = pair.live.post(&format!("/reviews/{id}/resolve"), json!({ "decision": "map", "to": "Employee" })).await;
    assert_eq!(pair.live.run(&asked).await["state"], "succeeded");
    let closed = pair.live.api(&format!("/reviews/{id}")).await;
    assert_eq!((&closed["state"], &closed["decision"]), (&json!("closed"), &json!("map to Employee")), "{closed}");
    // Another one waits.
    let waits = &reviews.iter().find(|review| review["reason"] == "missingWorkEmail").unwrap()["id"];
    let open = pair.live.reviews().await.len();
    let answer = pair
        .live
        .post(&format!("/reviews/{}/resolve", waits.as_str().unwrap()), json!({ "decision": "wait", "days": 7 }))
        .await;
    assert_eq!(answer["state"], "waiting", "{answer}");
    assert_eq!(pair.live.reviews().await.len(), open - 1);
    assert_eq!(pair.live.api("/reviews?state=waiting").await["items"].as_array().unwrap().len(), 1);
    pair.live.world.advance(TimeDelta::days(7));
    assert_eq!(pair.live.reviews().await.len(), open);
    pair.live.finish(connection).await;
    assert_eq!(pair.live.total().await, pair.shown(connection).await["tally"]["published"].as_i64().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incremental_pull_reads_what_changed_and_concludes_nothing_from_the_rest() {
    let pair = Pair::justworks(JustworksConfig::plain(250)).await;
    let connection = pair.publish(json!({})).await;
    pair.live.world.advance(TimeDelta::hours(1));
    pair.justworks.patch(7, &json!({ "job_title": "Head of Data" })).unwrap();
    pair.justworks.remove(8, false).unwrap();
    let before = pair.justworks.statistics().http.requests.clone();
    let run = pair.next_pull(connection).await;
    assert_eq!(run["state"], "succeeded", "{run}");
    assert_eq!((&run["counts"]["updated"], &run["counts"]["deactivated"]), (&json!(1), &json!(0)), "{run}");
    let asked = pair.justworks.statistics().http.requests["/v1/members"] - before["/v1/members"];
    assert_eq!(asked, 2, "one page of each status, where a full read needs four");
    // Once a day everything is read. A missing person is searched for again soon, and is gone then.
    for _ in 0..12 {
        pair.next_pull(connection).await;
    }
    assert_eq!(pair.live.users("active eq false").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_is_missing_erases_nothing() {
    let pair = Pair::justworks(JustworksConfig::plain(10)).await;
    let connection = pair.publish(json!({})).await;
    let email = pair.justworks.member(2).unwrap()["emails"][0]["address"].as_str().unwrap().to_owned();
    let before = pair.live.user(&email).await;
    assert!(before["title"].is_string() && before[WORKER]["startDate"].is_string());
    let known = i64::try_from(pair.live.feed(0).await.len()).unwrap();
    pair.justworks.set_granted_scopes(&["company.basic:read", "member.basic:read"]).unwrap();
    pair.consent(connection).await;
    assert_eq!(pair.shown(connection).await["state"], "active");
    let run = pair.live.sync(connection).await;
    assert_eq!(run["state"], "succeeded", "{run}");
    assert!(run["problems"].as_array().unwrap().iter().any(|problem| problem["code"] == "hidden"), "{run}");
    let after = pair.live.user(&email).await;
    assert_eq!(after, before);
    assert!(pair.live.feed(known).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_access_token_is_renewed_in_the_middle_of_a_pull() {
    let pair = Pair::justworks(JustworksConfig::plain(150)).await;
    let connection = pair.publish(json!({})).await;
    pair.justworks.expire_access_tokens();
    let run = pair.live.sync(connection).await;
    assert_eq!(run["state"], "succeeded", "{run}");
    assert_eq!(pair.justworks.statistics().refreshes, 1);
    // An idle grant is kept alive while the connection is paused.
    pair.live.post(&format!("/connections/{connection}/pause"), json!({})).await;
    for _ in 0..40 {
        pair.live.world.advance(TimeDelta::days(1));
        pair.live.world.work().await;
    }
    assert!(pair.justworks.statistics().refreshes >= 40);
    pair.live.post(&format!("/connections/{connection}/resume"), json!({})).await;
    assert_eq!(pair.shown(connection).await["state"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_a_refresh_is_told_and_ends_in_no_loop() {
    let pair = Pair::justworks(JustworksConfig::plain(20)).await;
    let connection = pair.publish(json!({})).await;
    pair.live.world.advance(TimeDelta::days(2));
    pair.justworks.lose_next_token_answer();
    pair.live.world.work().await;
    let shown = pair.shown(connection).await;
    assert_eq!(shown["state"], "needsReauthorization", "{shown}");
    let message = shown["problems"][0]["message"].as_str().unwrap();
    assert!(message.contains("answer never arrived"), "{message}");
    let asked = pair.justworks.statistics().refused_refreshes;
    pair.live.world.advance(TimeDelta::days(2));
    pair.live.world.work().await;
    assert_eq!(pair.justworks.statistics().refused_refreshes, asked, "nothing is tried again by itself");
    assert_eq!(pair.live.total().await, 20);
    pair.consent(connection).await;
    assert_eq!(pair.live.sync(connection).await["state"], "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_endpoint_that_is_away_is_waited_for() {
    let pair = Pair::justworks(JustworksConfig::plain(20)).await;
    let connection = pair.publish(json!({})).await;
    pair.live.world.advance(TimeDelta::days(2));
    pair.justworks.fault(Fault::on("/oauth/token", Effect::status(503))).unwrap();
    pair.live.world.work().await;
    let shown = pair.shown(connection).await;
    assert_eq!(shown["state"], "failing", "{shown}");
    pair.justworks.clear_faults();
    let run = pair.next_pull(connection).await;
    assert_eq!(run["state"], "succeeded", "{run}");
    assert_eq!(pair.shown(connection).await["state"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_that_is_refused_used_twice_or_of_another_company_changes_nothing() {
    let pair = Pair::justworks(JustworksConfig::plain(5)).await;
    let connection = pair.order(json!({})).await;
    let url = pair.authorization_url(connection).await;
    let answer = pair.come_back(&pair.justworks.deny(&url).unwrap()).await;
    assert_eq!(answer.status, 409);
    assert!(answer.text.contains("was not given (access_denied)"), "{}", answer.text);
    assert_eq!(pair.shown(connection).await["state"], "authorizing");

    let url = pair.authorization_url(connection).await;
    let callback = pair.justworks.consent(&url).unwrap();
    assert_eq!(pair.come_back(&callback).await.status, 200);
    let again = pair.come_back(&callback).await;
    assert_eq!(again.status, 400);
    assert!(again.text.contains("used already"), "{}", again.text);
    let forged = format!("{}/oauth/callback?code=x&state={}", pair.live.url, "0".repeat(64));
    assert_eq!(pair.come_back(&forged).await.status, 400);
    let stale = pair.authorization_url(connection).await;
    let stale = pair.justworks.consent(&stale).unwrap();
    pair.live.world.advance(TimeDelta::minutes(31));
    assert_eq!(pair.come_back(&stale).await.status, 400, "half an hour is over");

    pair.live.finish(connection).await;
    let other = pair.justworks.another_company();
    let url = pair.authorization_url(connection).await;
    let answer = pair.come_back(&pair.justworks.consent(&url).unwrap()).await;
    assert_eq!(answer.status, 409);
    assert!(answer.text.contains(&other), "{}", answer.text);
    assert_eq!(pair.live.sync(connection).await["state"], "succeeded", "the grant of before is as good as it was");
    assert_eq!(pair.live.total().await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_a_grant_are_nowhere_in_the_clear() {
    let pair = Pair::justworks(JustworksConfig::plain(3)).await;
    let connection = pair.publish(json!({})).await;
    let world = &pair.live.world;
    let sealed = world.text("SELECT encode(tokens, 'hex') FROM oauth_grants").await.unwrap();
    let sealed: Vec<u8> =
        (0..sealed.len()).step_by(2).map(|at| u8::from_str_radix(&sealed[at..at + 2], 16).unwrap()).collect();
    let place = SealContext { table: "oauth_grants", column: "tokens", row: &connection.to_string() };
    let tokens: serde_json::Value = serde_json::from_slice(&world.context.keys.open(place, &sealed).unwrap()).unwrap();
    let mut secrets = vec![pair.justworks.config().client_secret];
    secrets.extend([&tokens["access"], &tokens["refresh"]].map(|token| token.as_str().unwrap().to_owned()));
    let shown = pair.shown(connection).await.to_string();
    let dump = "SELECT string_agg(t::text, ' ') FROM (SELECT row_to_json(g)::text AS t FROM oauth_grants g UNION ALL \
                SELECT row_to_json(c)::text FROM connections c UNION ALL SELECT row_to_json(a)::text FROM audit a) AS t";
    let dump = world.text(dump).await.unwrap();
    for secret in &secrets {
        assert!(secret.len() > 20 && !shown.contains(secret) && !dump.contains(secret));
        let bytes = rollbook::crypto::seal::hex(secret.as_bytes());
        assert!(!dump.contains(&bytes), "not as bytes either");
    }
}

/// Law 11: the lock on the grant is held from before the request until the answer is stored.
#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_refresh_one_token_at_once_spend_one_refresh_token() {
    let pair = Pair::justworks(JustworksConfig::plain(20)).await;
    let connection = pair.publish(json!({})).await;
    let world = &pair.live.world;
    let other = context(&world.database, world.context.clock.clone()).await;
    world.advance(TimeDelta::days(2));
    // Both find the token ended; the second has to wait for the first.
    pair.justworks.fault(Fault::on("/oauth/token", Effect::Slow { ms: 300 })).unwrap();
    timers::schedule(&world.context).await.unwrap();
    let (pulled, refreshed) =
        tokio::join!(runs::worker::work(&world.context), connections::tokens::refresh_stale(&other));
    assert!(pulled.unwrap());
    refreshed.unwrap();
    let statistics = pair.justworks.statistics();
    assert_eq!((statistics.refreshes, statistics.refused_refreshes), (1, 0));
    assert_eq!(pair.shown(connection).await["lastRun"]["state"], "succeeded");
    assert_eq!(pair.live.sync(connection).await["state"], "succeeded", "the token is as good as new");
}

/// Law 11: whichever node does the work, it is done once.
#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_do_the_work_of_two_hr_systems_once() {
    let pair = Pair::with(SandboxConfig::plain(150), JustworksConfig { seed: 9, ..JustworksConfig::plain(150) }).await;
    let (remote, justworks) = pair.publish_both().await;
    assert_eq!(pair.live.total().await, 300);
    let world = &pair.live.world;
    let other = context(&world.database, world.context.clock.clone()).await;
    for index in 0..40 {
        world.vendor.patch(index, &json!({ "job_title": format!("Pilot {index}") })).unwrap();
        pair.justworks.patch(index, &json!({ "job_title": format!("Diver {index}") })).unwrap();
    }
    let known = i64::try_from(pair.live.feed(0).await.len()).unwrap();
    for connection in [remote, justworks] {
        connections::lifecycle::sync(&world.context, connection, Vec::new(), &admin()).await.unwrap();
    }
    tokio::join!(work(&world.context), work(&other));
    let events = pair.live.feed(known).await;
    assert_eq!(types(&events), ["person.updated"; 80]);
    let people: std::collections::BTreeSet<&str> =
        events.iter().map(|event| event["personId"].as_str().unwrap()).collect();
    assert_eq!(people.len(), 80);
    for connection in [remote, justworks] {
        let run = pair.live.sync(connection).await;
        assert_eq!((&run["state"], &run["counts"]["updated"]), (&json!("succeeded"), &json!(0)), "{run}");
    }
    assert_eq!(pair.live.feed(known).await.len(), 80);
}
