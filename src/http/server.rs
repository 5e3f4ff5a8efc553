//! The whole application, and the server that runs it: used by the program and by tests alike.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use tracing::warn;

use super::state::State;
use super::{admin, consent, open_files, ops, request_id, scim};
use crate::flows::context::Context;

/// How long a client may take to send its request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an idle connection is kept: longer than the proxies in front keep theirs.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How many connections are open at once in each worker, at most; further ones wait.
const CONNECTIONS: usize = 12_500;
/// Open files that are no caller's connection: those to the database and to HR systems, the cluster's, the log.
const OTHER_FILES: u64 = 256;
/// A server that can hold fewer connections than that says so.
const FEW: u64 = 10_000;
/// How long requests may go on after the server was told to stop.
const DRAIN_SECONDS: u64 = 20;

/// All routes. What a handler needs is in `web::Data` of [`State`] and, for the admin API, of [`Context`].
pub fn routes(config: &mut web::ServiceConfig) {
    ops::routes(config);
    consent::routes(config);
    scim::routes(config);
    admin::routes(config);
}

/// The threads that serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workers {
    pub number: usize,
    /// How many connections to the database each has to itself.
    pub connections: usize,
}

/// Serves on a listener that is open already, until the handle stops it.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve(
    state: State,
    context: Context,
    listener: TcpListener,
    workers: Workers,
) -> io::Result<(Server, ServerHandle)> {
    state.with_own(workers.connections).map_err(io::Error::other)?;
    let context = web::Data::new(context);
    // Runs on each worker.
    let app = move || {
        // What could be wrong with it has just been tried.
        let state = state.with_own(workers.connections).unwrap_or_else(|_| state.clone());
        App::new()
            .app_data(web::Data::new(state))
            .app_data(context.clone())
            .wrap(from_fn(request_id::mark))
            .configure(routes)
    };
    let workers = workers.number.max(1);
    let server = HttpServer::new(app)
        .workers(workers)
        .client_request_timeout(HEAD_TIMEOUT)
        .keep_alive(KEEP_ALIVE)
        // The pieces of a streamed answer would else wait for the client's delayed acknowledgement, 40 ms each.
        .tcp_nodelay(true)
        .max_connections(connections(workers))
        .shutdown_timeout(DRAIN_SECONDS)
        .disable_signals()
        .listen(listener)?
        .run();
    let handle = server.handle();
    Ok((server, handle))
}

/// How many connections each worker may have open. Without files for all of them the last ones would be taken from the
/// database and the HR systems, so that nobody would be served any more.
fn connections(workers: usize) -> usize {
    let wanted = (CONNECTIONS as u64).saturating_mul(workers as u64).saturating_add(OTHER_FILES);
    let limit = open_files::allow(wanted);
    let each = fitting(limit, workers);
    let all = each as u64 * workers as u64;
    if all < FEW {
        warn!(limit, "at most {all} connections are open at once: the limit of open files is {limit}");
    }
    each
}

fn fitting(limit: u64, workers: usize) -> usize {
    let each = (limit - OTHER_FILES.min(limit / 2)) / workers as u64;
    usize::try_from(each).unwrap_or(CONNECTIONS).clamp(1, CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_the_database() {
        assert_eq!(fitting(1_000_000, 2), CONNECTIONS);
        assert_eq!(fitting(u64::MAX, 1), CONNECTIONS);
        for (limit, workers) in [(20_000, 2), (1024, 2), (4096, 8)] {
            let all = fitting(limit, workers) as u64 * workers as u64;
            assert!(all > limit / 2 && all <= limit - OTHER_FILES, "{limit} for {workers}: {all}");
        }
        assert_eq!(fitting(256, 4), 32, "where there are few, half of them");
        assert_eq!(fitting(1, 4), 1, "it serves at least");
    }
}
