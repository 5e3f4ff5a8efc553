//! Tests of readings that reach their end: full ones, incremental ones, with few scopes.

use super::*;
use crate::directory::attribute::name;

const MARK: &str = "2026-11-20T11:55:00Z";

#[tokio::test]
async fn everybody_is_read_once_from_both_lists() {
    let vendor = Vendor::whole().await;
    let mut reading = vendor.begin().await.unwrap();
    assert_eq!((reading.coverage(), reading.hidden().len(), reading.method().as_str()), (Coverage::Full, 0, "list"));
    let read = pages(reading.as_mut()).await.unwrap();
    let everybody: Vec<String> = (1..=16).map(|number| format!("mem_{number:04}")).collect();
    assert_eq!(ids(&read), everybody, "the terminated one is in both lists, and the same");
    let end = read.last().unwrap().end.as_ref().unwrap();
    assert_eq!((end.distinct, end.mark.as_ref()), (None, Some(&json!(MARK))), "five minutes before the reading began");
    assert_eq!(
        vendor.asked().await,
        [
            "status=active&limit=100",
            "status=active&limit=100&cursor=eyJhZnRlciI6Im1lbV8wMDA4In0",
            "status=terminated&limit=100",
        ]
    );
    let after = reading.next_page().await.unwrap();
    assert!(after.items.is_empty() && after.end.is_some(), "the end stays the end");
}

#[tokio::test]
async fn a_mark_limits_both_lists_to_what_changed() {
    let vendor = Vendor::new().await;
    vendor.company().await;
    vendor.page("active", None, read("members_updated_since")).await;
    vendor.page("terminated", None, read("members_last_page_cursor_omitted")).await;
    let memory = Some(vendor.begin().await.unwrap().memory());
    let since = Some(json!("2026-11-17T09:00:00Z"));
    let mut reading =
        vendor.begin_with(ReadRequest { memory: memory.clone(), since, ..ReadRequest::default() }).await.unwrap();
    assert_eq!(reading.coverage(), Coverage::Changed);
    let read = pages(reading.as_mut()).await.unwrap();
    assert_eq!(ids(&read), ["mem_0007", "mem_0009", "mem_0016"]);
    assert_eq!(read.last().unwrap().end.as_ref().unwrap().mark, Some(json!(MARK)));
    let bound = "limit=100&updated_at_gte=2026-11-17T09%3A00%3A00Z";
    assert_eq!(vendor.asked().await, [format!("status=active&{bound}"), format!("status=terminated&{bound}")]);
    assert_eq!(Some(reading.memory()), memory);
}

#[tokio::test]
async fn a_mark_does_not_hold_when_departments_or_scopes_are_others() {
    let vendor = Vendor::whole().await;
    let memory = Some(vendor.begin().await.unwrap().memory());
    let request = |since: Value| ReadRequest { memory: memory.clone(), since: Some(since), ..ReadRequest::default() };
    let good = json!("2026-11-17T09:00:00Z");
    assert_eq!(vendor.begin_with(request(good.clone())).await.unwrap().coverage(), Coverage::Changed);
    let few = vendor.open(Some("company.basic:read member.basic:read"));
    assert_eq!(few.begin(request(good.clone())).await.unwrap().coverage(), Coverage::Full, "other scopes");
    for odd in [json!("soon"), json!(7), json!({"since": MARK})] {
        assert_eq!(vendor.begin_with(request(odd)).await.unwrap().coverage(), Coverage::Full);
    }
    let forgotten = ReadRequest { memory: None, since: Some(good.clone()), ..ReadRequest::default() };
    assert_eq!(vendor.begin_with(forgotten).await.unwrap().coverage(), Coverage::Full);

    let renamed = Vendor::new().await;
    let mut company = read("company");
    company["departments"][0]["name"] = json!("Product");
    renamed.says(COMPANY, ok(company)).await;
    assert_eq!(renamed.begin_with(request(good)).await.unwrap().coverage(), Coverage::Full, "a department was renamed");
}

#[tokio::test]
async fn of_two_statements_about_one_member_the_newer_counts_whichever_comes_first() {
    let vendor = Vendor::new().await;
    vendor.company().await;
    let (old, new) = ("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z");
    let undated = json!({"id": "undated", "active": true});
    let first = json!({"items": [member("a", old), member("b", new), member("same", old), undated]});
    vendor.page("active", None, first).await;
    let second = json!({"items": [member("a", new), member("b", old), member("same", old), undated]});
    vendor.page("terminated", None, second).await;
    let read = pages(vendor.begin().await.unwrap().as_mut()).await.unwrap();
    assert_eq!(ids(&read[..1]), ["a", "b", "same", "undated"]);
    assert_eq!(ids(&read[1..]), ["a", "undated"], "a moved on; b did before; of the undated the later one counts");
    assert_eq!(workers(&read[1..])[0].attributes[name::TITLE], new);
}

#[tokio::test]
async fn a_newer_record_that_cannot_be_read_is_told_and_an_older_one_is_not() {
    let vendor = Vendor::new().await;
    vendor.company().await;
    let (old, new) = ("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z");
    vendor.page("active", None, json!({"items": [member("a", old), member("b", new)]})).await;
    let wrong = |id: &str, updated: &str| {
        let mut record = member(id, updated);
        record["employment_termination_date"] = json!("soon");
        record
    };
    let second = json!({"items": [wrong("a", new), wrong("b", old), 7]});
    vendor.page("terminated", None, second).await;
    let read = pages(vendor.begin().await.unwrap().as_mut()).await.unwrap();
    let told: Vec<_> = read[1]
        .items
        .iter()
        .map(|item| match item {
            Item::Worker(worker) => (Some(worker.source_id.clone()), worker.unreadable.len()),
            Item::Rejected(rejected) => (rejected.source_id.clone(), 0),
            Item::Thin(_) => panic!("{item:?}"),
        })
        .collect();
    assert_eq!(told, [(Some(SourceId("a".to_owned())), 1), (None, 0)]);
}

#[tokio::test]
async fn a_server_that_does_not_look_at_the_status_gives_everybody_twice_and_that_is_fine() {
    let vendor = Vendor::new().await;
    vendor.company().await;
    // More pages than a pass may give without any new member.
    for page in 0..15 {
        let rows = json!([member(&format!("m{page}"), "2026-11-01T00:00:00Z")]);
        let next = if page < 14 { json!(format!("c{}", page + 1)) } else { Value::Null };
        let cursor = format!("c{page}");
        let cursor = (page > 0).then_some(cursor.as_str());
        for status in ["active", "terminated"] {
            vendor.page(status, cursor, json!({"data": rows, "pagination": {"next_cursor": next}})).await;
        }
    }
    let read = pages(vendor.begin().await.unwrap().as_mut()).await.unwrap();
    assert_eq!((read.len(), ids(&read).len()), (30, 15));
}

#[tokio::test]
async fn a_cursor_that_is_no_longer_good_begins_its_list_again_once() {
    let invalid = || error("cursor no longer valid");
    let vendor = Vendor::new().await;
    vendor.company().await;
    vendor.page_once("active", Some("c1"), invalid(), 1).await;
    let old = "2026-11-01T00:00:00Z";
    vendor.page("active", Some("c1"), json!({"items": [member("b", old)]})).await;
    vendor.page("active", None, json!({"items": [member("a", old)], "next_cursor": "c1"})).await;
    vendor.page("terminated", None, json!({"items": [member("z", old)]})).await;
    let read = pages(vendor.begin().await.unwrap().as_mut()).await.unwrap();
    assert_eq!(ids(&read), ["a", "b", "z"], "who was given out is not given out again");
    assert_eq!(vendor.asked().await.len(), 5);

    let stubborn = Vendor::new().await;
    stubborn.company().await;
    stubborn.page_once("active", Some("c1"), invalid(), 9).await;
    stubborn.page("active", None, json!({"items": [member("a", old)], "next_cursor": "c1"})).await;
    let error = pages(stubborn.begin().await.unwrap().as_mut()).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Refused { status: 400, .. }), "{error:?}");
    assert_eq!(stubborn.asked().await.len(), 4);
}

#[tokio::test]
async fn what_the_scopes_do_not_show_is_hidden_and_was_not_cleared() {
    let vendor = Vendor::new().await;
    vendor.company().await;
    let few = vendor.open(Some("company.basic:read member.basic:read"));
    vendor.page("active", None, json!({"items": [read("member_basic_scope_only")]})).await;
    vendor.page("terminated", None, json!({"items": []})).await;
    let mut reading = few.begin(ReadRequest::default()).await.unwrap();
    let hidden = reading.hidden().clone();
    assert!(hidden.contains(&Part::BirthDate) && hidden.contains(&Part::Attribute(name::DEPARTMENT.to_owned())));
    let read = pages(reading.as_mut()).await.unwrap();
    let mut now = workers(&read)[0].clone();

    let whole = Vendor::whole().await;
    let before = pages(whole.begin().await.unwrap().as_mut()).await.unwrap();
    let before = workers(&before)[0];
    assert_ne!(&now, before);
    now.keep_hidden(Some(before), &hidden);
    // Which keys are missing is a fact of the record, whatever is kept.
    now.missing.clone_from(&before.missing);
    assert_eq!(&now, before, "a scope that was taken away erases nothing");
}

#[tokio::test]
async fn a_birth_date_that_comes_without_its_scope_is_dropped() {
    let vendor = Vendor::whole().await;
    let without = vendor.open(Some("company.basic:read member.detail:read member.employment:read"));
    let mut reading = without.begin(ReadRequest::default()).await.unwrap();
    assert_eq!(*reading.hidden(), [Part::BirthDate].into());
    let read = pages(reading.as_mut()).await.unwrap();
    assert!(workers(&read).iter().all(|worker| worker.birth_date.is_none()));
}

#[tokio::test]
async fn one_member_is_read_by_id() {
    let vendor = Vendor::whole().await;
    vendor.says("/v1/members/mem_0002", ok(read("member_detail"))).await;
    vendor.says("/v1/members/mem_0404", error("unknown member")).await;
    vendor.says("/v1/members/mem_0003", ok(read("member_detail"))).await;
    vendor.says("/v1/members/a%2Fb", error("unknown member")).await;
    let reading = vendor.begin().await.unwrap();
    let id = |id: &str| SourceId(id.to_owned());
    let found = reading.detail(&id("mem_0002")).await.unwrap();
    assert!(matches!(&found, Detail::Found(worker) if worker.source_id == id("mem_0002")), "{found:?}");
    for gone in ["mem_0404", "a/b"] {
        assert_eq!(reading.detail(&id(gone)).await.unwrap(), Detail::Gone);
    }
    let other = reading.detail(&id("mem_0003")).await.unwrap_err();
    assert!(matches!(&other, ConnectorError::Malformed { detail, .. } if detail.contains("another")), "{other:?}");
}
