//! What a use case refuses, as the admin API words it: the one table.

use actix_web::http::StatusCode;

use super::{FieldError, Problem, Refusal};
use crate::flows::error::{ConnectorError, FlowError};

impl From<FlowError> for Problem {
    fn from(error: FlowError) -> Self {
        match error {
            FlowError::NotFound { .. } => Self::not_found(error.to_string()),
            FlowError::Conflict(detail) => Self::conflict("conflict", detail),
            FlowError::Invalid { field, problem } => Self::invalid(vec![FieldError { field, message: problem }]),
            FlowError::Connector(error) => of_connector(&error),
            FlowError::Database(error) => Refusal::from(error).into(),
            FlowError::Store(error) => Refusal::from(error).into(),
            FlowError::Internal(detail) => {
                tracing::error!("a use case failed: {detail}");
                Refusal::Internal.into()
            }
        }
    }
}

/// What an HR system, or the way to it, said. Never 401 or 403: those speak of the caller's own token.
fn of_connector(error: &ConnectorError) -> Problem {
    let (status, code) = match error {
        ConnectorError::Unauthorized { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "credentialRefused"),
        ConnectorError::NoCredential { .. } => (StatusCode::CONFLICT, "noCredential"),
        ConnectorError::Refused { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "vendorRefused"),
        ConnectorError::Settings { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "settings"),
        ConnectorError::Unavailable { .. } => (StatusCode::BAD_GATEWAY, "vendorUnavailable"),
        ConnectorError::Malformed { .. } => (StatusCode::BAD_GATEWAY, "vendorMalformed"),
    };
    Problem::new(status, code, error.to_string())
}

#[cfg(test)]
mod tests {
    use diesel::result::Error as DieselError;

    use super::*;

    #[test]
    fn every_refusal_of_a_use_case_has_its_status_and_code() {
        let text = |text: &str| text.to_owned();
        let table = [
            (FlowError::not_found("run", 7), 404, "notFound"),
            (FlowError::Conflict(text("x")), 409, "conflict"),
            (FlowError::invalid("name", "x"), 422, "invalid"),
            (
                ConnectorError::Unauthorized { system: text("Remote"), status: 401, detail: text("x") }.into(),
                422,
                "credentialRefused",
            ),
            (
                ConnectorError::Refused {
                    system: text("Remote"),
                    request: text("GET /"),
                    status: 403,
                    detail: text("x"),
                }
                .into(),
                422,
                "vendorRefused",
            ),
            (ConnectorError::Settings { detail: text("x") }.into(), 422, "settings"),
            (
                ConnectorError::Unavailable {
                    system: text("Remote"),
                    request: text("GET /"),
                    tries: 3,
                    detail: text("x"),
                    retry_after: None,
                }
                .into(),
                502,
                "vendorUnavailable",
            ),
            (
                ConnectorError::Malformed { system: text("Remote"), request: text("GET /"), detail: text("x") }.into(),
                502,
                "vendorMalformed",
            ),
            (DieselError::NotFound.into(), 500, "internal"),
            (DieselError::BrokenTransactionManager.into(), 503, "unavailable"),
            (FlowError::Internal(text("secret")), 500, "internal"),
        ];
        for (error, status, code) in table {
            let problem = Problem::from(error);
            assert_eq!((problem.status.as_u16(), problem.code), (status, code));
            assert!(!problem.detail.contains("secret"), "{}", problem.detail);
        }
    }
}
