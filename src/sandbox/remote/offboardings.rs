//! Terminations and resignations in their old and their new shape (remote.md 3.7).

use chrono::{NaiveDate, TimeDelta};
use serde_json::{Value, json};

use super::population::{Population, is_uuid, merge};
use super::surface::Answer;
use crate::sandbox::forbidden::never;
use crate::sandbox::query::Query;

const TYPES: [&str; 2] = ["termination", "resignation"];

pub(super) fn list(people: &Population, query: &Query) -> Result<Answer, Answer> {
    let paging = query.page()?;
    let kind = match query.get("type") {
        Some(word) if !TYPES.contains(&word) => return Err(Answer::unexpected("type")),
        kind => kind,
    };
    let indices = wanted(people, query, |row| kind.is_none_or(|kind| row["type"] == kind))?;
    let total = u64::try_from(indices.len()).unwrap_or(u64::MAX);
    let rows = paging.take(&indices).into_iter().filter_map(|index| v1(people, index)).collect::<Vec<_>>();
    Ok(Answer::ok(paging.envelope("offboardings", &rows, total)))
}

pub(super) fn list_v2(people: &Population, query: &Query) -> Result<Answer, Answer> {
    let paging = query.page()?;
    let indices = wanted(people, query, |row| row["status"] != "canceled")?;
    let total = u64::try_from(indices.len()).unwrap_or(u64::MAX);
    let rows = paging.take(&indices).into_iter().filter_map(|index| v2(people, index)).collect::<Vec<_>>();
    Ok(Answer::ok(paging.envelope("offboardings", &rows, total)))
}

pub(super) fn of_employment(people: &Population, index: u32, query: &Query) -> Result<Answer, Answer> {
    let paging = query.page()?;
    let hidden = |row: &Value| row["confidential"] == true && !query.is_true("include_confidential");
    let rows: Vec<_> = v2(people, index).filter(|row| !hidden(row)).into_iter().collect();
    let total = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    Ok(Answer::ok(paging.envelope("offboardings", &paging.take(&rows), total)))
}

pub(super) fn show(people: &Population, id: &str) -> Result<Answer, Answer> {
    if !is_uuid(id) {
        return Err(Answer::message(422, "Invalid UUID"));
    }
    let number = id.rsplit_once('-').and_then(|(_, number)| u32::from_str_radix(number, 16).ok());
    let row = number.and_then(|number| number.checked_sub(1)).filter(|index| *index < people.span());
    let row = row.and_then(|index| v1(people, index)).filter(|row| row["id"] == id && row["confidential"] != true);
    row.map(|row| Answer::ok(json!({"data": {"offboarding": row}})))
        .ok_or_else(|| Answer::message(404, "Offboarding not found"))
}

/// The indices of the offboardings that a request is about. Confidential ones only when asked for.
fn wanted(people: &Population, query: &Query, accepts: impl Fn(&Value) -> bool) -> Result<Vec<u32>, Answer> {
    let employment = match query.get("employment_id") {
        Some(id) if !is_uuid(id) => return Err(Answer::message(422, "Invalid UUID")),
        Some(id) => Some(people.shown(id)),
        None => None,
    };
    let confidential = query.is_true("include_confidential");
    let accepted = |index: &u32| {
        may_leave(people, *index)
            && employment.is_none_or(|employment| employment == Some(*index))
            && v1(people, *index).is_some_and(|row| accepts(&row) && (confidential || row["confidential"] != true))
    };
    Ok((0..people.span()).filter(accepted).collect())
}

/// Spares making the records of all those who cannot have an offboarding.
fn may_leave(people: &Population, index: u32) -> bool {
    people.offboardings.contains_key(&index)
        || people.changed(index).is_some()
        || people.company().is_example(index)
        || matches!(people.company().status(index), "archived" | "offboarding")
}

/// What is known of the end of an employment.
struct Leaving {
    resignation: bool,
    status: &'static str,
    proposed: NaiveDate,
    /// The last day, once it is decided.
    decided: Option<NaiveDate>,
    submitted: NaiveDate,
}

impl Leaving {
    fn of(people: &Population, index: u32) -> Option<Self> {
        let company = people.company();
        let today = company.today();
        let changed = people.changed(index);
        let untouched = changed.is_none();
        let last_day = match changed {
            Some(record) => record["termination_date"].as_str().and_then(|day| day.parse::<NaiveDate>().ok()),
            None => company.draft(index).dates.termination,
        };
        let example = company.is_example(index) && untouched;
        let done = |last_day: NaiveDate| Self {
            resignation: false,
            status: "done",
            proposed: earlier(last_day, 16),
            decided: Some(last_day),
            submitted: earlier(last_day, 42),
        };
        match (index, last_day) {
            // Two of the examples have an end that no offboarding explains: it may be confidential.
            (7 | 10, _) if example => None,
            // And one has an offboarding that was called off.
            (9, None) if example => Some(Self {
                resignation: false,
                status: "canceled",
                proposed: earlier(today, 143),
                decided: None,
                submitted: earlier(today, 202),
            }),
            // One that a test or an operator of the sandbox set for an employment that had none.
            (_, None) if people.offboardings.contains_key(&index) => Some(Self {
                resignation: false,
                status: "submitted",
                proposed: today,
                decided: None,
                submitted: earlier(today, 1),
            }),
            (_, None) => None,
            // A resignation that is still in review: only the proposed last day is known.
            (index, Some(last_day)) if untouched && company.status(index) == "offboarding" && index % 2 == 1 => {
                Some(Self {
                    resignation: true,
                    status: "in_review",
                    proposed: last_day,
                    decided: None,
                    submitted: earlier(today, 10),
                })
            }
            (_, Some(last_day)) => Some(done(last_day)),
        }
    }
}

fn v1(people: &Population, index: u32) -> Option<Value> {
    let change = people.offboardings.get(&index);
    if change.is_some_and(Option::is_none) {
        return None;
    }
    let leaving = Leaving::of(people, index)?;
    let company = people.company();
    let submitted = format!("{}T13:35:06Z", leaving.submitted);
    let mut row = if leaving.resignation {
        json!({
            "id": id("0ff0", index),
            "offboarding_id": null,
            "type": "resignation",
            "status": leaving.status,
            "submitted_at": submitted,
            "employment_id": people.id_of(index),
            "requested_by": company.user_id(index),
            "proposed_last_working_day": leaving.proposed,
            "termination_date": leaving.decided,
            "resignation_reason": "other_job_opportunity",
            "employer_awareness": never("awareness", index),
            "agrees_to_pto_amount": true,
            "additional_comments": "",
        })
    } else {
        json!({
            "id": id("0ff0", index),
            "offboarding_id": id("0ffa", index),
            "type": "termination",
            "status": leaving.status,
            "submitted_at": submitted,
            "employment_id": people.id_of(index),
            "requested_by": company.user_id(0),
            "confidential": false,
            "proposed_termination_date": leaving.proposed,
            "termination_date": leaving.decided,
            "termination_reason": "workforce_reduction",
            "reason_description": never("reason", index),
            "additional_comments": null,
            "risk_assessment_reasons": [never("risk", index)],
            "agrees_to_pto_amount": true,
            "employee_awareness": {"date": null, "note": never("note", index)},
            "will_challenge_termination": false,
            "will_challenge_termination_description": null,
        })
    };
    if let Some(Some(change)) = change {
        merge(&mut row, change);
    }
    Some(row)
}

fn v2(people: &Population, index: u32) -> Option<Value> {
    let old = v1(people, index)?;
    let resignation = old["type"] == "resignation";
    let proposed = if resignation { &old["proposed_last_working_day"] } else { &old["proposed_termination_date"] };
    let decided = &old["termination_date"];
    let request = if resignation {
        json!({})
    } else {
        json!({
            "proposed_termination_date": proposed,
            "reason_description": old["reason_description"],
            "additional_comments": old["additional_comments"],
            "agrees_to_pto_amount": old["agrees_to_pto_amount"],
            "employee_awareness": old["employee_awareness"],
            "risk_assessment_reasons": old["risk_assessment_reasons"],
            "will_challenge_termination": old["will_challenge_termination"],
            "will_challenge_termination_description": "",
        })
    };
    Some(json!({
        "id": id("0ffa", index),
        "employment_id": old["employment_id"],
        "type": old["type"],
        "status": match old["status"].as_str() {
            Some("done") => "completed",
            Some("submitted") => "requested",
            _ => "in_review",
        },
        "termination_date": if decided.is_null() { proposed } else { decided },
        "reason": if resignation { &old["resignation_reason"] } else { &old["termination_reason"] },
        "confidential": old["confidential"] == true,
        "inserted_at": old["submitted_at"],
        "request": request,
    }))
}

fn id(family: &str, index: u32) -> String {
    format!("{family}0000-5555-4555-8555-{:012x}", index.saturating_add(1))
}

fn earlier(day: NaiveDate, days: i64) -> NaiveDate {
    TimeDelta::try_days(days).and_then(|length| day.checked_sub_signed(length)).unwrap_or(day)
}
