//! Consumers: clients of the directory.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::db::schema::{consumers, page_walks};

/// One row of `consumers`.
#[derive(Clone, Debug, PartialEq, Eq, HasQuery, Insertable)]
#[diesel(table_name = consumers)]
pub struct ConsumerRow {
    pub id: Uuid,
    /// Unique without regard to case (constraint `consumers_name_key`).
    pub name: String,
    pub scopes: Vec<String>,
    /// Show the worker's source id as `externalId` while the consumer has set none.
    pub external_id_from_source: bool,
    pub created_at: DateTime<Utc>,
    /// The release policy: SCIM filters and names of attributes.
    pub user_filter: Option<String>,
    pub group_filter: Option<String>,
    pub attributes: Option<Vec<String>>,
}

/// What may change in a consumer; a field that is `None` stays as it is.
#[derive(Clone, Debug, Default, AsChangeset)]
#[diesel(table_name = consumers)]
pub struct ConsumerChange {
    pub name: Option<String>,
    pub scopes: Option<Vec<String>>,
    pub external_id_from_source: Option<bool>,
    /// `Some(None)` takes the filter away.
    pub user_filter: Option<Option<String>>,
    pub group_filter: Option<Option<String>>,
    pub attributes: Option<Option<Vec<String>>>,
}

impl ConsumerChange {
    fn is_empty(&self) -> bool {
        let Self { name, scopes, external_id_from_source, user_filter, group_filter, attributes } = self;
        name.is_none()
            && scopes.is_none()
            && external_id_from_source.is_none()
            && user_filter.is_none()
            && group_filter.is_none()
            && attributes.is_none()
    }
}

/// A taken name is a unique violation of `consumers_name_key`.
pub async fn insert(conn: &mut AsyncPgConnection, new: &ConsumerRow) -> QueryResult<()> {
    diesel::insert_into(consumers::table).values(new).execute(conn).await.map(drop)
}

pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> QueryResult<Option<ConsumerRow>> {
    ConsumerRow::query().filter(consumers::id.eq(id)).first(conn).await.optional()
}

/// The consumer of this name, in any case.
pub async fn find_by_name(conn: &mut AsyncPgConnection, name: &str) -> QueryResult<Option<ConsumerRow>> {
    ConsumerRow::query().filter(lower(consumers::name).eq(lower(name))).first(conn).await.optional()
}

/// A page of consumers, oldest first, after `(created_at, id)`.
pub async fn page(
    conn: &mut AsyncPgConnection,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> QueryResult<Vec<ConsumerRow>> {
    let mut query = ConsumerRow::query().order((consumers::created_at, consumers::id)).limit(limit).into_boxed();
    if let Some((at, id)) = after {
        query = query.filter(consumers::created_at.gt(at).or(consumers::created_at.eq(at).and(consumers::id.gt(id))));
    }
    query.load(conn).await
}

/// The consumer, whose row is locked.
pub async fn lock(conn: &mut AsyncPgConnection, id: Uuid) -> QueryResult<Option<ConsumerRow>> {
    ConsumerRow::query().filter(consumers::id.eq(id)).for_update().first(conn).await.optional()
}

/// Forgets where walks of a consumer go on by index: under another policy the same index is another place.
pub async fn forget_walks(conn: &mut AsyncPgConnection, id: Uuid) -> QueryResult<usize> {
    diesel::delete(page_walks::table.filter(page_walks::caller.eq(id))).execute(conn).await
}

/// `false` when there is no such consumer.
pub async fn update(conn: &mut AsyncPgConnection, id: Uuid, change: &ConsumerChange) -> QueryResult<bool> {
    if change.is_empty() {
        return Ok(find(conn, id).await?.is_some());
    }
    diesel::update(consumers::table.find(id)).set(change).execute(conn).await.map(|rows| rows == 1)
}

/// Removes a consumer with its tokens; `false` when there was none.
pub async fn delete(conn: &mut AsyncPgConnection, id: Uuid) -> QueryResult<bool> {
    diesel::delete(consumers::table.find(id)).execute(conn).await.map(|rows| rows == 1)
}

#[diesel::declare_sql_function]
extern "SQL" {
    fn lower(text: diesel::sql_types::Text) -> diesel::sql_types::Text;
}
