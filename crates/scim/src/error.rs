//! The error with which a SCIM request is refused: status, keyword and a sentence (RFC 7644 §3.12).
//!
//! Details are in English, name the attribute, operator or path at fault, and hold neither personal values nor anything
//! internal. The constructors are the rows of the error table; the HTTP edge adds headers.

use serde_json::{Value, json};

/// The schema of the error message.
pub const ERROR_URN: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// The keywords of errors: RFC 7644 §3.12 and RFC 9865 §2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScimType {
    InvalidFilter,
    TooMany,
    Uniqueness,
    Mutability,
    InvalidSyntax,
    InvalidPath,
    NoTarget,
    InvalidValue,
    InvalidVers,
    Sensitive,
    InvalidCursor,
    ExpiredCursor,
    InvalidCount,
}

impl ScimType {
    /// The keyword as it is written in `scimType`.
    #[must_use]
    pub fn keyword(self) -> &'static str {
        match self {
            Self::InvalidFilter => "invalidFilter",
            Self::TooMany => "tooMany",
            Self::Uniqueness => "uniqueness",
            Self::Mutability => "mutability",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidPath => "invalidPath",
            Self::NoTarget => "noTarget",
            Self::InvalidValue => "invalidValue",
            Self::InvalidVers => "invalidVers",
            Self::Sensitive => "sensitive",
            Self::InvalidCursor => "invalidCursor",
            Self::ExpiredCursor => "expiredCursor",
            Self::InvalidCount => "invalidCount",
        }
    }
}

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {detail}")]
pub struct ScimError {
    /// The HTTP status.
    pub status: u16,
    pub scim_type: Option<ScimType>,
    /// What went wrong, for the person who reads the consumer's log.
    pub detail: String,
}

impl ScimError {
    /// Any refusal; the constructors below are the usual ones.
    #[must_use]
    pub fn new(status: u16, scim_type: Option<ScimType>, detail: impl Into<String>) -> Self {
        Self { status, scim_type, detail: detail.into() }
    }

    /// The filter does not parse, names an unknown attribute, or compares what cannot be compared.
    #[must_use]
    pub fn invalid_filter(detail: impl Into<String>) -> Self {
        Self::new(400, Some(ScimType::InvalidFilter), detail)
    }

    /// A PATCH path, or a path of a projection, that is none or names nothing that a schema defines.
    #[must_use]
    pub fn invalid_path(detail: impl Into<String>) -> Self {
        Self::new(400, Some(ScimType::InvalidPath), detail)
    }

    /// A value is missing, or of the wrong type or form.
    #[must_use]
    pub fn invalid_value(detail: impl Into<String>) -> Self {
        Self::new(400, Some(ScimType::InvalidValue), detail)
    }

    /// The body is no JSON object or the wrong message, or a parameter came twice.
    #[must_use]
    pub fn invalid_syntax(detail: impl Into<String>) -> Self {
        Self::new(400, Some(ScimType::InvalidSyntax), detail)
    }

    /// A PATCH path that matches nothing, or a remove without a path.
    #[must_use]
    pub fn no_target(detail: impl Into<String>) -> Self {
        Self::new(400, Some(ScimType::NoTarget), detail)
    }

    /// A write that the attribute, or the consumer's authority over it, does not allow.
    #[must_use]
    pub fn mutability(detail: impl Into<String>) -> Self {
        Self::new(400, Some(ScimType::Mutability), detail)
    }

    /// More results than the server computes.
    #[must_use]
    pub fn too_many(detail: impl Into<String>) -> Self {
        Self::new(400, Some(ScimType::TooMany), detail)
    }

    /// A protocol version that the server does not support.
    #[must_use]
    pub fn invalid_version(detail: impl Into<String>) -> Self {
        Self::new(400, Some(ScimType::InvalidVers), detail)
    }

    /// A cursor that is unknown, forged or of another query (RFC 9865 §2.1).
    #[must_use]
    pub fn invalid_cursor(detail: impl Into<String>) -> Self {
        Self::new(400, Some(ScimType::InvalidCursor), detail)
    }

    /// A cursor that is too old (RFC 9865 §2.1).
    #[must_use]
    pub fn expired_cursor(detail: impl Into<String>) -> Self {
        Self::new(400, Some(ScimType::ExpiredCursor), detail)
    }

    /// A count that is no integer, or not the first page's, under a cursor (RFC 9865 §2.1).
    #[must_use]
    pub fn invalid_count(detail: impl Into<String>) -> Self {
        Self::new(400, Some(ScimType::InvalidCount), detail)
    }

    /// A value that must be unique is taken.
    #[must_use]
    pub fn uniqueness(detail: impl Into<String>) -> Self {
        Self::new(409, Some(ScimType::Uniqueness), detail)
    }

    /// No credentials, or none that the server accepts; the edge adds `WWW-Authenticate`.
    #[must_use]
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(401, None, detail)
    }

    /// The credentials do not allow it.
    #[must_use]
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(403, None, detail)
    }

    /// No such resource or endpoint.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(404, None, detail)
    }

    /// The endpoint has no such method; the edge adds `Allow`.
    #[must_use]
    pub fn method_not_allowed(detail: impl Into<String>) -> Self {
        Self::new(405, None, detail)
    }

    /// The caller accepts neither media type.
    #[must_use]
    pub fn not_acceptable(detail: impl Into<String>) -> Self {
        Self::new(406, None, detail)
    }

    /// A conflict that is not about a unique value.
    #[must_use]
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(409, None, detail)
    }

    /// `If-Match` does not match.
    #[must_use]
    pub fn precondition_failed(detail: impl Into<String>) -> Self {
        Self::new(412, None, detail)
    }

    /// The body or the number of operations is over a limit; the detail names it.
    #[must_use]
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(413, None, detail)
    }

    /// The body is of a media type that is not taken.
    #[must_use]
    pub fn unsupported_media_type(detail: impl Into<String>) -> Self {
        Self::new(415, None, detail)
    }

    /// The rate limit is used up; the edge adds `Retry-After`.
    #[must_use]
    pub fn too_many_requests(detail: impl Into<String>) -> Self {
        Self::new(429, None, detail)
    }

    /// Known to SCIM, but not offered here.
    #[must_use]
    pub fn not_implemented(detail: impl Into<String>) -> Self {
        Self::new(501, None, detail)
    }

    /// The directory cannot be read at present; the edge adds `Retry-After`.
    #[must_use]
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(503, None, detail)
    }

    /// No schema of the resource defines the path, or what it names is hidden from the caller: one sentence for both,
    /// so that no caller learns what is hidden. `refuse` gives status and keyword.
    #[must_use]
    pub fn unknown_attribute(refuse: impl FnOnce(String) -> Self, path: &str) -> Self {
        const SHOWN: usize = 150;
        let cut = path.char_indices().nth(SHOWN).map_or(path, |(end, _)| &path[..end]);
        let dots = if cut.len() < path.len() { "…" } else { "" };
        refuse(format!("unknown attribute `{cut}{dots}`"))
    }

    /// A sensitive attribute, which the caller may see, in the filter or `sortBy` of a GET: the content of a
    /// URL is written to logs on its way.
    #[must_use]
    pub fn sensitive(path: &str) -> Self {
        let detail = format!("`{path}` is sensitive and may not stand in a URL; send the query to POST .search");
        Self::new(403, Some(ScimType::Sensitive), detail)
    }

    /// A fault of ours. Its cause is in the log, not here.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(500, None, "internal error")
    }

    /// The body of the answer: the status is a string there.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut body = json!({ "schemas": [ERROR_URN], "status": self.status.to_string(), "detail": self.detail });
        if let Some(scim_type) = self.scim_type {
            body["scimType"] = scim_type.keyword().into();
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_names_status_as_a_string_and_the_keyword() {
        assert_eq!(
            ScimError::uniqueness("the userName is taken").body(),
            json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
                "status": "409",
                "scimType": "uniqueness",
                "detail": "the userName is taken",
            })
        );
    }

    #[test]
    fn a_body_without_a_keyword_has_no_such_member() {
        assert_eq!(ScimError::not_found("no such user").body().get("scimType"), None);
        assert_eq!(ScimError::internal().body()["status"], "500");
    }

    #[test]
    fn every_row_of_the_table_has_its_status_and_keyword() {
        let rows = [
            (ScimError::invalid_filter(""), 400, "invalidFilter"),
            (ScimError::invalid_path(""), 400, "invalidPath"),
            (ScimError::invalid_value(""), 400, "invalidValue"),
            (ScimError::invalid_syntax(""), 400, "invalidSyntax"),
            (ScimError::no_target(""), 400, "noTarget"),
            (ScimError::mutability(""), 400, "mutability"),
            (ScimError::too_many(""), 400, "tooMany"),
            (ScimError::invalid_version(""), 400, "invalidVers"),
            (ScimError::invalid_cursor(""), 400, "invalidCursor"),
            (ScimError::expired_cursor(""), 400, "expiredCursor"),
            (ScimError::invalid_count(""), 400, "invalidCount"),
            (ScimError::sensitive(""), 403, "sensitive"),
            (ScimError::uniqueness(""), 409, "uniqueness"),
        ];
        for (error, status, keyword) in rows {
            assert_eq!((error.status, error.body()["scimType"].as_str()), (status, Some(keyword)));
        }
    }
}
