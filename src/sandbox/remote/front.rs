//! Handles each request to the simulated Remote in order: token, rate limit, the faults that were set, the answer.

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{ContentType, RETRY_AFTER};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::future;
use serde_json::json;

use super::bodies::{body_of, emptied};
use super::surface::{self, Answer, Route};
use super::{Gate, Sandbox, employments};
use crate::sandbox::exchange::{self, InFlight};
use crate::sandbox::faults::Effect;
use crate::sandbox::meter::Rate;
use crate::sandbox::query::Query;
use crate::sandbox::trouble;

/// Answers every request below `/v1` and `/v2`.
pub(super) async fn answer(request: HttpRequest, sandbox: Data<Sandbox>) -> HttpResponse {
    let path = request.path().to_owned();
    let query = Query::parse(request.query_string());
    let route = Route::of(&path);
    let _in_flight = in_flight(&sandbox, route.pattern(), &request);
    match admit(&sandbox, &request, &query) {
        Admitted::No(answer, rate) => sandbox.respond(&answer, rate),
        Admitted::Yes { rate, effect, bulk } => {
            let answer = || {
                let shift = if let Some(Effect::Shift { by }) = effect { by } else { 0 };
                if request.method() != actix_web::http::Method::GET {
                    return Answer::message(405, "Method not allowed");
                }
                surface::answer(&sandbox.people(), bulk, route, &query, shift)
            };
            match &effect {
                None | Some(Effect::Shift { .. }) => sandbox.respond(&answer(), rate),
                Some(Effect::Slow { ms }) => {
                    trouble::wait(*ms).await;
                    sandbox.respond(&answer(), rate)
                }
                Some(Effect::Hang) => future::pending().await,
                Some(Effect::Close) => trouble::close(),
                Some(Effect::Empty) => {
                    let Answer { status, body } = answer();
                    sandbox.respond(&Answer { status, body: emptied(body) }, rate)
                }
                Some(Effect::SameCursor) => sandbox.respond(&same_cursor(&sandbox, answer(), &query), rate),
                Some(Effect::Truncated) => truncated(&sandbox, &answer(), rate),
                Some(Effect::Status { status, body, html, retry_after, reset_ms }) => {
                    let mut response = sandbox.head(*status, announced(*status, rate, *reset_ms));
                    if let Some(value) = retry_after {
                        response.insert_header((RETRY_AFTER, value.as_str()));
                    }
                    if *html {
                        return response.content_type(ContentType::html()).body(trouble::HTML);
                    }
                    response.json(body.clone().unwrap_or_else(|| body_of(*status)))
                }
            }
        }
    }
}

/// The rate headers of a faulty answer. A gateway that fails knows nothing of rates; a fault that names a reset sends
/// it also where no limit is set.
fn announced(status: u16, rate: Option<Rate>, reset_ms: Option<u64>) -> Option<Rate> {
    let Some(reset) = reset_ms else { return rate.filter(|_| status < 500) };
    let count = rate.map_or(0, |rate| rate.count);
    Some(Rate { count, remaining: 0, reset_ms: i64::try_from(reset).unwrap_or(i64::MAX), refused: true })
}

enum Admitted {
    No(Answer, Option<Rate>),
    Yes { rate: Option<Rate>, effect: Option<Effect>, bulk: bool },
}

fn admit(sandbox: &Sandbox, request: &HttpRequest, query: &Query) -> Admitted {
    let now = sandbox.now();
    let mut gate = sandbox.gate();
    if !accepts(&gate, request) {
        gate.meter.statistics.unauthorized += 1;
        return Admitted::No(Answer { status: 401, body: body_of(401) }, None);
    }
    let rate = gate.meter.admit(now);
    if rate.is_some_and(|rate| rate.refused) {
        gate.meter.statistics.rate_limited += 1;
        return Admitted::No(Answer { status: 429, body: body_of(429) }, rate);
    }
    let page = query.get("page").and_then(|page| page.parse().ok());
    let effect = gate.faults.meet(request.path(), page);
    if effect.is_some() {
        gate.meter.statistics.faulted += 1;
    }
    Admitted::Yes { rate, effect, bulk: gate.config.bulk }
}

fn accepts(gate: &Gate, request: &HttpRequest) -> bool {
    exchange::bearer(request).zip(gate.token.as_deref()).is_some_and(|(given, token)| given == token)
}

impl Sandbox {
    fn respond(&self, answer: &Answer, rate: Option<Rate>) -> HttpResponse {
        self.head(answer.status, rate).json(&answer.body)
    }

    /// Status and rate headers; counts the answer.
    fn head(&self, status: u16, rate: Option<Rate>) -> HttpResponseBuilder {
        self.gate().meter.answered(status);
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponseBuilder::new(status);
        if let Some(rate) = rate {
            response
                .insert_header(("x-ratelimit-count", rate.count.to_string()))
                .insert_header(("x-ratelimit-remaining", rate.remaining.to_string()))
                .insert_header(("x-ratelimit-reset", rate.reset_ms.to_string()));
        }
        response
    }
}

fn same_cursor(sandbox: &Sandbox, mut answer: Answer, query: &Query) -> Answer {
    if let Some(next) = answer.body.get_mut("next_cursor") {
        *next = json!(query.get("cursor").map_or_else(|| employments::cursor(&sandbox.people(), 0), str::to_owned));
    }
    answer
}

fn truncated(sandbox: &Sandbox, answer: &Answer, rate: Option<Rate>) -> HttpResponse<BoxBody> {
    sandbox.head(answer.status, rate).content_type(ContentType::json()).body(trouble::half(&answer.body))
}

/// Counts a request as being answered for as long as the result lives.
fn in_flight(sandbox: &Sandbox, pattern: &str, request: &HttpRequest) -> InFlight<impl Fn() + use<>> {
    sandbox.gate().meter.begin(pattern, exchange::asked(request));
    let sandbox = sandbox.clone();
    InFlight(move || sandbox.gate().meter.end())
}
