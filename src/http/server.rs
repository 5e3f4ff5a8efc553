//! Builds the whole application and the server that runs it. The program and the tests both use it.

use std::net::TcpListener;
use std::time::Duration;
use std::{fmt, io};

use actix_http::error::DispatchError;
use actix_http::{HttpService, Protocol, Request, Response, ServiceConfig};
use actix_service::{IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Server, ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderValue;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, Error, HttpMessage, web};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::TcpStream;
use tracing::warn;
use tracing_actix_web::RequestId;

use super::request_id::CURRENT;
use super::request_id::HEADER;
use super::state::State;
use super::wire::Wire;
use super::{admin, consent, malformed, metrics, ops, scim};
use crate::flows::context::Context;
use crate::store::db::pool::watched;

/// How long a client may take to send its request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an idle connection is kept: longer than the proxies in front keep theirs.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a closing connection waits for the client to read the rest.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How many connections are open at once in each worker, at most; further ones wait.
const CONNECTIONS: usize = 12_500;
/// Open files that are no caller's connection: those to the database and to HR systems, the cluster's, the log.
const OTHER_FILES: u64 = 256;
/// A server that can hold fewer connections than that logs it.
const FEW: u64 = 10_000;
/// How long requests may go on after the server received the signal to stop.
const DRAIN_SECONDS: u64 = 20;

/// All routes. What a handler needs is in `web::Data` of [`State`] and, for the admin API, of [`Context`].
pub fn routes(config: &mut web::ServiceConfig) {
    ops::routes(config);
    metrics::routes(config);
    malformed::routes(config);
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
    // Requests of admins and jobs have connections of their own.
    let context = web::Data::new(Context { db: state.lanes.admin.clone(), ..context });
    // Runs on each worker.
    let app = move || {
        // Everything that could be wrong with it has just been tried.
        let state = state.with_own(workers.connections).unwrap_or_else(|_| state.clone());
        App::new()
            .app_data(web::Data::new(state))
            .app_data(context.clone())
            .wrap(from_fn(mark))
            .wrap(from_fn(super::counters::measure))
            .configure(routes)
    };
    listen(app, listener, workers.number)
}

/// Serves an application on a listener, with so many threads, until the handle stops it.
///
/// # Errors
/// When the listener cannot be used.
pub fn listen<F, I, S, B>(app: F, listener: TcpListener, workers: usize) -> io::Result<(Server, ServerHandle)>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig, Error = Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    S::Service: 'static,
    <S::Service as Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    let workers = workers.max(1);
    let address = listener.local_addr()?;
    let builder = Server::build()
        .workers(workers)
        .max_concurrent_connections(connections(workers))
        .shutdown_timeout(DRAIN_SECONDS)
        .disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    // Runs on each worker.
    let connection = move || {
        let stopping = stopping.clone();
        let application = app().into_factory().map_err(|error: Error| error.error_response());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(HEAD_TIMEOUT)
            .client_disconnect_timeout(DISCONNECT_TIMEOUT)
            // A client that closes its connection does not wait for its answer: the request is dropped, and its
            // statement is cancelled.
            .h1_allow_half_closed(false)
            .local_addr(address)
            .finish(map_config(application, |()| AppConfig::default()));
        let config = ServiceConfig::default();
        fn_service(move |socket: TcpStream| {
            let config = config.clone();
            async move {
                send_at_once(&socket);
                let peer = socket.peer_addr().ok();
                Ok::<_, DispatchError>((Wire::new(socket, config), Protocol::Http1, peer))
            }
        })
        .and_then(http)
    };
    let server = builder.listen("http", listener, connection)?.run();
    let handle = server.handle();
    Ok((server, handle))
}

/// Lets the socket send each piece of an answer when it is written. It would else keep the second piece of a streamed
/// answer until the client has acknowledged the first, which clients delay by 40 ms.
fn send_at_once(socket: &TcpStream) {
    if let Err(error) = socket.set_nodelay(true) {
        // The client has gone already, or answers are late; they are right.
        tracing::debug!("TCP_NODELAY cannot be set: {error}");
    }
}

/// How many connections each worker may have open. Without files for all of them the last ones would be taken from the
/// database and the HR systems, and then no caller would be served any more.
fn connections(workers: usize) -> usize {
    let wanted = (CONNECTIONS as u64).saturating_mul(workers as u64).saturating_add(OTHER_FILES);
    let limit = allow(wanted);
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

/// Raises the limit to what is wanted, or as far as the process may by itself, and returns the resulting limit. It is
/// never lowered.
///
/// Services are started with a soft limit of 1,024 for the sake of programs that use `select`, and with a hard one that
/// is far higher for those that do not.
pub(super) fn allow(wanted: u64) -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return wanted };
    let mut raised = wanted.min(hard);
    while raised > soft {
        if setrlimit(Resource::RLIMIT_NOFILE, raised, hard).is_ok() {
            return raised;
        }
        // macOS says that there is no hard limit and has one nevertheless.
        raised /= 2;
    }
    soft
}

/// Middleware for the whole application, inside of the request log, whose id it takes over.
pub async fn mark(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let logged = request.extensions().get::<RequestId>().map(|id| **id);
    let made = || request.app_data::<web::Data<State>>().map(|state| state.clock.row_id());
    let Some(id) = logged.or_else(made) else { return next.call(request).await };
    let mut response = CURRENT.scope(id, watched(next.call(request))).await?;
    // A UUID is visible ASCII, so there is always a value.
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(HEADER, value);
    }
    Ok(response)
}

#[cfg(test)]
mod open_files_tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_as_far_as_the_process_may_and_never_lowered() {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(allow(1), soft);
        let raised = (soft + 1).min(hard);
        assert_eq!(allow(raised), raised);
        assert_eq!(allow(1), raised);
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap(), (raised, hard));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn accepted_sockets_send_at_once() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (socket, _) = listener.accept().await.unwrap();
        assert!(!socket.nodelay().unwrap());
        send_at_once(&socket);
        assert!(socket.nodelay().unwrap());
    }

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
