//! Single fields of a vendor's record, read without trust: any field may be missing, null or of another type.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, SubsecRound, Utc};
use serde_json::Value;

use crate::directory::email::Email;
use crate::directory::ids::SourceId;
use crate::directory::worker::Rejected;

/// Ids are short today; this leaves room for others, in characters.
const LONGEST_ID: usize = 200;

/// No text of a directory is longer, in characters; what is, is cut.
const LONGEST_TEXT: usize = 1_000;

/// A text: trimmed, without NUL characters (Postgres stores none), cut at 1,000 characters. Empty is unassigned.
pub(super) fn text(value: &Value) -> Option<String> {
    let raw = value.as_str()?;
    let clean: String = raw.trim().chars().filter(|c| *c != '\0').take(LONGEST_TEXT).collect();
    let clean = clean.trim();
    (!clean.is_empty()).then(|| clean.to_owned())
}

/// A [`text`], or a whole number in its place: ids and codes are both, depending on who typed them.
pub(super) fn code(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        other => text(other),
    }
}

/// A calendar date `YYYY-MM-DD`; of a timestamp the date as written. Anything else is unassigned.
pub(super) fn date(value: &Value) -> Option<NaiveDate> {
    let raw = value.as_str()?.trim();
    let (day, rest) = raw.split_at_checked(10)?;
    let shaped = day.bytes().enumerate().all(|(at, b)| if at == 4 || at == 7 { b == b'-' } else { b.is_ascii_digit() });
    if !shaped || !(rest.is_empty() || rest.starts_with(['T', ' '])) {
        return None;
    }
    // What lies before anybody's working life stands for "none" somewhere, or is a mistake; Postgres has no year 0.
    NaiveDate::parse_from_str(day, "%Y-%m-%d").ok().filter(|date| date.year() >= 1900)
}

/// An instant in ISO 8601, with a zone or without one; without one it is UTC, as Remote means it.
pub(super) fn instant(value: &Value) -> Option<DateTime<Utc>> {
    let raw = value.as_str()?.trim();
    let zoned = DateTime::parse_from_rfc3339(raw).map(|instant| instant.to_utc());
    let instant = zoned.or_else(|_| {
        NaiveDateTime::parse_from_str(raw, "%Y-%m-%dT%H:%M:%S%.f")
            .or_else(|_| NaiveDateTime::parse_from_str(raw, "%Y-%m-%d %H:%M:%S%.f"))
            .map(|local| local.and_utc())
    });
    instant.ok().map(|instant| instant.trunc_subsecs(6))
}

/// The id of a record, under `id`.
///
/// # Errors
/// [`Rejected`] when there is none that could be asked for again.
pub(super) fn source_id(record: &Value) -> Result<SourceId, Rejected> {
    let rejected = |reason: &str| Rejected { source_id: None, reason: reason.to_owned() };
    if !record.is_object() {
        return Err(rejected("the record is no object"));
    }
    let id = match record.get("id") {
        Some(Value::String(id)) => id.trim().to_owned(),
        Some(Value::Number(id)) if !id.is_f64() => id.to_string(),
        _ => return Err(rejected("`id` is missing")),
    };
    if id.is_empty() {
        return Err(rejected("`id` is empty"));
    }
    // The last two would lead elsewhere as a segment of a path.
    if id.chars().count() > LONGEST_ID || id.chars().any(char::is_control) || id == "." || id == ".." {
        return Err(rejected("`id` is no id that can be asked for"));
    }
    Ok(SourceId(id))
}

/// Whether an email is one of these domains, which are in lower-case ASCII.
pub(super) fn is_in(email: &str, domains: &BTreeSet<String>) -> bool {
    Email::parse(email).is_ok_and(|email| domains.contains(email.domain()))
}

/// The first of these keys whose value is there and is no date, as the reason for a rejection. A start or an end that
/// cannot be read, taken for absent, would let somebody in, or let somebody stay who has left; rejected, its worker keeps
/// the last good state.
pub(super) fn unreadable_date(record: &Value, keys: &[&str]) -> Option<String> {
    let is_wrong = |key: &&&str| {
        let stated = |value: &&Value| !value.is_null() && value.as_str().is_none_or(|raw| !raw.trim().is_empty());
        record.get(**key).filter(stated).is_some_and(|value| date(value).is_none())
    };
    keys.iter().find(is_wrong).map(|key| format!("`{key}` is no date"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_trimmed_cut_and_free_of_nul() {
        assert_eq!(text(&json!("  Ana \u{0}Marques ")), Some("Ana Marques".to_owned()));
        assert_eq!(text(&json!(" \u{0} ")), None);
        assert_eq!(text(&json!("")), None);
        assert_eq!(text(&json!("é".repeat(2_000))).unwrap().chars().count(), LONGEST_TEXT);
        for other in [json!(null), json!(7), json!(true), json!(["x"]), json!({"x": "y"})] {
            assert_eq!(text(&other), None);
        }
        assert_eq!(code(&json!(102)), Some("102".to_owned()));
        assert_eq!(code(&json!(1.5)), None);
    }

    #[test]
    fn dates_are_dates_and_nothing_else() {
        let day = NaiveDate::from_ymd_opt(2026, 12, 31);
        assert_eq!(date(&json!("2026-12-31")), day);
        assert_eq!(date(&json!("2026-12-31T23:00:00-08:00")), day);
        for other in [
            json!(""),
            json!("31/12/2026"),
            json!("2026-13-01"),
            json!("0000-01-01"),
            json!("0000-00-00"),
            json!("1899-12-31"),
            json!("2026-12-3"),
            json!("2026-12-311"),
            json!("日本日本日本"),
            json!(20_261_231),
        ] {
            assert_eq!(date(&other), None, "{other}");
        }
    }

    #[test]
    fn an_instant_without_zone_is_utc() {
        let expected = "2026-11-02T09:12:41Z".parse().ok();
        for form in ["2026-11-02T09:12:41", "2026-11-02T09:12:41Z", "2026-11-02 09:12:41", "2026-11-02T10:12:41+01:00"]
        {
            assert_eq!(instant(&json!(form)), expected, "{form}");
        }
        assert_eq!(instant(&json!("yesterday")), None);
    }
}
