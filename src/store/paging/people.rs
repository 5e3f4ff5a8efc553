//! Paging of people by index and by place, without `OFFSET` over people.
//!
//! Okta pages by `startIndex` and treats a missing user as deleted. The server therefore saves where each page ended, for
//! an hour and all nodes, and serves the next index with a keyset query, so that changes cannot shift rows (story 23,
//! R-102, docs/decisions/0014). Any other index is found by live counts of people per block of 1,024 positions, and a
//! step within the block; under a condition, by counting those who satisfy it.
//!
//! `totalResults` of a page that continues from a saved position is `startIndex` − 1 + the number of matches behind that
//! position. A page behind which there are more never says that it was the last one, even if people leave in between.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AnsiTransactionManager, AsyncPgConnection, RunQueryDsl, TransactionManager};
use uuid::Uuid;

use super::filtered::Matched;
use super::index::PeopleTotal;
pub(crate) use super::people_list::{PeopleList, cut};
pub use super::resume::forget;
use super::resume::{Counting, PageStart, Remaining, Resume};
use crate::store::db::schema::people;
use crate::store::filter::sort::Sort;
use crate::store::filter::users::Condition;
use crate::store::people::{ListedPerson, PersonDocument, listed, whole};
use crate::store::visibility::Visibility;

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

/// The place of somebody in a list.
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

/// A page of all people whom a view has, or of those of them who satisfy a condition, in the order of lists or sorted.
/// Where a page by index ended is saved, so that the next index continues behind it.
pub async fn page(
    conn: &mut AsyncPgConnection,
    visibility: &Visibility,
    request: &PageRequest<'_>,
    condition: Option<&Condition>,
    sort: Option<&Sort>,
) -> QueryResult<Page<PersonDocument>> {
    let list = PeopleList::new(visibility, condition, sort.filter(|_| request.count > 0));
    if request.count == 0 {
        return Ok(Page::empty(list.total(conn).await?));
    }
    let resume = Resume::load(conn, request).await?;
    let read = if request.index().is_some_and(|index| index > 1) || list.reads_twice() {
        // One snapshot for all statements: nobody leaves between the count and the page.
        snapshot(conn, async |conn| list.page(conn, request, &resume).await).await?
    } else {
        list.page(conn, request, &resume).await?
    };
    let next = save(conn, request, &read).await;
    let items = read.items.into_iter().filter_map(|(_, person)| person).collect();
    Ok(Page { items, total: read.total, next })
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

/// Saves where a page by index ended. Answers with the place where a walk by place goes on.
pub(crate) async fn save<T>(
    conn: &mut AsyncPgConnection,
    request: &PageRequest<'_>,
    read: &Read<T>,
) -> Option<Position> {
    let end = End::of(&read.items, read.goes_on, |(place, _)| place.clone());
    if request.index().is_none() {
        return end.filter(|end| end.goes_on).map(|end| end.place);
    }
    super::resume::save(conn, request, &read.start, end.as_ref(), read.remaining).await;
    None
}

/// `totalResults` of a page by index: `counted` resources are behind the place where the page begins, `length` of them on
/// the page. The counts of a page that was read in several snapshots may differ; a client that stops at this number
/// still reads all that follows.
pub(crate) fn total_results(index: i64, length: usize, goes_on: bool, counted: i64) -> i64 {
    let before = index.saturating_sub(1);
    let on_page = i64::try_from(length).unwrap_or(i64::MAX);
    let following = if goes_on { counted.max(on_page.saturating_add(1)) } else { on_page };
    before.saturating_add(following)
}

/// How many satisfy a condition, how many of them are behind the place where the page begins, and the places on the page.
pub(crate) async fn found(
    conn: &mut AsyncPgConnection,
    question: &Matched<'_>,
) -> QueryResult<(i64, i64, Vec<Position>)> {
    let (total, following, positions, keys): (i64, i64, Vec<i64>, Vec<Option<String>>) =
        question.get_result(conn).await?;
    let keys = keys.into_iter().chain(std::iter::repeat(None));
    let places = positions.into_iter().zip(keys).map(|(position, key)| Position { key, position }).collect();
    Ok((total, following, places))
}

/// Who stands at these places; nobody where somebody has changed in between and does not satisfy the condition any more.
pub(crate) async fn standing_at(
    conn: &mut AsyncPgConnection,
    visibility: &Visibility,
    condition: Option<&Condition>,
    places: Vec<Position>,
) -> QueryResult<Vec<(Position, Option<PersonDocument>)>> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let positions: Vec<i64> = places.iter().map(|place| place.position).collect();
    let query = listed!().filter(people::position.eq_any(positions)).into_boxed();
    let people: Vec<ListedPerson> = match condition {
        Some(condition) => query.filter(condition).load(conn).await?,
        None => query.load(conn).await?,
    };
    let people = whole(conn, people, visibility).await?;
    let mut people: BTreeMap<i64, PersonDocument> =
        people.into_iter().map(|person| (person.position, person)).collect();
    Ok(places
        .into_iter()
        .map(|place| {
            let person = people.remove(&place.position);
            (place, person)
        })
        .collect())
}

/// What has to hold of people whom a view has.
pub(super) fn narrowed(condition: Option<&Condition>, visibility: &Visibility) -> Option<Condition> {
    match (condition, visibility.people()) {
        (Some(condition), Some(seen)) => Some(condition.clone().and(seen.clone())),
        (condition, seen) => condition.or(seen).cloned(),
    }
}

/// How many people there are: kept, not counted.
pub async fn total(conn: &mut AsyncPgConnection) -> QueryResult<i64> {
    PeopleTotal.get_result(conn).await
}
