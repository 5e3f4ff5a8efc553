//! Filters that can be asked for in this version, and how the others are refused.

use crate::support::people::{insert, person};
use crate::support::served::Served;

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
        (r#"userName eq "kurt@XN--STRAE-OQA.example""#.to_owned(), vec![kurt]),
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
        // An unquoted word is a string (R-091).
        ("userName eq bob@acme.com".to_owned(), vec![bob]),
    ] {
        let answer = served.filter(&filter).await;
        assert_eq!(answer.ids(), found, "{filter}");
        assert_eq!(answer.list()["totalResults"], found.len(), "{filter}");
        assert_eq!(answer.list()["itemsPerPage"], found.len(), "{filter}");
    }
    served.stop().await;
}

/// Story 22: Entra's connection test looks for a random GUID and wants 200 with an empty list.
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

/// R-087: what cannot be answered is refused by name, never ignored.
#[tokio::test]
async fn what_is_not_available_yet_is_named() {
    let served = Served::start().await;
    for (filter, word) in [
        (r#"userName co "ana""#, "`co`"),
        (r#"userName sw "ana""#, "`sw`"),
        (r#"userName ne "ana""#, "`ne`"),
        ("userName pr", "`pr`"),
        ("externalId eq null", "`eq null`"),
        (r#"not (userName eq "ana")"#, "`not`"),
        (r#"userName eq "a" and not (active eq true)"#, "`not`"),
        (r#"displayName eq "Ana""#, "`displayName`"),
        (r#"name.familyName eq "Silva""#, "`name.familyName`"),
        (r#"emails.type eq "work""#, "`emails.type`"),
        (r#"emails[type eq "work"]"#, "`emails`"),
        (r#"emails[type eq "home"].value eq "x""#, "`emails`"),
        (r#"addresses[type eq "work"].country eq "FR""#, "`addresses`"),
        (r#"meta.lastModified gt "2026-01-01T00:00:00Z""#, "`gt`"),
        (r#"manager eq "x""#, "manager.value`"),
        (r#"employeeNumber eq "1""#, "employeeNumber`"),
    ] {
        let detail = served.filter(filter).await.refusal(400, Some("invalidFilter"));
        assert!(detail.contains(word) && detail.contains("yet"), "{filter}: {detail}");
    }
    served.stop().await;
}

/// R-086, R-089: an unknown attribute and one that is hidden get the same words.
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

/// R-092: 400 with words, fast, and never 500.
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
    let too_long = served.filter(&"x".repeat(40_000)).await;
    assert!(too_long.refusal(414, None).contains("32768"));
    served.stop().await;
}
