//! A pooled connection that leaves no statement behind: when the future that uses it is dropped halfway, the statement
//! is cancelled in Postgres and the connection is closed.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

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
    pub(crate) fn new(object: Object<AsyncPgConnection>, source: Arc<DatabaseSource>) -> Self {
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

/// Reads use a connection to a read-only server for this long, so that each of them does not open one.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);
/// After a sighting, writes that can be left out are not tried for this long.
const ASSUMED: Duration = Duration::from_secs(2);

/// When the database was last seen to be read-only; shared by all connections to it.
#[derive(Debug)]
pub(crate) struct ReadOnly {
    start: Instant,
    /// Milliseconds after `start`, plus one; zero for never.
    seen: AtomicU64,
}

impl Default for ReadOnly {
    fn default() -> Self {
        Self { start: Instant::now(), seen: AtomicU64::new(0) }
    }
}

impl ReadOnly {
    /// Notes that the database takes no writes now.
    pub(crate) fn note(&self) {
        let elapsed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.seen.store(elapsed + 1, Ordering::Relaxed);
    }

    /// When it was seen last.
    fn last(&self) -> Option<Instant> {
        let seen = self.seen.load(Ordering::Relaxed).checked_sub(1)?;
        self.start.checked_add(Duration::from_millis(seen))
    }

    /// Whether a connection that was opened at an instant is to be given up, by a lane with this patience.
    pub(crate) fn gives_up(&self, opened: Instant, now: Instant, patience: Duration) -> bool {
        let before = |seen: Instant| opened < seen + PATIENCE;
        self.last().is_some_and(before) && now.saturating_duration_since(opened) >= patience
    }

    /// Whether the database is assumed to be read-only still.
    pub(crate) fn is_assumed(&self) -> bool {
        self.last().is_some_and(|seen| seen.elapsed() < ASSUMED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_before_a_sighting_are_given_up_and_later_ones_are_kept() {
        let state = ReadOnly::default();
        let opened = Instant::now();
        assert!(!state.gives_up(opened, opened + Duration::from_hours(1), PATIENCE), "never seen read-only");
        assert!(!state.is_assumed());
        state.note();
        assert!(state.is_assumed());
        assert!(!state.gives_up(opened, opened, PATIENCE), "it serves reads for a moment");
        assert!(state.gives_up(opened, opened, Duration::ZERO), "writes need another at once");
        assert!(state.gives_up(opened, opened + PATIENCE, PATIENCE));
        let later = Instant::now() + PATIENCE;
        assert!(!state.gives_up(later, later + Duration::from_hours(1), Duration::ZERO), "opened after the fail-over");
    }
}
