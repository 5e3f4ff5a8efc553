//! Prints tables and lists of facts for people to read.

use std::io::{ErrorKind, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::error::CliError;
use crate::api::Page;

/// Writes a table, or a sentence that there is nothing.
pub(super) fn table(out: &mut dyn Write, heads: &[&str], rows: &[Vec<String>], nothing: &str) -> Result<(), CliError> {
    if rows.is_empty() {
        return line(out, nothing);
    }
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| clean(cell)).collect()).collect();
    let width = |n: usize, head: &str| {
        let cells = rows.iter().filter_map(|row| row.get(n)).map(|cell| cell.chars().count());
        cells.chain([head.chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = heads.iter().enumerate().map(|(n, head)| width(n, head)).collect();
    let mut write_row = |cells: Vec<&str>| {
        let mut text = String::new();
        for (cell, width) in cells.iter().zip(&widths) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count()) + 2));
        }
        line(out, text.trim_end())
    };
    write_row(heads.to_vec())?;
    for row in &rows {
        write_row(row.iter().map(String::as_str).collect())?;
    }
    Ok(())
}

/// Writes facts, one a line, their names in a column.
pub(super) fn facts(out: &mut dyn Write, facts: &[(&str, String)]) -> Result<(), CliError> {
    let width = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        line(out, &format!("{name:width$}  {}", clean(value)))?;
    }
    Ok(())
}

pub(super) fn line(out: &mut dyn Write, text: &str) -> Result<(), CliError> {
    writeln!(out, "{text}").map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => CliError::Closed,
        _ => CliError::Failed(format!("the answer cannot be written: {error}")),
    })
}

/// Writes JSON as it came, indented.
pub(super) fn json(out: &mut dyn Write, value: &Value) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string());
    line(out, &text)
}

/// Prints a line when the list goes on.
pub(super) fn more<T>(list: &Page<T>, out: &mut dyn Write) -> Result<(), CliError> {
    if list.next_cursor.is_some() { line(out, "… and more: raise --limit to see them") } else { Ok(()) }
}

/// An instant without the fraction of its second.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// As [`time`]; empty when there is none.
pub(super) fn time_or_nothing(at: Option<DateTime<Utc>>) -> String {
    at.map(time).unwrap_or_default()
}

/// A value, or nothing.
pub(super) fn or_nothing<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// JSON of no certain type as a person reads it: texts without quotes, instants without the fraction of their second.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => whole_seconds(text).unwrap_or_else(|| text.clone()),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// An instant without the fraction of its second, which is of no use to people.
fn whole_seconds(text: &str) -> Option<String> {
    let (seconds, fraction) = text.split_once('.')?;
    let is_fraction = fraction.strip_suffix('Z')?.bytes().all(|byte| byte.is_ascii_digit());
    let instant = format!("{seconds}Z");
    (is_fraction && instant.parse::<DateTime<Utc>>().is_ok()).then_some(instant)
}

/// How the next command names a resource: by its name, quoted for a shell where that is needed, or by its id where the
/// name would not be understood.
pub(super) fn called(id: Uuid, name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_.@".contains(c);
    if Uuid::try_parse(name).is_ok() || name.starts_with('-') || clean(name) != name {
        id.to_string()
    } else if !name.is_empty() && name.chars().all(is_plain) {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', r"'\''"))
    }
}

/// Names come from outside: none may control the terminal.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(heads: &[&str], rows: &[Vec<String>]) -> String {
        let mut out = Vec::new();
        table(&mut out, heads, rows, "there is nothing").unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let rows = [vec!["é".to_owned(), "x".to_owned()], vec!["long one".to_owned(), String::new()]];
        assert_eq!(written(&["A", "B"], &rows), "A         B\né         x\nlong one\n");
    }

    #[test]
    fn an_empty_table_says_so_in_words() {
        assert_eq!(written(&["A"], &[]), "there is nothing\n");
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(written(&["A"], &[vec!["\u{1b}[2Jx\ny".to_owned()]]), "A\n [2Jx y\n");
    }

    #[test]
    fn a_thing_is_called_by_its_name_where_a_shell_and_the_server_understand_it() {
        let id = Uuid::nil();
        assert_eq!(called(id, "Remote"), "Remote");
        assert_eq!(called(id, "R&D of Ana's"), r"'R&D of Ana'\''s'");
        for name in ["-x", "a\u{1b}b", "01a22f18-3176-7000-8000-000000000000"] {
            assert_eq!(called(id, name), id.to_string(), "{name}");
        }
    }

    #[test]
    fn instants_are_shown_to_the_second_and_nothing_else_is_cut() {
        assert_eq!(plain(&json!("2026-11-22T00:39:22.391677Z")), "2026-11-22T00:39:22Z");
        for text in ["2026-11-22T00:39:22Z", "a.5Z", "1.5", "2026-11-22T00:39:22.x1Z"] {
            assert_eq!(plain(&json!(text)), text);
        }
    }

    #[test]
    fn values_are_shown_without_quotes_and_absent_ones_not_at_all() {
        assert_eq!([json!("x"), json!([1, "y"]), json!(null)].map(|value| plain(&value)), ["x", "1, y", ""]);
        assert_eq!([or_nothing(Some(7)), or_nothing(None::<i64>), time_or_nothing(None)], ["7", "", ""]);
        assert_eq!(time("2026-11-22T00:39:22.391677Z".parse().unwrap()), "2026-11-22T00:39:22Z");
    }
}
