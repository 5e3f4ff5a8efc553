//! The reasons why a command failed.

/// Why a command did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CliError {
    /// The command is invalid as it was written.
    #[error("{0}")]
    Usage(String),
    /// The answer is no longer read, as in `rollbook … | head`.
    #[error("the answer is no longer read")]
    Closed,
    /// The server refused, or could not be reached.
    #[error("{0}")]
    Failed(String),
}

impl CliError {
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
        }
    }
}
