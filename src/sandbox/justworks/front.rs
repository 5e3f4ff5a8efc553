//! Handles each request to the simulated Justworks in a fixed order. For resources: token, rate limit, then the faults
//! that were set, then the answer. For OAuth: the faults, then the answer.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ContentType, LOCATION, RETRY_AFTER};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::future;
use serde_json::json;

use super::consent::{self, Ask, Turned};
use super::grants::Shut;
use super::oauth::TokenAnswer;
use super::passes::Pass;
use super::surface::{self, Route, body_of, emptied};
use super::{Justworks, list};
use crate::sandbox::answer::Answer;
use crate::sandbox::exchange::{self, InFlight};
use crate::sandbox::faults::Effect;
use crate::sandbox::query::Query;
use crate::sandbox::trouble;

/// Answers every request below `/v1` and `/oauth`.
pub(super) async fn answer(request: HttpRequest, body: Bytes, vendor: Data<Justworks>) -> HttpResponse {
    let path = request.path().to_owned();
    let route = Route::of(&path);
    let _in_flight = in_flight(&vendor, route.pattern(), &request);
    let pass = match route {
        Route::Authorize | Route::Token | Route::Revoke => None,
        _ => match admit(&vendor, &request) {
            Ok(pass) => Some(pass),
            Err(refused) => return refuse(&vendor, &refused),
        },
    };
    let effect = vendor.meet(&path);
    let respond = |effect: &Option<Effect>| match (route, pass) {
        (_, Some(pass)) => resource(&vendor, &request, route, pass, effect.as_ref()),
        (Route::Authorize, None) => authorize(&vendor, &request, &body),
        (_, None) => credentials(&vendor, &request, &body, route, effect.as_ref()),
    };
    match &effect {
        Some(Effect::Hang) => future::pending().await,
        Some(Effect::Close) => trouble::close(),
        Some(Effect::Slow { ms }) => {
            trouble::wait(*ms).await;
            respond(&effect)
        }
        Some(Effect::Status { status, body, html, retry_after, .. }) => {
            let mut response = vendor.head(*status);
            if let Some(value) = retry_after {
                response.insert_header((RETRY_AFTER, value.as_str()));
            }
            if *html {
                return response.content_type(ContentType::html()).body(trouble::HTML);
            }
            response.json(body.clone().unwrap_or_else(|| body_of(*status, route)))
        }
        _ => respond(&effect),
    }
}

/// Why a request does not reach its answer.
struct Refused {
    answer: Answer,
    /// Seconds.
    retry_after: Option<i64>,
}

/// What the token of a request opens.
fn admit(vendor: &Justworks, request: &HttpRequest) -> Result<Pass, Refused> {
    let now = vendor.now();
    let mut gate = vendor.gate();
    let rules = gate.config.rules();
    let token = exchange::bearer(request).ok_or(Shut::Unknown);
    let pass = match token.and_then(|token| gate.grants.access(token, rules, now)) {
        Ok(pass) => pass,
        Err(shut) => {
            gate.meter.statistics.unauthorized += 1;
            let why = match shut {
                Shut::Unknown => "The access token is invalid",
                Shut::Expired => "The access token expired",
            };
            let body = json!({"error": "invalid_token", "error_description": why});
            return Err(Refused { answer: Answer { status: 401, body }, retry_after: None });
        }
    };
    if let Some(rate) = gate.meter.admit(now).filter(|rate| rate.refused) {
        gate.meter.statistics.rate_limited += 1;
        let answer = Answer { status: 429, body: body_of(429, Route::Unknown) };
        return Err(Refused { answer, retry_after: Some((rate.reset_ms + 999) / 1000) });
    }
    Ok(pass)
}

fn refuse(vendor: &Justworks, refused: &Refused) -> HttpResponse {
    let mut response = vendor.head(refused.answer.status);
    if let Some(seconds) = refused.retry_after {
        response.insert_header((RETRY_AFTER, seconds.to_string()));
    }
    response.json(&refused.answer.body)
}

fn resource(
    vendor: &Justworks,
    request: &HttpRequest,
    route: Route<'_>,
    pass: Pass,
    effect: Option<&Effect>,
) -> HttpResponse {
    if request.method() != Method::GET {
        return vendor.respond(&Answer::message(405, "Method not allowed"));
    }
    let query = Query::parse(request.query_string());
    let shapes = vendor.gate().config.shapes;
    let shift = if let Some(Effect::Shift { by }) = effect { *by } else { 0 };
    let answer = vendor.with_company(pass.company, |people| {
        let mut answer = surface::answer(people, (pass.scopes, shapes), route, &query, shift);
        if let Some(Effect::SameCursor) = effect {
            let cursor = query.get("cursor").map_or_else(|| list::cursor(people, 0), str::to_owned);
            let at = if answer.body.get("pagination").is_some() { "/pagination/next_cursor" } else { "/next_cursor" };
            if let Some(next) = answer.body.pointer_mut(at) {
                *next = json!(cursor);
            }
        }
        answer
    });
    match effect {
        Some(Effect::Empty) => vendor.respond(&emptied(answer, shapes)),
        Some(Effect::Truncated) => truncated(vendor, &answer),
        _ => vendor.respond(&answer),
    }
}

/// The token endpoint and revocation: a POST with a form.
fn credentials(
    vendor: &Justworks,
    request: &HttpRequest,
    body: &Bytes,
    route: Route<'_>,
    effect: Option<&Effect>,
) -> HttpResponse {
    if request.method() != Method::POST {
        return vendor.respond(&Answer::message(405, "Method not allowed"));
    }
    let given = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !given.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return vendor.respond(&Answer { status: 400, body: json!({"error": "invalid_request"}) });
    }
    let form = Query::parse_bytes(body);
    if route == Route::Revoke {
        return vendor.respond(&vendor.revoke(&form));
    }
    match vendor.token(&form) {
        TokenAnswer { is_lost: true, .. } => trouble::close(),
        TokenAnswer { answer, .. } if matches!(effect, Some(Effect::Truncated)) => truncated(vendor, &answer),
        TokenAnswer { answer, .. } => {
            vendor.head(answer.status).insert_header((CACHE_CONTROL, "no-store")).json(&answer.body)
        }
    }
}

/// The consent page, and the answer to it.
fn authorize(vendor: &Justworks, request: &HttpRequest, body: &Bytes) -> HttpResponse {
    let asked = match *request.method() {
        Method::GET => Query::parse(request.query_string()),
        Method::POST => Query::parse_bytes(body),
        _ => return vendor.respond(&Answer::message(405, "Method not allowed")),
    };
    let config = vendor.config();
    let ask = match Ask::of(&asked, &config) {
        Ok(ask) => ask,
        Err(Turned::Back(to)) => return redirect(vendor, &to),
        Err(Turned::Away(why)) => return html(vendor, 400, consent::sorry(why)),
    };
    match (request.method() == Method::POST, asked.get("decision")) {
        (false, _) => html(vendor, 200, consent::page(&ask, &asked, &config.company_name)),
        (true, Some("allow")) => redirect(vendor, &vendor.allow(&ask)),
        (true, Some("deny")) => redirect(vendor, &ask.denied()),
        (true, _) => html(vendor, 400, consent::sorry("Say yes or no.")),
    }
}

fn redirect(vendor: &Justworks, to: &str) -> HttpResponse {
    vendor.head(303).insert_header((LOCATION, to)).insert_header((CACHE_CONTROL, "no-store")).finish()
}

fn html(vendor: &Justworks, status: u16, page: String) -> HttpResponse {
    vendor
        .head(status)
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("content-security-policy", "default-src 'none'; frame-ancestors 'none'"))
        .content_type(ContentType::html())
        .body(page)
}

fn truncated(vendor: &Justworks, answer: &Answer) -> HttpResponse {
    vendor.head(answer.status).content_type(ContentType::json()).body(trouble::half(&answer.body))
}

impl Justworks {
    fn respond(&self, answer: &Answer) -> HttpResponse {
        self.head(answer.status).json(&answer.body)
    }

    /// The status; counts the answer.
    fn head(&self, status: u16) -> HttpResponseBuilder {
        self.gate().meter.answered(status);
        HttpResponseBuilder::new(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
    }

    /// What goes wrong with a request of that path.
    fn meet(&self, path: &str) -> Option<Effect> {
        let mut gate = self.gate();
        let effect = gate.faults.meet(path, None);
        if effect.is_some() {
            gate.meter.statistics.faulted += 1;
        }
        effect
    }
}

/// Counts a request as being answered for as long as the result lives.
fn in_flight(vendor: &Justworks, pattern: &str, request: &HttpRequest) -> InFlight<impl Fn() + use<>> {
    // What an app or an admin was given is nothing for a list of recent requests.
    let asked = if request.path().contains("/oauth/") { request.path().to_owned() } else { exchange::asked(request) };
    vendor.gate().meter.begin(pattern, asked);
    let vendor = vendor.clone();
    InFlight(move || vendor.gate().meter.end())
}
