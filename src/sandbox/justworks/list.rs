//! Answers `GET /v1/members` (justworks.md section 3.1): cursor, limit, status and `updated_at` with its operators.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::config::Shapes;
use super::population::Population;
use super::record;
use super::scopes::Scopes;
use super::surface::{bad, enveloped};
use crate::sandbox::answer::Answer;
use crate::sandbox::query::Query;

/// The most rows of a page, and the number of rows when the request states none.
const LIMIT: usize = 100;

pub(super) fn members(
    people: &Population,
    (scopes, shapes): (Scopes, Shapes),
    query: &Query,
    shift: i64,
) -> Result<Answer, Answer> {
    let limit = match query.get("limit").map(str::parse::<usize>) {
        None => LIMIT,
        Some(Ok(limit @ 1..=LIMIT)) => limit,
        Some(_) => return Err(bad("limit must be between 1 and 100")),
    };
    let filter = Filter::of(query)?;
    let first = match query.get("cursor") {
        None | Some("") => 0,
        Some(word) => after(people, word).ok_or_else(|| bad("cursor is invalid"))?,
    };
    let first = u32::try_from((i64::from(first) + shift).max(0)).unwrap_or(u32::MAX);
    let mut matching = people.listed_from(first).filter(|index| filter.accepts(people, *index));
    let page: Vec<_> = matching.by_ref().take(limit).collect();
    let next = page.last().filter(|_| matching.next().is_some()).map(|last| cursor(people, *last));
    let rows = page.into_iter().map(|index| record::view(people.record(index), scopes, shapes)).collect();
    Ok(Answer::ok(enveloped(rows, next, shapes)))
}

/// The cursor of the page that begins after an index: opaque to a client, and of no use at another company. It holds
/// also when that member is removed.
pub(super) fn cursor(people: &Population, index: u32) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(json!({"after": people.id_of(index)}).to_string())
}

fn after(people: &Population, word: &str) -> Option<u32> {
    let cursor: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(word).ok()?).ok()?;
    people.find(cursor["after"].as_str()?)?.checked_add(1)
}

/// The filters of the rows; all of them have to hold.
struct Filter {
    terminated: Option<bool>,
    updated: Vec<(Operator, DateTime<Utc>)>,
}

#[derive(Clone, Copy)]
enum Operator {
    Is,
    Not,
    After,
    From,
    Before,
    Until,
}

/// The operator is the end of the parameter's name.
const OPERATORS: [(&str, Operator); 6] = [
    ("updated_at", Operator::Is),
    ("updated_at_ne", Operator::Not),
    ("updated_at_gt", Operator::After),
    ("updated_at_gte", Operator::From),
    ("updated_at_lt", Operator::Before),
    ("updated_at_lte", Operator::Until),
];

impl Filter {
    fn of(query: &Query) -> Result<Self, Answer> {
        let terminated = match query.get("status") {
            None => None,
            Some("active") => Some(false),
            Some("terminated") => Some(true),
            Some(_) => return Err(bad("status must be active or terminated")),
        };
        let mut updated = Vec::new();
        for (name, value) in query.pairs() {
            if let Some((_, operator)) = OPERATORS.iter().find(|(known, _)| *known == name) {
                let instant = value.parse().map_err(|_| bad(&format!("{name} must be an ISO 8601 time")))?;
                updated.push((*operator, instant));
            }
        }
        Ok(Self { terminated, updated })
    }

    fn accepts(&self, people: &Population, index: u32) -> bool {
        if self.terminated.is_some_and(|wanted| people.is_terminated(index) != wanted) {
            return false;
        }
        if self.updated.is_empty() {
            return true;
        }
        let Ok(instant) = people.updated(index).parse::<DateTime<Utc>>() else { return false };
        self.updated.iter().all(|(operator, given)| match operator {
            Operator::Is => instant == *given,
            Operator::Not => instant != *given,
            Operator::After => instant > *given,
            Operator::From => instant >= *given,
            Operator::Before => instant < *given,
            Operator::Until => instant <= *given,
        })
    }
}
