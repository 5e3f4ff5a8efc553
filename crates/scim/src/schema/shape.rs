//! Which schemas make up a resource, and which attribute a path names in it.

use std::fmt;
use std::sync::LazyLock;

use super::{Attribute, Hidden, Returned, SENSITIVE, Schema, Type, USER_URN, WORKER_URN, common_attributes};
use crate::path::AttrPath;
use crate::text::Preparation;

/// The kinds of resource that are served at an endpoint of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResourceType {
    User,
    Group,
}

impl ResourceType {
    pub const ALL: [Self; 2] = [Self::User, Self::Group];

    /// `meta.resourceType` and the id in `/ResourceTypes`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }

    /// The endpoint, relative to the base URL.
    #[must_use]
    pub fn endpoint(self) -> &'static str {
        match self {
            Self::User => "/Users",
            Self::Group => "/Groups",
        }
    }

    /// Its description in `/ResourceTypes`, as in RFC 7643 section 8.6.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::User => "User Account",
            Self::Group => "Group",
        }
    }

    /// Its schemas.
    #[must_use]
    pub fn shape(self) -> &'static Shape {
        Shape::of(self)
    }
}

/// The schemas of one kind of resource: a base, extensions, and the common attributes of RFC 7643 §3.1.
#[derive(Debug)]
pub struct Shape {
    base: Schema,
    extensions: Vec<Schema>,
    common: Vec<Attribute>,
}

struct Shapes {
    user: Shape,
    group: Shape,
    schemas: Shape,
    resource_types: Shape,
    service_provider_config: Shape,
}

static SHAPES: LazyLock<Shapes> = LazyLock::new(|| {
    let schema =
        |text: &str| serde_json::from_str::<Schema>(text).expect("the schema files are compiled in and tested");
    let shape = |base: &str, extensions: &[&str]| Shape {
        base: schema(base),
        extensions: extensions.iter().map(|text| schema(text)).collect(),
        common: common_attributes(),
    };
    Shapes {
        user: shape(
            include_str!("../../../../scim-schemas/user.json"),
            &[
                include_str!("../../../../scim-schemas/enterprise-user.json"),
                include_str!("../../../../scim-schemas/worker.json"),
            ],
        ),
        group: shape(
            include_str!("../../../../scim-schemas/group.json"),
            &[include_str!("../../../../scim-schemas/derived-group.json")],
        ),
        schemas: shape(include_str!("../../../../scim-schemas/schema.json"), &[]),
        resource_types: shape(include_str!("../../../../scim-schemas/resource-type.json"), &[]),
        service_provider_config: shape(include_str!("../../../../scim-schemas/service-provider-config.json"), &[]),
    }
});

/// The schema's own spelling of an attribute; as given where no schema has it.
pub(super) fn canonical<'a>(urn: &'a str, name: &'a str) -> (&'a str, &'a str) {
    for shape in ResourceType::ALL.map(Shape::of) {
        if let Some(schema) = shape.schema(urn) {
            return (&schema.id, shape.attribute_of(schema, name).map_or(name, |attribute| &attribute.name));
        }
    }
    (urn, name)
}

impl Shape {
    /// The shape of users or groups.
    #[must_use]
    pub fn of(resource_type: ResourceType) -> &'static Self {
        match resource_type {
            ResourceType::User => &SHAPES.user,
            ResourceType::Group => &SHAPES.group,
        }
    }

    /// The shape of what `/Schemas` lists.
    #[must_use]
    pub fn of_schemas() -> &'static Self {
        &SHAPES.schemas
    }

    /// The shape of what `/ResourceTypes` lists.
    #[must_use]
    pub fn of_resource_types() -> &'static Self {
        &SHAPES.resource_types
    }

    /// The shape of `/ServiceProviderConfig`.
    #[must_use]
    pub fn of_service_provider_config() -> &'static Self {
        &SHAPES.service_provider_config
    }

    /// The base schema.
    #[must_use]
    pub fn base(&self) -> &Schema {
        &self.base
    }

    /// The extensions, in the order in which they are listed.
    #[must_use]
    pub fn extensions(&self) -> &[Schema] {
        &self.extensions
    }

    /// The extension of this URN, in any case: what a bare URN as a path names.
    #[must_use]
    pub fn extension(&self, urn: &str) -> Option<&Schema> {
        self.extensions.iter().find(|schema| schema.id.eq_ignore_ascii_case(urn))
    }

    /// The base or extension of this URN, in any case.
    #[must_use]
    pub fn schema(&self, urn: &str) -> Option<&Schema> {
        std::iter::once(&self.base).chain(&self.extensions).find(|schema| schema.id.eq_ignore_ascii_case(urn))
    }

    /// An attribute of one of the shape's schemas, in any case; the base has the common ones too.
    #[must_use]
    pub fn attribute_of<'a>(&'a self, schema: &'a Schema, name: &str) -> Option<&'a Attribute> {
        let common = (schema.id == self.base.id).then_some(self.common.iter()).into_iter().flatten();
        schema.attributes.iter().chain(common).find(|attribute| attribute.name.eq_ignore_ascii_case(name))
    }

    /// All attributes with the schema that they belong to: those of the base, the common ones (which belong to the
    /// base), those of the extensions.
    pub fn attributes(&'static self) -> impl Iterator<Item = Resolved> {
        let own = |schema: &'static Schema| schema.attributes.iter().map(move |attribute| (schema, attribute));
        let common = self.common.iter().map(|attribute| (&self.base, attribute));
        own(&self.base)
            .chain(common)
            .chain(self.extensions.iter().flat_map(own))
            .map(move |(schema, attribute)| Resolved { shape: self, schema, attribute, sub: None })
    }

    /// What a path names: in any case, by URN or without. An attribute of an extension may leave its URN out where only
    /// one has it and the base does not. A hidden attribute is found no more than one that does not exist.
    #[must_use]
    pub fn resolve(&'static self, path: &AttrPath, hidden: &Hidden) -> Option<Resolved> {
        let find = |schema: &'static Schema| {
            self.attribute_of(schema, &path.name)
                .filter(|attribute| !hidden.hides(&schema.id, &attribute.name))
                .map(|attribute| (schema, attribute))
        };
        let (schema, attribute) = match &path.urn {
            Some(urn) => find(self.schema(urn)?)?,
            None => find(&self.base).or_else(|| {
                let mut found = self.extensions.iter().filter_map(find);
                found.next().filter(|_| found.next().is_none())
            })?,
        };
        let sub = match &path.sub {
            Some(sub) => {
                let found = attribute.sub_attribute(sub)?;
                Some(Some(found).filter(|found| !hidden.hides_part(&schema.id, &attribute.name, &found.name))?)
            }
            None => None,
        };
        Some(Resolved { shape: self, schema, attribute, sub })
    }
}

/// An attribute, or a sub-attribute of one, with the schema that defines it.
#[derive(Clone, Copy)]
pub struct Resolved {
    shape: &'static Shape,
    /// The schema: the base one for the common attributes too.
    pub schema: &'static Schema,
    pub attribute: &'static Attribute,
    pub sub: Option<&'static Attribute>,
}

impl Resolved {
    /// Whether it can be neither compared nor sorted by: what is never returned, and the version, which is made
    /// while an answer is written.
    #[must_use]
    pub fn is_out_of_reach(self) -> bool {
        self.attribute.returned == Returned::Never
            || self.definition().returned == Returned::Never
            || (self.attribute.name == "meta" && self.sub.is_some_and(|sub| sub.name == "version"))
    }

    /// The kind of resource that it is an attribute of.
    #[must_use]
    pub fn shape(self) -> &'static Shape {
        self.shape
    }

    /// The definition of what is named in the end.
    #[must_use]
    pub fn definition(&self) -> &'static Attribute {
        self.sub.unwrap_or(self.attribute)
    }

    /// The same attribute with one of its sub-attributes.
    #[must_use]
    pub fn with_sub(self, sub: Option<&'static Attribute>) -> Self {
        Self { sub, ..self }
    }

    /// Whether its values sit in the object of an extension.
    #[must_use]
    pub fn is_in_extension(&self) -> bool {
        self.schema.id != self.shape.base.id
    }

    /// Whether it is one of the sensitive attributes.
    #[must_use]
    pub fn is_sensitive(&self) -> bool {
        self.schema.id == WORKER_URN && SENSITIVE.contains(&self.attribute.name.as_str())
    }

    /// How its text is prepared before it is compared.
    #[must_use]
    pub fn preparation(&self) -> Preparation {
        let definition = self.definition();
        match definition.kind {
            Type::Binary => Preparation::Binary,
            _ if definition.case_exact => Preparation::Exact,
            _ if self.schema.id == USER_URN && definition.name == "userName" => Preparation::UserName,
            _ => Preparation::Folded,
        }
    }
}

/// The path in the schema's spelling, with the URN of an extension: `userName`, `urn:…:User:manager.value`.
impl fmt::Display for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_in_extension() {
            write!(f, "{}:", self.schema.id)?;
        }
        f.write_str(&self.attribute.name)?;
        self.sub.map_or(Ok(()), |sub| write!(f, ".{}", sub.name))
    }
}

impl fmt::Debug for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resolved({self})")
    }
}

/// Two are equal if they name the same thing of the same kind of resource.
impl PartialEq for Resolved {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.shape, other.shape)
            && self.schema.id == other.schema.id
            && self.attribute.name == other.attribute.name
            && self.sub.map(|sub| &sub.name) == other.sub.map(|sub| &sub.name)
    }
}

impl Eq for Resolved {}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(path: &str, hidden: &Hidden) -> Option<String> {
        let path = AttrPath::parse(path).unwrap();
        ResourceType::User.shape().resolve(&path, hidden).map(|resolved| resolved.to_string())
    }

    #[test]
    fn an_attribute_is_found_by_name_by_urn_and_in_any_case() {
        let manager = Some("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value".to_owned());
        for path in [
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
            "URN:IETF:params:scim:schemas:extension:Enterprise:2.0:user:MANAGER.Value",
            "manager.value",
        ] {
            assert_eq!(resolve(path, &Hidden::nothing()), manager, "{path}");
        }
        for path in ["USERNAME", "urn:ietf:params:scim:schemas:core:2.0:user:userName"] {
            assert_eq!(resolve(path, &Hidden::nothing()).as_deref(), Some("userName"), "{path}");
        }
        for path in ["meta.lastModified", "urn:ietf:params:scim:schemas:core:2.0:User:meta.lastmodified"] {
            assert_eq!(resolve(path, &Hidden::nothing()).as_deref(), Some("meta.lastModified"), "{path}");
        }
        assert_eq!(resolve("groups.$REF", &Hidden::nothing()).as_deref(), Some("groups.$ref"));
    }

    #[test]
    fn what_no_schema_of_the_type_has_is_not_found() {
        for path in [
            "shoeSize",
            "name.shoeSize",
            "userName.value",
            "members",
            "urn:ietf:params:scim:schemas:core:2.0:Group:members",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:userName",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:id",
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:x:userName",
        ] {
            assert_eq!(resolve(path, &Hidden::nothing()), None, "{path}");
        }
    }

    #[test]
    fn a_hidden_attribute_is_not_found_by_any_spelling() {
        for path in ["birthday", "urn:ietf:params:scim:schemas:extension:worker:2.0:User:Birthday"] {
            assert!(resolve(path, &Hidden::nothing()).is_some());
            assert_eq!(resolve(path, &Hidden::sensitive()), None);
        }
    }

    #[test]
    fn a_name_in_two_extensions_needs_its_urn() {
        let schema = |id: &str, names: &[&str]| Schema {
            id: id.to_owned(),
            name: String::new(),
            description: String::new(),
            attributes: names
                .iter()
                .map(|name| Attribute { name: (*name).to_owned(), ..Attribute::default() })
                .collect(),
        };
        let shape: &'static Shape = Box::leak(Box::new(Shape {
            base: schema("urn:base", &["both"]),
            extensions: vec![schema("urn:a", &["twice", "both"]), schema("urn:b", &["twice"])],
            common: Vec::new(),
        }));
        let find = |path: &str, hidden: &Hidden| {
            shape.resolve(&AttrPath::parse(path).unwrap(), hidden).map(|resolved| resolved.to_string())
        };
        assert_eq!(find("twice", &Hidden::nothing()), None);
        assert_eq!(find("urn:b:twice", &Hidden::nothing()).as_deref(), Some("urn:b:twice"));
        assert_eq!(find("both", &Hidden::nothing()).as_deref(), Some("both"));
        let hidden = Hidden::of([("urn:a", "twice")]);
        assert_eq!(find("twice", &hidden).as_deref(), Some("urn:b:twice"), "a hidden one makes nothing ambiguous");
    }

    #[test]
    fn a_part_that_is_hidden_alone_is_not_found_and_the_others_are() {
        let mut hidden = Hidden::nothing();
        hidden.hide_part(USER_URN, "groups", "display");
        assert_eq!(resolve("groups.Display", &hidden), None);
        assert_eq!(resolve("groups.value", &hidden).as_deref(), Some("groups.value"));
        assert_eq!(resolve("groups", &hidden).as_deref(), Some("groups"));
    }

    #[test]
    fn each_kind_of_text_has_its_preparation() {
        for (path, expected) in [
            ("userName", Preparation::UserName),
            ("displayName", Preparation::Folded),
            ("emails.value", Preparation::Folded),
            ("externalId", Preparation::Exact),
            ("x509Certificates.value", Preparation::Binary),
            ("schemas", Preparation::Folded),
        ] {
            let path = AttrPath::parse(path).unwrap();
            let resolved = ResourceType::User.shape().resolve(&path, &Hidden::nothing()).unwrap();
            assert_eq!(resolved.preparation(), expected, "{path}");
        }
    }
}
