//! Makes people for tests of reading, put into the tables as an applied plan leaves them. They are rendered, with their
//! change, which the sequencer has not numbered yet. Test support only; the product writes people elsewhere.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Bool, Int8, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use rollbook::clock::Clock;
use rollbook::directory::attribute::{Attributes, name};
use rollbook::directory::email::Email;
use rollbook::directory::ids::{ConnectionId, PersonId, SourceId};
use rollbook::directory::person::{ManagerLink, Person, PrimaryEmployment, Source, Status, ZoneOrigin, ZoneUsed};
use rollbook::directory::worker::mapping::EmploymentType;
use rollbook::render::user::{display_name, document, employee_number, keys};
use rollbook::store::changes::sequence::{WhileBusy, sequence};
use uuid::Uuid;

/// A person with this email, given and family name, from the worker `w-<email>`.
pub(crate) fn person(email: &str, given: &str, family: &str) -> Person {
    Person {
        work_email: Email::parse(email).unwrap(),
        active: true,
        employment: PrimaryEmployment {
            employment_type: EmploymentType::Employee,
            worker_type: "Direct Employee".to_owned(),
            status: Status::Active,
            status_raw: "active".to_owned(),
            start: "2024-03-04".parse().ok(),
            original_start: None,
            planned_end: None,
            last_day: None,
        },
        birth_date: "1990-02-11".parse().ok(),
        attributes: Attributes::from([
            (name::GIVEN_NAME.to_owned(), given.to_owned()),
            (name::FAMILY_NAME.to_owned(), family.to_owned()),
        ]),
        manager: ManagerLink::None,
        source: Source {
            system: "remote".to_owned(),
            connection: ConnectionId(Uuid::nil()),
            instance: "acme".to_owned(),
            source_id: SourceId(format!("w-{email}")),
            updated: None,
        },
        zone: ZoneUsed { zone: "UTC".to_owned(), origin: ZoneOrigin::Utc },
        next_due: None,
        provenance: std::collections::BTreeMap::new(),
    }
}

/// `count` people, `p0@acme.com` and on.
pub(crate) fn crowd(count: usize) -> Vec<Person> {
    (0..count).map(|n| person(&format!("p{n}@acme.com"), "Pat", &format!("Number{n}"))).collect()
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// Puts people into the directory, in this order.
pub(crate) async fn insert(conn: &mut AsyncPgConnection, people: &[Person], now: DateTime<Utc>) -> Vec<Uuid> {
    let ids: Vec<Uuid> = people.iter().map(|_| Clock::system().random_id()).collect();
    let documents: Vec<String> =
        ids.iter().zip(people).map(|(id, person)| document(PersonId(*id), person, now, now)).collect();
    let rows: Vec<Row> = sql_query(
        "WITH new AS (
            INSERT INTO people (id, position, user_name, user_name_key, active, display_name, employee_number, person,
                                document, search_values, created_at, modified_at)
            SELECT id, nextval('people_position'), user_name, user_name_key, active, display_name, employee_number,
                   person::jsonb, document, keys::jsonb, $9, $9
            FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $10) WITH ORDINALITY
                AS new (id, user_name, user_name_key, active, display_name, employee_number, person, document, keys, n)
            ORDER BY n
            RETURNING id, position
         ), logged AS (
            INSERT INTO changes (at, kind, person_id, person_version, cause, diff, position, people_delta)
            SELECT $9, 'person.created', id, 1, 'test', '[]', position, 1 FROM new
         )
         SELECT id FROM new ORDER BY position",
    )
    .bind::<Array<SqlUuid>, _>(&ids)
    .bind::<Array<Text>, _>(people.iter().map(|p| p.work_email.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(people.iter().map(|p| p.work_email.key().as_str()).collect::<Vec<_>>())
    .bind::<Array<Bool>, _>(people.iter().map(|p| p.active).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(people.iter().map(|p| display_name(p).into_owned()).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(people.iter().map(employee_number).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(people.iter().map(|p| serde_json::to_string(p).unwrap()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(&documents)
    .bind::<Timestamptz, _>(now)
    .bind::<Array<Text>, _>(documents.iter().map(|document| keys(document).unwrap().to_string()).collect::<Vec<_>>())
    .load(conn)
    .await
    .unwrap();
    let inserted: Vec<Uuid> = rows.into_iter().map(|row| row.id).collect();
    assert_eq!(inserted, ids, "positions follow the order");
    ids
}

/// The same, each with a title.
pub(crate) fn leads(count: usize) -> Vec<Person> {
    let mut people = crowd(count);
    for one in &mut people {
        one.attributes.insert(name::TITLE.to_owned(), "Lead".to_owned());
    }
    people
}

/// Gives a person another value.
pub(crate) async fn update(conn: &mut AsyncPgConnection, id: Uuid, person: &Person, now: DateTime<Utc>) {
    let document = document(PersonId(id), person, now, now);
    sql_query(
        "WITH changed AS (
            UPDATE people SET user_name = $2, user_name_key = $3, active = $4, person = $5::jsonb, document = $6,
                   search_values = $8::jsonb, display_name = $9, version = version + 1, modified_at = $7
            WHERE id = $1 RETURNING id, version, position
         )
         INSERT INTO changes (at, kind, person_id, person_version, cause, diff, position, people_delta)
         SELECT $7, 'person.updated', id, version, 'test', '[]', position, 0 FROM changed",
    )
    .bind::<SqlUuid, _>(id)
    .bind::<Text, _>(person.work_email.as_str())
    .bind::<Text, _>(person.work_email.key().as_str())
    .bind::<Bool, _>(person.active)
    .bind::<Text, _>(serde_json::to_string(person).unwrap())
    .bind::<Text, _>(&document)
    .bind::<Timestamptz, _>(now)
    .bind::<Text, _>(keys(&document).unwrap().to_string())
    .bind::<Text, _>(display_name(person).into_owned())
    .execute(conn)
    .await
    .unwrap();
}

/// Takes a person out of the directory, as one who has aged out.
pub(crate) async fn remove(conn: &mut AsyncPgConnection, id: Uuid, now: DateTime<Utc>) {
    sql_query(
        "WITH gone AS (DELETE FROM people WHERE id = $1 RETURNING id, version, position)
         INSERT INTO changes (at, kind, person_id, person_version, cause, diff, position, people_delta)
         SELECT $2, 'person.removed', id, version + 1, 'test', '[]', position, -1 FROM gone",
    )
    .bind::<SqlUuid, _>(id)
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .await
    .unwrap();
}

/// Numbers all changes, as the sequencer does: in a transaction of its own.
pub(crate) async fn number_changes(conn: &mut AsyncPgConnection) {
    conn.transaction(async |conn| sequence(conn, 10_000, WhileBusy::Wait).await).await.unwrap();
}

/// Makes `manager` the shown manager of `report`.
pub(crate) async fn lead(conn: &mut AsyncPgConnection, manager: Uuid, report: Uuid) {
    sql_query("UPDATE people SET manager_target = $1, manager_state = 'person' WHERE id = $2")
        .bind::<SqlUuid, _>(manager)
        .bind::<SqlUuid, _>(report)
        .execute(conn)
        .await
        .unwrap();
}

/// Numbers the changes that are there and folds their totals, in one transaction, as the sequencer does.
pub(crate) async fn fold(conn: &mut AsyncPgConnection) {
    sql_query(
        "WITH numbered AS (
            UPDATE changes c SET sequence = n.sequence
            FROM (SELECT id, at, (SELECT last_sequence FROM feed_state) + row_number() OVER (ORDER BY id) AS sequence
                  FROM changes WHERE sequence IS NULL) n
            WHERE c.id = n.id AND c.at = n.at RETURNING c.position, c.people_delta
         ), folded AS (
            INSERT INTO people_blocks (block, people)
            SELECT position / 1024, sum(people_delta) FROM numbered GROUP BY 1
            ON CONFLICT (block) DO UPDATE SET people = people_blocks.people + excluded.people
         )
         UPDATE feed_state SET last_sequence = last_sequence + (SELECT count(*) FROM numbered),
                people_total = people_total + (SELECT COALESCE(sum(people_delta), 0) FROM numbered)",
    )
    .execute(conn)
    .await
    .unwrap();
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = Int8)]
    number: i64,
}

/// The one number that a statement answers, as `number`.
pub(crate) async fn number(conn: &mut AsyncPgConnection, statement: &str) -> i64 {
    sql_query(statement).get_result::<Number>(conn).await.unwrap().number
}
