//! Simulates a Remote that answers whatever a test needs, where the simulated one is too well behaved.

use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

pub(crate) const IDENTITY: &str = "/v1/identity/current";
pub(crate) const OFFBOARDINGS: &str = "/v1/offboardings";
pub(crate) const DEPARTMENTS: &str = "/v1/company-departments";
pub(crate) const BULK: &str = "/v1/employments/bulk";
pub(crate) const LIST: &str = "/v1/employments";

pub(crate) struct Hostile {
    pub(crate) server: MockServer,
}

impl Hostile {
    /// A company whose employments a test still has to mount.
    pub(crate) async fn new() -> Self {
        let vendor = Self { server: MockServer::start().await };
        vendor.says(IDENTITY, ok(json!({ "data": { "company": { "id": "c1", "name": "Acme" } } })), 9).await;
        vendor.says(OFFBOARDINGS, ok(json!({ "data": { "offboardings": [], "total_count": 0 } })), 9).await;
        vendor.says(DEPARTMENTS, ok(json!({ "data": { "company_departments": [], "total_count": 0 } })), 9).await;
        vendor
    }

    /// Answers a path; the lower priority number goes first.
    pub(crate) async fn says(&self, at: &str, answer: impl Respond + 'static, priority: u8) {
        Mock::given(method("GET")).and(path(at)).respond_with(answer).with_priority(priority).mount(&self.server).await;
    }

    pub(crate) fn order(&self) -> Value {
        json!({
            "kind": "remote", "name": "Hostile", "settings": { "baseUrl": self.server.uri() },
            "credentials": { "apiToken": "ra_live_hostile" },
        })
    }
}

pub(crate) fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

/// Text as it is, as JSON by its type.
pub(crate) fn raw(body: impl Into<Vec<u8>>) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body, "application/json")
}

/// A worker that a plan would publish.
pub(crate) fn row(number: u64) -> Value {
    json!({
        "id": format!("w{number}"), "status": "active", "type": "employee", "employment_model": "global_payroll",
        "full_name": format!("Worker Number{number}"), "work_email": format!("w{number}@acme.example"),
        "provisional_start_date": "2020-01-01", "country": { "code": "PRT", "alpha_2_code": "PT" },
    })
}

/// A bulk list without end: each page has 100 new ids and a new cursor.
pub(crate) struct Endless;

impl Respond for Endless {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let page = number(request, "cursor");
        let rows: Vec<Value> = (page * 100..page * 100 + 100).map(row).collect();
        ok(json!({ "data": rows, "next_cursor": (page + 1).to_string() }))
    }
}

/// A numbered list without end, whose counts grow with each page.
pub(crate) struct EndlessPages(pub &'static str);

impl Respond for EndlessPages {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let page = number(request, "page");
        let rows: Vec<Value> = (page * 100..page * 100 + 100)
            .map(|n| json!({ "id": format!("x{n}"), "name": format!("N{n}"), "employment_id": format!("w{n}") }))
            .collect();
        ok(json!({ "data": {
            self.0: rows, "current_page": page, "total_pages": page + 1, "total_count": (page + 1) * 100,
        } }))
    }
}

fn number(request: &Request, name: &str) -> u64 {
    let found = request.url.query_pairs().find(|(key, _)| key == name);
    found.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
}
