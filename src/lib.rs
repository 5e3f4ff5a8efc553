//! Rollbook: one directory from all HR systems.
//!
//! Workers are pulled out of HR systems into Postgres, merged into people, and served as SCIM 2.0 Users. This page
//! lists the modules; `docs/architecture.md` describes them at more length. A table in `tests/it/layers.rs` defines
//! which module may use which. [`scim`], [`directory`] and [`api`] are crates of their own, in `crates/`.
//!
//! The path of the data, from left to right:
//!
//! | step | where |
//! |---|---|
//! | pages of an HR system become [workers](directory::worker::Worker) | [`connectors`], over [`outbound`] |
//! | a complete read is stored in staging tables and taken over | [`flows::runs::worker`], into [`store`] |
//! | workers are matched, merged and planned | [`directory::decide`], called by [`flows`] |
//! | too many leavers are held | [`directory::plan::budget`], [`flows::planning::hold`] |
//! | a plan is applied, and every change is logged | [`flows`], into [`store::people::write`] and [`store::changes`] |
//! | changes get their number in the feed | [`flows::feed`] |
//! | people are read as SCIM Users | [`http`], with [`render`] and [`scim`] |
//!
//! Three modules are pure, without I/O or clock: [`scim`] (the protocol), [`directory`] (the domain; it knows no SCIM)
//! and [`render`], which converts the domain to the protocol.
//!
//! Around them: [`app`] puts everything together and defines which [`jobs`] there are, [`config`] holds the settings,
//! [`cli`] is the admin's command line over the admin API, [`crypto`] all cryptography, [`clock`] the only source of
//! time and chance, [`telemetry`] the log, and [`sandbox`] the simulated HR systems for the demo and the tests.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod connectors;
pub mod crypto;
pub mod flows;
pub mod http;
pub mod jobs;
pub mod outbound;
pub mod render;
pub mod sandbox;
pub mod store;
pub mod telemetry;

pub use rollbook_api as api;
pub use rollbook_directory as directory;
pub use rollbook_scim as scim;
