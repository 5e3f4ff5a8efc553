//! Tests of Remote over HTTP with recorded answers, and with a clock that skips every wait.

mod reading;
mod trouble;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::{Value, json};
use wiremock::matchers::{header, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{Remote, RemoteSettings};
use crate::clock::Clock;
use crate::connectors::connector::{Connector, ConnectorError, Item, Page, ReadRequest, Reading};
use crate::directory::ids::SourceId;
use crate::outbound::Outbound;

const TOKEN: &str = "ra_live_5ecret";
const COMPANY: &str = "5f0c2a7e-6b1d-4c52-9a31-8d2f7b0e4c10";
const EMPLOYMENTS: &str = "/v1/employments";
const BULK: &str = "/v1/employments/bulk";
const OFFBOARDINGS: &str = "/v1/offboardings";
const DEPARTMENTS: &str = "/v1/company-departments";

fn noon() -> DateTime<Utc> {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn recorded(name: &str) -> Value {
    let file = format!("{}/tests/data/remote/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// One of the answers of `errors.json`, by its case, with its headers.
fn error(case: &str) -> ResponseTemplate {
    let cases = recorded("errors");
    let case = cases.as_array().unwrap().iter().find(|known| known["case"] == case).unwrap();
    let mut answer = ResponseTemplate::new(u16::try_from(case["http_status"].as_u64().unwrap()).unwrap());
    answer = match case.get("body_text") {
        Some(html) => answer.set_body_raw(html.as_str().unwrap(), "text/html"),
        None => answer.set_body_json(&case["body"]),
    };
    for (name, value) in case.get("headers").and_then(Value::as_object).into_iter().flatten() {
        answer = answer.insert_header(name.as_str(), value.as_str().unwrap());
    }
    answer
}

/// A company at Remote. What a test mounts first has precedence over what is mounted later.
struct Company {
    server: MockServer,
    clock: Clock,
}

impl Company {
    async fn new() -> Self {
        Self { server: MockServer::start().await, clock: Clock::manual(noon()) }
    }

    /// One with all recorded answers.
    async fn whole() -> Self {
        let company = Self::new().await;
        company.facts().await;
        company.bulk().await;
        company.list().await;
        company
    }

    async fn says(&self, at: &str, answer: ResponseTemplate) {
        Mock::given(path(at)).respond_with(answer).mount(&self.server).await;
    }

    async fn says_json(&self, at: &str, answer: Value) {
        self.says(at, ResponseTemplate::new(200).set_body_json(answer)).await;
    }

    /// Identity, offboardings and departments.
    async fn facts(&self) {
        let identity = recorded("identity_current_customer_token");
        // The documentation declares 201 for this one.
        let identity = ResponseTemplate::new(201).set_body_json(identity);
        let bearer = format!("Bearer {TOKEN}");
        let me = Mock::given(path("/v1/identity/current")).and(header("authorization", bearer.as_str()));
        me.respond_with(identity).mount(&self.server).await;
        let offboardings = Mock::given(path(OFFBOARDINGS)).and(query_param("include_confidential", "true"));
        let answer = ResponseTemplate::new(200).set_body_json(recorded("offboardings_v1"));
        offboardings.respond_with(answer).mount(&self.server).await;
        let departments = Mock::given(path(DEPARTMENTS)).and(query_param("company_id", COMPANY));
        let answer = ResponseTemplate::new(200).set_body_json(recorded("company_departments"));
        departments.respond_with(answer).mount(&self.server).await;
    }

    async fn bulk(&self) {
        let first = recorded("employments_bulk_page1");
        let bulk = || Mock::given(path(BULK)).and(query_param("company_id", COMPANY)).and(query_param("limit", "100"));
        let second = bulk().and(query_param("cursor", first["next_cursor"].as_str().unwrap()));
        let page = ResponseTemplate::new(200).set_body_json(recorded("employments_bulk_page2"));
        second.respond_with(page).mount(&self.server).await;
        let page = ResponseTemplate::new(200).set_body_json(first);
        bulk().and(query_param_is_missing("cursor")).respond_with(page).mount(&self.server).await;
    }

    async fn list(&self) {
        for page in ["1", "2"] {
            let answer = ResponseTemplate::new(200).set_body_json(recorded(&format!("employments_list_page{page}")));
            let list =
                Mock::given(path(EMPLOYMENTS)).and(query_param("page", page)).and(query_param("page_size", "100"));
            list.respond_with(answer).mount(&self.server).await;
        }
    }

    fn remote(&self) -> Remote {
        self.remote_with(json!({}))
    }

    fn remote_with(&self, mut settings: Value) -> Remote {
        settings["baseUrl"] = json!(self.server.uri());
        let outbound = Outbound::new(self.clock.clone(), true).unwrap();
        Remote::new(&RemoteSettings::parse(&settings).unwrap(), &SecretString::from(TOKEN), outbound).unwrap()
    }

    async fn begin(&self) -> Result<Box<dyn Reading>, ConnectorError> {
        self.begin_with(None).await
    }

    async fn begin_with(&self, memory: Option<Value>) -> Result<Box<dyn Reading>, ConnectorError> {
        self.remote().begin(ReadRequest { memory, ..ReadRequest::default() }).await
    }

    /// How often a path was requested.
    async fn visits(&self, at: &str) -> usize {
        self.server.received_requests().await.unwrap().iter().filter(|request| request.url.path() == at).count()
    }
}

/// All pages up to the end or the first error.
async fn read(reading: &mut dyn Reading) -> Result<Vec<Page>, ConnectorError> {
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

fn items(pages: &[Page]) -> impl Iterator<Item = &Item> {
    pages.iter().flat_map(|page| &page.items)
}

fn thin(pages: &[Page]) -> Vec<&str> {
    let thin = items(pages).filter_map(|item| if let Item::Thin(id) = item { Some(id.0.as_str()) } else { None });
    thin.collect()
}

fn source_id(number: u32) -> SourceId {
    SourceId(format!("7a1{number:05x}-0000-4000-8000-{number:012x}"))
}
