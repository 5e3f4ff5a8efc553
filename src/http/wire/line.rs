//! The first line of a request: `GET /scim/v2/Users?filter=… HTTP/1.1` (RFC 9112 section 3).

use std::fmt::Write as _;

/// A first line, split at its first and its last space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub method: &'a [u8],
    pub target: &'a [u8],
    /// The version, and the end of the line.
    rest: &'a [u8],
}

impl<'a> Line<'a> {
    /// Splits a line. `None` if it does not have three parts.
    pub(super) fn of(line: &'a [u8]) -> Option<Self> {
        let first = line.iter().position(|byte| *byte == b' ')?;
        let last = line.iter().rposition(|byte| *byte == b' ').filter(|last| *last > first)?;
        Some(Self { method: &line[..first], target: &line[first + 1..last], rest: &line[last + 1..] })
    }

    /// The line with its target percent-encoded where it has to be. `None` if nothing has to be, which is the rule.
    ///
    /// A space within the target stays, and is refused: where a line with more than two spaces ends is guesswork, which
    /// RFC 9112 section 3.2 advises against.
    pub(super) fn encoded(&self) -> Option<String> {
        if self.target.iter().copied().all(is_allowed) {
            return None;
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut line = text(self.method) + " ";
        for byte in self.target {
            if is_allowed(*byte) {
                line.push(char::from(*byte));
            } else {
                // Writing to a text does not fail.
                let _ = write!(line, "%{byte:02X}");
            }
        }
        Some(line + " " + &text(self.rest))
    }
}

/// Whether a byte of a target stays as it is: one that is allowed in a URI (RFC 3986), `%`, and what the parser refuses
/// for good: spaces and control characters. `#` is no part of a target; here it belongs to a value.
fn is_allowed(byte: u8) -> bool {
    !matches!(byte, b'"' | b'#' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x80..)
}

/// Whether a byte is allowed in the name of a method (RFC 9110 section 5.6.2).
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(line: &str) -> Option<String> {
        Line::of(line.as_bytes()).unwrap().encoded()
    }

    #[test]
    fn what_may_not_stand_in_a_target_is_encoded_and_nothing_else() {
        assert_eq!(encoded("GET /scim/v2/Users?filter=userName%20eq%20%22x%22&a=[1]+b/c HTTP/1.1\r\n"), None);
        assert_eq!(
            encoded("GET /U?filter=a%20eq%20\"<é>\"{|}\\^`# HTTP/1.1\r\n").as_deref(),
            Some("GET /U?filter=a%20eq%20%22%3C%C3%A9%3E%22%7B%7C%7D%5C%5E%60%23 HTTP/1.1\r\n")
        );
    }

    #[test]
    fn a_line_has_three_parts() {
        assert_eq!(Line::of(b"GET /\r\n"), None);
        assert_eq!(Line::of(b"\r\n"), None);
        assert_eq!(Line::of(b"GET /a \"b HTTP/1.1\n").unwrap().target, b"/a \"b");
    }
}
