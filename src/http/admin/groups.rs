//! Groups as an admin sees them: the origin of each group, and which other names lead to it.

pub(super) mod kinds;

use actix_web::{HttpRequest, web};
use uuid::Uuid;

use super::answer::{Accepted, Answer, Found, Listed};
use super::request::body::{Body, Members, RequestBody};
use super::request::cursor::{Mark, page};
use super::request::parameters::{Parameters, id};
use super::words::stored;
use crate::api::groups::{Group, GroupAlias, GroupKindName, GroupSource};
use crate::directory::groups::Kind;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::flows::groups;
use crate::http::auth::{Admin, AdminRead, Caller};
use crate::http::error::Problem;
use crate::store;
use crate::store::filter::condition::GroupCondition;
use crate::store::groups::GroupRow;

/// GET /groups, in the order of SCIM's list; `?kind=` for those of one kind.
pub(super) async fn list(
    _: Caller<AdminRead>,
    request: HttpRequest,
    context: web::Data<Context>,
) -> Answer<Listed<Group>> {
    let mut parameters = Parameters::read(&request, &["limit", "cursor", "kind"])?;
    let limit = parameters.limit();
    let after = parameters.cursor(Mark::number)?.unwrap_or(0);
    let kind = parameters.word("kind", &Kind::ALL.map(Kind::as_str)).and_then(Kind::parse);
    parameters.finish()?;
    let mut conn = context.db.get().await?;
    let condition = kind.map(GroupCondition::kind);
    let rows = store::groups::after(&mut conn, condition.as_ref(), after, limit + 1).await?;
    page(rows, limit, |row| Mark::Number(row.position), show_row)
}

/// GET /groups/{id}, with the source ids behind it and the keys that lead to it.
pub(super) async fn show(
    _: Caller<AdminRead>,
    request: HttpRequest,
    context: web::Data<Context>,
) -> Answer<Found<Group>> {
    Parameters::read(&request, &[])?.finish()?;
    Ok(Found(whole(&context, id(&request, "id", "group")?).await?))
}

/// POST /groups/{id}/aliases: 202, since the groups of all people follow in steps.
pub(super) async fn alias(
    caller: Caller<Admin>,
    request: HttpRequest,
    body: Body<GroupAlias>,
    context: web::Data<Context>,
) -> Answer<Accepted<Group>> {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "group")?;
    let (alias, actor) = body.read(&caller).await?;
    groups::alias(&context, id, &alias.name, &actor).await?;
    Ok(Accepted(whole(&context, id).await?))
}

impl RequestBody for GroupAlias {
    fn read(members: &mut Members) -> Self {
        Self { name: members.required_text("name") }
    }
}

async fn whole(context: &Context, id: Uuid) -> Result<Group, Problem> {
    let mut conn = context.db.get().await?;
    let row = store::groups::find(&mut conn, id).await?.ok_or_else(|| FlowError::not_found("group", id))?;
    let sources = store::groups::sources(&mut conn, id).await?.into_iter().map(|source| GroupSource {
        connection_id: source.connection_id,
        connection: source.connection,
        // Some HR systems have names only.
        source_id: Some(source.source_id).filter(|id| !id.is_empty()),
    });
    let sources = Some(sources.collect());
    let keys = Some(store::groups::keys(&mut conn, id).await?);
    Ok(Group { sources, keys, ..show_row(row)? })
}

fn show_row(row: GroupRow) -> Result<Group, Problem> {
    Ok(Group {
        id: row.id,
        kind: stored(GroupKindName::parse, &row.kind)?,
        key: row.key,
        name: row.name,
        display_name: row.display_name,
        members: row.members,
        version: row.version,
        system: row.system,
        created_at: row.created_at,
        modified_at: row.modified_at,
        retired: row.retired_since.is_some(),
        retired_since: row.retired_since,
        sources: None,
        keys: None,
    })
}
