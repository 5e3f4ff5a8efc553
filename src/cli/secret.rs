//! Reads secrets from a file, from standard input or from the environment; never from an argument.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use super::error::CliError;

/// The environment variable for the API token of Remote.
const REMOTE: &str = "REMOTE_API_TOKEN";
/// The environment variable for the client secret of an app at Justworks.
const JUSTWORKS: &str = "JUSTWORKS_CLIENT_SECRET";

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
        find(self.token_file.as_deref(), REMOTE)?.ok_or_else(|| {
            CliError::Usage(format!(
                "no API token: give --token-file FILE (or `-` for standard input), or set {REMOTE}"
            ))
        })
    }
}

/// Where the secret of an app comes from.
#[derive(Clone, Debug, Args)]
pub(super) struct AppSecret {
    /// A file that holds the client secret of the app, or `-` to read it from standard input. Without it, the
    /// environment variable `JUSTWORKS_CLIENT_SECRET` is read.
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
}

impl AppSecret {
    /// Reads the secret, if there is one.
    pub(super) fn find(&self) -> Result<Option<SecretString>, CliError> {
        find(self.client_secret_file.as_deref(), JUSTWORKS)
    }

    /// Reads the secret.
    pub(super) fn read(&self) -> Result<SecretString, CliError> {
        self.find()?.ok_or_else(|| {
            CliError::Usage(format!(
                "no client secret: give --client-secret-file FILE (or `-` for standard input), or set {JUSTWORKS}"
            ))
        })
    }
}

/// A secret of a file, else of the environment, if it is not empty.
fn find(file: Option<&Path>, variable: &str) -> Result<Option<SecretString>, CliError> {
    let secret = match file {
        Some(path) => Some(of_file(path)?),
        None => std::env::var(variable).ok().map(SecretString::from),
    };
    Ok(secret.filter(|secret| !secret.expose_secret().trim().is_empty()))
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
