//! Refusals, and their two forms: SCIM errors and `application/problem+json`.
//!
//! A mistake of the caller is described in the answer. A fault of ours goes to the log with the request's id, and the
//! answer only has "internal error". A fault never appears as an empty list (law 1).

mod code;
mod flow;
mod problem;
mod scim;

use std::fmt;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use diesel::result::Error as DieselError;

use super::request_id;
use super::scope::Scope;
use crate::store::db::error::{DatabaseError, Fault, classify};

pub use code::{Code, Status};
pub use problem::Problem;

pub use crate::api::errors::FieldError;
pub use scim::ScimFailure;

/// Seconds after which a caller may try again when the directory cannot be read.
const RETRY_SECONDS: u32 = 5;

/// Seconds after which a consumer may try again that has as many requests going as it may.
const RETRY_OWN_SECONDS: u32 = 2;

tokio::task_local! {
    /// The time limit of the expensive query that is being answered.
    static LIMIT: Duration;
}

/// Answers an expensive query: a statement that runs into the time limit is then refused as [`Refusal::TooLong`].
pub(super) async fn limited<T>(limit: Duration, work: impl Future<Output = T>) -> T {
    LIMIT.scope(limit, work).await
}

/// The refusal for a consumer that may not write.
const READ_ONLY: &str = "This directory is maintained from the HR system; writing is not enabled for this token";

/// Which limit of one caller is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Busy {
    Reads(usize),
    Queries(usize),
    Streams(usize),
}

/// Why a request is refused before anything is done, in either form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No credentials were sent.
    NoToken,
    /// A token was sent that is unknown, expired or revoked.
    BadToken,
    /// The token is valid, and does not allow this.
    Lacks(Scope),
    /// The database cannot be queried at present.
    Unavailable,
    /// The database takes no writes at present.
    ReadOnly,
    /// This caller has as many requests of one kind going as it may.
    TooManyRequests(Busy),
    /// As many expensive queries of all callers are running as may.
    Crowded,
    /// The query ran into the time limit of expensive queries.
    TooLong { limit: Duration },
    /// A fault of ours, logged where it was found.
    Internal,
}

impl Refusal {
    fn status(self) -> u16 {
        match self {
            Self::NoToken | Self::BadToken => 401,
            Self::Lacks(_) => 403,
            Self::TooLong { .. } => 400,
            Self::TooManyRequests(_) => 429,
            Self::Unavailable | Self::ReadOnly | Self::Crowded => 503,
            Self::Internal => 500,
        }
    }

    fn detail(self) -> String {
        match self {
            Self::NoToken => "a bearer token is needed in the Authorization header".to_owned(),
            Self::BadToken => "the bearer token is unknown, expired or revoked".to_owned(),
            Self::Lacks(Scope::ScimWrite) => READ_ONLY.to_owned(),
            Self::Lacks(scope) => format!("this token lacks the scope {}", scope.as_str()),
            Self::Unavailable => "the directory cannot be read at present; try again later".to_owned(),
            Self::ReadOnly => "the directory can be read but not written at present; try again later".to_owned(),
            Self::TooManyRequests(Busy::Reads(limit)) => {
                format!("{limit} requests of this consumer are being answered; at most {limit} may be; try again later")
            }
            Self::TooManyRequests(Busy::Queries(limit)) => format!(
                "this consumer is running {limit} expensive queries, as many as it may; run fewer at once, or compare \
                 userName, emails.value, externalId or id with eq, which is not limited so"
            ),
            Self::TooManyRequests(Busy::Streams(limit)) => {
                format!("{limit} answers are being sent to this consumer, as many as may be; read them to their end")
            }
            Self::Crowded => "as many expensive queries are running as may; try again later".to_owned(),
            Self::TooLong { limit } => format!(
                "the query was ended after {} s; ask for less: compare userName, emails.value, externalId or id \
                 with eq, use fewer conditions, or page through all resources and filter them yourself",
                limit.as_secs_f64()
            ),
            Self::Internal => "internal error".to_owned(),
        }
    }

    /// Headers that belong to the refusal.
    fn headers(self, realm: &str) -> Vec<(HeaderName, String)> {
        match self {
            Self::NoToken => vec![(WWW_AUTHENTICATE, format!("Bearer realm=\"{realm}\""))],
            Self::BadToken => vec![(WWW_AUTHENTICATE, format!("Bearer realm=\"{realm}\", error=\"invalid_token\""))],
            Self::Unavailable | Self::ReadOnly | Self::Crowded => vec![(RETRY_AFTER, RETRY_SECONDS.to_string())],
            Self::TooManyRequests(_) => vec![(RETRY_AFTER, RETRY_OWN_SECONDS.to_string())],
            Self::Lacks(_) | Self::TooLong { .. } | Self::Internal => Vec::new(),
        }
    }
}

impl From<DatabaseError> for Refusal {
    fn from(error: DatabaseError) -> Self {
        tracing::error!(request.id = %Id, "the database cannot be used: {error}");
        Self::Unavailable
    }
}

impl From<DieselError> for Refusal {
    fn from(error: DieselError) -> Self {
        let fault = classify(&error);
        if let (Fault::TimedOut, Ok(limit)) = (fault, LIMIT.try_with(|limit| *limit)) {
            super::counters::timed_out();
            return Self::TooLong { limit };
        }
        // Only the message: Postgres puts values of rows into the detail.
        if fault.is_passing() {
            tracing::warn!(request.id = %Id, "the database did not carry out a statement: {error}");
        } else {
            tracing::error!(request.id = %Id, "a database statement failed: {error}");
        }
        match fault {
            Fault::ReadOnly => Self::ReadOnly,
            Fault::Outage | Fault::DiskFull | Fault::Conflict | Fault::TimedOut | Fault::Cancelled => Self::Unavailable,
            Fault::Duplicate | Fault::Bug => Self::Internal,
        }
    }
}

/// The allowed methods that a 405 lists for the caller.
fn methods(allowed: &str) -> String {
    match allowed {
        "" => "this token allows no method of this endpoint".to_owned(),
        allowed => format!("this endpoint takes the methods {allowed}"),
    }
}

/// The id of the current request, or a dash outside of any.
struct Id;

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match request_id::current() {
            Some(id) => id.fmt(f),
            None => f.write_str("-"),
        }
    }
}

/// Which form of refusals a part of the URL space uses; app data of its scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Front {
    Scim,
    #[default]
    Problem,
}

impl Front {
    /// A refusal in the form of the part of the URL space that was called.
    #[must_use]
    pub fn refuse(request: &HttpRequest, refusal: Refusal) -> actix_web::Error {
        match request.app_data::<Self>().copied().unwrap_or_default() {
            Self::Scim => ScimFailure::from(refusal).into(),
            Self::Problem => Problem::from(refusal).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::ResponseError;
    use actix_web::body::to_bytes;
    use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderMap};
    use serde_json::Value;

    use super::*;

    async fn answer(error: &dyn ResponseError) -> (u16, HeaderMap, Value) {
        let response = error.error_response();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = to_bytes(response.into_body()).await.unwrap();
        (status, headers, serde_json::from_slice(&body).unwrap())
    }

    const TABLE: [(Refusal, u16, &str, &str, Option<&str>); 6] = [
        (
            Refusal::NoToken,
            401,
            "tokenMissing",
            "a bearer token is needed in the Authorization header",
            Some("Bearer realm=\"scim\""),
        ),
        (
            Refusal::BadToken,
            401,
            "tokenInvalid",
            "the bearer token is unknown, expired or revoked",
            Some("Bearer realm=\"scim\", error=\"invalid_token\""),
        ),
        (Refusal::Lacks(Scope::ScimRead), 403, "scopeMissing", "this token lacks the scope scim:read", None),
        (Refusal::Lacks(Scope::ScimWrite), 403, "scopeMissing", READ_ONLY, None),
        (Refusal::Unavailable, 503, "unavailable", "the directory cannot be read at present; try again later", None),
        (Refusal::Internal, 500, "internal", "internal error", None),
    ];

    /// every refusal in both forms.
    #[actix_web::test]
    async fn each_refusal_has_its_status_words_and_headers_on_both_fronts() {
        for (refusal, status, code, detail, challenge) in TABLE {
            let (got, headers, body) = answer(&ScimFailure::from(refusal)).await;
            assert_eq!(got, status);
            assert_eq!(body["status"], status.to_string());
            assert_eq!(body["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error");
            assert_eq!(body["detail"], detail);
            assert_eq!(headers.get(WWW_AUTHENTICATE).map(|value| value.to_str().unwrap()), challenge);
            assert_eq!(headers.contains_key(RETRY_AFTER), status == 503);
            assert_eq!(headers.get(CONTENT_TYPE).unwrap(), "application/scim+json");

            let (got, headers, body) = answer(&Problem::from(refusal)).await;
            assert_eq!(got, status);
            assert_eq!((&body["status"], &body["code"]), (&Value::from(status), &Value::from(code)));
            assert_eq!(body["type"], format!("urn:rollbook:problem:{code}"));
            assert!(body["title"].is_string() && body["detail"].is_string() && body.get("errors").is_none());
            assert_eq!(headers.contains_key(WWW_AUTHENTICATE), challenge.is_some());
            assert_eq!(headers.get(CONTENT_TYPE).unwrap(), "application/problem+json");
        }
    }

    #[actix_web::test]
    async fn a_problem_names_the_members_that_cannot_be_taken() {
        let errors = vec![FieldError { field: "name".to_owned(), message: "expected a text".to_owned() }];
        let (status, _, body) = answer(&Problem::invalid(errors)).await;
        assert_eq!(status, 422);
        assert_eq!(body["errors"][0]["field"], "name");
        assert_eq!(body["detail"], "these members cannot be taken: name");
    }

    #[actix_web::test]
    async fn a_wrong_method_is_answered_with_the_right_ones() {
        let (status, headers, _) = answer(&ScimFailure::method_not_allowed("GET, HEAD")).await;
        assert_eq!((status, headers.get(ALLOW).unwrap().to_str().unwrap()), (405, "GET, HEAD"));
        let (status, headers, _) = answer(&Problem::method_not_allowed("GET, HEAD")).await;
        assert_eq!((status, headers.get(ALLOW).unwrap().to_str().unwrap()), (405, "GET, HEAD"));
    }

    /// also when all connections are in use.
    #[test]
    fn a_database_that_cannot_be_used_is_a_503() {
        let busy = DatabaseError::Busy(std::time::Duration::from_secs(10));
        assert_eq!(Refusal::from(busy), Refusal::Unavailable);
        assert_eq!(Refusal::from(DatabaseError::Closed), Refusal::Unavailable);
    }

    /// A deadlock is not a fault of the request: the caller tries again.
    #[test]
    fn what_passes_by_itself_is_a_503_and_everything_else_is_internal() {
        use diesel::result::DatabaseErrorKind as Kind;
        let failed = |kind, message: &str| DieselError::DatabaseError(kind, Box::new(message.to_owned()));
        for message in ["deadlock detected", "terminating connection", "canceling statement due to statement timeout"] {
            assert_eq!(Refusal::from(failed(Kind::Unknown, message)), Refusal::Unavailable, "{message}");
        }
        assert_eq!(Refusal::from(failed(Kind::ReadOnlyTransaction, "")), Refusal::ReadOnly);
        assert_eq!(Refusal::from(failed(Kind::Unknown, "column \"x\" does not exist")), Refusal::Internal);
        assert_eq!(Refusal::from(DieselError::NotFound), Refusal::Internal);
    }

    /// Within the lane of expensive queries a time-out is the query's fault, and the answer says what to do.
    #[actix_web::test]
    async fn a_query_that_takes_too_long_is_refused_as_too_many() {
        let failed = || {
            let message = Box::new("canceling statement due to statement timeout".to_owned());
            DieselError::DatabaseError(diesel::result::DatabaseErrorKind::Unknown, message)
        };
        let refusal = limited(Duration::from_secs(5), async { Refusal::from(failed()) }).await;
        assert_eq!(refusal, Refusal::TooLong { limit: Duration::from_secs(5) });
        let (status, headers, body) = answer(&ScimFailure::from(refusal)).await;
        assert_eq!((status, &body["scimType"]), (400, &Value::from("tooMany")));
        assert!(body["detail"].as_str().unwrap().contains("after 5 s"), "{body}");
        assert!(!headers.contains_key(RETRY_AFTER));
        let (status, _, body) = answer(&Problem::from(refusal)).await;
        assert_eq!((status, &body["code"]), (400, &Value::from("tooExpensive")));
    }
}
