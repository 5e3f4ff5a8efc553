//! The log of the process: one line for each event on standard error, for people or as JSON.

mod collapse;
mod repeats;

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

use crate::clock::Clock;
use collapse::Collapse;

/// Libraries whose detailed messages repeat what they carry (values of statements, headers): people and secrets. No
/// setting lets them log more than this.
const DISCREET: [&str; 8] = [
    "tokio_postgres=info",
    "h2=info",
    "hyper=info",
    "hyper_util=info",
    "reqwest=info",
    "actix_http=info",
    // Reports nothing but clients that broke off; our own faults are logged where they happen.
    "actix_http::h1::dispatcher=off",
    "rustls=info",
];

/// The log of a process, to be dropped at its end: then it reports repeated faults that were only counted until then.
#[derive(Debug)]
#[must_use = "what was counted is told when it is dropped"]
pub struct Log(Collapse);

impl Drop for Log {
    fn drop(&mut self) {
        self.0.tell_rest();
    }
}

/// Starts logging. `RUST_LOG` chooses what is logged (`rollbook=info` by default), `ROLLBOOK_LOG_FORMAT=json` how. A
/// warning or error that repeats has one line at once, then one a minute with how often it came, and one when it stops.
///
/// # Errors
/// When logging was started before, or a setting cannot be read.
pub fn start(format: Option<&str>, clock: Clock) -> anyhow::Result<Log> {
    let mut filter = EnvFilter::try_from_default_env().or_else(|_| EnvFilter::try_new("info,actix_server=warn"))?;
    for directive in DISCREET {
        filter = filter.add_directive(directive.parse()?);
    }
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false);
    let lines = match format {
        Some("json") => lines.json().boxed(),
        None | Some("" | "text") => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        Some(other) => anyhow::bail!("ROLLBOOK_LOG_FORMAT: `{other}` is neither text nor json"),
    };
    let collapse = Collapse::new(clock);
    registry()
        .with(filter)
        .with(collapse.clone())
        .with(lines)
        .try_init()
        .map_err(|error| anyhow::anyhow!("logging cannot be started: {error}"))?;
    collapse.tell_in_background()?;
    Ok(Log(collapse))
}
