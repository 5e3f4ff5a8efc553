//! Tests filters as consumers send them, how they are found, and how an invalid one is refused. `filter_oracle` checks
//! that all of them mean what they should.

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::Text;
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rollbook::directory::attribute::name;
use rollbook::directory::worker::mapping::EmploymentType;
use rollbook::scim::filter::Mode;
use rollbook::scim::filter::check::Checked;
use rollbook::scim::filter::check::read;
use rollbook::scim::schema::{Hidden, ResourceType, Type};
use rollbook::store::db::pool::{Database, PoolSettings};
use rollbook::store::filter::condition::Condition;
use rollbook::store::filter::sort::Sort;
use rollbook::store::paging;
use rollbook::store::paging::types::{PageRequest, Start};
use rollbook::store::visibility::Visibility;
use uuid::Uuid;

use crate::support::groups::department;
use crate::support::people::{crowd, insert, lead, number, person};
use crate::support::served::{PUBLIC_URL, Served};

/// The people of the matrix: Ana (active), Bob (inactive), Straße (a name that folds badly).
async fn three(served: &Served) -> Vec<uuid::Uuid> {
    let mut bob = person("bob@acme.com", "Bob", "Brown");
    bob.active = false;
    let people = [person("Ana.Silva@acme.com", "Ana", "Silva"), bob, person("kurt@straße.example", "Kurt", "Groß")];
    insert(&mut *served.conn().await, &people, served.now()).await
}

/// Story 5 and R-049: user names and emails match whatever their case.
#[tokio::test]
async fn the_filters_of_identity_providers_find_the_people_they_mean() {
    let served = Served::start().await;
    let ids = three(&served).await;
    let (ana, bob, kurt) = (ids[0], ids[1], ids[2]);
    for (filter, found) in [
        (r#"userName eq "ANA.SILVA@acme.com""#.to_owned(), vec![ana]),
        (r#"USERNAME EQ "ana.silva@ACME.COM""#.to_owned(), vec![ana]),
        (r#"urn:ietf:params:scim:schemas:core:2.0:User:userName eq "bob@acme.com""#.to_owned(), vec![bob]),
        (r#"userName eq "nobody@acme.com""#.to_owned(), vec![]),
        (r#"userName eq "KURT@Straße.example""#.to_owned(), vec![kurt]),
        // A domain in its other spelling is another text (R-049).
        (r#"userName eq "kurt@xn--strae-oqa.example""#.to_owned(), vec![]),
        (r#"emails.value eq "kurt@straße.example""#.to_owned(), vec![kurt]),
        (r#"emails eq "Bob@acme.com""#.to_owned(), vec![bob]),
        (r#"emails[type eq "work"].value eq "bob@acme.com""#.to_owned(), vec![bob]),
        (r#"emails[type eq "WORK"].value eq "bob@acme.com""#.to_owned(), vec![bob]),
        (format!(r#"id eq "{ana}""#), vec![ana]),
        (format!(r#"id eq "{}""#, ana.to_string().to_uppercase()), vec![]),
        (r#"id eq "no uuid""#.to_owned(), vec![]),
        ("active eq true".to_owned(), vec![ana, kurt]),
        ("active eq false".to_owned(), vec![bob]),
        (r#"active eq "False""#.to_owned(), vec![bob]),
        (r#"userName eq "bob@acme.com" and active eq true"#.to_owned(), vec![]),
        (r#"userName eq "bob@acme.com" and active eq false"#.to_owned(), vec![bob]),
        (r#"userName eq "bob@acme.com" or active eq true"#.to_owned(), vec![ana, bob, kurt]),
        // `and` binds tighter than `or`.
        (format!(r#"id eq "{ana}" or id eq "{bob}" and active eq true"#), vec![ana]),
        (format!(r#"(id eq "{ana}" or id eq "{bob}") and active eq false"#), vec![bob]),
        (format!(r#"id eq "{kurt}" or id eq "{ana}""#), vec![ana, kurt]),
        (r#"externalId eq "w-bob@acme.com""#.to_owned(), vec![]),
        (r#"userName eq "x\u0000y""#.to_owned(), vec![]),
        (r#"userName eq "'; DROP TABLE people; --""#.to_owned(), vec![]),
        // An unquoted text is a string (R-091).
        ("userName eq bob@acme.com".to_owned(), vec![bob]),
    ] {
        let answer = served.filter(&filter).await;
        assert_eq!(answer.ids(), found, "{filter}");
        assert_eq!(answer.list()["totalResults"], found.len(), "{filter}");
        assert_eq!(answer.list()["itemsPerPage"], found.len(), "{filter}");
    }
    served.stop().await;
}

/// Story 22: Entra's connection test searches for a random GUID and needs 200 with an empty list.
#[tokio::test]
async fn entras_probe_for_a_random_guid_gets_an_empty_list() {
    let served = Served::start().await;
    three(&served).await;
    let probe = "/scim/v2/Users?filter=userName+eq+%22d3c0f1a2-93b6-4b0e-9a5e-0f6f6a1b2c3d%22&aadOptscim062020";
    let answer = served.get(probe).await;
    let expected = serde_json::json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": 0, "startIndex": 1, "itemsPerPage": 0, "Resources": []
    });
    assert_eq!(answer.list(), expected);
    assert_eq!(answer.header("content-type"), Some("application/scim+json"));
    served.stop().await;
}

/// The matrix of requirements.md, in short: each kind of operator and attribute over HTTP.
#[tokio::test]
async fn filters_of_all_kinds_find_whom_they_mean() {
    let served = Served::start().await;
    let mut people = vec![
        person("ana@acme.com", "Ana", "Silva"),
        person("bob@acme.com", "Bob", "Brown"),
        person("cem@acme.com", "Cem", "Öz"),
    ];
    for (n, department) in ["Data", "data", "Sales"].into_iter().enumerate() {
        people[n].attributes.insert(name::DEPARTMENT.to_owned(), department.to_owned());
        people[n].attributes.insert(name::EMPLOYEE_NUMBER.to_owned(), format!("0{n}"));
    }
    people[0].attributes.insert(name::TITLE.to_owned(), "100%_sure".to_owned());
    people[1].active = false;
    people[2].employment.employment_type = EmploymentType::Contractor;
    people[2].attributes.insert(name::MOBILE_PHONE.to_owned(), "+90 1".to_owned());
    let mut conn = served.conn().await;
    let ids = insert(&mut conn, &people, served.now()).await;
    let group = department(&mut conn, "Data", &ids[..2], served.now()).await;
    lead(&mut conn, ids[2], ids[0]).await;
    let boss = ids[2];
    let (ana, bob, cem) = (&ids[..1], &ids[1..2], &ids[2..]);
    for (filter, found) in [
        (r#"userName sw "A""#.to_owned(), ana),
        (r#"userName ew "ACME.COM""#.to_owned(), &ids),
        (r#"emails co "b@ac""#.to_owned(), bob),
        (r#"displayName co "ö""#.to_owned(), cem),
        (r#"name.familyName gt "c""#.to_owned(), &[ids[0], ids[2]]),
        (r#"title co "%_S""#.to_owned(), ana),
        (r#"title co "1__""#.to_owned(), &[]),
        ("title pr".to_owned(), ana),
        ("title eq null".to_owned(), &ids[1..]),
        (r#"title ne "x""#.to_owned(), &ids),
        (r#"not (title eq "x")"#.to_owned(), &ids),
        (r#"not (title co "sure") and active eq true"#.to_owned(), cem),
        (r#"department eq "DATA""#.to_owned(), &ids[..2]),
        (r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:user:DEPARTMENT eq "sales""#.to_owned(), cem),
        (r#"employeeNumber eq "01""#.to_owned(), bob),
        (r#"userType eq "Contractor""#.to_owned(), cem),
        (r#"employmentType ne "employee""#.to_owned(), cem),
        (r#"startDate ge "2024-03-04" and startDate lt "2024-03-05""#.to_owned(), &ids),
        (r#"emails[type eq "work" and value co "ana"]"#.to_owned(), ana),
        (r#"emails[type eq "home"]"#.to_owned(), &[]),
        (r#"emails[not (value sw "ana")].value co "c""#.to_owned(), &ids[1..]),
        ("emails[primary eq true]".to_owned(), &ids),
        (r#"phoneNumbers[type eq "mobile"].value eq "+90 1""#.to_owned(), cem),
        ("not (phoneNumbers pr)".to_owned(), &ids[..2]),
        (format!(r#"manager eq "{boss}""#), ana),
        (r#"manager.displayName co "cem""#.to_owned(), ana),
        (r#"managerEmail eq "cem@acme.com" and managerEmployeeNumber eq "02""#.to_owned(), ana),
        (format!(r#"groups.value eq "{group}""#), &ids[..2]),
        (format!(r#"not (groups.value eq "{group}")"#), cem),
        (r#"groups.display sw "department: d""#.to_owned(), &ids[..2]),
        (r#"groups[display co "data" and type eq "indirect"] and active eq true"#.to_owned(), ana),
        (r#"meta.created eq "2026-11-20T13:00:00.000+01:00""#.to_owned(), &ids),
        (r#"meta.lastModified gt "2026-11-20T12:00:00Z""#.to_owned(), &[]),
        (r#"meta.created sw "2026-11-20T12:00""#.to_owned(), &ids),
        (format!(r#"meta.location eq "{PUBLIC_URL}/scim/v2/Users/{boss}""#), cem),
        (r#"meta.resourceType eq "User" and meta.created pr"#.to_owned(), &ids),
        (r#"schemas eq "URN:ietf:params:scim:schemas:core:2.0:user""#.to_owned(), &ids),
        (format!(r#"id sw "{}""#, &boss.to_string()[..30]), cem),
        (r#"sourceWorkerId eq "w-bob@acme.com""#.to_owned(), bob),
        (r#"userName eq "ana@acme.com" or userName eq "bob@acme.com" and active eq true"#.to_owned(), ana),
    ] {
        let answer = served.filter(&filter).await;
        assert_eq!(answer.ids(), found, "{filter}");
        assert_eq!(answer.list()["totalResults"], found.len(), "{filter}");
    }
    served.stop().await;
}

/// `EXPLAIN` of the people who satisfy a condition.
struct Explained<'a>(&'a Condition);

impl QueryFragment<Pg> for Explained<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("EXPLAIN SELECT \"people\".\"position\" FROM \"people\" WHERE ");
        self.0.walk_ast(out)
    }
}

impl Query for Explained<'_> {
    type SqlType = Text;
}

impl QueryId for Explained<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

#[derive(Debug, QueryableByName)]
struct PlanLine {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    text: String,
}

async fn plan(conn: &mut AsyncPgConnection, filter: &str) -> String {
    let checked = read(filter, Mode::Lenient, ResourceType::User.shape(), &Hidden::sensitive()).unwrap();
    let visibility = Visibility::unrestricted("https://dir.example.com/scim/v2", true, Hidden::sensitive());
    let mut condition = Condition::of(&checked, &visibility);
    condition.settle(conn).await.unwrap();
    let lines: Vec<String> = Explained(&condition).load(conn).await.unwrap();
    lines.join("\n")
}

/// R-088: what identity providers ask for is found by index, however many people there are.
#[tokio::test]
async fn what_is_indexed_is_never_looked_for_among_everybody() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let mut people = crowd(20_000);
    for (n, one) in people.iter_mut().enumerate() {
        one.active = n % 50 != 0;
        one.attributes.insert(name::EMPLOYEE_NUMBER.to_owned(), format!("{n:05}"));
        one.attributes.insert(name::DEPARTMENT.to_owned(), format!("Department {}", n % 100));
    }
    let mut ids = Vec::new();
    for part in people.chunks(2_000) {
        ids.extend(insert(&mut conn, part, served.now()).await);
    }
    for n in 1..500 {
        lead(&mut conn, ids[n / 10], ids[n]).await;
    }
    let group = department(&mut conn, "Data", &ids[100..200], served.now()).await;
    conn.batch_execute("ANALYZE people").await.unwrap();
    for (filter, index) in [
        (r#"userName eq "p77@acme.com""#.to_owned(), "people_by_user_name"),
        (r#"userName eq "p77@acme.com" and active eq true"#.to_owned(), "people_by_user_name"),
        (r#"emails.value eq "p77@acme.com""#.to_owned(), "people_pkey"),
        (r#"emails[type eq "work"].value eq "p77@acme.com""#.to_owned(), "people_pkey"),
        (r#"emails[type eq "work" and value eq "p77@acme.com"]"#.to_owned(), "people_pkey"),
        (r#"externalId eq "w-p77@acme.com""#.to_owned(), "people_by_source"),
        (r#"sourceWorkerId eq "w-p77@acme.com""#.to_owned(), "people_by_source"),
        (format!("id eq \"{}\"", ids[77]), "people_pkey"),
        (r#"displayName eq "Pat Number77""#.to_owned(), "people_by_display_name"),
        (r#"displayName sw "pat number1999""#.to_owned(), "people_by_display_name"),
        (r#"employeeNumber eq "00077""#.to_owned(), "people_by_employee_number"),
        (r#"department eq "department 7""#.to_owned(), "people_by_department"),
        (format!("manager eq \"{}\"", ids[7]), "people_by_manager"),
        (format!("groups.value eq \"{group}\""), "people_in_department"),
        (r#"groups.display eq "department: data""#.to_owned(), "people_in_department"),
        ("active eq false".to_owned(), "people_inactive"),
        (r#"meta.lastModified gt "2026-11-20T12:00:00Z""#.to_owned(), "people_by_modified"),
        (r#"userName co "19998""#.to_owned(), "people_by_parts"),
        (r#"displayName co "er1999""#.to_owned(), "people_by_parts"),
        (r#"displayName ew "er19998""#.to_owned(), "people_by_parts"),
        (r#"emails.value co "p1999""#.to_owned(), "people_by_parts"),
        (r#"emails sw "p1999""#.to_owned(), "people_by_parts"),
        (format!("userName eq \"a@b.c\" or employeeNumber eq \"7\" or id eq \"{}\"", ids[0]), "BitmapOr"),
        (r#"userName eq "a@b.c" or emails.value eq "a@b.c""#.to_owned(), "BitmapOr"),
    ] {
        let plan = plan(&mut conn, &filter).await;
        assert!(plan.contains(index) && !plan.contains("Seq Scan on people"), "{filter}\n{plan}");
    }
    // The condition of the function, exactly as the function writes it.
    let asked = "EXPLAIN SELECT p.id FROM people AS p WHERE p.search_values -> '~emails' @> '[\"p77@acme.com\"]'";
    let lines: Vec<PlanLine> = sql_query(asked).load(&mut conn).await.unwrap();
    assert!(lines.iter().any(|line| line.text.contains("people_by_email")), "{lines:?}");
    // A page of them, and one in the middle of a sorted list.
    let answer = served.filter(r#"department eq "department 7""#).await;
    assert_eq!((&answer.list()["totalResults"], answer.ids().len()), (&200.into(), 100));
    let sorted = served.get("/scim/v2/Users?sortBy=employeeNumber&startIndex=19001&count=3&attributes=id").await;
    assert_eq!(sorted.ids(), ids[19_000..19_003]);
    served.stop().await;
}

/// Without the extension all people are searched; once it is there, the next start makes the index.
#[tokio::test]
async fn parts_of_texts_are_found_without_trigrams_too() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let ids = insert(&mut conn, &crowd(3), served.now()).await;
    conn.batch_execute("DROP EXTENSION pg_trgm CASCADE").await.unwrap();
    let indexes = "SELECT count(*) AS number FROM pg_indexes WHERE indexname = 'people_by_parts'";
    assert_eq!(number(&mut conn, indexes).await, 0);
    assert_eq!(served.filter(r#"displayName co "BER1""#).await.ids(), ids[1..2]);
    assert_eq!(served.filter(r#"emails ew "2@acme.com""#).await.ids(), ids[2..]);
    served.db.migrate().await.unwrap();
    assert_eq!(number(&mut conn, indexes).await, 1);
    assert_eq!(served.filter(r#"displayName co "BER1""#).await.ids(), ids[1..2]);
    served.stop().await;
}

/// A statement that takes too long is a 503, never an empty list (law 1).
#[tokio::test]
async fn a_filter_that_takes_too_long_is_told() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    insert(&mut conn, &crowd(3), served.now()).await;
    let settings = PoolSettings { size: 1, statement_timeout: std::time::Duration::from_millis(50) };
    let hasty = Database::connect(served.db.source().clone(), settings).await.unwrap();
    // No query can read the table meanwhile.
    conn.batch_execute("BEGIN; LOCK TABLE people IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let checked = read("title pr", Mode::Lenient, ResourceType::User.shape(), &Hidden::sensitive()).unwrap();
    let visibility = Visibility::unrestricted("", false, Hidden::sensitive());
    let condition = Condition::of(&checked, &visibility);
    let request = rollbook::store::paging::types::PageRequest {
        caller: uuid::Uuid::nil(),
        query: b"",
        start: rollbook::store::paging::types::Start::Index(1),
        count: 10,
        now: served.now(),
    };
    let error = rollbook::store::paging::people::page(
        &mut hasty.get().await.unwrap(),
        &visibility,
        &request,
        Some(&condition),
        None,
    )
    .await
    .unwrap_err();
    let failure = rollbook::http::error::ScimFailure::from(error);
    assert_eq!(actix_web::ResponseError::status_code(&failure), 503);
    conn.batch_execute("ROLLBACK").await.unwrap();
    served.stop().await;
}

/// R-086, R-089: an unknown attribute and one that is hidden get the same message.
#[tokio::test]
async fn hidden_and_unknown_attributes_are_refused_alike() {
    let served = Served::start().await;
    for template in ["NAME eq \"x\"", "NAME pr", "active eq true or NAME eq \"02-11\""] {
        let detail = |name: &str| {
            let (filter, served) = (template.replace("NAME", name), &served);
            async move { served.filter(&filter).await.refusal(400, Some("invalidFilter")) }
        };
        let unknown = detail("shoeSize").await;
        for name in ["birthday", "dateOfBirth", "legalName", "personalEmail"] {
            assert_eq!(detail(name).await.replace(name, "shoeSize"), unknown, "{template}");
        }
    }
    served.stop().await;
}

/// R-092: 400 with a message, fast, and never 500.
#[tokio::test]
async fn malformed_and_huge_filters_are_refused() {
    let served = Served::start().await;
    let nested = format!("{}active eq true{}", "(".repeat(200), ")".repeat(200));
    let many = vec!["active eq true"; 51].join(" or ");
    let long = format!("userName eq \"{}\"", "x".repeat(9000));
    let urn = format!("urn:{}:userName eq 1", "x:".repeat(500));
    for filter in [
        "",
        " ",
        "userName",
        "userName eq",
        "userName eq \"",
        "eq \"x\"",
        "userName xx \"x\"",
        "userName = \"x\"",
        "userName eq \"x\" and",
        "(userName eq \"x\"",
        "userName eq \"x\")",
        "userName eq \"x\" userName eq \"y\"",
        "not userName eq \"x\"",
        "emails[",
        "emails[type eq \"work\"",
        "userName eq 'x",
        "userName eq 5",
        "active eq \"maybe\"",
        "active gt true",
        "name eq \"x\"",
        "password eq \"x\"",
        "\u{0}",
        "é eq \"x\"",
        "userName eq \"\\x\"",
        &nested,
        &many,
        &long,
        &urn,
    ] {
        let detail = served.filter(filter).await.refusal(400, Some("invalidFilter"));
        assert!(!detail.is_empty() && detail.len() < 600, "{filter}: {detail}");
    }
    // Fifty are fine.
    let fifty = vec!["userName eq \"x@acme.com\""; 50].join(" or ");
    assert_eq!(served.filter(&fifty).await.list()["totalResults"], 0);
    let deepest = format!("{}active eq true{}", "not (".repeat(20), ")".repeat(20));
    assert_eq!(served.filter(&deepest).await.list()["totalResults"], 0);
    let busiest = vec!["emails[type eq \"work\" and not (value co \"x\")]"; 25].join(" and ");
    assert_eq!(served.filter(&busiest).await.list()["totalResults"], 0);
    let too_long = served.filter(&"x".repeat(40_000)).await;
    assert!(too_long.refusal(414, None).contains("32768"));
    served.stop().await;
}

/// Statements that are kept prepared cost memory in Postgres: there are few, whatever callers ask.
#[tokio::test]
async fn filters_do_not_fill_the_memory_of_the_database() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    insert(&mut conn, &crowd(3), served.now()).await;
    let visibility = Visibility::unrestricted("https://dir.example.com/scim/v2", true, Hidden::sensitive());
    let shape = ResourceType::User.shape();
    let (mut filters, mut sorts) = (Vec::new(), Vec::new());
    for found in shape.attributes() {
        let path = found.to_string();
        for filter in [format!("{path} pr"), format!("not ({path} pr)"), format!("userName co \"x\" and {path} pr")] {
            filters.extend(read(&filter, Mode::Lenient, shape, &Hidden::sensitive()).ok());
        }
        for operator in ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"] {
            let filter = format!("{path} {operator} \"x\"");
            filters.extend(read(&filter, Mode::Lenient, shape, &Hidden::sensitive()).ok());
        }
        if found.definition().kind != Type::Complex {
            sorts.push(found);
        }
    }
    // What a query across types leaves of attributes of the other type.
    let one = filters[0].clone();
    for n in 0..64_u32 {
        let constants = (0..6).map(|bit| Checked::Constant(n >> bit & 1 == 1));
        filters.push(Checked::And(vec![one.clone(), Checked::Or(constants.collect())]));
    }
    assert!(filters.len() > 300 && sorts.len() > 30, "{} {}", filters.len(), sorts.len());
    for (n, filter) in filters.iter().enumerate() {
        let mut condition = Condition::of(filter, &visibility);
        condition.settle(&mut conn).await.unwrap();
        let sort = Sort::of_people(sorts[n % sorts.len()], n % 2 == 0, &visibility);
        for (start, sort) in [(Start::Index(1), None), (Start::Index(2), None), (Start::Index(1), Some(&sort))] {
            let request = PageRequest { caller: Uuid::nil(), query: b"", start, count: 2, now: served.now() };
            paging::people::page(&mut conn, &visibility, &request, Some(&condition), sort).await.unwrap();
        }
    }
    let kept: Number =
        sql_query("SELECT count(*) AS number FROM pg_prepared_statements").get_result(&mut conn).await.unwrap();
    assert!(kept.number < 150, "{} statements are kept", kept.number);
    served.stop().await;
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    number: i64,
}
