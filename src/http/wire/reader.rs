//! Finds where requests begin and end in the bytes of a connection. It uses the parser that reads them afterwards: both
//! find the same heads and bodies, so that no request can be smuggled past this module.

use std::fmt;

use actix_codec::Decoder;
use actix_http::error::ParseError;
use actix_http::h1::{Codec, Message, MessageType};
use actix_http::{Request, ServiceConfig};
use actix_web::web::BytesMut;

use super::line::{Line, is_token};

/// Bytes of a head, at most: as many as the parser takes.
const MAX_HEAD: usize = 131_072;

/// The end of a body in chunks that cannot be read any further.
const BROKEN_OFF: &[u8] = b"1\r\n\0\r\n0\r\n\r\n";

/// The path below which a request is answered in place of one that cannot be read.
pub(in crate::http) const REFUSED: &str = "/.refused";

/// Why a request cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Malformation {
    /// The first line is none of HTTP.
    Line,
    /// The target is no URI.
    Target,
    /// A version of HTTP that is not supported.
    Version,
    /// A header that cannot be read, or that contradicts another.
    Header,
    /// The head is too large.
    TooLarge,
}

impl Malformation {
    pub(in crate::http) const ALL: [Self; 5] = [Self::Line, Self::Target, Self::Version, Self::Header, Self::TooLarge];

    /// Its name in the path of the request that is answered instead.
    pub(in crate::http) fn as_str(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Target => "target",
            Self::Version => "version",
            Self::Header => "header",
            Self::TooLarge => "too-large",
        }
    }

    pub(in crate::http) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

impl From<&ParseError> for Malformation {
    fn from(error: &ParseError) -> Self {
        match error {
            ParseError::Method => Self::Line,
            ParseError::Uri(_) => Self::Target,
            ParseError::Version => Self::Version,
            ParseError::TooLarge => Self::TooLarge,
            _ => Self::Header,
        }
    }
}

/// What the next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expects {
    /// A request's first line.
    Line,
    /// The headers behind it; so many bytes of the head have been searched for its end.
    Headers(usize),
    Body,
    /// Nothing that is read: a request was refused, and the connection will be closed.
    Nothing,
}

/// Reads the bytes of one connection.
pub(super) struct Reader {
    codec: Codec,
    expects: Expects,
    /// The bytes that have not been parsed yet.
    raw: BytesMut,
    /// What the parser gets next.
    ready: BytesMut,
    /// Nothing follows.
    ended: bool,
    /// Of the current request.
    is_head: bool,
    is_scim: bool,
}

impl Reader {
    pub(super) fn new(config: ServiceConfig) -> Self {
        Self {
            codec: Codec::new(config),
            expects: Expects::Line,
            raw: BytesMut::new(),
            ready: BytesMut::new(),
            ended: false,
            is_head: false,
            is_scim: false,
        }
    }

    /// Takes bytes of the client.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if self.expects == Expects::Nothing {
            return;
        }
        self.raw.extend_from_slice(bytes);
        while self.advance() {}
    }

    /// The client sends no more. An incomplete request is discarded.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// Whether nothing follows what is ready.
    pub(super) fn has_ended(&self) -> bool {
        self.ended && self.ready.is_empty()
    }

    /// The next bytes for the parser, at most so many.
    pub(super) fn take(&mut self, most: usize) -> BytesMut {
        self.ready.split_to(most.min(self.ready.len()))
    }

    /// Parses the next part, if all of it is there.
    fn advance(&mut self) -> bool {
        match self.expects {
            Expects::Line => self.line(),
            Expects::Headers(searched) => self.headers(searched),
            Expects::Body => self.body(),
            Expects::Nothing => false,
        }
    }

    fn line(&mut self) -> bool {
        // The state of the request before this one does not apply to this one.
        (self.is_head, self.is_scim) = (false, false);
        // Empty lines before a request are ignored (RFC 9112 section 2.2).
        let blank = self.raw.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let _ = self.raw.split_to(blank);
        let Some(end) = self.raw.iter().position(|byte| *byte == b'\n') else {
            // A greeting of TLS has no end of a line, and its sender waits for an answer.
            let method = self.raw[..].split(|byte| *byte == b' ').next().unwrap_or_default();
            if !method.iter().copied().all(is_token) {
                self.refuse(Malformation::Line);
            } else if self.raw.len() >= MAX_HEAD {
                self.learn(None);
                self.refuse(Malformation::TooLarge);
            }
            return false;
        };
        let line = self.raw.split_to(end + 1);
        let Some(parts) = Line::of(&line) else {
            self.refuse(Malformation::Line);
            return false;
        };
        self.learn(Some(parts));
        let rest = std::mem::take(&mut self.raw);
        match parts.encoded() {
            Some(encoded) => self.raw.extend_from_slice(encoded.as_bytes()),
            None => self.raw.extend_from_slice(&line),
        }
        let searched = self.raw.len().saturating_sub(1);
        self.raw.extend_from_slice(&rest);
        self.expects = Expects::Headers(searched);
        true
    }

    /// Determines how a request has to be refused, if it has to. Without a line, from the beginning of one.
    fn learn(&mut self, line: Option<Line<'_>>) {
        let (method, target) = if let Some(line) = line {
            (line.method, line.target)
        } else {
            let mut parts = self.raw[..].splitn(2, |byte| *byte == b' ');
            (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
        };
        let (is_head, is_scim) = (method == b"HEAD", target.starts_with(b"/scim"));
        (self.is_head, self.is_scim) = (is_head, is_scim);
    }

    fn headers(&mut self, searched: usize) -> bool {
        // The parser reads a head from its beginning each time: it gets it once, when its end is there.
        let unsearched = self.raw.get(searched..).unwrap_or_default();
        let ends = |at: usize| {
            let behind = unsearched.get(at + 1..).unwrap_or_default();
            unsearched[at] == b'\n' && (behind.starts_with(b"\n") || behind.starts_with(b"\r\n"))
        };
        let end = (0..unsearched.len()).find(|at| ends(*at)).map(|at| searched + at);
        if end.unwrap_or(self.raw.len()) >= MAX_HEAD {
            self.refuse(Malformation::TooLarge);
            return false;
        }
        if end.is_none() {
            self.expects = Expects::Headers(self.raw.len().saturating_sub(2).max(searched));
            return false;
        }
        let mut rest = self.raw.clone();
        match self.codec.decode(&mut rest) {
            Ok(Some(Message::Item(_))) => {
                self.pass(rest);
                self.expects = match self.codec.message_type() {
                    MessageType::None => Expects::Line,
                    MessageType::Payload | MessageType::Stream => Expects::Body,
                };
                true
            }
            // The parser waits for more: so do we.
            Ok(_) => false,
            Err(error) => {
                self.refuse(Malformation::from(&error));
                false
            }
        }
    }

    fn body(&mut self) -> bool {
        let mut rest = self.raw.clone();
        let read: Result<Option<Message<Request>>, ParseError> = self.codec.decode(&mut rest);
        if let Ok(read) = read {
            let is_over = matches!(read, Some(Message::Chunk(None)));
            let goes_on = read.is_some();
            self.pass(rest);
            if is_over {
                self.expects = Expects::Line;
            }
            goes_on
        } else {
            // The body ends here, with a byte that no JSON has, so that the endpoint refuses it.
            self.raw.clear();
            self.ready.extend_from_slice(BROKEN_OFF);
            self.expects = Expects::Nothing;
            self.ended = true;
            false
        }
    }

    /// Passes on what was parsed: all but the rest.
    fn pass(&mut self, rest: BytesMut) {
        let understood = self.raw.len() - rest.len();
        self.ready.extend_from_slice(&self.raw[..understood]);
        self.raw = rest;
    }

    /// Replaces the current request by one that is answered with the reason. What follows is discarded: the place where
    /// the next request begins is unknown.
    fn refuse(&mut self, why: Malformation) {
        let method = if self.is_head { "HEAD" } else { "GET" };
        let front = if self.is_scim { "scim" } else { "api" };
        let instead = format!(
            "{method} {REFUSED}/{front}/{} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
            why.as_str()
        );
        self.ready.extend_from_slice(instead.as_bytes());
        self.raw.clear();
        self.expects = Expects::Nothing;
    }
}

/// Without the bytes.
impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("expects", &self.expects).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the parser gets of bytes that come in pieces of a size.
    fn read(bytes: &[u8], size: usize, config: &ServiceConfig) -> String {
        let mut reader = Reader::new(config.clone());
        let mut passed = Vec::new();
        for piece in bytes.chunks(size) {
            reader.feed(piece);
            passed.extend_from_slice(&reader.take(usize::MAX));
        }
        String::from_utf8_lossy(&passed).into_owned()
    }

    fn refusal(method: &str, front: &str, why: &str) -> String {
        format!("{method} /.refused/{front}/{why} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
    }

    const GET: &str = "GET /scim/v2/Users HTTP/1.1\r\nhost: x\r\n\r\n";

    #[actix_web::test]
    async fn requests_pass_as_they_are_with_their_targets_encoded() {
        let config = ServiceConfig::default();
        let quoted = "GET /U?filter=a%20eq%20\"b\" HTTP/1.1\r\nhost: x\r\n\r\n";
        let encoded = quoted.replace('"', "%22");
        // Bodies contain text that resembles requests, and keep it.
        let post = format!("POST /U/.search HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{quoted}", quoted.len());
        let chunked = format!(
            "POST /U/.search HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{quoted}\r\n0\r\n\r\n",
            quoted.len()
        );
        let sent = [GET, quoted, &post, quoted, &chunked, quoted, GET].concat();
        let wanted = [GET, &encoded, &post, &encoded, &chunked, &encoded, GET].concat();
        for size in [1, 2, 7, 64, 100_000] {
            assert_eq!(read(sent.as_bytes(), size, &config), wanted, "in pieces of {size}");
        }
    }

    #[actix_web::test]
    async fn what_cannot_be_read_is_replaced_by_a_request_that_is_refused() {
        let config = ServiceConfig::default();
        let long = "x".repeat(MAX_HEAD);
        for (sent, method, front, why) in [
            ("GET /scim/v2/Users HTTP/9.9\r\n\r\n".to_owned(), "GET", "scim", "version"),
            ("HEAD /scim/v2/Users?a=b c HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), "HEAD", "scim", "version"),
            ("GET /api/v1/people HTTP/1.1\r\n\r\n".to_owned(), "GET", "api", "header"),
            ("GET /scim/v2/Users HTTP/1.1\r\nhost: x\r\nb ad: y\r\n\r\n".to_owned(), "GET", "scim", "header"),
            (
                "POST /scim/v2/Users HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n".to_owned(),
                "GET",
                "scim",
                "header",
            ),
            (format!("GET /scim/v2/Users HTTP/1.1\r\nhost: x\r\na: {long}\r\n\r\n"), "GET", "scim", "too-large"),
            (format!("GET /scim/v2/Users?{long} HTTP/1.1\r\n"), "GET", "scim", "too-large"),
            ("GET\r\n".to_owned(), "GET", "api", "line"),
            ("\u{16}\u{3}\u{1}\u{2}\r\n".to_owned(), "GET", "api", "line"),
        ] {
            for size in [1_000, 100_000] {
                let passed = read([GET, &sent, GET].concat().as_bytes(), size, &config);
                assert_eq!(passed, GET.to_owned() + &refusal(method, front, why), "{sent:.60}");
            }
        }
    }

    #[actix_web::test]
    async fn a_body_that_cannot_be_read_ends_as_no_json_and_so_does_the_connection() {
        let mut reader = Reader::new(ServiceConfig::default());
        let head = "POST /U/.search HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
        reader.feed(head.as_bytes());
        reader.feed(b"zz\r\n");
        assert_eq!(reader.take(usize::MAX), [head.as_bytes(), BROKEN_OFF].concat());
        assert!(reader.has_ended());
        reader.feed(GET.as_bytes());
        assert!(reader.take(usize::MAX).is_empty(), "what follows is no request");
    }

    #[test]
    fn every_reason_reads_back() {
        for why in Malformation::ALL {
            assert_eq!(Malformation::parse(why.as_str()), Some(why));
        }
    }

    /// Requests in the form that clients send: their bytes, and what the parser gets.
    fn requests() -> impl Strategy<Value = Vec<(String, String)>> {
        let target = "[a-zA-Z0-9/?&=%\"<>{|}é#\\\\^`]{0,20}";
        let body = "[\\PC\r\n]{0,40}";
        prop::collection::vec((target, body, 0..3_u8), 0..6).prop_map(|all| {
            let of = |(target, body, kind): (String, String, u8)| {
                let (method, tail) = match kind {
                    0 => ("GET", "\r\n".to_owned()),
                    1 => ("POST", format!("content-length: {}\r\n\r\n{body}", body.len())),
                    _ if body.is_empty() => ("POST", "transfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_owned()),
                    _ => ("POST", format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len())),
                };
                let encoded: String = target
                    .chars()
                    .map(|c| match c {
                        '"' | '<' | '>' | '{' | '|' | '}' | 'é' | '#' | '\\' | '^' | '`' => {
                            let mut bytes = [0; 4];
                            let coded = c.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}"));
                            coded.collect::<Vec<_>>().concat()
                        }
                        other => other.to_string(),
                    })
                    .collect();
                let whole = |target: &str| format!("{method} /{target} HTTP/1.1\r\nhost: x\r\n{tail}");
                (whole(&target), whole(&encoded))
            };
            all.into_iter().map(of).collect()
        })
    }

    #[actix_web::test]
    async fn whatever_the_pieces_the_parser_gets_the_same() {
        let config = ServiceConfig::default();
        let mut runner = proptest::test_runner::TestRunner::default();
        runner
            .run(&(requests(), 1..200_usize), |(requests, size)| {
                let sent: String = requests.iter().map(|(sent, _)| sent.as_str()).collect();
                let wanted: String = requests.iter().map(|(_, wanted)| wanted.as_str()).collect();
                prop_assert_eq!(read(sent.as_bytes(), size, &config), wanted);
                Ok(())
            })
            .unwrap();
    }

    #[actix_web::test]
    async fn no_bytes_panic() {
        let config = ServiceConfig::default();
        let mut runner = proptest::test_runner::TestRunner::default();
        let bytes = prop::collection::vec(
            prop_oneof![any::<u8>(), prop::sample::select(b"GET / HTTP/1.1\r\n: ".to_vec())],
            0..200,
        );
        runner
            .run(&(bytes, 1..50_usize), |(bytes, size)| {
                read(&bytes, size, &config);
                Ok(())
            })
            .unwrap();
    }
}
