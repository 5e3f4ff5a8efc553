//! `rollbook sandbox`: only the simulated vendors, with what one needs to try them.

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;
use chrono::{DateTime, Utc};

use super::{DEFAULT_TOKEN, MAX_WORKERS, Sandbox, SandboxConfig};

/// Serve the simulated HR systems and nothing else
#[derive(Clone, clap::Args)]
pub struct SandboxArgs {
    /// Address and port to listen on; the control endpoint answers to this machine only
    #[arg(long, default_value = "127.0.0.1:8090")]
    pub listen: SocketAddr,

    /// Number of employments
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_WORKERS)))]
    pub workers: u32,

    /// Another seed is another company
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Leave out the bulk endpoint: employments are listed and then read one by one
    #[arg(long)]
    pub no_bulk: bool,

    /// Requests a minute that are answered before 429; 0 for no limit
    #[arg(long, default_value_t = 300)]
    pub rate_limit: u32,

    /// The API token to accept
    #[arg(long, default_value = DEFAULT_TOKEN, hide_default_value = true)]
    pub token: String,
}

impl fmt::Debug for SandboxArgs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SandboxArgs")
            .field("listen", &self.listen)
            .field("workers", &self.workers)
            .field("seed", &self.seed)
            .field("no_bulk", &self.no_bulk)
            .field("rate_limit", &self.rate_limit)
            .finish_non_exhaustive()
    }
}

impl SandboxArgs {
    /// The set-up that these arguments ask for.
    #[must_use]
    pub fn config(&self) -> SandboxConfig {
        SandboxConfig {
            seed: self.seed,
            workers: self.workers,
            bulk: !self.no_bulk,
            rate_limit_per_minute: self.rate_limit,
            token: self.token.clone(),
            ..SandboxConfig::default()
        }
    }
}

/// The machine's time, for a sandbox that is not part of a test.
#[must_use]
pub fn system_time() -> DateTime<Utc> {
    SystemTime::now().into()
}

/// Serves until Ctrl-C.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn run(args: SandboxArgs) -> anyhow::Result<()> {
    let sandbox = Sandbox::new(args.config(), Arc::new(system_time));
    let listener = TcpListener::bind(args.listen).with_context(|| format!("listening on {}", args.listen))?;
    let running = sandbox.serve(listener).context("serving the sandbox")?;
    println!("{}", summary(&sandbox, &running.base_url()));
    tokio::signal::ctrl_c().await.context("waiting for Ctrl-C")?;
    running.stop().await;
    Ok(())
}

/// What is served, and what to try. The token is printed on purpose: it opens made-up data only.
fn summary(sandbox: &Sandbox, base: &str) -> String {
    let token = sandbox.token();
    let id = sandbox.employment_id(1);
    let workers = sandbox.count();
    format!(
        "A simulated Remote with {workers} employments; Ctrl-C stops it.

  base URL   {base}
  token      {token}
  try        curl -H 'Authorization: Bearer {token}' '{base}/v1/employments?page_size=2'

Steer it (from this machine only):

  state      curl {base}/_control
  change     curl -X PUT {base}/_control/employments/{id} -d '{{\"job_title\": \"Head of Data\"}}'
  add        curl -X POST {base}/_control/employments -d '{{\"full_name\": \"Eve Moneypenny\"}}'
  remove     curl -X DELETE {base}/_control/employments/3
  fault      curl -X POST {base}/_control/faults -d '{{\"path\": \"/v1/employments\", \"times\": 2, \"effect\": {{\"kind\": \"status\", \"status\": 503}}}}'
  all well   curl -X DELETE {base}/_control/faults
  new token  curl -X POST {base}/_control/token -d '{{}}'"
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        args: SandboxArgs,
    }

    #[test]
    fn without_arguments_the_set_up_is_the_default_one() {
        let command = Command::parse_from(["sandbox"]);
        assert_eq!(command.args.config(), SandboxConfig::default());
        assert!(!format!("{command:?}").contains(DEFAULT_TOKEN));
    }

    #[test]
    fn the_arguments_reach_the_set_up() {
        let words = ["sandbox", "--workers", "7", "--seed", "9", "--no-bulk", "--rate-limit", "0", "--token", "t"];
        let config = Command::parse_from(words).args.config();
        assert_eq!((config.workers, config.seed, config.bulk, config.rate_limit_per_minute), (7, 9, false, 0));
        assert_eq!(config.token, "t");
        assert!(Command::try_parse_from(["sandbox", "--workers", "100001"]).is_err());
    }

    #[test]
    fn the_summary_names_address_token_and_size() {
        let sandbox = Sandbox::new(SandboxConfig::plain(12), Arc::new(system_time));
        let text = summary(&sandbox, "http://127.0.0.1:8090");
        assert!(text.contains("12 employments") && text.contains("http://127.0.0.1:8090/_control"));
        assert!(text.contains(&sandbox.token()));
    }
}
