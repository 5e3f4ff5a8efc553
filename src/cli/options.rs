//! Options that many commands share.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;

/// The address of the server, the token, and the output format.
#[derive(Clone, Args)]
pub(crate) struct Access {
    /// The URL of the server.
    #[arg(long, env = "ROLLBOOK_URL", default_value = "http://127.0.0.1:8080", value_name = "URL", global = true)]
    pub(super) url: String,
    /// The admin token. Better in the environment or in a file: other users of a machine see arguments.
    #[arg(
        id = "admin_token",
        long = "token",
        env = "ROLLBOOK_ADMIN_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        global = true
    )]
    pub(super) token: Option<SecretString>,
    /// A file that holds the admin token.
    #[arg(long, env = "ROLLBOOK_ADMIN_TOKEN_FILE", value_name = "FILE", global = true)]
    pub(super) admin_token_file: Option<PathBuf>,
    /// Print the JSON of the API instead of tables.
    #[arg(long, global = true)]
    pub(super) json: bool,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("url", &self.url).field("json", &self.json).finish_non_exhaustive()
    }
}

/// How much of a list is shown.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Length {
    /// How many lines to show at most.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) limit: u32,
}

/// Why something is done; kept in the audit.
#[derive(Clone, Debug, Args)]
pub(crate) struct Why {
    /// Why, for the audit.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
}
