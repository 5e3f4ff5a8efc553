//! Covers the life of a connection: created, inspected, finished, pulled, paused, given a new credential.

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::{Value, json};
use uuid::Uuid;

use super::consent;
use super::credentials;
use super::refusals::{self, Step, no_plan, still_going, wrong_state};
use super::settings::Common;
use crate::connectors::connector::Account;
use crate::connectors::registry::{self};
use crate::flows::audit::{Actor, record};
use crate::flows::connections;
use crate::flows::context::Context;
use crate::flows::error::{FlowError, PlanChange};
use crate::flows::planning::build::{Order, Scope, build};
use crate::flows::runs::cancel;
use crate::store;
use crate::store::connections::{ConnectionChange, ConnectionRow, ConnectionState, NewConnection};
use crate::store::runs::plans::PlanRow;
use crate::store::runs::{NewRun, RunCause, RunChange, RunState};

/// What an admin states to create a connection.
#[derive(Debug)]
pub struct NewConnectionOrder {
    pub kind: String,
    pub name: String,
    pub settings: Value,
    pub credentials: Value,
}

/// Creates a connection. Where the HR system wants consent (OAuth), it waits for that; else its preview is started,
/// after the HR system has accepted the credential.
pub async fn create(
    context: &Context,
    order: NewConnectionOrder,
    actor: &Actor,
) -> Result<(Uuid, Option<Asked>), FlowError> {
    let name = order.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(FlowError::invalid("name", "expected a text of 1 to 100 characters"));
    }
    if !registry::KINDS.contains(&order.kind.as_str()) {
        let kinds = registry::KINDS.join(", ");
        return Err(FlowError::invalid("kind", format!("expected one of: {kinds}")));
    }
    Common::parse(&order.settings)?;
    let credentials = given(&order.kind, &order.credentials)?;
    let part = Common::connector_part(&order.settings);
    let needs_consent = registry::oauth(&order.kind, &part, &credentials, &context.outbound)?.is_some();
    // Before any request to the HR system: a caller that adds it twice gets the refusal at once.
    if store::connections::has_name(&mut *context.db.get().await?, &name).await? {
        return Err(name_taken(&name));
    }
    let place = registry::place(&order.kind, &part)?;
    let account =
        if needs_consent { None } else { Some(identify(context, &order.kind, &order.settings, &credentials).await?) };
    if let Some(account) = &account {
        is_free(context, &order.kind, &place, &account.id, None).await?;
    }
    let mapping = registry::default_mapping(&order.kind)?;
    let id = context.clock.row_id();
    let now = context.clock.now();
    let new = NewConnection {
        id,
        kind: order.kind.clone(),
        name: name.clone(),
        state: if needs_consent { ConnectionState::Authorizing } else { ConnectionState::Review },
        settings: order.settings,
        credentials: Some(credentials::seal(context, id, &credentials)),
        mapping: serde_json::to_value(mapping).map_err(|error| FlowError::corrupt("mapping", &error))?,
        account_id: account.as_ref().map(|account| account.id.clone()),
        account_place: account.as_ref().map(|_| place.clone()),
        account_name: account.as_ref().map(|account| account.name.clone()),
        created_at: now,
        state_since: now,
    };
    let mut conn = context.db.get().await?;
    let asked = conn
        .transaction(async |conn| {
            store::connections::insert(conn, new).await?;
            record(
                context,
                conn,
                actor,
                "connection.create",
                &format!("connection {id}"),
                json!({ "kind": order.kind, "name": name }),
            )
            .await?;
            if needs_consent {
                return Ok(None);
            }
            enqueue(context, conn, id, RunCause::Preview, true, actor).await.map(Some)
        })
        .await;
    drop(conn);
    let asked = match asked {
        Err(FlowError::Store(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _))) => {
            // Another request was faster: with the account, or with the name.
            if let Some(account) = &account {
                is_free(context, &order.kind, &place, &account.id, None).await?;
            }
            return Err(name_taken(&name));
        }
        asked => asked?,
    };
    context.wake.notify();
    Ok((id, asked))
}

use super::identity::given;
use super::identity::identify;
use super::identity::is_free;
use super::identity::name_taken;
use super::refusals::locked;
/// The name of the field that no pull can do without.
pub use crate::flows::runs::incomplete::RECORD_ID;
use crate::flows::runs::queue::Asked;
use crate::flows::runs::queue::enqueue;
use crate::flows::runs::queue::enqueue_accepting;

/// Pulls and plans without changing any person. `accepted` as for [`sync`].
///
/// # Errors
/// As [`sync`].
pub async fn preview(context: &Context, id: Uuid, accepted: Vec<String>, actor: &Actor) -> Result<Asked, FlowError> {
    pull_now(context, id, actor, (RunCause::Preview, true), accepted).await
}

/// Pulls now. While a run is going, that one is the answer (story 3).
///
/// `accepted` are fields of records that many workers may have lost since the last pull, as the problem `shapeChanged`
/// names them: HR does without them on purpose.
///
/// # Errors
/// [`FlowError::Conflict`] when a run is going and `accepted` names fields: that run does not accept their loss.
pub async fn sync(context: &Context, id: Uuid, accepted: Vec<String>, actor: &Actor) -> Result<Asked, FlowError> {
    pull_now(context, id, actor, (RunCause::Sync, false), accepted).await
}

async fn pull_now(
    context: &Context,
    id: Uuid,
    actor: &Actor,
    (cause, preview): (RunCause, bool),
    accepted: Vec<String>,
) -> Result<Asked, FlowError> {
    let mut conn = context.db.get().await?;
    let asked = conn
        .transaction(async |conn| {
            let connection = locked(conn, id).await?;
            let step = if preview { Step::Preview } else { Step::Sync };
            let may = match connection.state {
                ConnectionState::Authorizing => false,
                ConnectionState::Review | ConnectionState::NeedsReauthorization | ConnectionState::Paused => preview,
                ConnectionState::Active | ConnectionState::Failing => true,
            };
            if !may {
                return Err(wrong_state(&connection, step));
            }
            let asked = enqueue_accepting(context, conn, id, (cause, preview), accepted.clone(), actor).await?;
            if !asked.begun && !accepted.is_empty() {
                let run = asked.run;
                return Err(FlowError::Conflict(format!(
                    "run {run} is going and accepts no loss; ask again when it has ended"
                )));
            }
            let detail = if accepted.is_empty() {
                json!({ "run": asked.run })
            } else {
                json!({ "run": asked.run, "acceptShape": accepted })
            };
            let (action, target) = (format!("connection.{cause}"), format!("connection {id}"));
            record(context, conn, actor, &action, &target, detail).await?;
            Ok(asked)
        })
        .await?;
    context.wake.notify();
    Ok(asked)
}

/// What ending the set-up has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    pub run: Asked,
    /// The plan that is applied.
    pub plan: Uuid,
    /// How it differs from the plan of the last preview; set only when the caller named no plan.
    pub change: Option<PlanChange>,
}

/// Ends the set-up: applies the plan that the admin has seen, and pulls by schedule from now on.
///
/// When another connection has changed people since, the plan is made again. If it decides otherwise now, it is applied
/// only if the caller named no plan.
///
/// # Errors
/// [`FlowError::PlanChanged`] when `plan` is named and would do something else now.
pub async fn finish(context: &Context, id: Uuid, plan: Option<Uuid>, actor: &Actor) -> Result<Finished, FlowError> {
    let latest = plan_to_finish(context, id, plan).await?;
    let (latest, change) = renew(context, latest).await?;
    if let (Some(change), Some(_)) = (&change, plan) {
        return Err(FlowError::PlanChanged(Box::new(change.clone())));
    }
    let mut conn = context.db.get().await?;
    let asked = conn
        .transaction(async |conn| {
            let connection = locked(conn, id).await?;
            in_review(conn, &connection).await?;
            if store::runs::plans::latest_ready(conn, id).await?.is_none_or(|ready| ready.id != latest) {
                return Err(FlowError::Conflict(
                    "another plan was made meanwhile; look at it, and finish again".into(),
                ));
            }
            let now = context.clock.now();
            let run = NewRun {
                id: context.clock.row_id(),
                connection_id: id,
                cause: RunCause::Finish,
                preview: false,
                state: RunState::Applying,
                plan_id: Some(latest),
                token_name: Some(actor.token_name.clone()),
                queued_at: now,
                accepted_fields: Vec::new(),
            };
            let (run, begun) = store::runs::enqueue(conn, run).await?;
            let change = ConnectionChange {
                state: Some(ConnectionState::Active),
                state_since: Some(now),
                ..ConnectionChange::default()
            };
            store::connections::update(conn, id, change).await?;
            record(
                context,
                conn,
                actor,
                "connection.finish",
                &format!("connection {id}"),
                json!({ "plan": latest, "run": run }),
            )
            .await?;
            Ok(Asked { run, begun })
        })
        .await?;
    context.wake.notify();
    Ok(Finished { run: asked, plan: latest, change })
}

/// Refuses unless the connection is in review and no preview is going.
async fn in_review(conn: &mut AsyncPgConnection, connection: &ConnectionRow) -> Result<(), FlowError> {
    if connection.state != ConnectionState::Review {
        return Err(wrong_state(connection, Step::Finish));
    }
    if let Some(going) = store::runs::going(conn, connection.id).await? {
        return Err(still_going(&going, "finish"));
    }
    Ok(())
}

/// The latest plan of a connection in review, which `asked` has to be if it is given.
async fn plan_to_finish(context: &Context, id: Uuid, asked: Option<Uuid>) -> Result<PlanRow, FlowError> {
    let mut conn = context.db.get().await?;
    let connection =
        store::connections::find(&mut conn, id).await?.ok_or_else(|| FlowError::not_found("connection", id))?;
    in_review(&mut conn, &connection).await?;
    let latest = store::runs::plans::latest_ready(&mut conn, id).await?.ok_or_else(|| no_plan(&connection))?;
    let Some(asked) = asked.filter(|asked| *asked != latest.id) else { return Ok(latest) };
    Err(match store::runs::plans::find(&mut conn, asked).await?.filter(|plan| plan.connection_id == Some(id)) {
        Some(old) => FlowError::Conflict(format!("the plan {asked} is {}; the latest is {}", old.state, latest.id)),
        None => FlowError::not_found("plan", asked),
    })
}

/// Makes a plan again where people have changed since, and reports how it differs.
async fn renew(context: &Context, seen: PlanRow) -> Result<(Uuid, Option<PlanChange>), FlowError> {
    let mut conn = context.db.get().await?;
    let Some(moved_on) = store::runs::plans::published_since(&mut conn, seen.id).await? else {
        return Ok((seen.id, None));
    };
    drop(conn);
    let plan = context.clock.row_id();
    let order = Order {
        plan,
        connection: seen.connection_id,
        run: seen.run_id,
        cause: seen.cause,
        scope: Scope::Everybody,
        rules: None,
        authority: None,
    };
    build(context, order).await?;
    let mut conn = context.db.get().await?;
    let (then, now) =
        (store::runs::plans::counts(&mut conn, seen.id).await?, store::runs::plans::counts(&mut conn, plan).await?);
    let is_same = store::runs::plans::is_same(&mut conn, seen.id, plan).await?;
    if let Some(connection) = seen.connection_id {
        store::runs::plans::supersede_others(&mut conn, connection, plan).await?;
    }
    if let Some(run) = seen.run_id {
        let change = RunChange { plan_id: Some(plan), ..RunChange::default() };
        store::runs::update(&mut conn, run, change).await?;
    }
    let name = moved_on.connection_name.unwrap_or_default();
    let because = format!("{name} has changed people");
    Ok((plan, (!is_same).then_some(PlanChange { plan, seen: then, now, because })))
}

/// Stops pulling, a pull that is going included; known dates still fire, and everything is served as it is.
pub async fn pause(context: &Context, id: Uuid, actor: &Actor) -> Result<(), FlowError> {
    steer(context, id, actor, Step::Pause, &[ConnectionState::Active, ConnectionState::Failing], |_| ConnectionChange {
        state: Some(ConnectionState::Paused),
        next_run_at: Some(None),
        ..ConnectionChange::default()
    })
    .await
}

/// Pulls by schedule again, beginning now.
pub async fn resume(context: &Context, id: Uuid, actor: &Actor) -> Result<(), FlowError> {
    steer(context, id, actor, Step::Resume, &[ConnectionState::Paused], |now| ConnectionChange {
        state: Some(ConnectionState::Active),
        failures: Some(0),
        next_run_at: Some(Some(now)),
        ..ConnectionChange::default()
    })
    .await
}

async fn steer(
    context: &Context,
    id: Uuid,
    actor: &Actor,
    step: Step,
    from: &[ConnectionState],
    change: impl Fn(chrono::DateTime<chrono::Utc>) -> ConnectionChange + Send + Sync,
) -> Result<(), FlowError> {
    let now = context.clock.now();
    let mut conn = context.db.get().await?;
    let ours = conn
        .transaction(async |conn| {
            let connection = locked(conn, id).await?;
            if !from.contains(&connection.state) {
                return Err(wrong_state(&connection, step));
            }
            let change = ConnectionChange { state_since: Some(now), ..change(now) };
            store::connections::update(conn, id, change).await?;
            let (action, ours) = match step {
                Step::Pause => ("pause", cancel::request_for_pull(context, conn, id, actor).await?),
                _ => ("resume", None),
            };
            record(context, conn, actor, &format!("connection.{action}"), &format!("connection {id}"), json!({}))
                .await?;
            Ok::<_, FlowError>(ours)
        })
        .await?;
    drop(conn);
    if let Some(run) = ours {
        cancel::end(context, &run).await?;
    }
    context.wake.notify();
    Ok(())
}

/// What giving a new credential leads to.
pub enum Reauthorized {
    /// The HR system has accepted it; this run pulls with it.
    Run(Asked),
    /// The HR system has accepted it; nothing is pulled while the connection is paused.
    Kept,
    /// An admin has to give consent at this address first.
    Consent(url::Url),
}

/// Takes a new credential, once the HR system has accepted it for the same account, and pulls with it. Where the HR
/// system wants consent, the credential is the app's, counts once consent was given to it, and may be left out when it
/// is still the same.
pub async fn reauthorize(
    context: &Context,
    id: Uuid,
    given: &Value,
    redirect_uri: &str,
    actor: &Actor,
) -> Result<Reauthorized, FlowError> {
    let mut conn = context.db.get().await?;
    let connection =
        store::connections::find(&mut conn, id).await?.ok_or_else(|| FlowError::not_found("connection", id))?;
    if registry::needs_consent(&connection.kind) {
        drop(conn);
        let is_given = given.as_object().is_some_and(|given| !given.is_empty());
        let app = if is_given { Some(super::identity::given(&connection.kind, given)?) } else { None };
        return Ok(Reauthorized::Consent(consent::authorize(context, id, redirect_uri, app.as_ref(), actor).await?));
    }
    drop(conn);
    let credentials = super::identity::given(&connection.kind, given)?;
    let account = identify(context, &connection.kind, &connection.settings, &credentials).await?;
    if let Some(known) = connection.account_id.as_ref().filter(|known| **known != account.id) {
        let place = registry::place(&connection.kind, &Common::connector_part(&connection.settings))?;
        is_free(context, &connection.kind, &place, &account.id, Some(id)).await?;
        return Err(FlowError::invalid(
            "credentials",
            format!(
                "they belong to the account {}, but this connection is one of {known}; create another connection for it",
                account.id
            ),
        ));
    }
    let place = registry::place(&connection.kind, &Common::connector_part(&connection.settings))?;
    is_free(context, &connection.kind, &place, &account.id, Some(id)).await?;
    let now = context.clock.now();
    let mut conn = context.db.get().await?;
    let asked = conn
        .transaction(async |conn| {
            let connection = locked(conn, id).await?;
            let in_review = connection.state == ConnectionState::Review;
            let change = ConnectionChange {
                credentials: Some(credentials::seal(context, id, &credentials)),
                ..connections::tokens::welcome(&connection, now)
            };
            store::connections::update(conn, id, change).await?;
            record(context, conn, actor, "connection.reauthorize", &format!("connection {id}"), json!({})).await?;
            if connection.state == ConnectionState::Paused {
                return Ok(None);
            }
            enqueue(context, conn, id, if in_review { RunCause::Preview } else { RunCause::Sync }, in_review, actor)
                .await
                .map(Some)
        })
        .await?;
    context.wake.notify();
    Ok(asked.map_or(Reauthorized::Kept, Reauthorized::Run))
}

/// Replaces the settings of a connection; they count from the next pull on.
pub async fn change_settings(context: &Context, id: Uuid, settings: Value, actor: &Actor) -> Result<(), FlowError> {
    Common::parse(&settings)?;
    let mut conn = context.db.get().await?;
    conn.transaction(async |conn| {
        let connection = locked(conn, id).await?;
        let credentials = credentials::open(context, &connection)?;
        // Refuses settings that cannot work before they are kept.
        let part = Common::connector_part(&settings);
        if registry::oauth(&connection.kind, &part, &credentials, &context.outbound)?.is_none() {
            registry::open(&connection.kind, &part, &credentials, &context.outbound)?;
        }
        let place = registry::place(&connection.kind, &part)?;
        if let Some(account) = &connection.account_id
            && let Some(existing) =
                store::connections::of_account(conn, &connection.kind, &place, account, Some(id)).await?
        {
            return Err(refusals::account_taken(&existing));
        }
        let change = ConnectionChange {
            settings: Some(settings.clone()),
            // Where no account is known, none is at that address.
            account_place: connection.account_id.is_some().then_some(place),
            ..ConnectionChange::default()
        };
        store::connections::update(conn, id, change).await?;
        record(
            context,
            conn,
            actor,
            "connection.settings",
            &format!("connection {id}"),
            json!({ "settings": settings }),
        )
        .await
    })
    .await
}

/// Asks the HR system of a connection who we are, with the stored credential.
pub async fn probe(context: &Context, connection: &ConnectionRow) -> Result<Account, FlowError> {
    let access = connections::tokens::access(context, connection).await?;
    identify(context, &connection.kind, &connection.settings, &access.credentials).await
}
