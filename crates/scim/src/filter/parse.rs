//! Parses filters: a recursive descent over the whole grammar, linear in time and total.
//!
//! Beyond the RFC, for every consumer: any number of spaces or tabs, none needed beside brackets or between an operator
//! and a quoted string; `true`, `false`, `null` in any case; `$` in names; a test behind brackets
//! (`emails[type eq "work"].value eq "x"`). For lenient consumers also bare words and single-quoted strings.

use serde_json::Number;

use super::{Filter, Literal, Mode, Operator, Test};
use crate::path::{AttrPath, PathError, is_path_byte, is_sub_name};

/// The longest filter, in bytes after decoding.
pub const MAX_BYTES: usize = 8 * 1024;
/// The most tests in one filter.
pub const MAX_EXPRESSIONS: usize = 50;
/// The most brackets, round or square, that are open at once.
pub const MAX_DEPTH: usize = 20;

/// Why a text is no filter. Offsets are bytes from 0. Values are never repeated: they can be personal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("the filter is empty")]
    Empty,
    #[error("the filter has {0} bytes; at most {MAX_BYTES} are taken")]
    TooLong(usize),
    #[error("the filter has more than {MAX_EXPRESSIONS} expressions; the next one begins at byte {0}")]
    TooManyExpressions(usize),
    #[error("the filter is nested deeper than {MAX_DEPTH} levels at byte {0}")]
    TooDeep(usize),
    #[error("expected {expected} at byte {at}, found {found}")]
    Unexpected { expected: &'static str, at: usize, found: String },
    #[error("unknown operator `{operator}` at byte {at}; expected eq, ne, co, sw, ew, gt, ge, lt, le or pr")]
    UnknownOperator { operator: String, at: usize },
    #[error("{problem} (at byte {at})")]
    Path { problem: PathError, at: usize },
    #[error("expected the name of a sub-attribute inside [ ] at byte {0}, without URN and dot")]
    NotASubAttribute(usize),
    #[error("brackets inside brackets at byte {0}")]
    NestedElement(usize),
    #[error("the string at byte {0} does not end")]
    UnendedString(usize),
    #[error("the string at byte {0} is not a JSON string: it holds a control character or a wrong escape")]
    BadString(usize),
    #[error("the number at byte {0} is too large")]
    NumberTooLarge(usize),
}

/// Reads a filter.
pub fn parse(text: &str, mode: Mode) -> Result<Filter, ParseError> {
    if text.len() > MAX_BYTES {
        return Err(ParseError::TooLong(text.len()));
    }
    let mut parser = Parser { text, at: 0, mode, depth: 0, expressions: 0, in_element: false };
    parser.skip_space();
    if parser.peek().is_none() {
        return Err(ParseError::Empty);
    }
    let filter = parser.or()?;
    parser.skip_space();
    match parser.peek() {
        None => Ok(filter),
        Some(_) => Err(parser.unexpected("`and`, `or` or the end of the filter")),
    }
}

struct Parser<'a> {
    text: &'a str,
    /// The next byte; always between two characters.
    at: usize,
    mode: Mode,
    depth: usize,
    expressions: usize,
    in_element: bool,
}

impl<'a> Parser<'a> {
    fn or(&mut self) -> Result<Filter, ParseError> {
        self.operands("or", Self::and, Filter::Or)
    }

    fn and(&mut self) -> Result<Filter, ParseError> {
        self.operands("and", Self::primary, Filter::And)
    }

    fn operands(
        &mut self,
        word: &str,
        operand: fn(&mut Self) -> Result<Filter, ParseError>,
        join: fn(Vec<Filter>) -> Filter,
    ) -> Result<Filter, ParseError> {
        let first = operand(self)?;
        if !self.take_connective(word) {
            return Ok(first);
        }
        let mut operands = vec![first, operand(self)?];
        while self.take_connective(word) {
            operands.push(operand(self)?);
        }
        Ok(join(operands))
    }

    fn primary(&mut self) -> Result<Filter, ParseError> {
        if self.peek() == Some(b'(') {
            return self.group();
        }
        let start = self.at;
        let word = self.take_while(is_path_byte);
        if word.eq_ignore_ascii_case("not") {
            let end = self.at;
            self.skip_space();
            if self.peek() == Some(b'(') {
                return Ok(Filter::Not(Box::new(self.group()?)));
            }
            self.at = end;
        }
        if word.is_empty() {
            return Err(self.unexpected("an attribute name, `not` or `(`"));
        }
        // An attribute may have the name of a keyword of the grammar, and then an operator follows.
        if !self.precedes_an_operator() && self.peek() != Some(b'[') {
            if word.eq_ignore_ascii_case("not") {
                self.skip_space();
                return Err(self.unexpected("`(` behind `not`"));
            }
            if ["and", "or"].iter().any(|connective| word.eq_ignore_ascii_case(connective)) {
                self.at = start;
                return Err(self.unexpected("an attribute name, `not` or `(`"));
            }
        }
        let path = self.path(word, start)?;
        if self.peek() == Some(b'[') {
            return self.element(path, start);
        }
        Ok(Filter::Test(path, self.test(start)?))
    }

    fn path(&self, word: &str, start: usize) -> Result<AttrPath, ParseError> {
        if !self.in_element {
            return AttrPath::parse(word).map_err(|problem| ParseError::Path { problem, at: start });
        }
        if is_sub_name(word) { Ok(AttrPath::named(word)) } else { Err(ParseError::NotASubAttribute(start)) }
    }

    /// `(` filter `)`
    fn group(&mut self) -> Result<Filter, ParseError> {
        self.open()?;
        let inner = self.or()?;
        self.close(b')', "`and`, `or` or `)`")?;
        Ok(inner)
    }

    /// `[` filter `]`, and what may follow it.
    fn element(&mut self, path: AttrPath, start: usize) -> Result<Filter, ParseError> {
        if self.in_element {
            return Err(ParseError::NestedElement(self.at));
        }
        if path.sub.is_some() {
            return Err(ParseError::Path { problem: PathError::TooDeep, at: start });
        }
        self.open()?;
        self.in_element = true;
        let filter = Box::new(self.or()?);
        self.in_element = false;
        self.close(b']', "`and`, `or` or `]`")?;
        let then = if self.peek() == Some(b'.') {
            self.at += 1;
            let start = self.at;
            let sub = self.take_while(is_path_byte).to_owned();
            if sub.is_empty() {
                return Err(self.unexpected("the name of a sub-attribute"));
            }
            if !is_sub_name(&sub) {
                return Err(ParseError::NotASubAttribute(start));
            }
            Some((sub, self.test(start)?))
        } else {
            None
        };
        Ok(Filter::Element { path, filter, then })
    }

    fn open(&mut self) -> Result<(), ParseError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ParseError::TooDeep(self.at));
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    fn close(&mut self, bracket: u8, expected: &'static str) -> Result<(), ParseError> {
        self.skip_space();
        if self.peek() != Some(bracket) {
            return Err(self.unexpected(expected));
        }
        self.at += 1;
        self.depth -= 1;
        Ok(())
    }

    /// What follows a path that began at `start`: `pr`, or an operator and a value.
    fn test(&mut self, start: usize) -> Result<Test, ParseError> {
        self.expressions += 1;
        if self.expressions > MAX_EXPRESSIONS {
            return Err(ParseError::TooManyExpressions(start));
        }
        if !self.skip_space() {
            return Err(self.unexpected("a space and an operator such as `eq`"));
        }
        let at = self.at;
        let word = self.take_while(|byte| byte.is_ascii_alphanumeric());
        if word.is_empty() {
            return Err(self.unexpected("an operator such as `eq`"));
        }
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Test::Present);
        }
        let Some(operator) = Operator::ALL.into_iter().find(|known| known.keyword().eq_ignore_ascii_case(word)) else {
            // Operators are short; a long text is more likely a misplaced value.
            let operator = word.get(..16).map_or_else(|| word.to_owned(), |short| format!("{short}…"));
            return Err(ParseError::UnknownOperator { operator, at });
        };
        let spaced = self.skip_space();
        if !spaced && !self.at_quote() {
            return Err(self.unexpected("a space and a value"));
        }
        Ok(Test::Compare(operator, self.literal()?))
    }

    fn literal(&mut self) -> Result<Literal, ParseError> {
        const EXPECTED: &str = "a value: a string in double quotes, a number, true, false or null";
        let start = self.at;
        match self.peek() {
            Some(b'"') => return self.json_string().map(Literal::String),
            Some(b'\'') if self.mode == Mode::Lenient => return self.single_quoted().map(Literal::String),
            _ => {}
        }
        let word = self
            .take_while(|byte| !byte.is_ascii_whitespace() && !byte.is_ascii_control() && !b"()[]\"".contains(&byte));
        let bare = match word.to_ascii_lowercase().as_str() {
            "true" => return Ok(Literal::Boolean(true)),
            "false" => return Ok(Literal::Boolean(false)),
            "null" => return Ok(Literal::Null),
            "" | "and" | "or" | "not" => false,
            // Anything else is more likely a template that was not filled in than a value.
            _ => self.mode == Mode::Lenient && word.chars().all(|c| c.is_alphanumeric() || ".@_-+:/#'".contains(c)),
        };
        if is_json_number(word) {
            return number(word).map(Literal::Number).ok_or(ParseError::NumberTooLarge(start));
        }
        if bare {
            return Ok(Literal::String(word.to_owned()));
        }
        self.at = start;
        Err(self.unexpected(EXPECTED))
    }

    fn json_string(&mut self) -> Result<String, ParseError> {
        let start = self.at;
        let mut escaped = false;
        let length = self.rest().bytes().skip(1).position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        let Some(length) = length else { return Err(ParseError::UnendedString(start)) };
        self.at += length + 2;
        serde_json::from_str(&self.text[start..self.at]).map_err(|_| ParseError::BadString(start))
    }

    /// Has no escapes: it ends at the next single quote.
    fn single_quoted(&mut self) -> Result<String, ParseError> {
        let start = self.at;
        let Some(length) = self.rest()[1..].find('\'') else { return Err(ParseError::UnendedString(start)) };
        self.at += length + 2;
        Ok(self.text[start + 1..self.at - 1].to_owned())
    }

    /// Whether an operator follows, behind a space.
    fn precedes_an_operator(&self) -> bool {
        let rest = self.rest();
        let behind = rest.trim_start_matches([' ', '\t']);
        let word = behind.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        let is_operator = |known: &str| word.eq_ignore_ascii_case(known);
        behind.len() < rest.len() && (is_operator("pr") || Operator::ALL.iter().any(|one| is_operator(one.keyword())))
    }

    /// Takes `and` or `or` with the spaces around it. A space may be left out beside a bracket only; one that nothing
    /// follows is taken too, so that the error names what is missing after it.
    fn take_connective(&mut self, word: &str) -> bool {
        let before = self.at;
        let apart = self.skip_space() || self.text[..before].ends_with([')', ']']);
        let here = self.rest().get(..word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word));
        let followed = self.text.as_bytes().get(self.at + word.len()).is_none_or(|byte| !is_path_byte(*byte));
        if apart && here && followed {
            self.at += word.len();
            self.skip_space();
            return true;
        }
        self.at = before;
        false
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn at_quote(&self) -> bool {
        matches!((self.peek(), self.mode), (Some(b'"'), _) | (Some(b'\''), Mode::Lenient))
    }

    /// Whether there was any.
    fn skip_space(&mut self) -> bool {
        !self.take_while(|byte| matches!(byte, b' ' | b'\t')).is_empty()
    }

    /// `accepts` takes all bytes of a character or none: it treats bytes above 127 alike.
    fn take_while(&mut self, accepts: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.bytes().position(|byte| !accepts(byte)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn unexpected(&self, expected: &'static str) -> ParseError {
        let found = match self.rest().chars().next() {
            None => "the end of the filter".to_owned(),
            Some('"' | '\'') => "a quoted string".to_owned(),
            Some(c) if c.is_alphanumeric() => "a word".to_owned(),
            Some(c) => format!("`{}`", c.escape_debug()),
        };
        ParseError::Unexpected { expected, at: self.at, found }
    }
}

/// A text of the number grammar as a number; `None` if it is beyond the largest. The standard library reads floating
/// point to the nearest value, which keeps a printed number the same; `serde_json` does so only with a feature of its.
fn number(text: &str) -> Option<Number> {
    if let Ok(number) = text.parse::<u64>() {
        return Some(number.into());
    }
    if let Ok(number) = text.parse::<i64>() {
        return Some(number.into());
    }
    text.parse().ok().and_then(Number::from_f64)
}

/// The number grammar of JSON (RFC 8259 §6).
fn is_json_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

#[cfg(test)]
mod tests;
