//! Repairs the bytes of a connection before the HTTP parser reads them. Request targets are percent-encoded where a
//! client forgot to, and what is not HTTP is replaced by a request that is answered like any other.
//!
//! curl, Python and Node send targets as they are given, with `"` and `<` in them. The parser refuses those with an
//! empty 400 that has no request id, and logs an error.
//!
//! ```text
//! socket ─bytes─► reader ─requests as the parser takes them─► parser ─► application ─► socket
//! ```

mod line;
mod reader;

use std::fmt;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_http::ServiceConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use reader::Reader;

pub(super) use reader::{Malformation, REFUSED};

/// Bytes that are read from the socket at once.
const READ: usize = 8 * 1024;

/// How long an answer may take after the client has closed its sending side. A client that only half-closes gets the
/// answers that are ready by then; the work for one that has gone ends a moment later.
const GRACE: Duration = Duration::from_secs(1);

/// A connection of a client.
pub(super) struct Wire {
    socket: TcpStream,
    reader: Reader,
    /// Runs since the end of what the client sends.
    ending: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    /// `config` is shared by all connections of a worker.
    pub(super) fn new(socket: TcpStream, config: ServiceConfig) -> Self {
        Self { socket, reader: Reader::new(config), ending: None }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            let ready = this.reader.take(buf.remaining());
            if !ready.is_empty() {
                buf.put_slice(&ready);
                return Poll::Ready(Ok(()));
            }
            if buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            if this.reader.has_ended() {
                // The parser takes the end for a disconnect of the client, and drops the current request.
                #[expect(clippy::disallowed_methods, reason = "time on the network is not the directory's clock")]
                let ending = this.ending.get_or_insert_with(|| Box::pin(sleep(GRACE)));
                ready!(ending.as_mut().poll(cx));
                return Poll::Ready(Ok(()));
            }
            let mut bytes = [0; READ];
            let mut read = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut this.socket).poll_read(cx, &mut read))?;
            match read.filled() {
                [] => this.reader.end(),
                filled => this.reader.feed(filled),
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

/// Without the bytes.
impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("socket", &self.socket).finish_non_exhaustive()
    }
}
