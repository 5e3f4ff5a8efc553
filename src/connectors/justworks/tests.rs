//! Tests of Justworks over HTTP with recorded answers, and with a clock that skips every wait.

mod reading;
mod trouble;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::{Value, json};
use wiremock::matchers::{header, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::normalise_tests::read;
use crate::clock::Clock;
use crate::connectors::connector::{Connector, ConnectorError, Coverage, Detail, Item, Page, ReadRequest, Reading};
use crate::connectors::registry::{self, Credentials};
use crate::directory::ids::SourceId;
use crate::directory::worker::{Part, Worker};
use crate::outbound::Outbound;

const TOKEN: &str = "acc3ss-t0ken";
const COMPANY: &str = "/v1/company";
const MEMBERS: &str = "/v1/members";

fn noon() -> DateTime<Utc> {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

/// One of the answers of `errors.json`, by the start of its case, with its headers.
fn error(case: &str) -> ResponseTemplate {
    let cases = read("errors");
    let is_it = |known: &&Value| known["case"].as_str().unwrap().starts_with(case);
    let case = cases.as_array().unwrap().iter().find(is_it).unwrap();
    let mut answer = ResponseTemplate::new(u16::try_from(case["http_status"].as_u64().unwrap()).unwrap());
    answer = match case.get("body_text") {
        Some(text) => answer.set_body_raw(text.as_str().unwrap(), "text/html"),
        None => answer.set_body_json(&case["body"]),
    };
    for (name, value) in case.get("headers").and_then(Value::as_object).into_iter().flatten() {
        answer = answer.insert_header(name.as_str(), value.as_str().unwrap());
    }
    answer
}

/// A member with an id and the time of its last change.
fn member(id: &str, updated: &str) -> Value {
    json!({"id": id, "company_id": "c", "active": true, "type": "employee", "job_title": updated, "updated_at": updated})
}

/// A company at Justworks. What a test mounts first has precedence over what is mounted later.
struct Vendor {
    server: MockServer,
    clock: Clock,
}

impl Vendor {
    async fn new() -> Self {
        Self { server: MockServer::start().await, clock: Clock::manual(noon()) }
    }

    /// One with all recorded answers.
    async fn whole() -> Self {
        let vendor = Self::new().await;
        vendor.company().await;
        let first = read("members_page1");
        let cursor = first["next_cursor"].as_str().unwrap().to_owned();
        vendor.page("active", Some(&cursor), read("members_page2")).await;
        vendor.page("active", None, first).await;
        vendor.page("terminated", None, read("members_terminated_only")).await;
        vendor
    }

    async fn says(&self, at: &str, answer: ResponseTemplate) {
        Mock::given(path(at)).respond_with(answer).mount(&self.server).await;
    }

    async fn company(&self) {
        let bearer = format!("Bearer {TOKEN}");
        let company = Mock::given(path(COMPANY)).and(header("authorization", bearer.as_str()));
        company.respond_with(ok(read("company"))).mount(&self.server).await;
    }

    async fn page(&self, status: &str, cursor: Option<&str>, answer: Value) {
        self.page_once(status, cursor, ok(answer), u64::MAX).await;
    }

    async fn page_once(&self, status: &str, cursor: Option<&str>, answer: ResponseTemplate, times: u64) {
        let list = Mock::given(path(MEMBERS)).and(query_param("status", status)).and(query_param("limit", "100"));
        let list = match cursor {
            Some(cursor) => list.and(query_param("cursor", cursor)),
            None => list.and(query_param_is_missing("cursor")),
        };
        list.respond_with(answer).up_to_n_times(times).mount(&self.server).await;
    }

    fn open(&self, scope: Option<&str>) -> Box<dyn Connector> {
        let outbound = Outbound::new(self.clock.clone(), true).unwrap();
        let given = json!({"clientId": "app", "clientSecret": "cl1ent-s3cret"});
        let mut credentials = Credentials::given(Credentials::names("justworks").unwrap(), &given).unwrap();
        credentials = credentials.with("accessToken", SecretString::from(TOKEN));
        if let Some(scope) = scope {
            credentials = credentials.with("scope", SecretString::from(scope));
        }
        registry::open("justworks", &json!({"apiUrl": self.server.uri()}), &credentials, &outbound).unwrap()
    }

    async fn begin(&self) -> Result<Box<dyn Reading>, ConnectorError> {
        self.begin_with(ReadRequest::default()).await
    }

    async fn begin_with(&self, request: ReadRequest) -> Result<Box<dyn Reading>, ConnectorError> {
        self.open(None).begin(request).await
    }

    /// The queries of all requests for members, in their order.
    async fn asked(&self) -> Vec<String> {
        let requests = self.server.received_requests().await.unwrap();
        let members = requests.iter().filter(|request| request.url.path() == MEMBERS);
        members.map(|request| request.url.query().unwrap_or_default().to_owned()).collect()
    }
}

/// All pages up to the end or the first error.
async fn pages(reading: &mut dyn Reading) -> Result<Vec<Page>, ConnectorError> {
    let mut pages = Vec::new();
    loop {
        let page = reading.next_page().await?;
        let ended = page.end.is_some();
        pages.push(page);
        if ended {
            return Ok(pages);
        }
        assert!(pages.len() < 50, "no end");
    }
}

fn workers(pages: &[Page]) -> Vec<&Worker> {
    let items = pages.iter().flat_map(|page| &page.items);
    items.map(|item| if let Item::Worker(worker) = item { worker.as_ref() } else { panic!("{item:?}") }).collect()
}

fn ids(pages: &[Page]) -> Vec<&str> {
    workers(pages).iter().map(|worker| worker.source_id.0.as_str()).collect()
}

#[tokio::test]
async fn the_company_is_who_the_consent_belongs_to() {
    let vendor = Vendor::whole().await;
    let account = vendor.open(None).identify().await.unwrap();
    assert_eq!((account.id.as_str(), account.name.as_str()), ("cmp_3f9c1b7e2a", "Bluebird Goods"));
}

#[test]
fn without_consent_there_is_nothing_to_read_with_and_consent_can_be_asked_for() {
    let outbound = Outbound::new(Clock::manual(noon()), false).unwrap();
    let given = json!({"clientId": "app\n", "clientSecret": "cl1ent-s3cret"});
    let credentials = Credentials::given(Credentials::names("justworks").unwrap(), &given).unwrap();
    let error = registry::open("justworks", &Value::Null, &credentials, &outbound).unwrap_err();
    assert!(matches!(&error, ConnectorError::NoCredential { detail } if detail.contains("consent")), "{error:?}");
    assert!(error.needs_reauthorization());

    let client = registry::oauth("justworks", &Value::Null, &credentials, &outbound).unwrap().unwrap();
    let url = client.authorization_url("https://b.example/oauth/callback", "s", None);
    assert_eq!(url.host_str(), Some("payroll.justworks.com"));
    assert!(url.as_str().contains("client_id=app&") && !url.as_str().contains("s3cret"), "{url}");
    let wanted = "company.basic:read member.detail:read member.employment:read member.dob:read";
    assert_eq!(client.requested_scope(), wanted);
    assert!(registry::oauth("remote", &Value::Null, &credentials, &outbound).unwrap().is_none());
    for (settings, part) in [(json!({"token": 1}), "token"), (json!({"apiUrl": "https://10.0.0.1"}), "10.0.0.1")] {
        let error = registry::oauth("justworks", &settings, &credentials, &outbound).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
    let spaced =
        Credentials::given(Credentials::names("justworks").unwrap(), &json!({"clientId": "a b", "clientSecret": "x"}))
            .unwrap();
    let error = registry::oauth("justworks", &Value::Null, &spaced, &outbound).unwrap_err();
    assert!(error.to_string().contains("credentials.clientId"), "{error}");
}

#[test]
fn a_grant_is_kept_beside_what_an_admin_gave_and_shown_nowhere() {
    for wrong in [json!({"clientId": "a"}), json!({"clientId": "a", "clientSecret": "b", "accessToken": "c"})] {
        assert!(Credentials::given(Credentials::names("justworks").unwrap(), &wrong).is_err(), "{wrong}");
    }
    let given =
        Credentials::given(Credentials::names("justworks").unwrap(), &json!({"clientId": "a", "clientSecret": "b"}))
            .unwrap();
    let granted = given.with("accessToken", "old".into()).with("accessToken", SecretString::from(TOKEN));
    let kept = Credentials::of_json(granted.to_json().as_bytes()).unwrap();
    assert_eq!(secrecy::ExposeSecret::expose_secret(&kept.get("accessToken")), TOKEN);
    assert!(!format!("{kept:?}").contains(TOKEN));
}

#[test]
fn words_that_no_map_has_are_proposed_where_the_kind_knows_any() {
    assert!(registry::propose("justworks", "vendor_1099").unwrap().vendor);
    assert_eq!(registry::propose("justworks", "fractional_advisor"), None);
    assert_eq!(registry::propose("remote", "employee"), None);
    assert_eq!(registry::default_mapping("justworks").unwrap(), super::default_mapping());
}
