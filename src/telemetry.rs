//! What the process says about itself: one line an event on standard error, for people or as JSON.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Libraries whose detailed messages repeat what they carry (values of statements, headers): people and secrets. No
/// setting lets them say more than this.
const DISCREET: [&str; 7] = [
    "tokio_postgres=info",
    "h2=info",
    "hyper=info",
    "hyper_util=info",
    "reqwest=info",
    "actix_http=info",
    "rustls=info",
];

/// Starts logging. `RUST_LOG` chooses what is told (`rollbook=info` by default), `ROLLBOOK_LOG_FORMAT=json` how.
///
/// # Errors
/// When logging was started before, or a setting cannot be read.
pub fn start(format: Option<&str>) -> anyhow::Result<()> {
    let mut filter = EnvFilter::try_from_default_env().or_else(|_| EnvFilter::try_new("info,actix_server=warn"))?;
    for directive in DISCREET {
        filter = filter.add_directive(directive.parse()?);
    }
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let started = match format {
        Some("json") => builder.json().try_init(),
        None | Some("" | "text") => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        Some(other) => anyhow::bail!("ROLLBOOK_LOG_FORMAT: `{other}` is neither text nor json"),
    };
    started.map_err(|error| anyhow::anyhow!("logging cannot be started: {error}"))
}
