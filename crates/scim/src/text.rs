//! How text is prepared before it is compared, and how instants are read and printed.
//!
//! The prepared form is a key: it is compared, indexed and never shown. All comparisons of prepared text are by code
//! point, which is the order of UTF-8 bytes, so a `COLLATE "C"` column of keys sorts and matches alike.

use std::borrow::Cow;

use chrono::{DateTime, Datelike, NaiveDate, SecondsFormat, TimeDelta, Utc};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::decompose_compatible;

/// How the text of an attribute is prepared before it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Preparation {
    /// As it is: `caseExact` strings and references.
    Exact,
    /// [`fold_case`]: strings that are not `caseExact`.
    Folded,
    /// [`prepare_user_name`]: `userName`.
    UserName,
    /// Base64 without its padding, which may be omitted; the case counts.
    Binary,
}

impl Preparation {
    /// The key under which `text` is compared.
    #[must_use]
    pub fn key(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Exact => Cow::Borrowed(text),
            Self::Folded => fold_case(text),
            Self::UserName => prepare_user_name(text),
            Self::Binary => Cow::Borrowed(text.trim_end_matches('=')),
        }
    }
}

/// NFC and full Unicode case folding, for strings whose case does not count.
///
/// The standard library has no case folding; lower(upper(lower(c))) of each character equates the same characters as
/// Unicode's full folding, except the dotless `ı`, which is therefore kept apart from `i`. Some folded forms differ
/// from Unicode's (Cherokee), which does not matter to a key.
#[must_use]
pub fn fold_case(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return ascii_lowercase(text);
    }
    // Decomposed first, so that a mark inside a composed letter folds as it does alone (the iota below of Greek).
    Cow::Owned(text.nfd().flat_map(fold_char).nfc().collect())
}

fn fold_char(c: char) -> impl Iterator<Item = char> {
    let dotless = (c == 'ı').then_some(c);
    let folded = (c != 'ı').then(|| c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase));
    dotless.into_iter().chain(folded.into_iter().flatten())
}

/// Prepares a `userName` for comparison: width mapping, Unicode lower case, NFC (R-049, the case-mapped profile of
/// RFC 8265 §3.3).
///
/// The final sigma is mapped to sigma: the lower case of a capital sigma depends on what follows it, and with such a
/// rule a name would not begin with its own beginning.
#[must_use]
pub fn prepare_user_name(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return ascii_lowercase(text);
    }
    let lower = text.chars().map(narrow_or_widen).flat_map(char::to_lowercase);
    Cow::Owned(lower.map(|c| if c == 'ς' { 'σ' } else { c }).nfc().collect())
}

fn ascii_lowercase(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// Maps fullwidth and halfwidth characters to the ordinary ones (the `<wide>` and `<narrow>` decompositions of
/// Unicode, RFC 8264 §5.2.1).
fn narrow_or_widen(c: char) -> char {
    let shifted = |from: char, to: u32| char::from_u32(to + (c as u32 - from as u32)).unwrap_or(c);
    match c {
        '\u{3000}' => ' ',
        '\u{FF01}'..='\u{FF5E}' => shifted('\u{FF01}', 0x21),
        '\u{FF5F}' | '\u{FF60}' => shifted('\u{FF5F}', 0x2985),
        // Punctuation and katakana have one step to go; their full decomposition is that step.
        '\u{FF61}'..='\u{FF9F}' => {
            let mut mapped = c;
            decompose_compatible(c, |decomposed| mapped = decomposed);
            mapped
        }
        '\u{FFA0}' => '\u{3164}',
        '\u{FFA1}'..='\u{FFBE}' => shifted('\u{FFA1}', 0x3131),
        '\u{FFC2}'..='\u{FFC7}' => shifted('\u{FFC2}', 0x314F),
        '\u{FFCA}'..='\u{FFCF}' => shifted('\u{FFCA}', 0x3155),
        '\u{FFD2}'..='\u{FFD7}' => shifted('\u{FFD2}', 0x315B),
        '\u{FFDA}'..='\u{FFDC}' => shifted('\u{FFDA}', 0x3161),
        '\u{FFE0}' | '\u{FFE1}' => shifted('\u{FFE0}', 0xA2),
        '\u{FFE2}' => '\u{AC}',
        '\u{FFE3}' => '\u{AF}',
        '\u{FFE4}' => '\u{A6}',
        '\u{FFE5}' => '\u{A5}',
        '\u{FFE6}' => '\u{20A9}',
        '\u{FFE8}' => '\u{2502}',
        '\u{FFE9}'..='\u{FFEC}' => shifted('\u{FFE9}', 0x2190),
        '\u{FFED}' => '\u{25A0}',
        '\u{FFEE}' => '\u{25CB}',
        other => other,
    }
}

/// Reads an `xsd:dateTime` (RFC 7643 §2.3.5); without a zone it is UTC. `None` when it is none.
///
/// Years have four digits and are 0001 to 9999, before and after the zone is applied: what can be printed can be
/// read. Fractions are kept to the nanosecond.
#[must_use]
pub fn parse_date_time(text: &str) -> Option<DateTime<Utc>> {
    let (date, time) = text.split_once('T')?;
    let [year, month, day] = fields(date, b'-', [4, 2, 2])?;
    let zone_at = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (time, zone) = time.split_at_checked(zone_at)?;
    let (whole, fraction) = match time.split_once('.') {
        Some((whole, fraction)) => (whole, nanoseconds(fraction)?),
        None => (time, 0),
    };
    let [hour, minute, second] = fields(whole, b':', [2, 2, 2])?;
    let midnight_after = (hour, minute, second, fraction) == (24, 0, 0, 0);
    let hour = if midnight_after { 0 } else { hour };
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    let local = date.and_hms_nano_opt(hour, minute, second, fraction)?;
    let local = if midnight_after { local.checked_add_signed(TimeDelta::days(1))? } else { local };
    let utc = local.checked_sub_signed(zone_offset(zone)?)?;
    (1..=9999).contains(&year).then_some(())?;
    (1..=9999).contains(&utc.year()).then(|| utc.and_utc())
}

/// Three numbers of fixed widths with a separator between them, and nothing else.
fn fields(text: &str, separator: u8, widths: [usize; 3]) -> Option<[u32; 3]> {
    let mut parts = text.split(char::from(separator));
    let mut numbers = [0; 3];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts.next().filter(|part| part.len() == width && part.bytes().all(|b| b.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

fn nanoseconds(fraction: &str) -> Option<u32> {
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(fraction.bytes().chain(std::iter::repeat(b'0')).take(9).fold(0, |sum, b| sum * 10 + u32::from(b - b'0')))
}

fn zone_offset(zone: &str) -> Option<TimeDelta> {
    let (sign, rest) = match zone.split_at_checked(1) {
        None | Some(("Z", "")) => return Some(TimeDelta::zero()),
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        Some(_) => return None,
    };
    let [hours, minutes, _] = fields(&format!("{rest}:00"), b':', [2, 2, 2])?;
    let offset = i64::from(hours * 60 + minutes);
    (minutes < 60 && offset <= 14 * 60).then(|| TimeDelta::minutes(sign * offset))
}

/// Prints an instant as SCIM answers carry it: UTC, milliseconds (truncated), `Z`.
#[must_use]
pub fn print_date_time(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_that_differs_in_case_or_composition_has_one_key() {
        for (left, right) in [
            ("Straße", "STRASSE"),
            ("Zoë", "ZOE\u{308}"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("\u{212A}elvin", "kelvin"),
            ("ᾳ", "ΑΙ"),
            ("ŉ", "ʼN"),
            ("ǅ", "ǆ"),
        ] {
            assert_eq!(fold_case(left), fold_case(right), "{left} and {right}");
        }
    }

    #[test]
    fn text_that_differs_otherwise_keeps_its_key() {
        for (left, right) in [("ı", "i"), ("e", "é"), ("ø", "o"), ("a ", "a"), ("ﬁx", "fox")] {
            assert_ne!(fold_case(left), fold_case(right), "{left} and {right}");
        }
    }

    #[test]
    fn user_names_are_mapped_by_width_case_and_composition() {
        assert_eq!(prepare_user_name("ＡＮＡ．Silva@Acme.com"), "ana.silva@acme.com");
        assert_eq!(prepare_user_name("ZOE\u{308}"), "zoë");
        assert_eq!(prepare_user_name("ｶﾞ"), "ガ");
        assert_eq!(prepare_user_name("\u{FFA1}\u{FFE3}\u{3000}"), "\u{3131}\u{AF} ");
        assert_eq!(prepare_user_name("ΟΔΟΣ"), prepare_user_name("οδος"));
        assert_ne!(prepare_user_name("straße"), prepare_user_name("strasse"), "lower case is not case folding");
    }

    #[test]
    fn base64_is_compared_without_its_padding() {
        assert_eq!(Preparation::Binary.key("QQ=="), Preparation::Binary.key("QQ"));
        assert_ne!(Preparation::Binary.key("QQ"), Preparation::Binary.key("qq"));
    }

    #[test]
    fn one_instant_has_many_spellings_and_one_print() {
        for text in [
            "2026-03-01T10:00:00.25Z",
            "2026-03-01T10:00:00.250",
            "2026-03-01T12:00:00.2500000000001+02:00",
            "2026-02-28T20:00:00.25-14:00",
        ] {
            let instant = parse_date_time(text).unwrap_or_else(|| panic!("{text} is a dateTime"));
            assert_eq!(print_date_time(instant), "2026-03-01T10:00:00.250Z");
        }
        let midnight = parse_date_time("2026-12-31T24:00:00Z").unwrap();
        assert_eq!(print_date_time(midnight), "2027-01-01T00:00:00.000Z");
    }

    #[test]
    fn what_is_no_date_time_is_refused() {
        for text in [
            "",
            "T",
            "2026-03-01",
            "2026-03-01T",
            "2026-03-01T10:00Z",
            "2026-03-01 10:00:00Z",
            "2026-3-1T10:00:00Z",
            "2026-02-29T10:00:00Z",
            "2026-03-01T24:00:01Z",
            "2026-03-01T25:00:00Z",
            "2026-03-01T10:00:60Z",
            "2026-03-01T10:00:00.Z",
            "2026-03-01T10:00:00ZZ",
            "2026-03-01T10:00:00+2",
            "2026-03-01T10:00:00+02:60",
            "2026-03-01T10:00:00+14:01",
            "2026-03-01T10:00:00é",
            "0000-03-01T10:00:00Z",
            "9999-12-31T23:00:00-02:00",
            "0001-01-01T00:00:00+02:00",
            "+2026-03-01T10:00:00Z",
        ] {
            assert_eq!(parse_date_time(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn preparing_twice_changes_nothing(text in "\\PC*") {
            for rule in [Preparation::Exact, Preparation::Folded, Preparation::UserName, Preparation::Binary] {
                let once = rule.key(&text).into_owned();
                prop_assert_eq!(rule.key(&once), once.as_str());
            }
        }

        #[test]
        fn the_case_of_a_letter_never_matters_to_a_folded_key(c in any::<char>()) {
            let key = |text: &str| fold_case(text).into_owned();
            let text = c.to_string();
            if c != 'ı' {
                prop_assert_eq!(key(&text), key(&c.to_uppercase().collect::<String>()));
            }
            prop_assert_eq!(key(&text), key(&c.to_lowercase().collect::<String>()));
        }

        #[test]
        fn a_printed_instant_is_read_back(millis in -62_135_596_800_000_i64..253_402_300_800_000) {
            let instant = DateTime::from_timestamp_millis(millis).unwrap();
            prop_assert_eq!(parse_date_time(&print_date_time(instant)), Some(instant));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = parse_date_time(&text);
        }
    }
}
