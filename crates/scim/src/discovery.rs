//! The description that the server gives of itself: `ServiceProviderConfig`, `ResourceTypes`, `Schemas` (RFC 7644 §4,
//!
//!
//! All of it is made from [`Features`] and the schemas, so that it describes what the server does.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::error::ScimError;
use super::message::ListResponse;
use super::projection::Projection;
use super::query::{self, DEFAULT_COUNT, MAX_COUNT};
use super::schema::{
    Attribute, Hidden, Mutability, RESOURCE_TYPE_URN, ResourceType, SCHEMA_URN, SERVICE_PROVIDER_CONFIG_URN, Schema,
    Shape,
};

/// Operations in one bulk request, at most.
pub const MAX_BULK_OPERATIONS: u32 = 1000;
/// Bytes of a bulk request, at most.
pub const MAX_BULK_BYTES: u32 = 1024 * 1024;
/// Seconds until a cursor expires.
pub const CURSOR_TIMEOUT: u32 = 3600;

/// The features that a deployment offers to the caller of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent switch of RFC 7643 §5")]
pub struct Features {
    /// The resource types that are served; the others are not named anywhere.
    pub served: Vec<ResourceType>,
    pub patch: bool,
    pub bulk: bool,
    pub sort: bool,
    pub etag: bool,
    /// Cursor paging (RFC 9865).
    pub cursor: bool,
    /// Whether the caller can write at all. To one who cannot, every attribute is `readOnly`.
    pub write: bool,
}

impl Features {
    /// These types to read, in any order, page by page.
    #[must_use]
    pub fn reading(served: impl Into<Vec<ResourceType>>) -> Self {
        Self { served: served.into(), patch: false, bulk: false, sort: true, etag: true, cursor: true, write: false }
    }
}

/// Discovery for one caller: `base` is the absolute base URL without a slash at its end, `hidden` what the caller may
/// not see.
#[derive(Clone, Copy, Debug)]
pub struct Discovery<'a> {
    pub base: &'a str,
    pub features: &'a Features,
    pub hidden: &'a Hidden,
}

impl Discovery<'_> {
    /// The body of `/ServiceProviderConfig`. Numbers are filled even where a feature is off.
    #[must_use]
    pub fn service_provider_config(&self) -> Map<String, Value> {
        let features = self.features;
        object(json!({
            "schemas": [SERVICE_PROVIDER_CONFIG_URN],
            "patch": { "supported": features.patch },
            "bulk": {
                "supported": features.bulk,
                "maxOperations": MAX_BULK_OPERATIONS,
                "maxPayloadSize": MAX_BULK_BYTES,
            },
            "filter": { "supported": true, "maxResults": MAX_COUNT },
            "changePassword": { "supported": false },
            "sort": { "supported": features.sort },
            "etag": { "supported": features.etag },
            "pagination": {
                "cursor": features.cursor,
                "index": true,
                "defaultPaginationMethod": "index",
                "defaultPageSize": DEFAULT_COUNT,
                "maxPageSize": MAX_COUNT,
                "cursorTimeout": CURSOR_TIMEOUT,
            },
            "authenticationSchemes": [{
                "type": "oauthbearertoken",
                "name": "OAuth Bearer Token",
                "description": "A token of a consumer in the Authorization header.",
                "specUri": "https://www.rfc-editor.org/info/rfc6750",
                "primary": true,
            }],
            "meta": {
                "resourceType": "ServiceProviderConfig",
                "location": format!("{}/ServiceProviderConfig", self.base),
            },
        }))
    }

    /// All of `/ResourceTypes`, on one page.
    #[must_use]
    pub fn resource_types(&self) -> Vec<Map<String, Value>> {
        self.features.served.iter().map(|served| self.resource_type_body(*served)).collect()
    }

    /// One of `/ResourceTypes`, by its id in any case; 404 if there is none or it is not served.
    pub fn resource_type(&self, id: &str) -> Result<Map<String, Value>, ScimError> {
        let found = self.features.served.iter().find(|served| served.name().eq_ignore_ascii_case(id));
        found
            .map(|served| self.resource_type_body(*served))
            .ok_or_else(|| ScimError::not_found("no resource type has this id"))
    }

    fn resource_type_body(&self, resource_type: ResourceType) -> Map<String, Value> {
        let shape = resource_type.shape();
        let extensions = shape.extensions().iter().filter(|schema| !self.hidden.hides_all_of(schema));
        let extensions: Vec<_> = extensions.map(|schema| json!({ "schema": schema.id, "required": false })).collect();
        let name = resource_type.name();
        object(json!({
            "schemas": [RESOURCE_TYPE_URN],
            "id": name,
            "name": name,
            "endpoint": resource_type.endpoint(),
            "description": resource_type.description(),
            "schema": shape.base().id,
            "schemaExtensions": extensions,
            "meta": { "resourceType": "ResourceType", "location": format!("{}/ResourceTypes/{name}", self.base) },
        }))
    }

    /// All of `/Schemas`, on one page: those of the served types and those of discovery itself, without hidden
    /// attributes; an extension of which nothing is left is not there.
    #[must_use]
    pub fn schemas(&self) -> Vec<Map<String, Value>> {
        self.listed_schemas().map(|schema| self.schema_body(schema)).collect()
    }

    /// One of `/Schemas`, by its URN in any case; 404 if it is not listed.
    pub fn schema(&self, urn: &str) -> Result<Map<String, Value>, ScimError> {
        let found = self.listed_schemas().find(|schema| schema.id.eq_ignore_ascii_case(urn));
        found.map(|schema| self.schema_body(schema)).ok_or_else(|| ScimError::not_found("no schema has this URN"))
    }

    fn listed_schemas(&self) -> impl Iterator<Item = &'static Schema> {
        let own = [Shape::of_service_provider_config(), Shape::of_resource_types(), Shape::of_schemas()];
        let shapes = self.features.served.iter().map(|served| served.shape()).chain(own);
        shapes
            .flat_map(|shape| std::iter::once(shape.base()).chain(shape.extensions()))
            .filter(|schema| self.is_base(schema) || !self.hidden.hides_all_of(schema))
    }

    /// Whether a served type has it as its base: `id` and `meta` are shown to all callers, under its URN.
    fn is_base(&self, schema: &Schema) -> bool {
        self.features.served.iter().any(|served| served.shape().base().id == schema.id)
    }

    /// An attribute without the parts of it that are hidden, and with what the caller can do with it.
    fn shown<'a>(&self, schema: &Schema, attribute: &'a Attribute) -> Cow<'a, Attribute> {
        let is_hidden = |sub: &Attribute| self.hidden.hides_part(&schema.id, &attribute.name, &sub.name);
        if self.features.write && !attribute.sub_attributes.iter().any(is_hidden) {
            return Cow::Borrowed(attribute);
        }
        let mut shown = attribute.clone();
        shown.sub_attributes.retain(|sub| !is_hidden(sub));
        if !self.features.write {
            shown.mutability = Mutability::ReadOnly;
            for sub in &mut shown.sub_attributes {
                sub.mutability = Mutability::ReadOnly;
            }
        }
        Cow::Owned(shown)
    }

    fn schema_body(&self, schema: &Schema) -> Map<String, Value> {
        let visible = |attribute: &&Attribute| !self.hidden.hides(&schema.id, &attribute.name);
        let attributes: Vec<_> =
            schema.attributes.iter().filter(visible).map(|attribute| self.shown(schema, attribute)).collect();
        object(json!({
            "schemas": [SCHEMA_URN],
            "id": schema.id,
            "name": schema.name,
            "description": schema.description,
            "attributes": attributes,
            "meta": { "resourceType": "Schema", "location": format!("{}/Schemas/{}", self.base, schema.id) },
        }))
    }
}

/// The projection of a discovery request. A filter there is 403; sort and paging are ignored.
pub fn projection<N: AsRef<str>, V: Into<String>>(
    pairs: impl IntoIterator<Item = (N, V)>,
    shape: &'static Shape,
) -> Result<Projection, ScimError> {
    let pairs: Vec<_> = pairs.into_iter().collect();
    if pairs.iter().any(|(name, _)| name.as_ref().eq_ignore_ascii_case("filter")) {
        return Err(ScimError::forbidden("discovery endpoints take no filter"));
    }
    query::projection(pairs, shape, &Hidden::nothing())
}

/// A discovery list, projected.
#[must_use]
pub fn list(mut resources: Vec<Map<String, Value>>, projection: &Projection) -> ListResponse {
    for resource in &mut resources {
        projection.apply(resource);
    }
    ListResponse::single_page(resources)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{ENTERPRISE_URN, GROUP_URN, USER_URN, WORKER_URN};

    const BASE: &str = "https://dir.example.com/scim/v2";

    fn ids(resources: &[Map<String, Value>]) -> Vec<&str> {
        resources.iter().map(|resource| resource["id"].as_str().unwrap()).collect()
    }

    fn discovery<'a>(features: &'a Features, hidden: &'a Hidden) -> Discovery<'a> {
        Discovery { base: BASE, features, hidden }
    }

    #[test]
    fn only_what_is_served_is_listed() {
        let (mut features, hidden) = (Features::reading([ResourceType::User]), Hidden::sensitive());
        assert_eq!(ids(&discovery(&features, &hidden).resource_types()), ["User"]);
        let own = [SERVICE_PROVIDER_CONFIG_URN, RESOURCE_TYPE_URN, SCHEMA_URN];
        let listed = discovery(&features, &hidden).schemas();
        assert_eq!(ids(&listed), [[USER_URN, ENTERPRISE_URN, WORKER_URN], own].concat());
        assert_eq!(discovery(&features, &hidden).schema(GROUP_URN).unwrap_err().status, 404);
        assert_eq!(discovery(&features, &hidden).resource_type("Group").unwrap_err().status, 404);
        features.served.push(ResourceType::Group);
        assert_eq!(ids(&discovery(&features, &hidden).resource_types()), ["User", "Group"]);
        assert!(discovery(&features, &hidden).schema(GROUP_URN).is_ok());
    }

    #[test]
    fn a_user_is_described_as_a_resource_type() {
        let (features, hidden) = (Features::reading([ResourceType::User]), Hidden::nothing());
        let found = discovery(&features, &hidden).resource_type("uSER").unwrap();
        assert_eq!(
            Value::Object(found),
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
                "id": "User", "name": "User", "endpoint": "/Users", "description": "User Account",
                "schema": "urn:ietf:params:scim:schemas:core:2.0:User",
                "schemaExtensions": [
                    {"schema": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "required": false},
                    {"schema": "urn:ietf:params:scim:schemas:extension:worker:2.0:User", "required": false},
                ],
                "meta": {"resourceType": "ResourceType", "location": "https://dir.example.com/scim/v2/ResourceTypes/User"},
            })
        );
    }

    #[test]
    fn a_schema_shows_what_the_caller_may_see() {
        let features = Features::reading([ResourceType::User]);
        let names = |hidden: &Hidden| -> Vec<String> {
            let body = discovery(&features, hidden).schema(&WORKER_URN.to_ascii_uppercase()).unwrap();
            assert_eq!(body["meta"]["location"], format!("{BASE}/Schemas/{WORKER_URN}"));
            let attributes = body["attributes"].as_array().unwrap();
            attributes.iter().map(|attribute| attribute["name"].as_str().unwrap().to_owned()).collect()
        };
        let (all, shown) = (names(&Hidden::nothing()), names(&Hidden::sensitive()));
        let missing: Vec<_> = all.iter().filter(|name| !shown.contains(name)).collect();
        assert_eq!(missing, ["dateOfBirth", "birthday", "personalEmail", "legalName"]);
    }

    /// it describes what the caller can do.
    #[test]
    fn to_who_cannot_write_every_attribute_is_read_only() {
        let hidden = Hidden::nothing();
        let of = |features: &Features| -> Vec<String> {
            let bodies = discovery(features, &hidden).schemas();
            let attributes = bodies.iter().flat_map(|body| body["attributes"].as_array().unwrap().clone());
            let subs = |one: &Value| one["subAttributes"].as_array().cloned().unwrap_or_default();
            let all = attributes.flat_map(|one| subs(&one).into_iter().chain([one]).collect::<Vec<_>>());
            all.map(|one| one["mutability"].as_str().unwrap().to_owned()).collect()
        };
        let mut features = Features::reading(ResourceType::ALL);
        assert!(of(&features).iter().all(|word| word == "readOnly"));
        features.write = true;
        assert!(of(&features).iter().any(|word| word == "readWrite"));
    }

    /// RFC 7643 sections 8.6 and 8.7.
    #[test]
    fn schemas_and_types_are_described_in_the_words_of_the_rfc() {
        let (features, hidden) = (Features::reading(ResourceType::ALL), Hidden::nothing());
        let described = |urn: &str| discovery(&features, &hidden).schema(urn).unwrap()["description"].clone();
        for (urn, words) in [
            (USER_URN, "User Account"),
            (GROUP_URN, "Group"),
            (ENTERPRISE_URN, "Enterprise User"),
            (SERVICE_PROVIDER_CONFIG_URN, "Schema for representing the service provider's configuration"),
            (RESOURCE_TYPE_URN, "Specifies the schema that describes a SCIM resource type"),
            (SCHEMA_URN, "Specifies the schema that describes a SCIM schema"),
        ] {
            assert_eq!(described(urn), words);
        }
        let types = discovery(&features, &hidden).resource_types();
        assert_eq!((&types[0]["description"], &types[1]["description"]), (&"User Account".into(), &"Group".into()));
    }

    #[test]
    fn a_schema_of_which_nothing_is_left_is_nowhere() {
        let shape = ResourceType::User.shape();
        let worker = shape.extension(WORKER_URN).unwrap();
        let hidden = Hidden::of(worker.attributes.iter().map(|attribute| (WORKER_URN, attribute.name.as_str())));
        let features = Features::reading([ResourceType::User]);
        let discovery = discovery(&features, &hidden);
        assert!(!ids(&discovery.schemas()).contains(&WORKER_URN));
        assert_eq!(discovery.schema(WORKER_URN).unwrap_err().status, 404);
        let user = discovery.resource_type("User").unwrap();
        assert_eq!(user["schemaExtensions"], json!([{"schema": ENTERPRISE_URN, "required": false}]));
    }

    #[test]
    fn the_configuration_says_what_is_on_and_fills_every_number() {
        let (features, hidden) = (Features::reading([ResourceType::User]), Hidden::nothing());
        let config = Value::Object(discovery(&features, &hidden).service_provider_config());
        for feature in ["patch", "bulk", "changePassword"] {
            assert_eq!(config[feature]["supported"], false, "{feature}");
        }
        assert_eq!((&config["sort"]["supported"], &config["etag"]["supported"]), (&true.into(), &true.into()));
        assert_eq!(config["filter"], json!({"supported": true, "maxResults": 500}));
        assert_eq!(config["bulk"]["maxOperations"], 1000);
        assert_eq!(config["bulk"]["maxPayloadSize"], 1_048_576);
        assert_eq!(
            config["pagination"],
            json!({"cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": 100,
                "maxPageSize": 500, "cursorTimeout": 3600})
        );
        assert_eq!(config["authenticationSchemes"][0]["type"], "oauthbearertoken");
        assert_eq!(config["meta"]["location"], format!("{BASE}/ServiceProviderConfig"));
    }

    #[test]
    fn discovery_follows_the_schemas_that_it_lists() {
        let (features, hidden) = (Features::reading([ResourceType::User]), Hidden::nothing());
        let discovery = discovery(&features, &hidden);
        let complete = |shape: &'static Shape, body: &Map<String, Value>| {
            let mut projected = body.clone();
            Projection::all(shape, &hidden).apply(&mut projected);
            assert_eq!(&projected, body, "no member is unknown to the schema");
            for attribute in shape.base().attributes.iter().filter(|attribute| attribute.required) {
                assert!(body.contains_key(&attribute.name), "{}", attribute.name);
            }
        };
        complete(Shape::of_service_provider_config(), &discovery.service_provider_config());
        discovery.resource_types().iter().for_each(|body| complete(Shape::of_resource_types(), body));
        discovery.schemas().iter().for_each(|body| complete(Shape::of_schemas(), body));
    }

    #[test]
    fn a_discovery_request_takes_a_projection_but_no_filter() {
        let shape = Shape::of_schemas();
        assert_eq!(projection([("Filter", "id pr")], shape).unwrap_err().status, 403);
        let names = projection([("attributes", "name"), ("count", "x"), ("sortBy", "?")], shape).unwrap();
        let (features, hidden) = (Features::reading([ResourceType::User]), Hidden::nothing());
        let list = list(discovery(&features, &hidden).schemas(), &names);
        assert_eq!((list.total_results, list.start_index, list.items_per_page), (6, Some(1), 6));
        assert_eq!(
            Value::Object(list.resources[0].clone()),
            json!({"schemas": [SCHEMA_URN], "id": USER_URN, "name": "User"})
        );
    }
}
