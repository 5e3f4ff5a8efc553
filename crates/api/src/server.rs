//! The health of the server, as its probes answer it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

closed_set! {
    /// The process answers.
    HealthStatus { Up = "up" }
}

/// The answer of `/healthz`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    pub status: HealthStatus,
}

closed_set! {
    /// Whether the server can do its work; with `readOnly` it answers reads and writes nothing.
    ReadyStatus {
        Ready = "ready",
        ReadOnly = "readOnly",
        NotReady = "notReady",
    }
}

/// The answer of `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    pub status: ReadyStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
}
