//! Writing groups: keys and ids issued, names given. Who is in a group is written with the people.
//!
//! No row of a group is touched by those who join or leave it. Who joins holds the row of the key (`FOR KEY SHARE`),
//! which does not keep others from joining; who renames or removes a group takes it for itself.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Int8, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::columns::column;
use crate::directory::groups::Kind;
use crate::store::db::schema::{group_sources, groups};

/// Which group a key leads to.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct KeyRow {
    #[diesel(sql_type = Text)]
    pub kind: String,
    #[diesel(sql_type = Text)]
    pub key: String,
    #[diesel(sql_type = SqlUuid)]
    pub group_id: Uuid,
}

/// The groups that these keys lead to, held until the transaction ends: none is renamed or removed meanwhile.
pub async fn lock_keys(conn: &mut AsyncPgConnection, keys: &[(&str, &str)]) -> QueryResult<Vec<KeyRow>> {
    let (kinds, keys): (Vec<&str>, Vec<&str>) = keys.iter().copied().unzip();
    diesel::sql_query(
        "SELECT k.kind, k.key, k.group_id FROM unnest($1, $2) AS w (kind, key)
         JOIN group_keys k ON k.kind = w.kind AND k.key = w.key ORDER BY k.kind, k.key FOR KEY SHARE OF k",
    )
    .bind::<Array<Text>, _>(kinds)
    .bind::<Array<Text>, _>(keys)
    .load(conn)
    .await
}

/// Issues ids for keys that lead nowhere, in this order. Those that another transaction made meanwhile are not
/// answered.
pub async fn create_missing(conn: &mut AsyncPgConnection, keys: &[KeyRow]) -> QueryResult<Vec<KeyRow>> {
    diesel::sql_query(
        "INSERT INTO group_keys (kind, key, group_id)
         SELECT kind, key, group_id FROM unnest($1, $2, $3) AS new (kind, key, group_id)
         ON CONFLICT (kind, key) DO NOTHING RETURNING kind, key, group_id",
    )
    .bind::<Array<Text>, _>(keys.iter().map(|row| row.kind.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(keys.iter().map(|row| row.key.as_str()).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(keys.iter().map(|row| row.group_id).collect::<Vec<_>>())
    .load(conn)
    .await
}

/// A group that comes into being.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = groups)]
pub struct NewGroup {
    pub id: Uuid,
    pub kind: String,
    pub key: String,
    pub name: String,
    pub display_name: String,
    pub display_name_key: String,
    pub created_at: DateTime<Utc>,
    pub modified_at: DateTime<Utc>,
}

pub async fn insert(conn: &mut AsyncPgConnection, new: &[NewGroup]) -> QueryResult<usize> {
    diesel::insert_into(groups::table).values(new).execute(conn).await
}

/// What a group is called.
#[derive(Clone, Debug, PartialEq, Eq, HasQuery)]
#[diesel(table_name = groups)]
pub struct GroupName {
    pub id: Uuid,
    pub position: i64,
    pub kind: String,
    pub key: String,
    pub name: String,
    pub display_name: String,
    pub deleted_at: Option<DateTime<Utc>>,
}

/// What these groups are called, gone ones with them, in order.
pub async fn called(conn: &mut AsyncPgConnection, ids: &[Uuid]) -> QueryResult<Vec<GroupName>> {
    GroupName::query().filter(groups::id.eq_any(ids)).order(groups::position).load(conn).await
}

/// Which of these groups are gone.
pub async fn gone(conn: &mut AsyncPgConnection, ids: &[Uuid]) -> QueryResult<Vec<GroupName>> {
    GroupName::query()
        .filter(groups::id.eq_any(ids))
        .filter(groups::deleted_at.is_not_null())
        .order(groups::position)
        .load(conn)
        .await
}

/// Which of these display names a group has.
pub async fn taken_names(conn: &mut AsyncPgConnection, keys: &[String]) -> QueryResult<Vec<String>> {
    groups::table
        .filter(groups::display_name_key.eq_any(keys))
        .filter(groups::deleted_at.is_null())
        .select(groups::display_name_key)
        .load(conn)
        .await
}

/// What a group is called from now on.
#[derive(Clone, Debug)]
pub struct Naming<'a> {
    pub name: &'a str,
    pub display_name: &'a str,
    pub display_name_key: &'a str,
}

/// Gives a group another name, and lets a gone one be there again.
pub async fn name(conn: &mut AsyncPgConnection, id: Uuid, naming: &Naming<'_>) -> QueryResult<()> {
    diesel::update(groups::table.find(id))
        .set((
            groups::name.eq(naming.name),
            groups::display_name.eq(naming.display_name),
            groups::display_name_key.eq(naming.display_name_key),
            groups::deleted_at.eq(None::<DateTime<Utc>>),
        ))
        .execute(conn)
        .await
        .map(drop)
}

/// The keys that lead to a group, which no other transaction can join by until this one ends.
pub async fn take(conn: &mut AsyncPgConnection, group: Uuid) -> QueryResult<Vec<String>> {
    use crate::store::db::schema::group_keys;
    group_keys::table
        .filter(group_keys::group_id.eq(group))
        .order(group_keys::key)
        .select(group_keys::key)
        .for_update()
        .load(conn)
        .await
}

/// Moves a group from one key to another, which leads nowhere yet; `false` if it does by now.
pub async fn move_key(conn: &mut AsyncPgConnection, kind: &str, id: Uuid, old: &str, new: &str) -> QueryResult<bool> {
    let key = KeyRow { kind: kind.to_owned(), key: new.to_owned(), group_id: id };
    if create_missing(conn, std::slice::from_ref(&key)).await?.is_empty() {
        return Ok(false);
    }
    diesel::sql_query("DELETE FROM group_keys WHERE kind = $1 AND key = $2 AND group_id = $3")
        .bind::<Text, _>(kind)
        .bind::<Text, _>(old)
        .bind::<SqlUuid, _>(id)
        .execute(conn)
        .await?;
    diesel::update(groups::table.find(id)).set(groups::key.eq(new)).execute(conn).await?;
    Ok(true)
}

/// Lets a key lead to a group, wherever it led before.
pub async fn alias(conn: &mut AsyncPgConnection, kind: &str, key: &str, group: Uuid) -> QueryResult<bool> {
    // Who is joining by the key is waited for; the walk that follows finds them.
    diesel::sql_query("SELECT FROM group_keys WHERE kind = $1 AND key = $2 FOR UPDATE")
        .bind::<Text, _>(kind)
        .bind::<Text, _>(key)
        .execute(conn)
        .await?;
    diesel::sql_query(
        "INSERT INTO group_keys (kind, key, group_id) VALUES ($1, $2, $3)
         ON CONFLICT (kind, key) DO UPDATE SET group_id = excluded.group_id
         WHERE group_keys.group_id <> excluded.group_id",
    )
    .bind::<Text, _>(kind)
    .bind::<Text, _>(key)
    .bind::<SqlUuid, _>(group)
    .execute(conn)
    .await
    .map(|rows| rows == 1)
}

/// A source id and the group it was seen behind.
#[derive(Clone, Debug, PartialEq, Eq, HasQuery, Insertable, QueryableByName)]
#[diesel(table_name = group_sources)]
pub struct Seen {
    pub group_id: Uuid,
    pub kind: String,
    pub connection_id: Uuid,
    /// Empty where the HR system has only names.
    pub source_id: String,
}

/// What is remembered of source ids, each with its kind and connection. None of them is empty.
pub async fn seen(conn: &mut AsyncPgConnection, sources: &[(Kind, Uuid, &str)]) -> QueryResult<Vec<Seen>> {
    if sources.is_empty() {
        return Ok(Vec::new());
    }
    diesel::sql_query(
        "SELECT s.group_id, s.kind, s.connection_id, s.source_id
         FROM unnest($1, $2, $3) AS w (kind, connection_id, source_id)
         JOIN group_sources s ON s.kind = w.kind AND s.connection_id = w.connection_id
             AND s.source_id = w.source_id AND s.source_id <> ''",
    )
    .bind::<Array<Text>, _>(sources.iter().map(|(kind, ..)| kind.as_str()).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(sources.iter().map(|(_, connection, _)| *connection).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(sources.iter().map(|(.., id)| *id).collect::<Vec<_>>())
    .load(conn)
    .await
}

/// Which connections are remembered to speak of these groups by name alone.
pub async fn named_by(conn: &mut AsyncPgConnection, groups: &[Uuid]) -> QueryResult<Vec<Seen>> {
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    Seen::query()
        .filter(group_sources::group_id.eq_any(groups))
        .filter(group_sources::source_id.eq(""))
        .load(conn)
        .await
}

/// What is remembered behind a group, by id.
pub async fn seen_behind(conn: &mut AsyncPgConnection, group: Uuid) -> QueryResult<Vec<Seen>> {
    Seen::query().filter(group_sources::group_id.eq(group)).filter(group_sources::source_id.ne("")).load(conn).await
}

/// Remembers which group a source id is behind: the latest counts.
pub async fn remember(conn: &mut AsyncPgConnection, new: &[Seen]) -> QueryResult<()> {
    for part in new.chunks(1_000) {
        let bind = |named: bool| part.iter().filter(move |seen| seen.source_id.is_empty() != named);
        for (named, conflict) in [
            (false, "DO NOTHING"),
            (
                true,
                "(kind, connection_id, source_id) WHERE source_id <> ''
                 DO UPDATE SET group_id = excluded.group_id WHERE group_sources.group_id <> excluded.group_id",
            ),
        ] {
            if bind(named).next().is_none() {
                continue;
            }
            diesel::sql_query(format!(
                "INSERT INTO group_sources (group_id, kind, connection_id, source_id)
                 SELECT * FROM unnest($1, $2, $3, $4) AS new (group_id, kind, connection_id, source_id)
                 ORDER BY 2, 3, 4 ON CONFLICT {conflict}"
            ))
            .bind::<Array<SqlUuid>, _>(bind(named).map(|seen| seen.group_id).collect::<Vec<_>>())
            .bind::<Array<Text>, _>(bind(named).map(|seen| seen.kind.as_str()).collect::<Vec<_>>())
            .bind::<Array<SqlUuid>, _>(bind(named).map(|seen| seen.connection_id).collect::<Vec<_>>())
            .bind::<Array<Text>, _>(bind(named).map(|seen| seen.source_id.as_str()).collect::<Vec<_>>())
            .execute(conn)
            .await?;
        }
    }
    Ok(())
}

/// What some members of a group will carry, and the same for all of them.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct CarriedRow {
    #[diesel(sql_type = Bool)]
    pub active: bool,
    #[diesel(sql_type = Nullable<Text>)]
    pub name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub source_id: Option<String>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub connection_id: Option<Uuid>,
}

/// Whether a plan leaves a member of a group as they are: they carry what they joined by, and the group keeps its name.
pub async fn is_kept(conn: &mut AsyncPgConnection, plan: Uuid, kind: Kind, group: Uuid) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Bool)]
        found: bool,
    }
    diesel::sql_query(format!(
        "SELECT EXISTS (
             SELECT FROM people p WHERE p.{} = $2 AND NOT EXISTS (
                 SELECT FROM plan_items i WHERE i.plan_id = $1 AND i.person_id = p.id AND i.state = 'planned')
         ) AS found",
        column(kind)
    ))
    .bind::<SqlUuid, _>(plan)
    .bind::<SqlUuid, _>(group)
    .get_result::<Found>(conn)
    .await
    .map(|row| row.found)
}

/// What the members of a group carry once a plan is applied. `attributes` are the names of the attribute and of its id;
/// `unit` is theirs; its origin is sought among the groups of units.
pub async fn carried(
    conn: &mut AsyncPgConnection,
    plan: Uuid,
    kind: Kind,
    group: Uuid,
    attributes: (&str, &str),
    unit: &str,
) -> QueryResult<Vec<CarriedRow>> {
    diesel::sql_query(format!(
        "SELECT DISTINCT (v.person ->> 'active')::boolean AS active, v.person -> 'attributes' ->> $3 AS name,
             v.person -> 'attributes' ->> $4 AS source_id,
             coalesce(
                 jsonb_path_query_first(v.person, '$.provenance[*] ? (@.units[*] == $unit).connection',
                     jsonb_build_object('unit', $5)) #>> '{{}}',
                 v.person -> 'source' ->> 'connection')::uuid AS connection_id
         FROM people p
         LEFT JOIN plan_items i ON i.plan_id = $1 AND i.person_id = p.id AND i.state = 'planned'
         CROSS JOIN LATERAL (SELECT coalesce(i.target, p.person) AS person) AS v
         WHERE p.{} = $2",
        column(kind)
    ))
    .bind::<SqlUuid, _>(plan)
    .bind::<SqlUuid, _>(group)
    .bind::<Text, _>(attributes.0)
    .bind::<Text, _>(attributes.1)
    .bind::<Text, _>(unit)
    .load(conn)
    .await
}

/// How many members of a group carry a name, in one spelling, once a plan is applied.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct SpellingRow {
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Int8)]
    pub members: i64,
}

/// The spellings of a group's name among the members who stay active. `path` leads to the name in a stored person.
pub async fn spellings(
    conn: &mut AsyncPgConnection,
    plan: Uuid,
    kind: Kind,
    group: Uuid,
    path: &[&str],
) -> QueryResult<Vec<SpellingRow>> {
    diesel::sql_query(format!(
        "SELECT v.person #>> $3 AS name, count(*) AS members
         FROM people p
         LEFT JOIN plan_items i ON i.plan_id = $1 AND i.person_id = p.id AND i.state = 'planned'
         CROSS JOIN LATERAL (SELECT coalesce(i.target, p.person) AS person) AS v
         WHERE p.{} = $2 AND (v.person ->> 'active')::boolean AND v.person #>> $3 IS NOT NULL
         GROUP BY 1",
        column(kind)
    ))
    .bind::<SqlUuid, _>(plan)
    .bind::<SqlUuid, _>(group)
    .bind::<Array<Text>, _>(path)
    .load(conn)
    .await
}

/// The names of people, for the groups of those who report to them.
pub async fn names_of(conn: &mut AsyncPgConnection, ids: &[Uuid]) -> QueryResult<Vec<(Uuid, String)>> {
    use crate::store::db::schema::people;
    people::table
        .filter(people::id.eq_any(ids))
        .select((people::id, diesel::dsl::sql::<Text>("coalesce(display_name, user_name)")))
        .load(conn)
        .await
}

/// The groups that have had no member since before `oldest`.
pub async fn outlived(conn: &mut AsyncPgConnection, oldest: DateTime<Utc>) -> QueryResult<Vec<GroupName>> {
    GroupName::query()
        .filter(groups::retired_since.lt(oldest))
        .filter(groups::deleted_at.is_null())
        .order(groups::position)
        .load(conn)
        .await
}

/// Deletes a group if it has no members; its keys have to be taken. `false` if it has some.
pub async fn remove(
    conn: &mut AsyncPgConnection,
    kind: Kind,
    id: Uuid,
    oldest: DateTime<Utc>,
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    diesel::sql_query(format!(
        "UPDATE groups SET deleted_at = $3 WHERE id = $1 AND retired_since < $2 AND deleted_at IS NULL
           AND NOT EXISTS (SELECT FROM people WHERE {} = $1)",
        column(kind)
    ))
    .bind::<SqlUuid, _>(id)
    .bind::<Timestamptz, _>(oldest)
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .await
    .map(|rows| rows == 1)
}
