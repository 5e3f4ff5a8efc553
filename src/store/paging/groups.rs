//! Paging of groups by index and by place. A sequential walk continues behind a saved position, as one of people does
//! ([`walks`](super::people)); any other index is counted to: there are as many groups as a company has names, not
//! people.

use diesel::QueryResult;
use diesel_async::AsyncPgConnection;

use super::people::cut;
use super::resume::save;
use super::resume::{Counting, Resume};
use super::types::Begin;
use super::types::PageStart;
use super::types::{Page, PageRequest, Position, Read, Start, snapshot, total_results};
use crate::store::filter::condition::GroupCondition;
use crate::store::filter::sort::Sort;
use crate::store::filter::sql::Sql;
use crate::store::groups;
use crate::store::groups::GroupRow;
use crate::store::visibility::Visibility;

/// A list of groups: those that a view has, narrowed by a filter, in the order of lists or sorted.
pub(crate) struct GroupList<'a> {
    all: Option<GroupCondition>,
    sort: Option<&'a Sort>,
}

/// A page of all groups that a view has, or of those of them that satisfy a condition, in the order of lists or sorted.
/// Where a page by index ended is saved, so that the next index continues behind it.
pub async fn page(
    conn: &mut AsyncPgConnection,
    visibility: &Visibility,
    request: &PageRequest<'_>,
    condition: Option<&GroupCondition>,
    sort: Option<&Sort>,
) -> QueryResult<Page<GroupRow>> {
    let list = GroupList::new(visibility, condition, sort.filter(|_| request.count > 0));
    if request.count == 0 {
        return Ok(Page::empty(list.total(conn).await?));
    }
    let resume = Resume::load(conn, request).await?;
    // One snapshot for all statements: no group goes between the count and the page.
    let read = snapshot(conn, async |conn| list.page(conn, request, &resume).await).await?;
    let next = save(conn, request, &read).await;
    Ok(Page { items: read.items.into_iter().filter_map(|(_, group)| group).collect(), total: read.total, next })
}

impl<'a> GroupList<'a> {
    pub(crate) fn new(visibility: &Visibility, condition: Option<&'a GroupCondition>, sort: Option<&'a Sort>) -> Self {
        Self { all: narrowed(condition, visibility), sort }
    }

    async fn page(
        &self,
        conn: &mut AsyncPgConnection,
        request: &PageRequest<'_>,
        resume: &Resume,
    ) -> QueryResult<Read<Option<GroupRow>>> {
        let start = match (request.start, request.index()) {
            (_, Some(index)) => resume.start(conn, index, self).await?,
            (Start::Behind(Some(place)), None) => PageStart::new(Begin::After(place.clone())),
            (Start::Behind(None) | Start::Index(_) | Start::Look(_), None) => PageStart::new(Begin::Skip(0)),
        };
        let (items, goes_on) = self.part(conn, &start.begin, request.count).await?;
        let total = match (request.index(), &start.begin) {
            (Some(index), Begin::After(place)) => {
                let following = match start.remaining {
                    Some(remaining) => remaining,
                    None if goes_on => self.remaining(conn, place).await?,
                    None => 0,
                };
                total_results(index, items.len(), goes_on, following)
            }
            _ => self.total(conn).await?,
        };
        Ok(Read { start, items, total, goes_on, remaining: None })
    }

    /// Some of the list, from a place on, and whether there are more.
    pub(crate) async fn part(
        &self,
        conn: &mut AsyncPgConnection,
        begin: &Begin,
        count: i64,
    ) -> QueryResult<(Vec<(Position, Option<GroupRow>)>, bool)> {
        let limit = count.saturating_add(1);
        if self.sort.is_some() {
            let order = self.order(conn).await?;
            let first = match begin {
                Begin::Skip(skip) => usize::try_from(*skip).unwrap_or(usize::MAX),
                Begin::After(place) => order.len() - self.behind(&order, place),
            };
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let mut page: Vec<Position> = order.into_iter().skip(first).take(limit).map(place).collect();
            let goes_on = cut(&mut page, count);
            let mut found = groups::at(conn, page.iter().map(|place| place.position).collect()).await?;
            let items = page.into_iter().map(|place| {
                let at = found.iter().position(|group| group.position == place.position);
                let group = at.map(|at| found.swap_remove(at));
                (place, group)
            });
            return Ok((items.collect(), goes_on));
        }
        let mut found = match begin {
            Begin::After(place) => groups::after(conn, self.all.as_ref(), place.position, limit).await?,
            Begin::Skip(skip) => groups::skipping(conn, self.all.as_ref(), *skip, limit).await?,
        };
        let goes_on = cut(&mut found, count);
        let of = |group: GroupRow| (Position { key: None, position: group.position }, Some(group));
        Ok((found.into_iter().map(of).collect(), goes_on))
    }

    /// How many of a sorted list are behind a place.
    fn behind(&self, order: &[Sortable], place: &Position) -> usize {
        let last = (place.key.is_none(), place.key.clone(), place.position);
        let descending = self.sort.is_some_and(|sort| sort.descending);
        order.len() - order.partition_point(|one| if descending { *one >= last } else { *one <= last })
    }

    async fn order(&self, conn: &mut AsyncPgConnection) -> QueryResult<Vec<Sortable>> {
        order(conn, self.all.as_ref(), self.sort).await
    }

    /// The places of all groups in a sorted list.
    pub(crate) async fn places(&self, conn: &mut AsyncPgConnection) -> QueryResult<Vec<Position>> {
        Ok(self.order(conn).await?.into_iter().map(place).collect())
    }
}

impl Counting for GroupList<'_> {
    async fn total(&self, conn: &mut AsyncPgConnection) -> QueryResult<i64> {
        groups::total(conn, self.all.as_ref()).await
    }

    async fn remaining(&self, conn: &mut AsyncPgConnection, place: &Position) -> QueryResult<i64> {
        if self.sort.is_some() {
            let order = self.order(conn).await?;
            return Ok(i64::try_from(self.behind(&order, place)).unwrap_or(i64::MAX));
        }
        groups::behind(conn, self.all.as_ref(), place.position).await
    }
}

/// What a sorted list orders by: whether there is no value, the value, and the position.
type Sortable = (bool, Option<String>, i64);

fn place((_, key, position): Sortable) -> Position {
    Position { key, position }
}

/// All that satisfy a condition, sorted: whether there is no value, the value, and the position.
async fn order(
    conn: &mut AsyncPgConnection,
    condition: Option<&GroupCondition>,
    sort: Option<&Sort>,
) -> QueryResult<Vec<Sortable>> {
    let nothing = Sql::of("NULL::text");
    let key = |value: Option<String>| {
        let preparation = sort?.target.preparation();
        value.map(|value| preparation.key(&value).into_owned())
    };
    let all = groups::sortable(conn, condition, sort.map_or(&nothing, Sort::expr)).await?;
    // Absent values last.
    let mut order: Vec<Sortable> =
        all.into_iter().map(|group| (group.value.is_none(), key(group.value), group.position)).collect();
    order.sort_unstable();
    if sort.is_some_and(|sort| sort.descending) {
        order.reverse();
    }
    Ok(order)
}

/// What has to hold of groups that a view has.
fn narrowed(condition: Option<&GroupCondition>, visibility: &Visibility) -> Option<GroupCondition> {
    match (condition.cloned(), visibility.groups()) {
        (Some(condition), Some(seen)) => Some(condition.and(seen)),
        (condition, seen) => condition.or(seen),
    }
}
