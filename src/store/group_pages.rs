//! Paging of groups by index. A sequential walk goes on by key, as one of people does ([`walks`](super::walks)); any
//! other index is counted to: there are as many groups as a company has names, not people.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::group_filter::GroupCondition;
use super::groups::{self, GroupRow};
use super::walks::{Mark, PageRequest, remember_at};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupPage {
    pub groups: Vec<GroupRow>,
    /// All groups that are listed, on whichever page.
    pub total: i64,
}

/// A page of all groups, or of those that satisfy a condition. A full page is remembered, so that the walk can go on.
pub async fn page(
    conn: &mut AsyncPgConnection,
    request: &PageRequest<'_>,
    condition: Option<&GroupCondition>,
) -> QueryResult<GroupPage> {
    let total = groups::total(conn, condition).await?;
    if request.count == 0 {
        return Ok(GroupPage { groups: Vec::new(), total });
    }
    let mark = match request.start_index {
        1 => Some(0),
        _ => Mark { request }.get_result(conn).await.optional()?,
    };
    let found = match mark {
        Some(position) => groups::after(conn, condition, position, request.count).await?,
        None => groups::skipping(conn, condition, request.start_index.saturating_sub(1), request.count).await?,
    };
    let read = i64::try_from(found.len()).unwrap_or(i64::MAX);
    if let Some(last) = found.last().filter(|_| read == request.count) {
        remember_at(conn, request, request.start_index.saturating_add(read), last.position).await?;
    }
    Ok(GroupPage { groups: found, total })
}
