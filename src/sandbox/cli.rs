//! `rollbook sandbox`: runs only the simulated vendors, and prints what a user needs to try them.

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;
use chrono::{DateTime, Utc};

use super::{
    DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_TOKEN, Justworks, JustworksConfig, MAX_MEMBERS, MAX_WORKERS,
    Sandbox, SandboxConfig, couple,
};

/// Serve the simulated HR systems and nothing else
#[derive(Clone, clap::Args)]
pub struct SandboxArgs {
    /// Address and port of the simulated Remote; the control endpoint answers to this machine only
    #[arg(long, default_value = "127.0.0.1:8090")]
    pub listen: SocketAddr,

    /// Address and port of the simulated Justworks; the control endpoint answers to this machine only
    #[arg(long, default_value = "127.0.0.1:8091")]
    pub justworks_listen: SocketAddr,

    /// Number of employments at Remote
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_WORKERS)))]
    pub workers: u32,

    /// Number of members at Justworks
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_MEMBERS)))]
    pub members: u32,

    /// How many people are at both
    #[arg(long, default_value_t = 60)]
    pub overlap: u32,

    /// Another seed is another company
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Leave out Remote's bulk endpoint: employments are listed and then read one by one
    #[arg(long)]
    pub no_bulk: bool,

    /// Requests a minute that Remote answers before 429; 0 for no limit
    #[arg(long, default_value_t = 300)]
    pub rate_limit: u32,

    /// The API token that Remote accepts
    #[arg(long, default_value = DEFAULT_TOKEN, hide_default_value = true)]
    pub token: String,

    /// The client id of the app that Justworks knows
    #[arg(long, default_value = DEFAULT_CLIENT_ID)]
    pub client_id: String,

    /// The client secret of that app
    #[arg(long, default_value = DEFAULT_CLIENT_SECRET, hide_default_value = true)]
    pub client_secret: String,
}

impl fmt::Debug for SandboxArgs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SandboxArgs")
            .field("listen", &self.listen)
            .field("justworks_listen", &self.justworks_listen)
            .field("workers", &self.workers)
            .field("members", &self.members)
            .field("overlap", &self.overlap)
            .field("seed", &self.seed)
            .field("no_bulk", &self.no_bulk)
            .field("rate_limit", &self.rate_limit)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl SandboxArgs {
    /// The set-ups that these arguments ask for.
    #[must_use]
    pub fn configs(&self) -> (SandboxConfig, JustworksConfig) {
        let remote = SandboxConfig {
            seed: self.seed,
            workers: self.workers,
            bulk: !self.no_bulk,
            rate_limit_per_minute: self.rate_limit,
            token: self.token.clone(),
            ..SandboxConfig::default()
        };
        let justworks = JustworksConfig {
            members: self.members,
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.clone(),
            ..JustworksConfig::default()
        };
        couple(remote, justworks, self.overlap)
    }
}

/// The machine's time, for a sandbox that is not part of a test.
#[must_use]
pub fn system_time() -> DateTime<Utc> {
    SystemTime::now().into()
}

/// Serves both until Ctrl-C.
///
/// # Errors
/// When an address cannot be listened on.
pub async fn run(args: SandboxArgs) -> anyhow::Result<()> {
    let (remote, justworks) = args.configs();
    let remote = Sandbox::new(remote, Arc::new(system_time));
    let justworks = Justworks::new(justworks, Arc::new(system_time));
    let serving_remote = remote.serve(listener(args.listen)?).context("serving the simulated Remote")?;
    let serving_justworks =
        justworks.serve(listener(args.justworks_listen)?).context("serving the simulated Justworks")?;
    println!("{}", remote_summary(&remote, &serving_remote.base_url()));
    println!("{}", justworks_summary(&justworks, &serving_justworks.base_url()));
    tokio::signal::ctrl_c().await.context("waiting for Ctrl-C")?;
    serving_remote.stop().await;
    serving_justworks.stop().await;
    Ok(())
}

fn listener(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).with_context(|| format!("listening on {address}"))
}

/// What is served, and what to try. The token is printed on purpose: it opens made-up data only.
fn remote_summary(sandbox: &Sandbox, base: &str) -> String {
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
  new token  curl -X POST {base}/_control/token -d '{{}}'
"
    )
}

/// As [`remote_summary`]; the secret opens made-up data only.
fn justworks_summary(vendor: &Justworks, base: &str) -> String {
    let config = vendor.config();
    let (client, secret) = (&config.client_id, &config.client_secret);
    let back = "http://127.0.0.1:8080/oauth/callback";
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("response_type", "code")
        .append_pair("client_id", client)
        .append_pair("redirect_uri", back)
        .append_pair("scope", "company.basic:read member.detail:read member.employment:read")
        .append_pair("state", "try")
        .finish();
    let id = vendor.member_id(1);
    let members = vendor.count();
    format!(
        "A simulated Justworks with {members} members; Ctrl-C stops it.

  API URL        {base}
  authorize URL  {base}/oauth/authorize
  token URL      {base}/oauth/token
  client id      {client}
  client secret  {secret}
  try            open '{base}/oauth/authorize?{query}'
                 and say yes; or, without a browser, take the code out of the answer of
                 curl -X POST {base}/_control/consent -d '{{\"authorizationUrl\": \"{base}/oauth/authorize?{query}\"}}'
                 then exchange it within ten minutes and read with the access token
                 curl {base}/oauth/token -d grant_type=authorization_code -d client_id={client} -d client_secret={secret} -d redirect_uri={back} -d code=CODE
                 curl -H 'Authorization: Bearer TOKEN' '{base}/v1/members?status=active&limit=2'

Steer it (from this machine only):

  state          curl {base}/_control
  change         curl -X PUT {base}/_control/members/{id} -d '{{\"job_title\": \"Head of Data\", \"manager\": null}}'
  add            curl -X POST {base}/_control/members -d '{{\"name\": {{\"given_name\": \"Eve\", \"family_name\": \"Moneypenny\"}}}}'
  remove         curl -X DELETE {base}/_control/members/3
  last day       curl -X POST {base}/_control/members/4/terminate -d '{{\"lastDay\": \"2026-12-31\"}}'
  fewer scopes   curl -X PUT {base}/_control/scopes -d '{{\"scopes\": [\"member.basic:read\"]}}'
  old tokens     curl -X DELETE {base}/_control/access-tokens
  no consent     curl -X DELETE {base}/_control/grant
  lost refresh   curl -X POST {base}/_control/lose-next-token-answer
  other company  curl -X POST {base}/_control/another-company
  other shapes   curl -X PUT {base}/_control/shapes -d '{{\"envelope\": \"data\", \"emails\": \"plain\"}}'
  fault          curl -X POST {base}/_control/faults -d '{{\"path\": \"/v1/members\", \"times\": 2, \"effect\": {{\"kind\": \"status\", \"status\": 503}}}}'
  all well       curl -X DELETE {base}/_control/faults
"
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
        let expected = couple(SandboxConfig::default(), JustworksConfig::default(), 60);
        assert_eq!(command.args.configs(), expected);
        let shown = format!("{command:?}");
        assert!(!shown.contains(DEFAULT_TOKEN) && !shown.contains(DEFAULT_CLIENT_SECRET));
    }

    #[test]
    fn the_arguments_reach_the_set_up() {
        let words = ["sandbox", "--workers", "7", "--seed", "9", "--no-bulk", "--rate-limit", "0", "--token", "t"];
        let (config, _) = Command::parse_from(words).args.configs();
        assert_eq!((config.workers, config.seed, config.bulk, config.rate_limit_per_minute), (7, 9, false, 0));
        assert_eq!(config.token, "t");
        assert!(Command::try_parse_from(["sandbox", "--workers", "100001"]).is_err());
        let words = ["sandbox", "--members", "40", "--overlap", "9", "--client-id", "app", "--client-secret", "s"];
        let (_, config) = Command::parse_from(words).args.configs();
        assert_eq!((config.members, config.overlap.people, config.overlap.workers), (40, 9, 250));
        assert_eq!((config.client_id.as_str(), config.client_secret.as_str()), ("app", "s"));
        assert!(Command::try_parse_from(["sandbox", "--members", "0"]).is_err());
    }

    #[test]
    fn the_summary_names_address_token_and_size() {
        let sandbox = Sandbox::new(SandboxConfig::plain(12), Arc::new(system_time));
        let text = remote_summary(&sandbox, "http://127.0.0.1:8090");
        assert!(text.contains("12 employments") && text.contains("http://127.0.0.1:8090/_control"));
        assert!(text.contains(&sandbox.token()));
        let vendor = Justworks::new(JustworksConfig::plain(13), Arc::new(system_time));
        let text = justworks_summary(&vendor, "http://127.0.0.1:8091");
        assert!(text.contains("13 members") && text.contains(DEFAULT_CLIENT_SECRET));
        let asked = text.split('\'').find(|word| word.contains("/oauth/authorize?")).unwrap();
        assert!(vendor.consent(asked).unwrap().contains("code="));
    }
}
