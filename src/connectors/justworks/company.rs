//! Reads the company: the owner of a credential, and the names of its departments and offices, which no other endpoint
//! has.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::connectors::connector::Account;
use crate::connectors::country::alpha_2;
use crate::connectors::field::{code, text};

/// What one reading needs of the company.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Company {
    pub id: String,
    /// As Justworks shows it.
    pub name: String,
    /// Absent where the company's legal name is not shown.
    pub legal_name: Option<String>,
    /// Department id → name.
    pub departments: BTreeMap<String, String>,
    /// By id.
    pub offices: BTreeMap<String, Office>,
}

/// A place where members work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Office {
    pub name: Option<String>,
    /// ISO 3166-1 alpha-2 in upper case.
    pub country: Option<String>,
}

impl Company {
    /// Reads the answer of `GET /v1/company`: the object itself, or in `data`.
    ///
    /// # Errors
    /// When there is no company in it.
    pub fn read(answer: &Value) -> Result<Self, String> {
        let candidates = [Some(answer), answer.get("data")];
        let found = candidates.into_iter().flatten().find_map(|value| Some((value, value.get("id").and_then(code)?)));
        let (company, id) = found.ok_or("no company with an `id` in it")?;
        let name = |key: &str| company.get(key).and_then(text);
        let items = |key: &str| company.get(key).and_then(Value::as_array).into_iter().flatten();
        let department = |item: &Value| Some((item.get("id").and_then(code)?, item.get("name").and_then(text)?));
        let office = |item: &Value| Some((item.get("id").and_then(code)?, Office::read(item)));
        Ok(Self {
            name: name("display_name").or_else(|| name("legal_name")).unwrap_or_else(|| id.clone()),
            legal_name: name("legal_name"),
            departments: items("departments").filter_map(department).collect(),
            offices: items("offices").filter_map(office).collect(),
            id,
        })
    }

    #[must_use]
    pub fn account(&self) -> Account {
        Account { id: self.id.clone(), name: self.name.clone() }
    }
}

impl Office {
    /// Of an office's address only the country is taken.
    pub(super) fn read(item: &Value) -> Self {
        let country = ["/country", "/address/country", "/addresses/0/country"]
            .into_iter()
            .find_map(|path| item.pointer(path).and_then(Value::as_str).and_then(alpha_2));
        Self { name: item.get("name").and_then(text), country: country.map(str::to_owned) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_recorded_company_has_departments_and_offices() {
        let recorded = serde_json::from_str(include_str!("../../../tests/data/justworks/company.json")).unwrap();
        let company = Company::read(&recorded).unwrap();
        assert_eq!(company.account(), Account { id: "cmp_3f9c1b7e2a".to_owned(), name: "Bluebird Goods".to_owned() });
        assert_eq!(company.legal_name.as_deref(), Some("Bluebird Goods Inc."));
        assert_eq!(company.departments["dep_ven03"], "Ventas & Éxito");
        assert_eq!(company.offices["off_nyc01"], Office { name: Some("New York HQ".to_owned()), country: None });
    }

    #[test]
    fn what_is_no_company_is_refused_and_strange_lists_are_passed_over() {
        for answer in [json!({}), json!([]), json!({"data": {}}), json!({"id": ""}), json!({"items": []}), json!("x")] {
            assert!(Company::read(&answer).is_err(), "{answer}");
        }
        let odd = json!({"data": {"id": 7, "departments": [null, {"id": 1}, {"id": 2, "name": "Ops"}], "offices": {},
            "legal_name": ""}});
        let company = Company::read(&odd).unwrap();
        assert_eq!((company.id.as_str(), company.name.as_str(), company.legal_name), ("7", "7", None));
        assert_eq!(company.departments, [("2".to_owned(), "Ops".to_owned())].into());
        let office = Office::read(&json!({"addresses": [{"line1": "1 Main St", "country": "PRT"}]}));
        assert_eq!(office.country.as_deref(), Some("PT"));
    }
}
