//! Distinguishes a renamed group from people who move: what all its members will carry decides.

use std::collections::{BTreeMap, BTreeSet};

use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use super::{GroupResolver, Subject};
use crate::directory::attribute::unit_of;
use crate::directory::groups::{Carried, Claim, Kind, Source, id_attributes, is_renamed, key, shown_name};
use crate::directory::ids::ConnectionId;
use crate::flows::error::FlowError;
use crate::store;
use crate::store::groups::write::{GroupName, Seen};

/// A group whose source id carries a name that no group has, and what has been found out about it so far.
struct Candidate {
    group: GroupName,
    /// The source ids by which the names at hand lead to it.
    seen: Vec<Seen>,
    /// Read once, with the first name that asks.
    decision: Option<Decision>,
}

/// What decides whether a group is renamed, whatever the new name.
enum Decision {
    /// A person still carries one of its keys.
    Kept,
    Open {
        keys: BTreeSet<String>,
        behind: BTreeSet<Source>,
        members: Vec<Carried>,
    },
}

impl GroupResolver<'_> {
    /// Renames groups whose source ids carry a name now that no group has.
    pub(crate) async fn rename(
        &mut self,
        conn: &mut AsyncPgConnection,
        named: &BTreeMap<(Kind, &str), &Claim>,
        wanted: &[(&Subject<'_>, Vec<Claim>)],
    ) -> Result<(), FlowError> {
        let mut new: BTreeMap<(Kind, &str), BTreeSet<&Source>> = named
            .keys()
            .filter(|(kind, key)| id_attributes(*kind).is_some() && self.group_of(*kind, key).is_none())
            .map(|key| (*key, BTreeSet::new()))
            .collect();
        for claim in wanted.iter().flat_map(|(_, claims)| claims) {
            if let Some(sources) = new.get_mut(&(claim.kind, claim.key.as_str())) {
                sources.extend(claim.source.as_ref().filter(|source| source.id.is_some()));
            }
        }
        let mut candidates = candidates(conn, &new).await?;
        for (name, sources) in new {
            let (Some(claim), kind) = (named.get(&name), name.0) else { continue };
            let mut renamed = None;
            for (n, candidate) in candidates.iter_mut().enumerate().filter(|(_, one)| one.is_behind(kind, &sources)) {
                if candidate.decision.is_none() {
                    candidate.decision = Some(self.decision(conn, kind, &candidate.group, named).await?);
                }
                let Some(Decision::Open { keys, behind, members }) = &candidate.decision else { continue };
                if is_renamed(keys, &claim.key, behind, members) {
                    renamed = Some(n);
                    break;
                }
            }
            // It has its name now, and no other group has that name.
            let Some(Candidate { group, .. }) = renamed.map(|n| candidates.remove(n)) else { continue };
            if store::groups::write::move_key(conn, kind.as_str(), group.id, &group.key, &claim.key).await? {
                self.call(conn, &group, (&claim.key, &claim.name), "group.updated").await?;
                self.found.entry(kind).or_default().insert(claim.key.clone(), group.id);
            }
        }
        Ok(())
    }

    /// Reads what decides about a group, whose keys are taken by it. The members only if all of them are in the plan.
    async fn decision(
        &self,
        conn: &mut AsyncPgConnection,
        kind: Kind,
        group: &GroupName,
        named: &BTreeMap<(Kind, &str), &Claim>,
    ) -> Result<Decision, FlowError> {
        let Some(attributes) = id_attributes(kind) else { return Ok(Decision::Kept) };
        let keys = store::groups::write::take(conn, group.id).await?;
        if keys.iter().any(|key| named.contains_key(&(kind, key)))
            || store::groups::write::is_kept(conn, self.plan, kind, group.id).await?
        {
            return Ok(Decision::Kept);
        }
        let source = |connection: Uuid, id: &str| Source {
            connection: ConnectionId(connection),
            id: Some(id.trim()).filter(|id| !id.is_empty()).map(str::to_owned),
        };
        let behind = store::groups::write::seen_behind(conn, group.id).await?;
        let unit = unit_of(attributes.0);
        let members = store::groups::write::carried(conn, self.plan, kind, group.id, attributes, &unit.0).await?;
        Ok(Decision::Open {
            keys: keys.into_iter().collect(),
            behind: behind.iter().map(|seen| source(seen.connection_id, &seen.source_id)).collect(),
            members: members
                .into_iter()
                .map(|row| Carried {
                    key: row.name.filter(|_| row.active).and_then(|name| key(kind, &shown_name(&name))),
                    source: row.connection_id.map(|id| source(id, row.source_id.as_deref().unwrap_or_default())),
                })
                .collect(),
        })
    }
}

impl Candidate {
    fn is_behind(&self, kind: Kind, sources: &BTreeSet<&Source>) -> bool {
        self.seen.iter().any(|seen| {
            seen.kind == kind.as_str()
                && sources.iter().any(|source| {
                    source.connection.0 == seen.connection_id && source.id.as_deref() == Some(seen.source_id.as_str())
                })
        })
    }
}

/// The groups that the sources of new names were seen behind, in order.
async fn candidates(
    conn: &mut AsyncPgConnection,
    new: &BTreeMap<(Kind, &str), BTreeSet<&Source>>,
) -> Result<Vec<Candidate>, FlowError> {
    let sources: BTreeSet<(Kind, Uuid, &str)> = new
        .iter()
        .flat_map(|((kind, _), sources)| sources.iter().map(move |source| (*kind, source)))
        .filter_map(|(kind, source)| Some((kind, source.connection.0, source.id.as_deref()?)))
        .collect();
    let mut behind: BTreeMap<Uuid, Vec<Seen>> = BTreeMap::new();
    for seen in store::groups::write::seen(conn, &Vec::from_iter(sources)).await? {
        behind.entry(seen.group_id).or_default().push(seen);
    }
    if behind.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = behind.keys().copied().collect();
    let groups = store::groups::write::called(conn, &ids).await?;
    Ok(groups
        .into_iter()
        .filter(|group| group.deleted_at.is_none())
        .map(|group| Candidate { seen: behind.remove(&group.id).unwrap_or_default(), group, decision: None })
        .collect())
}
