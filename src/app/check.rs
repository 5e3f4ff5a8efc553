//! `rollbook check`: whether everything is in place that the server needs; one line each.

use chrono::TimeDelta;
use uuid::Uuid;

use super::{Opened, open_database};
use crate::clock::Clock;
use crate::config::Settings;
use crate::flows::connect;
use crate::flows::context::Context;
use crate::flows::tokens;
use crate::store;
use crate::store::pool::Connection;

/// How far the clocks of server and database may be apart.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::seconds(5);

/// Checks settings, database, clock, keys and HR systems. `false` when something is wrong.
///
/// # Errors
/// Only when a check itself could not be carried out.
pub async fn check(settings: Settings, clock: Clock) -> anyhow::Result<bool> {
    let mut report = Report::default();
    let config = match settings.check() {
        Ok(config) => config,
        Err(mistakes) => {
            for mistake in mistakes.0 {
                report.wrong("settings", &mistake);
            }
            return Ok(false);
        }
    };
    report.right("settings", &format!("listen on {}, data in {}", config.listen, config.data_dir.display()));
    let opened = match open_database(&config, &clock).await {
        Ok(opened) => opened,
        Err(error) => {
            report.wrong("database", &format!("{error:#}"));
            return Ok(false);
        }
    };
    let Opened { embedded, source } = opened;
    let place = source.place().to_owned();
    match super::connect(config, source, clock).await {
        Ok((context, lanes)) => {
            report.right("database", &format!("reached at {place}, in the shape that this version needs"));
            look_around(&context, &mut report).await?;
            lanes.close();
        }
        Err(error) => report.wrong("database", &format!("{error:#}")),
    }
    if let Some(embedded) = embedded {
        embedded.stop().await?;
    }
    Ok(report.all_right)
}

async fn look_around(context: &Context, report: &mut Report) -> anyhow::Result<()> {
    let mut conn = context.db.get().await?;
    let apart = (store::migrations::database_time(&mut conn).await? - context.clock.now()).abs();
    if apart <= CLOCK_TOLERANCE {
        report.right("clock", &format!("within {} ms of the database's", apart.num_milliseconds()));
    } else {
        report.wrong("clock", &format!("{} s away from the database's: set one of them right", apart.num_seconds()));
    }
    look_at_tokens(context, &mut conn, report).await?;
    let connections = store::connections::all(&mut conn).await?;
    drop(conn);
    if connections.is_empty() {
        report.right("connections", "none yet: `rollbook connection add` makes one");
    }
    for connection in connections {
        let what = format!("connection `{}`", connection.name);
        match connect::probe(context, &connection).await {
            Ok(account) => {
                report.right(&what, &format!("{} answers for the account {}", connection.kind, account.name));
            }
            Err(error) => report.wrong(&what, &error.to_string()),
        }
    }
    Ok(())
}

/// Names the tokens of consumers that end soon, and the consumers that have none left.
async fn look_at_tokens(context: &Context, conn: &mut Connection, report: &mut Report) -> anyhow::Result<()> {
    let consumers = store::consumers::page(conn, None, i64::MAX).await?;
    let ids: Vec<Uuid> = consumers.iter().map(|consumer| consumer.id).collect();
    let all = store::tokens::of_consumers(conn, &ids).await?;
    let now = context.clock.now();
    let mut is_quiet = true;
    for consumer in &consumers {
        let of: Vec<_> = all.iter().filter(|token| token.consumer_id == Some(consumer.id)).cloned().collect();
        for warning in tokens::warnings(&of, now) {
            is_quiet = false;
            report.note(&format!("consumer `{}`", consumer.name), &warning.message);
        }
    }
    if is_quiet {
        report.right("tokens", &format!("none of {} ends within {} days", all.len(), tokens::WARNING_DAYS[0]));
    }
    Ok(())
}

struct Report {
    all_right: bool,
}

impl Default for Report {
    fn default() -> Self {
        Self { all_right: true }
    }
}

impl Report {
    #[expect(clippy::unused_self, reason = "right and wrong are said to the same report")]
    fn right(&self, what: &str, detail: &str) {
        println!("ok     {what}: {detail}");
    }

    /// Nothing is wrong yet.
    #[expect(clippy::unused_self, reason = "all is said to the same report")]
    fn note(&self, what: &str, detail: &str) {
        println!("note   {what}: {detail}");
    }

    fn wrong(&mut self, what: &str, detail: &str) {
        self.all_right = false;
        println!("wrong  {what}: {detail}");
    }
}
