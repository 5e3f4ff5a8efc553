//! Texts compared as humans would: without case, accents, punctuation and odd spaces. Names of people, cities and
//! regions; email addresses have their own folding in [`super::email`].

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

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
mod tests {
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
