//! Prepares texts for people to read: it removes characters that people cannot see, such as controls and bidirectional
//! overrides. A text that is then blank is no value.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};

/// Whether a character shows nothing and takes part in no word: controls, format characters, fillers, tags, variation
/// selectors, characters that represent none. White space is not among them.
///
/// An address may not contain them, since they would make two addresses appear alike.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0x00AD | 0x034F | 0x061C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F
            | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x2800 | 0x3164
            | 0xFDD0..=0xFDEF | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB
            | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF)
        || u32::from(c) & 0xFFFE == 0xFFFE
}

/// A text without characters that cannot be seen, trimmed. Line breaks and tabs become one space.
///
/// Joiners and variation selectors stay where they shape a word or a sign: between letters of the scripts that need
/// them, after a virama, and after the sign that they vary.
#[must_use]
pub fn clean(raw: &str) -> String {
    if raw.is_ascii() && !raw.bytes().any(|b| b.is_ascii_control()) {
        return raw.trim().to_owned();
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw.chars();
    while let Some(c) = rest.next() {
        let before = text.chars().next_back();
        match c {
            '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                if before.is_some_and(|before| !before.is_whitespace()) {
                    text.push(' ');
                }
            }
            '\u{200C}' | '\u{200D}' => {
                let after = rest.as_str().chars().find(|c| c.is_whitespace() || !is_invisible(*c));
                if before.is_some_and(|before| joins(before, after)) {
                    text.push(c);
                }
            }
            '\u{FE00}'..='\u{FE0F}' | '\u{180B}'..='\u{180D}' | '\u{180F}' | '\u{E0100}'..='\u{E01EF}' => {
                if before.is_some_and(|before| !before.is_whitespace() && !is_invisible(before)) {
                    text.push(c);
                }
            }
            c if is_invisible(c) => {}
            c => text.push(c),
        }
    }
    let end = text.trim_end_matches(|c: char| c.is_whitespace()).len();
    text.truncate(end);
    text.trim_start().to_owned()
}

/// Whether a joiner after `before` and in front of `after` changes how a word is written.
fn joins(before: char, after: Option<char>) -> bool {
    let is_virama = canonical_combining_class(before) == 9;
    let needs = |c: char| u32::from(c) >= 0x0590 && !c.is_whitespace();
    let is_joiner = matches!(before, '\u{200C}' | '\u{200D}');
    !is_joiner && (is_virama || needs(before) && after.is_some_and(needs))
}

/// The words of a text in one spelling: `"Łukasz  ŻÓŁKIEWSKI"` and `"lukasz zolkiewski"` have the same words.
///
/// Apostrophes and full stops join (`N’Diaye`, `D.C.`), every other sign separates (`Mei-Ling`, `Silva, Ana`).
#[must_use]
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut folded = String::with_capacity(text.len());
    for c in text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase) {
        match c {
            '\'' | '’' | '‘' | 'ʼ' | '`' | '´' | '.' => {}
            // Letters that decomposition leaves whole, as their owners write them in plain Latin.
            'ł' => folded.push('l'),
            'ø' => folded.push('o'),
            'đ' | 'ð' => folded.push('d'),
            'ı' => folded.push('i'),
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'þ' => folded.push_str("th"),
            c if c.is_alphanumeric() => folded.push(c),
            _ => folded.push(' '),
        }
    }
    folded.split_whitespace().map(str::to_owned).collect()
}

/// [`words`] as one text, for use as a key.
#[must_use]
pub(crate) fn phrase(text: &str) -> String {
    words(text).join(" ")
}

#[cfg(test)]
mod spelling_tests {
    use super::*;

    #[test]
    fn case_accents_and_signs_do_not_matter() {
        assert_eq!(phrase("Łukasz  ŻÓŁKIEWSKI"), "lukasz zolkiewski");
        assert_eq!(phrase("Fatou N’Diaye"), phrase("fatou n'diaye"));
        assert_eq!(phrase("Jürgen Weiß"), "jurgen weiss");
        assert_eq!(phrase("Washington, D.C."), "washington dc");
        assert_eq!(phrase("São_Paulo"), phrase("sao paulo"));
        assert_eq!(phrase("田中 美咲"), "田中 美咲");
        assert_eq!(phrase(" -- "), "");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_cannot_be_seen_is_removed_and_the_rest_is_as_it_was() {
        for (raw, expected) in [
            ("  Ana \u{0}Marques ", "Ana Marques"),
            ("\u{200B}", ""),
            ("\u{FEFF} \u{2060}\u{AD}", ""),
            ("\u{200D}\u{FE0F}", ""),
            ("Ana\u{202E}seuqraM", "AnaseuqraM"),
            ("\u{1b}[31mAna\u{1b}[0m", "[31mAna[0m"),
            ("Ana\r\nMarques\tSilva", "Ana Marques Silva"),
            ("Ana\u{200D}Silva", "AnaSilva"),
            ("O’Brien-Smith, Jr.", "O’Brien-Smith, Jr."),
            ("Zo\u{308}e", "Zo\u{308}e"),
            ("می\u{200C}خواهم", "می\u{200C}خواهم"),
            ("می\u{200C} ", "می"),
            ("ക്\u{200D}ഷ", "ക്\u{200D}ഷ"),
            ("അവന\u{D4D}\u{200D}", "അവന\u{D4D}\u{200D}"),
            ("👩\u{200D}💻 Ada", "👩\u{200D}💻 Ada"),
            ("❤\u{FE0F}", "❤\u{FE0F}"),
            ("葛\u{E0100}城", "葛\u{E0100}城"),
            ("A\u{E0041}\u{E007F}", "A"),
        ] {
            assert_eq!(clean(raw), expected, "{raw:?}");
        }
    }

    proptest! {
        #[test]
        fn a_clean_text_is_clean_and_shows_no_control(raw in "(\\PC|\\pC|[\u{0}-\u{20}\u{200B}-\u{200F}\u{FE0F}ആ്a]){0,24}") {
            let once = clean(&raw);
            prop_assert_eq!(clean(&once), once.clone());
            prop_assert!(!once.chars().any(char::is_control));
            prop_assert!(once.is_empty() || once.chars().any(|c| !is_invisible(c) && !c.is_whitespace()));
            let is_bad = |c| matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200B}' | '\u{FEFF}');
            prop_assert!(!once.chars().any(is_bad));
        }
    }
}
