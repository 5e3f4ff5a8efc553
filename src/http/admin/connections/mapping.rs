//! The value map of a connection: shown with the values that the HR system uses, replaced, or previewed.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, web};
use serde_json::Value;

use crate::api::mapping::{
    EmploymentType, Mapping, MappingChange, Names, SeenWord, SeenWords, StatusClass, Statuses, UnmappedWords,
    WorkerTypes,
};
use crate::api::runs::{PlanMade, RunStarted};
use crate::directory;
use crate::flows::connections::mapping;
use crate::flows::connections::mapping::{Mapped, MappingView};
use crate::flows::context::Context;
use crate::http::admin::answer::{Accepted, Answer, Either, Found};
use crate::http::admin::request::body::{Body, Members, RequestBody, shown};
use crate::http::admin::request::parameters::{Parameters, id};
use crate::http::admin::words::ToApi;
use crate::http::auth::{Admin, AdminRead, Caller};
use crate::store::workers::Word;

/// GET …/mapping
pub(crate) async fn show(
    _: Caller<AdminRead>,
    request: HttpRequest,
    context: web::Data<Context>,
) -> Answer<Found<Mapping>> {
    Parameters::read(&request, &[])?.finish()?;
    let view = mapping::view(&context, id(&request, "id", "connection")?).await?;
    Ok(Found(show_view(view)))
}

/// PUT …/mapping: 202 with the run that applies it, or with `?preview=true` 200 with a plan of what it would do. A map
/// that is left out stays as it is; what GET adds (`seen`, `unmapped`) may come back and is ignored.
pub(crate) async fn put(
    caller: Caller<Admin>,
    request: HttpRequest,
    body: Body<MappingChange>,
    context: web::Data<Context>,
) -> Answer<Either<Found<PlanMade>, Accepted<RunStarted>>> {
    let mut parameters = Parameters::read(&request, &["preview"])?;
    let only_preview = parameters.flag("preview");
    parameters.finish()?;
    let id = id(&request, "id", "connection")?;
    let (change, actor) = body.read(&caller).await?;
    let present = mapping::view(&context, id).await?.mapping;
    let wanted = directory::worker::mapping::Mapping {
        worker_types: change.worker_types.map_or(present.worker_types, |map| own(map.0, own_type)),
        vendors: change.vendors.map_or(present.vendors, |all| all.into_iter().collect()),
        statuses: change.statuses.map_or(present.statuses, |map| own(map.0, own_class)),
        legal_entities: change.legal_entities.map_or(present.legal_entities, |map| map.0),
        departments: change.departments.map_or(present.departments, |map| map.0),
    };
    Ok(match mapping::put(&context, id, wanted, only_preview, &actor).await? {
        Mapped::Preview { plan } => Either::First(Found(PlanMade { plan_id: plan })),
        Mapped::Run(asked) => Either::Second(Accepted(RunStarted { run_id: asked.run })),
    })
}

impl RequestBody for MappingChange {
    fn read(members: &mut Members) -> Self {
        let types: Vec<&str> = EmploymentType::ALL.iter().map(|one| one.as_str()).collect();
        let classes: Vec<&str> = StatusClass::ALL.iter().map(|one| one.as_str()).collect();
        let change = Self {
            worker_types: words(members, "workerTypes", &types, EmploymentType::parse).map(WorkerTypes),
            vendors: members.texts("vendors"),
            statuses: words(members, "statuses", &classes, StatusClass::parse).map(Statuses),
            legal_entities: texts(members, "legalEntities").map(Names),
            departments: texts(members, "departments").map(Names),
            seen: None,
            unmapped: None,
        };
        // What GET adds may come back.
        members.take("seen");
        members.take("unmapped");
        change
    }
}

/// A value map with values of the program in place of those of the API.
fn own<A, T>(map: BTreeMap<String, A>, word: impl Fn(A) -> T) -> BTreeMap<String, T> {
    map.into_iter().map(|(name, value)| (name, word(value))).collect()
}

fn own_type(word: EmploymentType) -> directory::worker::mapping::EmploymentType {
    use directory::worker::mapping::EmploymentType as Own;
    match word {
        EmploymentType::Employee => Own::Employee,
        EmploymentType::Contractor => Own::Contractor,
        EmploymentType::Intern => Own::Intern,
        EmploymentType::Temporary => Own::Temporary,
        EmploymentType::Other => Own::Other,
        EmploymentType::Unknown => Own::Unknown,
    }
}

fn own_class(word: StatusClass) -> directory::worker::mapping::StatusClass {
    use directory::worker::mapping::StatusClass as Own;
    match word {
        StatusClass::Upcoming => Own::Upcoming,
        StatusClass::Current => Own::Current,
        StatusClass::OnLeave => Own::OnLeave,
        StatusClass::Suspended => Own::Suspended,
        StatusClass::Former => Own::Former,
        StatusClass::Unknown => Own::Unknown,
    }
}

/// A map from the HR system's values to some of ours.
fn words<T>(
    members: &mut Members,
    name: &'static str,
    allowed: &[&str],
    parse: fn(&str) -> Option<T>,
) -> Option<BTreeMap<String, T>> {
    let given = members.object(name)?;
    let mut map = BTreeMap::new();
    for (word, value) in given {
        match value.as_str().and_then(parse) {
            Some(value) => {
                map.insert(word, value);
            }
            None => {
                members.refuse(format!("{name}.{}", shown(&word)), format!("expected one of {}", allowed.join(", ")));
            }
        }
    }
    Some(map)
}

fn texts(members: &mut Members, name: &'static str) -> Option<BTreeMap<String, String>> {
    let given = members.object(name)?;
    let mut map = BTreeMap::new();
    for (word, value) in given {
        match value {
            Value::String(text) if !text.trim().is_empty() => {
                map.insert(word, text.trim().to_owned());
            }
            _ => members.refuse(format!("{name}.{}", shown(&word)), "expected a text that is not empty"),
        }
    }
    Some(map)
}

fn show_view(view: MappingView) -> Mapping {
    let map = view.mapping;
    let types = api(&map.worker_types);
    let statuses = api(&map.statuses);
    let names = |map: &BTreeMap<String, String>, word: &str| map.get(word).cloned();
    let type_of = |word: &str| types.get(word).map(ToString::to_string);
    let class_of = |word: &str| statuses.get(word).map(ToString::to_string);
    // Departments and legal entities need no mapping: they then keep the HR system's name.
    let unmapped = UnmappedWords {
        worker_types: missing(&view.worker_types, type_of),
        statuses: missing(&view.statuses, class_of),
    };
    let seen = SeenWords {
        worker_types: seen(view.worker_types, type_of),
        statuses: seen(view.statuses, class_of),
        legal_entities: seen(view.legal_entities, |word| names(&map.legal_entities, word)),
        departments: seen(view.departments, |word| names(&map.departments, word)),
    };
    Mapping {
        worker_types: WorkerTypes(types),
        vendors: Some(map.vendors.into_iter().collect()).filter(|all: &Vec<String>| !all.is_empty()),
        statuses: Statuses(statuses),
        legal_entities: Names(map.legal_entities),
        departments: Names(map.departments),
        seen,
        unmapped,
    }
}

/// A value map with values of the API in place of ours.
fn api<T: ToApi + Copy>(map: &BTreeMap<String, T>) -> BTreeMap<String, T::Word> {
    map.iter().map(|(word, value)| (word.clone(), value.to_api())).collect()
}

fn seen(words: Vec<Word>, mapped: impl Fn(&str) -> Option<String>) -> Vec<SeenWord> {
    let word = |word: Word| SeenWord { mapped_to: mapped(&word.word), word: word.word, workers: word.workers };
    words.into_iter().map(word).collect()
}

fn missing(words: &[Word], mapped: impl Fn(&str) -> Option<String>) -> Vec<String> {
    words.iter().map(|word| &word.word).filter(|word| mapped(word).is_none()).cloned().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_that_nothing_is_said_about_are_named() {
        let word = |word: &str| Word { word: word.to_owned(), workers: 1 };
        let view = MappingView {
            mapping: directory::worker::mapping::Mapping {
                worker_types: [("Employee".to_owned(), directory::worker::mapping::EmploymentType::Employee)].into(),
                ..directory::worker::mapping::Mapping::default()
            },
            worker_types: vec![word("Employee"), word("Intern")],
            statuses: Vec::new(),
            legal_entities: Vec::new(),
            departments: vec![word("Sales")],
        };
        let shown = serde_json::to_value(show_view(view)).unwrap();
        assert_eq!(shown["unmapped"], json!({ "workerTypes": ["Intern"], "statuses": [] }));
        assert_eq!(shown["seen"]["workerTypes"][0]["mappedTo"], "Employee");
        assert_eq!(shown["seen"]["workerTypes"][1], json!({ "word": "Intern", "workers": 1, "mappedTo": null }));
    }
}
