//! Answers the list, the bulk reading and the single record of employments (remote.md 3.1 to 3.3).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::population::Population;
use super::record;
use super::surface::{Answer, own_company};
use crate::sandbox::forbidden::never;
use crate::sandbox::query::Query;

/// Remote's values of the status (remote.md 5.1) that come before the employment is active.
const INCOMPLETE: [&str; 10] = [
    "created",
    "pre_hire",
    "created_awaiting_reserve",
    "created_reserve_paid",
    "job_title_review",
    "initiated",
    "invited",
    "pending_post_self_enrollment_actions",
    "pending",
    "review",
];
const COMPLETE: [&str; 4] = ["active", "offboarding", "archived", "deleted"];
const MODELS: [&str; 3] = ["global_payroll", "peo", "eor"];
const TYPES: [&str; 4] = ["employee", "contractor", "direct_employee", "global_payroll_employee"];

/// The most records of one bulk answer; the page knows of 100 only.
const BULK_LIMIT: u32 = 100;

pub(super) fn list(people: &Population, query: &Query, shift: i64) -> Result<Answer, Answer> {
    let paging = query.page()?;
    own_company(people, query)?;
    let filter = Filter::of(query)?;
    let size = usize::try_from(paging.size).unwrap_or(usize::MAX);
    let offset = paging.offset(shift);
    let (indices, total): (Vec<u32>, u64) = if filter.is_empty() {
        let first = people.at(offset).unwrap_or(u32::MAX);
        (people.listed_from(first).take(size).collect(), u64::from(people.count()))
    } else {
        let matching: Vec<_> =
            people.listed_from(0).filter(|index| filter.accepts(&Facts::of(people, *index))).collect();
        let skipped = usize::try_from(offset).unwrap_or(usize::MAX);
        let total = u64::try_from(matching.len()).unwrap_or(u64::MAX);
        (matching.into_iter().skip(skipped).take(size).collect(), total)
    };
    let rows: Vec<_> = indices.into_iter().map(|index| record::thin(&people.record(index))).collect();
    Ok(Answer::ok(paging.envelope("employments", &rows, total)))
}

pub(super) fn bulk(people: &Population, query: &Query, shift: i64) -> Result<Answer, Answer> {
    own_company(people, query)?;
    let limit = query.number("limit", 20, BULK_LIMIT)?;
    let from = match query.get("cursor") {
        None | Some("") => 0,
        Some(word) => from_cursor(people, word).ok_or_else(|| Answer::message(422, "Invalid cursor"))?,
    };
    let first = u32::try_from((i64::from(from) + shift).max(0)).unwrap_or(u32::MAX);
    let mut indices = people.listed_from(first);
    let rows: Vec<_> = indices
        .by_ref()
        .take(usize::try_from(limit).unwrap_or(usize::MAX))
        .map(|index| record::bulk(people.record(index)))
        .collect();
    let next = indices.next().map(|index| cursor(people, index));
    Ok(Answer::ok(json!({"data": rows, "next_cursor": next})))
}

pub(super) fn show(people: &Population, index: u32, query: &Query) -> Answer {
    let mut full = people.record(index);
    if !query.is_true("exclude_files") {
        full["files"] = json!([{"id": people.company().contract_id(index), "name": never("file", index)}]);
    }
    Answer::ok(json!({"data": {"employment": full}}))
}

/// The cursor that begins at an index: opaque to a client, and of no use at another company.
pub(super) fn cursor(people: &Population, index: u32) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{}/{index}", people.company().id()))
}

fn from_cursor(people: &Population, word: &str) -> Option<u32> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(word).ok()?).ok()?;
    let (company, index) = text.split_once('/')?;
    (company == people.company().id()).then(|| index.parse().ok())?
}

/// What the list can be filtered by, taken without making the whole record.
struct Facts {
    status: String,
    kind: String,
    model: String,
    login_email: String,
    short_id: String,
}

impl Facts {
    fn of(people: &Population, index: u32) -> Self {
        let text = |record: &Value, key: &str| record[key].as_str().unwrap_or_default().to_owned();
        if let Some(record) = people.changed(index) {
            return Self {
                status: text(record, "status"),
                kind: text(record, "type"),
                model: text(record, "employment_model"),
                login_email: text(record, "login_email"),
                short_id: text(record, "short_id"),
            };
        }
        let draft = people.company().draft(index);
        Self {
            status: draft.state.status.to_owned(),
            kind: draft.work.kind.to_owned(),
            model: draft.work.model.unwrap_or_default().to_owned(),
            short_id: record::short_id(index),
            login_email: draft.login_email,
        }
    }
}

/// The filters of a request (remote.md 3.1); all have to hold.
struct Filter<'a> {
    statuses: Option<Vec<&'a str>>,
    kind: Option<&'a str>,
    model: Option<&'a str>,
    email: Option<&'a str>,
    short_id: Option<&'a str>,
}

impl<'a> Filter<'a> {
    fn of(query: &'a Query) -> Result<Self, Answer> {
        let one_of = |name: &str, known: &[&str]| match query.get(name) {
            Some(word) if !known.contains(&word) => Err(Answer::unexpected(name)),
            word => Ok(word),
        };
        let statuses = query.get("status").map(|words| words.split(',').map(str::trim).collect::<Vec<_>>());
        let known = |word: &&str| *word == "incomplete" || INCOMPLETE.contains(word) || COMPLETE.contains(word);
        if statuses.as_ref().is_some_and(|words| !words.iter().all(known)) {
            return Err(Answer::unexpected("status"));
        }
        Ok(Self {
            statuses,
            kind: one_of("employment_type", &TYPES)?,
            model: one_of("employment_model", &MODELS)?,
            email: query.get("email"),
            short_id: query.get("short_id"),
        })
    }

    fn is_empty(&self) -> bool {
        self.statuses.is_none()
            && self.kind.is_none()
            && self.model.is_none()
            && self.email.is_none()
            && self.short_id.is_none()
    }

    fn accepts(&self, facts: &Facts) -> bool {
        let status = |words: &Vec<&str>| {
            words.contains(&facts.status.as_str())
                || (words.contains(&"incomplete") && INCOMPLETE.contains(&facts.status.as_str()))
        };
        self.statuses.as_ref().is_none_or(status)
            && self.kind.is_none_or(|word| word == facts.kind)
            && self.model.is_none_or(|word| word == facts.model)
            && self.email.is_none_or(|word| word.eq_ignore_ascii_case(&facts.login_email))
            && self.short_id.is_none_or(|word| word == facts.short_id)
    }
}
