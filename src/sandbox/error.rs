//! The reasons why a simulated company could not be changed.

/// A mistake of the caller that controls a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SandboxError {
    #[error("no employment of this company has that id or index")]
    NoSuchEmployment,
    #[error("no member of this company has that id or index")]
    NoSuchMember,
    #[error("the change is refused: {0}")]
    Refused(&'static str),
}
