//! The stable codes of the admin API's refusals: the one list of them, each with its status and its meaning.

use std::fmt;

use actix_web::http::StatusCode;

/// What a program can go by in a refusal of the admin API. A code has one status, and never changes what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    Malformed,
    InvalidCursor,
    TooExpensive,
    TokenMissing,
    TokenInvalid,
    ScopeMissing,
    NotFound,
    MethodNotAllowed,
    Conflict,
    PlanChanged,
    NoCredential,
    FeedExpired,
    TooLarge,
    UnsupportedMediaType,
    HeadTooLarge,
    Invalid,
    CredentialRefused,
    VendorRefused,
    Settings,
    TooManyRequests,
    Internal,
    VendorUnavailable,
    VendorMalformed,
    Unavailable,
}

impl Code {
    /// All of them, by status.
    pub const ALL: [Self; 24] = [
        Self::Malformed,
        Self::InvalidCursor,
        Self::TooExpensive,
        Self::TokenMissing,
        Self::TokenInvalid,
        Self::ScopeMissing,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::PlanChanged,
        Self::NoCredential,
        Self::FeedExpired,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::Invalid,
        Self::CredentialRefused,
        Self::VendorRefused,
        Self::Settings,
        Self::TooManyRequests,
        Self::HeadTooLarge,
        Self::Internal,
        Self::VendorMalformed,
        Self::Unavailable,
        Self::VendorUnavailable,
    ];

    /// The word, its status and its meaning: one line a code, so that none of the three is forgotten.
    fn row(self) -> (&'static str, StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::Malformed => ("malformed", S::BAD_REQUEST, "the request cannot be read: no JSON, a broken URL"),
            Self::InvalidCursor => ("invalidCursor", S::BAD_REQUEST, "the cursor is none that this list gave out"),
            Self::TooExpensive => {
                ("tooExpensive", S::BAD_REQUEST, "the query was ended at its time limit; ask for less")
            }
            Self::TokenMissing => ("tokenMissing", S::UNAUTHORIZED, "there is no bearer token"),
            Self::TokenInvalid => ("tokenInvalid", S::UNAUTHORIZED, "the token is unknown, expired or taken back"),
            Self::ScopeMissing => ("scopeMissing", S::FORBIDDEN, "the token does not allow this"),
            Self::NotFound => ("notFound", S::NOT_FOUND, "no such thing, or no such endpoint"),
            Self::MethodNotAllowed => (
                "methodNotAllowed",
                S::METHOD_NOT_ALLOWED,
                "there is no such method here; `Allow` names those that there are",
            ),
            Self::Conflict => ("conflict", S::CONFLICT, "the present state does not allow it"),
            Self::PlanChanged => (
                "planChanged",
                S::CONFLICT,
                "the plan would do something else by now; `planId` and `difference` say what",
            ),
            Self::NoCredential => ("noCredential", S::CONFLICT, "no credential is stored, or it cannot be opened"),
            Self::FeedExpired => ("feedExpired", S::GONE, "the feed no longer has what follows this number or mark"),
            Self::TooLarge => ("tooLarge", S::PAYLOAD_TOO_LARGE, "the body has more than 1 MiB"),
            Self::UnsupportedMediaType => (
                "unsupportedMediaType",
                S::UNSUPPORTED_MEDIA_TYPE,
                "the body is no JSON by its type, or it is compressed",
            ),
            Self::Invalid => {
                ("invalid", S::UNPROCESSABLE_ENTITY, "members or parameters cannot be taken; `errors` names each")
            }
            Self::CredentialRefused => {
                ("credentialRefused", S::UNPROCESSABLE_ENTITY, "the HR system does not accept the credential")
            }
            Self::VendorRefused => {
                ("vendorRefused", S::UNPROCESSABLE_ENTITY, "the HR system says no, and would say it again")
            }
            Self::Settings => ("settings", S::UNPROCESSABLE_ENTITY, "settings or credentials that cannot work"),
            Self::TooManyRequests => {
                ("tooManyRequests", S::TOO_MANY_REQUESTS, "this token has as many requests going as it may; try again")
            }
            Self::HeadTooLarge => (
                "headTooLarge",
                S::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "line and headers of the request have more than 128 KiB",
            ),
            Self::Internal => {
                ("internal", S::INTERNAL_SERVER_ERROR, "a fault of Rollbook; the log has the `requestId`")
            }
            Self::VendorUnavailable => {
                ("vendorUnavailable", S::GATEWAY_TIMEOUT, "the HR system does not answer in time; nothing was changed")
            }
            Self::VendorMalformed => ("vendorMalformed", S::BAD_GATEWAY, "the HR system does not answer as itself"),
            Self::Unavailable => ("unavailable", S::SERVICE_UNAVAILABLE, "the database cannot be asked; try again"),
        }
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().0
    }

    #[must_use]
    pub fn status(self) -> StatusCode {
        self.row().1
    }

    /// When it is answered, in a few words of Markdown.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        self.row().2
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == word)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_from_its_word_and_is_an_error() {
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(code));
            assert!(code.status().is_client_error() || code.status().is_server_error(), "{code}");
        }
        assert_eq!(Code::parse("NotFound"), None);
    }

    #[test]
    fn the_list_is_ordered_by_status() {
        assert!(Code::ALL.is_sorted_by_key(|code| code.status().as_u16()));
    }
}
