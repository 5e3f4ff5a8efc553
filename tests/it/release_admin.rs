//! Tests release policies as an admin sets them: accepted or refused as a whole, shown, warned of, audited.

use rollbook::sandbox::SandboxConfig;
use serde_json::{Value, json};

use crate::support::admin::Desk;

fn fields(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect()
}

fn codes(consumer: &Value) -> Vec<&str> {
    consumer["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].as_str().unwrap()).collect()
}

impl Desk {
    async fn patch(&self, path: &str, body: Value) -> crate::support::served::Answer {
        self.call("PATCH", path, &self.token, Some(body.to_string())).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_set_shown_changed_and_taken_away() {
    let desk = Desk::with(SandboxConfig::plain(1)).await;
    let policy = json!({
        "name": "desk",
        "scopes": ["scim:read"],
        "userFilter": "userType eq \"Employee\"",
        "groupFilter": "kind eq \"department\"",
        "attributes": ["userName", "title", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
    });
    let made = desk.post("/consumers", policy.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.body();
    for member in ["userFilter", "groupFilter", "attributes"] {
        assert_eq!(made[member], policy[member], "{member}");
    }
    assert_eq!(made["warnings"], json!([]));
    let path = format!("/consumers/{}", made["id"].as_str().unwrap());
    assert_eq!(desk.get(&path).await.body(), made);
    assert_eq!(desk.items("/consumers").await, std::slice::from_ref(&made));
    // What a PATCH does not name stays, `null` takes away.
    let patched = desk.patch(&path, json!({ "groupFilter": null, "name": "Desk" })).await.body();
    assert_eq!(patched["groupFilter"], Value::Null);
    assert_eq!(patched["name"], "Desk");
    assert_eq!((&patched["userFilter"], &patched["attributes"]), (&policy["userFilter"], &policy["attributes"]));
    assert_eq!(desk.patch(&path, json!({ "attributes": [] })).await.body()["attributes"], json!([]));
    // A PUT replaces all.
    let replaced = desk.put(&path, json!({ "name": "desk", "scopes": ["scim:read"] })).await.body();
    for member in ["userFilter", "groupFilter", "attributes"] {
        assert_eq!(replaced[member], Value::Null, "{member}");
    }
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_of_a_policy_is_told_by_its_path_and_nothing_is_changed() {
    let desk = Desk::with(SandboxConfig::plain(1)).await;
    let wrong = json!({
        "name": "desk",
        "scopes": ["scim:read", "scim:write"],
        "userFilter": "shoeSize eq 43",
        "groupFilter": "displayName eq",
        "attributes": ["userName", "shoeSize", "name.givenName"],
        "strict": true,
    });
    let problem = desk.post("/consumers", wrong.clone()).await.problem(422, "invalid");
    let expected = ["strict", "scopes[1]", "userFilter", "groupFilter", "attributes[1]", "attributes[2]"];
    let mut found = fields(&problem);
    found.sort_unstable();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(desk.items("/consumers").await, [] as [Value; 0]);
    let right = json!({ "name": "desk", "scopes": ["scim:read"], "userFilter": "title pr", "attributes": ["*"] });
    let made = desk.post("/consumers", right).await.body();
    let path = format!("/consumers/{}", made["id"].as_str().unwrap());
    for (body, field) in [
        (json!({ "userFilter": "groups.display eq \"x\"" }), "userFilter"),
        (json!({ "groupFilter": "members pr" }), "groupFilter"),
        (json!({ "attributes": ["userName", 7] }), "attributes[1]"),
        (json!({ "attributes": "userName" }), "attributes"),
        (json!({ "userFilter": 7 }), "userFilter"),
        (json!({ "userFilter": format!("title eq \"{}\"", "x".repeat(9_000)) }), "userFilter"),
        (json!({ "attributes": vec!["userName"; 501] }), "attributes"),
        (json!({ "userFilter": "dateOfBirth pr" }), "userFilter"),
    ] {
        let problem = desk.patch(&path, body.clone()).await.problem(422, "invalid");
        assert_eq!(fields(&problem), [field], "{body}");
    }
    desk.put(&path, wrong).await.problem(422, "invalid");
    assert_eq!(desk.get(&path).await.body(), made);
    let written = desk.items("/audit").await;
    assert_eq!(written.iter().filter(|entry| entry["action"] == "consumer.update").count(), 0);
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_meant_otherwise_is_warned_of() {
    let desk = Desk::with(SandboxConfig::plain(1)).await;
    let body = json!({
        "name": "hr-cal", "scopes": ["scim:read", "people:sensitive"], "userFilter": "active eq true",
        "attributes": ["userName", "birthday"],
    });
    let made = desk.post("/consumers", body).await;
    assert_eq!((made.status, codes(&made.body())), (201, vec!["leaversVanish"]));
    let path = format!("/consumers/{}", made.body()["id"].as_str().unwrap());
    let changed = desk.patch(&path, json!({ "scopes": ["scim:read"], "userFilter": null })).await.body();
    assert_eq!(codes(&changed), ["sensitiveWithoutScope"]);
    let changed = desk.patch(&path, json!({ "scopes": ["people:sensitive"], "attributes": null })).await.body();
    assert_eq!(codes(&changed), ["scopeWithoutSensitive"]);
    assert_eq!(codes(&desk.get(&path).await.body()), ["scopeWithoutSensitive"]);
    assert_eq!(codes(&desk.items("/consumers").await[0]), ["scopeWithoutSensitive"]);
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_says_what_changed_in_the_policy() {
    let desk = Desk::with(SandboxConfig::plain(1)).await;
    let body = json!({ "name": "desk", "scopes": ["scim:read"], "attributes": ["userName"] });
    let id = desk.post("/consumers", body).await.body()["id"].as_str().unwrap().to_owned();
    let path = format!("/consumers/{id}");
    desk.patch(&path, json!({ "userFilter": "title pr", "attributes": null, "reason": "all of it" })).await;
    desk.patch(&path, json!({ "name": "desk 2" })).await;
    let audit = desk.items("/audit").await;
    let details: Vec<&Value> = audit.iter().map(|entry| &entry["detail"]).collect();
    assert_eq!(*details[2], json!({ "name": "desk", "scopes": ["scim:read"], "attributes": ["userName"] }));
    assert_eq!(
        details[1]["changed"],
        json!({
            "userFilter": { "old": null, "new": "title pr" },
            "attributes": { "old": ["userName"], "new": null },
        })
    );
    assert_eq!(audit[1]["reason"], "all of it");
    assert_eq!(*details[0], json!({ "name": "desk 2", "scopes": ["scim:read"] }));
    desk.stop().await;
}

/// An admin sets a policy with the command line, from start to end.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_sets_shows_and_clears_a_policy() {
    let desk = Desk::with(SandboxConfig::plain(1)).await;
    let employees = "userType eq \"Employee\"";
    let add = ["consumer", "add", "--name", "desk", "--user-filter", "active eq true", "--attribute", "userName"];
    let added =
        desk.says(&[&add[..], &["--attribute", "title", "--group-filter", "kind eq \"country\""]].concat()).await;
    assert!(added.contains("\n! people who leave vanish"), "{added}");
    let shown = desk.says(&["consumer", "show", "DESK"]).await;
    for words in [
        "people      active eq true\n",
        "groups      kind eq \"country\"\n",
        "attributes  userName, title\n",
        "! people",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let list = desk.says(&["consumer", "list"]).await;
    let row: Vec<&str> = list.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[1..6], ["desk", "scim:read", "some", "some", "2"], "{list}");
    assert!(list.contains("\n! desk: people who leave vanish"), "{list}");
    let changed = desk
        .says(&["consumer", "change", "desk", "--user-filter", employees, "--no-group-filter", "--all-attributes"])
        .await;
    assert!(changed.contains(&format!("people      {employees}\n")), "{changed}");
    assert!(changed.contains("groups      all\nattributes  all but the sensitive ones\n"), "{changed}");
    let changed = desk.says(&["consumer", "change", "desk", "--no-user-filter", "--scope", "events:read"]).await;
    assert!(changed.contains("people      all\n") && changed.contains("scopes      events:read\n"), "{changed}");
    assert!(!changed.contains("! "), "{changed}");
    let refused = async |words: &[&str]| match desk.rollbook(words).await {
        Err(error) => error.to_string(),
        Ok(done) => panic!("{words:?} was done: {done}"),
    };
    assert!(refused(&["consumer", "change", "desk"]).await.contains("nothing is to be changed"));
    let wrong = ["consumer", "change", "desk", "--attribute", "title", "--attribute", "shoeSize"];
    assert!(refused(&wrong).await.starts_with("attributes[1]: no schema defines the attribute `shoeSize`"));
    refused(&["consumer", "change", "desk", "--user-filter", employees, "--no-user-filter"]).await;
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn walks_that_are_remembered_are_forgotten_with_the_policy_and_by_nobody_else() {
    let desk = Desk::with(SandboxConfig::plain(5)).await;
    desk.publish().await;
    let (id, token) = desk.consumer("walker", &["scim:read"]).await;
    let (_, other) = desk.consumer("other", &["scim:read"]).await;
    let walk = async |token: &str| desk.send("GET", "/scim/v2/Users?count=2", token, &[], None).await.list();
    let walks = async || {
        let of = format!("SELECT count(*) FROM page_walks WHERE caller = '{id}'");
        let positions = desk.world.number("SELECT count(*) FROM page_positions").await;
        let walks = desk.world.number("SELECT count(*) FROM page_walks").await;
        assert_eq!(positions, walks, "one page each");
        (desk.world.number(&of).await, walks)
    };
    walk(&token).await;
    walk(&other).await;
    assert_eq!(walks().await, (1, 2));
    let path = format!("/consumers/{id}");
    desk.patch(&path, json!({ "name": "another name" })).await;
    assert_eq!(walks().await, (1, 2), "it sees what it saw");
    for change in [
        json!({ "userFilter": "title pr" }),
        json!({ "groupFilter": "kind eq \"country\"" }),
        json!({ "attributes": ["userName"] }),
        json!({ "scopes": ["scim:read", "events:read"] }),
    ] {
        desk.patch(&path, json!({ "userFilter": null })).await;
        walk(&token).await;
        assert!(walks().await.0 > 0);
        assert_eq!(desk.patch(&path, change.clone()).await.status, 200);
        assert_eq!(walks().await, (0, 1), "{change}");
    }
    desk.stop().await;
}
