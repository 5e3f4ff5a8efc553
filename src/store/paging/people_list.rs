//! A list of the visible people, narrowed by a filter, in the order of lists or sorted.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join;

use super::filtered::Matched;
use super::index::{Beginning, PeopleBehind, PeopleTotal};
use super::resume::{Counting, Resume};
use super::sorted::Sorted;
use super::types::{Begin, PageRequest, PageStart, Position, Read, Remaining, Start, cut, total_results};
use crate::store::changes::policy_totals::{ReleasedChange, ReleasedTotal};
use crate::store::db::schema::people;
use crate::store::filter::condition::Condition;
use crate::store::filter::sort::Sort;
use crate::store::people::{ListedPerson, PersonDocument, listed, selected, whole};
use crate::store::visibility::{PolicyKey, Visibility};

/// A list of people, and how its pages are found.
pub(crate) struct PeopleList<'a> {
    visibility: &'a Visibility,
    condition: Option<&'a Condition>,
    /// The condition and what the view narrows it to.
    all: Option<Condition>,
    sort: Option<&'a Sort>,
    /// Also of a list whose people have no value to be sorted by.
    descending: bool,
    order: Order<'a>,
}

/// How pages are found.
#[derive(Clone, Copy)]
enum Order<'a> {
    /// Only a handful of people can satisfy the condition: all of them are read.
    Few,
    /// Everybody is read in the order of lists until the page is full.
    Positions,
    /// An index has the order.
    Indexed(Sorted<'a>),
    /// Those who satisfy the condition are found first, and put in order then.
    Matched,
}

/// Some of a list, from a place on.
pub(crate) struct Part {
    /// The places, and who stands there. A person who has changed since the place was found, and does not satisfy the
    /// condition any more, is absent.
    pub(crate) items: Vec<(Position, Option<PersonDocument>)>,
    pub(crate) goes_on: bool,
    /// How many people are in the list, if that was found on the way.
    total: Option<i64>,
    /// How many of them are behind the beginning, if that was found on the way.
    following: Option<i64>,
}

impl<'a> PeopleList<'a> {
    pub(crate) fn new(visibility: &'a Visibility, condition: Option<&'a Condition>, sort: Option<&'a Sort>) -> Self {
        let all = narrowed(condition, visibility);
        // Visibility is checked while the page is read, not for all people before.
        let is_walked = condition.is_none_or(Condition::is_walked);
        let order = match (&all, sort) {
            (Some(all), None) if all.is_selective() => Order::Few,
            (_, None) if is_walked => Order::Positions,
            (_, Some(sort)) if is_walked => Sorted::by(sort).map_or(Order::Matched, Order::Indexed),
            _ => Order::Matched,
        };
        Self { visibility, condition, all, sort, descending: sort.is_some_and(|sort| sort.descending), order }
    }

    /// Part of a sorted list of several types: a type that lacks the attribute has the direction alone.
    pub(crate) fn sorted(
        visibility: &'a Visibility,
        condition: Option<&'a Condition>,
        sort: Option<&'a Sort>,
        descending: bool,
    ) -> Self {
        Self { visibility, condition, all: narrowed(condition, visibility), sort, descending, order: Order::Matched }
    }

    /// Whether a page takes several statements that have to agree.
    pub(crate) fn reads_twice(&self) -> bool {
        matches!(self.order, Order::Indexed(_) | Order::Matched)
    }

    /// A page as it was requested.
    pub(crate) async fn page(
        &self,
        conn: &mut AsyncPgConnection,
        request: &PageRequest<'_>,
        resume: &Resume,
    ) -> QueryResult<Read<Option<PersonDocument>>> {
        let start = match (request.start, request.index()) {
            (_, Some(index)) => resume.start(conn, index, self).await?,
            (Start::Behind(Some(place)), None) => PageStart::new(Begin::After(place.clone())),
            (Start::Behind(None) | Start::Index(_) | Start::Look(_), None) => PageStart::new(Begin::Skip(0)),
        };
        let continues = request.index().filter(|_| matches!(start.begin, Begin::After(_)));
        let part = self.part(conn, &start.begin, request.count, continues.is_none()).await?;
        let Part { items, goes_on, total, following } = part;
        let (total, following) = if let Some(index) = continues {
            let following = if goes_on {
                let counted = start.remaining.or(following);
                self.following(conn, &start, counted, resume).await?
            } else {
                0
            };
            (total_results(index, items.len(), goes_on, following), following)
        } else {
            let total = match total {
                Some(total) => total,
                None => self.total(conn).await?,
            };
            let before = match start.begin {
                Begin::Skip(skip) => skip,
                Begin::After(_) => 0,
            };
            let shown = i64::try_from(items.len()).unwrap_or(i64::MAX);
            let following = total.saturating_sub(before);
            let total = match request.index() {
                // People may have come or left since they were counted.
                Some(index) if shown > 0 => total_results(index, items.len(), goes_on, following),
                _ => total,
            };
            (total, following)
        };
        let remaining = if goes_on { self.remaining_behind(conn, &items, following, resume).await? } else { None };
        Ok(Read { start, items, total, goes_on, remaining })
    }

    /// How many people follow the saved position: counted on the way, saved with it, or counted now.
    async fn following(
        &self,
        conn: &mut AsyncPgConnection,
        start: &PageStart,
        counted: Option<i64>,
        resume: &Resume,
    ) -> QueryResult<i64> {
        let Begin::After(place) = &start.begin else { return self.total(conn).await };
        match (counted, start.saved) {
            (Some(counted), _) => Ok(counted),
            (None, Some(saved)) if resume.is_current(saved) => Ok(saved.count),
            (None, Some(saved)) => {
                let change: Option<i64> = match self.kept_for() {
                    Some(policy) => {
                        let change = ReleasedChange { policy, saved: saved.through, behind: place.position };
                        change.get_result(conn).await.optional()?
                    }
                    None => None,
                };
                match change {
                    Some(change) => Ok(saved.count.saturating_add(change)),
                    None => self.remaining(conn, place).await,
                }
            }
            (None, None) => self.remaining(conn, place).await,
        }
    }

    /// How many people are behind the page, as of the number of the feed that was found with the saved positions.
    async fn remaining_behind(
        &self,
        conn: &mut AsyncPgConnection,
        items: &[(Position, Option<PersonDocument>)],
        following: i64,
        resume: &Resume,
    ) -> QueryResult<Option<Remaining>> {
        let (Some(through), Some((last, _))) = (resume.sequence, items.last()) else { return Ok(None) };
        let count = following.saturating_sub(i64::try_from(items.len()).unwrap_or(i64::MAX));
        if let Some(policy) = self.kept_for() {
            // What has changed since that number is counted again with the next page.
            let change = ReleasedChange { policy, saved: through, behind: last.position };
            let change: Option<i64> = change.get_result(conn).await.optional()?;
            return Ok(change.map(|change| Remaining { count: count.saturating_sub(change), through }));
        }
        Ok(resume.settled_sequence().map(|through| Remaining { count, through }))
    }

    /// The policy whose number of people is kept, if that is all that narrows a list in the order of positions.
    fn kept_for(&self) -> Option<&PolicyKey> {
        if self.condition.is_none() && matches!(self.order, Order::Positions) { self.visibility.policy() } else { None }
    }

    /// Some of the list, from a place on.
    pub(crate) async fn part(
        &self,
        conn: &mut AsyncPgConnection,
        begin: &Begin,
        count: i64,
        with_total: bool,
    ) -> QueryResult<Part> {
        match self.order {
            Order::Few => self.few(conn, begin, count).await,
            Order::Positions => self.in_order(conn, begin, count, with_total).await,
            Order::Indexed(sorted) => match begin {
                Begin::After(place) => self.indexed(conn, sorted, Some(place), count).await,
                Begin::Skip(0) => self.indexed(conn, sorted, None, count).await,
                Begin::Skip(_) => self.matched(conn, begin, count).await,
            },
            Order::Matched => self.matched(conn, begin, count).await,
        }
    }

    async fn few(&self, conn: &mut AsyncPgConnection, begin: &Begin, count: i64) -> QueryResult<Part> {
        let all = self.everybody(conn).await?;
        let total = size(all.len());
        let (skip, after) = match begin {
            Begin::Skip(skip) => (usize::try_from(*skip).unwrap_or(usize::MAX), 0),
            Begin::After(place) => (0, place.position),
        };
        let following: Vec<PersonDocument> =
            all.into_iter().filter(|person| person.position > after).skip(skip).collect();
        let found = size(following.len());
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let goes_on = following.len() > count;
        let items = following.into_iter().take(count).map(standing).collect();
        Ok(Part { items, goes_on, total: Some(total), following: Some(found) })
    }

    /// All who satisfy a condition that only a handful can.
    async fn everybody(&self, conn: &mut AsyncPgConnection) -> QueryResult<Vec<PersonDocument>> {
        let Some(all) = &self.all else { return Ok(Vec::new()) };
        selected(&*conn, all, self.visibility).await
    }

    async fn in_order(
        &self,
        conn: &mut AsyncPgConnection,
        begin: &Begin,
        count: i64,
        with_total: bool,
    ) -> QueryResult<Part> {
        let all = self.all.as_ref();
        let mut query = listed!().order(people::position).limit(count.saturating_add(1)).into_boxed();
        if let Some(all) = all {
            query = query.filter(all);
        }
        match begin {
            Begin::Skip(0) => {}
            Begin::Skip(skip) => {
                let begin = Beginning { skip: *skip, condition: all };
                query = query.filter(people::position.nullable().ge(begin));
            }
            Begin::After(place) => query = query.filter(people::position.gt(place.position)),
        }
        let (mut people, total) = if with_total {
            // Two statements, one round trip.
            let total = self.counted(conn);
            let (people, total) = try_join(query.load::<ListedPerson>(&mut &*conn), total).await?;
            (people, Some(total))
        } else {
            (query.load::<ListedPerson>(conn).await?, None)
        };
        let goes_on = cut(&mut people, count);
        let items = whole(conn, people, self.visibility).await?.into_iter().map(standing).collect();
        Ok(Part { items, goes_on, total, following: None })
    }

    async fn indexed(
        &self,
        conn: &mut AsyncPgConnection,
        sorted: Sorted<'_>,
        behind: Option<&Position>,
        count: i64,
    ) -> QueryResult<Part> {
        let all = self.all.as_ref();
        let mut places = sorted.places(conn, all, behind, count.saturating_add(1)).await?;
        let goes_on = cut(&mut places, count);
        let items = standing_at(conn, self.visibility, all, places).await?;
        Ok(Part { items, goes_on, total: None, following: None })
    }

    async fn matched(&self, conn: &mut AsyncPgConnection, begin: &Begin, count: i64) -> QueryResult<Part> {
        let (total, following, mut places) = self.places(conn, begin, count.saturating_add(1)).await?;
        let goes_on = cut(&mut places, count);
        let items = self.at(conn, places).await?;
        let following = match begin {
            Begin::After(_) => Some(following),
            Begin::Skip(_) => None,
        };
        Ok(Part { items, goes_on, total: Some(total), following })
    }

    /// How many people are in the list, how many of them are behind the beginning, and the places of the first of
    /// those.
    pub(crate) async fn places(
        &self,
        conn: &mut AsyncPgConnection,
        begin: &Begin,
        limit: i64,
    ) -> QueryResult<(i64, i64, Vec<Position>)> {
        let (sort, descending) = (self.sort, self.descending);
        found(conn, &Matched { condition: self.all.as_ref(), sort, descending, begin, limit }).await
    }

    /// Who stands at these places, if they satisfy the condition.
    pub(crate) async fn at(
        &self,
        conn: &mut AsyncPgConnection,
        places: Vec<Position>,
    ) -> QueryResult<Vec<(Position, Option<PersonDocument>)>> {
        standing_at(conn, self.visibility, self.all.as_ref(), places).await
    }

    /// How many people there are: kept, not counted, unless there is a condition, or there is no count yet of the
    /// people that the view has.
    async fn counted(&self, mut conn: &AsyncPgConnection) -> QueryResult<i64> {
        if self.condition.is_none()
            && let Some(policy) = self.visibility.policy()
            && let Some(total) = ReleasedTotal(policy).get_result(&mut conn).await.optional()?
        {
            return Ok(total);
        }
        match &self.all {
            None => PeopleTotal.get_result(&mut conn).await,
            Some(all) => people::table.filter(all).count().get_result(&mut conn).await,
        }
    }
}

impl Counting for PeopleList<'_> {
    async fn total(&self, conn: &mut AsyncPgConnection) -> QueryResult<i64> {
        Ok(match self.order {
            Order::Few => size(self.everybody(conn).await?.len()),
            Order::Positions | Order::Indexed(_) => self.counted(conn).await?,
            Order::Matched => self.places(conn, &Begin::Skip(0), 0).await?.0,
        })
    }

    async fn remaining(&self, conn: &mut AsyncPgConnection, place: &Position) -> QueryResult<i64> {
        Ok(match (self.order, &self.all) {
            (Order::Few, _) => {
                let all = self.everybody(conn).await?;
                size(all.iter().filter(|person| person.position > place.position).count())
            }
            (Order::Positions, None) => PeopleBehind(place.position).get_result(conn).await?,
            (Order::Positions, Some(all)) => {
                let behind = people::position.gt(place.position);
                people::table.filter(all).filter(behind).count().get_result(conn).await?
            }
            (Order::Indexed(_) | Order::Matched, _) => self.places(conn, &Begin::After(place.clone()), 0).await?.1,
        })
    }
}

fn standing(person: PersonDocument) -> (Position, Option<PersonDocument>) {
    (Position { key: None, position: person.position }, Some(person))
}

fn size(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// How many satisfy a condition, how many of them are behind the place where the page begins, and the places on the
/// page.
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

/// The people at these positions; none where the person has changed since and does not satisfy the condition any more.
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

/// The condition that visible people have to satisfy.
pub(crate) fn narrowed(condition: Option<&Condition>, visibility: &Visibility) -> Option<Condition> {
    match (condition, visibility.people()) {
        (Some(condition), Some(seen)) => Some(condition.clone().and(seen.clone())),
        (condition, seen) => condition.or(seen).cloned(),
    }
}

/// How many people there are: kept, not counted.
pub(crate) async fn total(conn: &mut AsyncPgConnection) -> QueryResult<i64> {
    PeopleTotal.get_result(conn).await
}
