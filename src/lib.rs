//! Rollbook: one directory from all HR systems.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod connectors;
pub mod directory;
pub mod flows;
pub mod http;
pub mod jobs;
pub mod keys;
pub mod outbound;
pub mod render;
pub mod sandbox;
pub mod scim;
pub mod store;
pub mod telemetry;
