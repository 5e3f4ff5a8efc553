//! Keeps consents, codes and the life of their tokens (justworks.md section 1; RFC 6749 sections 4.1.2, 6 and 10.4).

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use super::passes::{Pass, Purpose};
use super::scopes::Scopes;
use crate::sandbox::dice::Dice;

/// How long a code can be exchanged, in seconds (RFC 6749, 4.1.2: ten minutes at most).
const CODE_LIFETIME: i64 = 600;

/// How many codes are remembered, used ones included.
const CODES: usize = 1000;

/// The purpose of [`Dice`].
const CODE: u64 = 33;

/// Lifetimes in seconds, and whether refreshing rotates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) access_lifetime: i64,
    pub(super) refresh_lifetime: i64,
    pub(super) rotate: bool,
}

/// What an admin consented to.
#[derive(Clone, Debug)]
pub(super) struct Consent {
    pub(super) redirect_uri: String,
    pub(super) scopes: Scopes,
    /// The PKCE challenge, S256 (RFC 7636).
    pub(super) challenge: Option<String>,
    pub(super) company: u32,
}

#[derive(Debug)]
struct Code {
    consent: Consent,
    ends: i64,
    /// The grant that it was exchanged for.
    used: Option<u64>,
}

#[derive(Debug)]
struct Grant {
    /// Of the refresh token that counts; of a grant from before this start, the first that comes.
    refresh: Option<u32>,
    /// Of the newest access token.
    access: u32,
    /// Access tokens of earlier generations have expired before their time.
    access_from: u32,
    last_used: i64,
    is_dead: bool,
}

/// A pair of tokens, as it goes out.
#[derive(Clone, Debug)]
pub(super) struct Tokens {
    pub(super) access: String,
    /// `None` where the old one stays.
    pub(super) refresh: Option<String>,
    pub(super) scopes: Scopes,
}

/// Why an access token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shut {
    Unknown,
    Expired,
}

#[derive(Debug)]
pub(super) struct Grants {
    key: u64,
    codes: HashMap<String, Code>,
    given: BTreeMap<u64, Grant>,
    /// The largest number of a grant so far.
    last: u64,
    /// Grants up to this number are dead.
    dead_until: u64,
    /// Access tokens of grants up to this number that were not seen yet have expired.
    expired_until: u64,
    codes_made: u32,
}

impl Grants {
    /// `seed` decides the text of the tokens, and which tokens of an earlier start are still good.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            key: seed,
            codes: HashMap::new(),
            given: BTreeMap::new(),
            last: 0,
            dead_until: 0,
            expired_until: 0,
            codes_made: 0,
        }
    }

    /// The code for a consent.
    pub(super) fn code(&mut self, consent: Consent, now: DateTime<Utc>) -> String {
        if self.codes.len() >= CODES {
            self.codes.retain(|_, code| code.ends >= now.timestamp());
        }
        if self.codes.len() >= CODES {
            self.codes.clear();
        }
        self.codes_made += 1;
        let salt = self.key ^ now.timestamp_micros().unsigned_abs();
        let mut dice = Dice::of(salt, self.codes_made, CODE);
        let word = format!("jwc_{:016x}{:016x}", dice.roll(), dice.roll());
        let ends = now.timestamp().saturating_add(CODE_LIFETIME);
        self.codes.insert(word.clone(), Code { consent, ends, used: None });
        word
    }

    /// The consent behind a code that can be exchanged now. A code that comes twice ends the grant it was exchanged
    /// for.
    pub(super) fn consent(&mut self, word: &str, now: DateTime<Utc>) -> Option<Consent> {
        let code = self.codes.get(word)?;
        if let Some(grant) = code.used {
            self.kill(grant);
            return None;
        }
        (now.timestamp() < code.ends).then(|| code.consent.clone())
    }

    /// Exchanges a code that [`consent`](Self::consent) has just let pass, for `scopes`.
    pub(super) fn begin(&mut self, word: &str, scopes: Scopes, company: u32, now: DateTime<Utc>) -> Tokens {
        let moment = u64::try_from(now.timestamp_millis()).unwrap_or_default();
        let number = moment.max(self.last.max(self.dead_until).max(self.expired_until) + 1);
        self.last = number;
        if let Some(code) = self.codes.get_mut(word) {
            code.used = Some(number);
        }
        let grant = Grant { refresh: Some(1), access: 1, access_from: 1, last_used: now.timestamp(), is_dead: false };
        self.given.insert(number, grant);
        let pass =
            Pass { purpose: Purpose::Access, grant: number, generation: 1, company, scopes, issued: now.timestamp() };
        Tokens {
            access: pass.seal(self.key),
            refresh: Some(Pass { purpose: Purpose::Refresh, ..pass }.seal(self.key)),
            scopes,
        }
    }

    /// Carries a refresh out; `granted` replaces the scopes. `None` is `invalid_grant`: a token that was never given,
    /// lay idle too long or belongs to a dead grant, or one that was replaced, which kills its whole grant.
    pub(super) fn refresh(
        &mut self,
        token: &str,
        granted: Option<Scopes>,
        rules: Rules,
        now: DateTime<Utc>,
    ) -> Option<Tokens> {
        let pass = Pass::open(token, self.key).filter(|pass| pass.purpose == Purpose::Refresh)?;
        let grant = self.known(&pass)?;
        if grant.is_dead || grant.refresh.is_some_and(|current| current != pass.generation) {
            grant.is_dead = true;
            return None;
        }
        if now.timestamp().saturating_sub(grant.last_used) >= rules.refresh_lifetime {
            return None;
        }
        grant.last_used = now.timestamp();
        grant.access = grant.access.saturating_add(1);
        grant.refresh = Some(if rules.rotate { grant.access } else { pass.generation });
        let generation = grant.access;
        let scopes = granted.unwrap_or(pass.scopes);
        let pass = Pass { generation, scopes, issued: now.timestamp(), ..pass };
        Some(Tokens {
            access: Pass { purpose: Purpose::Access, ..pass }.seal(self.key),
            refresh: rules.rotate.then(|| pass.seal(self.key)),
            scopes,
        })
    }

    /// What an access token opens.
    pub(super) fn access(&mut self, token: &str, rules: Rules, now: DateTime<Utc>) -> Result<Pass, Shut> {
        let pass = Pass::open(token, self.key).filter(|pass| pass.purpose == Purpose::Access).ok_or(Shut::Unknown)?;
        let grant = self.known(&pass).filter(|grant| !grant.is_dead).ok_or(Shut::Unknown)?;
        let age = now.timestamp().saturating_sub(pass.issued);
        if age >= rules.access_lifetime || pass.generation < grant.access_from {
            return Err(Shut::Expired);
        }
        Ok(pass)
    }

    /// Kills the grant of a token, whichever of the two it is.
    pub(super) fn revoke(&mut self, token: &str) {
        if let Some(pass) = Pass::open(token, self.key) {
            self.known(&pass);
            self.kill(pass.grant);
        }
    }

    /// Starts again with another seed; nothing that was given before is good any more.
    pub(super) fn restart(&mut self, seed: u64, now: DateTime<Utc>) {
        self.revoke_all(now);
        self.key = seed;
    }

    /// Kills every grant and every code.
    pub(super) fn revoke_all(&mut self, now: DateTime<Utc>) {
        self.dead_until = self.last.max(u64::try_from(now.timestamp_millis()).unwrap_or_default());
        self.given.clear();
        self.codes.clear();
    }

    /// From now on no access token that was given so far opens anything.
    pub(super) fn expire_access(&mut self, now: DateTime<Utc>) {
        for grant in self.given.values_mut() {
            grant.access_from = grant.access.saturating_add(1);
        }
        self.expired_until = self.last.max(u64::try_from(now.timestamp_millis()).unwrap_or_default());
    }

    fn kill(&mut self, number: u64) {
        if let Some(grant) = self.given.get_mut(&number) {
            grant.is_dead = true;
        }
    }

    /// The grant of a pass; one from before this start is taken up at the pass that is seen first.
    fn known(&mut self, pass: &Pass) -> Option<&mut Grant> {
        if pass.grant <= self.dead_until {
            return None;
        }
        self.last = self.last.max(pass.grant);
        let is_expired = pass.grant <= self.expired_until;
        Some(self.given.entry(pass.grant).or_insert_with(|| Grant {
            refresh: None,
            access: pass.generation,
            access_from: if is_expired { pass.generation.saturating_add(1) } else { 0 },
            last_used: pass.issued,
            is_dead: false,
        }))
    }
}
