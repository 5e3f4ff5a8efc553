//! `rollbook check`: whether everything is in place that the server needs; one line each.

use chrono::TimeDelta;

use super::{Opened, open_database};
use crate::clock::Clock;
use crate::config::Settings;
use crate::flows::connect;
use crate::flows::context::Context;
use crate::store;

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
        Ok(context) => {
            report.right("database", &format!("reached at {place}, in the shape that this version needs"));
            look_around(&context, &mut report).await?;
            context.db.close();
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

    fn wrong(&mut self, what: &str, detail: &str) {
        self.all_right = false;
        println!("wrong  {what}: {detail}");
    }
}
