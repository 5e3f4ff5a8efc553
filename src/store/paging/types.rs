//! Requests for pages, positions in lists, and pages.

use chrono::{DateTime, Utc};
use diesel::result::QueryResult;
use diesel_async::{AnsiTransactionManager, AsyncPgConnection, TransactionManager};
use uuid::Uuid;

/// Cuts what was read to `count`. Whether there was more.
pub(crate) fn cut<T>(read: &mut Vec<T>, count: i64) -> bool {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let more = read.len() > count;
    read.truncate(count);
    more
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// Behind this position.
    After(Position),
    /// Behind so many.
    Skip(i64),
}

/// A position behind which the requested page may have to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SavedPosition {
    pub(super) walk: i64,
    pub(crate) place: Position,
    /// Whether the pages before it began at index 1.
    pub(super) is_rooted: bool,
    /// Whether a client may be waiting that has not been served from here.
    pub(super) is_waiting: bool,
    pub(super) started_at: DateTime<Utc>,
    /// When the walk reached the end of the list.
    pub(super) finished_at: Option<DateTime<Utc>>,
    pub(super) remaining: Option<Remaining>,
}

impl SavedPosition {
    /// Whether a client that reads from index 1 may still need it.
    pub(super) fn is_live(&self) -> bool {
        self.is_rooted && self.finished_at.is_none()
    }
}

/// How many resources follow a place, as of a number of the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Remaining {
    pub(crate) count: i64,
    pub(crate) through: i64,
}

/// Where a page by index begins, and which walk it continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageStart {
    pub(crate) begin: Begin,
    /// How many resources follow, if that was counted already.
    pub(crate) remaining: Option<i64>,
    /// What was saved with the position.
    pub(crate) saved: Option<Remaining>,
    pub(super) continues: Option<Continued>,
    /// Other walks in which a client may wait at the same index.
    pub(super) waiting_in: Vec<i64>,
    pub(super) is_rooted: bool,
    /// Whether the end of the list may be taken for the end of the walk.
    pub(super) can_finish: bool,
}

/// The position that a page uses up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Continued {
    pub(super) walk: i64,
    pub(super) place: Position,
}

impl PageStart {
    /// A page that continues no walk.
    pub(crate) fn new(begin: Begin) -> Self {
        let is_rooted = begin == Begin::Skip(0);
        Self {
            begin,
            remaining: None,
            saved: None,
            continues: None,
            waiting_in: Vec::new(),
            is_rooted,
            can_finish: true,
        }
    }
}

/// A request for a page.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest<'a> {
    /// Whose walk it is: the consumer, whichever of its tokens it uses.
    pub caller: Uuid,
    /// Digest of what is being listed; a walk goes on only with the same.
    pub query: &'a [u8],
    pub start: Start<'a>,
    /// At most this many people; 0 asks for the total alone.
    pub count: i64,
    pub now: DateTime<Utc>,
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start<'a> {
    /// At this index, from 1.
    Index(i64),
    /// At this index, for a HEAD request: nothing is saved and no saved position is used up.
    Look(i64),
    /// Behind this place, or at the beginning. Nothing is saved of such a walk: its caller keeps the place.
    Behind(Option<&'a Position>),
}

/// The position of a resource in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// By what the list is sorted, if it is, and if there is a value.
    pub key: Option<String>,
    pub position: i64,
}

/// Some of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// How many are listed, on whichever page.
    pub total: i64,
    /// The place of the last one on this page. Only if it was asked for by place, and there are more.
    pub next: Option<Position>,
}

impl<T> Page<T> {
    pub(crate) fn empty(total: i64) -> Self {
        Self { items: Vec::new(), total, next: None }
    }
}

impl PageRequest<'_> {
    /// The requested index, from 1, if the page is asked for by index.
    pub(crate) fn index(&self) -> Option<i64> {
        match self.start {
            Start::Index(index) | Start::Look(index) => Some(index),
            Start::Behind(_) => None,
        }
    }

    /// The requested index, if what the page continues and where it ends is to be saved.
    pub(crate) fn saved_index(&self) -> Option<i64> {
        match self.start {
            Start::Index(index) => Some(index),
            Start::Look(_) | Start::Behind(_) => None,
        }
    }
}

/// Where a page ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Of the last one on it.
    pub(crate) place: Position,
    /// How many are on it.
    pub(crate) length: usize,
    /// Whether there are more behind it.
    pub(crate) goes_on: bool,
}

impl End {
    /// Where this page ended, if anybody is on it.
    pub(crate) fn of<T>(page: &[T], goes_on: bool, place: impl FnOnce(&T) -> Position) -> Option<Self> {
        page.last().map(|last| Self { place: place(last), length: page.len(), goes_on })
    }
}

/// Runs statements that read in one snapshot of the database.
pub(crate) async fn snapshot<T>(
    conn: &mut AsyncPgConnection,
    read: impl AsyncFnOnce(&mut AsyncPgConnection) -> QueryResult<T>,
) -> QueryResult<T> {
    const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    AnsiTransactionManager::begin_transaction_sql(conn, BEGIN).await?;
    match read(conn).await {
        Ok(read) => {
            AnsiTransactionManager::commit_transaction(conn).await?;
            Ok(read)
        }
        Err(error) => {
            AnsiTransactionManager::rollback_transaction(conn).await?;
            Err(error)
        }
    }
}

/// A page that was read, before anything is saved of it.
pub(crate) struct Read<T> {
    pub(crate) start: PageStart,
    /// The resources with their places.
    pub(crate) items: Vec<(Position, T)>,
    /// `totalResults`.
    pub(crate) total: i64,
    /// Whether there are more behind them.
    pub(crate) goes_on: bool,
    /// How many resources are behind them, as of a number of the feed.
    pub(crate) remaining: Option<Remaining>,
}

/// `totalResults` of a page by index: `counted` resources are behind the place where the page begins, `length` of them
/// on the page. The counts of a page that was read in several snapshots may differ; a client that stops at this number
/// still reads all that follows.
pub(crate) fn total_results(index: i64, length: usize, goes_on: bool, counted: i64) -> i64 {
    let before = index.saturating_sub(1);
    let on_page = i64::try_from(length).unwrap_or(i64::MAX);
    let following = if goes_on { counted.max(on_page.saturating_add(1)) } else { on_page };
    before.saturating_add(following)
}
