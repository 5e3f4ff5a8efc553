//! The HTTP status of each refusal code. The codes themselves are those of the API.

use actix_web::http::StatusCode;

pub use crate::api::errors::ErrorCode as Code;

/// What the server knows of a code besides its name.
pub trait Status {
    /// The one status that a code has.
    fn status(self) -> StatusCode;
}

impl Status for Code {
    fn status(self) -> StatusCode {
        use StatusCode as S;
        match self {
            Self::Malformed | Self::InvalidCursor | Self::TooExpensive => S::BAD_REQUEST,
            Self::TokenMissing | Self::TokenInvalid => S::UNAUTHORIZED,
            Self::ScopeMissing => S::FORBIDDEN,
            Self::NotFound => S::NOT_FOUND,
            Self::MethodNotAllowed => S::METHOD_NOT_ALLOWED,
            Self::Conflict | Self::PlanChanged | Self::NoCredential => S::CONFLICT,
            Self::FeedExpired => S::GONE,
            Self::TooLarge => S::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => S::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid | Self::CredentialRefused | Self::VendorRefused | Self::Settings => S::UNPROCESSABLE_ENTITY,
            Self::TooManyRequests => S::TOO_MANY_REQUESTS,
            Self::HeadTooLarge => S::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Internal => S::INTERNAL_SERVER_ERROR,
            Self::VendorMalformed => S::BAD_GATEWAY,
            Self::Unavailable => S::SERVICE_UNAVAILABLE,
            Self::VendorUnavailable => S::GATEWAY_TIMEOUT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_an_error() {
        for code in Code::ALL {
            assert!(code.status().is_client_error() || code.status().is_server_error(), "{code}");
        }
    }

    #[test]
    fn the_list_is_ordered_by_status() {
        assert!(Code::ALL.is_sorted_by_key(|code| code.status().as_u16()));
    }
}
