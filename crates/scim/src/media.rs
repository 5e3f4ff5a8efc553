//! Which media type an answer has, and which bodies are read: pure functions over header values.

/// The media types of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// `application/scim+json`, the type of SCIM (RFC 7644 §8.1).
    Scim,
    /// `application/json`, for callers who ask for nothing else.
    Json,
}

impl MediaType {
    /// The value of `Content-Type`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scim => "application/scim+json",
            Self::Json => "application/json",
        }
    }
}

/// The caller accepts neither media type: 406.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("answers are application/scim+json or application/json, and the Accept header allows neither")]
pub struct NotAcceptable;

/// The media type of the answer to a request with this `Accept` header; pass an empty string when there is none
/// . Several headers are joined with commas.
///
/// `application/scim+json` wins wherever it is acceptable at all, whatever its q value: every client of SCIM reads it.
pub fn accept(header: &str) -> Result<MediaType, NotAcceptable> {
    if header.trim().is_empty() {
        return Ok(MediaType::Scim);
    }
    [MediaType::Scim, MediaType::Json].into_iter().find(|media| accepts(header, *media)).ok_or(NotAcceptable)
}

/// Whether the most specific range that matches has a q above 0 (RFC 9110 §12.5.1).
fn accepts(header: &str, media: MediaType) -> bool {
    let matching = split_outside_quotes(header, ',').filter_map(|range| {
        let mut parts = split_outside_quotes(range, ';');
        let name = parts.next()?.trim();
        let specificity = match name {
            "*/*" => 0,
            name if name.eq_ignore_ascii_case("application/*") => 1,
            name if name.eq_ignore_ascii_case(media.as_str()) => 2,
            _ => return None,
        };
        let refused = parts.any(|parameter| {
            parameter.split_once('=').is_some_and(|(name, value)| {
                // A q that is no number is tolerated as if it were absent.
                name.trim().eq_ignore_ascii_case("q") && value.trim().parse::<f64>().is_ok_and(|q| q <= 0.0)
            })
        });
        Some((specificity, !refused))
    });
    // Of two equally specific ranges one that accepts wins.
    matching.max().is_some_and(|(_, accepted)| accepted)
}

/// The parts between separators; those inside quoted parameter values separate nothing.
fn split_outside_quotes(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |c| {
        let was_escaped = std::mem::take(&mut escaped);
        match c {
            '\\' if quoted && !was_escaped => escaped = true,
            '"' if !was_escaped => quoted = !quoted,
            _ => {}
        }
        c == separator && !quoted
    })
}

/// Whether a body with this `Content-Type` is read as JSON. Pass an empty string when there is none: a body
/// without a type is taken if it parses. Everything else is 415.
#[must_use]
pub fn content_type_ok(header: &str) -> bool {
    let name = header.split(';').next().unwrap_or_default().trim();
    ["", "application/scim+json", "application/json", "text/json"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_answer_has_the_type_that_accept_allows() {
        for (header, expected) in [
            ("", Ok(MediaType::Scim)),
            ("  ", Ok(MediaType::Scim)),
            ("application/scim+json", Ok(MediaType::Scim)),
            ("Application/SCIM+JSON; charset=utf-8", Ok(MediaType::Scim)),
            ("application/json, application/scim+json;q=0.1", Ok(MediaType::Scim)),
            ("*/*", Ok(MediaType::Scim)),
            ("application/*;q=0.8", Ok(MediaType::Scim)),
            ("application/json", Ok(MediaType::Json)),
            ("application/json;charset=utf-8", Ok(MediaType::Json)),
            ("application/json, text/plain, */*", Ok(MediaType::Scim)),
            ("application/scim+json;q=0, application/json", Ok(MediaType::Json)),
            ("application/scim+json; q=0, */*", Ok(MediaType::Json)),
            ("application/scim+json;q=0.0", Err(NotAcceptable)),
            ("application/json;q=0.000", Err(NotAcceptable)),
            ("text/html", Err(NotAcceptable)),
            ("text/*", Err(NotAcceptable)),
            ("*/*;q=0", Err(NotAcceptable)),
            ("text/html, */*;q=0, application/json", Ok(MediaType::Json)),
            ("application/json;x=\"a,application/scim+json\"", Ok(MediaType::Json)),
            ("application/json;q=wrong", Ok(MediaType::Json)),
            ("nonsense", Err(NotAcceptable)),
            (",,application/json,,", Ok(MediaType::Json)),
        ] {
            assert_eq!(accept(header), expected, "{header}");
        }
    }

    #[test]
    fn json_bodies_are_read_under_three_names() {
        for header in ["", "application/scim+json", "application/json; charset=utf-8", "TEXT/JSON"] {
            assert!(content_type_ok(header), "{header}");
        }
        for header in ["text/plain", "application/xml", "application/jsonp", "multipart/form-data; boundary=x"] {
            assert!(!content_type_ok(header), "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_header_panics(header in "\\PC{0,60}") {
            let _ = accept(&header);
            let _ = content_type_ok(&header);
        }
    }
}
