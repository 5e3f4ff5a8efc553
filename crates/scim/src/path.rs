//! Attribute paths: `userName`, `name.familyName`, `urn:…:User:manager.value` (RFC 7644 §3.10, R-032, R-079).
//!
//! Reading a path knows no schema; [`Shape::resolve`](super::schema::Shape::resolve) finds what it names.

use std::fmt;

/// The way to an attribute or one of its sub-attributes, spelled as the caller spelled it.
///
/// Names never hold a colon, so the part before the last colon is the URN, whatever dots and colons are in it
/// (`urn:…:2.0:User:manager.value`). A bare URN reads as a path too, and names no attribute: check for it first
/// ([`Shape::extension`](super::schema::Shape::extension)).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AttrPath {
    pub urn: Option<String>,
    pub name: String,
    pub sub: Option<String>,
}

/// What is wrong with a path. The text itself is not repeated: it can be long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("an attribute name is a letter followed by letters, digits, `-`, `_` or `$`")]
    Name,
    #[error("an attribute path has at most one sub-attribute")]
    TooDeep,
    #[error("what stands before the last colon of an attribute path is the URI of a schema")]
    Urn,
}

impl AttrPath {
    /// Reads a path.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let (urn, rest) = match text.rsplit_once(':') {
            Some((urn, rest)) => (Some(urn), rest),
            None => (None, text),
        };
        if urn.is_some_and(|urn| !is_urn(urn)) {
            return Err(PathError::Urn);
        }
        let (name, sub) = match rest.split_once('.') {
            Some((name, sub)) => (name, Some(sub)),
            None => (rest, None),
        };
        if sub.is_some_and(|sub| sub.contains('.')) {
            return Err(PathError::TooDeep);
        }
        if !is_name(name) || sub.is_some_and(|sub| !is_sub_name(sub)) {
            return Err(PathError::Name);
        }
        Ok(Self { urn: urn.map(str::to_owned), name: name.to_owned(), sub: sub.map(str::to_owned) })
    }

    /// The path of a name alone.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { urn: None, name: name.to_owned(), sub: None }
    }
}

impl fmt::Display for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(urn) = &self.urn {
            write!(f, "{urn}:")?;
        }
        f.write_str(&self.name)?;
        self.sub.as_ref().map_or(Ok(()), |sub| write!(f, ".{sub}"))
    }
}

/// Whether `text` can name an attribute (RFC 7643 §2.1).
#[must_use]
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'$'))
}

/// Whether `text` can name a sub-attribute: as [`is_name`], or `$ref`.
#[must_use]
pub fn is_sub_name(text: &str) -> bool {
    is_name(text) || text.eq_ignore_ascii_case("$ref")
}

/// The bytes that a path can contain: those of names and of URIs, without brackets, quotes and separators.
pub(crate) fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_$.:/%+~#?@".contains(&byte)
}

fn is_urn(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(is_path_byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_urn_ends_at_the_last_colon_and_the_name_at_the_dot_after_it() {
        let path = AttrPath::parse("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.$ref").unwrap();
        assert_eq!(path.urn.as_deref(), Some("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"));
        assert_eq!((path.name.as_str(), path.sub.as_deref()), ("manager", Some("$ref")));
    }

    #[test]
    fn what_is_no_path_says_why() {
        for (text, error) in [
            ("", PathError::Name),
            ("1a", PathError::Name),
            ("a b", PathError::Name),
            ("$ref", PathError::Name),
            ("name.", PathError::Name),
            (".name", PathError::Name),
            ("näme", PathError::Name),
            ("emails[type eq \"work\"]", PathError::Name),
            ("a.b.c", PathError::TooDeep),
            (":a", PathError::Urn),
            ("u\"n:a", PathError::Urn),
            ("urn:x:", PathError::Name),
        ] {
            assert_eq!(AttrPath::parse(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_printed_path_reads_back(
            urn in prop::option::of("[a-z][a-zA-Z0-9:._/-]{0,30}"),
            name in "[a-zA-Z][a-zA-Z0-9_$-]{0,10}",
            sub in prop::option::of("[a-zA-Z][a-zA-Z0-9_$-]{0,10}|\\$ref"),
        ) {
            let path = AttrPath { urn, name, sub };
            prop_assert_eq!(AttrPath::parse(&path.to_string()), Ok(path));
        }

        #[test]
        fn no_text_panics_and_what_reads_prints_the_same(text in "\\PC{0,30}|[a-z:.$]{0,12}") {
            if let Ok(path) = AttrPath::parse(&text) {
                prop_assert_eq!(path.to_string(), text);
            }
        }
    }
}
