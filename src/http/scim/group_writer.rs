//! Writes groups as one caller sees them, up to the place where their members begin.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::access::ReadAccess;
use super::people::set_version;
use crate::directory::groups::Kind;
use crate::http::error::ScimFailure;
use crate::http::state::State;
use crate::render::group::{GroupShown, MemberParts, head};
use crate::render::version;
use crate::scim::error::ScimError;
use crate::scim::projection::Projection;
use crate::scim::schema::ResourceType;
use crate::store::db::pool::Connection;
use crate::store::groups::{self, GroupRow};

/// A group that is ready to be written.
pub(super) struct Head {
    pub id: Uuid,
    pub kind: Kind,
    /// The number of all members, independent of the caller.
    pub members: usize,
    /// Without members, and without the brace that ends it.
    pub text: String,
    pub version: String,
}

/// The heads of groups. Members are usually not read. They have to be read for the version if the caller sees only some
/// people, or no names of them.
pub(super) async fn heads(
    access: &ReadAccess,
    state: &State,
    projection: &Projection,
    rows: &[GroupRow],
    conn: &mut Connection,
) -> Result<Vec<Head>, ScimFailure> {
    let by_default = Projection::all(ResourceType::Group.shape(), &access.release.hidden);
    let kinds = rows.iter().map(|row| Ok((kind_of(row)?, row.id))).collect::<Result<Vec<_>, ScimFailure>>()?;
    let parts = MemberParts::of(&by_default);
    // The stored version covers all members and their names, so it is only for callers who see them all.
    let is_kept = parts.is_none_or(|parts| parts.display) && access.visibility.people().is_none();
    let tags = match parts {
        Some(parts) if !is_kept => groups::member_tags(conn, &access.visibility, &kinds, parts.display).await?,
        _ => BTreeMap::new(),
    };
    rows.iter()
        .zip(kinds)
        .map(|(row, (kind, id))| {
            // What represents the members in the version.
            let membership = match parts {
                None => String::new(),
                Some(_) if is_kept => row.version.to_string(),
                Some(_) => tags.get(&id).cloned().unwrap_or_default(),
            };
            let (text, version) = written(row, state.scim_base(), &membership, projection, &by_default)?;
            Ok(Head { id, kind, members: usize::try_from(row.members).unwrap_or(0), text, version })
        })
        .collect()
}

/// The text of a head, and the version.
fn written(
    row: &GroupRow,
    base_url: &str,
    membership: &str,
    projection: &Projection,
    by_default: &Projection,
) -> Result<(String, String), ScimFailure> {
    let shown = GroupShown {
        id: row.id,
        display_name: &row.display_name,
        kind: &row.kind,
        key: &row.key,
        name: &row.name,
        system: row.system.as_deref(),
        retired_since: row.retired_since,
        created: row.created_at,
        modified: row.modified_at,
    };
    let (text, mut tag) = head(&shown, base_url, membership);
    if projection.is_default() {
        return Ok((text, tag));
    }
    let mut resource: Map<String, Value> = serde_json::from_str(&(text + "}")).map_err(|error| {
        tracing::error!(group.id = %row.id, "a written group is no JSON: {error}");
        ScimError::internal()
    })?;
    if !by_default.is_default() {
        let mut left = resource.clone();
        by_default.apply(&mut left);
        tag = version::of_resource(&left, membership);
        set_version(&mut resource, &tag);
    }
    projection.apply(&mut resource);
    let text = Value::Object(resource).to_string();
    Ok((text.strip_suffix('}').unwrap_or(&text).to_owned(), tag))
}

fn kind_of(group: &GroupRow) -> Result<Kind, ScimFailure> {
    Kind::parse(&group.kind).ok_or_else(|| {
        tracing::error!(group.id = %group.id, "a group is of no kind");
        ScimError::internal().into()
    })
}
