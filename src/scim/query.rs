//! The parameters of a GET on a type's endpoint, read once and typed.

use super::error::ScimError;
use super::filter::check::Checked;
use super::filter::{self, Mode};
use super::path::AttrPath;
use super::projection::Projection;
use super::schema::{Hidden, Resolved, Returned, Shape, Type};

/// The page size when the request names none.
pub const DEFAULT_COUNT: u32 = 100;
/// The largest page; a larger count is cut to it.
pub const MAX_COUNT: u32 = 500;

/// A query. It holds what callers search for, so it is not for logs.
#[derive(Clone, Debug)]
pub struct Query {
    pub filter: Option<Checked>,
    /// The filter in its canonical spelling: equal texts are equal filters.
    pub filter_text: Option<String>,
    pub sort_by: Option<Resolved>,
    pub sort_order: SortOrder,
    /// 1-based.
    pub start_index: u64,
    /// The page size wished for; 0 asks for the total alone.
    pub count: u32,
    /// RFC 9865: an empty one begins a walk.
    pub cursor: Option<String>,
    pub projection: Projection,
}

/// The direction of `sortBy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortOrder {
    #[default]
    Ascending,
    Descending,
}

/// The parameters that we know, as they came.
#[derive(Default)]
struct Parameters {
    filter: Option<String>,
    sort_by: Option<String>,
    sort_order: Option<String>,
    start_index: Option<String>,
    count: Option<String>,
    cursor: Option<String>,
    attributes: Option<String>,
    excluded: Option<String>,
}

impl Parameters {
    /// Names in any case; unknown ones are ignored, known ones come once.
    fn read(pairs: impl IntoIterator<Item = (impl AsRef<str>, impl Into<String>)>) -> Result<Self, ScimError> {
        let mut found = Self::default();
        for (name, value) in pairs {
            let (name, slot) = match name.as_ref().to_ascii_lowercase().as_str() {
                "filter" => ("filter", &mut found.filter),
                "sortby" => ("sortBy", &mut found.sort_by),
                "sortorder" => ("sortOrder", &mut found.sort_order),
                "startindex" => ("startIndex", &mut found.start_index),
                "count" => ("count", &mut found.count),
                "cursor" => ("cursor", &mut found.cursor),
                "attributes" => ("attributes", &mut found.attributes),
                "excludedattributes" => ("excludedAttributes", &mut found.excluded),
                _ => continue,
            };
            if slot.replace(value.into()).is_some() {
                return Err(ScimError::invalid_syntax(format!("the parameter {name} occurs twice")));
            }
        }
        Ok(found)
    }

    fn projection(&self, shape: &'static Shape, hidden: &Hidden) -> Result<Projection, ScimError> {
        Projection::parse(self.attributes.as_deref(), self.excluded.as_deref(), shape, hidden)
    }
}

impl Query {
    /// Reads the decoded name and value pairs of a query string. `hidden` is what the caller may not see; a sensitive
    /// attribute that it may see is still refused in a URL's filter and `sortBy`, with 403.
    pub fn parse(
        pairs: impl IntoIterator<Item = (impl AsRef<str>, impl Into<String>)>,
        mode: Mode,
        shape: &'static Shape,
        hidden: &Hidden,
    ) -> Result<Self, ScimError> {
        let found = Parameters::read(pairs)?;
        if found.cursor.is_some() && found.start_index.is_some() {
            return Err(ScimError::invalid_cursor("cursor and startIndex exclude each other"));
        }
        let filter = found.filter.as_deref().map(|text| filter::parse::parse(text, mode)).transpose();
        let filter = filter.map_err(|error| ScimError::invalid_filter(error.to_string()))?;
        let checked = filter.as_ref().map(|filter| filter::check::check(filter, mode, shape, hidden)).transpose()?;
        let sort_by = match found.sort_by.as_deref().map(str::trim) {
            None | Some("") => None,
            Some(path) => Some(sort_key(path, shape, hidden)?),
        };
        let sensitive = checked.as_ref().and_then(Checked::sensitive).or(sort_by.filter(Resolved::is_sensitive));
        if let Some(sensitive) = sensitive {
            return Err(ScimError::sensitive(&sensitive.to_string()));
        }
        let under_cursor = found.cursor.is_some();
        Ok(Self {
            filter: checked,
            filter_text: filter.map(|filter| filter.to_string()),
            sort_by,
            sort_order: sort_order(found.sort_order.as_deref())?,
            start_index: found.start_index.as_deref().map_or(Ok(1), |text| integer("startIndex", text))?.max(1),
            count: count(found.count.as_deref(), under_cursor)?,
            projection: found.projection(shape, hidden)?,
            cursor: found.cursor,
        })
    }
}

/// The projection of a request for a single resource, whose other parameters are ignored.
pub fn projection(
    pairs: impl IntoIterator<Item = (impl AsRef<str>, impl Into<String>)>,
    shape: &'static Shape,
    hidden: &Hidden,
) -> Result<Projection, ScimError> {
    let of_projection =
        |name: &str| ["attributes", "excludedAttributes"].iter().any(|known| known.eq_ignore_ascii_case(name));
    let pairs = pairs.into_iter().filter(|(name, _)| of_projection(name.as_ref()));
    Parameters::read(pairs)?.projection(shape, hidden)
}

/// The attribute to sort by: what cannot be one is refused as R-097 has it. A complex multi-valued attribute stands for
/// its `value`, as in a filter.
fn sort_key(text: &str, shape: &'static Shape, hidden: &Hidden) -> Result<Resolved, ScimError> {
    let found = AttrPath::parse(text).ok().and_then(|path| shape.resolve(&path, hidden));
    let found = found.ok_or_else(|| ScimError::unknown_attribute(ScimError::invalid_value, text))?;
    let refused = |why: &str| Err(ScimError::invalid_value(format!("sortBy: attribute `{found}` {why}")));
    if found.attribute.returned == Returned::Never || found.definition().returned == Returned::Never {
        return refused("cannot be sorted by");
    }
    if found.definition().kind == Type::Complex {
        return match found.attribute.sub_attribute("value") {
            Some(value) if found.attribute.multi_valued => Ok(found.with_sub(Some(value))),
            _ => refused("is complex: name one of its sub-attributes"),
        };
    }
    Ok(found)
}

fn sort_order(text: Option<&str>) -> Result<SortOrder, ScimError> {
    match text {
        None => Ok(SortOrder::Ascending),
        Some(text) if text.eq_ignore_ascii_case("ascending") => Ok(SortOrder::Ascending),
        Some(text) if text.eq_ignore_ascii_case("descending") => Ok(SortOrder::Descending),
        Some(_) => Err(ScimError::invalid_value("sortOrder is ascending or descending")),
    }
}

/// The page size; what is no number has a keyword of its own under a cursor.
fn count(text: Option<&str>, under_cursor: bool) -> Result<u32, ScimError> {
    let Some(text) = text else { return Ok(DEFAULT_COUNT) };
    match integer("count", text) {
        Ok(count) => Ok(u32::try_from(count).map_or(MAX_COUNT, |count| count.min(MAX_COUNT))),
        Err(error) if under_cursor => Err(ScimError::invalid_count(error.detail)),
        Err(error) => Err(error),
    }
}

/// An integer of any length; below 0 is 0, and what is too large for the type is its largest.
fn integer(name: &str, text: &str) -> Result<u64, ScimError> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ScimError::invalid_value(format!("{name} is an integer")));
    }
    Ok(if negative { 0 } else { digits.parse().unwrap_or(u64::MAX) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::schema::ResourceType;

    fn query(pairs: &[(&str, &str)]) -> Result<Query, ScimError> {
        query_of(pairs, &Hidden::nothing())
    }

    fn query_of(pairs: &[(&str, &str)], hidden: &Hidden) -> Result<Query, ScimError> {
        Query::parse(pairs.iter().copied(), Mode::Lenient, ResourceType::User.shape(), hidden)
    }

    fn refusal(pairs: &[(&str, &str)]) -> (u16, &'static str, String) {
        let error = query(pairs).expect_err("refused");
        (error.status, error.scim_type.map_or("", crate::scim::error::ScimType::keyword), error.detail)
    }

    #[test]
    fn a_query_without_parameters_is_the_first_page_of_everything() {
        let query = query(&[("aadOptscim062020", ""), ("aadOptscim062020", "")]).unwrap();
        assert_eq!((query.start_index, query.count, query.sort_order), (1, 100, SortOrder::Ascending));
        assert!(query.filter.is_none() && query.sort_by.is_none() && query.cursor.is_none());
        assert!(query.projection.is_default());
    }

    #[test]
    fn parameters_are_read_in_any_case() {
        let query = query(&[
            ("FILTER", "userName eq ana"),
            ("sortby", "emails"),
            ("sortOrder", "DESCENDING"),
            ("StartIndex", "101"),
            ("count", "50"),
            ("excludedattributes", "groups"),
        ])
        .unwrap();
        assert_eq!(query.filter_text.as_deref(), Some("userName eq \"ana\""));
        assert_eq!(query.sort_by.map(|key| key.to_string()).as_deref(), Some("emails.value"));
        assert_eq!((query.sort_order, query.start_index, query.count), (SortOrder::Descending, 101, 50));
        assert!(!query.projection.returns("groups"));
    }

    #[test]
    fn page_numbers_out_of_range_are_moved_into_it() {
        for (text, start_index, count) in [
            ("-1", 1, 0),
            ("0", 1, 0),
            ("1", 1, 1),
            ("501", 501, 500),
            (" 7", 7, 7),
            ("99999999999999999999999", u64::MAX, 500),
            ("-99999999999999999999999", 1, 0),
        ] {
            let query = query(&[("startIndex", text), ("count", text)]).unwrap();
            assert_eq!((query.start_index, query.count), (start_index, count), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_keyword() {
        for (pairs, status, keyword) in [
            (&[("count", "ten")][..], 400, "invalidValue"),
            (&[("count", "")], 400, "invalidValue"),
            (&[("startIndex", "1.5")], 400, "invalidValue"),
            (&[("cursor", ""), ("count", "ten")], 400, "invalidCount"),
            (&[("cursor", ""), ("startIndex", "1")], 400, "invalidCursor"),
            (&[("count", "1"), ("COUNT", "1")], 400, "invalidSyntax"),
            (&[("filter", "")], 400, "invalidFilter"),
            (&[("filter", "userName = x")], 400, "invalidFilter"),
            (&[("filter", "shoeSize pr")], 400, "invalidFilter"),
            (&[("filter", "birthday eq \"--02-11\"")], 403, "sensitive"),
            (&[("sortBy", "birthday")], 403, "sensitive"),
            (&[("sortBy", "shoeSize")], 400, "invalidValue"),
            (&[("sortBy", "a b")], 400, "invalidValue"),
            (&[("sortBy", "name")], 400, "invalidValue"),
            (&[("sortBy", "addresses")], 400, "invalidValue"),
            (&[("sortBy", "password")], 400, "invalidValue"),
            (&[("sortBy", "userName"), ("sortOrder", "up")], 400, "invalidValue"),
            (&[("attributes", "userName"), ("excludedAttributes", "name")], 400, "invalidValue"),
            (&[("attributes", "emails[type eq \"work\"]")], 400, "invalidPath"),
        ] {
            let (found, scim_type, _) = refusal(pairs);
            assert_eq!((found, scim_type), (status, keyword), "{pairs:?}");
        }
    }

    #[test]
    fn a_hidden_attribute_is_refused_in_the_words_of_an_unknown_one() {
        for (parameter, value) in [("filter", "{} eq \"02-11\""), ("sortBy", "{}")] {
            let ask = |name: &str| query_of(&[(parameter, &value.replace("{}", name))], &Hidden::sensitive());
            let (hidden, unknown) = (ask("birthday").unwrap_err(), ask("shoeSize").unwrap_err());
            assert_eq!((hidden.status, hidden.scim_type), (unknown.status, unknown.scim_type));
            assert_eq!(hidden.detail.replace("birthday", "shoeSize"), unknown.detail);
        }
    }

    #[test]
    fn an_empty_cursor_begins_a_walk_and_empty_lists_count_as_absent() {
        let query =
            query(&[("cursor", ""), ("attributes", ""), ("excludedAttributes", ""), ("sortBy", ""), ("count", "9")])
                .unwrap();
        assert_eq!((query.cursor.as_deref(), query.count), (Some(""), 9));
        assert!(query.projection.is_default() && query.sort_by.is_none());
    }

    #[test]
    fn a_request_for_one_resource_reads_the_projection_alone() {
        let shape = ResourceType::User.shape();
        let pairs = [("filter", "("), ("filter", "("), ("count", "x"), ("Attributes", "userName")];
        let found = projection(pairs, shape, &Hidden::nothing()).unwrap();
        assert!(found.returns("userName") && !found.returns("title"));
        let twice = [("attributes", "userName"), ("attributes", "title")];
        assert_eq!(projection(twice, shape, &Hidden::nothing()).unwrap_err().status, 400);
    }
}
