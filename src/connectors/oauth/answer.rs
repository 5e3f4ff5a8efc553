//! What a token endpoint's answer means.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use serde_json::Value;

use super::{Grant, GrantError};
use crate::connectors::field::{instant, text};
use crate::outbound::HttpAnswer;

/// How long an access token counts as good whose end the vendor does not tell. Short: refreshing too early costs a
/// request, too late a run.
const UNTOLD_LIFETIME: TimeDelta = TimeDelta::hours(1);
/// A longer lifetime is in another unit, or a mistake.
const LONGEST_LIFETIME: TimeDelta = TimeDelta::days(365);
/// How long a 429 is waited for that does not say how long.
const UNTOLD_WAIT: Duration = Duration::from_mins(1);
const LONGEST_CODE: usize = 40;

/// Reads a token answer of any status. `secrets` are the parts of the request that no error may repeat.
pub(super) fn read(
    system: &'static str,
    answer: &HttpAnswer,
    secrets: &[&str],
    now: DateTime<Utc>,
) -> Result<Grant, GrantError> {
    if answer.is_success() {
        let lost = |detail: String| GrantError::Lost { system, detail };
        return answer.json().and_then(|body| grant(&body, now)).map_err(lost);
    }
    if answer.status == 429 {
        return Err(GrantError::RateLimited { system, retry_after: answer.asked_wait(now).unwrap_or(UNTOLD_WAIT) });
    }
    let detail = detail(answer, secrets);
    if answer.is_transient() {
        // Also with a 5xx the vendor may have spent the token before it fell over.
        return Err(GrantError::Lost { system, detail: format!("status {}: {detail}", answer.status) });
    }
    let (code, status) = (code(answer), answer.status);
    Err(match code.as_deref() {
        Some(
            "invalid_client" | "unauthorized_client" | "unsupported_grant_type" | "invalid_request" | "invalid_scope",
        ) => GrantError::Misconfigured { system, code: code.unwrap_or_default(), status, detail },
        Some(_) => GrantError::Denied { system, code: code.unwrap_or_default(), status, detail },
        // A refused grant is a 400 (RFC 6749 section 5.2). Any other refusal without a code is not about the grant: a
        // wrong path, a proxy, a login page.
        None if status == 400 => GrantError::Denied { system, code: "unknown".to_owned(), status, detail },
        None => GrantError::Misconfigured { system, code: "unknown".to_owned(), status, detail },
    })
}

/// # Errors
/// What is missing in the answer or cannot be used; no value is shown.
fn grant(body: &Value, now: DateTime<Utc>) -> Result<Grant, String> {
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
        scope: scope(body),
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

/// The error code of RFC 6749 section 5.2.
fn code(answer: &HttpAnswer) -> Option<String> {
    let body = answer.json().ok()?;
    let code = body.get("error")?.as_str()?;
    let is_code = |code: &str| {
        !code.is_empty() && code.len() <= LONGEST_CODE && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    };
    is_code(code).then(|| code.to_owned())
}

/// The vendor's words, unless they repeat what was sent.
fn detail(answer: &HttpAnswer, secrets: &[&str]) -> String {
    let detail = answer.error_detail();
    // Read as text and as JSON, which may write any character as an escape.
    let raw = String::from_utf8_lossy(&answer.body);
    let body = answer.json().map(|body| body.to_string()).unwrap_or_default();
    let repeats =
        |secret: &&str| !secret.is_empty() && [&*raw, &body, &detail].iter().any(|text| text.contains(secret));
    if secrets.iter().any(repeats) {
        return "its message repeats what was sent and is not shown".to_owned();
    }
    detail
}
