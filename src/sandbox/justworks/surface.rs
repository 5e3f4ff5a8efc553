//! Answers requests for the resources of Justworks as its page describes them (justworks.md section 3). Nothing here
//! knows of tokens, rates or faults; [`front`](super::front) checks those first.

use serde_json::{Value, json};

use super::config::{Envelope, LastPage, Shapes};
use super::list;
use super::population::Population;
use super::record;
use super::scopes::Scopes;
use crate::sandbox::answer::Answer;
use crate::sandbox::dice::Dice;
use crate::sandbox::forbidden::never;
use crate::sandbox::query::Query;

/// The purpose of [`Dice`].
const CUSTOM: u64 = 26;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Company,
    CustomFields,
    Members,
    Member(&'a str),
    CustomFieldValues(&'a str),
    TaxId(&'a str),
    Authorize,
    Token,
    Revoke,
    Unknown,
}

impl<'a> Route<'a> {
    /// The route of a path such as `/v1/members`.
    pub(super) fn of(path: &'a str) -> Self {
        let segments: Vec<_> = path.trim_matches('/').split('/').collect();
        match segments[..] {
            ["v1", "company"] => Self::Company,
            ["v1", "company", "custom-fields"] => Self::CustomFields,
            ["v1", "members"] => Self::Members,
            ["v1", "members", id] => Self::Member(id),
            ["v1", "members", id, "custom-field-values"] => Self::CustomFieldValues(id),
            ["v1", "members", id, "tax-id"] => Self::TaxId(id),
            ["v1", "oauth", "revoke"] => Self::Revoke,
            ["oauth", "authorize"] => Self::Authorize,
            ["oauth", "token"] => Self::Token,
            _ => Self::Unknown,
        }
    }

    /// The path with ids left out, for counting.
    pub(super) fn pattern(self) -> &'static str {
        match self {
            Self::Company => "/v1/company",
            Self::CustomFields => "/v1/company/custom-fields",
            Self::Members => "/v1/members",
            Self::Member(_) => "/v1/members/{id}",
            Self::CustomFieldValues(_) => "/v1/members/{id}/custom-field-values",
            Self::TaxId(_) => "/v1/members/{id}/tax-id",
            Self::Authorize => "/oauth/authorize",
            Self::Token => "/oauth/token",
            Self::Revoke => "/v1/oauth/revoke",
            Self::Unknown => "unknown",
        }
    }

    /// The scope without which the whole endpoint answers 403.
    fn scope(self) -> Option<&'static str> {
        match self {
            Self::Company => Some("company.basic:read"),
            Self::CustomFields => Some("company.detail:read"),
            Self::Members | Self::Member(_) => Some("member.basic:read"),
            Self::CustomFieldValues(_) => Some("member.detail:read"),
            Self::TaxId(_) => Some("member.tax_id:read"),
            Self::Authorize | Self::Token | Self::Revoke | Self::Unknown => None,
        }
    }
}

/// What this company's Justworks answers to a reader with these scopes. `shift` moves the rows of a page of the list,
/// as if some members before it were removed (positive) or added (negative) while a client was reading.
pub(super) fn answer(
    people: &Population,
    (scopes, shapes): (Scopes, Shapes),
    route: Route<'_>,
    query: &Query,
    shift: i64,
) -> Answer {
    if let Some(scope) = route.scope().filter(|scope| !scopes.has(scope)) {
        let message = format!("Missing required scope {scope}");
        return Answer { status: 403, body: json!({"errors": [{"code": "forbidden", "message": message}]}) };
    }
    let shown = |id: &str| people.shown(id).ok_or_else(|| Answer::message(404, "Not found"));
    let answered = match route {
        Route::Company => Ok(Answer::ok(record::company(people.company(), &people.departments(), scopes))),
        Route::CustomFields => Ok(Answer::ok(custom_fields())),
        Route::Members => list::members(people, (scopes, shapes), query, shift),
        Route::Member(id) => shown(id).map(|index| Answer::ok(record::view(people.record(index), scopes, shapes))),
        Route::CustomFieldValues(id) => shown(id).map(|index| Answer::ok(custom_field_values(index))),
        Route::TaxId(id) => shown(id).map(|index| Answer::ok(json!({"tax_id": never("tax-id", index)}))),
        Route::Authorize | Route::Token | Route::Revoke | Route::Unknown => Err(Answer::message(404, "Not found")),
    };
    answered.unwrap_or_else(|refusal| refusal)
}

/// 400 as the page has it.
pub(super) fn bad(message: &str) -> Answer {
    Answer { status: 400, body: json!({"errors": [{"message": message}]}) }
}

/// The rows of a list and the cursor of its next page, in the envelope of the set-up.
pub(super) fn enveloped(rows: Vec<Value>, next: Option<String>, shapes: Shapes) -> Value {
    let cursor = match (next, shapes.last_page) {
        (None, LastPage::Absent) => json!({}),
        (next, _) => json!({"next_cursor": next}),
    };
    let mut answer = match shapes.envelope {
        Envelope::Items => cursor,
        Envelope::Data => json!({"pagination": cursor}),
    };
    answer[if shapes.envelope == Envelope::Items { "items" } else { "data" }] = Value::Array(rows);
    answer
}

/// Takes all rows out of an answer, and states that there are no more.
pub(super) fn emptied(answer: Answer, shapes: Shapes) -> Answer {
    let is_list = answer.body.get("items").or(answer.body.get("data")).is_some_and(Value::is_array);
    if is_list { Answer { body: enveloped(Vec::new(), None, shapes), ..answer } } else { answer }
}

/// The vendor's body for a status (the page has only inferred ones).
pub(super) fn body_of(status: u16, route: Route<'_>) -> Value {
    match (status, route) {
        (400, Route::Token) => json!({"error": "invalid_grant"}),
        (401, Route::Token | Route::Revoke) => json!({"error": "invalid_client"}),
        (400, _) => bad("cursor is invalid").body,
        (401, _) => json!({"error": "invalid_token", "error_description": "The access token expired"}),
        (403, _) => {
            json!({"errors": [{"code": "forbidden", "message": "Missing required scope member.detail:read"}]})
        }
        (404, _) => json!({"message": "Not found"}),
        (429, _) => json!({"message": "Too many requests"}),
        (500.., _) => json!({"message": "Internal server error"}),
        _ => json!({}),
    }
}

fn custom_fields() -> Value {
    json!({"items": [
        {
            "id": "cf_cost",
            "label": "Cost center",
            "type": "select",
            "options": ["100", "200"],
            "cardinality": "one",
            "category": "member",
        },
        {
            "id": "cf_shirt",
            "label": "T-shirt",
            "type": "text",
            "options": [],
            "cardinality": "one",
            "category": "member",
        },
    ]})
}

/// The first member's are those of the page.
fn custom_field_values(index: u32) -> Value {
    let mut dice = Dice::of(0, index, CUSTOM);
    let cost = if index == 0 { "100" } else { dice.pick(&["100", "200"]) };
    let shirt = if index == 0 { json!([]) } else { json!([dice.pick(&["S", "M", "L"])]) };
    json!({"items": [{"id": "cf_cost", "values": [cost]}, {"id": "cf_shirt", "values": shirt}]})
}
