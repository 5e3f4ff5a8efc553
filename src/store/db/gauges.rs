//! Figures of the directory's work for `/metrics`: numbers, and ids of connections, never people.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Double, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

/// One figure with at most one label.
#[derive(Clone, Debug, PartialEq, QueryableByName)]
pub struct Gauge {
    #[diesel(sql_type = Text)]
    pub name: String,
    /// The name of the label.
    #[diesel(sql_type = Nullable<Text>)]
    pub label: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub label_value: Option<String>,
    #[diesel(sql_type = Double)]
    pub value: f64,
}

/// Every figure that is read here, with what it says.
pub const DESCRIPTIONS: [(&str, &str); 11] = [
    ("rollbook_connections", "Connections to HR systems, by state."),
    ("rollbook_connection_last_good_age_seconds", "Age of the last good pull, by the id of the connection."),
    ("rollbook_runs", "Runs of the last 24 hours, by state."),
    ("rollbook_run_duration_seconds", "Mean duration of the runs that ended in the last 24 hours, by state."),
    ("rollbook_feed_waiting", "Changes that have no number of the feed yet."),
    ("rollbook_feed_lag_seconds", "Age of the oldest change that has no number of the feed yet."),
    ("rollbook_feed_sequence", "The last number of the feed."),
    ("rollbook_timers_due", "People whose date has come and was not acted on yet."),
    ("rollbook_holds_open", "Holds that wait for an admin."),
    ("rollbook_reviews_open", "Review items that wait for an admin."),
    ("rollbook_people", "People in the directory, leavers included."),
];

const QUERY: &str = "
    SELECT 'rollbook_connections' AS name, 'state' AS label, state AS label_value, count(*)::float8 AS value
      FROM connections GROUP BY state
    UNION ALL SELECT 'rollbook_connection_last_good_age_seconds', 'connection', id::text,
                     extract(epoch FROM $1 - last_good_at)::float8
      FROM connections WHERE last_good_at IS NOT NULL
    UNION ALL SELECT 'rollbook_runs', 'state', state, count(*)::float8
      FROM runs WHERE queued_at > $1 - interval '24 hours' GROUP BY state
    UNION ALL SELECT 'rollbook_run_duration_seconds', 'state', state, avg(extract(epoch FROM ended_at - started_at))::float8
      FROM runs WHERE ended_at > $1 - interval '24 hours' AND started_at IS NOT NULL GROUP BY state
    UNION ALL SELECT 'rollbook_feed_waiting', NULL, NULL, count(*)::float8 FROM changes WHERE sequence IS NULL
    UNION ALL SELECT 'rollbook_feed_lag_seconds', NULL, NULL,
                     coalesce(extract(epoch FROM $1 - min(at)), 0)::float8 FROM changes WHERE sequence IS NULL
    UNION ALL SELECT 'rollbook_feed_sequence', NULL, NULL, last_sequence::float8 FROM feed_state
    UNION ALL SELECT 'rollbook_timers_due', NULL, NULL, count(*)::float8 FROM people WHERE next_due <= $1
    UNION ALL SELECT 'rollbook_holds_open', NULL, NULL, count(*)::float8 FROM holds WHERE state = 'open'
    UNION ALL SELECT 'rollbook_reviews_open', NULL, NULL, count(*)::float8 FROM reviews WHERE closed_at IS NULL
    UNION ALL SELECT 'rollbook_people', NULL, NULL, people_total::float8 FROM feed_state";

/// Reads all figures in one statement.
pub async fn read(conn: &mut AsyncPgConnection, now: DateTime<Utc>) -> QueryResult<Vec<Gauge>> {
    diesel::sql_query(QUERY).bind::<Timestamptz, _>(now).load(conn).await
}

/// The figures in the text format of Prometheus, each name once. Those that are gone from the database are gone here
/// too, unlike from a registry that remembers them.
#[must_use]
pub fn text(gauges: &[Gauge]) -> String {
    let mut out = String::new();
    for (name, description) in DESCRIPTIONS {
        let mut all = gauges.iter().filter(|gauge| gauge.name == name).peekable();
        if all.peek().is_none() {
            continue;
        }
        let _ = writeln!(out, "# HELP {name} {description}\n# TYPE {name} gauge");
        for gauge in all {
            let _ = match (&gauge.label, &gauge.label_value) {
                (Some(label), Some(value)) => writeln!(out, "{name}{{{label}=\"{value}\"}} {}", gauge.value),
                _ => writeln!(out, "{name} {}", gauge.value),
            };
        }
    }
    out
}
