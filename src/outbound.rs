//! The only HTTP client. Every request that leaves this process goes through here: address guard, time limits, size
//! limits, pace, retries, and no unrequested redirects, proxies or cookies.

mod answer;
pub mod dialect;
mod error_body;
mod guard;
pub mod limits;
mod pace;
pub mod raw;
mod retry;
#[cfg(test)]
mod tests;
pub mod waits;

use std::collections::HashMap;
use std::error::Error as _;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Method};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

pub use answer::HttpAnswer;
pub use pace::{Pace, Permit, RateHint};
pub use retry::Retry;

use crate::clock::Clock;
use dialect::{Dialect, PLAIN};
use guard::{GuardedResolver, Reach, Refusal};
use waits::Waits;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// From the first byte out to the last byte in.
const WHOLE_TIMEOUT: Duration = Duration::from_mins(1);
/// The largest body that is read, in bytes, after decompression.
const LARGEST_BODY: usize = 32 * 1024 * 1024;
const USER_AGENT: &str = concat!("rollbook/", env!("CARGO_PKG_VERSION"));

/// The HTTP client. Cheap to clone; clones share connections and the paces of accounts.
#[derive(Clone)]
pub struct Outbound {
    inner: Arc<Inner>,
    /// Records what calls wait for.
    waits: Option<Waits>,
    /// The longest wait that a vendor may request of this caller; absent where the [`Retry`] decides alone.
    patience: Option<Duration>,
}

struct Inner {
    clock: Clock,
    /// The limit for a whole call.
    whole: Duration,
    /// One client for each reach, because the guard is in the client's DNS resolver. The last two exist only where
    /// private addresses are allowed.
    public: Client,
    with_private: Option<Client>,
    private_only: Option<Client>,
    paces: Mutex<HashMap<String, Pace>>,
}

/// Why a call has no answer. Shows hosts and addresses, never query strings, credentials or bodies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The client could not be set up on this machine.
    #[error("outgoing connections cannot be set up: {detail}")]
    Setup { detail: String },
    /// The URL, or what its name resolves to, is nothing that we connect to.
    #[error("the address is refused: {detail}")]
    Address { detail: String },
    /// The call cannot be written as HTTP.
    #[error("the request cannot be sent: {detail}")]
    Request { detail: String },
    /// No answer, or not the whole of it; may pass.
    #[error("no answer: {detail}")]
    Unreachable {
        detail: String,
        /// Whether the other end may have read the request: false only if no connection came about.
        sent: bool,
    },
    #[error("the answer is larger than {limit} bytes")]
    TooLarge { limit: usize },
    /// Failures that should have passed did not.
    #[error("gave up after {tries} tries: {detail}")]
    GaveUp {
        tries: u32,
        detail: String,
        /// When the vendor allows the next try, from the last try.
        retry_after: Option<Duration>,
    },
}

/// One request to be made.
#[derive(Clone)]
pub struct Call {
    method: Method,
    url: Url,
    bearer: Option<SecretString>,
    /// A form to send, URL-encoded. It may hold credentials.
    form: Option<SecretString>,
    limit: usize,
    /// How the call is named instead of by its path, which may hold ids.
    name: Option<String>,
    dialect: &'static Dialect,
}

impl Call {
    /// A GET that accepts JSON.
    #[must_use]
    pub fn get(url: Url) -> Self {
        Self { method: Method::GET, url, bearer: None, form: None, limit: LARGEST_BODY, name: None, dialect: &PLAIN }
    }

    /// A POST of a form (`application/x-www-form-urlencoded`) that accepts JSON. For [`send`](Outbound::send) alone:
    /// what a POST does may not be done twice.
    #[must_use]
    pub fn post_form(url: Url, fields: &[(&str, &str)]) -> Self {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Self {
            method: Method::POST,
            url,
            bearer: None,
            form: Some(form.into()),
            limit: LARGEST_BODY,
            name: None,
            dialect: &PLAIN,
        }
    }

    /// Sends a bearer token along.
    #[must_use]
    pub fn bearer(self, token: SecretString) -> Self {
        Self { bearer: Some(token), ..self }
    }

    /// Lowers the limit of the answer's size, in bytes; it cannot be raised above 32 MiB.
    #[must_use]
    pub fn at_most(self, bytes: usize) -> Self {
        Self { limit: bytes.min(LARGEST_BODY), ..self }
    }

    /// Names the call in errors and logs by a path with placeholders, such as `/v1/members/{id}`.
    #[must_use]
    pub fn named(self, path: &str) -> Self {
        Self { name: Some(path.to_owned()), ..self }
    }

    /// Sets how the vendor answers.
    #[must_use]
    pub fn dialect(self, dialect: &'static Dialect) -> Self {
        Self { dialect, ..self }
    }

    /// Method and path, without host and query: how the call is named in errors and logs.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} {}", self.method, self.name.as_deref().unwrap_or(self.url.path()))
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        f.debug_struct("Call").field("call", &self.label()).field("host", &host).finish_non_exhaustive()
    }
}

impl Outbound {
    /// A client; with `allow_private` also to loopback and private addresses, and there over plain http too
    /// (`ROLLBOOK_ALLOW_PRIVATE_VENDORS`).
    ///
    /// # Errors
    /// When TLS cannot be set up, for example because the machine has no root certificates.
    pub fn new(clock: Clock, allow_private: bool) -> Result<Self, OutboundError> {
        Self::within(WHOLE_TIMEOUT, clock, allow_private)
    }

    /// As [`new`](Self::new), with another limit for a whole call than a minute. It is of real time, whatever the
    /// clock.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn within(whole: Duration, clock: Clock, allow_private: bool) -> Result<Self, OutboundError> {
        let client = |reach| client(reach, whole);
        let private = |reach| if allow_private { client(reach).map(Some) } else { Ok(None) };
        let inner = Arc::new(Inner {
            clock,
            whole,
            public: client(Reach::Public)?,
            with_private: private(Reach::PublicAndPrivate)?,
            private_only: private(Reach::PrivateOnly)?,
            paces: Mutex::default(),
        });
        Ok(Self { inner, waits: None, patience: None })
    }

    /// The same client, for calls whose waits are recorded.
    #[must_use]
    pub fn noting(&self, waits: &Waits) -> Self {
        Self { waits: Some(waits.clone()), ..self.clone() }
    }

    /// The same client, for calls that give up at once when a vendor requests a longer wait than this.
    #[must_use]
    pub fn patient_for(&self, patience: Duration) -> Self {
        Self { patience: Some(patience), ..self.clone() }
    }

    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// The pace of one account, the same for all callers that name it; `per_minute` holds from now on.
    #[must_use]
    pub fn pace(&self, account: &str, per_minute: u32) -> Pace {
        let mut paces = self.inner.paces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pace) = paces.get(account) {
            pace.set_limit(per_minute);
            return pace.clone();
        }
        let pace = Pace::new(self.inner.clock.clone(), per_minute);
        paces.insert(account.to_owned(), pace.clone());
        pace
    }

    /// Whether a URL may be called at all: scheme, credentials in it, literal addresses. Names are checked when they
    /// are connected to.
    ///
    /// # Errors
    /// [`OutboundError::Address`] says what is wrong.
    pub fn check(&self, url: &Url) -> Result<(), OutboundError> {
        self.reach(url).map(drop)
    }

    /// Makes one call, once, at once. Any status is an answer.
    ///
    /// # Errors
    /// When there is no complete answer within a minute (ten seconds to connect), or it is too large, or the guard
    /// refuses the address.
    pub async fn send(&self, call: &Call) -> Result<HttpAnswer, OutboundError> {
        let reach = self.reach(&call.url)?;
        // A form may do something that cannot be done twice. The other end can close an idle connection just when it is
        // used again, and then it is unknown whether the form was read. So a form gets a connection of its own.
        let client = if call.form.is_some() { client(reach, self.inner.whole)? } else { self.client(reach).clone() };
        let mut request = client.request(call.method.clone(), call.url.clone()).header(ACCEPT, "application/json");
        if let Some(token) = &call.bearer {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret())).map_err(|_| {
                OutboundError::Request { detail: "the token has characters that no header can carry".into() }
            })?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        if let Some(form) = &call.form {
            request =
                request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.expose_secret().to_owned());
        }
        let mut response = request.send().await.map_err(explain)?;
        let too_large = || OutboundError::TooLarge { limit: call.limit };
        let promised = usize::try_from(response.content_length().unwrap_or_default()).unwrap_or(usize::MAX);
        if promised > call.limit {
            return Err(too_large());
        }
        let mut body = Vec::with_capacity(promised);
        while let Some(chunk) = response.chunk().await.map_err(explain)? {
            if body.len() + chunk.len() > call.limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(HttpAnswer::new(response.status().as_u16(), response.headers(), body, call.dialect))
    }

    fn reach(&self, url: &Url) -> Result<Reach, OutboundError> {
        Reach::of(url, self.inner.with_private.is_some()).map_err(|Refusal(detail)| OutboundError::Address { detail })
    }

    fn client(&self, reach: Reach) -> &Client {
        let wanted = match reach {
            Reach::Public => None,
            Reach::PublicAndPrivate => self.inner.with_private.as_ref(),
            Reach::PrivateOnly => self.inner.private_only.as_ref(),
        };
        wanted.unwrap_or(&self.inner.public)
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").field("allow_private", &self.inner.with_private.is_some()).finish_non_exhaustive()
    }
}

fn client(reach: Reach, whole: Duration) -> Result<Client, OutboundError> {
    Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(whole)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .dns_resolver(GuardedResolver::new(reach))
        .build()
        .map_err(|error| OutboundError::Setup { detail: cause(&error.without_url()) })
}

/// Sorts the client's errors, and drops the URL with its query from them.
fn explain(error: reqwest::Error) -> OutboundError {
    let error = error.without_url();
    let mut next = error.source();
    while let Some(inner) = next {
        if let Some(Refusal(detail)) = inner.downcast_ref::<Refusal>() {
            return OutboundError::Address { detail: detail.clone() };
        }
        next = inner.source();
    }
    if error.is_builder() {
        return OutboundError::Request { detail: cause(&error) };
    }
    let what = match (error.is_timeout(), error.is_connect()) {
        (true, true) => "no connection in time",
        (true, false) => "no complete answer in time",
        (false, true) => "no connection",
        (false, false) => "the connection broke",
    };
    OutboundError::Unreachable { detail: format!("{what}: {}", cause(&error)), sent: !error.is_connect() }
}

/// What happened, from the chain of errors. Texts of the libraries are not taken over: some repeat what the other end
/// sent, such as the names in its certificate.
fn cause(error: &reqwest::Error) -> String {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = next {
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            return tls_in_words(tls).to_owned();
        }
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            if let Some(tls) = io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                return tls_in_words(tls).to_owned();
            }
            if io.raw_os_error().is_some() {
                // The text of the operating system.
                return io.to_string();
            }
            if io.get_ref().is_none() {
                return io.kind().to_string();
            }
        }
        next = inner.source();
    }
    let what = if error.is_timeout() {
        "the time is over"
    } else if error.is_connect() {
        "the name cannot be resolved, or nothing answers there"
    } else if error.is_decode() {
        "the body cannot be unpacked"
    } else if error.is_body() {
        "the body broke off"
    } else if error.is_builder() {
        "it cannot be written as HTTP"
    } else {
        "the answer is no HTTP, or it was cut off"
    };
    what.to_owned()
}

fn tls_in_words(error: &rustls::Error) -> &'static str {
    use rustls::CertificateError as Certificate;
    match error {
        rustls::Error::InvalidCertificate(
            Certificate::Expired | Certificate::ExpiredContext { .. } | Certificate::NotValidYet,
        ) => "the certificate is not valid at this time",
        rustls::Error::InvalidCertificate(
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
        ) => "the certificate is one for another name",
        rustls::Error::InvalidCertificate(Certificate::UnknownIssuer) => "the issuer of the certificate is not known",
        rustls::Error::InvalidCertificate(_) => "the certificate is not accepted",
        _ => "TLS failed",
    }
}
