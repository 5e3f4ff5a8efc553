//! Interprets the answers of a token endpoint.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use serde_json::Value;

use super::{Grant, GrantError, known_code};
use crate::connectors::field::{instant, text};
use crate::outbound::HttpAnswer;

/// How long an access token counts as valid if the vendor does not state its end. Short: refreshing too early costs a
/// request, too late a run.
const UNTOLD_LIFETIME: TimeDelta = TimeDelta::hours(1);
/// A longer lifetime is in another unit, or a mistake.
const LONGEST_LIFETIME: TimeDelta = TimeDelta::days(365);
/// The wait after a 429 that states no time.
const UNTOLD_WAIT: Duration = Duration::from_mins(1);
/// Replaces the code of a refusal whose code is not known.
const UNKNOWN: &str = "unknown";
/// Replaces scopes that are not known.
const OTHER_SCOPE: &str = "other";

/// Reads a token answer of any status. Of the scopes in it, those that are in `scopes` are kept.
pub(super) fn read(
    system: &'static str,
    answer: &HttpAnswer,
    scopes: &[&str],
    now: DateTime<Utc>,
) -> Result<Grant, GrantError> {
    if answer.is_success() {
        let lost = |detail: String| GrantError::Lost { system, detail };
        return answer.json().and_then(|body| grant(&body, scopes, now)).map_err(lost);
    }
    if answer.status == 429 {
        return Err(GrantError::RateLimited { system, retry_after: answer.asked_wait(now).unwrap_or(UNTOLD_WAIT) });
    }
    let detail = answer.error_detail();
    if answer.is_transient() {
        // Also with a 5xx the vendor may have spent the token before it failed.
        return Err(GrantError::Lost { system, detail: format!("status {}: {detail}", answer.status) });
    }
    let status = answer.status;
    Err(match stated_code(answer) {
        Some(
            code @ ("invalid_client"
            | "unauthorized_client"
            | "unsupported_grant_type"
            | "invalid_request"
            | "invalid_scope"),
        ) => GrantError::Misconfigured { system, code: code.to_owned(), status, detail },
        Some(code) => GrantError::Denied { system, code: code.to_owned(), status, detail },
        // Not in the shape of RFC 6749 section 5.2: a proxy or a login page says nothing about the grant.
        None if matches!(status, 400 | 401 | 403 | 407) => GrantError::Blocked { system, status, detail },
        None => GrantError::Misconfigured { system, code: UNKNOWN.to_owned(), status, detail },
    })
}

/// # Errors
/// What is missing in the answer or cannot be used; no value is shown.
fn grant(body: &Value, scopes: &[&str], now: DateTime<Utc>) -> Result<Grant, String> {
    let secret = |name: &str| -> Result<Option<SecretString>, String> {
        match body.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(token)) if token.is_empty() => Ok(None),
            Some(Value::String(token)) if token.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(Some(SecretString::from(token.as_str())))
            }
            Some(_) => Err(format!("`{name}` is no token")),
        }
    };
    let kind = body.get("token_type").and_then(text);
    if kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err("`token_type` is not Bearer".to_owned());
    }
    Ok(Grant {
        access_token: secret("access_token")?.ok_or("no `access_token` in it")?,
        refresh_token: secret("refresh_token")?,
        expires_at: expiry(body, now),
        scope: scope(body).map(|granted| known_only(&granted, scopes)),
    })
}

/// The granted scopes. By RFC 6749 one text; a list is read too.
fn scope(body: &Value) -> Option<String> {
    match body.get("scope")? {
        Value::Array(scopes) => {
            let scopes: Vec<String> = scopes.iter().filter_map(text).collect();
            (!scopes.is_empty()).then(|| scopes.join(" "))
        }
        one => text(one),
    }
}

/// The granted scopes that are known; all others become one constant.
fn known_only(granted: &str, scopes: &[&str]) -> String {
    let words = granted.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
    let mut kept: Vec<&str> =
        words.map(|word| scopes.iter().copied().find(|known| *known == word).unwrap_or(OTHER_SCOPE)).collect();
    kept.sort_unstable();
    kept.dedup();
    kept.join(" ")
}

/// The end of the access token: `expires_in` in seconds (RFC 6749 section 5.1) or `expires_at` as an instant, whichever
/// comes first. An end that has passed says that clocks differ, and nothing else.
fn expiry(body: &Value, now: DateTime<Utc>) -> DateTime<Utc> {
    let seconds = body.get("expires_in").and_then(|value| match value {
        Value::String(digits) => digits.trim().parse::<i64>().ok(),
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and what is too long is not believed")]
        number => number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds as i64)),
    });
    let lasts = seconds.and_then(TimeDelta::try_seconds).and_then(|lasts| now.checked_add_signed(lasts));
    let ends = body.get("expires_at").and_then(instant);
    let latest = now + LONGEST_LIFETIME;
    let plausible = [lasts, ends].into_iter().flatten().filter(|end| *end > now && *end <= latest).min();
    plausible.unwrap_or(now + UNTOLD_LIFETIME)
}

/// The error code of RFC 6749 section 5.2; `unknown` for a text that is none of its codes, absent without any.
fn stated_code(answer: &HttpAnswer) -> Option<&'static str> {
    let body = answer.json().ok().filter(|_| !answer.is_html())?;
    let code = body.get("error")?.as_str().filter(|code| !code.is_empty())?;
    Some(known_code(code).unwrap_or(UNKNOWN))
}
