//! A pooled connection that leaves no statement behind: when the future that uses it is dropped halfway, the statement
//! is cancelled in Postgres and the connection is closed.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::deadpool::Object;
use pin_project_lite::pin_project;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_postgres::{CancelToken, NoTls};

use super::source::DatabaseSource;

/// How long Postgres may take to accept a request to cancel.
const CANCEL: Duration = Duration::from_secs(5);

/// Statements that were cancelled because their caller had gone, since the process started.
static CANCELLED: AtomicU64 = AtomicU64::new(0);

/// How many statements were cancelled because their caller had gone, since the process started.
#[must_use]
pub fn cancelled() -> u64 {
    CANCELLED.load(Ordering::Relaxed)
}

thread_local! {
    /// Whether a [`Watched`] future of this thread is being dropped before its end.
    static ABANDONED: Cell<bool> = const { Cell::new(false) };
}

pin_project! {
    /// A future whose connections are cleaned up if it is dropped before its end; see [`watched`].
    pub struct Watched<F> {
        #[pin]
        inner: Option<F>,
    }

    impl<F> PinnedDrop for Watched<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.inner.is_some() {
                let before = ABANDONED.replace(true);
                this.inner.set(None);
                ABANDONED.set(before);
            }
        }
    }
}

/// Watches a future that uses connections: if it is dropped before its end, as when the client has gone or a time limit
/// has passed, the statements that it waits for are cancelled.
pub fn watched<F: Future>(future: F) -> Watched<F> {
    Watched { inner: Some(future) }
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Pending };
        let polled = inner.poll(context);
        if polled.is_ready() {
            this.inner.set(None);
        }
        polled
    }
}

/// A connection of a pool; goes back to it when dropped.
pub struct Connection {
    /// Taken when dropped.
    object: Option<Object<AsyncPgConnection>>,
    source: Arc<DatabaseSource>,
    /// The share of its caller, given back when no statement runs any more.
    permit: Option<OwnedSemaphorePermit>,
}

impl Connection {
    pub(super) fn new(object: Object<AsyncPgConnection>, source: Arc<DatabaseSource>) -> Self {
        Self { object: Some(object), source, permit: None }
    }

    /// Holds a caller's permit for as long as a statement can run on this connection.
    #[must_use]
    pub fn with_permit(self, permit: OwnedSemaphorePermit) -> Self {
        let mut held = self;
        held.permit = Some(permit);
        held
    }
}

impl Deref for Connection {
    type Target = AsyncPgConnection;

    fn deref(&self) -> &AsyncPgConnection {
        self.object.as_deref().expect("the object is there until the drop")
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut AsyncPgConnection {
        self.object.as_deref_mut().expect("the object is there until the drop")
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(object) = self.object.take() else { return };
        if !ABANDONED.get() {
            return;
        }
        // The object keeps its place in the pool until the statement has ended, so that no limit is passed.
        let (source, permit) = (Arc::clone(&self.source), self.permit.take());
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move {
                source.cancel(object.cancel_token()).await;
                // Closed and not reused: a late cancellation would hit the next statement.
                drop(Object::take(object));
                drop(permit);
            })),
            Err(_) => drop(Object::take(object)),
        }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("source", &self.source).finish_non_exhaustive()
    }
}

impl DatabaseSource {
    /// Asks Postgres to end the statement of a connection. What fails is left to the statement's time limit.
    async fn cancel(&self, token: CancelToken) {
        CANCELLED.fetch_add(1, Ordering::Relaxed);
        let asked = async {
            match self.tls.connector.clone() {
                None => token.cancel_query(NoTls).await,
                Some(tls) => token.cancel_query(tls).await,
            }
        };
        match timeout(CANCEL, asked).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!("a statement could not be cancelled: {error}"),
            Err(_) => tracing::debug!("a statement could not be cancelled within {} s", CANCEL.as_secs()),
        }
    }
}
