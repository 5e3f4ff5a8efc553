//! Maps the refusals of use cases to those of the admin API. It is the only such table.

use super::{Code, FieldError, Problem, Refusal};
use crate::flows::error::{ConnectorError, FlowError};

impl From<FlowError> for Problem {
    fn from(error: FlowError) -> Self {
        match error {
            FlowError::NotFound { .. } => Self::not_found(error.to_string()),
            FlowError::Conflict(detail) => Self::new(Code::Conflict, detail),
            FlowError::PlanChanged(change) => {
                let mut problem = Self::new(Code::PlanChanged, change.to_string());
                problem.plan = Some(change);
                problem
            }
            FlowError::Invalid { field, problem } => Self::invalid(vec![FieldError { field, message: problem }]),
            FlowError::InvalidMembers(mistakes) => Self::invalid(
                mistakes.into_iter().map(|one| FieldError { field: one.member, message: one.problem }).collect(),
            ),
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

/// What an HR system, or the way to it, reported. Never 401 or 403: those are about the caller's own token.
fn of_connector(error: &ConnectorError) -> Problem {
    let code = match error {
        ConnectorError::Unauthorized { .. } => Code::CredentialRefused,
        ConnectorError::NoCredential { .. } | ConnectorError::KeyMissing { .. } => Code::NoCredential,
        ConnectorError::Refused { .. } => Code::VendorRefused,
        ConnectorError::Settings { .. } => Code::Settings,
        ConnectorError::Unavailable { .. } => Code::VendorUnavailable,
        ConnectorError::Malformed { .. } | ConnectorError::Blocked { .. } | ConnectorError::TooLarge { .. } => {
            Code::VendorMalformed
        }
    };
    let detail = match error {
        ConnectorError::Unavailable { retry_after: Some(wait), .. } => format!(
            "{error}; it asks to come back in {} seconds. Nothing was changed; call this again then",
            wait.as_secs()
        ),
        ConnectorError::Unavailable { .. } => {
            format!("{error}. Nothing was changed; check that the HR system is up, and call this again")
        }
        error => error.to_string(),
    };
    Problem::new(code, detail)
}

#[cfg(test)]
mod tests {
    use diesel::result::Error as DieselError;

    use super::*;
    use crate::http::error::Status;

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
            (ConnectorError::NoCredential { detail: text("x") }.into(), 409, "noCredential"),
            (ConnectorError::KeyMissing { detail: text("x") }.into(), 409, "noCredential"),
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
                504,
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
            assert_eq!((problem.code.status().as_u16(), problem.code.as_str()), (status, code));
            assert!(!problem.detail.contains("secret"), "{}", problem.detail);
        }
    }
}
