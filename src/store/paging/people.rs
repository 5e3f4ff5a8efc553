//! Paging of people by index and by place, without `OFFSET` over people.
//!
//! Okta pages by `startIndex` and treats a missing user as deleted. The server therefore saves where each page ended,
//! for an hour and all nodes, and serves the next index with a keyset query, so that changes cannot shift rows (story
//! 23, R-102, docs/decisions/0014). Any other index is found by live counts of people per block of 1,024 positions, and
//! a step within the block; under a condition, by counting those who satisfy it.
//!
//! `totalResults` of a page that continues from a saved position is `startIndex` − 1 + the number of matches behind
//! that position. A page behind which there are more never says that it was the last one, even if people leave in
//! between.

use diesel::prelude::*;
use diesel_async::AsyncPgConnection;

pub(crate) use super::people_list::PeopleList;
pub use super::resume::forget;
use super::resume::save;
use super::resume::{Counting, Resume};
use super::types::Page;
use super::types::PageRequest;
pub(crate) use super::types::cut;
use super::types::snapshot;
use crate::store::filter::condition::Condition;
use crate::store::filter::sort::Sort;
use crate::store::people::PersonDocument;
use crate::store::visibility::Visibility;

/// A page of all visible people, or of those of them who satisfy a condition, in the order of lists or sorted.
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
        // One snapshot for all statements: no person leaves between the count and the page.
        snapshot(conn, async |conn| list.page(conn, request, &resume).await).await?
    } else {
        list.page(conn, request, &resume).await?
    };
    let next = save(conn, request, &read).await;
    let items = read.items.into_iter().filter_map(|(_, person)| person).collect();
    Ok(Page { items, total: read.total, next })
}
