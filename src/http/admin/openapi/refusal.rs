//! Adds refusals to the description: the codes of each operation, by the rules that the code follows everywhere.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::http::error::{Code, Status};

/// Responses that are no operation's: to a method that there is not, and to a head that is not read to its end.
pub(super) fn of_no_operation() -> Map<String, Value> {
    let of = |code: Code| {
        let codes = BTreeSet::from([code]);
        (name(&codes), response(&codes))
    };
    Map::from_iter([Code::MethodNotAllowed, Code::HeadTooLarge].map(of))
}

/// What of an operation's shape lets it refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trait {
    /// Needs a token. Every such handler reads its parameters, and queries the database.
    Guarded,
    /// Has an id in its path.
    ById,
    /// Has a parameter `cursor`.
    Paged,
    /// Takes a body.
    Bodied,
}

impl Trait {
    /// The codes that follow from it.
    pub(super) fn codes(self) -> &'static [Code] {
        match self {
            Self::Guarded => &[
                Code::TokenMissing,
                Code::TokenInvalid,
                Code::ScopeMissing,
                Code::Malformed,
                Code::Invalid,
                Code::Internal,
                Code::Unavailable,
            ],
            Self::ById => &[Code::NotFound],
            Self::Paged => &[Code::InvalidCursor],
            Self::Bodied => &[Code::TooLarge, Code::UnsupportedMediaType],
        }
    }
}

/// The codes by the status that they have.
pub(super) fn by_status(codes: &BTreeSet<Code>) -> BTreeMap<u16, BTreeSet<Code>> {
    let mut statuses: BTreeMap<u16, BTreeSet<Code>> = BTreeMap::new();
    for code in codes {
        statuses.entry(code.status().as_u16()).or_default().insert(*code);
    }
    statuses
}

/// What a response with these codes is called among the components.
pub(super) fn name(codes: &BTreeSet<Code>) -> String {
    codes.iter().map(|code| code.as_str()).collect::<Vec<_>>().join(".")
}

/// A response with one of some codes, which have the same status.
pub(super) fn response(codes: &BTreeSet<Code>) -> Value {
    let Some(first) = codes.first() else { return Value::Null };
    let words: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let meanings: Vec<String> = codes.iter().map(|code| format!("`{code}`: {}", code.meaning())).collect();
    let status = first.status();
    let mut response = json!({
        "description": meanings.join(". "),
        "content": {
            "application/problem+json": {
                "schema": {
                    "allOf": [
                        { "$ref": "#/components/schemas/Refusal" },
                        { "properties": { "status": { "const": status.as_u16() }, "code": { "enum": words } } },
                    ],
                },
                "example": example(*first),
            },
        },
    });
    let header = match first {
        Code::TokenMissing | Code::TokenInvalid => Some(("WWW-Authenticate", "string")),
        Code::MethodNotAllowed => Some(("Allow", "string")),
        Code::Unavailable | Code::TooManyRequests => Some(("Retry-After", "integer")),
        _ => None,
    };
    if let Some((name, kind)) = header {
        response["headers"] = json!({ name: { "required": true, "schema": { "type": kind } } });
    }
    response
}

fn example(code: Code) -> Value {
    let mut body = json!({
        "type": format!("urn:rollbook:problem:{code}"),
        "title": code.status().canonical_reason(),
        "status": code.status().as_u16(),
        "detail": code.meaning().replace('`', ""),
        "code": code.as_str(),
        "requestId": "01a2009e-d8f1-7c3e-9a52-6f0b1c2d3e4f",
    });
    if code == Code::Invalid {
        body["detail"] = "these members cannot be taken: name".into();
        body["errors"] = json!([{ "field": "name", "message": "missing; expected a text" }]);
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_one_status_share_a_response() {
        let traits = [Trait::Guarded, Trait::ById, Trait::Paged];
        let statuses = by_status(&traits.iter().flat_map(|one| one.codes()).copied().collect());
        assert_eq!(statuses.keys().copied().collect::<Vec<_>>(), [400, 401, 403, 404, 422, 500, 503]);
        assert_eq!(name(&statuses[&400]), "malformed.invalidCursor");
        let shown = response(&statuses[&401]);
        assert_eq!(shown["headers"]["WWW-Authenticate"]["required"], true);
        assert_eq!(shown["content"]["application/problem+json"]["example"]["code"], "tokenMissing");
    }
}
