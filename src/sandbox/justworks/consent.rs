//! The consent page (RFC 6749, 4.1.1 and 4.1.2). It shows what an app asks for and takes the answer of an admin of the
//! customer.

use url::{Host, Url};

use super::Justworks;
use super::config::JustworksConfig;
use super::grants::Consent;
use super::scopes::Scopes;
use crate::sandbox::query::Query;

/// The parameters that the page hands on.
const HANDED_ON: [&str; 7] =
    ["response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method"];

/// What an app asks for.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    redirect_uri: Url,
    /// As it was given: the exchange has to name the same.
    redirect_word: String,
    scopes: Scopes,
    state: Option<String>,
    challenge: Option<String>,
}

/// Why there is no consent page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Turned {
    /// An error page, because the address to go back to cannot be trusted.
    Away(&'static str),
    /// Back to the app, with an error of the standard.
    Back(String),
}

impl Ask {
    pub(super) fn of(query: &Query, config: &JustworksConfig) -> Result<Self, Turned> {
        if query.get("client_id") != Some(&config.client_id) {
            return Err(Turned::Away("No app has this client id."));
        }
        let redirect_word = query.get("redirect_uri").unwrap_or_default().to_owned();
        let redirect_uri = Url::parse(&redirect_word)
            .ok()
            .filter(|url| may_go_back(url, &redirect_word, config))
            .ok_or(Turned::Away("The app may not send you to this address."))?;
        let state = query.get("state").map(str::to_owned);
        let mut ask = Self { redirect_uri, redirect_word, scopes: Scopes::default(), state, challenge: None };
        if query.get("response_type") != Some("code") {
            return Err(Turned::Back(ask.refused("unsupported_response_type")));
        }
        ask.scopes = match Scopes::parse(query.get("scope").unwrap_or_default()) {
            Ok(scopes) if !scopes.is_empty() => scopes,
            _ => return Err(Turned::Back(ask.refused("invalid_scope"))),
        };
        ask.challenge = match (query.get("code_challenge"), query.get("code_challenge_method")) {
            (None, None) => None,
            (Some(challenge), Some("S256")) if is_digest(challenge) => Some(challenge.to_owned()),
            _ => return Err(Turned::Back(ask.refused("invalid_request"))),
        };
        Ok(ask)
    }

    /// Where an admin who refuses consent is sent.
    pub(super) fn denied(&self) -> String {
        self.refused("access_denied")
    }

    fn refused(&self, error: &str) -> String {
        self.back("error", error)
    }

    fn back(&self, name: &str, value: &str) -> String {
        let mut url = self.redirect_uri.clone();
        url.query_pairs_mut().append_pair(name, value);
        if let Some(state) = &self.state {
            url.query_pairs_mut().append_pair("state", state);
        }
        url.into()
    }
}

impl Justworks {
    /// Where an admin who gives consent is sent: back to the app, with a code.
    pub(super) fn allow(&self, ask: &Ask) -> String {
        let now = self.now();
        let mut gate = self.gate();
        let consent = Consent {
            redirect_uri: ask.redirect_word.clone(),
            scopes: gate.granted.unwrap_or(ask.scopes),
            challenge: ask.challenge.clone(),
            company: std::mem::take(&mut gate.next_company),
        };
        gate.counts.consents += 1;
        let code = gate.grants.code(consent, now);
        ask.back("code", &code)
    }
}

/// The page that asks.
pub(super) fn page(ask: &Ask, query: &Query, company: &str) -> String {
    let mut fields = String::new();
    for (name, value) in HANDED_ON.iter().filter_map(|name| Some((name, query.get(name)?))) {
        fields.push_str(&hidden(name, value));
    }
    let scopes: Vec<_> = ask.scopes.names().map(|name| format!("<li><code>{name}</code></li>\n")).collect();
    let scopes = scopes.concat();
    let app = escaped(query.get("client_id").unwrap_or_default());
    let form = |decision: &str, label: &str| {
        let decision = hidden("decision", decision);
        format!(
            "<form method=\"post\" action=\"/oauth/authorize\">\n{fields}{decision}<button>{label}</button>\n</form>\n"
        )
    };
    framed(&format!(
        "<h1>{app} asks for access to {company}</h1>\n<p>This is a simulated Justworks. Nobody's data is behind it.</p>\n\
         <p>The app wants:</p>\n<ul>\n{scopes}</ul>\n{}{}",
        form("allow", "Allow"),
        form("deny", "Deny"),
        company = escaped(company),
    ))
}

fn hidden(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">\n", escaped(value))
}

/// The page for an admin who cannot be sent back.
pub(super) fn sorry(why: &str) -> String {
    framed(&format!("<h1>This link does not work</h1>\n<p>{}</p>\n", escaped(why)))
}

fn framed(body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Simulated Justworks</title></head>\n\
         <body>\n{body}</body>\n</html>\n"
    )
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// A registered address, compared exactly. Where none is registered, any address with https and any on loopback is
/// accepted.
fn may_go_back(url: &Url, word: &str, config: &JustworksConfig) -> bool {
    if !config.redirect_uris.is_empty() {
        return config.redirect_uris.iter().any(|known| known == word);
    }
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.fragment().is_none() && (url.scheme() == "https" || (url.scheme() == "http" && is_loopback))
}

/// 43 letters of base64url: a SHA-256.
fn is_digest(challenge: &str) -> bool {
    challenge.len() == 43 && challenge.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
