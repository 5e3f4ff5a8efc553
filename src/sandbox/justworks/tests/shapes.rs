//! Compares bodies with those of the page, value by value, and tests the shapes that the page leaves open.

use serde_json::{Value, json};

use super::{Bench, USUAL, everything, example};
use crate::sandbox::{
    DepartmentShape, EmailShape, Envelope, JustworksConfig, LastPage, ManagerShape, NEVER_STORE, NEVER_STORE_AMOUNT,
    Shapes,
};

/// Where page and example differ. By the page, list and show give the same record; the example of the list leaves the
/// history of one member out.
fn without_history(mut body: Value) -> Value {
    for member in body["items"].as_array_mut().unwrap() {
        if member["id"] == "mem_0002" {
            assert!(member["employment_history"].is_array());
            member["employment_history"] = json!([]);
        }
    }
    body
}

#[tokio::test]
async fn the_lists_are_those_of_the_page() {
    let bench = Bench::with(JustworksConfig::examples(), USUAL).await;
    let first = bench.get("/v1/members?limit=8").await.json();
    assert_eq!(without_history(first.clone()), example("members_page1"));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = bench.get(&format!("/v1/members?limit=8&cursor={cursor}")).await.json();
    assert_eq!(second, example("members_page2"));
    assert_eq!(bench.get("/v1/members?status=terminated").await.json(), example("members_terminated_only"));
    let since = bench.get("/v1/members?updated_at_gte=2026-11-17T00:00:00Z").await.json();
    assert_eq!(since["items"], example("members_updated_since")["items"]);
}

#[tokio::test]
async fn one_member_with_all_scopes_and_with_few_is_that_of_the_page() {
    let everything = format!("{USUAL} member.pay:read member.sex:read");
    let bench = Bench::with(JustworksConfig::examples(), &everything).await;
    assert_eq!(bench.get("/v1/members/mem_0002").await.json(), example("member_detail"));
    let bench = Bench::with(JustworksConfig::examples(), "company.basic:read member.basic:read").await;
    assert_eq!(bench.get("/v1/members/mem_0001").await.json(), example("member_basic_scope_only"));
}

#[tokio::test]
async fn the_company_and_its_custom_fields_are_those_of_the_page() {
    let bench = Bench::with(JustworksConfig::examples(), "company.basic:read member.detail:read").await;
    assert_eq!(bench.get("/v1/company").await.json(), example("company"));
    let values = bench.get("/v1/members/mem_0001/custom-field-values").await.json();
    assert_eq!(values, example("member_custom_field_values"));
    let bench = Bench::with(JustworksConfig::examples(), "company.detail:read").await;
    assert_eq!(bench.get("/v1/company/custom-fields").await.json(), example("company_custom_fields"));
}

#[tokio::test]
async fn the_last_page_can_show_itself_by_absence() {
    let shapes = Shapes { last_page: LastPage::Absent, ..Shapes::default() };
    let bench = Bench::with(JustworksConfig { shapes, ..JustworksConfig::examples() }, USUAL).await;
    let none = bench.get("/v1/members?updated_at_gt=2030-01-01T00:00:00Z").await.json();
    assert_eq!(none, example("members_last_page_cursor_omitted"));
    assert!(bench.get("/v1/members?limit=8").await.json()["next_cursor"].is_string());
}

#[tokio::test]
async fn every_shape_that_the_page_leaves_open_can_be_had() {
    let bench = Bench::with(JustworksConfig::examples(), USUAL).await;
    let shown = async |shapes| {
        bench.vendor.set_shapes(shapes);
        bench.get("/v1/members/mem_0002").await.json()
    };
    let usual = Shapes::default();
    let label = shown(Shapes { emails: EmailShape::LabelEmail, ..usual }).await;
    assert_eq!(label["emails"][0], json!({"label": "work", "email": "marcus.lindqvist@bluebird.example"}));
    let plain = shown(Shapes { emails: EmailShape::Plain, ..usual }).await;
    assert_eq!(plain["emails"], json!(["marcus.lindqvist@bluebird.example", "marcus.lr@mail.example"]));
    let name = shown(Shapes { department: DepartmentShape::Name, ..usual }).await;
    assert_eq!((&name["department"], &name["office"]["id"]), (&json!("Engineering"), &json!("off_nyc01")));
    let id = shown(Shapes { manager: ManagerShape::Id, ..usual }).await;
    assert_eq!(id["manager"], "mem_0001");
    bench.vendor.set_shapes(Shapes { envelope: Envelope::Data, last_page: LastPage::Absent, ..usual });
    let first = bench.get("/v1/members?limit=9").await.json();
    assert_eq!(first["data"].as_array().unwrap().len(), 9);
    let cursor = first["pagination"]["next_cursor"].as_str().unwrap();
    let last = bench.get(&format!("/v1/members?cursor={cursor}")).await.json();
    assert_eq!((last["data"].as_array().unwrap().len(), &last["pagination"]), (7, &json!({})));
    assert!(last.get("items").is_none());
}

#[tokio::test]
async fn empty_values_are_left_out_and_arrays_are_always_there() {
    fn check(value: &Value) {
        match value {
            Value::Null => panic!("a null"),
            Value::String(text) => assert!(!text.is_empty()),
            Value::Array(items) => items.iter().for_each(check),
            Value::Object(fields) => {
                assert!(!fields.is_empty());
                fields.values().for_each(check);
            }
            _ => {}
        }
    }
    let bench = Bench::with(everything(300), USUAL).await;
    bench.vendor.patch(20, &json!({"department": {"id": null, "name": null}, "job_title": ""})).unwrap();
    let members = bench.listed("").await;
    assert_eq!(members.len(), 300);
    for member in &members {
        check(member);
        for key in ["addresses", "emails", "phones", "employment_history", "pay_history"] {
            assert!(member[key].is_array(), "{key} of {member}");
        }
        assert!(member["name"]["additional_names"].is_array());
        for key in ["id", "company_id"] {
            assert!(member[key].is_string());
        }
        assert!(member["active"].is_boolean());
    }
    assert!(members[20].get("department").is_none() && members[20].get("job_title").is_none());
}

#[tokio::test]
async fn what_must_not_be_kept_is_marked_and_shown_to_its_scope_alone() {
    let every = "company.detail:read member.detail:read member.employment:read member.dob:read member.sex:read \
                 member.tax_id:read member.pay:read";
    let bench = Bench::with(everything(60), every).await;
    let rich = bench.get("/v1/members").await.json();
    let row = &rich["items"][30];
    assert_eq!(row["current_pay"]["amount"], NEVER_STORE_AMOUNT);
    assert_eq!(row["pay_history"][0]["amount"], NEVER_STORE_AMOUNT);
    for text in [&row["sex_assigned_at_birth"], &row["current_pay_frequency"]] {
        assert!(text.as_str().unwrap().starts_with(NEVER_STORE));
    }
    assert!(bench.get("/v1/company").await.text.contains(NEVER_STORE));
    let id = bench.vendor.member_id(30);
    assert!(bench.get(&format!("/v1/members/{id}/tax-id")).await.text.contains(NEVER_STORE));
    let bench = Bench::with(everything(60), USUAL).await;
    let usual = bench.get("/v1/members").await;
    assert!(!usual.text.contains(&NEVER_STORE_AMOUNT.to_string()));
    let homes = usual.text.matches(NEVER_STORE).count();
    let rows = usual.json();
    let lines = rows["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["addresses"][0]["line1"].as_str().is_some_and(|line| line.starts_with(NEVER_STORE)));
    assert_eq!(homes, lines.count() * 3, "only addresses, in three of their lines");
}
