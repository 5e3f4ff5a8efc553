//! One account at one vendor's HTTP API: base URL, token, pace. Its answers become errors that an admin understands.

use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use super::connector::ConnectorError;
use crate::outbound::dialect::Dialect;
use crate::outbound::raw::{Fault, Raw};
use crate::outbound::{Call, HttpAnswer, Outbound, OutboundError, Pace, Retry};

/// An account that is called with a bearer token.
#[derive(Clone, Debug)]
pub(super) struct Vendor {
    /// The HR system's name, as errors show it.
    pub(super) system: &'static str,
    /// An `http` or `https` URL; paths are added to its own.
    pub(super) base: Url,
    pub(super) token: SecretString,
    pub(super) outbound: Outbound,
    pub(super) pace: Pace,
    pub(super) retry: Retry,
    pub(super) dialect: &'static Dialect,
}

/// An answer with the request it belongs to. `Debug` shows neither query nor body.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    system: &'static str,
    request: String,
    answer: HttpAnswer,
}

impl Vendor {
    /// Sends the request, repeats temporary failures, and returns the vendor's answer with any status.
    ///
    /// # Errors
    /// [`ConnectorError::Unavailable`] when no answer could be had, [`ConnectorError::Malformed`] for one too large to
    /// read, [`ConnectorError::Settings`] when the address or the token cannot be used.
    pub(super) async fn get(
        &self,
        path: &[&'static str],
        query: &[(&str, &str)],
        at_most: usize,
    ) -> Result<Reply, ConnectorError> {
        self.ask(path, query, &format!("/{}", path.join("/")), at_most).await
    }

    /// [`get`](Self::get) of the record with this id, which errors and logs do not show.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(super) async fn get_one(
        &self,
        path: &[&'static str],
        id: &str,
        query: &[(&str, &str)],
        at_most: usize,
    ) -> Result<Reply, ConnectorError> {
        let name = format!("/{}/{{id}}", path.join("/"));
        self.ask(&[path, &[id]].concat(), query, &name, at_most).await
    }

    async fn ask(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        name: &str,
        at_most: usize,
    ) -> Result<Reply, ConnectorError> {
        let call = Call::get(self.url(path, query)).named(name).dialect(self.dialect);
        let call = call.bearer(self.token.clone()).at_most(at_most);
        let request = call.label();
        match self.outbound.fetch(&call, &self.pace, &self.retry).await {
            Ok(answer) => Ok(Reply { system: self.system, request, answer }),
            Err(error) => Err(self.failure(request, error)),
        }
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    fn failure(&self, request: String, error: OutboundError) -> ConnectorError {
        let system = self.system.to_owned();
        match error {
            OutboundError::GaveUp { tries, detail, retry_after } => {
                ConnectorError::Unavailable { system, request, tries, detail, retry_after }
            }
            OutboundError::TooLarge { .. } => ConnectorError::TooLarge { system, request, detail: error.to_string() },
            OutboundError::Unreachable { detail, .. } => {
                ConnectorError::Unavailable { system, request, tries: 1, detail, retry_after: None }
            }
            OutboundError::Address { .. } | OutboundError::Request { .. } | OutboundError::Setup { .. } => {
                ConnectorError::Settings { detail: error.to_string() }
            }
        }
    }
}

impl Reply {
    pub(super) fn status(&self) -> u16 {
        self.answer.status
    }

    /// The body of a 2xx.
    ///
    /// # Errors
    /// [`refusal`](Self::refusal) for any other status, [`ConnectorError::Malformed`] for what is no JSON.
    pub(super) fn json(&self) -> Result<Value, ConnectorError> {
        if !self.answer.is_success() {
            return Err(self.refusal());
        }
        self.answer.json().map_err(|detail| self.malformed(detail))
    }

    /// The structure of the body of a 2xx, for an answer that is too large to be read as a whole.
    ///
    /// # Errors
    /// As [`json`](Self::json).
    pub(super) fn raw(&self) -> Result<Raw<'_>, ConnectorError> {
        if !self.answer.is_success() {
            return Err(self.refusal());
        }
        self.answer.raw().map_err(|detail| self.malformed(detail))
    }

    /// Whether this is the vendor's own refusal with one of these statuses. Anything in between, such as a proxy,
    /// refuses with the same statuses in another shape, and says nothing about the vendor.
    pub(super) fn is_own(&self, statuses: &[u16]) -> bool {
        statuses.contains(&self.answer.status) && self.answer.is_own_error()
    }

    /// The meaning of a status other than 2xx: 401 is the credential, everything else a refusal. One that is not the
    /// vendor's own comes from something in between, and proves nothing.
    pub(super) fn refusal(&self) -> ConnectorError {
        let (system, request) = (self.system.to_owned(), self.request.clone());
        let (status, detail) = (self.answer.status, self.answer.error_detail());
        match status {
            401 => self.unauthorized(),
            403 | 407 | 404 | 405 | 410 | 451 if !self.answer.is_own_error() => {
                ConnectorError::Blocked { system, request, status, detail }
            }
            _ => ConnectorError::Refused { system, request, status, detail },
        }
    }

    /// The credential does not reach required data, if the vendor states so itself.
    pub(super) fn unauthorized(&self) -> ConnectorError {
        let (system, status) = (self.system.to_owned(), self.answer.status);
        let detail = self.answer.error_detail();
        if self.answer.is_own_error() {
            ConnectorError::Unauthorized { system, status, detail }
        } else {
            ConnectorError::Blocked { system, request: self.request.clone(), status, detail }
        }
    }

    /// The answer is larger than what is read.
    pub(super) fn too_large(&self, detail: impl Into<String>) -> ConnectorError {
        ConnectorError::TooLarge {
            system: self.system.to_owned(),
            request: self.request.clone(),
            detail: detail.into(),
        }
    }

    /// The list of the answer cannot be read.
    pub(super) fn broken(&self, unread: Unread) -> ConnectorError {
        match unread {
            Unread::Structure(Fault::TooMany) => self.too_large("far more rows on one page than were asked for"),
            Unread::Structure(fault) => self.malformed(fault.to_string()),
            Unread::Shape(detail) => self.malformed(detail),
        }
    }

    /// The answer is JSON, but not the one that was asked for. `detail` may hold no personal data.
    pub(super) fn malformed(&self, detail: impl Into<String>) -> ConnectorError {
        ConnectorError::Malformed {
            system: self.system.to_owned(),
            request: self.request.clone(),
            detail: detail.into(),
        }
    }
}

/// Why an envelope gives no list or record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// The structure of its JSON is broken.
    Structure(Fault),
    /// It is another JSON than was asked for. Holds no personal data.
    Shape(String),
}

impl From<Fault> for Unread {
    fn from(fault: Fault) -> Self {
        Self::Structure(fault)
    }
}

impl From<&str> for Unread {
    fn from(detail: &str) -> Self {
        Self::Shape(detail.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::outbound::dialect::PLAIN;

    fn vendor(base: &str) -> Vendor {
        let outbound = Outbound::new(Clock::system(), false).unwrap();
        let pace = outbound.pace("test", 1);
        let token = SecretString::from("ra_live_secret");
        Vendor {
            system: "Remote",
            base: Url::parse(base).unwrap(),
            token,
            outbound,
            pace,
            retry: Retry::default(),
            dialect: &PLAIN,
        }
    }

    #[test]
    fn paths_are_added_to_the_base_and_cannot_break_out_of_their_place() {
        let url = |base: &str, path: &[&str], query| vendor(base).url(path, query).to_string();
        assert_eq!(url("https://a.example", &["v1", "x"], &[]), "https://a.example/v1/x");
        assert_eq!(
            url("https://a.example/hr/", &["v1", "x"], &[("p", "1&q=2")]),
            "https://a.example/hr/v1/x?p=1%26q%3D2"
        );
        assert_eq!(url("https://a.example", &["v1", "../x?y#z"], &[]), "https://a.example/v1/..%2Fx%3Fy%23z");
    }

    #[tokio::test]
    async fn an_address_that_is_refused_is_a_mistake_in_the_settings() {
        let error = vendor("https://10.0.0.1").get(&["v1"], &[], 10).await.unwrap_err();
        assert!(matches!(&error, ConnectorError::Settings { detail } if detail.contains("10.0.0.1")), "{error:?}");
        assert!(!format!("{:?}", vendor("https://a.example")).contains("secret"));
    }
}
