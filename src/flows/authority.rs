//! Lets an admin set the precedence of connections for each unit. It shows the order, previews another, and merges
//! people again after a change.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::json;
use tracing::info;
use uuid::Uuid;

use super::applying::Cause;
use super::applying::apply::apply;
use super::audit::{Actor, record};
use super::context::Context;
use super::error::FlowError;
use super::planning::build::{Order, STEP, Scope, build, orders};
use crate::directory::attribute::Unit;
use crate::directory::authority::{effective, is_orderable, names_any, orderable};
use crate::directory::ids::ConnectionId;
use crate::store;
use crate::store::authority::OrderRow;

/// How long a node may show no progress before another goes on with its walk.
const LEASE: TimeDelta = TimeDelta::seconds(30);

/// A unit and the precedence of connections for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub unit: Unit,
    pub order: Vec<Speaker>,
    pub is_default: bool,
    /// When it was last ordered, and by which token.
    pub changed: Option<(DateTime<Utc>, String)>,
}

/// A connection in an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaker {
    pub connection: Uuid,
    pub name: String,
}

/// What another order does or would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordered {
    /// Nothing is changed; this plan shows what would be.
    Preview { plan: Uuid },
    /// The order holds from now on; so many people are merged again, in steps, by [`walk`].
    Merging { people: i64 },
}

/// All units that can be ordered, and whether all people are merged by the orders that hold.
pub async fn list(context: &Context) -> Result<(Vec<Field>, bool), FlowError> {
    let mut conn = context.db.get().await?;
    let speakers = speakers(&mut conn).await?;
    let connections: Vec<ConnectionId> = speakers.iter().map(|speaker| ConnectionId(speaker.connection)).collect();
    let by_id: BTreeMap<Uuid, &Speaker> = speakers.iter().map(|speaker| (speaker.connection, speaker)).collect();
    let mut rows: BTreeMap<String, OrderRow> =
        store::authority::all(&mut conn).await?.into_iter().map(|row| (row.unit.clone(), row)).collect();
    let settled = !store::authority::is_walking(&mut conn).await?;
    let fields = orderable().into_iter().map(|unit| {
        let row = rows.remove(&unit.0);
        let named: Vec<ConnectionId> = row.iter().flat_map(|row| &row.connections).copied().map(ConnectionId).collect();
        let order = effective(&named, &connections);
        Field {
            is_default: !names_any(&named, &connections),
            order: order.iter().filter_map(|id| by_id.get(&id.0)).map(|speaker| (*speaker).clone()).collect(),
            changed: row.map(|row| (row.changed_at, row.token_name)),
            unit,
        }
    });
    Ok((fields.collect(), settled))
}

/// Gives a unit another order, or shows what that would change. Connections that `order` does not name follow in the
/// default order; with no name at all the default is restored. An order that comes to the present one changes nothing.
///
/// # Errors
/// [`FlowError::Invalid`] for a unit that there is not or that cannot be ordered, and for a connection that there is
/// not or that is named twice.
pub async fn put(
    context: &Context,
    unit: &str,
    order: &[Uuid],
    only_preview: bool,
    actor: &Actor,
) -> Result<Ordered, FlowError> {
    let unit = parse(unit)?;
    let mut conn = context.db.get().await?;
    if only_preview {
        let connections = connections(&mut conn).await?;
        let named = check(order, &connections)?;
        let mut all = orders(&mut conn).await?;
        all.insert(unit, named);
        drop(conn);
        let plan = context.clock.row_id();
        let order = Order {
            plan,
            connection: None,
            run: None,
            cause: "authority".into(),
            scope: Scope::Shared,
            rules: None,
            authority: Some(all),
        };
        build(context, order).await?;
        return Ok(Ordered::Preview { plan });
    }
    let people = conn
        .transaction(async |conn| {
            store::authority::lock(conn).await?;
            let connections = connections(conn).await?;
            let named = check(order, &connections)?;
            let present = orders(conn).await?.remove(&unit).unwrap_or_default();
            let (before, after) = (effective(&present, &connections), effective(&named, &connections));
            if before == after && names_any(&present, &connections) == names_any(&named, &connections) {
                return Ok(0);
            }
            let row = OrderRow {
                unit: unit.0.clone(),
                connections: order.to_vec(),
                changed_at: context.clock.now(),
                token_name: actor.token_name.clone(),
            };
            store::authority::put(conn, &row).await?;
            store::authority::begin(conn, &actor.token_name, actor.reason.as_deref()).await?;
            let detail = json!({ "before": before, "after": after });
            record(context, conn, actor, "field.order", &format!("field {unit}", unit = unit.0), detail).await?;
            Ok::<_, FlowError>(store::authority::count_shared(conn).await?)
        })
        .await?;
    context.wake.notify();
    Ok(Ordered::Merging { people })
}

/// A unit that can be ordered.
fn parse(word: &str) -> Result<Unit, FlowError> {
    let unit = Unit::named(word);
    let units = orderable();
    if units.contains(&unit) {
        return Ok(unit);
    }
    // The value is the caller's, and may be anything.
    let shown: String = word.chars().filter(|c| !c.is_control()).take(60).collect();
    let problem = match unit.0.as_str() {
        Unit::WORK_EMAIL => "the work email is decided among people, and has no order of connections".to_owned(),
        _ if !is_orderable(&unit) => {
            format!("`{shown}` is that of the leading employment, and has no order of connections")
        }
        _ => {
            let known: Vec<&str> = units.iter().map(|unit| unit.0.as_str()).collect();
            format!("there is no unit `{shown}`; expected one of {}", known.join(", "))
        }
    };
    Err(FlowError::invalid("unit", problem))
}

/// The connections that an admin names, if each is one, and once.
fn check(order: &[Uuid], connections: &[ConnectionId]) -> Result<Vec<ConnectionId>, FlowError> {
    for (n, id) in order.iter().enumerate() {
        let problem = if !connections.contains(&ConnectionId(*id)) {
            format!("there is no connection with the id {id}")
        } else if order[..n].contains(id) {
            format!("the connection {id} is named twice")
        } else {
            continue;
        };
        return Err(FlowError::invalid(format!("order[{n}]"), problem));
    }
    Ok(order.iter().copied().map(ConnectionId).collect())
}

/// All connections in the default order.
async fn speakers(conn: &mut AsyncPgConnection) -> Result<Vec<Speaker>, FlowError> {
    let rows = store::connections::all(conn).await?;
    Ok(rows.into_iter().map(|row| Speaker { connection: row.id, name: row.name }).collect())
}

async fn connections(conn: &mut AsyncPgConnection) -> Result<Vec<ConnectionId>, FlowError> {
    Ok(speakers(conn).await?.into_iter().map(|speaker| ConnectionId(speaker.connection)).collect())
}

/// Merges the next people again that more than one connection knows, at most 500; `false` when there is no person left,
/// or another node is at it.
///
/// A step that is cut off is done again: people who were written by then are merged to the same, and stay untouched.
pub async fn walk(context: &Context) -> Result<bool, FlowError> {
    let now = context.clock.now();
    let mut conn = context.db.get().await?;
    if !store::authority::is_walking(&mut conn).await?
        || !store::db::leases::take(&mut conn, "authority", context.node, now, now + LEASE).await?
    {
        return Ok(false);
    }
    let plan = context.clock.row_id();
    let claimed = conn.transaction(async |conn| store::authority::claim(conn, plan).await).await?;
    let Some(walk) = claimed else { return Ok(false) };
    if let Some(unfinished) = walk.plan_id {
        store::runs::plans::delete(&mut conn, unfinished).await?;
    }
    let people = store::authority::shared(&mut conn, walk.through.unwrap_or_default(), STEP).await?;
    let Some(last) = people.last() else {
        store::authority::advance(&mut conn, plan, None).await?;
        info!("everybody is merged by the order of authority that holds");
        return Ok(true);
    };
    drop(conn);
    let order = Order {
        plan,
        connection: None,
        run: None,
        cause: "configuration".into(),
        scope: Scope::People(people.iter().map(|person| person.id).collect()),
        rules: None,
        authority: None,
    };
    build(context, order).await?;
    let cause = Cause { kind: "configuration", run: None, token_name: walk.token_name, reason: walk.reason };
    let left = apply(context, plan, None, &cause).await?;
    let mut conn = context.db.get().await?;
    conn.transaction(async |conn| {
        // Its changes are in the log.
        store::runs::plans::delete(conn, plan).await?;
        if left.is_empty() {
            store::authority::advance(conn, plan, Some(last.position)).await?;
        }
        Ok::<_, FlowError>(())
    })
    .await?;
    context.wake.notify();
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(refused: FlowError) -> (String, String) {
        match refused {
            FlowError::Invalid { field, problem } => (field, problem),
            other => panic!("expected a refusal of what was given, got {other}"),
        }
    }

    #[test]
    fn a_unit_that_cannot_be_ordered_is_refused_by_name() {
        assert_eq!(parse("title").unwrap(), Unit::named("title"));
        for (word, expected) in [
            ("shoe\nSize", "`shoeSize`"),
            ("type", "`type` is that of"),
            ("status", "`status`"),
            ("email.work", "work email"),
        ] {
            let (field, problem) = problem(parse(word).unwrap_err());
            assert_eq!(field, "unit");
            assert!(problem.contains(expected), "{problem}");
        }
    }

    #[test]
    fn a_connection_is_named_once_and_exists() {
        let [one, other, stranger] = [1, 2, 3].map(Uuid::from_u128);
        let connections = [one, other].map(ConnectionId);
        assert_eq!(check(&[other, one], &connections).unwrap(), [other, one].map(ConnectionId));
        assert_eq!(check(&[], &connections).unwrap(), []);
        for (order, at, expected) in
            [([one, stranger], "order[1]", "there is no connection"), ([other, other], "order[1]", "named twice")]
        {
            let (field, problem) = problem(check(&order, &connections).unwrap_err());
            assert_eq!(field, at);
            assert!(problem.contains(expected) && problem.contains(&order[1].to_string()), "{problem}");
        }
    }
}
