//! The whole application, and the server that runs it: used by the program and by tests alike.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};

use super::state::State;
use super::{admin, consent, ops, request_id, scim};
use crate::flows::context::Context;

/// How long a client may take to send its request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an idle connection is kept: longer than the proxies in front keep theirs.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How many connections are open at once in each worker; further ones wait.
const CONNECTIONS: usize = 12_500;
/// How long requests may go on after the server was told to stop.
const DRAIN_SECONDS: u64 = 20;

/// All routes. What a handler needs is in `web::Data` of [`State`] and, for the admin API, of [`Context`].
pub fn routes(config: &mut web::ServiceConfig) {
    ops::routes(config);
    consent::routes(config);
    scim::routes(config);
    admin::routes(config);
}

/// Serves on a listener that is open already, until the handle stops it.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve(
    state: State,
    context: Context,
    listener: TcpListener,
    workers: usize,
) -> io::Result<(Server, ServerHandle)> {
    let (state, context) = (web::Data::new(state), web::Data::new(context));
    let app = move || {
        App::new().app_data(state.clone()).app_data(context.clone()).wrap(from_fn(request_id::mark)).configure(routes)
    };
    let server = HttpServer::new(app)
        .workers(workers.max(1))
        .client_request_timeout(HEAD_TIMEOUT)
        .keep_alive(KEEP_ALIVE)
        .max_connections(CONNECTIONS)
        .shutdown_timeout(DRAIN_SECONDS)
        .disable_signals()
        .listen(listener)?
        .run();
    let handle = server.handle();
    Ok((server, handle))
}
