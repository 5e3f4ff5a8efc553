//! The authorization code grant (RFC 6749, PKCE by RFC 7636) without any storage. It builds the URL for consent and
//! reads the answers of the token endpoint. Storage of grants, row locks and retries are decided elsewhere.
//!
//! A refresh token that rotates is spent by being used. Therefore a token request is made once, and its failures are
//! distinguished by one question: can the other end have read it?

mod answer;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::crypto::seal::sha256;
use crate::outbound::dialect::Dialect;
use crate::outbound::{Call, Outbound, OutboundError};

/// A token answer is a kilobyte or two, also with long JWTs in it.
const LARGEST_ANSWER: usize = 256 * 1024;

/// The error codes of RFC 6749 sections 4.1.2.1 and 5.2 and of RFC 6750 section 3.1.
const CODES: [&str; 12] = [
    "access_denied",
    "insufficient_scope",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "invalid_token",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_response_type",
];

/// A code that is one of OAuth's; absent for any other text.
#[must_use]
pub fn known_code(text: &str) -> Option<&'static str> {
    CODES.into_iter().find(|code| *code == text)
}

/// How authorization servers answer (RFC 6749 section 5.2).
static OAUTH: Dialect = Dialect {
    rate: None,
    error_keys: &["error"],
    keys: &["error_description", "error_uri", "message", "errors"],
    known: &[
        ("access_denied", "access_denied"),
        ("insufficient_scope", "insufficient_scope"),
        ("invalid_client", "invalid_client"),
        ("invalid_grant", "invalid_grant"),
        ("invalid_request", "invalid_request"),
        ("invalid_scope", "invalid_scope"),
        ("invalid_token", "invalid_token"),
        ("server_error", "server_error"),
        ("temporarily_unavailable", "temporarily_unavailable"),
        ("unauthorized_client", "unauthorized_client"),
        ("unsupported_grant_type", "unsupported_grant_type"),
        ("unsupported_response_type", "unsupported_response_type"),
    ],
};

/// One app at one vendor's authorization server. Cheap to clone.
#[derive(Clone)]
pub struct OAuthClient {
    /// The HR system's name, as errors show it.
    pub(super) system: &'static str,
    pub(super) authorize_url: Url,
    pub(super) token_url: Url,
    pub(super) client_id: String,
    pub(super) client_secret: SecretString,
    pub(super) scopes: Vec<String>,
    /// The scopes that the vendor documents, asked for or not.
    pub(super) grantable: &'static [&'static str],
    pub(super) pkce: bool,
    pub(super) outbound: Outbound,
}

/// What a vendor grants. `Debug` shows no token.
#[derive(Clone, Debug)]
pub struct Grant {
    pub access_token: SecretString,
    /// The one to use next; absent when the vendor sent none, and then the one before stays good.
    pub refresh_token: Option<SecretString>,
    /// When the access token ends. An hour from now where the vendor states no end, or one that has passed already.
    pub expires_at: DateTime<Utc>,
    /// The granted scopes, separated by spaces; absent when the vendor does not state them, and then the requested ones
    /// were granted (RFC 6749 section 5.1).
    pub scope: Option<String>,
}

/// Why there is no grant. No variant shows a token, a code or the client secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// The code or the refresh token is not, or no longer, good: an admin has to give consent again.
    #[error("{system} refused the grant ({code}, status {status}): {detail}")]
    Denied {
        system: &'static str,
        /// The error code of RFC 6749 section 5.2, such as `invalid_grant`; `unknown` when there is none.
        code: String,
        status: u16,
        detail: String,
    },
    /// The vendor does not know the app, or the address is no token endpoint: client id, client secret or URLs are
    /// wrong. The grant itself was not checked.
    #[error("{system} does not take this app or this request ({code}, status {status}): {detail}")]
    Misconfigured { system: &'static str, code: String, status: u16, detail: String },
    /// The request surely did not reach the vendor: it may be made again.
    /// A refusal that is not the vendor's own: a proxy or a firewall is in the way. The grant was not checked.
    #[error("a token request was answered with status {status}, but not as {system} refuses: {detail}")]
    Blocked { system: &'static str, status: u16, detail: String },
    #[error("{system} could not be reached: {detail}")]
    NotSent { system: &'static str, detail: String },
    /// The vendor may have read the request, and its answer is missing or cannot be read. The refresh token or code may
    /// be spent, and there is no way to find out.
    #[error("the answer of {system} to the token request was lost: {detail}")]
    Lost { system: &'static str, detail: String },
    /// The request was not processed; it may be made again after the wait.
    #[error("{system} asks to come back later (status 429)")]
    RateLimited { system: &'static str, retry_after: Duration },
}

impl OAuthClient {
    /// The page where an admin of the customer gives consent (RFC 6749 section 4.1.1).
    ///
    /// `state` comes back to `redirect_uri` unchanged. Of `verifier` the challenge is sent along (RFC 7636 section 4.3,
    /// S256), where [`wants_verifier`](Self::wants_verifier).
    #[must_use]
    pub fn authorization_url(&self, redirect_uri: &str, state: &str, verifier: Option<&str>) -> Url {
        let mut url = self.authorize_url.clone();
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("scope", &self.scopes.join(" "))
            .append_pair("state", state);
        if let Some(verifier) = verifier.filter(|_| self.pkce) {
            query.append_pair("code_challenge", &challenge(verifier)).append_pair("code_challenge_method", "S256");
        }
        drop(query);
        url
    }

    /// The HR system's name, as errors show it.
    #[must_use]
    pub fn system(&self) -> &'static str {
        self.system
    }

    /// Whether a code verifier (RFC 7636 section 4.1: 43 to 128 unreserved characters) should be made for a consent.
    #[must_use]
    pub fn wants_verifier(&self) -> bool {
        self.pkce
    }

    /// The scopes that may be kept of an answer: other texts are the vendor's own.
    fn known_scopes(&self) -> Vec<&str> {
        self.scopes.iter().map(String::as_str).chain(self.grantable.iter().copied()).collect()
    }

    /// The scopes that are requested, separated by spaces.
    #[must_use]
    pub fn requested_scope(&self) -> String {
        self.scopes.join(" ")
    }

    /// Exchanges the code of a consent (RFC 6749 section 4.1.3). `redirect_uri` and `verifier` are those of the
    /// [`authorization_url`](Self::authorization_url). Makes one request and never a second.
    ///
    /// # Errors
    /// [`GrantError`].
    pub async fn exchange(&self, code: &str, redirect_uri: &str, verifier: Option<&str>) -> Result<Grant, GrantError> {
        let mut fields = vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri)];
        let verifier = verifier.filter(|_| self.pkce);
        fields.extend(verifier.map(|verifier| ("code_verifier", verifier)));
        self.ask(fields).await
    }

    /// Exchanges a refresh token (RFC 6749 section 6). Makes one request and never a second.
    ///
    /// # Errors
    /// [`GrantError`].
    pub async fn refresh(&self, refresh_token: &SecretString) -> Result<Grant, GrantError> {
        let token = refresh_token.expose_secret();
        self.ask(vec![("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    async fn ask(&self, mut fields: Vec<(&str, &str)>) -> Result<Grant, GrantError> {
        let system = self.system;
        let client_secret = self.client_secret.expose_secret();
        fields.extend([("client_id", self.client_id.as_str()), ("client_secret", client_secret)]);
        let call = Call::post_form(self.token_url.clone(), &fields).dialect(&OAUTH).at_most(LARGEST_ANSWER);
        let now = self.outbound.clock().now();
        match self.outbound.send(&call).await {
            Ok(answer) => answer::read(system, &answer, &self.known_scopes(), now),
            Err(OutboundError::Unreachable { detail, sent: false }) => Err(GrantError::NotSent { system, detail }),
            Err(
                error @ (OutboundError::Address { .. } | OutboundError::Request { .. } | OutboundError::Setup { .. }),
            ) => Err(GrantError::NotSent { system, detail: error.to_string() }),
            Err(error) => Err(GrantError::Lost { system, detail: error.to_string() }),
        }
    }
}

fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()))
}

impl fmt::Debug for OAuthClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthClient")
            .field("system", &self.system)
            .field("authorize_url", &self.authorize_url.as_str())
            .field("token_url", &self.token_url.as_str())
            .field("scopes", &self.scopes)
            .field("pkce", &self.pkce)
            .finish_non_exhaustive()
    }
}
