//! Whether a query is cheap or expensive for the database, told from its meaning and not from how it was sent.
//!
//! A cheap query reads what its page shows, through an index. An expensive one can look at everybody.

use super::sort::Sort;
use super::users::{is_selective, is_walked};
use crate::scim::filter::Operator;
use crate::scim::filter::check::{Checked, Leaf, Predicate};

/// Comparisons of a cheap filter, at most: each is a search in an index.
const FEW_COMPARISONS: usize = 10;

/// What a query costs the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// About as much as its page shows.
    Cheap,
    /// Possibly a look at everybody.
    Expensive,
}

impl Cost {
    fn cheap_if(is_cheap: bool) -> Self {
        if is_cheap { Self::Cheap } else { Self::Expensive }
    }

    /// The more expensive of two.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self::cheap_if(self == Self::Cheap && other == Self::Cheap)
    }

    /// A list of people. `is_placed`: the page begins at the beginning or behind a known place, not at an index. Under
    /// a filter an index is counted to.
    #[must_use]
    pub fn of_people(filter: Option<&Checked>, sort: Option<&Sort>, is_placed: bool) -> Self {
        let is_found = filter.is_some_and(|filter| is_short(filter) && is_selective(filter));
        let is_in_order = filter.is_none_or(|filter| is_short(filter) && is_walked(filter));
        Self::cheap_if(match sort {
            None => is_found || is_in_order && (is_placed || filter.is_none()),
            // In the order of an index a page is read from its place on; from an index it is counted to.
            Some(sort) => is_found || filter.is_none() && is_placed && sort.indexed().is_some(),
        })
    }

    /// A list of groups.
    #[must_use]
    pub fn of_groups(filter: Option<&Checked>, sort: Option<&Sort>) -> Self {
        Self::cheap_if(sort.is_none() && filter.is_none_or(|filter| is_short(filter) && names_groups(filter)))
    }
}

fn is_short(filter: &Checked) -> bool {
    filter.leaves().len() <= FEW_COMPARISONS
}

/// Whether each way to satisfy it names a group or one of its members.
fn names_groups(filter: &Checked) -> bool {
    match filter {
        Checked::And(operands) | Checked::Or(operands) => operands.iter().all(names_groups),
        Checked::Test(Leaf { target, predicate: Predicate::Compare(Operator::Eq, _) }) => {
            ["id", "displayName", "members.value"].contains(&target.to_string().as_str())
        }
        Checked::Constant(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::filter::Mode;
    use crate::scim::filter::check::read;
    use crate::scim::schema::{Hidden, ResourceType};

    fn people(filter: &str) -> Cost {
        let checked = read(filter, Mode::Lenient, ResourceType::User.shape(), &Hidden::nothing()).unwrap();
        Cost::of_people(Some(&checked), None, true)
    }

    fn groups(filter: &str) -> Cost {
        let checked = read(filter, Mode::Lenient, ResourceType::Group.shape(), &Hidden::nothing()).unwrap();
        Cost::of_groups(Some(&checked), None)
    }

    #[test]
    fn keys_and_walks_are_cheap_and_what_may_look_at_everybody_is_expensive() {
        let id = "6b5d4a1e-2b7e-4c7e-9d0d-0f4f0b7f3c11";
        for filter in [
            "userName eq \"a@b.c\"",
            "emails.value eq \"a@b.c\"",
            "emails[value eq \"a@b.c\"]",
            "externalId eq \"1\" or id eq \"2\"",
            "userName eq \"a@b.c\" and managerChain.display co \"x\"",
            "active eq true",
            &format!("groups.value eq \"{id}\" and active eq true"),
        ] {
            assert_eq!(people(filter), Cost::Cheap, "{filter}");
        }
        let multi_valued: Vec<String> = (0..49).map(|n| format!("userName eq \"{n}@b.c\"")).collect();
        for filter in [
            "displayName co \"abc\"",
            "userName sw \"a\"",
            "not (userName eq \"a@b.c\")",
            "userName ne \"a@b.c\"",
            "title pr",
            "managerChain.display co \"zq\"",
            "groups.display co \"a\"",
            "userName eq \"a@b.c\" or title eq \"x\"",
            &multi_valued.join(" or "),
        ] {
            assert_eq!(people(filter), Cost::Expensive, "{filter}");
        }
        for filter in ["displayName eq \"Sales\"", "id eq \"1\"", &format!("members.value eq \"{id}\"")] {
            assert_eq!(groups(filter), Cost::Cheap, "{filter}");
        }
        for filter in ["members.display co \"a\"", "displayName sw \"S\"", "not (id eq \"1\")", "members pr"] {
            assert_eq!(groups(filter), Cost::Expensive, "{filter}");
        }
        assert_eq!(
            Cost::of_people(None, None, false),
            Cost::Cheap,
            "an index without a condition is counted to cheaply"
        );
        assert_eq!(Cost::of_groups(None, None), Cost::Cheap);
    }
}
