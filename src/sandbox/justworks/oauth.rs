//! The token endpoint and revocation (justworks.md section 1; RFC 6749, 7009, 7636). Errors use the codes of the
//! standard.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use super::config::{ExpiryShape, JustworksConfig};
use super::grants::{Rules, Tokens};
use super::{Gate, Justworks};
use crate::sandbox::answer::Answer;
use crate::sandbox::query::Query;

/// The answer of the token endpoint, and whether it is to be lost on its way.
pub(super) struct TokenAnswer {
    pub(super) answer: Answer,
    pub(super) is_lost: bool,
}

impl JustworksConfig {
    pub(super) fn rules(&self) -> Rules {
        Rules {
            access_lifetime: i64::from(self.access_lifetime_seconds),
            refresh_lifetime: i64::from(self.refresh_lifetime_seconds),
            rotate: self.rotate_refresh_tokens,
        }
    }
}

impl Justworks {
    /// `POST /oauth/token`. The whole exchange happens under one lock: of two that refresh one token, one is first.
    pub(super) fn token(&self, form: &Query) -> TokenAnswer {
        let now = self.now();
        let mut gate = self.gate();
        let answered = gate.client(form).and_then(|()| match form.get("grant_type") {
            Some("authorization_code") => gate.exchange(form, now),
            Some("refresh_token") => gate.refresh(form, now),
            Some(_) => Err(refusal(400, "unsupported_grant_type")),
            None => Err(refusal(400, "invalid_request")),
        });
        match answered {
            Err(answer) => TokenAnswer { answer, is_lost: false },
            Ok(tokens) => TokenAnswer {
                answer: Answer::ok(written(&tokens, &gate.config, now)),
                is_lost: std::mem::take(&mut gate.lose_next),
            },
        }
    }

    /// `POST /v1/oauth/revoke`: 200 whether the token was known or not (RFC 7009, 2.2).
    pub(super) fn revoke(&self, form: &Query) -> Answer {
        let mut gate = self.gate();
        if let Err(refusal) = gate.client(form) {
            return refusal;
        }
        let Some(token) = form.get("token") else { return refusal(400, "invalid_request") };
        gate.grants.revoke(token);
        gate.counts.revocations += 1;
        Answer::ok(json!({}))
    }
}

impl Gate {
    fn client(&self, form: &Query) -> Result<(), Answer> {
        let is_ours = form.get("client_id") == Some(&self.config.client_id)
            && form.get("client_secret") == Some(&self.config.client_secret);
        if is_ours { Ok(()) } else { Err(refusal(401, "invalid_client")) }
    }

    fn exchange(&mut self, form: &Query, now: DateTime<Utc>) -> Result<Tokens, Answer> {
        let (Some(word), Some(redirect_uri)) = (form.get("code"), form.get("redirect_uri")) else {
            return Err(refusal(400, "invalid_request"));
        };
        let consent = self.grants.consent(word, now).ok_or_else(|| refusal(400, "invalid_grant"))?;
        let is_proven = match (&consent.challenge, form.get("code_verifier")) {
            (None, None) => true,
            (Some(challenge), Some(verifier)) => challenge_of(verifier) == *challenge,
            // A verifier without a challenge is a challenge that was taken away on the way (RFC 9700, 2.1.1).
            _ => false,
        };
        if redirect_uri != consent.redirect_uri || !is_proven {
            return Err(refusal(400, "invalid_grant"));
        }
        self.counts.exchanges += 1;
        Ok(self.grants.begin(word, consent.scopes, consent.company, now))
    }

    fn refresh(&mut self, form: &Query, now: DateTime<Utc>) -> Result<Tokens, Answer> {
        let token = form.get("refresh_token").ok_or_else(|| refusal(400, "invalid_request"))?;
        let refreshed = self.grants.refresh(token, self.granted, self.config.rules(), now);
        if refreshed.is_some() {
            self.counts.refreshes += 1;
        } else {
            self.counts.refused_refreshes += 1;
        }
        refreshed.ok_or_else(|| refusal(400, "invalid_grant"))
    }
}

/// The S256 challenge of a verifier (RFC 7636, 4.2).
pub(super) fn challenge_of(verifier: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

fn refusal(status: u16, error: &str) -> Answer {
    Answer { status, body: json!({"error": error}) }
}

fn written(tokens: &Tokens, config: &JustworksConfig, now: DateTime<Utc>) -> Value {
    let mut body = json!({
        "token_type": "Bearer",
        "access_token": tokens.access,
        "scope": tokens.scopes.to_string(),
    });
    let seconds = config.access_lifetime_seconds;
    match config.expiry_shape {
        ExpiryShape::ExpiresIn => body["expires_in"] = json!(seconds),
        ExpiryShape::ExpiresAt => {
            let ends = now + TimeDelta::seconds(i64::from(seconds));
            body["expires_at"] = json!(ends.to_rfc3339_opts(SecondsFormat::Secs, true));
        }
    }
    if let Some(refresh) = &tokens.refresh {
        body["refresh_token"] = json!(refresh);
    }
    body
}
