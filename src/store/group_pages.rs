//! Paging of groups by index. A sequential walk goes on by key, as one of people does ([`walks`](super::walks)); any
//! other index is counted to: there are as many groups as a company has names, not people.

use diesel::QueryResult;
use diesel_async::AsyncPgConnection;

use super::group_filter::GroupCondition;
use super::groups::{self, GroupRow};
use super::keys::{self, ListError};
use super::matched::Begin;
use super::sort::Sort;
use super::sql::Sql;
use super::view::View;
use super::walks::{End, Page, PageRequest, Place, begin, go_on};

/// A page of all groups that a view has, or of those of them that satisfy a condition, in the order of lists or sorted. A
/// page by index is remembered, so that the walk can go on.
///
/// # Errors
/// [`ListError::Unkeyed`] as long as nobody can say which groups satisfy the condition.
pub async fn page(
    conn: &mut AsyncPgConnection,
    view: &View,
    request: &PageRequest<'_>,
    condition: Option<&GroupCondition>,
    sort: Option<&Sort>,
) -> Result<Page<GroupRow>, ListError> {
    if condition.is_some_and(GroupCondition::reads_keys) || sort.is_some_and(Sort::reads_keys) {
        keys::check(conn).await?;
    }
    let both = narrowed(condition, view);
    let condition = both.as_ref();
    if let Some(sort) = sort.filter(|_| request.count > 0) {
        return sorted(conn, request, condition, sort).await;
    }
    let total = groups::total(conn, condition).await?;
    if request.count == 0 {
        return Ok(Page::empty(total));
    }
    let mut found = match begin(conn, request).await? {
        Begin::After(place) => groups::after(conn, condition, place.position, request.limit()).await?,
        Begin::Skip(skip) => groups::skipping(conn, condition, skip, request.limit()).await?,
    };
    let goes_on = request.cut(&mut found);
    let end = End::of(&found, goes_on, |group| Place { key: None, position: group.position });
    let next = go_on(conn, request, end).await?;
    Ok(Page { items: found, total, next })
}

/// Sorted here: names have no keys in the table, and there are not many groups.
async fn sorted(
    conn: &mut AsyncPgConnection,
    request: &PageRequest<'_>,
    condition: Option<&GroupCondition>,
    sort: &Sort,
) -> Result<Page<GroupRow>, ListError> {
    let begin = begin(conn, request).await?;
    let order = order(conn, condition, Some(sort)).await?;
    let total = i64::try_from(order.len()).unwrap_or(i64::MAX);
    let first = match begin {
        Begin::Skip(skip) => usize::try_from(skip).unwrap_or(usize::MAX),
        Begin::After(Place { key, position }) => {
            let last = (key.is_none(), key, position);
            order.partition_point(|one| if sort.descending { *one >= last } else { *one <= last })
        }
    };
    let limit = usize::try_from(request.limit()).unwrap_or(usize::MAX);
    let mut page: Vec<(bool, Option<String>, i64)> = order.into_iter().skip(first).take(limit).collect();
    let goes_on = request.cut(&mut page);
    let positions: Vec<i64> = page.iter().map(|(_, _, position)| *position).collect();
    let mut found = groups::at(conn, positions.clone()).await?;
    found.sort_by_cached_key(|group| positions.iter().position(|position| *position == group.position));
    let end = End::of(&page, goes_on, |(_, key, position)| Place { key: key.clone(), position: *position });
    let next = go_on(conn, request, end).await?;
    Ok(Page { items: found, total, next })
}

/// All that satisfy a condition, sorted: whether there is no value, the value, and the position.
async fn order(
    conn: &mut AsyncPgConnection,
    condition: Option<&GroupCondition>,
    sort: Option<&Sort>,
) -> QueryResult<Vec<(bool, Option<String>, i64)>> {
    let nothing = Sql::of("NULL::text");
    let key = |value: Option<String>| {
        let preparation = sort?.target.preparation();
        value.map(|value| preparation.key(&value).into_owned())
    };
    let all = groups::sortable(conn, condition, sort.map_or(&nothing, Sort::expr)).await?;
    // Absent values last.
    let mut order: Vec<(bool, Option<String>, i64)> =
        all.into_iter().map(|group| (group.value.is_none(), key(group.value), group.position)).collect();
    order.sort_unstable();
    if sort.is_some_and(|sort| sort.descending) {
        order.reverse();
    }
    Ok(order)
}

/// The places of all groups in a sorted list.
pub(super) async fn places(
    conn: &mut AsyncPgConnection,
    view: &View,
    condition: Option<&GroupCondition>,
    sort: Option<&Sort>,
) -> QueryResult<Vec<Place>> {
    let order = order(conn, narrowed(condition, view).as_ref(), sort).await?;
    Ok(order.into_iter().map(|(_, key, position)| Place { key, position }).collect())
}

/// What has to hold of groups that a view has.
fn narrowed(condition: Option<&GroupCondition>, view: &View) -> Option<GroupCondition> {
    match (condition.cloned(), view.groups()) {
        (Some(condition), Some(seen)) => Some(condition.and(seen)),
        (condition, seen) => condition.or(seen),
    }
}
