//! Simulated HR systems: a made-up company behind the HTTP surface of a vendor, with faults on demand. [`Sandbox`] is a
//! Remote, [`Justworks`] a Justworks; [`pair`](pair()) makes two that have people in common.
//!
//! It shares no code with `connectors` nor with anything else of ours, so that a wrong reading of a vendor's page shows
//! as a difference between the two. People are made from (seed, index) when they are asked for; only what was changed
//! by hand is kept, so a company of 100,000 costs no more memory than one of ten.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use std::sync::Arc;
//! use rollbook::sandbox::{Effect, Fault, Kind, Sandbox, SandboxConfig};
//!
//! let config = SandboxConfig::mix(&[(Kind::Direct, 30), (Kind::Eor, 8), (Kind::Contractor, 4)]);
//! let sandbox = Sandbox::new(config, Arc::new(rollbook::sandbox::system_time));
//! let running = sandbox.serve(std::net::TcpListener::bind("127.0.0.1:0")?)?;
//! sandbox.fault(Fault::on("/v1/employments", Effect::status(503)).times(1)).expect("503 is a status");
//! println!("{} takes the token {}", running.base_url(), sandbox.token());
//! running.stop().await;
//! # Ok(())
//! # }
//! ```

mod answer;
mod cli;
mod dates;
mod dice;
mod error;
mod exchange;
mod faults;
mod forbidden;
mod guard;
mod justworks;
mod meter;
mod names;
mod pair;
mod places;
mod query;
mod remote;
mod server;
mod trouble;
mod who;
mod words;

use std::sync::Arc;

use chrono::{DateTime, Utc};

pub use cli::{SandboxArgs, run, system_time};
pub use error::SandboxError;
pub use faults::{Effect, Fault, SetFault};
pub use forbidden::{NEVER_STORE, NEVER_STORE_AMOUNT};
pub use justworks::{
    DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DepartmentShape, EmailShape, Envelope, ExpiryShape, Justworks,
    JustworksConfig, JustworksStatistics, LastPage, MAX_MEMBERS, ManagerShape, MemberKind, MemberKinds, MemberPart,
    Overlap, Shapes,
};
pub use meter::Statistics;
pub use pair::{ManagerElsewhere, couple, pair};
pub use remote::{DEFAULT_TOKEN, Kind, Kinds, MAX_WORKERS, Part, Sandbox, SandboxConfig};
pub use server::Running;
pub use who::Who;

/// Where a sandbox takes the time from: rate windows, the day that dates are relative to, `updated_at`.
pub type TimeSource = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;
