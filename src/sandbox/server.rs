//! A sandbox on a socket: start, address, stop.

use std::io;
use std::net::{SocketAddr, TcpListener};

use actix_web::dev::ServerHandle;
use actix_web::web::{Data, ServiceConfig, route};
use actix_web::{App, HttpServer};
use tokio::task::JoinHandle;

use super::{Sandbox, control, front};

impl Sandbox {
    /// Adds the vendor's surface and the control endpoint to an application.
    pub fn routes(&self, services: &mut ServiceConfig) {
        services
            .app_data(Data::new(self.clone()))
            .service(control::scope())
            .route("/v1/{tail:.*}", route().to(front::answer))
            .route("/v2/{tail:.*}", route().to(front::answer));
    }

    /// Serves on `listener` in threads of its own until stopped. Several can run in one process. Call it within a tokio
    /// runtime of any kind.
    ///
    /// # Errors
    /// When the socket cannot be used.
    pub fn serve(&self, listener: TcpListener) -> io::Result<Running> {
        let address = listener.local_addr()?;
        let sandbox = self.clone();
        let server = HttpServer::new(move || App::new().configure(|services| sandbox.routes(services)))
            .workers(2)
            .disable_signals()
            .shutdown_timeout(1)
            .listen(listener)?
            .run();
        let handle = server.handle();
        Ok(Running { address, handle, server: tokio::spawn(server) })
    }
}

/// A sandbox that is being served; stops when dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    handle: ServerHandle,
    server: JoinHandle<io::Result<()>>,
}

impl Running {
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
        // The server has been told to end; how it ended is of no interest any more.
        drop((&mut self.server).await);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The command is sent by the call itself; only waiting for its end would need the future.
        drop(self.handle.stop(false));
    }
}
