//! Authenticates callers: bearer tokens, scopes, and the permission in a handler's signature.
//!
//! A handler that takes a [`Caller`] runs only for a token with the scope of its permission. Tokens are read from the
//! `Authorization` header alone; a token in a query string is ignored.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use uuid::Uuid;

use super::error::{Front, Refusal};
use super::policies::Policies;
use super::scope::Scope;
use super::state::State;
use crate::crypto::token::TokenDigest;
use crate::scim::release::attributes::Mistake;
use crate::scim::release::{Policy, Release};
use crate::store::tokens::{self, HoldingConsumer};

/// A permission, as a type parameter of [`Caller`].
pub trait Permission: 'static {
    const SCOPE: Scope;
}

macro_rules! permission {
    ($($name:ident),*) => {$(
        #[doc = concat!("The permission of the scope [`Scope::", stringify!($name), "`].")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl Permission for $name {
            const SCOPE: Scope = Scope::$name;
        }
    )*};
}

permission!(ScimRead, ScimWrite, PeopleSensitive, EventsRead, Admin, AdminRead, MetricsRead);

/// The caller of a request, who has the permission `P`.
#[derive(Clone, Debug)]
pub struct Caller<P> {
    /// The consumer, whichever of its tokens was used; for the admin token, which is no consumer's, the token.
    pub id: Uuid,
    /// The consumer's name; absent for the admin token.
    pub consumer: Option<String>,
    /// The token's name, for the audit.
    pub token_name: String,
    /// Whether the worker's source id is shown as `externalId`.
    pub external_id_from_source: bool,
    policy: Policy,
    policies: Policies,
    scopes: BTreeSet<Scope>,
    permission: PhantomData<P>,
}

impl<P> Caller<P> {
    /// Whether the caller has a further scope.
    #[must_use]
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// What the caller sees of the directory (law 8).
    ///
    /// # Errors
    /// The stored policy cannot be read: then nothing is released.
    pub fn release(&self) -> Result<Arc<Release>, Refusal> {
        self.policies.read(&self.policy, self.has(Scope::PeopleSensitive)).map_err(|mistakes| {
            for Mistake { field, message } in mistakes {
                tracing::error!(consumer.id = %self.id, "the release policy cannot be read: {field}: {message}");
            }
            Refusal::Internal
        })
    }

    /// The policy as it is stored. What is remembered for the caller under one policy is not valid under another.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

impl<P: Permission> FromRequest for Caller<P> {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let digest = presented(request);
        let state = request.app_data::<web::Data<State>>().cloned();
        let front = request.app_data::<Front>().copied().unwrap_or_default();
        let request = request.clone();
        Box::pin(async move {
            let caller = match (digest, state) {
                (Ok(digest), Some(state)) => identify(&state, front, digest).await,
                (Err(refusal), _) => Err(refusal),
                (Ok(_), None) => {
                    tracing::error!("the application was built without its state");
                    Err(Refusal::Internal)
                }
            };
            let caller =
                caller.and_then(|caller| if caller.has(P::SCOPE) { Ok(caller) } else { Err(Refusal::Lacks(P::SCOPE)) });
            caller.map_err(|refusal| Front::refuse(&request, refusal))
        })
    }
}

/// What the token of a request allows. `None` if there is no valid token.
pub(super) async fn scopes(request: &HttpRequest) -> Option<BTreeSet<Scope>> {
    let digest = presented(request).ok()?;
    let state = request.app_data::<web::Data<State>>()?;
    let front = request.app_data::<Front>().copied().unwrap_or_default();
    let caller: Caller<Admin> = identify(state, front, digest).await.ok()?;
    Some(caller.scopes)
}

/// The digest of the token in the `Authorization` header. A token that cannot be one is refused without a query of the
/// database.
fn presented(request: &HttpRequest) -> Result<TokenDigest, Refusal> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let Some(header) = headers.next() else { return Err(Refusal::NoToken) };
    if headers.next().is_some() {
        return Err(Refusal::BadToken);
    }
    let text = header.to_str().map_err(|_| Refusal::BadToken)?;
    let (scheme, token) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    // The scheme is matched without regard to case.
    if !scheme.eq_ignore_ascii_case("bearer") || token.trim().is_empty() {
        return Err(Refusal::NoToken);
    }
    TokenDigest::of_presented(token.trim()).ok_or(Refusal::BadToken)
}

async fn identify<P>(state: &State, front: Front, digest: TokenDigest) -> Result<Caller<P>, Refusal> {
    let now = state.clock.now();
    // Readers of the directory cannot block an admin, nor the other way round.
    let lane = match front {
        Front::Scim => &state.lanes.reads,
        Front::Problem => &state.lanes.admin,
    };
    let mut conn = lane.get().await?;
    let holder = tokens::holder(&mut conn, digest.as_bytes()).await?;
    let holder = holder.filter(|holder| holder.is_live(now)).ok_or(Refusal::BadToken)?;
    if holder.is_use_due(now)
        && !lane.is_read_only()
        && let Err(error) = tokens::used(&mut conn, holder.token, now).await
    {
        // A use that cannot be saved refuses no caller: the database may be read-only for a while.
        tracing::warn!(token.id = %holder.token, "the last use of a token could not be written down: {error}");
    }
    let granted: Vec<Scope> = match &holder.consumer {
        Some(consumer) => consumer.scopes.iter().filter_map(|word| Scope::parse(word)).collect(),
        None => vec![Scope::Admin],
    };
    let scopes = granted.iter().flat_map(|scope| scope.implied().iter().chain([scope])).copied().collect();
    let token_name = holder.token_name;
    let policies = state.policies.clone();
    Ok(match holder.consumer {
        Some(HoldingConsumer { id, name, external_id_from_source, user_filter, group_filter, attributes, .. }) => {
            let policy = Policy { user_filter, group_filter, attributes };
            let consumer = Some(name);
            Caller {
                id,
                consumer,
                token_name,
                external_id_from_source,
                policy,
                policies,
                scopes,
                permission: PhantomData,
            }
        }
        None => Caller {
            id: holder.token,
            consumer: None,
            token_name,
            external_id_from_source: false,
            policy: Policy::default(),
            policies,
            scopes,
            permission: PhantomData,
        },
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::crypto::token::Token;

    fn presented_as(header: Option<&str>) -> Result<TokenDigest, Refusal> {
        let request = TestRequest::get().uri("/?access_token=rbk_x");
        let request = match header {
            Some(header) => request.insert_header((AUTHORIZATION, header)),
            None => request,
        };
        presented(&request.to_http_request())
    }

    ///
    #[test]
    fn a_token_is_read_from_the_header_alone_whatever_the_case_of_its_scheme() {
        let token = Token::random();
        for scheme in ["Bearer", "bearer", "BEARER"] {
            assert_eq!(presented_as(Some(&format!("{scheme} {}", token.reveal()))), Ok(token.digest()));
        }
        assert_eq!(presented_as(None), Err(Refusal::NoToken));
        assert_eq!(presented_as(Some("Bearer ")), Err(Refusal::NoToken));
        assert_eq!(presented_as(Some("Basic YTpi")), Err(Refusal::NoToken));
        assert_eq!(presented_as(Some("Bearer rbk_mistyped")), Err(Refusal::BadToken));
        let twice = TestRequest::get()
            .append_header((AUTHORIZATION, format!("Bearer {}", token.reveal())))
            .append_header((AUTHORIZATION, "Bearer x"))
            .to_http_request();
        assert_eq!(presented(&twice), Err(Refusal::BadToken));
    }

    #[test]
    fn every_scope_reads_back_from_its_word() {
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.as_str()), Some(scope));
        }
        assert_eq!(Scope::parse("SCIM:READ"), None);
    }
}
