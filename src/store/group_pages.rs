//! Paging of groups by index. A sequential walk goes on by key, as one of people does ([`walks`](super::walks)); any
//! other index is counted to: there are as many groups as a company has names, not people.

use diesel::QueryResult;
use diesel_async::AsyncPgConnection;

use super::group_filter::GroupCondition;
use super::groups::{self, GroupRow};
use super::keys::{self, ListError};
use super::matched::Begin;
use super::sort::Sort;
use super::walks::{PageRequest, mark, remember_at};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupPage {
    pub groups: Vec<GroupRow>,
    /// All groups that are listed, on whichever page.
    pub total: i64,
}

/// A page of all groups, or of those that satisfy a condition, in the order of lists or sorted. A full page is
/// remembered, so that the walk can go on.
///
/// # Errors
/// [`ListError::Unkeyed`] as long as nobody can say which groups satisfy the condition.
pub async fn page(
    conn: &mut AsyncPgConnection,
    request: &PageRequest<'_>,
    condition: Option<&GroupCondition>,
    sort: Option<&Sort>,
) -> Result<GroupPage, ListError> {
    if condition.is_some_and(GroupCondition::reads_keys) || sort.is_some_and(Sort::reads_keys) {
        keys::check(conn).await?;
    }
    if let Some(sort) = sort.filter(|_| request.count > 0) {
        return sorted(conn, request, condition, sort).await;
    }
    let total = groups::total(conn, condition).await?;
    if request.count == 0 {
        return Ok(GroupPage { groups: Vec::new(), total });
    }
    let found = match begin(conn, request).await? {
        Begin::After(_, position) => groups::after(conn, condition, position, request.count).await?,
        Begin::Skip(skip) => groups::skipping(conn, condition, skip, request.count).await?,
    };
    let read = i64::try_from(found.len()).unwrap_or(i64::MAX);
    if let Some(last) = found.last().filter(|_| read == request.count) {
        remember_at(conn, request, request.start_index.saturating_add(read), last.position, None).await?;
    }
    Ok(GroupPage { groups: found, total })
}

async fn begin(conn: &mut AsyncPgConnection, request: &PageRequest<'_>) -> QueryResult<Begin> {
    Ok(match request.start_index {
        1 => Begin::Skip(0),
        index => mark(conn, request).await?.unwrap_or(Begin::Skip(index.saturating_sub(1))),
    })
}

/// Sorted here: names have no keys in the table, and there are not many groups.
async fn sorted(
    conn: &mut AsyncPgConnection,
    request: &PageRequest<'_>,
    condition: Option<&GroupCondition>,
    sort: &Sort,
) -> Result<GroupPage, ListError> {
    let begin = begin(conn, request).await?;
    let preparation = sort.target.preparation();
    let key = |value: Option<String>| value.map(|value| preparation.key(&value).into_owned());
    let all = groups::sortable(conn, condition, sort.expr()).await?;
    let total = i64::try_from(all.len()).unwrap_or(i64::MAX);
    // Absent values last.
    let mut order: Vec<(bool, Option<String>, i64)> =
        all.into_iter().map(|group| (group.value.is_none(), key(group.value), group.position)).collect();
    order.sort_unstable();
    if sort.descending {
        order.reverse();
    }
    let first = match begin {
        Begin::Skip(skip) => usize::try_from(skip).unwrap_or(usize::MAX),
        Begin::After(key, position) => {
            let last = (key.is_none(), key, position);
            order.partition_point(|one| if sort.descending { *one >= last } else { *one <= last })
        }
    };
    let count = usize::try_from(request.count).unwrap_or(usize::MAX);
    let page: Vec<(bool, Option<String>, i64)> = order.into_iter().skip(first).take(count).collect();
    let positions: Vec<i64> = page.iter().map(|(_, _, position)| *position).collect();
    let mut found = groups::at(conn, positions.clone()).await?;
    found.sort_by_cached_key(|group| positions.iter().position(|position| *position == group.position));
    if let Some((_, key, position)) = page.last().filter(|_| page.len() == count) {
        let next = request.start_index.saturating_add(request.count);
        remember_at(conn, request, next, *position, key.as_deref()).await?;
    }
    Ok(GroupPage { groups: found, total })
}
