//! Versions of resources: weak entity tags, and the headers that compare them (RFC 7644 §3.14, R-172 to R-174).
//!
//! Comparison is weak everywhere, since our tags are.

/// Whether a header `If-None-Match` or `If-Match` names a version: it is `*`, or has the tag in its list. Parts that
/// are no tags match nothing.
#[must_use]
pub fn names(header: &str, version: &str) -> bool {
    header.trim() == "*" || tags(header).any(|tag| tag == opaque(version))
}

/// What is between the quotes of each tag, in a list of them.
fn tags(header: &str) -> impl Iterator<Item = &str> {
    // Quotes cannot occur within tags: every second part is a tag, and the part before it shows whether it is weak.
    let before = header.split('"').step_by(2);
    let within = header.split('"').skip(1).step_by(2);
    before.zip(within).filter_map(|(before, tag)| {
        let before = before.trim_start_matches([',', ' ', '\t']);
        (before.is_empty() || before == "W/").then_some(tag)
    })
}

fn opaque(version: &str) -> &str {
    version.trim_start_matches("W/").trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    ///
    #[test]
    fn versions_are_compared_weakly_one_by_one_and_by_an_asterisk() {
        let version = "W/\"a,b\"";
        for header in ["*", " * ", "W/\"a,b\"", "\"a,b\"", "\"x\", W/\"a,b\"", "W/\"x\",W/\"a,b\",\"y\""] {
            assert!(names(header, version), "{header}");
        }
        for header in
            ["", "a,b", "\"x\"", "\"a\", \"b\"", "\"*\"", "W/\"A,B\"", "\"x\"a,b\"y\"", "w/\"a,b\"", "W/W/\"a,b\""]
        {
            assert!(!names(header, version), "{header}");
        }
    }
}
