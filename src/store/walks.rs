//! Paging of people by index, without `OFFSET` over people.
//!
//! Index paging is what Okta reads by, and it takes a missing person for a deleted one. So a sequential walk goes on by
//! key: it is remembered at which position a page ended, and the caller who asks for the next
//! index within an hour, of whichever node, continues behind that position; nobody who is added, changed or removed
//! meanwhile moves anybody else (story 23, R-102). Any other index is found by live counts of people per block of
//! 1,024 positions, and a step within the block; under a condition, by counting those who satisfy it.
//!
//! A place serves for one page, and for three minutes more, if its answer got lost; so long too, if it is at the end of the
//! list. Then, or when a walk begins anew, the same index is a jump, so that pages of a data set that stands still add up, in whatever order they are asked for.
//! Two walks of one consumer with the same query share what is remembered. If both are about to go on at one index, the
//! earlier place counts, except in lists that are sorted: there it is the later page's.

mod index;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join;
use uuid::Uuid;

use super::keys::{self, ListError};
use super::matched::{Begin, Matched};
use super::people::{Listed, Shown, listed, selected, whole};
use super::released_totals::ReleasedTotal;
use super::schema::people;
use super::scim_filter::Condition;
use super::sort::Sort;
use super::sorted::Sorted;
use super::view::View;
use index::{Beginning, Given, Mark, PeopleTotal, Remember};

/// How long a walk is remembered after its last page.
const REMEMBERED: TimeDelta = TimeDelta::hours(1);

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
    /// Behind this place, or at the beginning. Nothing is remembered of such a walk: its caller keeps the place.
    Behind(Option<&'a Place>),
}

/// The place of somebody in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
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
    pub next: Option<Place>,
}

impl<T> Page<T> {
    pub(super) fn empty(total: i64) -> Self {
        Self { items: Vec::new(), total, next: None }
    }
}

impl PageRequest<'_> {
    /// How many to read: one more than asked for, to know whether there are more.
    pub(super) fn limit(&self) -> i64 {
        self.count.saturating_add(1)
    }

    /// Cuts what was read to what was asked for. Whether there is more behind it.
    pub(super) fn cut<T>(&self, read: &mut Vec<T>) -> bool {
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);
        let more = read.len() > count;
        read.truncate(count);
        more
    }
}

/// Where a page ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// Of the last one on it.
    pub(super) place: Place,
    /// How many are on it.
    pub(super) length: usize,
    /// Whether there are more behind it.
    pub(super) goes_on: bool,
}

impl End {
    /// Where this page ended, if anybody is on it.
    pub(super) fn of<T>(page: &[T], goes_on: bool, place: impl FnOnce(&T) -> Place) -> Option<Self> {
        page.last().map(|last| Self { place: place(last), length: page.len(), goes_on })
    }
}

/// A page of all people whom a view has, or of those of them who satisfy a condition, in the order of lists or sorted.
/// Where a page by index ended is remembered, so that the walk can go on.
///
/// # Errors
/// [`ListError::Unkeyed`] as long as nobody can say who satisfies the condition.
pub async fn page(
    conn: &mut AsyncPgConnection,
    view: &View,
    request: &PageRequest<'_>,
    condition: Option<&Condition>,
    sort: Option<&Sort>,
) -> Result<Page<Shown>, ListError> {
    let Listing { items, total, goes_on } = listing(conn, view, request, condition, sort).await?;
    let end = End::of(&items, goes_on, |(place, _)| place.clone());
    let next = go_on(conn, request, end).await?;
    Ok(Page { items: items.into_iter().filter_map(|(_, person)| person).collect(), total, next })
}

/// A page before anything is remembered of it.
pub(super) struct Listing {
    /// The places on the page, and who stands there. Whoever has changed since they were found, and does not satisfy the
    /// condition any more, is not there; the walk goes on behind their place all the same.
    pub(super) items: Vec<(Place, Option<Shown>)>,
    pub(super) total: i64,
    /// Whether there are more behind them.
    pub(super) goes_on: bool,
}

impl Listing {
    fn of(people: Vec<Shown>, total: i64, goes_on: bool) -> Self {
        let place = |person: &Shown| Place { key: None, position: person.position };
        Self { items: people.into_iter().map(|person| (place(&person), Some(person))).collect(), total, goes_on }
    }
}

/// As [`page`], with the places.
pub(super) async fn listing(
    conn: &mut AsyncPgConnection,
    view: &View,
    request: &PageRequest<'_>,
    condition: Option<&Condition>,
    sort: Option<&Sort>,
) -> Result<Listing, ListError> {
    let all = narrowed(condition, view);
    let sort = sort.filter(|_| request.count > 0);
    // Whom the view has is found on the way: as far as the page goes, not among everybody.
    let is_walked = condition.is_none_or(Condition::is_walked);
    match (&all, sort) {
        (Some(all), None) if all.is_selective() => few(conn, view, request, all).await,
        (all, None) if is_walked => in_order(conn, view, request, condition, all.as_ref()).await,
        (all, sort) => {
            let begin = begin(conn, request).await?;
            let behind = match &begin {
                Begin::After(place) => Some(Some(place)),
                Begin::Skip(0) => Some(None),
                Begin::Skip(_) => None,
            };
            match (sort.and_then(Sorted::by), behind) {
                (Some(sorted), Some(behind)) if is_walked => {
                    in_sorted_order(conn, view, request, condition, all.as_ref(), sorted, behind).await
                }
                _ => matched(conn, view, request, all.as_ref(), sort, &begin).await,
            }
        }
    }
}

/// People who are found best in an order that an index has, from a place on.
async fn in_sorted_order(
    conn: &mut AsyncPgConnection,
    view: &View,
    request: &PageRequest<'_>,
    condition: Option<&Condition>,
    all: Option<&Condition>,
    sorted: Sorted<'_>,
    behind: Option<&Place>,
) -> Result<Listing, ListError> {
    // The keys are what it is sorted by.
    keys::check(conn).await?;
    let total = total_of(conn, view, condition, all).await?;
    let mut places = sorted.places(conn, all, behind, request.limit()).await?;
    let goes_on = request.cut(&mut places);
    Ok(Listing { items: standing_at(conn, view, all, places).await?, total, goes_on })
}

/// People who are found best in the order of lists: everybody whom the view has, or those who satisfy such a condition.
async fn in_order(
    conn: &mut AsyncPgConnection,
    view: &View,
    request: &PageRequest<'_>,
    condition: Option<&Condition>,
    all: Option<&Condition>,
) -> Result<Listing, ListError> {
    // Whether it can be said whom the view has was asked before.
    if condition.is_some_and(Condition::reads_keys) {
        keys::check(conn).await?;
    }
    if request.count == 0 {
        return Ok(Listing::of(Vec::new(), total_of(conn, view, condition, all).await?, false));
    }
    let mut query = listed!().order(people::position).limit(request.limit()).into_boxed();
    if let Some(all) = all {
        query = query.filter(all);
    }
    match request.start {
        Start::Index(1) | Start::Behind(None) => {}
        Start::Index(index) => {
            let begin = Beginning { mark: Mark { request, index }, condition: all };
            query = query.filter(people::position.nullable().ge(begin));
        }
        Start::Behind(Some(place)) => query = query.filter(people::position.gt(place.position)),
    }
    // Two statements, one round trip.
    let total = total_of(conn, view, condition, all);
    let (people, total) = try_join(query.load::<Listed>(&mut &*conn), total).await?;
    let mut people = people;
    let goes_on = request.cut(&mut people);
    Ok(Listing::of(whole(conn, people, view).await?, total, goes_on))
}

/// How many people there are: kept, not counted, unless there is a condition, or nobody has counted yet whom the view
/// has.
async fn total_of(
    mut conn: &AsyncPgConnection,
    view: &View,
    condition: Option<&Condition>,
    all: Option<&Condition>,
) -> QueryResult<i64> {
    if condition.is_none()
        && let Some(policy) = view.policy()
        && let Some(total) = ReleasedTotal(policy).get_result(&mut conn).await.optional()?
    {
        return Ok(total);
    }
    counted(conn, all).await
}

/// How many people satisfy a condition. Without one the number is kept.
async fn counted(mut conn: &AsyncPgConnection, condition: Option<&Condition>) -> QueryResult<i64> {
    match condition {
        None => PeopleTotal.get_result(&mut conn).await,
        Some(condition) => people::table.filter(condition).count().get_result(&mut conn).await,
    }
}

/// The place where the caller goes on, or else it is remembered.
pub(super) async fn go_on(
    conn: &mut AsyncPgConnection,
    request: &PageRequest<'_>,
    end: Option<End>,
) -> QueryResult<Option<Place>> {
    let index = match request.start {
        Start::Behind(_) => return Ok(end.filter(|end| end.goes_on).map(|end| end.place)),
        Start::Index(index) => index,
    };
    match end {
        // All of it in one page, as most questions have it, is no walk.
        Some(End { goes_on: false, .. }) if index == 1 => {}
        Some(End { place, length, goes_on }) => {
            let next_start_index = index.saturating_add(i64::try_from(length).unwrap_or(i64::MAX));
            Remember { given: Given { request, index }, next_start_index, last: &place, goes_on }.execute(conn).await?;
        }
        None if index > 1 && request.count > 0 => {
            Given { request, index }.execute(conn).await?;
        }
        None => {}
    }
    Ok(None)
}

/// Where a page begins, by place or by how many come before it.
pub(super) async fn begin(conn: &mut AsyncPgConnection, request: &PageRequest<'_>) -> QueryResult<Begin> {
    Ok(match request.start {
        Start::Index(1) | Start::Behind(None) => Begin::Skip(0),
        Start::Behind(Some(place)) => Begin::After(place.clone()),
        Start::Index(index) => {
            let found: Option<(i64, Option<String>)> = Mark { request, index }.get_result(conn).await.optional()?;
            match found {
                Some((position, key)) => Begin::After(Place { key, position }),
                None => Begin::Skip(index.saturating_sub(1)),
            }
        }
    })
}

/// People who are found first, and put in order then.
async fn matched(
    conn: &mut AsyncPgConnection,
    view: &View,
    request: &PageRequest<'_>,
    condition: Option<&Condition>,
    sort: Option<&Sort>,
    begin: &Begin,
) -> Result<Listing, ListError> {
    let limit = if request.count == 0 { 0 } else { request.limit() };
    let question = Matched { condition, sort, descending: sort.is_some_and(|sort| sort.descending), begin, limit };
    let (total, mut places) = found(conn, &question).await?;
    let goes_on = request.count > 0 && request.cut(&mut places);
    Ok(Listing { items: standing_at(conn, view, condition, places).await?, total, goes_on })
}

/// How many satisfy a condition, and the places of those on the page.
async fn found(conn: &mut AsyncPgConnection, question: &Matched<'_>) -> Result<(i64, Vec<Place>), ListError> {
    let (total, positions, keys, is_unkeyed): (i64, Vec<i64>, Vec<Option<String>>, bool) =
        question.get_result(conn).await?;
    if is_unkeyed
        && (question.condition.is_some_and(Condition::reads_keys) || question.sort.is_some_and(Sort::reads_keys))
    {
        return Err(ListError::Unkeyed);
    }
    let keys = keys.into_iter().chain(std::iter::repeat(None));
    Ok((total, positions.into_iter().zip(keys).map(|(position, key)| Place { key, position }).collect()))
}

/// Who stands at these places; nobody where somebody has changed in between and does not satisfy the condition any more.
async fn standing_at(
    conn: &mut AsyncPgConnection,
    view: &View,
    condition: Option<&Condition>,
    places: Vec<Place>,
) -> QueryResult<Vec<(Place, Option<Shown>)>> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let positions: Vec<i64> = places.iter().map(|place| place.position).collect();
    let query = listed!().filter(people::position.eq_any(positions)).into_boxed();
    let people: Vec<Listed> = match condition {
        Some(condition) => query.filter(condition).load(conn).await?,
        None => query.load(conn).await?,
    };
    let people = whole(conn, people, view).await?;
    let mut people: BTreeMap<i64, Shown> = people.into_iter().map(|person| (person.position, person)).collect();
    Ok(places
        .into_iter()
        .map(|place| {
            let person = people.remove(&place.position);
            (place, person)
        })
        .collect())
}

/// What is asked for with [`places`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Places<'a> {
    pub(super) condition: Option<&'a Condition>,
    /// Without one, nobody has a value.
    pub(super) sort: Option<&'a Sort>,
    pub(super) descending: bool,
    pub(super) begin: &'a Begin,
    pub(super) limit: i64,
}

/// The places of people in a sorted list, and how many there are in all.
pub(super) async fn places(
    conn: &mut AsyncPgConnection,
    view: &View,
    asked: &Places<'_>,
) -> Result<(i64, Vec<Place>), ListError> {
    let condition = narrowed(asked.condition, view);
    let Places { sort, descending, begin, limit, .. } = *asked;
    found(conn, &Matched { condition: condition.as_ref(), sort, descending, begin, limit }).await
}

/// Who stands at these places, if they satisfy the condition.
pub(super) async fn at(
    conn: &mut AsyncPgConnection,
    view: &View,
    condition: Option<&Condition>,
    places: Vec<Place>,
) -> QueryResult<Vec<(Place, Option<Shown>)>> {
    standing_at(conn, view, narrowed(condition, view).as_ref(), places).await
}

/// What has to hold of people whom a view has.
fn narrowed(condition: Option<&Condition>, view: &View) -> Option<Condition> {
    match (condition, view.people()) {
        (Some(condition), Some(seen)) => Some(condition.clone().and(seen.clone())),
        (condition, seen) => condition.or(seen).cloned(),
    }
}

/// How many people there are: kept, not counted.
pub async fn total(conn: &mut AsyncPgConnection) -> QueryResult<i64> {
    counted(conn, None).await
}

/// Forgets walks that were not continued within the hour. Waits for nobody who is walking: those are left for later.
pub async fn forget(conn: &mut AsyncPgConnection, now: DateTime<Utc>) -> QueryResult<usize> {
    diesel::sql_query(
        "DELETE FROM index_walks WHERE (caller, query, next_start_index) IN (
             SELECT caller, query, next_start_index FROM index_walks WHERE at < $1 FOR UPDATE SKIP LOCKED)",
    )
    .bind::<Timestamptz, _>(now - REMEMBERED)
    .execute(conn)
    .await
}

/// Only a handful of people can satisfy the condition: all of them are read.
async fn few(
    conn: &mut AsyncPgConnection,
    view: &View,
    request: &PageRequest<'_>,
    condition: &Condition,
) -> Result<Listing, ListError> {
    let (all, is_unkeyed) = if condition.reads_keys() {
        try_join(selected(&*conn, condition, view), keys::is_missing(&*conn)).await?
    } else {
        (selected(&*conn, condition, view).await?, false)
    };
    if is_unkeyed {
        return Err(ListError::Unkeyed);
    }
    let total = i64::try_from(all.len()).unwrap_or(i64::MAX);
    let (skip, after) = match begin(conn, request).await? {
        Begin::Skip(skip) => (usize::try_from(skip).unwrap_or(usize::MAX), 0),
        Begin::After(place) => (0, place.position),
    };
    let count = usize::try_from(request.count).unwrap_or(usize::MAX);
    let mut rest = all.into_iter().filter(|person| person.position > after).skip(skip);
    let people: Vec<Shown> = rest.by_ref().take(count).collect();
    let goes_on = !people.is_empty() && rest.next().is_some();
    Ok(Listing::of(people, total, goes_on))
}
