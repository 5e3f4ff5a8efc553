//! Serves a simulated vendor on a socket: start, address, stop.

use std::io;
use std::net::{SocketAddr, TcpListener};

use actix_web::dev::ServerHandle;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer};
use tokio::task::JoinHandle;

/// A sandbox that is being served; stops when dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    handle: ServerHandle,
    server: JoinHandle<io::Result<()>>,
}

impl Running {
    /// Serves `routes` on `listener` in threads of its own until stopped. Several can run in one process. To be called
    /// within a tokio runtime of any kind.
    pub(super) fn start<R>(listener: TcpListener, routes: R) -> io::Result<Self>
    where
        R: Fn(&mut ServiceConfig) + Clone + Send + 'static,
    {
        let address = listener.local_addr()?;
        let server = HttpServer::new(move || App::new().configure(routes.clone()))
            .workers(2)
            .disable_signals()
            .shutdown_timeout(1)
            .listen(listener)?
            .run();
        let handle = server.handle();
        Ok(Self { address, handle, server: tokio::spawn(server) })
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL without a path, as a connection's settings want it.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops at once, also in the middle of answers, and returns when the socket is closed.
    pub async fn stop(mut self) {
        self.handle.stop(false).await;
        // The server is ending already; how it ended is of no interest any more.
        drop((&mut self.server).await);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The command is sent by the call itself; only waiting for its end would need the future.
        drop(self.handle.stop(false));
    }
}
