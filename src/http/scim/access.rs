//! What a caller may see of the resources that it requests.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::IF_NONE_MATCH;
use serde_json::json;
use uuid::Uuid;

use crate::http::auth::{Caller, ScimRead};
use crate::http::error::ScimFailure;
use crate::http::state::State;
use crate::http::uri;
use crate::scim::error::ScimError;
use crate::scim::filter::check::Checked;
use crate::scim::release::Release;
use crate::scim::version;
use crate::store::audit::{self, AuditRow};
use crate::store::db::pool::Connection;
use crate::store::filter::condition::Condition;
use crate::store::filter::condition::GroupCondition;
use crate::store::visibility::Visibility;

/// A caller, what is released to it, and the server's state. Made for one request.
pub(super) struct ReadAccess {
    pub caller: Caller<ScimRead>,
    pub release: Arc<Release>,
    pub visibility: Visibility,
}

impl ReadAccess {
    pub(super) async fn of(
        caller: Caller<ScimRead>,
        release: Arc<Release>,
        state: &State,
        conn: &mut Connection,
    ) -> Result<Self, ScimFailure> {
        let visibility =
            Visibility::unrestricted(state.scim_base(), caller.external_id_from_source, release.hidden.clone());
        let visibility = visibility.narrowed(conn, release.users.as_ref(), release.groups.as_ref()).await?;
        let visibility = visibility.for_consumer(caller.id, caller.policy().user_filter.as_deref());
        Ok(Self { caller, release, visibility })
    }

    /// The requested people, as a condition that is ready for a query.
    pub(super) async fn people(
        &self,
        filter: Option<&Checked>,
        conn: &mut Connection,
    ) -> Result<Option<Condition>, ScimFailure> {
        let Some(filter) = filter else { return Ok(None) };
        let mut condition = Condition::of(filter, &self.visibility);
        condition.settle(conn).await?;
        Ok(Some(condition))
    }

    /// The requested groups, as a condition that is ready for a query.
    pub(super) async fn groups(
        &self,
        filter: Option<&Checked>,
        conn: &mut Connection,
    ) -> Result<Option<GroupCondition>, ScimFailure> {
        let Some(filter) = filter else { return Ok(None) };
        let mut condition = GroupCondition::of(filter, &self.visibility);
        condition.settle(conn).await?;
        Ok(Some(condition))
    }

    /// Records in the audit that sensitive attributes were read: who, when, which, of how many; never the
    /// values. Values are not released if the record cannot be written.
    pub(super) async fn record(
        &self,
        state: &State,
        conn: &mut Connection,
        attributes: &[String],
        target: String,
        resources: usize,
    ) -> Result<(), ScimFailure> {
        if attributes.is_empty() {
            return Ok(());
        }
        let row = AuditRow {
            id: state.clock.row_id(),
            at: state.clock.now(),
            token_name: self.caller.token_name.clone(),
            action: "sensitive.read".to_owned(),
            target,
            reason: None,
            detail: json!({ "attributes": attributes, "resources": resources }),
        };
        Ok(audit::append(conn, row).await?)
    }
}

/// The decoded pairs of the query string.
pub(super) fn pairs(request: &HttpRequest) -> Result<Vec<(String, String)>, ScimError> {
    uri::query_pairs(request.query_string()).map_err(|error| ScimError::invalid_syntax(error.to_string()))
}

/// The last segment of the path, decoded. The router has decoded all but `%`, `/` and `+`, so that nothing is decoded
/// twice.
pub(super) fn id(request: &HttpRequest) -> Result<String, ScimError> {
    uri::decode(request.match_info().query("id")).map_err(|error| ScimError::invalid_syntax(error.to_string()))
}

/// Ids match exactly: as they are issued, in lower case with hyphens.
pub(super) fn parse_id(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|id| id.to_string() == text)
}

/// Whether the caller has this version already, or asks only whether there is any. A version says nothing about
/// an answer that is beyond it.
pub(super) fn is_known(request: &HttpRequest, version: &str, is_beyond: bool) -> bool {
    let knows = |header: &str| header.trim() == "*" || !is_beyond && version::names(header, version);
    request.headers().get_all(IF_NONE_MATCH).any(|header| header.to_str().is_ok_and(knows))
}
