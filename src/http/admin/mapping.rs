//! The value map of a connection: shown with the words that the HR system uses, replaced, or tried out.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::body::{Members, shown};
use super::parameters::Parameters;
use super::{Answer, answer, id, ok};
use crate::directory::worker::mapping::{EmploymentType, Mapping, StatusClass};
use crate::flows::connections::mapping;
use crate::flows::connections::mapping::{Mapped, MappingView};
use crate::flows::context::Context;
use crate::http::auth::{Admin, AdminRead, Caller};
use crate::store::workers::Word;

/// GET …/mapping
pub(super) async fn show(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let view = mapping::view(&context, id(&request, "id", "connection")?).await?;
    Ok(ok(&show_view(&view)))
}

/// PUT …/mapping: 202 with the run that applies it, or with `?preview=true` 200 with a plan of what it would do. A map
/// that is left out stays as it is; what GET adds (`seen`, `unmapped`) may come back and is not looked at.
pub(super) async fn put(
    caller: Caller<Admin>,
    request: HttpRequest,
    payload: web::Payload,
    context: web::Data<Context>,
) -> Answer {
    let mut parameters = Parameters::read(&request, &["preview"])?;
    let only_preview = parameters.flag("preview");
    parameters.finish()?;
    let id = id(&request, "id", "connection")?;
    let known = ["workerTypes", "vendors", "statuses", "legalEntities", "departments", "seen", "unmapped"];
    let mut body = Members::read(&request, payload, &known).await?;
    body.take("seen");
    body.take("unmapped");
    let worker_types = words::<EmploymentType>(&mut body, "workerTypes", &TYPES);
    let vendors = body.texts("vendors").map(|all| all.into_iter().collect());
    let statuses = words::<StatusClass>(&mut body, "statuses", &CLASSES);
    let legal_entities = texts(&mut body, "legalEntities");
    let departments = texts(&mut body, "departments");
    let actor = body.actor(&caller)?;
    let present = mapping::view(&context, id).await?.mapping;
    let wanted = Mapping {
        worker_types: worker_types.unwrap_or(present.worker_types),
        vendors: vendors.unwrap_or(present.vendors),
        statuses: statuses.unwrap_or(present.statuses),
        legal_entities: legal_entities.unwrap_or(present.legal_entities),
        departments: departments.unwrap_or(present.departments),
    };
    Ok(match mapping::put(&context, id, wanted, only_preview, &actor).await? {
        Mapped::Preview { plan } => ok(&json!({ "planId": plan })),
        Mapped::Run(asked) => answer(StatusCode::ACCEPTED, &json!({ "runId": asked.run })),
    })
}

const TYPES: [&str; 6] = ["Employee", "Contractor", "Intern", "Temporary", "Other", "Unknown"];
const CLASSES: [&str; 6] = ["Upcoming", "Current", "OnLeave", "Suspended", "Former", "Unknown"];

/// A map from the HR system's words to some of ours.
fn words<T: DeserializeOwned>(body: &mut Members, name: &str, allowed: &[&str]) -> Option<BTreeMap<String, T>> {
    let given = body.object(name)?;
    let mut map = BTreeMap::new();
    for (word, value) in given {
        match serde_json::from_value(value) {
            Ok(value) => {
                map.insert(word, value);
            }
            Err(_) => {
                body.refuse(format!("{name}.{}", shown(&word)), format!("expected one of {}", allowed.join(", ")));
            }
        }
    }
    Some(map)
}

fn texts(body: &mut Members, name: &str) -> Option<BTreeMap<String, String>> {
    let given = body.object(name)?;
    let mut map = BTreeMap::new();
    for (word, value) in given {
        match value {
            Value::String(text) if !text.trim().is_empty() => {
                map.insert(word, text.trim().to_owned());
            }
            _ => body.refuse(format!("{name}.{}", shown(&word)), "expected a text that is not empty"),
        }
    }
    Some(map)
}

pub(super) fn show_view(view: &MappingView) -> Value {
    let mut shown = show_map(&view.mapping);
    let seen = |words: &[Word], map: &Value| {
        let word = |word: &Word| json!({ "word": word.word, "workers": word.workers, "mappedTo": map.get(&word.word) });
        words.iter().map(word).collect::<Vec<_>>()
    };
    let missing = |words: &[Word], map: &Value| {
        let unmapped = words.iter().map(|word| &word.word).filter(|word| map.get(word.as_str()).is_none());
        unmapped.cloned().collect::<Vec<_>>()
    };
    let all = json!({
        "workerTypes": seen(&view.worker_types, &shown["workerTypes"]),
        "statuses": seen(&view.statuses, &shown["statuses"]),
        "legalEntities": seen(&view.legal_entities, &shown["legalEntities"]),
        "departments": seen(&view.departments, &shown["departments"]),
    });
    // Departments and legal entities need no mapping: they then keep the HR system's name.
    let unmapped = json!({
        "workerTypes": missing(&view.worker_types, &shown["workerTypes"]),
        "statuses": missing(&view.statuses, &shown["statuses"]),
    });
    shown["seen"] = all;
    shown["unmapped"] = unmapped;
    shown
}

/// A value map as the API shows it.
pub(super) fn show_map(mapping: &Mapping) -> Value {
    serde_json::to_value(mapping).unwrap_or_else(|_| Value::Object(Map::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_that_are_offered_are_those_that_are_read() {
        for word in TYPES {
            assert_eq!(serde_json::from_value::<EmploymentType>(json!(word)).unwrap().as_str(), word);
        }
        for word in CLASSES {
            assert!(serde_json::from_value::<StatusClass>(json!(word)).is_ok(), "{word}");
        }
    }

    #[test]
    fn words_that_nothing_is_said_about_are_named() {
        let word = |word: &str| Word { word: word.to_owned(), workers: 1 };
        let view = MappingView {
            mapping: Mapping {
                worker_types: [("Employee".to_owned(), EmploymentType::Employee)].into(),
                ..Mapping::default()
            },
            worker_types: vec![word("Employee"), word("Intern")],
            statuses: Vec::new(),
            legal_entities: Vec::new(),
            departments: vec![word("Sales")],
        };
        let shown = show_view(&view);
        assert_eq!(shown["unmapped"], json!({ "workerTypes": ["Intern"], "statuses": [] }));
        assert_eq!(shown["seen"]["workerTypes"][0]["mappedTo"], "Employee");
        assert_eq!(shown["seen"]["workerTypes"][1], json!({ "word": "Intern", "workers": 1, "mappedTo": null }));
    }
}
