//! Makes random people and groups, written as a plan writes them. Every attribute is there or not, and texts are of all
//! kinds.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use diesel::sql_query;
use diesel::sql_types::{Array, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use proptest::prelude::*;
use rollbook::clock::Clock;
use rollbook::directory::attribute::name;
use rollbook::directory::groups::Kind;
use rollbook::directory::ids::{PersonId, SourceId};
use rollbook::directory::person::{ManagerLink, ManagerVia, Person, Status};
use rollbook::directory::worker::ManagerRef;
use rollbook::directory::worker::mapping::EmploymentType;
use rollbook::render::user::{display_name, document, employee_number, keys};
use rollbook::scim::text::fold_case;
use rollbook::store::groups;
use rollbook::store::groups::columns::column;
use rollbook::store::groups::write::NewGroup;
use rollbook::store::people;
use rollbook::store::people::write::PersonWrite;
use rollbook::store::runs::plans::ManagerState;
use uuid::Uuid;

use super::people::person;

/// Texts that fold, sort, escape and compose in their own ways.
pub(crate) const TEXTS: [&str; 34] = [
    "Ana",
    "ANA",
    "ana",
    "Anabel",
    "B",
    "Straße",
    "STRASSE",
    "Zoë",
    "Zoe\u{308}",
    "İstanbul",
    "ıstanbul",
    "ΣΊΣΥΦΟΣ",
    "σίσυφος",
    "ᾳ",
    "ŉ",
    "ﬁx",
    "ｶﾞ",
    "ＡＮＡ",
    "50%",
    "a_b",
    r"back\slash",
    "quo\"te",
    "quo'te",
    "line\nbreak",
    "tab\tctl\u{1}",
    "\u{1F600}",
    "\u{10FFFF}",
    "\u{D7FF}x",
    "\u{E000}",
    "'; DROP TABLE people; --",
    "[\"a\"]",
    "null",
    "$1",
    " spaced ",
];

/// A text of a person: what connectors let through holds no NUL and is not blank.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(TEXTS.to_vec()).prop_map(str::to_owned),
        2 => "\\PC{1,6}".prop_filter("blank", |text| !text.trim().is_empty()),
        1 => "[a-cA-C]{1,3}",
        1 => "[a-b]".prop_map(|c| c.repeat(300)),
    ]
}

const ATTRIBUTES: [&str; 32] = [
    name::GIVEN_NAME,
    name::FAMILY_NAME,
    name::MIDDLE_NAME,
    name::HONORIFIC_PREFIX,
    name::HONORIFIC_SUFFIX,
    name::FORMATTED_NAME,
    name::DISPLAY_NAME,
    name::NICK_NAME,
    name::TITLE,
    name::DEPARTMENT,
    name::DEPARTMENT_ID,
    name::TEAM,
    name::TEAM_ID,
    name::LEGAL_ENTITY,
    name::LEGAL_ENTITY_ID,
    name::WORK_LOCATION,
    name::WORK_LOCATION_ID,
    name::COUNTRY,
    name::EMPLOYEE_NUMBER,
    name::COST_CENTER,
    name::DIVISION,
    name::SENIORITY,
    name::TIMEZONE,
    name::PREFERRED_LANGUAGE,
    name::LOCALE,
    name::WORK_STREET,
    name::WORK_LOCALITY,
    name::WORK_REGION,
    name::WORK_POSTAL_CODE,
    name::WORK_ADDRESS_COUNTRY,
    name::WORK_PHONE,
    name::MOBILE_PHONE,
];

/// A person, with what is beside them in their row.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    person: Person,
    /// Microseconds after an instant that all share.
    created: i64,
    modified: i64,
    /// Which of the others is the manager.
    manager: Option<prop::sample::Index>,
    groups: Vec<prop::sample::Index>,
}

/// A group; its display name begins with the number that makes it unique.
#[derive(Clone, Debug)]
pub(crate) struct DrawnGroup {
    kind: Kind,
    name: String,
    created: i64,
    modified: i64,
    /// Whether the group counts as having members.
    alive: bool,
    /// The kinds of connector that name it.
    systems: Vec<&'static str>,
}

fn microseconds() -> impl Strategy<Value = i64> {
    // Often within the same few milliseconds.
    prop_oneof![0..4_000_i64, 0..10_000_000_000_000_i64]
}

fn day() -> impl Strategy<Value = Option<NaiveDate>> {
    prop::option::of((0..400_i64).prop_map(|n| NaiveDate::default() + TimeDelta::days(20_000 + n)))
}

fn somebody() -> impl Strategy<Value = Drawn> {
    let types = prop::sample::select(vec![
        EmploymentType::Employee,
        EmploymentType::Contractor,
        EmploymentType::Temporary,
        EmploymentType::Other,
    ]);
    let status = prop::sample::select(vec![Status::Active, Status::OnLeave, Status::Pending, Status::Terminated]);
    let work = (types, text(), status, text(), [day(), day(), day(), day()]);
    let address = (
        "[a-zA-Zäßσ%_'İ]{1,5}",
        prop::sample::select(vec!["acme.com", "ACME.com", "Straße.example", "bücher.example"]),
    );
    let source = (text(), text(), text(), prop::option::of(microseconds()));
    let attributes = prop::collection::btree_map(prop::sample::select(ATTRIBUTES.to_vec()), text(), 0..24);
    let pending = prop::option::weighted(0.2, prop::option::of("[a-zA-Z]{1,4}@ACME\\.com"));
    let countries = prop::option::of(prop::sample::select(vec!["FR", "fr", "pt", "XYZ"]));
    let beside = (
        microseconds(),
        microseconds(),
        prop::option::of(any::<prop::sample::Index>()),
        prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    );
    (any::<bool>(), work, address, source, attributes, pending, countries, beside).prop_map(
        |(active, work, (local, domain), source, attributes, pending, country, beside)| {
            let mut drawn = person(&format!("{local}@{domain}"), "", "");
            drawn.active = active;
            drawn.employment.employment_type = work.0;
            drawn.employment.worker_type = work.1;
            drawn.employment.status = work.2;
            drawn.employment.status_raw = work.3;
            let [start, original, end, last] = work.4;
            (drawn.employment.start, drawn.employment.original_start) = (start, original);
            (drawn.employment.planned_end, drawn.employment.last_day) = (end, last);
            drawn.attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            if let Some(country) = country {
                drawn.attributes.insert(name::COUNTRY.to_owned(), country.to_owned());
            }
            (drawn.source.system, drawn.source.instance, drawn.source.source_id) =
                (source.0, source.1, SourceId(source.2));
            drawn.source.updated = source.3.map(|n| epoch() + TimeDelta::microseconds(n));
            if let Some(email) = &pending {
                let manager = ManagerRef { email: email.clone(), ..ManagerRef::default() };
                drawn.manager =
                    ManagerLink::Pending { via: ManagerVia { connection: drawn.source.connection, manager } };
            }
            let (created, modified, manager, groups) = beside;
            Drawn { person: drawn, created, modified, manager: manager.filter(|_| pending.is_none()), groups }
        },
    )
}

fn group() -> impl Strategy<Value = DrawnGroup> {
    let systems = prop::collection::vec(prop::sample::select(vec!["remote", "justworks"]), 0..3);
    (prop::sample::select(Kind::ALL.to_vec()), text(), microseconds(), microseconds(), any::<bool>(), systems).prop_map(
        |(kind, name, created, modified, alive, systems)| DrawnGroup { kind, name, created, modified, alive, systems },
    )
}

pub(crate) fn population() -> impl Strategy<Value = (Vec<Drawn>, Vec<DrawnGroup>)> {
    (prop::collection::vec(somebody(), 40), prop::collection::vec(group(), 14))
}

fn epoch() -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// Writes them all.
pub(crate) async fn write(conn: &mut AsyncPgConnection, people: &[Drawn], groups: &[DrawnGroup]) {
    let groups = write_groups(conn, groups).await;
    let ids: Vec<Uuid> = people.iter().map(|_| Clock::system().random_id()).collect();
    let rows: Vec<PersonWrite> = people
        .iter()
        .enumerate()
        .map(|(n, drawn)| {
            let mut person = drawn.person.clone();
            // No person has the address of another.
            let address = format!("{n}{}", person.work_email.as_str());
            person.work_email = rollbook::directory::email::Email::parse(&address).unwrap();
            let created_at = epoch() + TimeDelta::microseconds(drawn.created);
            let modified_at = created_at + TimeDelta::microseconds(drawn.modified);
            let document = document(PersonId(ids[n]), &person, created_at, modified_at);
            let manager = drawn.manager.map(|index| *index.get(&ids)).filter(|manager| *manager != ids[n]);
            let groups: BTreeMap<&'static str, Uuid> = if groups.is_empty() {
                BTreeMap::new()
            } else {
                drawn.groups.iter().map(|index| *index.get(&groups)).map(|(id, kind)| (column(kind), id)).collect()
            };
            PersonWrite {
                id: ids[n],
                version: 1,
                user_name: address,
                user_name_key: person.work_email.key().as_str().to_owned(),
                active: person.active,
                display_name: Some(display_name(&person).into_owned()),
                employee_number: employee_number(&person).map(str::to_owned),
                manager_via_connection: None,
                manager_via_source: None,
                manager_via_email: None,
                manager_target: manager,
                manager_since: None,
                // An edge that would close a cycle leads somewhere, too, but is not shown.
                manager_state: if n % 7 == 0 { ManagerState::Suspended } else { ManagerState::Person },
                start_date: person.employment.start,
                keys: keys(&document).unwrap(),
                document,
                created_at,
                modified_at,
                next_due: None,
                left_at: None,
                person: serde_json::to_value(&person).unwrap(),
                groups,
            }
        })
        .collect();
    people::write::insert(conn, &rows).await.unwrap();
    // As if their changes had been folded.
    sql_query("UPDATE feed_state SET people_total = (SELECT count(*) FROM people), groups_total = (SELECT count(*) FROM groups)")
        .execute(conn)
        .await
        .unwrap();
}

async fn write_groups(conn: &mut AsyncPgConnection, groups: &[DrawnGroup]) -> Vec<(Uuid, Kind)> {
    let ids: Vec<Uuid> = groups.iter().map(|_| Clock::system().random_id()).collect();
    let rows: Vec<NewGroup> = groups
        .iter()
        .enumerate()
        .map(|(n, group)| {
            let display_name = format!("{}: {n}", group.name.trim());
            let created_at = epoch() + TimeDelta::microseconds(group.created);
            NewGroup {
                id: ids[n],
                kind: group.kind.as_str().to_owned(),
                key: format!("{n}{}", group.name),
                name: group.name.clone(),
                display_name_key: fold_case(&display_name).into_owned(),
                display_name,
                created_at,
                modified_at: created_at + TimeDelta::microseconds(group.modified),
            }
        })
        .collect();
    groups::write::insert(conn, &rows).await.unwrap();
    for (id, group) in ids.iter().zip(groups) {
        sql_query("UPDATE groups SET members = CASE WHEN $2 THEN 1 ELSE 0 END, retired_since = $3 WHERE id = $1")
            .bind::<SqlUuid, _>(id)
            .bind::<diesel::sql_types::Bool, _>(group.alive)
            .bind::<Nullable<Timestamptz>, _>((!group.alive).then(|| epoch() + TimeDelta::microseconds(group.modified)))
            .execute(conn)
            .await
            .unwrap();
        sql_query(
            "WITH known AS (
                INSERT INTO connections (id, kind, name, state, settings, mapping, created_at, state_since)
                SELECT gen_random_uuid(), kind, gen_random_uuid()::text, 'active', '{}', '{}', $3, $3
                FROM unnest($2) AS new (kind) RETURNING id
             )
             INSERT INTO group_sources (group_id, kind, connection_id, source_id) SELECT $1, 'x', id, '' FROM known",
        )
        .bind::<SqlUuid, _>(id)
        .bind::<Array<Text>, _>(&group.systems)
        .bind::<Timestamptz, _>(epoch())
        .execute(conn)
        .await
        .unwrap();
    }
    ids.into_iter().zip(groups.iter().map(|group| group.kind)).collect()
}
