//! Reading groups: what they are, who is in them, what is behind them. What the sequencer has not folded yet is added
//! in the same statement.

pub mod backfill;
pub mod columns;
pub(crate) mod counters;
pub mod write;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Bigint, Bool, Int2, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::filter::condition::GroupCondition;
use super::filter::sql::Statement;
use super::filter::sql::{Sql, Value};
use super::visibility::Visibility;
use crate::directory::groups::Kind;
use columns::column;

/// A group as it is at this moment.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct GroupRow {
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// Orders every list; grows for ever.
    #[diesel(sql_type = Bigint)]
    pub position: i64,
    #[diesel(sql_type = Text)]
    pub kind: String,
    #[diesel(sql_type = Text)]
    pub key: String,
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Text)]
    pub display_name: String,
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// The last change of the group or of who is in it.
    #[diesel(sql_type = Timestamptz)]
    pub modified_at: DateTime<Utc>,
    /// How many changes there were.
    #[diesel(sql_type = Bigint)]
    pub version: i64,
    #[diesel(sql_type = Bigint)]
    pub members: i64,
    /// Since when it has no members.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub retired_since: Option<DateTime<Utc>>,
    /// The kind of connector, where one HR system alone speaks of the group.
    #[diesel(sql_type = Nullable<Text>)]
    pub system: Option<String>,
}

/// All groups that are there, live, as `g`.
const GROUPS: &str = "WITH pending AS (
        SELECT t.group_id, count(*) AS changes, max(c.at) AS at, sum(t.delta) AS delta
        FROM changes c CROSS JOIN LATERAL (
            SELECT unnest(c.groups_joined), 1 UNION ALL SELECT unnest(c.groups_left), -1
            UNION ALL SELECT c.group_id, 0 WHERE c.group_id IS NOT NULL
            UNION ALL SELECT unnest(c.groups_renamed), 0
        ) AS t (group_id, delta)
        WHERE c.sequence IS NULL GROUP BY 1
    ), g AS (
        SELECT g.id, g.position, g.kind, g.key, g.name, g.display_name, g.display_name_key, g.created_at,
            greatest(g.modified_at, pending.at) AS modified_at,
            g.version + coalesce(pending.changes, 0) AS version,
            (g.members + coalesce(pending.delta, 0))::bigint AS members,
            CASE WHEN g.members + coalesce(pending.delta, 0) <= 0
                 THEN coalesce(g.retired_since, pending.at, g.modified_at) END AS retired_since,
            (SELECT CASE WHEN count(DISTINCT c.kind) = 1 THEN min(c.kind) END
             FROM group_sources s JOIN connections c ON c.id = s.connection_id WHERE s.group_id = g.id) AS system
        FROM groups g LEFT JOIN pending ON pending.group_id = g.id WHERE g.deleted_at IS NULL
    ) SELECT ";

/// What is asked of all groups that are there, or of those that satisfy a condition.
fn groups(what: &'static str, condition: Option<&GroupCondition>) -> Statement {
    satisfied(Statement::new(GROUPS).sql(what).sql(" FROM g WHERE "), condition)
}

/// Appends a condition, if there is one.
fn satisfied(statement: Statement, condition: Option<&GroupCondition>) -> Statement {
    match condition {
        Some(condition) => {
            let statement = statement.sql("(").and_then(condition.sql().clone()).sql(")");
            statement.kept_if(condition.is_plain())
        }
        None => statement.sql("TRUE"),
    }
}

/// One group, whether or not anybody is shown it.
pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> QueryResult<Option<GroupRow>> {
    groups("g.*", Some(&GroupCondition::id(id))).get_result(conn).await.optional()
}

/// One group, if a view has it.
pub async fn seen_by(conn: &mut AsyncPgConnection, id: Uuid, visibility: &Visibility) -> QueryResult<Option<GroupRow>> {
    let condition = GroupCondition::id(id);
    let condition = match visibility.groups() {
        Some(seen) => condition.and(seen),
        None => condition,
    };
    groups("g.*", Some(&condition)).get_result(conn).await.optional()
}

/// The groups behind a position, in order: all, or those that satisfy a condition.
pub async fn after(
    conn: &mut AsyncPgConnection,
    condition: Option<&GroupCondition>,
    position: i64,
    limit: i64,
) -> QueryResult<Vec<GroupRow>> {
    groups("g.*", condition)
        .sql(" AND g.position > ")
        .bind(Value::Integer(position))
        .sql(" ORDER BY g.position LIMIT ")
        .bind(Value::Integer(limit))
        .load(conn)
        .await
}

/// The groups from an index on (from 0), in order.
pub async fn skipping(
    conn: &mut AsyncPgConnection,
    condition: Option<&GroupCondition>,
    skip: i64,
    limit: i64,
) -> QueryResult<Vec<GroupRow>> {
    // Those that are skipped are counted, not read; unless a condition asks for what only reading tells.
    let page = match condition {
        Some(_) => groups("g.*", condition),
        None => {
            Statement::new(GROUPS).sql("g.* FROM g WHERE g.id IN (SELECT g.id FROM groups g WHERE g.deleted_at IS NULL")
        }
    };
    let end = if condition.is_some() { "" } else { ") ORDER BY g.position" };
    page.sql(" ORDER BY g.position OFFSET ")
        .bind(Value::Integer(skip))
        .sql(" LIMIT ")
        .bind(Value::Integer(limit))
        .sql(end)
        .load(conn)
        .await
}

#[derive(QueryableByName)]
struct Total {
    #[diesel(sql_type = Bigint)]
    total: i64,
}

/// How many groups there are, or satisfy a condition. Without one the number is kept, not counted.
pub async fn total(conn: &mut AsyncPgConnection, condition: Option<&GroupCondition>) -> QueryResult<i64> {
    let total: Total = match condition {
        None => {
            Statement::new(
                "SELECT groups_total + (
                     SELECT count(*) FILTER (WHERE kind = 'group.created')
                          - count(*) FILTER (WHERE kind = 'group.deleted')
                     FROM changes WHERE sequence IS NULL) AS total FROM feed_state",
            )
            .get_result(conn)
            .await?
        }
        Some(condition) => groups("count(*) AS total", Some(condition)).get_result(conn).await?,
    };
    Ok(total.total)
}

/// How many groups there are behind a position, or satisfy a condition there.
pub(super) async fn behind(
    conn: &mut AsyncPgConnection,
    condition: Option<&GroupCondition>,
    position: i64,
) -> QueryResult<i64> {
    let statement = match condition {
        None => Statement::new("SELECT count(*) AS total FROM groups g WHERE g.deleted_at IS NULL"),
        Some(condition) => groups("count(*) AS total", Some(condition)),
    };
    let total: Total = statement.sql(" AND g.position > ").bind(Value::Integer(position)).get_result(conn).await?;
    Ok(total.total)
}

/// A member of a group.
#[derive(Clone, PartialEq, Eq, QueryableByName)]
pub struct Member {
    #[diesel(sql_type = SqlUuid)]
    pub group_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    #[diesel(sql_type = Bigint)]
    pub position: i64,
    #[diesel(sql_type = Nullable<Text>)]
    pub display_name: Option<String>,
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member").field("id", &self.id).field("position", &self.position).finish_non_exhaustive()
    }
}

/// The visible members of one group, behind a position, in the order of all lists.
pub async fn members(
    conn: &mut AsyncPgConnection,
    visibility: &Visibility,
    kind: Kind,
    group: Uuid,
    after: i64,
    limit: i64,
) -> QueryResult<Vec<Member>> {
    let column = column(kind);
    let all = format!("SELECT {column} AS group_id, id, position, display_name FROM people WHERE {column} = ");
    let statement = Statement::new(all).bind(Value::Uuid(group)).sql(" AND position > ").bind(Value::Integer(after));
    let statement = seen(statement, visibility).sql(" ORDER BY position LIMIT ").bind(Value::Integer(limit));
    statement.load(conn).await
}

/// All visible members of several small groups, in one statement, each group's in order.
pub async fn members_of_all(
    conn: &mut AsyncPgConnection,
    visibility: &Visibility,
    groups: &[(Kind, Uuid)],
) -> QueryResult<Vec<Member>> {
    let each = "SELECT {column} AS group_id, id, position, display_name FROM people WHERE {column} = ANY(";
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    of_each_kind(visibility, groups, each, "").sql(" ORDER BY group_id, position").load(conn).await
}

/// The groups with these ids that a view has: the place of each in lists, and its id with its display name behind it.
pub(super) async fn shown_groups(
    mut conn: &AsyncPgConnection,
    ids: Vec<Uuid>,
    visibility: &Visibility,
) -> QueryResult<BTreeMap<Uuid, (i64, String)>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
        #[diesel(sql_type = Bigint)]
        position: i64,
        #[diesel(sql_type = Text)]
        display_name: String,
    }
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let statement = Statement::new("SELECT g.id, g.position, g.display_name FROM groups g WHERE g.id = ANY(")
        .bind(Value::Uuids(ids))
        .sql(")");
    let statement = match visibility.visible_groups() {
        Some(seen) => statement.sql(" AND ").and_then(seen),
        None => statement,
    };
    let rows: Vec<Row> = statement.load(&mut conn).await?;
    Ok(rows.into_iter().map(|row| (row.id, (row.position, format!("{}{}", row.id, row.display_name)))).collect())
}

/// What tells the members of groups that a view has from others, by group: another text as soon as one comes, goes, or
/// is shown by another name, where names are shown. Groups without members have none.
pub async fn member_tags(
    conn: &mut AsyncPgConnection,
    visibility: &Visibility,
    groups: &[(Kind, Uuid)],
    with_names: bool,
) -> QueryResult<BTreeMap<Uuid, String>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        group_id: Uuid,
        #[diesel(sql_type = Text)]
        tag: String,
    }
    let name = if with_names { " || coalesce(display_name, '')" } else { "" };
    let each = format!(
        "SELECT {{column}} AS group_id,
            encode(sha256(convert_to(string_agg(id::text{name}, E'\\n' ORDER BY position), 'UTF8')), 'hex') AS tag
        FROM people WHERE {{column}} = ANY("
    );
    if groups.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<Row> = of_each_kind(visibility, groups, &each, " GROUP BY {column}").load(conn).await?;
    Ok(rows.into_iter().map(|row| (row.group_id, row.tag)).collect())
}

/// The same of the people in each of these groups: one question for each kind, put together. All kinds are asked, also
/// for no group, so that it is one statement whichever groups there are.
fn of_each_kind(visibility: &Visibility, groups: &[(Kind, Uuid)], each: &str, end: &str) -> Statement {
    Kind::ALL.into_iter().enumerate().fold(Statement::new(""), |all, (n, kind)| {
        let ids = groups.iter().filter(|(of, _)| *of == kind).map(|(_, id)| *id).collect();
        let union = if n > 0 { " UNION ALL " } else { "" };
        let each = all.sql(union).sql(each.replace("{column}", column(kind))).bind(Value::Uuids(ids)).sql(")");
        seen(each, visibility).sql(end.replace("{column}", column(kind)))
    })
}

/// Appends that the view has the person.
fn seen(statement: Statement, visibility: &Visibility) -> Statement {
    match visibility.people() {
        Some(condition) => statement.sql(" AND ").and_then(condition.sql().clone()),
        None => statement,
    }
}

/// The groups whose row `g` satisfies a condition, and their kinds: also those that can have no members any more.
pub(super) async fn satisfying(conn: &mut AsyncPgConnection, condition: &Sql) -> QueryResult<Vec<(Uuid, Kind)>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
        #[diesel(sql_type = Text)]
        kind: String,
    }
    let statement = Statement::new("SELECT g.id, g.kind FROM groups g WHERE ").and_then(condition.clone());
    let statement = statement.kept_if(false);
    let rows: Vec<Row> = statement.load(conn).await?;
    Ok(rows.into_iter().filter_map(|row| Some((row.id, Kind::parse(&row.kind)?))).collect())
}

/// The names of all groups that are there.
pub(super) async fn names(conn: &mut AsyncPgConnection) -> QueryResult<Vec<(Uuid, String)>> {
    use super::db::schema::groups;
    groups::table.filter(groups::deleted_at.is_null()).select((groups::id, groups::name)).load(conn).await
}

/// A group that satisfies a condition, and the value that it is sorted by.
#[derive(Clone, QueryableByName)]
pub(super) struct Sortable {
    #[diesel(sql_type = Bigint)]
    pub(super) position: i64,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) value: Option<String>,
}

/// All groups that satisfy a condition, in no order.
pub(super) async fn sortable(
    conn: &mut AsyncPgConnection,
    condition: Option<&GroupCondition>,
    value: &Sql,
) -> QueryResult<Vec<Sortable>> {
    let statement = Statement::new(GROUPS).sql("g.position, ").and_then(value.clone()).sql(" AS value FROM g WHERE ");
    satisfied(statement, condition).load(conn).await
}

/// The groups at these positions, in no order.
pub(super) async fn at(conn: &mut AsyncPgConnection, positions: Vec<i64>) -> QueryResult<Vec<GroupRow>> {
    groups("g.*", None).sql(" AND g.position = ANY(").bind(Value::Integers(positions)).sql(")").load(conn).await
}

/// A kind of groups, as it is switched.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct KindRow {
    #[diesel(sql_type = Text)]
    pub kind: String,
    #[diesel(sql_type = Int2)]
    pub ordinal: i16,
    #[diesel(sql_type = Bool)]
    pub enabled: bool,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub changed_at: Option<DateTime<Utc>>,
    /// Groups that are there, retired ones with them.
    #[diesel(sql_type = Bigint)]
    pub groups: i64,
    /// No groups of a person have to be found again.
    #[diesel(sql_type = Bool)]
    pub settled: bool,
}

/// All kinds, in order.
pub async fn kinds(conn: &mut AsyncPgConnection) -> QueryResult<Vec<KindRow>> {
    diesel::sql_query(
        "SELECT k.kind, k.ordinal, k.enabled, k.changed_at,
             (SELECT count(*) FROM groups g WHERE g.kind = k.kind AND g.deleted_at IS NULL) AS groups,
             NOT EXISTS (SELECT FROM group_walk WHERE through IS NOT NULL) AS settled
         FROM group_kinds k ORDER BY k.ordinal",
    )
    .load(conn)
    .await
}

/// What is behind a group.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct SourceRow {
    #[diesel(sql_type = SqlUuid)]
    pub connection_id: Uuid,
    /// The connection's name, if it is still there.
    #[diesel(sql_type = Nullable<Text>)]
    pub connection: Option<String>,
    /// Empty where the HR system has only names.
    #[diesel(sql_type = Text)]
    pub source_id: String,
}

/// The source ids that were seen behind a group.
pub async fn sources(conn: &mut AsyncPgConnection, group: Uuid) -> QueryResult<Vec<SourceRow>> {
    diesel::sql_query(
        "SELECT s.connection_id, c.name AS connection, s.source_id
         FROM group_sources s LEFT JOIN connections c ON c.id = s.connection_id
         WHERE s.group_id = $1 ORDER BY c.ordinal, s.source_id",
    )
    .bind::<SqlUuid, _>(group)
    .load(conn)
    .await
}

/// The keys under which people join a group.
pub async fn keys(conn: &mut AsyncPgConnection, group: Uuid) -> QueryResult<Vec<String>> {
    use super::db::schema::group_keys;
    group_keys::table
        .filter(group_keys::group_id.eq(group))
        .order(group_keys::key)
        .select(group_keys::key)
        .load(conn)
        .await
}
