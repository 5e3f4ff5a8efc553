//! Saved positions: where pages by index ended, so that the next index is served with a keyset query.
//!
//! A client that reads sequentially names only the next index. Several clients of one consumer may be about to ask for
//! the same index, and their last pages may have ended at different resources. All these positions are kept, and a page
//! begins behind the earliest one: a resource may then come twice, but none is left out (docs/decisions/0014).

use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryableByName;
use diesel::result::{DatabaseErrorKind, Error, QueryResult};
use diesel::sql_types::{Bigint, Bool, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::types::{Begin, Continued, End, PageRequest, PageStart, Position, Read, Remaining, SavedPosition};
use crate::store::filter::sql::{Statement, Value};

/// How long a position stays valid after it was saved.
pub(crate) const VALID_FOR: TimeDelta = TimeDelta::hours(1);
/// How long the positions of a finished walk stay valid, for a client that lost an answer.
const RETRIED_FOR: TimeDelta = TimeDelta::minutes(3);
/// Walks of one list that are told apart. Further ones share a row with one that began shortly before.
const TOLD_APART: i64 = 16;
/// How long a walk takes further clients in.
const SHARED_FOR: TimeDelta = TimeDelta::minutes(5);
/// Finished walks of one list that are kept for retries.
const FINISHED_KEPT: i64 = 8;
/// A walk whose last page was read so recently goes on beside one that begins.
const GOES_ON_FOR: TimeDelta = TimeDelta::minutes(1);

/// What is known of a requested index before the list is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resume {
    positions: Vec<SavedPosition>,
    /// The number of the feed when the positions were looked up.
    pub(crate) sequence: Option<i64>,
    /// Whether there were changes without a number then.
    has_unnumbered: bool,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Bigint)]
    last_sequence: i64,
    #[diesel(sql_type = Bool)]
    has_unnumbered: bool,
    #[diesel(sql_type = Nullable<Bigint>)]
    walk: Option<i64>,
    #[diesel(sql_type = Nullable<Bigint>)]
    last_position: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    last_key: Option<String>,
    #[diesel(sql_type = Nullable<Bool>)]
    is_rooted: Option<bool>,
    #[diesel(sql_type = Nullable<Bool>)]
    is_waiting: Option<bool>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    started_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    finished_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Bigint>)]
    remaining: Option<i64>,
    #[diesel(sql_type = Nullable<Bigint>)]
    through: Option<i64>,
}

impl Row {
    fn position(self) -> Option<SavedPosition> {
        Some(SavedPosition {
            walk: self.walk?,
            place: Position { key: self.last_key, position: self.last_position? },
            is_rooted: self.is_rooted?,
            is_waiting: self.is_waiting?,
            started_at: self.started_at?,
            finished_at: self.finished_at,
            remaining: self.remaining.zip(self.through).map(|(count, through)| Remaining { count, through }),
        })
    }
}

/// How to count in a list. Both counts are of the snapshot in which the page is read.
pub(crate) trait Counting {
    /// How many resources are in the list.
    async fn total(&self, conn: &mut AsyncPgConnection) -> QueryResult<i64>;
    /// How many of them follow a place.
    async fn remaining(&self, conn: &mut AsyncPgConnection, place: &Position) -> QueryResult<i64>;
}

impl Resume {
    /// Looks up the saved positions for the requested index.
    pub(crate) async fn load(conn: &mut AsyncPgConnection, request: &PageRequest<'_>) -> QueryResult<Self> {
        let Some(index) = request.index().filter(|index| *index > 1 && request.count > 0) else {
            return Ok(Self::default());
        };
        let statement = Statement::new(
            "SELECT s.last_sequence, EXISTS (SELECT FROM changes WHERE sequence IS NULL) AS has_unnumbered, p.*
             FROM feed_state s LEFT JOIN LATERAL (
                SELECT p.walk, p.last_position, p.last_key, p.is_rooted,
                    p.waiting > 0 OR w.is_shared AS is_waiting, w.started_at, w.finished_at,
                    p.remaining, p.through
                FROM page_walks w JOIN page_positions p ON p.walk = w.id WHERE w.caller = ",
        )
        .bind(Value::Uuid(request.caller))
        .sql(" AND w.query = ")
        .bind(Value::Bytes(request.query.to_vec()))
        .sql(" AND p.next_start_index = ")
        .bind(Value::Integer(index))
        .sql(" AND p.saved_at > ")
        .bind(Value::Instant(request.now - VALID_FOR))
        .sql(" AND (w.finished_at IS NULL OR w.finished_at > ")
        .bind(Value::Instant(request.now - RETRIED_FOR))
        .sql(")) AS p ON TRUE");
        let loaded: QueryResult<Vec<Row>> = statement.load(conn).await;
        let rows = match loaded {
            Ok(rows) => rows,
            Err(error) => {
                return if is_read_only(conn, &error).await { Ok(Self::default()) } else { Err(error) };
            }
        };
        let first = rows.as_slice().first();
        let sequence = first.map(|row| row.last_sequence);
        let has_unnumbered = first.is_none_or(|row| row.has_unnumbered);
        let positions = rows.into_iter().filter_map(Row::position).collect();
        Ok(Self { positions, sequence, has_unnumbered })
    }

    /// The number of the feed up to which a count of now takes changes into account, if there are no others.
    pub(crate) fn settled_sequence(&self) -> Option<i64> {
        self.sequence.filter(|_| !self.has_unnumbered)
    }

    /// Where the page begins.
    ///
    /// A client that waits is served behind the earliest position of all walks from index 1 that have not finished. If
    /// no client is known to wait, the request is a retry or a jump: it begins at the live count, or at a position if
    /// that is earlier.
    pub(crate) async fn start(
        &self,
        conn: &mut AsyncPgConnection,
        index: i64,
        list: &impl Counting,
    ) -> QueryResult<PageStart> {
        let skip = index.saturating_sub(1);
        let is_live = self.positions.iter().any(|one| one.is_live() && one.is_waiting);
        // A client may read on behind the last page of its walk, until a page is empty.
        let is_waiting = is_live || self.positions.iter().any(|one| one.is_rooted && one.is_waiting);
        let belongs = |one: &&SavedPosition| if is_live { one.is_live() } else { !is_waiting || one.is_rooted };
        let candidates: Vec<&SavedPosition> = self.positions.iter().filter(belongs).collect();
        let mut ranked = ranked(conn, candidates, list).await?;
        // The earliest first.
        ranked.sort_by_key(|(rank, _)| *rank);
        let Some((rank, earliest)) = ranked.as_slice().first() else { return Ok(PageStart::new(Begin::Skip(skip))) };
        // The position that was reached last is used up first, so that the earliest stays for the client that it may
        // belong to.
        let preference = |one: &SavedPosition| (one.is_live(), one.finished_at.is_none(), one.is_waiting);
        let continued = ranked.iter().max_by_key(|(rank, one)| (preference(one), *rank)).map(|(_, one)| *one);
        // A walk beside this one has just finished here: its client may ask again for an answer that got lost.
        let is_retry = |continued: &SavedPosition| {
            continued.finished_at.is_none()
                && self.positions.iter().filter_map(|one| one.finished_at).any(|at| at > continued.started_at)
        };
        let mut start = PageStart {
            begin: Begin::After(earliest.place.clone()),
            remaining: match rank {
                Rank::Remaining(remaining) => Some(remaining.saturating_neg()),
                Rank::Only | Rank::Position(_) => None,
            },
            saved: earliest.remaining,
            waiting_in: ranked
                .iter()
                .filter(|(_, one)| one.is_waiting && continued.is_none_or(|continued| continued.walk != one.walk))
                .map(|(_, one)| one.walk)
                .collect(),
            continues: continued.map(|one| Continued { walk: one.walk, place: one.place.clone() }),
            can_finish: continued.is_none_or(|one| !is_retry(one)),
            is_rooted: ranked.iter().any(|(_, one)| one.is_rooted),
        };
        if !is_waiting {
            let remaining = match start.remaining {
                Some(remaining) => remaining,
                None => list.remaining(conn, &earliest.place).await?,
            };
            if list.total(conn).await?.saturating_sub(remaining) < skip {
                start.remaining = Some(remaining);
            } else {
                start = PageStart { begin: Begin::Skip(skip), remaining: None, saved: None, ..start };
            }
        }
        Ok(start)
    }

    /// Whether nothing has changed since a count.
    pub(crate) fn is_current(&self, saved: Remaining) -> bool {
        self.settled_sequence() == Some(saved.through)
    }
}

/// Orders the positions of a list, the earliest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// There is no other.
    Only,
    /// In lists without a sort value.
    Position(i64),
    /// The negated number of resources that follow.
    Remaining(i64),
}

async fn ranked<'a>(
    conn: &mut AsyncPgConnection,
    candidates: Vec<&'a SavedPosition>,
    list: &impl Counting,
) -> QueryResult<Vec<(Rank, &'a SavedPosition)>> {
    let is_one = candidates.windows(2).all(|pair| pair[0].place == pair[1].place);
    let is_unsorted = candidates.iter().all(|one| one.place.key.is_none());
    let mut ranked: Vec<(Rank, &SavedPosition)> = Vec::with_capacity(candidates.len());
    for one in candidates {
        let known = ranked.iter().find(|(_, other)| other.place == one.place).map(|(rank, _)| *rank);
        let rank = match known {
            Some(rank) => rank,
            None if is_one => Rank::Only,
            None if is_unsorted => Rank::Position(one.place.position),
            None => Rank::Remaining(list.remaining(conn, &one.place).await?.saturating_neg()),
        };
        ranked.push((rank, one));
    }
    Ok(ranked)
}

/// Saves where a page ended and uses up the position it began behind. An error is logged and does not fail the page:
/// the next index is then counted to.
async fn save_position(
    conn: &mut AsyncPgConnection,
    request: &PageRequest<'_>,
    start: &PageStart,
    end: Option<&End>,
    remaining: Option<Remaining>,
) {
    let Some(index) = request.saved_index() else { return };
    let is_end = end.is_none_or(|end| !end.goes_on);
    let saved = match (&start.continues, end) {
        (Some(_), _) if is_end && !start.can_finish => Ok(()),
        (Some(continued), _) => {
            let gone_on = go_on(conn, request, index, continued, start.is_rooted, end, remaining).await;
            match gone_on {
                Ok(()) => refresh(conn, request, index, &start.waiting_in).await,
                Err(error) => Err(error),
            }
        }
        // All of it in one page, as most questions have it, is no walk.
        (None, Some(end)) if end.goes_on => begin(conn, request, index, start.is_rooted, end, remaining).await,
        (None, _) => Ok(()),
    };
    if let Err(error) = saved {
        if is_read_only(conn, &error).await {
            tracing::debug!("the database is read-only: the position of a page is not saved");
        } else {
            tracing::warn!("the position of a page could not be saved: {}", kind(&error));
        }
    }
}

/// What went wrong, without values of rows.
fn kind(error: &Error) -> String {
    match error {
        Error::DatabaseError(kind, _) => format!("{kind:?}"),
        _ => "the database did not answer".to_owned(),
    }
}

/// Whether a statement failed because the database takes no writes, as a standby, which has no unlogged tables either.
async fn is_read_only(conn: &mut AsyncPgConnection, error: &Error) -> bool {
    #[derive(QueryableByName)]
    struct Recovery {
        #[diesel(sql_type = Bool)]
        is_standby: bool,
    }
    match error {
        Error::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _) => true,
        Error::DatabaseError(..) => {
            let recovery: QueryResult<Recovery> =
                Statement::new("SELECT pg_is_in_recovery() AS is_standby").get_result(conn).await;
            recovery.is_ok_and(|recovery| recovery.is_standby)
        }
        _ => false,
    }
}

/// Saves a position of a walk that exists.
async fn go_on(
    conn: &mut AsyncPgConnection,
    request: &PageRequest<'_>,
    index: i64,
    continued: &Continued,
    is_rooted: bool,
    end: Option<&End>,
    remaining: Option<Remaining>,
) -> QueryResult<()> {
    let Continued { walk, place } = continued;
    let statement = Statement::new("WITH used AS (UPDATE page_positions SET waiting = waiting - 1 WHERE walk = ")
        .bind(Value::Integer(*walk))
        .sql(" AND next_start_index = ")
        .bind(Value::Integer(index))
        .sql(" AND last_position = ")
        .bind(Value::Integer(place.position));
    // Another client may wait at the same index of the walk, behind another place.
    let statement = match &place.key {
        Some(key) => statement.sql(" AND last_key = ").bind(Value::Text(key.clone())),
        None => statement.sql(" AND last_key IS NULL"),
    }
    .sql(" AND waiting > 0), there AS (SELECT id FROM page_walks WHERE id = ")
    .bind(Value::Integer(*walk))
    .sql(")");
    let statement = match end {
        Some(end) => saved(statement, request, index, is_rooted, end, remaining),
        None => statement.sql(" SELECT FROM there"),
    };
    statement.execute(conn).await?;
    if end.is_none_or(|end| !end.goes_on) {
        finish(conn, request, *walk).await?;
    }
    Ok(())
}

/// Keeps the positions at which other clients may wait. Which client waits where is not known: the one that was served
/// last may be the one that still waits, however old the position is.
async fn refresh(
    conn: &mut AsyncPgConnection,
    request: &PageRequest<'_>,
    index: i64,
    walks: &[i64],
) -> QueryResult<()> {
    for walk in walks {
        Statement::new("UPDATE page_positions SET saved_at = ")
            .bind(Value::Instant(request.now))
            .sql(" WHERE waiting > 0 AND walk = ")
            .bind(Value::Integer(*walk))
            .sql(" AND next_start_index = ")
            .bind(Value::Integer(index))
            .execute(conn)
            .await?;
    }
    Ok(())
}

/// Begins a walk with its first position.
async fn begin(
    conn: &mut AsyncPgConnection,
    request: &PageRequest<'_>,
    index: i64,
    is_rooted: bool,
    end: &End,
    remaining: Option<Remaining>,
) -> QueryResult<()> {
    let statement = Statement::new(
        "WITH others AS (
            SELECT count(*) AS walks, max(id) AS id FROM page_walks WHERE finished_at IS NULL AND caller = ",
    )
    .bind(Value::Uuid(request.caller))
    .sql(" AND query = ")
    .bind(Value::Bytes(request.query.to_vec()))
    .sql(" AND started_at > ")
    .bind(Value::Instant(request.now - VALID_FOR))
    .sql("), joined AS (SELECT w.id, w.is_shared FROM page_walks w JOIN others USING (id) WHERE others.walks >= ")
    .bind(Value::Integer(TOLD_APART))
    .sql(" AND w.started_at > ")
    .bind(Value::Instant(request.now - SHARED_FOR))
    .sql(
        "), superseded AS (DELETE FROM page_walks WHERE id IN (
            SELECT w.id FROM page_walks w WHERE ",
    )
    // What is left of a walk that has ended, or that stands still for a minute while another begins, would make the new
    // walk repeat resources.
    .sql(if is_rooted { "w.caller = " } else { "FALSE AND w.caller = " })
    .bind(Value::Uuid(request.caller))
    .sql(" AND w.query = ")
    .bind(Value::Bytes(request.query.to_vec()))
    .sql(
        " AND NOT w.is_shared AND w.id NOT IN (SELECT id FROM joined)
            AND (SELECT CASE WHEN w.finished_at IS NULL THEN max(p.saved_at) <= ",
    )
    .bind(Value::Instant(request.now - GOES_ON_FOR))
    .sql(
        " ELSE COALESCE(min(p.next_start_index) FILTER (WHERE p.waiting > 0) >= max(p.next_start_index), TRUE) END
             FROM page_positions p WHERE p.walk = w.id)
            FOR UPDATE SKIP LOCKED)
         ), shared AS (UPDATE page_walks w SET is_shared = TRUE FROM joined WHERE w.id = joined.id AND NOT joined.is_shared
         ), begun AS (INSERT INTO page_walks (caller, query, started_at) SELECT ",
    )
    .bind(Value::Uuid(request.caller))
    .sql(", ")
    .bind(Value::Bytes(request.query.to_vec()))
    .sql(", ")
    .bind(Value::Instant(request.now))
    .sql(
        " WHERE NOT EXISTS (SELECT FROM joined) RETURNING id
         ), there AS (SELECT id FROM joined UNION ALL SELECT id FROM begun)",
    );
    saved(statement, request, index, is_rooted, end, remaining).execute(conn).await?;
    Ok(())
}

/// Appends what saves the end of a page for the walk in `there`. Of a position that was saved before
/// it is counted that one more client waits there.
fn saved(
    statement: Statement,
    request: &PageRequest<'_>,
    index: i64,
    is_rooted: bool,
    end: &End,
    remaining: Option<Remaining>,
) -> Statement {
    let next = index.saturating_add(i64::try_from(end.length).unwrap_or(i64::MAX));
    let statement = statement
        .sql(", ended AS (SELECT there.id AS walk, ")
        .bind(Value::Integer(next))
        .sql("::bigint AS next_start_index, ")
        .bind(Value::Integer(end.place.position))
        .sql("::bigint AS last_position, ");
    let statement = match &end.place.key {
        Some(key) => statement.bind(Value::Text(key.clone())),
        None => statement.sql("NULL"),
    };
    let statement = statement
        .sql("::text AS last_key, ")
        .sql(if is_rooted { "TRUE" } else { "FALSE" })
        .sql(" AS is_rooted, ")
        .bind(Value::Instant(request.now))
        .sql("::timestamptz AS saved_at, ");
    let statement = match remaining {
        Some(Remaining { count, through }) => {
            statement.bind(Value::Integer(count)).sql("::bigint AS remaining, ").bind(Value::Integer(through))
        }
        None => statement.sql("NULL::bigint AS remaining, NULL"),
    };
    statement.sql(
        "::bigint AS through FROM there
             ), again AS (UPDATE page_positions p SET saved_at = ended.saved_at, waiting = p.waiting + 1 FROM ended
                WHERE p.walk = ended.walk AND p.next_start_index = ended.next_start_index
                AND p.last_position = ended.last_position AND p.last_key IS NOT DISTINCT FROM ended.last_key
                AND p.is_rooted = ended.is_rooted
                RETURNING p.walk)
             INSERT INTO page_positions
                (walk, next_start_index, last_position, last_key, is_rooted, saved_at, remaining, through)
             SELECT * FROM ended WHERE NOT EXISTS (SELECT FROM again)",
    )
}

/// Notes that a walk has reached the end of the list, unless other clients share it or wait within it. Removes earlier
/// ones.
async fn finish(conn: &mut AsyncPgConnection, request: &PageRequest<'_>, walk: i64) -> QueryResult<()> {
    Statement::new("WITH finished AS (UPDATE page_walks SET finished_at = ")
        .bind(Value::Instant(request.now))
        .sql(" WHERE NOT is_shared AND id = ")
        .bind(Value::Integer(walk))
        .sql(
            " AND NOT EXISTS (SELECT FROM page_positions p WHERE p.walk = page_walks.id AND p.waiting > 0
                AND p.next_start_index < (SELECT max(next_start_index) FROM page_positions WHERE walk = p.walk))
             RETURNING id)
             DELETE FROM page_walks WHERE id IN (
                SELECT id FROM page_walks WHERE finished_at IS NOT NULL AND caller = ",
        )
        .bind(Value::Uuid(request.caller))
        .sql(" AND query = ")
        .bind(Value::Bytes(request.query.to_vec()))
        .sql(" ORDER BY finished_at DESC OFFSET ")
        .bind(Value::Integer(FINISHED_KEPT))
        .sql(") AND EXISTS (SELECT FROM finished)")
        .execute(conn)
        .await?;
    Ok(())
}

/// Removes positions that are no longer valid and walks that have none. Rows that are in use are left for later.
///
/// # Errors
/// Those of the database.
pub async fn forget(conn: &mut AsyncPgConnection, now: DateTime<Utc>) -> QueryResult<usize> {
    let until = now - VALID_FOR;
    let positions =
        Statement::new("DELETE FROM page_positions WHERE ctid IN (SELECT ctid FROM page_positions WHERE saved_at < ")
            .bind(Value::Instant(until))
            .sql(" FOR UPDATE SKIP LOCKED)")
            .execute(conn)
            .await?;
    Statement::new("DELETE FROM page_walks WHERE id IN (SELECT id FROM page_walks w WHERE started_at < ")
        .bind(Value::Instant(until))
        .sql(
            " AND NOT EXISTS (SELECT FROM page_positions p WHERE p.walk = w.id)
             FOR UPDATE SKIP LOCKED)",
        )
        .execute(conn)
        .await?;
    Ok(positions)
}

/// Saves where a page by index ended. Answers with the place where a walk by place goes on.
pub(crate) async fn save<T>(
    conn: &mut AsyncPgConnection,
    request: &PageRequest<'_>,
    read: &Read<T>,
) -> Option<Position> {
    let end = End::of(&read.items, read.goes_on, |(place, _)| place.clone());
    if request.index().is_none() {
        return end.filter(|end| end.goes_on).map(|end| end.place);
    }
    save_position(conn, request, &read.start, end.as_ref(), read.remaining).await;
    None
}
