//! What the process says about itself: one line an event on standard error, for people or as JSON.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging. `RUST_LOG` chooses what is told (`rollbook=info` by default), `ROLLBOOK_LOG_FORMAT=json` how.
///
/// # Errors
/// When logging was started before, or a setting cannot be read.
pub fn start(format: Option<&str>) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().or_else(|_| EnvFilter::try_new("info,actix_server=warn"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let started = match format {
        Some("json") => builder.json().try_init(),
        None | Some("" | "text") => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        Some(other) => anyhow::bail!("ROLLBOOK_LOG_FORMAT: `{other}` is neither text nor json"),
    };
    started.map_err(|error| anyhow::anyhow!("logging cannot be started: {error}"))
}
