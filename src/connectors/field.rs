//! Reads single values of a vendor's record without trust: any may be missing, null or of another type.
//!
//! Each reader of [`Fields`](super::fields::Fields) has three answers: a value, none, and [`Wrong`] for a value that is
//! there and cannot be read. The functions without `read` in front are for answers that are no records of workers;
//! there a wrong value is none.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, SubsecRound, Utc};
use serde_json::Value;

use super::country::alpha_2;
use crate::directory::email::Email;
use crate::directory::ids::SourceId;
use crate::directory::text::{clean, is_invisible};
use crate::directory::worker::Rejected;

/// Ids are short today; this leaves space for longer ones, in characters.
const LONGEST_ID: usize = 200;

/// No text of a directory is longer, in characters. A longer one is not cut: that would make another value.
pub(super) const LONGEST_TEXT: usize = 1_000;

/// A decoder writes this in place of invalid bytes. So a text with it is not the intended text.
const REPLACEMENT: char = '\u{FFFD}';

/// A value is there and is not what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wrong;

pub(super) type Read<T> = Result<Option<T>, Wrong>;

/// A text for people: without characters that cannot be seen. Blank is none.
pub(super) fn read_text(value: &Value) -> Read<String> {
    let text = plain_text(value)?.map(clean).filter(|text| !text.is_empty());
    Ok(text)
}

/// A text that a program compares, such as an address: trimmed and else as it is, since without one of its characters
/// it would be another. Of what cannot be stored (NUL) a sign is kept that no address has.
pub(super) fn read_exact(value: &Value) -> Read<String> {
    let text = plain_text(value)?.map(str::trim).filter(|text| !text.is_empty());
    Ok(text.map(|text| text.replace('\0', "\u{FFFD}")))
}

/// An id or a number of something, as a text or as a whole number: both occur, depending on who typed them.
pub(super) fn read_code(value: &Value) -> Read<String> {
    match value {
        Value::Number(number) if !number.is_f64() => Ok(Some(number.to_string())),
        Value::String(code) if code.trim().chars().any(is_invisible) => {
            // Nothing but invisible characters is blank; between others they make another id.
            if clean(code).is_empty() { Ok(None) } else { Err(Wrong) }
        }
        other => read_text(other),
    }
}

/// A calendar date `YYYY-MM-DD`; of a timestamp the date as written.
pub(super) fn read_date(value: &Value) -> Read<NaiveDate> {
    let Some(raw) = plain_text(value)?.map(str::trim).filter(|raw| !clean(raw).is_empty()) else { return Ok(None) };
    let (day, rest) = raw.split_at_checked(10).ok_or(Wrong)?;
    let shaped = day.bytes().enumerate().all(|(at, b)| if at == 4 || at == 7 { b == b'-' } else { b.is_ascii_digit() });
    let is_time = |rest: &str| {
        rest.starts_with(['T', 't', ' '])
            && rest.get(1..).is_some_and(|time| time.starts_with(|c: char| c.is_ascii_digit()))
            && rest
                .chars()
                .skip(1)
                .all(|c| c.is_ascii_digit() || matches!(c, ':' | '.' | ',' | '+' | '-' | 'Z' | 'z' | ' '))
    };
    if !shaped || !(rest.is_empty() || is_time(rest)) {
        return Err(Wrong);
    }
    // A date before the working life of any living person means "none" somewhere, or is a mistake; Postgres has no year
    // 0.
    let date = NaiveDate::parse_from_str(day, "%Y-%m-%d").ok().filter(|date| date.year() >= 1900);
    date.map(Some).ok_or(Wrong)
}

/// True or false, also as a text.
pub(super) fn read_flag(value: &Value) -> Read<bool> {
    match value {
        Value::Null => Ok(None),
        Value::Bool(flag) => Ok(Some(*flag)),
        other => match read_text(other)?.map(|word| word.to_ascii_lowercase()).as_deref() {
            None => Ok(None),
            Some("true" | "yes") => Ok(Some(true)),
            Some("false" | "no") => Ok(Some(false)),
            Some(_) => Err(Wrong),
        },
    }
}

/// A country code of two letters or three, as the one of two.
pub(super) fn read_country(value: &Value) -> Read<String> {
    match read_text(value)? {
        Some(code) => alpha_2(&code).map(|code| Some(code.to_owned())).ok_or(Wrong),
        None => Ok(None),
    }
}

fn plain_text(value: &Value) -> Read<&str> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.contains(REPLACEMENT) || text.chars().nth(LONGEST_TEXT).is_some() => {
            // A text may be long because of the white space around it.
            let trimmed = text.trim();
            let is_fine = !trimmed.contains(REPLACEMENT) && trimmed.chars().nth(LONGEST_TEXT).is_none();
            if is_fine { Ok(Some(trimmed)) } else { Err(Wrong) }
        }
        Value::String(text) => Ok(Some(text)),
        _ => Err(Wrong),
    }
}

/// What a value is, by type and size; never the value.
pub(super) fn found(value: &Value) -> String {
    let many = |count: usize, one: &str| if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") };
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(text) => {
            let broken = if text.contains(REPLACEMENT) { ", with a character that could not be decoded" } else { "" };
            format!("a text of {}{broken}", many(text.chars().count(), "character"))
        }
        Value::Array(items) => format!("a list of {}", many(items.len(), "item")),
        Value::Object(members) => format!("an object with {}", many(members.len(), "key")),
    }
}

/// [`read_text`] where a wrong value is none.
pub(super) fn text(value: &Value) -> Option<String> {
    read_text(value).ok().flatten()
}

/// [`read_code`] where a wrong value is none.
pub(super) fn code(value: &Value) -> Option<String> {
    read_code(value).ok().flatten()
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
    let rejected = |reason: String| Rejected { source_id: None, row: None, name: None, reason };
    if !record.is_object() {
        return Err(rejected(format!("the record holds {} instead of an object", found(record))));
    }
    let given = record.get("id").unwrap_or(&Value::Null);
    let id = match given {
        Value::Null => return Err(rejected("`id` is missing".to_owned())),
        Value::String(id) => id.trim().to_owned(),
        Value::Number(id) if !id.is_f64() => id.to_string(),
        other => return Err(rejected(format!("`id` holds {} instead of a text or a whole number", found(other)))),
    };
    if id.is_empty() {
        return Err(rejected("`id` is empty".to_owned()));
    }
    // The last two would lead elsewhere as a segment of a path.
    let is_strange = |c: char| is_invisible(c) || c == REPLACEMENT;
    if id.chars().count() > LONGEST_ID || id.chars().any(is_strange) || id == "." || id == ".." {
        return Err(rejected(format!("`id` holds {}, which is no id that can be asked for", found(given))));
    }
    Ok(SourceId(id))
}

/// Whether an email is one of these domains, which are in lower-case ASCII.
pub(super) fn is_in(email: &str, domains: &BTreeSet<String>) -> bool {
    Email::parse(email).is_ok_and(|email| domains.contains(email.domain()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_clean_and_none_is_cut() {
        assert_eq!(read_text(&json!("  Ana \u{0}Marques ")), Ok(Some("Ana Marques".to_owned())));
        for blank in [json!(" \u{0} "), json!(""), json!(null), json!("\u{200b}\u{feff}"), json!("\r\n")] {
            assert_eq!(read_text(&blank), Ok(None), "{blank}");
        }
        assert_eq!(read_text(&json!("é".repeat(LONGEST_TEXT))).unwrap().unwrap().chars().count(), LONGEST_TEXT);
        assert_eq!(read_text(&json!(format!("{}x", " ".repeat(2_000)))), Ok(Some("x".to_owned())));
        for wrong in [
            json!(7),
            json!(true),
            json!(["x"]),
            json!({"x": "y"}),
            json!("é".repeat(LONGEST_TEXT + 1)),
            json!("Ana\u{fffd}"),
        ] {
            assert_eq!((read_text(&wrong), text(&wrong)), (Err(Wrong), None), "{}", found(&wrong));
        }
    }

    #[test]
    fn an_address_is_never_made_another_one() {
        assert_eq!(read_exact(&json!(" a\u{200b}b@acme.com ")), Ok(Some("a\u{200b}b@acme.com".to_owned())));
        assert_eq!(read_exact(&json!("a\u{0}b@acme.com")), Ok(Some("a\u{fffd}b@acme.com".to_owned())));
        assert_eq!(read_exact(&json!(7)), Err(Wrong));
    }

    #[test]
    fn codes_are_texts_or_whole_numbers() {
        assert_eq!(read_code(&json!(102)), Ok(Some("102".to_owned())));
        assert_eq!(read_code(&json!(" E-1 ")), Ok(Some("E-1".to_owned())));
        assert_eq!(read_code(&json!("\u{200b}")), Ok(None));
        for wrong in [json!(1.5), json!("E\u{200b}1"), json!({}), json!([]), json!(false), json!("1".repeat(1_001))] {
            assert_eq!(read_code(&wrong), Err(Wrong), "{}", found(&wrong));
        }
    }

    #[test]
    fn dates_are_dates_and_nothing_else() {
        let day = NaiveDate::from_ymd_opt(2026, 12, 31);
        for form in ["2026-12-31", " 2026-12-31 ", "2026-12-31T23:00:00-08:00", "2026-12-31 23:00:00.123"] {
            assert_eq!(read_date(&json!(form)), Ok(day), "{form}");
        }
        assert_eq!(read_date(&json!(" ")), Ok(None));
        for wrong in [
            json!("31/12/2026"),
            json!("2026/12/31"),
            json!("2026-13-01"),
            json!("2026-02-30"),
            json!("0000-01-01"),
            json!("0000-00-00"),
            json!("0001-01-01"),
            json!("1899-12-31"),
            json!("2026-12-3"),
            json!("2026-12-311"),
            json!("2026-12-31T"),
            json!("2026-12-31 or so"),
            json!("日本日本日本"),
            json!(20_261_231),
            json!({"year": 2026}),
        ] {
            assert_eq!(read_date(&wrong), Err(Wrong), "{wrong}");
        }
    }

    #[test]
    fn flags_and_countries_are_known_words() {
        for (value, flag) in
            [(json!(true), Some(true)), (json!(" YES"), Some(true)), (json!("no"), Some(false)), (json!(""), None)]
        {
            assert_eq!(read_flag(&value), Ok(flag), "{value}");
        }
        for wrong in [json!(1), json!("sometimes"), json!({}), json!([true])] {
            assert_eq!(read_flag(&wrong), Err(Wrong), "{wrong}");
        }
        assert_eq!(read_country(&json!("prt")), Ok(Some("PT".to_owned())));
        for wrong in [json!("Portugal"), json!("XX"), json!(5), json!(["PT"])] {
            assert_eq!(read_country(&wrong), Err(Wrong), "{wrong}");
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

    #[test]
    fn what_was_found_is_told_by_type_and_size_alone() {
        for (value, said) in [
            (json!({"secret": 1}), "an object with 1 key"),
            (json!([1, 2]), "a list of 2 items"),
            (json!("secret"), "a text of 6 characters"),
            (json!("secr\u{fffd}t"), "a text of 6 characters, with a character that could not be decoded"),
            (json!(42), "a number"),
            (json!(true), "a boolean"),
        ] {
            assert_eq!(found(&value), said);
        }
    }
}
