//! The filters of a release policy: which of them the server can evaluate from change to change.

use super::attributes::Mistake;
use crate::error::ScimError;
use crate::filter::check::{Checked, check};
use crate::filter::parse::parse;
use crate::filter::{Filter, Mode};
use crate::schema::{
    DERIVED_GROUP_URN, ENTERPRISE_URN, GROUP_URN, Hidden, Resolved, ResourceType, USER_URN, WORKER_URN,
};

/// Filters of policies may not depend on the consumer, and the set of matching people may not reveal sensitive values.
pub(super) fn read_filter(
    field: &str,
    text: Option<&str>,
    of: ResourceType,
    mistakes: &mut Vec<Mistake>,
) -> Option<Checked> {
    let shape = of.shape();
    let mut hidden = Hidden::sensitive();
    hidden.hide(&shape.base().id, "externalId");
    let checked = parse(text?, Mode::Strict)
        .map_err(|error| ScimError::invalid_filter(error.to_string()))
        .and_then(|filter| check(&filter, Mode::Strict, shape, &hidden));
    match checked {
        Ok(checked) => Some(checked),
        Err(error) => {
            mistakes.push(Mistake { field: field.to_owned(), message: error.detail });
            None
        }
    }
}

/// The attributes that a group has of its own: all others change with its members.
const THE_GROUP: [(&str, &str); 5] = [
    (GROUP_URN, "id"),
    (GROUP_URN, "displayName"),
    (DERIVED_GROUP_URN, "kind"),
    (DERIVED_GROUP_URN, "key"),
    (DERIVED_GROUP_URN, "name"),
];

/// The attributes of a person that follow from others or from the location of the server, or change without a change in
/// the log.
fn follows_from_others(target: &Resolved) -> bool {
    let sub = target.sub.map(|sub| sub.name.as_str());
    matches!(
        (target.schema.id.as_str(), target.attribute.name.as_str(), sub),
        (USER_URN, "groups", Some("display" | "$ref"))
            | (USER_URN, "meta", Some("location" | "version"))
            | (ENTERPRISE_URN, "manager", Some("displayName" | "$ref"))
            | (WORKER_URN, "managerEmail" | "managerEmployeeNumber" | "managerChain" | "sourceUpdated", _)
    )
}

/// The first attribute in a filter that changes without a change of the resource.
pub(super) fn unfollowed(field: &str, filter: &Checked, of: ResourceType) -> Option<Mistake> {
    let is_followed = |target: &Resolved| match of {
        ResourceType::User => !follows_from_others(target),
        ResourceType::Group => THE_GROUP.contains(&(target.schema.id.as_str(), target.attribute.name.as_str())),
    };
    let target = filter.leaves().into_iter().map(|leaf| leaf.target).find(|target| !is_followed(target))?;
    let instead = match (of, target.attribute.name.as_str()) {
        (ResourceType::Group, _) => "; expected id, displayName, kind, key or name",
        (_, "groups") => "; expected groups.value, the id of the group",
        (_, "manager" | "managerEmail" | "managerEmployeeNumber" | "managerChain") => {
            "; expected manager.value, the id of the manager"
        }
        _ => "",
    };
    let message = format!(
        "`{target}` changes without the resource itself being changed, so that nobody could be told who enters and who \
         leaves{instead}"
    );
    Some(Mistake { field: field.to_owned(), message })
}

/// Whether a filter tests `active` anywhere.
pub(super) fn names_active(filter: &Filter) -> bool {
    match filter {
        Filter::And(operands) | Filter::Or(operands) => operands.iter().any(names_active),
        Filter::Not(inner) => names_active(inner),
        Filter::Test(path, _) => path.name.eq_ignore_ascii_case("active"),
        Filter::Element { .. } => false,
    }
}
