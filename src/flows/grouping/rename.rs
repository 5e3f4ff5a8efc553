//! Tells a renamed group from people who move: what all its members will carry decides.

use std::collections::{BTreeMap, BTreeSet};

use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use super::{Desk, Subject};
use crate::directory::attribute::unit_of;
use crate::directory::groups::{Carried, Claim, Kind, Source, id_attributes, is_renamed, key, shown_name};
use crate::directory::ids::ConnectionId;
use crate::flows::error::FlowError;
use crate::store;
use crate::store::groups_write::{Called, Seen};

impl Desk<'_> {
    /// Renames groups whose source ids carry a name now that no group has.
    pub(super) async fn rename(
        &mut self,
        conn: &mut AsyncPgConnection,
        named: &BTreeMap<(Kind, &str), &Claim>,
        wanted: &[(&Subject<'_>, Vec<Claim>)],
    ) -> Result<(), FlowError> {
        let new: Vec<&Claim> = named
            .values()
            .copied()
            .filter(|claim| id_attributes(claim.kind).is_some() && self.group_of(claim.kind, &claim.key).is_none())
            .collect();
        for claim in new {
            let sources: BTreeSet<&Source> = wanted
                .iter()
                .flat_map(|(_, claims)| claims)
                .filter(|other| other.kind == claim.kind && other.key == claim.key)
                .filter_map(|other| other.source.as_ref().filter(|source| source.id.is_some()))
                .collect();
            if sources.is_empty() {
                continue;
            }
            for candidate in candidates(conn, claim.kind, &sources).await? {
                let keys = store::groups_write::take(conn, candidate.id).await?;
                let still_said = keys.iter().any(|key| named.contains_key(&(claim.kind, key)));
                if still_said || !self.is_renamed(conn, claim, &candidate, keys).await? {
                    continue;
                }
                let kind = claim.kind.as_str();
                if store::groups_write::move_key(conn, kind, candidate.id, &candidate.key, &claim.key).await? {
                    self.call(conn, &candidate, &claim.name, "group.updated").await?;
                    self.found.entry(claim.kind).or_default().insert(claim.key.clone(), candidate.id);
                }
                break;
            }
        }
        Ok(())
    }

    async fn is_renamed(
        &self,
        conn: &mut AsyncPgConnection,
        claim: &Claim,
        candidate: &Called,
        keys: Vec<String>,
    ) -> Result<bool, FlowError> {
        let Some(attributes) = id_attributes(claim.kind) else { return Ok(false) };
        let source = |connection: Uuid, id: &str| Source {
            connection: ConnectionId(connection),
            id: Some(id.trim()).filter(|id| !id.is_empty()).map(str::to_owned),
        };
        let behind = store::groups_write::seen_behind(conn, candidate.id).await?;
        let behind: BTreeSet<Source> = behind.iter().map(|seen| source(seen.connection_id, &seen.source_id)).collect();
        let unit = unit_of(attributes.0);
        let members: Vec<Carried> =
            store::groups_write::carried(conn, self.plan, claim.kind, candidate.id, attributes, &unit.0)
                .await?
                .into_iter()
                .map(|row| Carried {
                    key: row.name.filter(|_| row.active).and_then(|name| key(claim.kind, &shown_name(&name))),
                    source: row.connection_id.map(|id| source(id, row.source_id.as_deref().unwrap_or_default())),
                })
                .collect();
        Ok(is_renamed(&keys.into_iter().collect(), &claim.key, &behind, &members))
    }
}

/// The groups that these sources were seen behind, in order.
async fn candidates(
    conn: &mut AsyncPgConnection,
    kind: Kind,
    sources: &BTreeSet<&Source>,
) -> Result<Vec<Called>, FlowError> {
    let connections: Vec<Uuid> = sources.iter().map(|source| source.connection.0).collect();
    let ids: Vec<String> = sources.iter().filter_map(|source| source.id.clone()).collect();
    let seen = store::groups_write::seen(conn, &connections, &ids).await?;
    let is_one = |seen: &&Seen| {
        seen.kind == kind.as_str()
            && sources.iter().any(|source| {
                source.connection.0 == seen.connection_id && source.id.as_deref() == Some(seen.source_id.as_str())
            })
    };
    let ids: Vec<Uuid> = seen.iter().filter(is_one).map(|seen| seen.group_id).collect();
    let mut groups = store::groups_write::called(conn, &ids).await?;
    groups.retain(|group| group.deleted_at.is_none());
    Ok(groups)
}
