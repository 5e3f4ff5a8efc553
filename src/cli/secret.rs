//! Secrets on their way in: from a file, from standard input, from the environment; never from an argument.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use super::CliError;

/// The environment variable for the API token of Remote.
const REMOTE: &str = "REMOTE_API_TOKEN";

/// Where the credential of an HR system comes from.
#[derive(Clone, Debug, Args)]
pub(super) struct Credential {
    /// A file that holds the API token of the HR system, or `-` to read it from standard input. Without it, the
    /// environment variable `REMOTE_API_TOKEN` is read.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl Credential {
    /// Reads the credential.
    pub(super) fn read(&self) -> Result<SecretString, CliError> {
        let from_environment = || std::env::var(REMOTE).ok().map(SecretString::from);
        let secret = match self.token_file.as_deref() {
            Some(path) => Some(of_file(path)?),
            None => from_environment(),
        };
        secret.filter(|secret| !secret.expose_secret().trim().is_empty()).ok_or_else(|| {
            CliError::Usage(format!(
                "no API token: give --token-file FILE (or `-` for standard input), or set {REMOTE}"
            ))
        })
    }
}

/// The text of a file, or of standard input for `-`.
pub(super) fn of_file(path: &Path) -> Result<SecretString, CliError> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(path).map(|all| text = all)
    };
    match read {
        Ok(()) => Ok(text.trim().to_owned().into()),
        Err(error) => Err(CliError::Usage(format!("{} cannot be read: {error}", path.display()))),
    }
}
