//! The use cases. Each owns its transactions; fronts and jobs call them and add nothing of their own.

mod apply;
pub mod audit;
pub mod callers;
pub mod connect;
pub mod consent;
pub mod consumers;
pub mod context;
mod credentials;
pub mod error;
pub mod explain;
pub mod feed;
pub mod fields;
pub mod grants;
mod grouping;
pub mod groups;
pub mod hold;
pub mod keys;
pub mod mapping;
mod outcome;
mod plan;
pub mod pull;
mod read;
pub mod reviews;
mod scene;
pub mod settings;
pub mod timers;
pub mod tokens;
