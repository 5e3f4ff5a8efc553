//! Answers requests as Remote's API page describes (remote.md). Nothing here knows of tokens, rates or faults;
//! [`front`](super::front) checks those first.

use serde_json::{Value, json};

use super::population::{Population, is_uuid};
use super::{employments, offboardings, small};
pub(super) use crate::sandbox::answer::Answer;
use crate::sandbox::query::Query;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Identity,
    Employments,
    Bulk,
    Employment(&'a str),
    /// What is below one employment, by the last segment of the path.
    Below(&'a str, &'a str),
    Departments,
    Managers,
    Offboardings,
    Offboarding(&'a str),
    OffboardingsV2,
    OffboardingsOf(&'a str),
    Countries,
    CustomFields,
    Contracts,
    /// Exists, but not for a company token (remote.md 2.4).
    Forbidden(&'static str),
    Unknown,
}

impl<'a> Route<'a> {
    /// The route of a path such as `/v1/employments`.
    pub(super) fn of(path: &'a str) -> Self {
        let segments: Vec<_> = path.trim_matches('/').split('/').collect();
        match segments[..] {
            ["v1", "identity", "current"] => Self::Identity,
            ["v1", "employments"] => Self::Employments,
            ["v1", "employments", "bulk"] => Self::Bulk,
            ["v1", "employments", id] => Self::Employment(id),
            ["v1", "employments", id, what @ ("job" | "custom-fields" | "company-structure-nodes")] => {
                Self::Below(id, what)
            }
            ["v1", "company-departments"] => Self::Departments,
            ["v1", "company-managers"] => Self::Managers,
            ["v1", "offboardings"] => Self::Offboardings,
            ["v1", "offboardings", id] => Self::Offboarding(id),
            ["v1", "offboardings", "employments", id] => Self::OffboardingsOf(id),
            ["v2", "offboardings"] => Self::OffboardingsV2,
            ["v1", "countries"] => Self::Countries,
            ["v1", "custom-fields"] => Self::CustomFields,
            ["v1", "employment-contracts"] => Self::Contracts,
            ["v1", "companies"] => Self::Forbidden("/v1/companies"),
            ["v1", "companies", _] => Self::Forbidden("/v1/companies/{id}"),
            ["v1", "companies", _, "legal-entities"] => Self::Forbidden("/v1/companies/{id}/legal-entities"),
            ["v1", "companies", _, "webhook-callbacks"] => Self::Forbidden("/v1/companies/{id}/webhook-callbacks"),
            ["v1", "webhook-events"] => Self::Forbidden("/v1/webhook-events"),
            _ => Self::Unknown,
        }
    }

    /// The path with ids left out, for counting.
    pub(super) fn pattern(&self) -> &'static str {
        match self {
            Self::Identity => "/v1/identity/current",
            Self::Employments => "/v1/employments",
            Self::Bulk => "/v1/employments/bulk",
            Self::Employment(_) => "/v1/employments/{id}",
            Self::Below(_, "job") => "/v1/employments/{id}/job",
            Self::Below(_, "custom-fields") => "/v1/employments/{id}/custom-fields",
            Self::Below(..) => "/v1/employments/{id}/company-structure-nodes",
            Self::Departments => "/v1/company-departments",
            Self::Managers => "/v1/company-managers",
            Self::Offboardings => "/v1/offboardings",
            Self::Offboarding(_) => "/v1/offboardings/{id}",
            Self::OffboardingsV2 => "/v2/offboardings",
            Self::OffboardingsOf(_) => "/v1/offboardings/employments/{id}",
            Self::Countries => "/v1/countries",
            Self::CustomFields => "/v1/custom-fields",
            Self::Contracts => "/v1/employment-contracts",
            Self::Forbidden(pattern) => pattern,
            Self::Unknown => "unknown",
        }
    }
}

impl Answer {
    /// 422 as a map of fields (remote.md 9.2).
    fn invalid(field: &str, complaint: &str) -> Self {
        Self { status: 422, body: json!({"errors": {field: [complaint]}}) }
    }

    /// 422 for a value that is none of an enumeration.
    pub(super) fn unexpected(param: &str) -> Self {
        let message = json!({"code": "parameter_one_of_invalid_types", "message": "Unexpected value", "param": param});
        Self { status: 422, body: json!({"message": message}) }
    }
}

impl Query {
    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    /// A number within bounds, or 422.
    pub(super) fn number(&self, name: &str, default: u32, most: u32) -> Result<u32, Answer> {
        let Some(word) = self.get(name) else { return Ok(default) };
        match word.parse::<u32>() {
            Ok(0) => Err(Answer::invalid(name, "must be greater than or equal to 1")),
            Ok(number) if number > most => Err(Answer::invalid(name, &format!("must be less than or equal to {most}"))),
            Ok(number) => Ok(number),
            Err(_) => Err(Answer::invalid(name, "is invalid")),
        }
    }

    pub(super) fn page(&self) -> Result<Paging, Answer> {
        Ok(Paging { page: self.number("page", 1, u32::MAX)?, size: self.number("page_size", 20, 100)? })
    }
}

/// A page by number (remote.md 3.1: page ≥ 1, `page_size` 1 to 100, 20 by default).
#[derive(Clone, Copy, Debug)]
pub(super) struct Paging {
    pub(super) page: u32,
    pub(super) size: u32,
}

impl Paging {
    /// How many rows come before this page, when all of them moved by `shift` in the meantime.
    pub(super) fn offset(self, shift: i64) -> u64 {
        let offset = u64::from(self.page - 1) * u64::from(self.size);
        offset.saturating_add_signed(shift)
    }

    pub(super) fn take<T: Clone>(self, rows: &[T]) -> Vec<T> {
        let offset = usize::try_from(self.offset(0)).unwrap_or(usize::MAX);
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        rows.iter().skip(offset).take(size).cloned().collect()
    }

    /// `data.{rows, current_page, total_pages, total_count}` (remote.md section 7).
    pub(super) fn envelope(self, name: &str, rows: &[Value], total: u64) -> Value {
        json!({"data": {
            name: rows,
            "current_page": self.page,
            "total_pages": self.pages(total),
            "total_count": total,
        }})
    }

    pub(super) fn pages(self, total: u64) -> u64 {
        total.div_ceil(u64::from(self.size)).max(1)
    }
}

/// What this company's Remote answers. `shift` moves the rows of lists of employments, as if some were removed
/// (positive) or added (negative) before this page while a client was reading.
pub(super) fn answer(people: &Population, bulk: bool, route: Route<'_>, query: &Query, shift: i64) -> Answer {
    let answered = match route {
        Route::Identity => Ok(small::identity(people)),
        Route::Employments => employments::list(people, query, shift),
        Route::Bulk if bulk => employments::bulk(people, query, shift),
        Route::Employment(id) => employment(people, id).map(|index| employments::show(people, index, query)),
        Route::Below(id, what) => employment(people, id).and_then(|index| small::below(people, index, what, query)),
        Route::Departments => small::departments(people, query),
        Route::Managers => small::managers(people, query),
        Route::Offboardings => offboardings::list(people, query),
        Route::Offboarding(id) => offboardings::show(people, id),
        Route::OffboardingsV2 => offboardings::list_v2(people, query),
        Route::OffboardingsOf(id) => {
            employment(people, id).and_then(|index| offboardings::of_employment(people, index, query))
        }
        Route::Countries => Ok(small::countries()),
        Route::CustomFields => small::custom_fields(people, query),
        Route::Contracts => small::contracts(people, query),
        Route::Forbidden(_) => Err(Answer::message(403, "Forbidden")),
        Route::Bulk | Route::Unknown => Err(Answer::message(404, "Not found")),
    };
    answered.unwrap_or_else(|refusal| refusal)
}

/// The index behind an id in a path or a parameter, or the refusal.
pub(super) fn employment(people: &Population, id: &str) -> Result<u32, Answer> {
    if !is_uuid(id) {
        return Err(Answer::message(422, "Invalid UUID"));
    }
    people.shown(id).ok_or_else(|| Answer::message(404, "Employment not found"))
}

/// Refuses a `company_id` that is not the token's.
pub(super) fn own_company(people: &Population, query: &Query) -> Result<(), Answer> {
    match query.get("company_id") {
        Some(id) if !is_uuid(id) => Err(Answer::message(422, "Invalid UUID")),
        Some(id) if !id.eq_ignore_ascii_case(&people.company().id()) => Err(Answer::message(403, "Forbidden")),
        _ => Ok(()),
    }
}
