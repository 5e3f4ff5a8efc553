//! Pages of people and groups in one list: people first and groups behind them, each in the order of lists; or
//! both together, sorted, where a person comes before a group of the same sort value.
//!
//! A walk goes on by key, as one of people does ([`walks`]). There are few groups, so that where they stand
//! among the people is found here.

use std::collections::BTreeMap;

use diesel_async::AsyncPgConnection;

use super::group_filter::GroupCondition;
use super::groups::GroupRow;
use super::keys::ListError;
use super::matched::Begin;
use super::people::Shown;
use super::scim_filter::Condition;
use super::sort::Sort;
use super::view::View;
use super::walks::{self, End, Listing, Page, PageRequest, Place, Start};
use super::{group_pages, groups};
use crate::scim::schema::ResourceType;

/// Somebody or something in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Person(Shown),
    Group(GroupRow),
}

/// A place on a page, and what stands there: nothing where somebody is gone since the place was found. The walk goes on
/// behind it all the same.
type Stand = (Spot, Option<Found>);

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
pub struct Spot {
    pub resource_type: ResourceType,
    pub place: Place,
}

/// In the ascending order: without a value last, people before groups.
type Rank = (bool, Option<String>, ResourceType, i64);

impl Spot {
    /// In the order of lists.
    fn of(resource_type: ResourceType, position: i64) -> Self {
        Self { resource_type, place: Place { key: None, position } }
    }

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
    fn of_mark(place: Place) -> Option<Self> {
        let mark = place.key?;
        let resource_type = match mark.as_bytes().first()? {
            b'u' => ResourceType::User,
            _ => ResourceType::Group,
        };
        let key = mark.get(1..)?.strip_prefix('+').map(str::to_owned);
        Some(Self { resource_type, place: Place { key, position: place.position } })
    }
}

/// Where a page begins.
enum From {
    Skip(i64),
    Behind(Spot),
}

/// A page of both, and the place of the last, if it was asked for by place and there are more. `behind` is what stands at
/// the place that the page begins behind.
///
/// # Errors
/// As [`walks::page`].
pub async fn page(
    conn: &mut AsyncPgConnection,
    view: &View,
    request: &PageRequest<'_>,
    behind: Option<ResourceType>,
    asked: Spanning<'_>,
) -> Result<(Page<Found>, Option<Spot>), ListError> {
    let none = part(request, Start::Behind(None), 0);
    let people = walks::page(conn, view, &none, asked.people, None).await?.total;
    let groups = group_pages::page(conn, view, &none, asked.groups, None).await?.total;
    let total = people.saturating_add(groups);
    if request.count == 0 {
        return Ok((Page::empty(total), None));
    }
    let from = match request.start {
        Start::Behind(Some(place)) => {
            From::Behind(Spot { resource_type: behind.unwrap_or(ResourceType::User), place: place.clone() })
        }
        Start::Index(1) | Start::Behind(None) => From::Skip(0),
        Start::Index(index) => match walks::begin(conn, request).await? {
            Begin::After(place) => Spot::of_mark(place).map_or(From::Skip(index.saturating_sub(1)), From::Behind),
            Begin::Skip(skip) => From::Skip(skip),
        },
    };
    let mut found = match asked.order {
        None => one_behind_the_other(conn, view, request, &from, people, asked).await?,
        Some(order) => sorted(conn, view, request, &from, groups, asked, order).await?,
    };
    let goes_on = request.cut(&mut found);
    let next = match request.start {
        Start::Behind(_) => found.last().map(|(spot, _)| spot.clone()).filter(|_| goes_on),
        Start::Index(_) => {
            let mark = |(spot, _): &Stand| Place { key: Some(spot.mark()), position: spot.place.position };
            walks::go_on(conn, request, End::of(&found, goes_on, mark)).await?;
            None
        }
    };
    let items = found.into_iter().filter_map(|(_, item)| item).collect();
    Ok((Page { items, total, next: None }, next))
}

/// The request for a part of the list that nothing is remembered of.
fn part<'a>(request: &PageRequest<'a>, start: Start<'a>, count: i64) -> PageRequest<'a> {
    PageRequest { start, count, ..*request }
}

async fn one_behind_the_other(
    conn: &mut AsyncPgConnection,
    view: &View,
    request: &PageRequest<'_>,
    from: &From,
    people: i64,
    asked: Spanning<'_>,
) -> Result<Vec<Stand>, ListError> {
    let limit = request.limit();
    let mut found: Vec<Stand> = Vec::new();
    let mut are_more_people = false;
    let of_people = match from {
        From::Skip(0) => Some(Start::Behind(None)),
        From::Skip(skip) if *skip < people => Some(Start::Index(skip.saturating_add(1))),
        From::Behind(Spot { resource_type: ResourceType::User, place }) => Some(Start::Behind(Some(place))),
        From::Skip(_) | From::Behind(_) => None,
    };
    if let Some(start) = of_people {
        // A jump is counted to: nothing is remembered under this name.
        let query = [request.query, b"people"].concat();
        let asked_for = PageRequest { query: &query, ..part(request, start, limit) };
        let Listing { items, goes_on, .. } = walks::listing(conn, view, &asked_for, asked.people, None).await?;
        are_more_people = goes_on;
        found.extend(
            items
                .into_iter()
                .map(|(place, one)| (Spot { resource_type: ResourceType::User, place }, one.map(Found::Person))),
        );
    }
    let rest = limit.saturating_sub(i64::try_from(found.len()).unwrap_or(i64::MAX));
    if rest > 0 && !are_more_people {
        let query = [request.query, b"groups"].concat();
        let start = match from {
            From::Behind(Spot { resource_type: ResourceType::Group, place }) => Start::Behind(Some(place)),
            From::Skip(skip) if of_people.is_none() => Start::Index(skip.saturating_sub(people).saturating_add(1)),
            From::Skip(_) | From::Behind(_) => Start::Behind(None),
        };
        let asked_for = PageRequest { query: &query, ..part(request, start, rest) };
        let page = group_pages::page(conn, view, &asked_for, asked.groups, None).await?;
        let groups = page.items.into_iter();
        found.extend(groups.map(|one| (Spot::of(ResourceType::Group, one.position), Some(Found::Group(one)))));
    }
    Ok(found)
}

async fn sorted(
    conn: &mut AsyncPgConnection,
    view: &View,
    request: &PageRequest<'_>,
    from: &From,
    groups: i64,
    asked: Spanning<'_>,
    order: Order<'_>,
) -> Result<Vec<Stand>, ListError> {
    let limit = request.limit();
    // So many people before the page may stand among the groups that come before it.
    let (begin, more, skip) = match from {
        From::Skip(skip) => {
            let first = skip.saturating_sub(groups).max(0);
            (Begin::Skip(first), skip - first, skip - first)
        }
        From::Behind(Spot { resource_type: ResourceType::User, place }) => (Begin::After(place.clone()), 0, 0),
        // People of the same value come before a group, or behind it where the order is the reverse: behind all of
        // them either way.
        From::Behind(Spot { place, .. }) => (Begin::After(Place { key: place.key.clone(), position: i64::MAX }), 0, 0),
    };
    let (_, places) = walks::places(
        conn,
        view,
        &walks::Places {
            condition: asked.people,
            sort: order.people,
            descending: order.descending,
            begin: &begin,
            limit: limit.saturating_add(more),
        },
    )
    .await?;
    let of_type = |resource_type| move |place: Place| Spot { resource_type, place };
    let mut spots: Vec<Spot> = places.into_iter().map(of_type(ResourceType::User)).collect();
    let all = group_pages::places(conn, view, asked.groups, order.groups).await?;
    spots.extend(all.into_iter().map(of_type(ResourceType::Group)));
    if let From::Behind(behind) = from {
        let behind = behind.rank();
        spots.retain(|spot| if order.descending { spot.rank() < behind } else { spot.rank() > behind });
    }
    spots.sort_by_cached_key(Spot::rank);
    if order.descending {
        spots.reverse();
    }
    let skip = usize::try_from(skip).unwrap_or(usize::MAX);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let spots: Vec<Spot> = spots.into_iter().skip(skip).take(limit).collect();
    let at = |resource_type| spots.iter().filter(move |spot| spot.resource_type == resource_type);
    let places: Vec<Place> = at(ResourceType::User).map(|spot| spot.place.clone()).collect();
    let positions: Vec<i64> = at(ResourceType::Group).map(|spot| spot.place.position).collect();
    let people = walks::at(conn, view, asked.people, places).await?;
    let mut people: BTreeMap<i64, Option<Shown>> =
        people.into_iter().map(|(place, person)| (place.position, person)).collect();
    let groups = groups::at(conn, positions).await?;
    let mut groups: BTreeMap<i64, GroupRow> = groups.into_iter().map(|group| (group.position, group)).collect();
    Ok(spots
        .into_iter()
        .map(|spot| {
            let position = spot.place.position;
            let item = match spot.resource_type {
                ResourceType::User => people.remove(&position).flatten().map(Found::Person),
                ResourceType::Group => groups.remove(&position).map(Found::Group),
            };
            (spot, item)
        })
        .collect())
}
