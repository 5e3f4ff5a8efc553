//! Tests of normalising the recorded members, with their difficult cases.

use serde_json::{Map, Value, json};

use super::normalise::{Facts, normalise};
use super::{Company, Notes, default_mapping};
use crate::directory::attribute::name;
use crate::directory::dates::lifecycle::status_at;
use crate::directory::ids::SourceId;
use crate::directory::person::Status;
use crate::directory::worker::mapping::Rules;
use crate::directory::worker::{ManagerRef, Worker};

pub(super) fn read(file: &str) -> Value {
    let path = format!("{}/tests/data/justworks/{file}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The recorded members 1 to 16.
pub(super) fn recorded() -> Vec<Value> {
    let pages = ["members_page1", "members_page2"].map(read);
    let members: Vec<Value> = pages.iter().flat_map(|page| page["items"].as_array().unwrap().clone()).collect();
    assert_eq!(members.len(), 16);
    members
}

pub(super) fn facts() -> Facts {
    Facts { company: Company::read(&read("company")).unwrap(), birth_dates: true, ..Facts::default() }
}

fn of(record: &Value) -> Worker {
    normalise(record, &facts(), &mut Notes::default()).unwrap()
}

/// Recorded member number `number`, from 1, with a change.
fn changed(number: usize, change: impl FnOnce(&mut Map<String, Value>)) -> Worker {
    let mut record = recorded().swap_remove(number - 1);
    change(record.as_object_mut().unwrap());
    of(&record)
}

fn with(number: usize, key: &str, value: Value) -> Worker {
    changed(number, |record| drop(record.insert(key.to_owned(), value)))
}

fn attribute(worker: &Worker, name: &str) -> Option<String> {
    worker.attributes.get(name).cloned()
}

fn status(worker: &Worker, at: &str) -> Status {
    let rules = Rules { mapping: default_mapping(), ..Rules::default() };
    status_at(worker, &rules, None, false, at.parse().unwrap()).unwrap().status
}

#[test]
fn the_recorded_members_have_their_classes_on_the_day_of_the_examples() {
    let found: Vec<(String, Status, String)> = recorded()
        .iter()
        .map(of)
        .map(|worker| {
            let word = worker.employment.worker_type.clone();
            (worker.source_id.0.clone(), status(&worker, "2026-11-20T12:00:00Z"), word)
        })
        .collect();
    let expected = [
        (Status::Active, "employee"),
        (Status::Active, "employee"),
        (Status::Active, "employee"),
        (Status::Active, "contractor"),
        (Status::Active, "employee_eor"),
        (Status::Active, "international_employee"),
        (Status::Pending, "employee"),
        (Status::Terminated, "employee"),
        (Status::Active, "employee"),
        (Status::Active, "international_contractor"),
        (Status::Active, "employee"),
        (Status::Active, "employee"),
        (Status::Active, "fractional_advisor"),
        (Status::Active, "employee"),
        (Status::Active, "vendor"),
        (Status::Suspended, ""),
    ];
    let expected: Vec<_> = (1..)
        .zip(expected)
        .map(|(number, (status, word))| (format!("mem_{number:04}"), status, word.to_owned()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn the_default_map_knows_every_recorded_type_but_the_undocumented_one_and_leaves_vendors_out() {
    let rules = Rules { mapping: default_mapping(), ..Rules::default() };
    for (number, worker) in (1..).zip(recorded().iter().map(of)) {
        let word = worker.employment.worker_type.as_str();
        assert_eq!(rules.mapping.worker_types.contains_key(word), ![13, 16].contains(&number), "{word}");
        assert_eq!(rules.leaves_out(word), number == 15, "{word}");
        assert!(rules.mapping.statuses.contains_key(&worker.employment.status));
    }
}

#[test]
fn dates_decide_before_the_flag_does() {
    let noon = "2026-11-20T12:00:00Z";
    let member = |active: bool, start: Value, end: Value| {
        changed(1, |record| {
            record.insert("active".to_owned(), json!(active));
            record.insert("employment_start_date".to_owned(), start);
            record.insert("employment_termination_date".to_owned(), end);
        })
    };
    let (past, today, future) = (json!("2026-11-19"), json!("2026-11-20"), json!("2026-12-31"));
    for active in [true, false] {
        let class = |start: &Value, end: &Value| status(&member(active, start.clone(), end.clone()), noon);
        assert_eq!(class(&json!("2020-01-01"), &past), Status::Terminated);
        assert_eq!(class(&json!("2020-01-01"), &today), Status::Active, "the last day itself is worked");
        assert_eq!(class(&json!("2020-01-01"), &future), Status::Active);
        assert_eq!(class(&future, &Value::Null), Status::Pending);
        assert_eq!(class(&future, &json!("2027-12-31")), Status::Pending);
    }
    assert_eq!(status(&member(false, json!("2020-01-01"), Value::Null), noon), Status::Suspended);
    assert_eq!(status(&member(false, Value::Null, Value::Null), noon), Status::Suspended);
    assert_eq!(status(&member(false, future, Value::Null), "2027-02-01T12:00:00Z"), Status::Suspended);
    let rules = Rules { mapping: default_mapping(), ..Rules::default() };
    let unknown = with(1, "active", json!("perhaps"));
    assert_eq!(
        status_at(&unknown, &rules, None, false, noon.parse().unwrap()),
        None,
        "a flag that is missing decides nothing"
    );
    assert_eq!(with(1, "active", json!("false")).employment.status, "inactive");
}

#[test]
fn a_full_member_gives_all_that_a_directory_needs() {
    let worker = of(&recorded()[1]);
    assert_eq!(worker.work_email.as_deref(), Some("marcus.lindqvist@bluebird.example"));
    assert_eq!(worker.login_email, None);
    assert_eq!(worker.full_name.as_deref(), Some("Marcus Antonio Lindqvist-Reyes"));
    assert_eq!(worker.birth_date, "1985-02-19".parse().ok());
    assert_eq!(worker.employment.start, "2019-06-17".parse().ok());
    assert_eq!(worker.source_updated, "2026-11-12T15:04:05Z".parse().ok());
    let manager = ManagerRef { source_id: Some(SourceId("mem_0001".to_owned())), ..ManagerRef::default() };
    assert_eq!(worker.manager, Some(manager));
    let attributes: Vec<_> = worker.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        attributes,
        [
            (name::COUNTRY, "US"),
            (name::DEPARTMENT, "Engineering"),
            (name::DEPARTMENT_ID, "dep_eng01"),
            (name::DISPLAY_NAME, "Marc Lindqvist-Reyes"),
            (name::FAMILY_NAME, "Lindqvist-Reyes"),
            (name::FORMATTED_NAME, "Marc Lindqvist-Reyes"),
            (name::GIVEN_NAME, "Marc"),
            (name::LEGAL_ENTITY, "Bluebird Goods Inc."),
            (name::LEGAL_ENTITY_ID, "cmp_3f9c1b7e2a"),
            (name::MIDDLE_NAME, "Antonio"),
            (name::NICK_NAME, "Marc"),
            (name::TITLE, "Director of Engineering"),
            (name::WORK_LOCATION, "New York HQ"),
            (name::WORK_LOCATION_ID, "off_nyc01"),
        ]
    );
    assert_eq!(of(&read("member_detail")), worker, "the single record says the same");
}

#[test]
fn names_are_served_as_preferred_and_never_split() {
    let display = |worker: &Worker| attribute(worker, name::DISPLAY_NAME).unwrap();
    let named = |names: Value| with(2, "name", names);
    let only_first = named(json!({"given_name": "Marcus", "family_name": "Reyes", "preferred_name": "Marc"}));
    assert_eq!((display(&only_first).as_str(), only_first.full_name.as_deref()), ("Marc Reyes", Some("Marcus Reyes")));
    let whole = json!({"given_name": "Marcus", "family_name": "Reyes", "preferred_name": "Marc R", "full_preferred_name": "Marc R"});
    let whole = named(whole);
    assert_eq!((display(&whole).as_str(), attribute(&whole, name::GIVEN_NAME).as_deref()), ("Marc R", Some("Marcus")));
    let vendor = of(&recorded()[14]);
    assert_eq!((display(&vendor).as_str(), attribute(&vendor, name::GIVEN_NAME)), ("Bright Pixel LLC", None));
    let nameless = of(&recorded()[15]);
    assert_eq!((nameless.full_name, nameless.attributes.get(name::DISPLAY_NAME)), (None, None));
    assert_eq!(
        attribute(&named(json!({"additional_names": ["A", "", 7, "B"]})), name::MIDDLE_NAME).as_deref(),
        Some("A B")
    );
    assert_eq!(named(json!("Marcus")).full_name, None);
    assert_eq!(display(&of(&recorded()[2])), "Zoë Müller-Nuñez");
}

#[test]
fn an_email_is_a_work_email_only_if_it_says_so() {
    for number in [7, 10, 15, 16] {
        let worker = of(&recorded()[number - 1]);
        assert_eq!((worker.work_email, worker.login_email), (None, None), "{number}");
    }
    let work = Some("a@bluebird.example".to_owned());
    let emails = |emails: Value, domains: &[&str]| {
        let mut record = recorded().swap_remove(0);
        record["emails"] = emails;
        let login_email_domains = domains.iter().map(|domain| (*domain).to_owned()).collect();
        let worker = normalise(&record, &Facts { login_email_domains, ..facts() }, &mut Notes::default()).unwrap();
        (worker.work_email, worker.login_email)
    };
    for item in [
        json!({"type": "WORK", "address": "a@bluebird.example"}),
        json!({"label": "work", "email": "a@bluebird.example"}),
        json!({"kind": "Work", "value": " a@bluebird.example "}),
    ] {
        let personal = json!({"type": "PERSONAL", "address": "a@mail.example"});
        assert_eq!(emails(json!([personal, item]), &[]), (work.clone(), None), "{item}");
    }
    // The only one, and nothing says its kind.
    for item in [json!("a@bluebird.example"), json!({"address": "a@bluebird.example"})] {
        assert_eq!(emails(json!([item]), &[]), (None, None));
        assert_eq!(emails(json!([item]), &["bluebird.example"]), (None, work.clone()));
        assert_eq!(emails(json!([item]), &["other.example"]), (None, None));
        assert_eq!(emails(json!([item, "b@bluebird.example"]), &["bluebird.example"]), (None, None), "one of two");
    }
    for kind in ["PERSONAL", "HOME", "OTHER"] {
        let item = json!([{"type": kind, "address": "a@bluebird.example"}]);
        assert_eq!(emails(item, &["bluebird.example"]), (None, None), "{kind}");
    }
    let (bad, good) =
        (json!({"type": "WORK", "address": "nonsense"}), json!({"type": "WORK", "address": "a@bluebird.example"}));
    assert_eq!(emails(json!([bad.clone(), good]), &[]), (work, None));
    assert_eq!(
        emails(json!([bad]), &[]),
        (Some("nonsense".to_owned()), None),
        "an admin is told what is wrong with it"
    );
    for odd in [json!(null), json!("x"), json!({}), json!([null, 7, {}, {"type": "WORK"}, {"address": {}}])] {
        assert_eq!(emails(odd, &["bluebird.example"]), (None, None));
    }
}

#[test]
fn only_a_work_phone_is_taken() {
    assert!(recorded().iter().map(of).all(|worker| attribute(&worker, name::WORK_PHONE).is_none()), "all are mobile");
    let phones = json!(["+1", {"type": "MOBILE", "number": "+2"}, {"type": "PERSONAL", "number": "+3"}, {"label": "Work", "phone": "+4"}]);
    let worker = with(1, "phones", phones);
    assert_eq!(attribute(&worker, name::WORK_PHONE).as_deref(), Some("+4"));
    assert_eq!(attribute(&worker, name::MOBILE_PHONE), None);
}

#[test]
fn departments_offices_and_managers_are_read_in_each_shape() {
    let department = |value: Value| {
        let worker = with(1, "department", value);
        (attribute(&worker, name::DEPARTMENT_ID), attribute(&worker, name::DEPARTMENT))
    };
    let pair = |id: &str, name: &str| {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        (some(id), some(name))
    };
    assert_eq!(department(json!({"id": "dep_ven03", "name": "Old name"})), pair("dep_ven03", "Ventas & Éxito"));
    assert_eq!(department(json!({"id": "dep_ven03"})), pair("dep_ven03", "Ventas & Éxito"));
    assert_eq!(department(json!({"id": "dep_new", "name": "New"})), pair("dep_new", "New"));
    assert_eq!(department(json!({"name": "New"})), pair("", "New"));
    assert_eq!(department(json!(" New ")), pair("", "New"));
    for none in [json!(null), json!({}), json!([]), json!(7)] {
        assert_eq!(department(none), pair("", ""));
    }
    assert_eq!(changed(1, |record| drop(record.remove("office"))).attributes.get(name::WORK_LOCATION), None);

    let manager = |value: Value| with(1, "manager", value).manager;
    let by_id = Some(ManagerRef { source_id: Some(SourceId("mem_9".to_owned())), ..ManagerRef::default() });
    for value in [json!("mem_9"), json!({"id": "mem_9"}), json!({"member_id": "mem_9"})] {
        assert_eq!(manager(value), by_id);
    }
    let shown = manager(json!({"email": "m@x.example", "name": {"given_name": "Mo", "family_name": "Lee"}})).unwrap();
    assert_eq!(
        (shown.email.as_deref(), shown.name.as_deref(), shown.source_id),
        (Some("m@x.example"), Some("Mo Lee"), None)
    );
    for none in [json!(null), json!({}), json!(""), json!([])] {
        assert_eq!(manager(none), None);
    }
    let of_14 = of(&recorded()[13]).manager.unwrap();
    assert_eq!(of_14.source_id, Some(SourceId("mem_9999".to_owned())), "kept, though nobody has it");
}

#[test]
fn the_country_is_the_key_of_the_employment_and_not_any_two_letters() {
    let country = |employment: Value, office: Value| {
        let worker = changed(5, |record| {
            record.insert("current_employment".to_owned(), employment);
            record.insert("office".to_owned(), office);
        });
        attribute(&worker, name::COUNTRY)
    };
    let some = |code: &str| Some(code.to_owned());
    assert_eq!(attribute(&of(&recorded()[4]), name::COUNTRY), some("FR"));
    assert_eq!(
        country(json!({"id": "e1", "to": "x", "start_date": "2020-01-01"}), json!(null)),
        None,
        "`id` is not Indonesia"
    );
    assert_eq!(country(json!({"ZZ": {}}), json!(null)), None);
    let lisbon = json!({"id": "off_lis", "address": {"country": "PT"}});
    assert_eq!(country(json!({}), lisbon.clone()), some("PT"));
    assert_eq!(country(json!({"FR": {}, "PT": {}}), lisbon), some("PT"));
    assert_eq!(country(json!({"FR": {}, "PT": {}}), json!(null)), None, "which of the two, nobody says");
    let at_home = changed(5, |record| drop(record.remove("current_employment")));
    assert_eq!(attribute(&at_home, name::COUNTRY), None, "a member's own address may be the home");
}

#[test]
fn a_date_that_cannot_be_read_is_noted_and_refuses_nobody() {
    for key in ["employment_start_date", "employment_termination_date", "date_of_birth"] {
        for wrong in [json!("soon"), json!("2026-02-30"), json!(20_261_231), json!({})] {
            let worker = with(1, key, wrong);
            let noted: Vec<&str> = worker.unreadable.iter().map(|one| &*one.field).collect();
            assert_eq!(noted, [key]);
        }
        assert!(with(1, key, json!("")).unreadable.is_empty());
    }
    let cut = with(1, "employment_termination_date", json!("2026-12-31T23:00:00-08:00"));
    assert_eq!(cut.employment.last_day, "2026-12-31".parse().ok());
}

#[test]
fn a_cleared_key_is_a_missing_one() {
    let worker = changed(2, |record| {
        for key in ["manager", "department", "job_title", "office", "employment_termination_date"] {
            record.remove(key);
        }
    });
    assert_eq!((worker.manager, worker.employment.last_day), (None, None));
    for name in [name::DEPARTMENT, name::DEPARTMENT_ID, name::TITLE, name::WORK_LOCATION] {
        assert!(!worker.attributes.contains_key(name), "{name}");
    }
}

#[test]
fn a_birth_date_needs_its_scope_and_an_employee_number_its_setting() {
    let record = &recorded()[1];
    let read = |facts: &Facts| normalise(record, facts, &mut Notes::default()).unwrap();
    assert_eq!(read(&Facts { birth_dates: false, ..facts() }).birth_date, None);
    assert_eq!(attribute(&read(&facts()), name::EMPLOYEE_NUMBER), None);
    let numbered = read(&Facts { employee_number_from_work_id: true, ..facts() });
    assert_eq!(attribute(&numbered, name::EMPLOYEE_NUMBER).as_deref(), Some("0007"), "leading zeros stay");
}

#[test]
fn pay_tax_sex_homes_and_personal_contacts_never_get_through() {
    let mut record = recorded().swap_remove(1);
    for (key, value) in [
        ("current_pay", json!({"amount": 7_654_321, "currency": "USD"})),
        ("current_pay_frequency", json!("semi_monthly")),
        ("pay_history", json!([{"amount": 7_654_320}])),
        ("tax_id", json!({"US": "078-05-1120"})),
        ("sex_assigned_at_birth", json!("F_MARKER")),
        ("partner_settings", json!({"x": "P_MARKER"})),
        ("addresses", json!([{"line1": "1 Home Lane", "city": "Homeville", "country": "MX"}])),
    ] {
        record[key] = value;
    }
    let written = serde_json::to_string(&of(&record)).unwrap();
    for never in ["76543", "USD", "semi_monthly", "078-05", "MARKER", "Home", "MX", "marcus.lr@mail", "+1555"] {
        assert!(!written.contains(never), "{never}: {written}");
    }
}

#[test]
fn what_was_met_is_noted_by_names_alone() {
    let mut notes = Notes::default();
    let mut record = recorded().swap_remove(0);
    record["shoe_size"] = json!("MARKER");
    record["name"]["pronouns"] = json!("MARKER");
    record["emails"] = json!(["dana@bluebird.example"]);
    record["manager"] = json!({"member_id": "mem_2"});
    normalise(&record, &facts(), &mut notes).unwrap();
    assert_eq!(notes.unknown_keys, ["name.pronouns", "shoe_size"].map(str::to_owned).into());
    for shape in
        ["emails[]", "manager.member_id", "phones[].number", "department{id,name}", "current_employment{country}"]
    {
        assert!(notes.shapes.contains(shape), "{shape}");
    }
    let shown = format!("{notes:?}");
    assert!(!shown.contains("MARKER") && !shown.contains("dana") && !shown.contains("mem_2"), "{shown}");
    let mut quiet = Notes::default();
    for record in recorded() {
        normalise(&record, &facts(), &mut quiet).unwrap();
    }
    assert!(quiet.unknown_keys.is_empty() && !quiet.more_unknown_keys, "every recorded key is known: {quiet:?}");
}

#[test]
fn the_filtered_and_partial_examples_are_members_like_the_others() {
    for file in ["members_terminated_only", "members_updated_since"] {
        for record in read(file)["items"].as_array().unwrap() {
            let listed = recorded().iter().find(|listed| listed["id"] == record["id"]).map(of);
            assert_eq!(Some(of(record)), listed, "{file}");
        }
    }
    let few = of(&read("member_basic_scope_only"));
    assert_eq!(few.work_email.as_deref(), Some("dana.whitfield@bluebird.example"));
    assert_eq!((few.employment.start, few.manager, few.attributes.get(name::TITLE)), (None, None, None));
    for event in read("webhook_events").as_array().unwrap() {
        // Partial data: whatever it is read as, it never fails. Nothing merges it.
        let _ = normalise(&event["data"], &facts(), &mut Notes::default());
    }
    for file in
        ["company_custom_fields", "member_custom_field_values", "webhooks_list", "errors", "company_custom_fields"]
    {
        assert!(normalise(&read(file), &facts(), &mut Notes::default()).is_err(), "{file}");
    }
}

#[test]
fn a_value_of_another_type_is_noted_with_its_field() {
    let noted = |key: &str, value: Value| -> Vec<String> {
        with(1, key, value).unreadable.into_iter().map(|one| one.field).collect()
    };
    for (key, value, field) in [
        ("name", json!(5), "name"),
        ("name", json!({"a": 1}), "name"),
        ("name", json!({"given_name": 5}), "name.given_name"),
        ("name", json!({"given_name": "A", "additional_names": [1]}), "name.additional_names[0]"),
        ("emails", json!("x"), "emails"),
        ("emails", json!([5]), "emails[0]"),
        ("emails", json!([{"type": "WORK", "address": {}}]), "emails[0].address"),
        ("emails", json!([{"type": 5, "address": "a@b.example"}]), "emails[0].type"),
        ("emails", json!([{"a": 1}]), "emails[0]"),
        ("phones", json!([{"type": "WORK", "number": ["1"]}]), "phones[0].number"),
        ("department", json!(5), "department"),
        ("department", json!({"a": 1}), "department"),
        ("department", json!({"id": "d", "name": 5}), "department.name"),
        ("office", json!([]), "office"),
        ("office", json!({"id": "o", "country": "Portugal"}), "office.country"),
        ("manager", json!({"a": 1}), "manager"),
        ("manager", json!(true), "manager"),
        ("manager", json!({"email": "not an address"}), "manager.email"),
        ("current_employment", json!(3), "current_employment"),
        ("current_employment", json!({"ZZ": {}}), "current_employment"),
        ("active", json!(1), "active"),
        ("type", json!({}), "type"),
        ("job_title", json!("x".repeat(1_001)), "job_title"),
    ] {
        assert_eq!(noted(key, value.clone()), [field], "{key} {value}");
    }
    // An admin gets no question about what fills nothing, or what belongs to no person's work.
    for (key, value) in [
        ("updated_at", json!(5)),
        ("work_id", json!({})),
        ("addresses", json!(7)),
        ("emails", json!([{"type": "PERSONAL", "address": 5}, {"type": "WORK", "address": "a@b.example"}])),
        ("manager", json!({"id": "mem_0002", "email": "not an address"})),
    ] {
        assert_eq!(noted(key, value.clone()), Vec::<String>::new(), "{key} {value}");
    }
}
