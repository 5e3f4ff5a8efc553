//! Reads JSON piece by piece: the structure is parsed over the bytes, and one record at a time becomes a value.
//!
//! A page of a vendor is hostile input. As one tree of values, 30 MiB of `{"":0},` take gigabytes; and one record that
//! no parser takes would make the whole page unreadable. So the first pass checks brackets and strings alone, and the
//! content of a record is checked when that record is read.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How large a record may be, in bytes.
pub const LARGEST_RECORD: usize = 1024 * 1024;
/// How many values a record may hold, members and elements of all levels together.
pub const MOST_VALUES: usize = 20_000;
/// How many values an answer may hold that is read as a whole.
const MOST_VALUES_OF_A_DOCUMENT: usize = 200_000;
/// How deep a value may be nested.
const DEEPEST: usize = 64;
/// How many members an object may have whose members are read.
const MOST_MEMBERS: usize = 10_000;

/// A piece of JSON whose brackets and strings are closed. `Debug` shows its length alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Raw<'a>(&'a [u8]);

/// What is wrong with a piece of JSON. No value is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("JSON that ends too early")]
    Cut,
    #[error("no JSON")]
    Broken,
    #[error("text that is no UTF-8")]
    Encoding,
    #[error("an object that has a member twice")]
    Twice,
    #[error("JSON that is nested deeper than {DEEPEST} levels")]
    TooDeep,
    #[error("JSON that is larger than {LARGEST_RECORD} bytes")]
    TooLong,
    #[error("JSON with more values than are read")]
    TooMany,
}

impl<'a> Raw<'a> {
    /// The structure of a whole body.
    ///
    /// # Errors
    /// [`Fault::Cut`] when it ends within a value, [`Fault::Broken`] when it is none, or more than one.
    pub fn of(body: &'a [u8]) -> Result<Self, Fault> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let start = blank(body, 0);
        let end = skip(body, start)?;
        if blank(body, end) < body.len() {
            return Err(Fault::Broken);
        }
        Ok(Self(body.get(start..end).unwrap_or_default()))
    }

    #[must_use]
    pub fn is_object(self) -> bool {
        self.0.first() == Some(&b'{')
    }

    #[must_use]
    pub fn is_list(self) -> bool {
        self.0.first() == Some(&b'[')
    }

    /// The value of a member of an object; absent where this is no object.
    ///
    /// # Errors
    /// When the structure of the object is broken, or it has the member twice: an answer that contradicts itself proves
    /// nothing.
    pub fn get(self, key: &str) -> Result<Option<Self>, Fault> {
        if !self.is_object() {
            return Ok(None);
        }
        let mut found = None;
        let mut at = blank(self.0, 1);
        let mut members = 0;
        while self.0.get(at) != Some(&b'}') {
            members += 1;
            if members > MOST_MEMBERS {
                return Err(Fault::TooMany);
            }
            if self.0.get(at) != Some(&b'"') {
                return Err(Fault::Broken);
            }
            let name_end = skip(self.0, at)?;
            let is_it = self.is_name(at, name_end, key);
            at = blank(self.0, name_end);
            if self.0.get(at) != Some(&b':') {
                return Err(Fault::Broken);
            }
            let start = blank(self.0, at + 1);
            let end = skip(self.0, start)?;
            if is_it && found.replace(Self(self.0.get(start..end).unwrap_or_default())).is_some() {
                return Err(Fault::Twice);
            }
            at = self.after(end, b'}')?;
        }
        Ok(found)
    }

    /// The elements of a list; at most `most`.
    ///
    /// # Errors
    /// When this is no list, or the structure of the list is broken, or it has more elements.
    pub fn elements(self, most: usize) -> Result<Vec<Self>, Fault> {
        if !self.is_list() {
            return Err(Fault::Broken);
        }
        let mut elements = Vec::new();
        let mut at = blank(self.0, 1);
        while self.0.get(at) != Some(&b']') {
            if elements.len() == most {
                return Err(Fault::TooMany);
            }
            let end = skip(self.0, at)?;
            elements.push(Self(self.0.get(at..end).unwrap_or_default()));
            at = self.after(end, b']')?;
        }
        Ok(elements)
    }

    /// One record as a value. Escapes of surrogates without their other half become U+FFFD.
    ///
    /// # Errors
    /// When it is no JSON, has a member twice, or is larger, deeper or more than a record may be.
    pub fn value(self) -> Result<Value, Fault> {
        if self.0.len() > LARGEST_RECORD {
            return Err(Fault::TooLong);
        }
        self.read(MOST_VALUES)
    }

    /// A whole answer as a value, as [`value`](Self::value) with wider limits.
    ///
    /// # Errors
    /// As [`value`](Self::value).
    pub fn document(self) -> Result<Value, Fault> {
        self.read(MOST_VALUES_OF_A_DOCUMENT)
    }

    fn read(self, most: usize) -> Result<Value, Fault> {
        let (values, depth) = extent(self.0);
        if depth > DEEPEST {
            return Err(Fault::TooDeep);
        }
        if values > most {
            return Err(Fault::TooMany);
        }
        let text = std::str::from_utf8(self.0).map_err(|_| Fault::Encoding)?;
        let text = mended(text);
        let mut reader = serde_json::Deserializer::from_str(&text);
        let read = Strict.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
        // The text of the error is ours: see `Strict`.
        read.map_err(|error| if error.to_string().starts_with(TWICE) { Fault::Twice } else { Fault::Broken })
    }

    fn is_name(self, start: usize, end: usize, key: &str) -> bool {
        let name = self.0.get(start..end).unwrap_or_default();
        // A name that is written with escapes is longer than the key, at most six bytes for each of its bytes.
        name.len() <= 6 * key.len() + 2 && serde_json::from_slice::<Cow<'_, str>>(name).is_ok_and(|name| name == key)
    }

    /// The place behind a comma, or of the closing bracket.
    fn after(self, end: usize, closing: u8) -> Result<usize, Fault> {
        let at = blank(self.0, end);
        match self.0.get(at) {
            Some(b',') => {
                let next = blank(self.0, at + 1);
                // A comma in front of the bracket.
                if self.0.get(next) == Some(&closing) { Err(Fault::Broken) } else { Ok(next) }
            }
            Some(found) if *found == closing => Ok(at),
            _ => Err(Fault::Broken),
        }
    }
}

impl fmt::Debug for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Raw").field("bytes", &self.0.len()).finish()
    }
}

/// The first place at or behind `at` that is no white space.
fn blank(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
}

/// The end of the text that begins at `at`.
fn text_end(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    let mut at = at + 1;
    loop {
        match bytes.get(at).ok_or(Fault::Cut)? {
            b'"' => return Ok(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The end of the value that begins at `at`. Of what is inside, only brackets and texts are checked.
fn skip(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    match bytes.get(at).ok_or(Fault::Cut)? {
        b'"' => text_end(bytes, at),
        b'{' | b'[' => {
            let mut open = Vec::new();
            let mut at = at;
            loop {
                match bytes.get(at).ok_or(Fault::Cut)? {
                    b'"' => {
                        at = text_end(bytes, at)?;
                        continue;
                    }
                    bracket @ (b'{' | b'[') => open.push(*bracket),
                    bracket @ (b'}' | b']') => {
                        let opened = if *bracket == b'}' { b'{' } else { b'[' };
                        if open.pop() != Some(opened) {
                            return Err(Fault::Broken);
                        }
                        if open.is_empty() {
                            return Ok(at + 1);
                        }
                    }
                    _ => {}
                }
                at += 1;
            }
        }
        _ => {
            let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
            let length = bytes.get(at..).unwrap_or_default().iter().take_while(is_part).count();
            if length == 0 { Err(Fault::Broken) } else { Ok(at + length) }
        }
    }
}

/// How many values a piece holds, and how deep they are.
fn extent(bytes: &[u8]) -> (usize, usize) {
    let (mut values, mut depth, mut deepest, mut at) = (1, 0_usize, 0, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = text_end(bytes, at).unwrap_or(bytes.len());
                continue;
            }
            b'{' | b'[' => {
                depth += 1;
                values += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        at += 1;
    }
    (values, deepest)
}

/// The text with U+FFFD for each escape of a surrogate that has no other half (RFC 8259 section 8.2).
fn mended(text: &str) -> Cow<'_, str> {
    if !text.contains("\\u") {
        return Cow::Borrowed(text);
    }
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let (mut at, mut taken, mut whole) = (0, 0, String::new());
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('\\')) {
        at += found;
        match unit(at) {
            Some(0xd800..=0xdbff) if matches!(unit(at + 6), Some(0xdc00..=0xdfff)) => at += 12,
            Some(0xd800..=0xdfff) => {
                whole.push_str(text.get(taken..at).unwrap_or_default());
                whole.push_str("\\ufffd");
                at += 6;
                taken = at;
            }
            Some(_) => at += 6,
            // Another escape: its backslash and the character behind it, which may be of several bytes.
            None => at += 1 + text.get(at + 1..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8),
        }
    }
    if taken == 0 {
        return Cow::Borrowed(text);
    }
    whole.push_str(text.get(taken..).unwrap_or_default());
    Cow::Owned(whole)
}

const TWICE: &str = "a member comes twice";

/// Reads a value and refuses an object that has a member twice, of which readers take one or the other.
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element_seed(Self)? {
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(TWICE));
            }
            members.insert(name, object.next_value_seed(Self)?);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Result<Value, Fault> {
        Raw::of(text.as_bytes())?.value()
    }

    #[test]
    fn a_record_that_no_parser_takes_leaves_its_neighbours() {
        let body = b"{\"next\": null, \"rows\": [{\"id\": 1}, {\"id\": 2, \"n\": \"\xff\"}, {\"a\": NaN}, {\"a\": 1, \"a\": 2}, {\"id\": 3}]}";
        let rows = Raw::of(body).unwrap().get("rows").unwrap().unwrap().elements(10).unwrap();
        let read: Vec<_> = rows.iter().map(|row| row.value()).collect();
        assert_eq!(
            read,
            [Ok(json!({"id": 1})), Err(Fault::Encoding), Err(Fault::Broken), Err(Fault::Twice), Ok(json!({"id": 3}))]
        );
        assert_eq!(rows[1].get("id").unwrap().unwrap().value(), Ok(json!(2)), "the id can still be found");
        assert_eq!(rows[3].get("a"), Err(Fault::Twice));
    }

    #[test]
    fn a_surrogate_without_its_other_half_is_replaced_and_a_pair_is_kept() {
        assert_eq!(value(r#"{"a": "x\ud800y"}"#), Ok(json!({"a": "x\u{fffd}y"})));
        assert_eq!(value(r#""\udc00\uD83D\uDE00\ud800""#), Ok(json!("\u{fffd}😀\u{fffd}")));
        assert_eq!(value(r#""\ud800\ud800\udc00""#), Ok(json!("\u{fffd}\u{10000}")));
        assert_eq!(value(r#""\\ud800""#), Ok(json!("\\ud800")), "an escaped backslash is no escape of a surrogate");
    }

    #[test]
    fn what_is_cut_off_or_contradicts_itself_is_no_structure() {
        for cut in ["", " ", "{", "[1, 2", "{\"a\": \"b", "{\"a\": [}", "\"\\"] {
            assert!(Raw::of(cut.as_bytes()).is_err(), "{cut}");
        }
        assert_eq!(Raw::of(b"[1] [2]"), Err(Fault::Broken));
        assert_eq!(Raw::of(b"secret words"), Err(Fault::Broken));
        for broken in ["[1, ]", "[1 2]", "[,]"] {
            assert!(Raw::of(broken.as_bytes()).unwrap().elements(9).is_err(), "{broken}");
        }
    }

    #[test]
    fn what_is_too_large_too_deep_or_too_much_is_refused_before_it_is_read() {
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        assert_eq!(value(&deep), Err(Fault::TooDeep));
        assert_eq!(value(&format!("[{}0]", "0,".repeat(MOST_VALUES))), Err(Fault::TooMany));
        assert_eq!(value(&format!("\"{}\"", "x".repeat(LARGEST_RECORD))), Err(Fault::TooLong));
        let rows = format!("[{}{{}}]", "{},".repeat(10));
        assert_eq!(Raw::of(rows.as_bytes()).unwrap().elements(10), Err(Fault::TooMany));
        let abyss = "[".repeat(1_000_000);
        assert_eq!(Raw::of(abyss.as_bytes()), Err(Fault::Cut));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
            "[\"\\\\{}\\[\\],: \\n\u{fffd}a]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                proptest::collection::btree_map("\\PC{0,6}", inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// The oracle is `serde_json`: what it writes is read as it was, whole and by its pieces.
        #[test]
        fn what_is_json_is_read_as_it_is(value in any_json(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
            let raw = Raw::of(text.as_bytes()).unwrap();
            prop_assert_eq!(raw.value().unwrap(), value.clone());
            if let Value::Array(elements) = &value {
                let read: Vec<Value> = raw.elements(100).unwrap().iter().map(|raw| raw.value().unwrap()).collect();
                prop_assert_eq!(&read, elements);
            }
            if let Value::Object(members) = &value {
                for (name, member) in members {
                    prop_assert_eq!(&raw.get(name).unwrap().unwrap().value().unwrap(), member);
                }
            }
        }

        #[test]
        fn no_bytes_make_the_walk_fail(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(raw) = Raw::of(&body) {
                let _ = (raw.value(), raw.get("id"), raw.elements(50), raw.document());
            }
        }

        /// Nothing that only `serde_json` accepts is lost: whatever it reads without members that come twice, we read
        /// too.
        #[test]
        fn what_serde_reads_is_read(text in "[\\[\\]{}\",:0-9a-e\\\\u \\-.tfn]{0,40}") {
            if let (Ok(expected), Err(fault)) = (serde_json::from_str::<Value>(&text), value(&text)) {
                prop_assert_eq!(fault, Fault::Twice, "{} {}", text, expected);
            }
        }
    }
}
