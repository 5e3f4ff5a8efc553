//! Contains the use cases. Each owns its transactions; fronts and jobs call them and add nothing of their own.

pub mod access;
pub mod applying;
pub mod audit;
pub mod authority;
pub mod connections;
pub mod context;
pub mod error;
pub mod feed;
pub mod groups;
pub mod planning;
pub mod reviews;
pub mod runs;
pub mod server;
