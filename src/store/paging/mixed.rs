//! Pages of people and groups in one list: people first and groups behind them, each in the order of lists; or
//! both together, sorted, where a person comes before a group of the same sort value.
//!
//! A sequential walk continues behind a saved position, as one of people does ([`people`](super::people)). There are
//! few groups, so that where they stand among the people is found here.

use std::collections::BTreeMap;

use diesel::QueryResult;
use diesel_async::AsyncPgConnection;

use super::groups::GroupList;
use super::people::{PeopleList, cut};
use super::resume::{Counting, Resume};
use super::types::Begin;
use super::types::PageStart;
use super::types::{Page, PageRequest, Position, Read, Start, snapshot, total_results};
use crate::scim::schema::ResourceType;
use crate::store::filter::condition::Condition;
use crate::store::filter::condition::GroupCondition;
use crate::store::filter::sort::Sort;
use crate::store::groups;
use crate::store::groups::GroupRow;
use crate::store::paging;
use crate::store::people::PersonDocument;
use crate::store::visibility::Visibility;

/// A resource in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Person(PersonDocument),
    Group(GroupRow),
}

/// A position on a page, and its resource: none where the resource is gone since the position was found. The walk goes
/// on behind it all the same.
type Stand = (MixedPosition, Option<Found>);

/// What is listed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spanning<'a> {
    pub people: Option<&'a Condition>,
    pub groups: Option<&'a GroupCondition>,
    pub order: Option<Order<'a>>,
}

/// By what the list is sorted. A type that does not have the attribute has no value.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    pub people: Option<&'a Sort>,
    pub groups: Option<&'a Sort>,
    pub descending: bool,
}

/// A place in the list: what stands there, by its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MixedPosition {
    pub resource_type: ResourceType,
    pub place: Position,
}

/// In the ascending order: without a value last, people before groups.
type Rank = (bool, Option<String>, ResourceType, i64);

impl MixedPosition {
    fn rank(&self) -> Rank {
        (self.place.key.is_none(), self.place.key.clone(), self.resource_type, self.place.position)
    }

    /// What is remembered beside the position.
    fn mark(&self) -> String {
        let kind = match self.resource_type {
            ResourceType::User => 'u',
            ResourceType::Group => 'g',
        };
        match &self.place.key {
            Some(key) => format!("{kind}+{key}"),
            None => format!("{kind}-"),
        }
    }

    /// Reads what [`mark`](Self::mark) wrote.
    fn of_mark(place: Position) -> Option<Self> {
        let mark = place.key?;
        let resource_type = match mark.as_bytes().first()? {
            b'u' => ResourceType::User,
            _ => ResourceType::Group,
        };
        let key = mark.get(1..)?.strip_prefix('+').map(str::to_owned);
        Some(Self { resource_type, place: Position { key, position: place.position } })
    }
}

/// Where a page begins.
enum From {
    Skip(i64),
    Behind(MixedPosition),
}

impl From {
    /// A saved place has the mark as its key.
    fn saved(begin: &Begin) -> Self {
        match begin {
            Begin::Skip(skip) => Self::Skip(*skip),
            Begin::After(place) => MixedPosition::of_mark(place.clone()).map_or(Self::Skip(0), Self::Behind),
        }
    }
}

/// Both types in one list.
struct Mixed<'a> {
    people: PeopleList<'a>,
    groups: GroupList<'a>,
    /// People in the order of the list, if it is sorted.
    sorted: Option<(PeopleList<'a>, Order<'a>)>,
}

/// A page of both, and the place of the last, if it was asked for by place and there are more. `behind` is what stands
/// at the place that the page begins behind.
pub async fn page(
    conn: &mut AsyncPgConnection,
    visibility: &Visibility,
    request: &PageRequest<'_>,
    behind: Option<ResourceType>,
    asked: Spanning<'_>,
) -> QueryResult<(Page<Found>, Option<MixedPosition>)> {
    let list = Mixed {
        people: PeopleList::new(visibility, asked.people, None),
        groups: GroupList::new(visibility, asked.groups, asked.order.and_then(|order| order.groups)),
        sorted: asked
            .order
            .map(|order| (PeopleList::sorted(visibility, asked.people, order.people, order.descending), order)),
    };
    if request.count == 0 {
        return Ok((Page::empty(list.total(conn).await?), None));
    }
    let resume = Resume::load(conn, request).await?;
    let read = snapshot(conn, async |conn| list.page(conn, request, behind, &resume).await).await?;
    paging::resume::save(conn, request, &read).await;
    let end = read.items.last().filter(|_| read.goes_on && request.index().is_none());
    let next = end.and_then(|(mark, _)| MixedPosition::of_mark(mark.clone()));
    let items = read.items.into_iter().filter_map(|(_, item)| item).collect();
    Ok((Page { items, total: read.total, next: None }, next))
}

impl Mixed<'_> {
    async fn page(
        &self,
        conn: &mut AsyncPgConnection,
        request: &PageRequest<'_>,
        behind: Option<ResourceType>,
        resume: &Resume,
    ) -> QueryResult<Read<Option<Found>>> {
        let (start, from) = match (request.start, request.index()) {
            (_, Some(index)) => {
                let start = resume.start(conn, index, self).await?;
                let from = From::saved(&start.begin);
                (start, from)
            }
            (Start::Behind(Some(place)), None) => {
                let resource_type = behind.unwrap_or(ResourceType::User);
                (PageStart::new(Begin::Skip(0)), From::Behind(MixedPosition { resource_type, place: place.clone() }))
            }
            (Start::Behind(None) | Start::Index(_) | Start::Look(_), None) => {
                (PageStart::new(Begin::Skip(0)), From::Skip(0))
            }
        };
        let mut found = match &self.sorted {
            None => self.one_behind_the_other(conn, request, &from).await?,
            Some((people, order)) => self.in_one_order(conn, people, *order, request, &from).await?,
        };
        let goes_on = cut(&mut found, request.count);
        let total = match (request.index(), &start.begin) {
            (Some(index), Begin::After(place)) => {
                let following = match start.remaining {
                    Some(remaining) => remaining,
                    None if goes_on => self.remaining(conn, place).await?,
                    None => 0,
                };
                total_results(index, found.len(), goes_on, following)
            }
            _ => self.total(conn).await?,
        };
        let mark = |at: MixedPosition| Position { key: Some(at.mark()), position: at.place.position };
        let items = found.into_iter().map(|(at, item)| (mark(at), item)).collect();
        Ok(Read { start, items, total, goes_on, remaining: None })
    }

    async fn one_behind_the_other(
        &self,
        conn: &mut AsyncPgConnection,
        request: &PageRequest<'_>,
        from: &From,
    ) -> QueryResult<Vec<Stand>> {
        let limit = request.count.saturating_add(1);
        let mut found: Vec<Stand> = Vec::new();
        let mut are_more_people = false;
        let mut of_groups = Begin::Skip(0);
        let of_people = match from {
            From::Skip(0) => Some(Begin::Skip(0)),
            From::Skip(skip) => {
                let people = self.people.total(conn).await?;
                if *skip < people {
                    Some(Begin::Skip(*skip))
                } else {
                    of_groups = Begin::Skip(skip.saturating_sub(people));
                    None
                }
            }
            From::Behind(MixedPosition { resource_type: ResourceType::User, place }) => {
                Some(Begin::After(place.clone()))
            }
            From::Behind(MixedPosition { resource_type: ResourceType::Group, place }) => {
                of_groups = Begin::After(place.clone());
                None
            }
        };
        if let Some(begin) = of_people {
            let part = self.people.part(conn, &begin, limit, false).await?;
            are_more_people = part.goes_on;
            found.extend(part.items.into_iter().map(|(place, one)| {
                (MixedPosition { resource_type: ResourceType::User, place }, one.map(Found::Person))
            }));
        }
        let rest = limit.saturating_sub(i64::try_from(found.len()).unwrap_or(i64::MAX));
        if rest > 0 && !are_more_people {
            let (groups, _) = self.groups.part(conn, &of_groups, rest).await?;
            found.extend(groups.into_iter().map(|(place, one)| {
                (MixedPosition { resource_type: ResourceType::Group, place }, one.map(Found::Group))
            }));
        }
        Ok(found)
    }

    async fn in_one_order(
        &self,
        conn: &mut AsyncPgConnection,
        people: &PeopleList<'_>,
        order: Order<'_>,
        request: &PageRequest<'_>,
        from: &From,
    ) -> QueryResult<Vec<Stand>> {
        let limit = request.count.saturating_add(1);
        let of_groups = self.groups.places(conn).await?;
        // So many people before the page may stand among the groups that come before it.
        let (begin, more, skip) = match from {
            From::Skip(skip) => {
                let groups = i64::try_from(of_groups.len()).unwrap_or(i64::MAX);
                let first = skip.saturating_sub(groups).max(0);
                (Begin::Skip(first), skip - first, skip - first)
            }
            From::Behind(at) => (people_behind(at), 0, 0),
        };
        let (_, _, of_people) = people.places(conn, &begin, limit.saturating_add(more)).await?;
        let of_type = |resource_type| move |place: Position| MixedPosition { resource_type, place };
        let mut found_at: Vec<MixedPosition> = of_people.into_iter().map(of_type(ResourceType::User)).collect();
        found_at.extend(of_groups.into_iter().map(of_type(ResourceType::Group)));
        if let From::Behind(behind) = from {
            let behind = behind.rank();
            found_at.retain(|at| if order.descending { at.rank() < behind } else { at.rank() > behind });
        }
        found_at.sort_by_cached_key(MixedPosition::rank);
        if order.descending {
            found_at.reverse();
        }
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let found_at: Vec<MixedPosition> = found_at.into_iter().skip(skip).take(limit).collect();
        let at = |resource_type| found_at.iter().filter(move |at| at.resource_type == resource_type);
        let places: Vec<Position> = at(ResourceType::User).map(|at| at.place.clone()).collect();
        let positions: Vec<i64> = at(ResourceType::Group).map(|at| at.place.position).collect();
        let people = people.at(conn, places).await?;
        let mut people: BTreeMap<i64, Option<PersonDocument>> =
            people.into_iter().map(|(place, person)| (place.position, person)).collect();
        let groups = groups::at(conn, positions).await?;
        let mut groups: BTreeMap<i64, GroupRow> = groups.into_iter().map(|group| (group.position, group)).collect();
        Ok(found_at
            .into_iter()
            .map(|at| {
                let position = at.place.position;
                let item = match at.resource_type {
                    ResourceType::User => people.remove(&position).flatten().map(Found::Person),
                    ResourceType::Group => groups.remove(&position).map(Found::Group),
                };
                (at, item)
            })
            .collect())
    }
}

/// Where the people begin who stand behind a place. People of the same value come before a group, or behind it where
/// the order is the reverse: behind all of them either way.
fn people_behind(at: &MixedPosition) -> Begin {
    Begin::After(match at.resource_type {
        ResourceType::User => at.place.clone(),
        ResourceType::Group => Position { key: at.place.key.clone(), position: i64::MAX },
    })
}

impl Counting for Mixed<'_> {
    async fn total(&self, conn: &mut AsyncPgConnection) -> QueryResult<i64> {
        Ok(self.people.total(conn).await?.saturating_add(self.groups.total(conn).await?))
    }

    async fn remaining(&self, conn: &mut AsyncPgConnection, place: &Position) -> QueryResult<i64> {
        let Some(at) = MixedPosition::of_mark(place.clone()) else { return self.total(conn).await };
        let Some((people, order)) = &self.sorted else {
            return Ok(match at.resource_type {
                ResourceType::User => {
                    let people = self.people.remaining(conn, &at.place).await?;
                    people.saturating_add(self.groups.total(conn).await?)
                }
                ResourceType::Group => self.groups.remaining(conn, &at.place).await?,
            });
        };
        let (_, of_people, _) = people.places(conn, &people_behind(&at), 0).await?;
        let behind = at.rank();
        let groups = self.groups.places(conn).await?.into_iter().filter(|place| {
            let rank = MixedPosition { resource_type: ResourceType::Group, place: place.clone() }.rank();
            if order.descending { rank < behind } else { rank > behind }
        });
        Ok(of_people.saturating_add(i64::try_from(groups.count()).unwrap_or(i64::MAX)))
    }
}
