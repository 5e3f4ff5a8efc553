//! Tests changes by hand, in the process and through the control endpoint.

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::json;

use super::{Bench, USUAL, code_of, everything, parameter, today, vendor};
use crate::sandbox::{JustworksConfig, SandboxError};

async fn bench() -> Bench {
    Bench::with(everything(30), USUAL).await
}

#[tokio::test]
async fn a_change_shows_in_list_and_by_id_and_moves_updated_at() {
    let bench = bench().await;
    bench.advance(TimeDelta::hours(1));
    let patch = r#"{"name": {"family_name": "García"}, "job_title": "Head of Data", "manager": null}"#;
    assert_eq!(bench.steer(Method::PUT, "/members/25", patch).await.status, 200);
    let id = bench.vendor.member_id(25);
    let shown = bench.get(&format!("/v1/members/{id}")).await.json();
    assert_eq!((&shown["name"]["family_name"], &shown["job_title"]), (&json!("García"), &json!("Head of Data")));
    assert!(shown["name"]["given_name"].is_string() && shown.get("manager").is_none());
    assert_eq!(shown["updated_at"], "2026-11-20T13:00:00Z");
    let since = bench.listed("updated_at_gte=2026-11-20T12:30:00Z").await;
    assert_eq!(since, [shown]);
    bench.advance(TimeDelta::hours(1));
    let same = bench.vendor.patch(25, &json!({"job_title": "Head of Data"})).unwrap();
    assert_eq!(same["updated_at"], "2026-11-20T13:00:00Z", "nothing has changed");
    let told = bench.vendor.patch(25, &json!({"updated_at": "2026-01-01T00:00:00Z"})).unwrap();
    assert_eq!(told["updated_at"], "2026-01-01T00:00:00Z");
}

#[tokio::test]
async fn a_removed_member_leaves_the_list_and_comes_back_with_a_change() {
    let bench = bench().await;
    let (gone, shown) = (bench.vendor.member_id(17), bench.vendor.member_id(18));
    assert_eq!(bench.steer(Method::DELETE, "/members/17", "").await.status, 204);
    assert_eq!(bench.steer(Method::DELETE, &format!("/members/{shown}?stillShown=true"), "").await.status, 204);
    assert_eq!((bench.listed("limit=7").await.len(), bench.vendor.count()), (28, 28));
    assert_eq!(bench.get(&format!("/v1/members/{gone}")).await.status, 404);
    assert_eq!(bench.get(&format!("/v1/members/{shown}")).await.status, 200);
    bench.vendor.patch(gone.as_str(), &json!({})).unwrap();
    assert_eq!(bench.listed("").await.len(), 29);
}

#[tokio::test]
async fn a_last_day_ahead_keeps_somebody_active_and_one_behind_does_not() {
    let bench = bench().await;
    let id = bench.vendor.member_id(0);
    let ahead = bench.steer(Method::POST, "/members/0/terminate", r#"{"lastDay": "2026-11-20"}"#).await.json();
    assert_eq!((&ahead["active"], &ahead["employment_termination_date"]), (&json!(true), &json!("2026-11-20")));
    assert_eq!(ahead["current_employment"]["US"]["end_date"], "2026-11-20");
    assert_eq!(bench.listed("status=terminated").await.len(), 1, "only the one of the page");
    bench.vendor.terminate(0, today().pred_opt().unwrap()).unwrap();
    let gone = bench.listed("status=terminated").await;
    assert!(gone[0]["id"] == json!(id) && gone[0]["active"] == false && gone.len() == 2);
}

#[tokio::test]
async fn an_added_member_is_an_active_employee_with_what_was_said() {
    let bench = bench().await;
    let body = r#"{"id": "mem_eve", "type": "intern", "name": {"given_name": "Eve"}}"#;
    let reply = bench.steer(Method::POST, "/members", body).await;
    assert_eq!((reply.status, &reply.json()["created_at"]), (201, &json!("2026-11-20T12:00:00Z")));
    let shown = bench.get("/v1/members/mem_eve").await.json();
    assert_eq!((&shown["name"]["given_name"], &shown["type"]), (&json!("Eve"), &json!("intern")));
    assert_eq!((&shown["active"], &shown["company_id"]), (&json!(true), &json!("cmp_3f9c1b7e2a")));
    assert_eq!(bench.listed("").await.last().unwrap()["id"], "mem_eve");
    assert!(bench.vendor.add(&json!({"id": "mem_eve"})).is_err() && bench.vendor.add(&json!({"id": "a/b"})).is_err());
}

#[tokio::test]
async fn a_department_gets_another_name_everywhere() {
    let bench = bench().await;
    assert_eq!(bench.steer(Method::PUT, "/departments/dep_eng01", r#"{"name": "Technology"}"#).await.status, 204);
    assert_eq!(bench.get("/v1/company").await.json()["departments"][0]["name"], "Technology");
    let shown = bench.get("/v1/members/mem_0002").await.json();
    assert_eq!(shown["department"], json!({"id": "dep_eng01", "name": "Technology"}));
    assert_eq!(shown["updated_at"], "2026-11-12T15:04:05Z");
    assert!(bench.vendor.rename_department("dep_none", "x").is_err());
}

#[tokio::test]
async fn consents_and_tokens_are_steered_over_http() {
    let bench = bench().await;
    let asked = json!({"authorizationUrl": bench.authorization(USUAL, &[])}).to_string();
    let told = bench.steer(Method::POST, "/consent", &asked).await.json();
    let tokens = bench.exchange(&code_of(told["callbackUrl"].as_str().unwrap()), &[]).await.json();
    let denied = bench.steer(Method::POST, "/deny", &asked).await.json();
    assert_eq!(parameter(denied["callbackUrl"].as_str().unwrap(), "error").unwrap(), "access_denied");
    let wrong = json!({"authorizationUrl": "http://h/oauth/authorize?client_id=x"}).to_string();
    assert_eq!(bench.steer(Method::POST, "/consent", &wrong).await.status, 422);
    bench.steer(Method::PUT, "/scopes", r#"{"scopes": ["company.basic:read"]}"#).await;
    let fewer = bench.refresh(&tokens["refresh_token"]).await.json();
    assert_eq!(fewer["scope"], "company.basic:read");
    assert_eq!(bench.steer(Method::PUT, "/scopes", r#"{"scopes": null}"#).await.status, 204);
    assert_eq!(bench.steer(Method::DELETE, "/access-tokens", "").await.status, 204);
    assert_eq!(bench.opens(&fewer["access_token"]).await, 401);
    assert_eq!(bench.steer(Method::POST, "/lose-next-token-answer", "").await.status, 204);
    assert!(bench.vendor.gate().lose_next);
    let other = bench.steer(Method::POST, "/another-company", "").await.json();
    assert_ne!(other["companyId"], json!(bench.vendor.company_id()));
    assert_eq!(bench.steer(Method::DELETE, "/grant", "").await.status, 204);
    assert_eq!(bench.get("/v1/company").await.status, 401);
}

#[tokio::test]
async fn faults_shapes_rate_and_set_up_are_steered_over_http() {
    let bench = bench().await;
    let fault = r#"{"path": "/v1", "times": 1, "effect": {"kind": "status", "status": 500}}"#;
    assert_eq!(bench.steer(Method::POST, "/faults", fault).await.status, 204);
    assert_eq!(bench.get("/v1/company").await.status, 500);
    assert_eq!(bench.steer(Method::GET, "/faults", "").await.json()[0]["met"], 1);
    assert_eq!(bench.steer(Method::DELETE, "/faults", "").await.status, 204);
    assert_eq!(bench.steer(Method::PUT, "/shapes", r#"{"manager": "id"}"#).await.status, 204);
    assert_eq!(bench.get("/v1/members/mem_0002").await.json()["manager"], "mem_0001");
    let statistics = bench.steer(Method::GET, "/statistics", "").await.json();
    assert_eq!((&statistics["exchanges"], &statistics["requests"]["/v1/company"]), (&json!(1), &json!(1)));
    assert_eq!(bench.steer(Method::PUT, "/rate-limit", r#"{"perMinute": 1}"#).await.status, 204);
    assert_eq!(bench.get("/v1/company").await.status, 429);
    bench.vendor.patch(3, &json!({"job_title": "Changed"})).unwrap();
    assert_eq!(bench.steer(Method::POST, "/reset", r#"{"members": 5, "rateLimitPerMinute": 0}"#).await.status, 204);
    let state = bench.steer(Method::GET, "", "").await.json();
    assert_eq!((&state["members"], &state["changed"], &state["config"]["seed"]), (&json!(5), &json!(0), &json!(0)));
    assert_eq!(state["statistics"]["total"], 0);
    assert_eq!(bench.get("/v1/company").await.status, 401, "a reset takes every consent back");
    assert_eq!(bench.steer(Method::POST, "/reset", r#"{"membres": 7}"#).await.status, 422);
}

#[test]
fn mistakes_are_told() {
    let (vendor, _) = vendor(JustworksConfig::plain(12));
    assert_eq!(vendor.patch(12, &json!({})), Err(SandboxError::NoSuchMember));
    assert_eq!(vendor.remove("nobody", false), Err(SandboxError::NoSuchMember));
    assert!(matches!(vendor.patch(3, &json!({"id": "other"})), Err(SandboxError::Refused(_))));
    assert!(matches!(vendor.patch(3, &json!([])), Err(SandboxError::Refused(_))));
}

#[test]
fn the_surface_works_in_an_application_without_a_socket() {
    let (vendor, _) = vendor(everything(30));
    let answered = actix_web::rt::System::new().block_on(async {
        let app = actix_web::App::new().configure(|services| vendor.routes(services));
        let app = actix_web::test::init_service(app).await;
        let request = actix_web::test::TestRequest::get().uri("/v1/company");
        actix_web::test::call_service(&app, request.to_request()).await.status().as_u16()
    });
    assert_eq!(answered, 401);
}
