//! Lists the kinds of groups, and switches them on and off.

use actix_web::{HttpRequest, web};

use crate::api::groups::{GroupKind, GroupKindName, GroupKindSwitch};
use crate::directory::groups::Kind;
use crate::flows::context::Context;
use crate::flows::groups;
use crate::http::admin::answer::{Answer, Found, Listed};
use crate::http::admin::request::body::{Body, Members, RequestBody};
use crate::http::admin::request::parameters::Parameters;
use crate::http::admin::words::stored;
use crate::http::auth::{Admin, AdminRead, Caller};
use crate::http::error::Problem;
use crate::store;
use crate::store::groups::KindRow;

/// GET /group-kinds: all of them.
pub(crate) async fn list(
    _: Caller<AdminRead>,
    request: HttpRequest,
    context: web::Data<Context>,
) -> Answer<Listed<GroupKind>> {
    Parameters::read(&request, &[])?.finish()?;
    let mut conn = context.db.get().await?;
    let rows = store::groups::kinds(&mut conn).await?;
    Ok(Listed::whole(rows.iter().map(show_row).collect::<Result<_, _>>()?))
}

/// PUT /group-kinds/{kind}: switched at once; the groups of all people follow in steps, until `settled`.
pub(crate) async fn put(
    caller: Caller<Admin>,
    request: HttpRequest,
    body: Body<GroupKindSwitch>,
    context: web::Data<Context>,
) -> Answer<Found<GroupKind>> {
    Parameters::read(&request, &[])?.finish()?;
    let word = request.match_info().query("kind");
    let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == word);
    let kind = kind.ok_or_else(|| Problem::not_found("there is no such kind of groups"))?;
    let (switch, actor) = body.read(&caller).await?;
    let row = groups::switch(&context, kind, switch.enabled, &actor).await?;
    Ok(Found(show_row(&row)?))
}

impl RequestBody for GroupKindSwitch {
    fn read(members: &mut Members) -> Self {
        let enabled = members.boolean("enabled");
        if enabled.is_none() && !members.has_refused("enabled") {
            members.refuse("enabled", "missing; expected true or false");
        }
        Self { enabled: enabled.unwrap_or_default() }
    }
}

fn show_row(row: &KindRow) -> Result<GroupKind, Problem> {
    Ok(GroupKind {
        kind: stored(GroupKindName::parse, &row.kind)?,
        enabled: row.enabled,
        settled: row.settled,
        groups: row.groups,
        changed_at: row.changed_at,
    })
}
