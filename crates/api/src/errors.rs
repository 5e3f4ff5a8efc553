//! The stable codes of refusals: the one list of them, each with its meaning.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::plans::PlanDifference;

closed_set! {
    /// For programs; it does not change. A code has one status, and never changes what it means.
    ErrorCode {
        Malformed = "malformed",
        InvalidCursor = "invalidCursor",
        TooExpensive = "tooExpensive",
        TokenMissing = "tokenMissing",
        TokenInvalid = "tokenInvalid",
        ScopeMissing = "scopeMissing",
        NotFound = "notFound",
        MethodNotAllowed = "methodNotAllowed",
        Conflict = "conflict",
        PlanChanged = "planChanged",
        NoCredential = "noCredential",
        FeedExpired = "feedExpired",
        TooLarge = "tooLarge",
        UnsupportedMediaType = "unsupportedMediaType",
        Invalid = "invalid",
        CredentialRefused = "credentialRefused",
        VendorRefused = "vendorRefused",
        Settings = "settings",
        TooManyRequests = "tooManyRequests",
        HeadTooLarge = "headTooLarge",
        Internal = "internal",
        VendorMalformed = "vendorMalformed",
        Unavailable = "unavailable",
        VendorUnavailable = "vendorUnavailable",
    }
}

impl ErrorCode {
    /// When it is answered, as a short text in Markdown.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Malformed => "the request cannot be read: no JSON, a broken URL",
            Self::InvalidCursor => "the cursor is none that this list gave out",
            Self::TooExpensive => "the query was ended at its time limit; ask for less",
            Self::TokenMissing => "there is no bearer token",
            Self::TokenInvalid => "the token is unknown, expired or taken back",
            Self::ScopeMissing => "the token does not allow this",
            Self::NotFound => "no such thing, or no such endpoint",
            Self::MethodNotAllowed => "there is no such method here; `Allow` names those that there are",
            Self::Conflict => "the present state does not allow it",
            Self::PlanChanged => "the plan would do something else by now; `planId` and `difference` say what",
            Self::NoCredential => "no credential is stored, or it cannot be opened",
            Self::FeedExpired => "the feed no longer has what follows this number or mark",
            Self::TooLarge => "the body has more than 1 MiB",
            Self::UnsupportedMediaType => "the body is no JSON by its type, or it is compressed",
            Self::HeadTooLarge => "line and headers of the request have more than 128 KiB",
            Self::Invalid => "members or parameters cannot be taken; `errors` names each",
            Self::CredentialRefused => "the HR system does not accept the credential",
            Self::VendorRefused => "the HR system says no, and would say it again",
            Self::Settings => "settings or credentials that cannot work",
            Self::TooManyRequests => "this token has as many requests going as it may; try again",
            Self::Internal => "a fault of Rollbook; the log has the `requestId`",
            Self::VendorUnavailable => "the HR system does not answer in time; nothing was changed",
            Self::VendorMalformed => "the HR system does not answer as itself",
            Self::Unavailable => "the database cannot be asked; try again",
        }
    }
}

/// A refusal (RFC 9457).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// `urn:rollbook:problem:` and the code.
    pub r#type: String,
    /// The status as text.
    pub title: String,
    pub status: u16,
    /// What went wrong this time, for people.
    pub detail: String,
    pub code: ErrorCode,
    /// By which the log knows the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub request_id: Option<Uuid>,
    /// With `invalid`: each member or parameter that cannot be taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// With `planChanged`: the plan as it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub plan_id: Option<Uuid>,
    /// With `planChanged`: the counts of the plan that was seen, and of the one now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub difference: Option<PlanDifference>,
}

/// One member or parameter of a request that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// Its path in the body, or the parameter's name.
    pub field: String,
    /// What was expected.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_from_its_word() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::parse(code.as_str()), Some(*code));
            assert!(!code.meaning().is_empty(), "{code}");
        }
        assert_eq!(ErrorCode::parse("NotFound"), None);
    }
}
