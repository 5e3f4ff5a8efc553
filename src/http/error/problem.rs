//! Problem details (RFC 9457), the errors of the admin API.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderName};
use actix_web::{HttpResponse, ResponseError};
use diesel::result::Error as DieselError;

use super::{Code, FieldError, Refusal, Status};
use crate::api::errors;
use crate::api::plans::{self, PlanDifference};
use crate::flows::error::PlanChange;
use crate::http::request_id;
use crate::store::db::error::DatabaseError;
use crate::store::runs::plans::PlanCounts;

/// A refusal in the form of the admin API. `code` is for programs and also determines the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub code: Code,
    /// What went wrong this time.
    pub detail: String,
    /// What is wrong with single members of the request.
    pub errors: Vec<FieldError>,
    /// The plan that has taken the place of the one that was named.
    pub plan: Option<Box<PlanChange>>,
    headers: Vec<(HeaderName, String)>,
}

impl Problem {
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), plan: None, headers: Vec::new() }
    }

    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(Code::NotFound, detail)
    }

    /// The request cannot be read.
    #[must_use]
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(Code::Malformed, detail)
    }

    /// The request can be read, and members of it cannot be taken.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        let detail = format!("these members cannot be taken: {}", fields.join(", "));
        Self { errors, ..Self::new(Code::Invalid, detail) }
    }

    /// 405 with the methods that there are.
    #[must_use]
    pub fn method_not_allowed(allowed: &str) -> Self {
        let problem = Self::new(Code::MethodNotAllowed, super::methods(allowed));
        Self { headers: vec![(ALLOW, allowed.to_owned())], ..problem }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::NoToken => Code::TokenMissing,
            Refusal::BadToken => Code::TokenInvalid,
            Refusal::Lacks(_) => Code::ScopeMissing,
            Refusal::Unavailable | Refusal::ReadOnly | Refusal::Crowded => Code::Unavailable,
            Refusal::TooManyRequests(_) => Code::TooManyRequests,
            Refusal::TooLong { .. } => Code::TooExpensive,
            Refusal::Internal => Code::Internal,
        };
        let detail = match refusal {
            Refusal::Lacks(scope) => format!("this token lacks the scope {}", scope.as_str()),
            other => other.detail(),
        };
        Self { headers: refusal.headers("rollbook"), ..Self::new(code, detail) }
    }
}

impl From<DieselError> for Problem {
    fn from(error: DieselError) -> Self {
        Refusal::from(error).into()
    }
}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        Refusal::from(error).into()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        let body = errors::Refusal {
            r#type: format!("urn:rollbook:problem:{}", self.code),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: self.detail.clone(),
            code: self.code,
            request_id: request_id::current(),
            errors: self.errors.clone(),
            plan_id: self.plan.as_ref().map(|change| change.plan),
            difference: self.plan.as_deref().map(PlanDifference::from),
        };
        let mut response = HttpResponse::build(status);
        for header in &self.headers {
            response.insert_header(header.clone());
        }
        response.insert_header((CONTENT_TYPE, "application/problem+json"));
        response.body(serde_json::to_string(&body).unwrap_or_default())
    }
}

impl From<&PlanChange> for PlanDifference {
    fn from(change: &PlanChange) -> Self {
        Self { seen: change.seen.into(), now: change.now.into() }
    }
}

impl From<PlanCounts> for plans::PlanCounts {
    fn from(counts: PlanCounts) -> Self {
        Self {
            created: counts.created,
            updated: counts.updated,
            deactivated: counts.deactivated,
            leavers: counts.leavers,
            withheld: counts.withheld,
            excluded: counts.excluded,
            stale: counts.stale,
        }
    }
}
