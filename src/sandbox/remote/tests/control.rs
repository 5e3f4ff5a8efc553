//! Tests changes by hand, in the process and through the control endpoint.

use reqwest::Method;
use serde_json::json;

use super::{Bench, everything, id};
use crate::sandbox::{SandboxConfig, SandboxError};

fn bench() -> Bench {
    Bench::new(SandboxConfig { rate_limit_per_minute: 0, ..everything(30) })
}

#[tokio::test]
async fn a_change_shows_in_list_bulk_and_show() {
    let bench = bench();
    let id = bench.sandbox.employment_id(20);
    let patch = r#"{"full_name": "Maria Garcia", "job_title": null, "personal_details": {"surname": "Garcia"}}"#;
    let reply = bench.steer(Method::PUT, "/employments/20", patch).await;
    assert_eq!(reply.status, 200);
    let shown = bench.get(&format!("/v1/employments/{id}")).await.json()["data"]["employment"].clone();
    assert_eq!(shown["full_name"], "Maria Garcia");
    assert_eq!((&shown["job_title"], &shown["updated_at"]), (&json!(null), &json!("2026-11-20T12:00:00")));
    assert_eq!(shown["personal_details"]["surname"], "Garcia");
    assert!(shown["personal_details"]["birthdate"].is_string());
    let listed = bench.get("/v1/employments?page=3&page_size=10").await.json()["data"]["employments"][0].clone();
    assert_eq!((&listed["id"], &listed["full_name"]), (&json!(id), &json!("Maria Garcia")));
    let bulk = &bench.bulk(100).await[20];
    assert_eq!(bulk["full_name"], "Maria Garcia");
    assert!(bulk.get("termination_date").is_none());
}

#[test]
fn what_is_said_about_a_manager_follows_the_managers_record() {
    let (sandbox, _) = super::sandbox(everything(30));
    sandbox.patch(0, &json!({"full_name": "Grace Hopper", "work_email": "grace@acme-robotics.example"})).unwrap();
    let report = sandbox.employment(2).unwrap();
    assert_eq!(
        (&report["manager"], &report["manager_email"]),
        (&json!("Grace Hopper"), &json!("grace@acme-robotics.example"))
    );
}

#[tokio::test]
async fn a_removed_employment_leaves_the_lists_and_comes_back_with_a_change() {
    let bench = bench();
    let (gone, shown) = (bench.sandbox.employment_id(5), bench.sandbox.employment_id(6));
    assert_eq!(bench.steer(Method::DELETE, "/employments/5", "").await.status, 204);
    assert_eq!(bench.steer(Method::DELETE, &format!("/employments/{shown}?stillShown=true"), "").await.status, 204);
    let listed = bench.listed(7).await;
    assert_eq!(listed.len(), 28);
    assert!(!listed.contains(&gone) && !listed.contains(&shown));
    assert_eq!(bench.bulk(7).await.len(), 28);
    assert_eq!(bench.get(&format!("/v1/employments/{gone}")).await.status, 404);
    assert_eq!(bench.get(&format!("/v1/employments/{shown}")).await.status, 200);
    bench.sandbox.patch(gone.as_str(), &json!({})).unwrap();
    assert_eq!(bench.listed(100).await.len(), 29);
}

#[test]
fn a_deleted_status_leaves_the_lists() {
    let (sandbox, _) = super::sandbox(everything(30));
    sandbox.patch(9, &json!({"status": "deleted"})).unwrap();
    assert_eq!(sandbox.count(), 29);
    sandbox.patch(9, &json!({"status": "active"})).unwrap();
    assert_eq!(sandbox.count(), 30);
}

#[tokio::test]
async fn an_added_employment_is_an_active_one_with_what_was_said() {
    let bench = bench();
    let own = "0a0b0c0d-0000-4000-8000-00000000beef";
    let body = json!({"id": own, "type": "intern", "full_name": "Eve Moneypenny"}).to_string();
    let reply = bench.steer(Method::POST, "/employments", &body).await;
    assert_eq!(reply.status, 201);
    assert_eq!((reply.json()["status"].as_str(), reply.json()["type"].as_str()), (Some("active"), Some("intern")));
    assert_eq!(
        bench.get(&format!("/v1/employments/{own}")).await.json()["data"]["employment"]["full_name"],
        "Eve Moneypenny"
    );
    let other = bench.sandbox.add(&json!({})).unwrap();
    assert_ne!(id(&other), own);
    assert_ne!(other["work_email"], reply.json()["work_email"]);
    let listed = bench.listed(100).await;
    assert_eq!(listed[30..], [own.to_owned(), id(&other).to_owned()]);
    assert!(bench.sandbox.add(&json!({"id": own})).is_err());
    assert!(bench.sandbox.add(&json!({"id": "E-1"})).is_err());
}

#[tokio::test]
async fn an_end_that_is_set_by_hand_has_its_offboarding_unless_it_is_hidden() {
    let bench = bench();
    let id = bench.sandbox.employment_id(2);
    bench.sandbox.patch(2, &json!({"status": "offboarding", "termination_date": "2026-12-04"})).unwrap();
    let path = format!("/v1/offboardings?employment_id={id}");
    let row = bench.get(&path).await.json()["data"]["offboardings"][0].clone();
    assert_eq!((&row["termination_date"], &row["status"]), (&json!("2026-12-04"), &json!("done")));
    bench.steer(Method::PUT, "/offboardings/2", r#"{"confidential": true}"#).await;
    assert_eq!(bench.get(&path).await.json()["data"]["total_count"], 0);
    assert_eq!(bench.get(&format!("{path}&include_confidential=true")).await.json()["data"]["total_count"], 1);
    bench.steer(Method::DELETE, "/offboardings/2", "").await;
    assert_eq!(bench.get(&format!("{path}&include_confidential=true")).await.json()["data"]["total_count"], 0);
    bench.sandbox.set_offboarding(2, Some(json!({"termination_date": "2026-12-11"}))).unwrap();
    assert_eq!(bench.get(&path).await.json()["data"]["offboardings"][0]["termination_date"], "2026-12-11");
}

#[tokio::test]
async fn mistakes_are_told() {
    let bench = bench();
    assert_eq!(bench.steer(Method::PUT, "/employments/30", "{}").await.status, 404);
    assert_eq!(bench.steer(Method::PUT, "/employments/3", r#"{"id": "other"}"#).await.status, 422);
    assert_eq!(bench.steer(Method::PUT, "/employments/3", "[]").await.status, 422);
    assert_eq!(
        bench
            .steer(Method::POST, "/faults", r#"{"path": "/", "effect": {"kind": "status", "status": 7}}"#)
            .await
            .status,
        422
    );
    assert_eq!(bench.steer(Method::POST, "/reset", r#"{"wrokers": 7}"#).await.status, 422);
    assert_eq!(bench.sandbox.patch("nobody", &json!({})), Err(SandboxError::NoSuchEmployment));
}

#[tokio::test]
async fn the_control_endpoint_sets_and_clears_faults_token_bulk_and_rate() {
    let bench = bench();
    let fault = r#"{"path": "/v1", "times": 1, "effect": {"kind": "status", "status": 500}}"#;
    assert_eq!(bench.steer(Method::POST, "/faults", fault).await.status, 204);
    assert_eq!(bench.get("/v1/employments").await.status, 500);
    assert_eq!(bench.steer(Method::GET, "/faults", "").await.json()[0]["met"], 1);
    assert_eq!(bench.steer(Method::DELETE, "/faults", "").await.status, 204);
    assert!(bench.sandbox.faults().is_empty());
    assert_eq!(bench.steer(Method::POST, "/token", r#"{"token": "mine"}"#).await.json()["token"], "mine");
    assert_eq!(bench.get("/v1/employments").await.status, 200);
    assert_eq!(bench.steer(Method::POST, "/token", r#"{"revoke": true}"#).await.status, 200);
    assert_eq!(bench.get("/v1/employments").await.status, 401);
    let token = bench.steer(Method::POST, "/token", "{}").await.json()["token"].clone();
    assert_eq!(token, bench.sandbox.token());
    assert_eq!(bench.steer(Method::PUT, "/bulk", r#"{"on": false}"#).await.status, 204);
    assert_eq!(bench.get("/v1/employments/bulk").await.status, 404);
    assert_eq!(bench.steer(Method::PUT, "/rate-limit", r#"{"perMinute": 1}"#).await.status, 204);
    assert_eq!(bench.get("/v1/employments").await.status, 429);
    let statistics = bench.steer(Method::GET, "/statistics", "").await.json();
    assert_eq!((&statistics["rateLimited"], &statistics["unauthorized"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn a_reset_is_another_company_and_keeps_what_was_not_said() {
    let bench = bench();
    bench.sandbox.patch(3, &json!({"full_name": "Changed"})).unwrap();
    let body = r#"{"kinds": {"mix": [{"kind": "direct", "count": 3}, {"kind": "eor", "count": 2}]}}"#;
    assert_eq!(bench.steer(Method::POST, "/reset", body).await.status, 204);
    let state = bench.steer(Method::GET, "", "").await.json();
    assert_eq!((&state["employments"], &state["changed"]), (&json!(5), &json!(0)));
    assert_eq!((&state["config"]["rateLimitPerMinute"], &state["statistics"]["total"]), (&json!(0), &json!(0)));
    assert_eq!(bench.listed(100).await.len(), 5);
}

#[test]
fn the_surface_works_in_an_application_without_a_socket() {
    let (sandbox, _) = super::sandbox(everything(30));
    let answered = actix_web::rt::System::new().block_on(async {
        let app = actix_web::App::new().configure(|services| sandbox.routes(services));
        let app = actix_web::test::init_service(app).await;
        let request = actix_web::test::TestRequest::get().uri("/v1/countries");
        let request = request.insert_header(("authorization", format!("Bearer {}", sandbox.token())));
        actix_web::test::call_service(&app, request.to_request()).await.status().as_u16()
    });
    assert_eq!(answered, 200);
}
