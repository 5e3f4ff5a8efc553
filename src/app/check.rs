//! Implements `rollbook check`: whether everything is in place that the server needs; one line each.

use chrono::TimeDelta;
use uuid::Uuid;

use super::{Opened, open_database};
use crate::clock::Clock;
use crate::config::{Config, DatabaseChoice, Settings};
use crate::crypto::seal::Keys;
use crate::flows::access::tokens;
use crate::flows::connections;
use crate::flows::context::Context;
use crate::flows::server::key_check::Sealed;
use crate::flows::server::{clock_check, key_check};
use crate::store;
use crate::store::db::embedded::{Embedded, Found};
use crate::store::db::error::DatabaseError;
use crate::store::db::migrations::Shape;
use crate::store::db::pool::Connection;
use crate::store::db::source::DatabaseSource;

/// How far the clocks of server and database may be apart without a report.
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
    let found = match &config.database {
        DatabaseChoice::Embedded => match Embedded::look(&config.data_dir) {
            Ok(Found::Nothing { major }) => {
                let place = config.data_dir.display();
                report.note(
                    "database",
                    &format!("none yet in {place}: `rollbook serve` makes it with PostgreSQL {major}"),
                );
                if config.keys.is_none() && !config.data_dir.join(super::KEY_FILE).exists() {
                    report.note("key", &format!("none yet: `rollbook serve` makes it in {place}"));
                }
                return Ok(true);
            }
            Ok(found) => Some(found),
            Err(error) => {
                report.wrong("database", &error.to_string());
                return Ok(false);
            }
        },
        DatabaseChoice::External(_) => None,
    };
    let config = if config.keys.is_some() {
        config
    } else {
        let path = config.data_dir.join(super::KEY_FILE);
        match Keys::load(&path) {
            Ok(keys) => Config { keys: Some(keys), ..config },
            Err(_) if !path.exists() => {
                report.wrong("key", &super::key_is_missing(&path));
                return Ok(false);
            }
            Err(error) => {
                report.wrong("key", &error.to_string());
                return Ok(false);
            }
        }
    };
    let opened = match found {
        // The server that runs it has it open; its socket is there for us, too.
        Some(Found::Running(socket)) => Ok(Opened { embedded: None, source: DatabaseSource::local(*socket) }),
        _ => open_database(&config, &clock).await,
    };
    let Opened { embedded, source } = match opened {
        Ok(opened) => opened,
        Err(error) => {
            report.wrong("database", &format!("{error:#}"));
            return Ok(false);
        }
    };
    let place = source.place().to_owned();
    match super::reach(config, source, clock).await {
        Ok((context, lanes)) => {
            if look_at_shape(&context, &place, &mut report).await? {
                look_around(&context, &mut report).await?;
            }
            lanes.close();
        }
        Err(error) => report.wrong("database", &format!("{error:#}")),
    }
    if let Some(embedded) = embedded {
        embedded.stop().await?;
    }
    Ok(report.all_right)
}

/// Compares the clocks and the shape of the database. `false` when there is nothing more to check.
async fn look_at_shape(context: &Context, place: &str, report: &mut Report) -> anyhow::Result<bool> {
    let skew = clock_check::compare(context).await?;
    let apart = (context.clock.machine() - context.clock.now()).abs();
    match skew {
        Some(skew) => {
            report
                .wrong("clock", &format!("{skew}; nothing is pulled and no date fires until one of them is set right"));
        }
        None if apart > CLOCK_TOLERANCE => {
            report.note("clock", &format!("{} s away from the database's", apart.num_seconds()));
        }
        None => report.right("clock", "as the database's"),
    }
    let mut conn = context.db.get().await?;
    match store::db::migrations::shape(&mut conn).await? {
        Shape::Ready => {
            report.right("database", &format!("reached at {place}, in the shape that this version needs"));
            return Ok(true);
        }
        Shape::Empty => {
            let text =
                format!("reached at {place}, empty: `rollbook serve` or `rollbook migrate` brings it into shape");
            report.note("database", &text);
        }
        Shape::Behind(missing) => {
            let text = format!(
                "reached at {place}; {missing} migrations are missing: `rollbook serve` or `rollbook migrate` runs them"
            );
            report.note("database", &text);
        }
        Shape::Newer(unknown) => report.wrong("database", &DatabaseError::Newer(unknown.join(", ")).to_string()),
    }
    Ok(false)
}

async fn look_around(context: &Context, report: &mut Report) -> anyhow::Result<()> {
    let mut conn = context.db.get().await?;
    let sealed = key_check::look(context, &mut conn).await?;
    if sealed == Sealed::default() {
        report.right("key", "opens every stored credential");
    } else {
        report.wrong("key", &sealed.to_string());
    }
    look_at_tokens(context, &mut conn, report).await?;
    let connections = store::connections::all(&mut conn).await?;
    drop(conn);
    if connections.is_empty() {
        report.right("connections", "none yet: `rollbook connection add` makes one");
    }
    for connection in connections {
        let what = format!("connection `{}`", connection.name);
        let problems = connection.problems.as_array();
        for problem in problems.into_iter().flatten().filter(|problem| problem["message"].is_string()) {
            let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
            report.note(&what, &format!("{}: {}", connection.state, text("message")));
        }
        match connections::lifecycle::probe(context, &connection).await {
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
