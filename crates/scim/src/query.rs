//! The parameters of a query, read once and typed. They come from a URL or the body of a POST
//! to `.search`.

use serde_json::{Map, Number, Value};

use super::error::ScimError;
use super::filter::check::{Checked, check, check_spanning};
use super::filter::{Filter, Mode, parse};
use super::path::AttrPath;
use super::projection::Projection;
use super::schema::{Hidden, Resolved, ResourceType, Shape, Type};

/// The page size when the request names none.
pub const DEFAULT_COUNT: u32 = 100;
/// The largest page; a larger count is cut to it.
pub const MAX_COUNT: u32 = 500;
/// The schema of the body of a search.
pub const SEARCH_REQUEST_URN: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// A query of one type of resource. It holds what callers search for, so it is not for logs.
#[derive(Clone, Debug)]
pub struct Query {
    pub filter: Option<Checked>,
    pub sort_by: Option<Resolved>,
    pub projection: Projection,
    pub paging: Paging,
}

/// A query of several types at once. What a type does not define is absent there.
#[derive(Clone, Debug)]
pub struct RootQuery {
    pub users: TypeQuery,
    pub groups: TypeQuery,
    pub paging: Paging,
}

/// The part of a query of several types that applies to one of them.
#[derive(Clone, Debug)]
pub struct TypeQuery {
    pub filter: Option<Checked>,
    /// Absent also where the type does not have the attribute.
    pub sort_by: Option<Resolved>,
    pub projection: Projection,
}

/// Which part of a list is wanted, and in which order.
#[derive(Clone, Debug)]
pub struct Paging {
    pub is_sorted: bool,
    pub sort_order: SortOrder,
    /// 1-based.
    pub start_index: u64,
    /// The requested page size; 0 asks for the total alone.
    pub count: u32,
    /// RFC 9865: an empty one begins cursor pagination.
    pub cursor: Option<String>,
    /// What is listed, in canonical spelling: equal values are equal lists.
    pub listed: Listed,
    /// What is shown of it, as it came.
    pub shown: String,
}

/// What a query lists, and in which order; not which part of it, and not how it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// As the parsed filter is printed.
    pub filter: Option<String>,
    /// The path in lower case, and its direction.
    pub sort: Option<(String, SortOrder)>,
}

/// The direction of `sortBy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortOrder {
    #[default]
    Ascending,
    Descending,
}

impl SortOrder {
    /// As `sortOrder` has it.
    #[must_use]
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Ascending => "ascending",
            Self::Descending => "descending",
        }
    }
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
    /// They come from a URL, which may not contain sensitive values.
    in_url: bool,
}

/// The parameters that have been read for all types.
struct Common {
    filter: Option<Filter>,
    sort_by: Option<AttrPath>,
    paging: Paging,
}

impl Parameters {
    fn slot(&mut self, name: &str) -> Option<(&'static str, &mut Option<String>)> {
        Some(match name.to_ascii_lowercase().as_str() {
            "filter" => ("filter", &mut self.filter),
            "sortby" => ("sortBy", &mut self.sort_by),
            "sortorder" => ("sortOrder", &mut self.sort_order),
            "startindex" => ("startIndex", &mut self.start_index),
            "count" => ("count", &mut self.count),
            "cursor" => ("cursor", &mut self.cursor),
            "attributes" => ("attributes", &mut self.attributes),
            "excludedattributes" => ("excludedAttributes", &mut self.excluded),
            _ => return None,
        })
    }

    /// Names in any case; unknown ones are ignored, known ones come once.
    fn of_url(pairs: impl IntoIterator<Item = (impl AsRef<str>, impl Into<String>)>) -> Result<Self, ScimError> {
        let mut found = Self { in_url: true, ..Self::default() };
        for (name, value) in pairs {
            let Some((name, slot)) = found.slot(name.as_ref()) else { continue };
            if slot.replace(value.into()).is_some() {
                return Err(ScimError::invalid_syntax(format!("the parameter {name} occurs twice")));
            }
        }
        Ok(found)
    }

    /// The body of a search: names in any case, unknown ones are ignored, `null` is as good as absent.
    fn of_body(body: &Map<String, Value>) -> Result<Self, ScimError> {
        check_message(body, SEARCH_REQUEST_URN)?;
        let mut found = Self::default();
        for (name, value) in body {
            let Some((name, slot)) = found.slot(name) else { continue };
            *slot = match (name, value) {
                (_, Value::Null) => None,
                ("startIndex" | "count", Value::Number(number)) => Some(digits(number)),
                ("attributes" | "excludedAttributes", Value::Array(paths)) => {
                    let paths: Option<Vec<&str>> = paths.iter().map(Value::as_str).collect();
                    let wrong = || ScimError::invalid_value(format!("{name} is a list of attribute paths"));
                    Some(paths.ok_or_else(wrong)?.join(","))
                }
                (_, Value::String(text)) => Some(text.clone()),
                _ => return Err(ScimError::invalid_value(format!("{name} has a value of the wrong type"))),
            };
        }
        Ok(found)
    }

    fn projection(&self, shape: &'static Shape, hidden: &Hidden) -> Result<Projection, ScimError> {
        Projection::parse(self.attributes.as_deref(), self.excluded.as_deref(), shape, hidden)
    }

    fn read(&self, mode: Mode) -> Result<Common, ScimError> {
        if self.cursor.is_some() && self.start_index.is_some() {
            return Err(ScimError::invalid_cursor("cursor and startIndex exclude each other"));
        }
        let filter = self.filter.as_deref().map(|text| parse::parse(text, mode)).transpose();
        let filter = filter.map_err(|error| ScimError::invalid_filter(error.to_string()))?;
        let sort_by = match self.sort_by.as_deref().map(str::trim) {
            None | Some("") => None,
            Some(text) => Some(AttrPath::parse(text).map_err(|_| unknown_key(text))?),
        };
        let sort_order = sort_order(self.sort_order.as_deref())?;
        let listed = Listed {
            filter: filter.as_ref().map(ToString::to_string),
            sort: sort_by.as_ref().map(|path| (path.to_string().to_lowercase(), sort_order)),
        };
        let trimmed = |text: &Option<String>| text.as_deref().unwrap_or_default().trim().to_owned();
        let paging = Paging {
            is_sorted: sort_by.is_some(),
            sort_order,
            start_index: self.start_index.as_deref().map_or(Ok(1), |text| integer("startIndex", text))?.max(1),
            count: count(self.count.as_deref(), self.cursor.is_some())?,
            cursor: self.cursor.clone(),
            listed,
            shown: format!("{}/{}", trimmed(&self.attributes), trimmed(&self.excluded)),
        };
        Ok(Common { filter, sort_by, paging })
    }

    /// a sensitive attribute that the caller may see appears in no URL, and is no sort key anywhere.
    fn refuse_sensitive(&self, filter: Option<&Checked>, sort_by: Option<Resolved>) -> Result<(), ScimError> {
        let sorted = sort_by.filter(Resolved::is_sensitive);
        match (self.in_url, filter.and_then(Checked::sensitive).or(sorted), sorted) {
            (true, Some(sensitive), _) => Err(ScimError::sensitive(&sensitive.to_string())),
            (false, _, Some(sorted)) => Err(not_sorted_by(sorted, "cannot be sorted by")),
            _ => Ok(()),
        }
    }

    fn query(&self, mode: Mode, shape: &'static Shape, hidden: &Hidden) -> Result<Query, ScimError> {
        let Common { filter, sort_by, paging } = self.read(mode)?;
        let filter = filter.map(|filter| check(&filter, mode, shape, hidden)).transpose()?;
        let sort_by = sort_by.map(|path| sort_key(&path, shape, hidden)).transpose()?;
        self.refuse_sensitive(filter.as_ref(), sort_by)?;
        Ok(Query { filter, sort_by, projection: self.projection(shape, hidden)?, paging })
    }

    fn root_query(&self, mode: Mode, hidden: &Hidden) -> Result<RootQuery, ScimError> {
        let Common { filter, sort_by, paging } = self.read(mode)?;
        let of = |shape: &'static Shape, other: &'static Shape| -> Result<TypeQuery, ScimError> {
            let filter = match &filter {
                Some(filter) => Some(check_spanning(filter, mode, shape, &[other], hidden)?),
                None => None,
            };
            let sort_by = match &sort_by {
                // No resource of this type has a value.
                Some(path) if shape.resolve(path, hidden).is_none() && other.resolve(path, hidden).is_some() => None,
                Some(path) => Some(sort_key(path, shape, hidden)?),
                None => None,
            };
            self.refuse_sensitive(filter.as_ref(), sort_by)?;
            Ok(TypeQuery { filter, sort_by, projection: self.projection(shape, hidden)? })
        };
        let (user, group) = (ResourceType::User.shape(), ResourceType::Group.shape());
        Ok(RootQuery { users: of(user, group)?, groups: of(group, user)?, paging })
    }
}

impl Query {
    /// Reads the decoded name and value pairs of a query string. `hidden` is what the caller may not see; a sensitive
    /// attribute that it may see is still refused in a URL's filter and `sortBy`, with 403.
    ///
    /// # Errors
    /// As the requirements have it, with the parameter named.
    pub fn parse(
        pairs: impl IntoIterator<Item = (impl AsRef<str>, impl Into<String>)>,
        mode: Mode,
        shape: &'static Shape,
        hidden: &Hidden,
    ) -> Result<Self, ScimError> {
        Parameters::of_url(pairs)?.query(mode, shape, hidden)
    }

    /// Reads the body of a search.
    ///
    /// # Errors
    /// As [`parse`](Self::parse); 400 `invalidSyntax` if it is another message.
    pub fn of_search(
        body: &Map<String, Value>,
        mode: Mode,
        shape: &'static Shape,
        hidden: &Hidden,
    ) -> Result<Self, ScimError> {
        Parameters::of_body(body)?.query(mode, shape, hidden)
    }
}

impl RootQuery {
    /// As [`Query::parse`], for all types.
    ///
    /// # Errors
    /// As [`Query::parse`]; an attribute that no type has is unknown.
    pub fn parse(
        pairs: impl IntoIterator<Item = (impl AsRef<str>, impl Into<String>)>,
        mode: Mode,
        hidden: &Hidden,
    ) -> Result<Self, ScimError> {
        Parameters::of_url(pairs)?.root_query(mode, hidden)
    }

    /// As [`Query::of_search`], for all types.
    ///
    /// # Errors
    /// As [`Query::of_search`]; an attribute that no type has is unknown.
    pub fn of_search(body: &Map<String, Value>, mode: Mode, hidden: &Hidden) -> Result<Self, ScimError> {
        Parameters::of_body(body)?.root_query(mode, hidden)
    }
}

/// Refuses a body that is another message: `schemas` has to name this one.
///
/// # Errors
/// 400 `invalidSyntax`.
pub fn check_message(body: &Map<String, Value>, urn: &str) -> Result<(), ScimError> {
    let schemas = body.iter().find(|(name, _)| name.eq_ignore_ascii_case("schemas")).map(|(_, value)| value);
    let is_it = |value: &Value| value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(urn));
    match schemas {
        Some(Value::Array(urns)) if urns.iter().any(is_it) => Ok(()),
        _ => Err(ScimError::invalid_syntax(format!("the body is a message with `schemas` [\"{urn}\"]"))),
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
    Parameters::of_url(pairs)?.projection(shape, hidden)
}

/// The attribute to sort by: an attribute that cannot be one is refused as R-097 requires. A complex multi-valued
/// attribute means its `value`, as in a filter.
fn sort_key(path: &AttrPath, shape: &'static Shape, hidden: &Hidden) -> Result<Resolved, ScimError> {
    let found = shape.resolve(path, hidden).ok_or_else(|| unknown_key(&path.to_string()))?;
    let refused = |why: &str| Err(not_sorted_by(found, why));
    if found.is_out_of_reach() {
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

fn unknown_key(text: &str) -> ScimError {
    ScimError::unknown_attribute(ScimError::invalid_value, text)
}

fn not_sorted_by(found: Resolved, why: &str) -> ScimError {
    ScimError::invalid_value(format!("sortBy: attribute `{found}` {why}"))
}

fn sort_order(text: Option<&str>) -> Result<SortOrder, ScimError> {
    match text.map(str::trim) {
        None | Some("") => Ok(SortOrder::Ascending),
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

/// What a client can read that knows signed integers of 64 bits.
const LARGEST: u64 = i64::MAX as u64;

/// A number as a URL would have it. One that is too large for an integer was read as a fraction, and so was -0.
fn digits(number: &Number) -> String {
    match number.as_f64() {
        Some(whole) if number.is_f64() && (whole.abs() >= 9e18 || whole == 0.0) => format!("{whole:.0}"),
        _ => number.to_string(),
    }
}

/// An integer of any length; below 0 is 0, and what is larger is [`LARGEST`].
fn integer(name: &str, text: &str) -> Result<u64, ScimError> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ScimError::invalid_value(format!("{name} is an integer")));
    }
    Ok(if negative { 0 } else { digits.parse().map_or(LARGEST, |number: u64| number.min(LARGEST)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::ResourceType;

    fn query(pairs: &[(&str, &str)]) -> Result<Query, ScimError> {
        query_of(pairs, &Hidden::nothing())
    }

    fn query_of(pairs: &[(&str, &str)], hidden: &Hidden) -> Result<Query, ScimError> {
        Query::parse(pairs.iter().copied(), Mode::Lenient, ResourceType::User.shape(), hidden)
    }

    fn refusal(pairs: &[(&str, &str)]) -> (u16, &'static str, String) {
        let error = query(pairs).expect_err("refused");
        (error.status, error.scim_type.map_or("", crate::error::ScimType::keyword), error.detail)
    }

    ///
    #[test]
    fn an_empty_parameter_counts_as_absent_where_it_has_a_default() {
        for name in ["sortOrder", "sortBy", "attributes", "excludedAttributes"] {
            for value in ["", " "] {
                let query = query(&[(name, value)]).unwrap();
                assert_eq!(query.paging.sort_order, SortOrder::Ascending, "{name}");
                assert!(query.sort_by.is_none() && query.projection.is_default(), "{name}");
            }
        }
        assert_eq!(query(&[("cursor", "")]).unwrap().paging.cursor.as_deref(), Some(""), "it begins a walk");
        for (name, word) in [("filter", "invalidFilter"), ("count", "invalidValue"), ("startIndex", "invalidValue")] {
            assert_eq!(refusal(&[(name, "")]).1, word, "{name}");
        }
        let body = |name: &str, value: Value| {
            let mut body = Map::from_iter([("schemas".to_owned(), Value::from(vec![SEARCH_REQUEST_URN]))]);
            body.insert(name.to_owned(), value);
            Query::of_search(&body, Mode::Lenient, ResourceType::User.shape(), &Hidden::nothing())
        };
        for name in
            ["sortOrder", "sortBy", "attributes", "excludedAttributes", "filter", "count", "startIndex", "cursor"]
        {
            let query = body(name, Value::Null).unwrap();
            assert!(query.filter.is_none() && query.paging.cursor.is_none() && query.paging.count == 100, "{name}");
        }
        for name in ["sortOrder", "sortBy", "attributes", "excludedAttributes"] {
            assert!(body(name, "".into()).unwrap().projection.is_default(), "{name}");
        }
    }

    #[test]
    fn a_query_without_parameters_is_the_first_page_of_everything() {
        let query = query(&[("aadOptscim062020", ""), ("aadOptscim062020", "")]).unwrap();
        assert_eq!(
            (query.paging.start_index, query.paging.count, query.paging.sort_order),
            (1, 100, SortOrder::Ascending)
        );
        assert!(query.filter.is_none() && query.sort_by.is_none() && query.paging.cursor.is_none());
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
        let listed = Listed {
            filter: Some("userName eq \"ana\"".to_owned()),
            sort: Some(("emails".to_owned(), SortOrder::Descending)),
        };
        assert_eq!(query.paging.listed, listed);
        assert_eq!(query.sort_by.map(|key| key.to_string()).as_deref(), Some("emails.value"));
        assert_eq!(
            (query.paging.sort_order, query.paging.start_index, query.paging.count),
            (SortOrder::Descending, 101, 50)
        );
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
            ("99999999999999999999999", LARGEST, 500),
            ("18446744073709551615", LARGEST, 500),
            ("-99999999999999999999999", 1, 0),
        ] {
            let query = query(&[("startIndex", text), ("count", text)]).unwrap();
            assert_eq!((query.paging.start_index, query.paging.count), (start_index, count), "{text}");
        }
    }

    /// a body and a URL mean the same.
    #[test]
    fn numbers_of_a_body_are_those_of_a_url() {
        let number = |text: &str| digits(&serde_json::from_str(text).unwrap());
        for text in ["0", "7", "-3", "18446744073709551615"] {
            assert_eq!(number(text), text);
        }
        assert_eq!(integer("count", &number("1000000000000000000000000000000")), Ok(LARGEST));
        assert_eq!(integer("count", &number("-1000000000000000000000000000000")), Ok(0));
        assert_eq!(integer("count", &number("-0")), Ok(0));
        assert!(integer("count", &number("1.5")).is_err());
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
        assert_eq!((query.paging.cursor.as_deref(), query.paging.count), (Some(""), 9));
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
