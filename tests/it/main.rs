//! The one integration binary: every story and every surface, over HTTP and the command line.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod admin_cli;
mod admin_connections;
mod admin_consumers;
mod admin_holds;
mod admin_inputs;
mod admin_people;
mod docs;
mod embedded;
mod filter_oracle;
mod groups_life;
mod groups_locks;
mod groups_read;
mod kills;
mod law_absence;
mod law_last_good;
mod law_log;
mod law_outage;
mod law_pay;
mod layers;
mod migrations;
mod pool;
mod program_demo;
mod program_input;
mod pull;
mod release_admin;
mod release_feed;
mod release_model;
mod scim_access;
mod scim_filter;
mod scim_paging;
mod scim_protocol;
mod scim_users;
mod stories_connect;
mod stories_danger;
mod stories_fields;
mod stories_justworks;
mod stories_people;
mod stories_time;
mod support;
mod token_ends;
