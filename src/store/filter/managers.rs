//! Reporting lines as SQL: who is above a person, and who is below.

use crate::store::filter::scalar::id;
use crate::store::filter::sql::{Sql, Value, and};

/// The way upward from a person, as far as it is shown (see [`superiors`]): begins an `EXISTS`.
pub(crate) fn upward(seen: Option<&Sql>) -> Sql {
    let first = Sql::of(
        "EXISTS (WITH RECURSIVE chain AS (
             SELECT m.id, m.search_values, m.manager_id, 1 AS level, ARRAY[\"people\".\"id\", m.id] AS way
             FROM people AS m WHERE m.id = \"people\".\"manager_id\"",
    );
    let rest = and(first, seen).push(
        " UNION ALL
             SELECT m.id, m.search_values, m.manager_id, c.level + 1, c.way || m.id
             FROM chain c JOIN people AS m ON m.id = c.manager_id WHERE c.level < 20 AND m.id <> ALL(c.way)",
    );
    and(rest, seen).push(")")
}

/// All people below a person: a necessary condition for having that person above.
pub(crate) fn below(key: &str) -> Sql {
    let Some(id) = id(key) else { return Sql::truth(false) };
    let manager = "manager_state = 'person' AND p.manager_target = ";
    Sql::of(format!(
        "\"people\".\"id\" IN (WITH RECURSIVE below (id) AS (
             SELECT p.id FROM people AS p WHERE p.{manager}"
    ))
    .append(Sql::value(Value::Uuid(id)))
    .push(format!(" UNION SELECT p.id FROM below JOIN people AS p ON p.{manager}below.id) SELECT below.id FROM below)"))
}
