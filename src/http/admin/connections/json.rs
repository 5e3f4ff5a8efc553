//! Converts a connection to the form of the API, with its problems and the age of its data.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::api::Given;
use crate::api::connections::{Account, Connection, Freshness, FreshnessLevel, LastRun, SystemKind, Tally};
use crate::api::problems;
use crate::api::reviews::ReviewReason;
use crate::flows::connections;
use crate::flows::connections::overview::ConnectionView;
use crate::flows::connections::settings::Common;
use crate::flows::context::Context;
use crate::flows::planning::hold;
use crate::http::admin::answer::{Answer, Found};
use crate::http::admin::words::{ToApi, items, members, stored};
use crate::http::error::Problem;
use crate::store::connections::ConnectionState;

/// A connection whose last good read is older than this is in a critical state, unless it is read more seldom.
const CRITICAL: TimeDelta = TimeDelta::hours(24);

/// The connection as it is now.
pub(super) async fn found(context: &Context, id: Uuid) -> Answer<Found<Connection>> {
    let view = connections::overview::view(context, id).await?;
    Ok(Found(show_view(view, context.clock.now())?))
}

/// A connection with its last run, its counts and what waits for an admin.
pub(super) fn show_view(view: ConnectionView, now: DateTime<Utc>) -> Result<Connection, Problem> {
    let tally = &view.tally;
    let tally = Tally {
        vendor: tally.published + tally.withheld + tally.excluded + tally.undecided,
        published: tally.published,
        withheld: tally.withheld,
        excluded: tally.excluded,
        undecided: tally.undecided,
        missing: tally.missing,
        unreadable: tally.unreadable,
        planned: view.connection.state == ConnectionState::Review,
    };
    let (problems, freshness) = (problems(&view), freshness(&view, now));
    let connection = view.connection;
    Ok(Connection {
        id: connection.id,
        kind: stored(SystemKind::parse, &connection.kind)?,
        name: connection.name,
        state: connection.state.to_api(),
        state_since: connection.state_since,
        account: Account { id: connection.account_id, name: connection.account_name },
        settings: members(connection.settings),
        created_at: connection.created_at,
        last_run: view.last_run.map(|run| LastRun { id: run.id, state: run.state.to_api(), ended_at: run.ended_at }),
        next_run_at: connection.next_run_at,
        problems,
        freshness,
        tally,
        run_id: Given::Absent,
    })
}

/// What the last runs met, and what waits for an admin.
fn problems(view: &ConnectionView) -> Vec<problems::Problem> {
    let mut problems: Vec<problems::Problem> = items(&view.connection.problems);
    if let Some(open) = &view.open_hold {
        let percent = hold::percent(open).map(|percent| format!(" ({percent} %)")).unwrap_or_default();
        problems.push(problems::Problem {
            code: "hold".to_owned(),
            message: format!("{} people would leave{percent}; a hold waits for an admin", open.people.len()),
            hold_id: Some(open.id),
            at: Some(open.raised_at),
            remedy: Some("look at the hold, and approve or reject it".to_owned()),
            ..problems::Problem::default()
        });
    }
    for (reason, count) in &view.reviews {
        let (workers, verb) = if *count == 1 { ("worker", "waits") } else { ("workers", "wait") };
        let title = ReviewReason::parse(reason).map_or(reason.as_str(), |reason| reason.title());
        problems.push(problems::Problem {
            code: reason.clone(),
            message: format!("{count} {workers} {verb}: {title}"),
            count: Some(*count),
            ..problems::Problem::default()
        });
    }
    problems
}

/// The age of the last good read, and the state that follows from it. A connection in review serves no people yet.
fn freshness(view: &ConnectionView, now: DateTime<Utc>) -> Freshness {
    let connection = &view.connection;
    // A read in the future was noted by a wrong clock: how old the data is cannot be known.
    let last_good = connection.last_good_at.filter(|at| *at - now <= TimeDelta::minutes(1));
    let age = last_good.map(|at| now - at);
    let minutes = Common::parse(&connection.settings).unwrap_or_default().interval_minutes;
    let serves = connection.state.is_published();
    let interval = TimeDelta::minutes(minutes.into());
    let unknown = connection.last_good_at.is_some() && last_good.is_none();
    let since = age.unwrap_or(now - connection.created_at);
    let level = level(if unknown { since.max(interval * 2) } else { since }, interval);
    Freshness {
        last_good_at: last_good,
        age_seconds: age.map(|age| age.num_seconds().max(0)),
        level: if serves { level } else { FreshnessLevel::Ok },
    }
}

/// Design section 7: a warning at twice the interval, critical at 24 hours, never before the warning.
fn level(age: TimeDelta, interval: TimeDelta) -> FreshnessLevel {
    let warning = interval * 2;
    if age >= CRITICAL.max(warning) {
        FreshnessLevel::Critical
    } else if age >= warning {
        FreshnessLevel::Warning
    } else {
        FreshnessLevel::Ok
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_gets_stale_at_twice_the_interval_and_critical_after_a_day() {
        let of = |hours, interval| level(TimeDelta::hours(hours), TimeDelta::hours(interval)).as_str();
        assert_eq!([of(5, 3), of(6, 3), of(23, 3), of(24, 3)], ["ok", "warning", "warning", "critical"]);
        assert_eq!([of(47, 24), of(48, 24)], ["ok", "critical"]);
    }
}
