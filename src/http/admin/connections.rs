//! Connections: created, listed, shown with their state, what is wrong and how fresh they are.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::body::Members;
use super::cursor::{Mark, page};
use super::parameters::Parameters;
use super::{Answer, created, id, ok, reviews};
use crate::flows::connections;
use crate::flows::connections::lifecycle::NewConnectionOrder;
use crate::flows::connections::overview::ConnectionView;
use crate::flows::connections::settings::Common;
use crate::flows::context::Context;
use crate::flows::planning::hold;
use crate::http::auth::{Admin, AdminRead, Caller};
use crate::store::connections::ConnectionState;

/// A connection whose last good read is older than this is in a critical state, unless it is read more seldom.
const CRITICAL: TimeDelta = TimeDelta::hours(24);

/// POST /connections: 201 once the HR system has accepted the credential; its preview is begun. Where the HR system wants
/// consent (OAuth), 201 in the state `authorizing`, without a run.
pub(super) async fn create(
    caller: Caller<Admin>,
    request: HttpRequest,
    payload: web::Payload,
    context: web::Data<Context>,
) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let mut body = Members::read(&request, payload, &["kind", "name", "settings", "credentials"]).await?;
    let order = NewConnectionOrder {
        kind: body.required_text("kind"),
        name: body.required_text("name"),
        settings: Value::Object(body.object("settings").unwrap_or_default()),
        credentials: Value::Object(body.object("credentials").unwrap_or_default()),
    };
    let actor = body.actor(&caller)?;
    let (id, asked) = connections::lifecycle::create(&context, order, &actor).await?;
    let view = connections::overview::view(&context, id).await?;
    let mut shown = show_view(&view, context.clock.now());
    shown["runId"] = json!(asked.map(|asked| asked.run));
    Ok(created(&format!("/connections/{id}"), &shown))
}

/// GET /connections
pub(super) async fn list(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    let mut parameters = Parameters::read(&request, &["limit", "cursor"])?;
    let limit = parameters.limit();
    let after = parameters.cursor(Mark::number)?.unwrap_or(0);
    parameters.finish()?;
    let views = connections::overview::list(&context, after, limit + 1).await?;
    let now = context.clock.now();
    Ok(page(views, limit, |view| Mark::Number(view.connection.ordinal), |view| show_view(view, now)))
}

/// GET /connections/{id}
pub(super) async fn show(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    answer_with(&context, id(&request, "id", "connection")?).await
}

/// 200 with the connection as it is now.
pub(super) async fn answer_with(context: &Context, id: uuid::Uuid) -> Answer {
    let view = connections::overview::view(context, id).await?;
    Ok::<HttpResponse, _>(ok(&show_view(&view, context.clock.now())))
}

fn show_view(view: &ConnectionView, now: DateTime<Utc>) -> Value {
    let connection = &view.connection;
    let tally = &view.tally;
    let vendor = tally.published + tally.withheld + tally.excluded + tally.undecided;
    json!({
        "id": connection.id,
        "kind": connection.kind,
        "name": connection.name,
        "state": connection.state,
        "stateSince": connection.state_since,
        "account": { "id": connection.account_id, "name": connection.account_name },
        "settings": connection.settings,
        "createdAt": connection.created_at,
        "lastRun": view.last_run.as_ref().map(|run| json!({
            "id": run.id,
            "state": run.state,
            "endedAt": run.ended_at,
        })),
        "nextRunAt": connection.next_run_at,
        "problems": problems(view),
        "freshness": freshness(view, now),
        "tally": {
            "vendor": vendor,
            "published": tally.published,
            "withheld": tally.withheld,
            "excluded": tally.excluded,
            "undecided": tally.undecided,
            // No longer at the HR system.
            "missing": tally.missing,
            "unreadable": tally.unreadable,
            // Before the set-up is finished nobody is published: this is what the plan would do.
            "planned": connection.state == ConnectionState::Review,
        },
    })
}

/// What the last runs met, and what waits for an admin.
fn problems(view: &ConnectionView) -> Vec<Value> {
    let mut problems = match &view.connection.problems {
        Value::Array(stored) => stored.clone(),
        _ => Vec::new(),
    };
    if let Some(open) = &view.open_hold {
        let percent = hold::percent(open).map(|percent| format!(" ({percent} %)")).unwrap_or_default();
        problems.push(json!({
            "code": "hold",
            "message": format!("{} people would leave{percent}; a hold waits for an admin", open.people.len()),
            "holdId": open.id,
            "at": open.raised_at,
            "remedy": "look at the hold, and approve or reject it",
        }));
    }
    for (reason, count) in &view.reviews {
        let (workers, verb) = if *count == 1 { ("worker", "waits") } else { ("workers", "wait") };
        problems.push(json!({
            "code": reason,
            "message": format!("{count} {workers} {verb}: {}", reviews::title(reason)),
            "count": count,
        }));
    }
    problems
}

/// How old the last good read is, and what to think of that. A connection in review serves nobody yet.
fn freshness(view: &ConnectionView, now: DateTime<Utc>) -> Value {
    let connection = &view.connection;
    // A read in the future was noted by a wrong clock: nobody knows how old the data is.
    let last_good = connection.last_good_at.filter(|at| *at - now <= TimeDelta::minutes(1));
    let age = last_good.map(|at| now - at);
    let minutes = Common::parse(&connection.settings).unwrap_or_default().interval_minutes;
    let serves = connection.state.is_published();
    let interval = TimeDelta::minutes(minutes.into());
    let unknown = connection.last_good_at.is_some() && last_good.is_none();
    let since = age.unwrap_or(now - connection.created_at);
    let level = level(if unknown { since.max(interval * 2) } else { since }, interval);
    json!({
        "lastGoodAt": last_good,
        "ageSeconds": age.map(|age| age.num_seconds().max(0)),
        "level": if serves { level } else { "ok" },
    })
}

/// Design section 7: a warning at twice the interval, critical at 24 hours, never before the warning.
fn level(age: TimeDelta, interval: TimeDelta) -> &'static str {
    let warning = interval * 2;
    if age >= CRITICAL.max(warning) {
        "critical"
    } else if age >= warning {
        "warning"
    } else {
        "ok"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_gets_stale_at_twice_the_interval_and_critical_after_a_day() {
        let of = |hours, interval| level(TimeDelta::hours(hours), TimeDelta::hours(interval));
        assert_eq!([of(5, 3), of(6, 3), of(23, 3), of(24, 3)], ["ok", "warning", "warning", "critical"]);
        assert_eq!([of(47, 24), of(48, 24)], ["ok", "critical"]);
    }
}
