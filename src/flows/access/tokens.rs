//! Warns an admin of consumer tokens that are about to end. Each warning is reported once, in log and feed.

use std::collections::BTreeSet;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::json;
use tracing::warn;
use uuid::Uuid;

use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::store;
use crate::store::changes::NewChange;
use crate::store::tokens::{ExpiringToken, TokenRow};

/// How many days before the end of a token it is warned of, first and last.
pub const WARNING_DAYS: [i16; 3] = [30, 7, 1];

/// Something about the tokens of a consumer that an admin should act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenWarning {
    /// For programs: `tokenExpiresSoon` or `noLiveToken`.
    pub code: &'static str,
    /// The token in question, if it is one.
    pub token: Option<Uuid>,
    pub message: String,
}

/// The report that is due about the tokens of one consumer at this time.
#[must_use]
pub fn warnings(tokens: &[TokenRow], now: DateTime<Utc>) -> Vec<TokenWarning> {
    let mut warnings: Vec<TokenWarning> = tokens.iter().filter_map(|token| expires_soon(token, now)).collect();
    if !tokens.is_empty() && !tokens.iter().any(|token| token.is_live(now)) {
        warnings.push(TokenWarning {
            code: "noLiveToken",
            token: None,
            message: "every token has expired: nobody can read with them; make another".to_owned(),
        });
    }
    warnings
}

/// The report that is due about one token at this time: nothing before the first of [`WARNING_DAYS`], and nothing after
/// its end.
#[must_use]
pub fn expires_soon(token: &TokenRow, now: DateTime<Utc>) -> Option<TokenWarning> {
    let at = token.expires_at.filter(|at| now < *at && *at - now <= TimeDelta::days(WARNING_DAYS[0].into()))?;
    let days = (at - now).num_days();
    let when = match days {
        0 => "in less than a day".to_owned(),
        1 => "in a day".to_owned(),
        days => format!("in {days} days"),
    };
    let instant = at.to_rfc3339_opts(SecondsFormat::Secs, true);
    Some(TokenWarning {
        code: "tokenExpiresSoon",
        token: Some(token.id),
        message: format!("the token `{}` expires {when}, at {instant}; make another in time", token.name),
    })
}

/// Reports in log and feed the tokens that have come so near to their end, or to it. Each is reported once for each of
/// [`WARNING_DAYS`], by the node that comes first, and the nearest alone if several have passed. `false` when there is
/// nothing to report.
pub async fn warn_of_ends(context: &Context) -> Result<bool, FlowError> {
    let now = context.clock.now();
    let mut conn = context.db.get().await?;
    if !store::tokens::is_ending(&mut conn, now, WARNING_DAYS).await? {
        return Ok(false);
    }
    let told = conn.transaction(async |conn| tell(conn, now).await).await?;
    for (change, days) in &told {
        let (consumer, token) = (change.consumer_id.unwrap_or_default(), change.token_id.unwrap_or_default());
        match days {
            Some(days) => {
                warn!(consumer.id = %consumer, token.id = %token, days, "the token {token} of the consumer {consumer} expires in {days} days or less");
            }
            None => {
                warn!(consumer.id = %consumer, "every token of the consumer {consumer} has expired");
            }
        }
    }
    context.wake.notify();
    Ok(true)
}

/// Saves what is reported, and appends it to the change log.
async fn tell(conn: &mut AsyncPgConnection, now: DateTime<Utc>) -> Result<Vec<(NewChange, Option<i16>)>, FlowError> {
    let ending = store::tokens::ending(conn, now, WARNING_DAYS).await?;
    store::tokens::set_warned(conn, &ending).await?;
    let mut told: Vec<(NewChange, Option<i16>)> = Vec::new();
    let alert = |kind: &str, token: &ExpiringToken, is_of_token: bool| NewChange {
        at: now,
        kind: kind.to_owned(),
        cause: "timer".to_owned(),
        effective_at: Some(token.expires_at),
        diff: json!([]),
        consumer_id: Some(token.consumer_id),
        token_id: Some(token.id).filter(|_| is_of_token),
        ..NewChange::default()
    };
    for token in ending.iter().filter(|token| token.days > 0) {
        told.push((alert("token.expiresSoon", token, true), Some(token.days)));
    }
    let over: Vec<&ExpiringToken> = ending.iter().filter(|token| token.days == 0).collect();
    let consumers: BTreeSet<Uuid> = over.iter().map(|token| token.consumer_id).collect();
    let reading = store::tokens::with_a_live_one(conn, &Vec::from_iter(consumers.clone()), now).await?;
    for consumer in consumers.into_iter().filter(|consumer| !reading.contains(consumer)) {
        let of = over.iter().filter(|token| token.consumer_id == consumer);
        if let Some(last) = of.max_by_key(|token| (token.expires_at, token.id)) {
            told.push((alert("consumer.noLiveToken", last, false), None));
        }
    }
    let changes: Vec<NewChange> = told.iter().map(|(change, _)| change.clone()).collect();
    store::changes::append(conn, &changes).await?;
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(name: &str, expires_at: Option<&str>) -> TokenRow {
        TokenRow {
            id: Uuid::nil(),
            consumer_id: Some(Uuid::nil()),
            name: name.to_owned(),
            created_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            expires_at: expires_at.map(|at| at.parse().unwrap()),
            last_used_at: None,
        }
    }

    fn said(tokens: &[TokenRow]) -> Vec<&'static str> {
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        warnings(tokens, now).iter().map(|warning| warning.code).collect()
    }

    #[test]
    fn a_token_is_warned_of_from_thirty_days_before_its_end() {
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        let says = |at: &str| expires_soon(&token("t", Some(at)), now).map(|warning| warning.message);
        assert_eq!(says("2026-12-20T12:00:01Z"), None);
        assert!(
            says("2026-12-20T12:00:00Z").unwrap().starts_with("the token `t` expires in 30 days, at 2026-12-20T12")
        );
        assert!(says("2026-11-22T11:59:59Z").unwrap().contains("in a day,"));
        assert!(says("2026-11-21T11:59:59Z").unwrap().contains("in less than a day,"));
        assert_eq!(says("2026-11-20T12:00:00Z"), None, "it is over");
        assert_eq!(expires_soon(&token("t", None), now), None);
    }

    #[test]
    fn a_consumer_all_of_whose_tokens_have_expired_is_told_of() {
        let (over, good) = (token("a", Some("2026-11-20T12:00:00Z")), token("b", Some("2027-11-20T12:00:00Z")));
        assert_eq!(said(std::slice::from_ref(&over)), ["noLiveToken"]);
        assert_eq!(said(&[over.clone(), good]), [] as [&str; 0]);
        assert_eq!(said(&[over, token("c", None)]), [] as [&str; 0]);
        assert_eq!(said(&[]), [] as [&str; 0], "nobody has given it one yet");
    }
}
