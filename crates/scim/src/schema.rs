//! Attribute definitions: the content of `scim-schemas/*.json` for each attribute (RFC 7643 §2.2, §7), typed.
//!
//! The files are compiled in and are the only source of facts about attributes: filters, projections and `/Schemas` use
//! them. [`shape`] holds which schemas make a resource and finds attributes by path; [`hidden`] holds what a caller may
//! not see.

pub mod hidden;
pub mod shape;

use serde::{Deserialize, Serialize};

pub use hidden::Hidden;
pub use shape::{Resolved, ResourceType, Shape};

/// Schema of users (RFC 7643 §4.1).
pub const USER_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// Schema of groups (RFC 7643 §4.2).
pub const GROUP_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// Enterprise extension of users (RFC 7643 §4.3).
pub const ENTERPRISE_URN: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// Our extension of users: what HR knows of a worker. No behaviour follows from its text.
pub const WORKER_URN: &str = "urn:ietf:params:scim:schemas:extension:worker:2.0:User";
/// Our extension of groups that are derived from workers.
pub const DERIVED_GROUP_URN: &str = "urn:ietf:params:scim:schemas:extension:worker:2.0:Group";
/// Schema of the service provider's configuration (RFC 7643 §5).
pub const SERVICE_PROVIDER_CONFIG_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
/// Schema of resource types (RFC 7643 §6).
pub const RESOURCE_TYPE_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
/// Schema of schemas (RFC 7643 §7).
pub const SCHEMA_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

/// The sensitive attributes, all of the worker extension: they need a scope and a line in the release policy.
pub const SENSITIVE: [&str; 4] = ["dateOfBirth", "birthday", "personalEmail", "legalName"];

/// The data type of an attribute (RFC 7643 §2.3, R-033).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Type {
    #[default]
    String,
    Boolean,
    Decimal,
    Integer,
    DateTime,
    Binary,
    Reference,
    Complex,
}

impl Type {
    /// The name in `/Schemas` and in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::Decimal => "decimal",
            Self::Integer => "integer",
            Self::DateTime => "dateTime",
            Self::Binary => "binary",
            Self::Reference => "reference",
            Self::Complex => "complex",
        }
    }
}

/// When a client may write an attribute (R-043).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mutability {
    ReadOnly,
    #[default]
    ReadWrite,
    Immutable,
    WriteOnly,
}

/// When an attribute is in an answer (R-044).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Returned {
    Always,
    Never,
    #[default]
    Default,
    Request,
}

/// Among what a value is unique (R-047).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Uniqueness {
    #[default]
    None,
    Server,
    Global,
}

/// One attribute or sub-attribute. What a file leaves out has the defaults of R-042.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attribute {
    pub name: String,
    #[serde(rename = "type", default)]
    pub kind: Type,
    #[serde(default)]
    pub multi_valued: bool,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub required: bool,
    /// Suggestions, never enforced (R-046).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub canonical_values: Vec<String>,
    #[serde(default)]
    pub case_exact: bool,
    #[serde(default)]
    pub mutability: Mutability,
    #[serde(default)]
    pub returned: Returned,
    #[serde(default)]
    pub uniqueness: Uniqueness,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reference_types: Vec<String>,
    /// Of a complex attribute; empty for the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sub_attributes: Vec<Attribute>,
}

impl Attribute {
    /// The sub-attribute of this name, in any case.
    #[must_use]
    pub fn sub_attribute(&self, name: &str) -> Option<&Self> {
        named(&self.sub_attributes, name)
    }
}

/// A schema: a URN and its attributes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Schema {
    /// The URN.
    pub id: String,
    pub name: String,
    pub description: String,
    pub attributes: Vec<Attribute>,
}

impl Schema {
    /// The attribute of this name, in any case.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        named(&self.attributes, name)
    }
}

fn named<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a Attribute> {
    attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

/// The attributes that every resource has and no schema lists (RFC 7643 §3.1).
fn common_attributes() -> Vec<Attribute> {
    let read_only = |name: &str, kind: Type, case_exact: bool| Attribute {
        name: name.to_owned(),
        kind,
        case_exact,
        mutability: Mutability::ReadOnly,
        ..Attribute::default()
    };
    let meta = vec![
        read_only("resourceType", Type::String, true),
        read_only("created", Type::DateTime, false),
        read_only("lastModified", Type::DateTime, false),
        read_only("location", Type::Reference, true),
        read_only("version", Type::String, true),
    ];
    vec![
        // URNs are compared without regard to case (R-032).
        Attribute {
            required: true,
            multi_valued: true,
            returned: Returned::Always,
            mutability: Mutability::ReadWrite,
            ..read_only("schemas", Type::Reference, false)
        },
        Attribute {
            required: true,
            returned: Returned::Always,
            uniqueness: Uniqueness::Server,
            ..read_only("id", Type::String, true)
        },
        Attribute { mutability: Mutability::ReadWrite, ..read_only("externalId", Type::String, true) },
        Attribute { sub_attributes: meta, ..read_only("meta", Type::Complex, false) },
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_typed_definitions_say_what_the_files_say() {
        for (text, shape) in [
            (include_str!("../../../scim-schemas/user.json"), Shape::of(ResourceType::User)),
            (include_str!("../../../scim-schemas/group.json"), Shape::of(ResourceType::Group)),
            (include_str!("../../../scim-schemas/schema.json"), Shape::of_schemas()),
            (include_str!("../../../scim-schemas/resource-type.json"), Shape::of_resource_types()),
            (include_str!("../../../scim-schemas/service-provider-config.json"), Shape::of_service_provider_config()),
        ] {
            let file: Value = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_value(&shape.base().attributes).unwrap(), file["attributes"]);
            assert_eq!(file["id"], shape.base().id);
        }
        let files = [
            include_str!("../../../scim-schemas/enterprise-user.json"),
            include_str!("../../../scim-schemas/worker.json"),
        ];
        for (text, schema) in files.iter().zip(Shape::of(ResourceType::User).extensions()) {
            let file: Value = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_value(&schema.attributes).unwrap(), file["attributes"]);
        }
    }

    #[test]
    fn what_a_file_leaves_out_has_the_defaults_of_the_rfc() {
        let attribute: Attribute = serde_json::from_str(r#"{"name": "x"}"#).unwrap();
        assert_eq!(attribute, Attribute { name: "x".to_owned(), ..Attribute::default() });
        assert_eq!((attribute.kind, attribute.mutability), (Type::String, Mutability::ReadWrite));
        assert_eq!((attribute.returned, attribute.uniqueness), (Returned::Default, Uniqueness::None));
    }

    #[test]
    fn every_sensitive_attribute_exists_and_is_returned_on_request_only() {
        let worker = Shape::of(ResourceType::User).extension(WORKER_URN).unwrap();
        for name in SENSITIVE {
            assert_eq!(worker.attribute(name).unwrap().returned, Returned::Request, "{name}");
        }
    }
}
