use proptest::prelude::*;

use super::super::tests::filters;
use super::*;

fn strict(text: &str) -> Result<String, String> {
    parse(text, Mode::Strict).map(|filter| filter.to_string()).map_err(|error| error.to_string())
}

fn lenient(text: &str) -> Result<String, String> {
    parse(text, Mode::Lenient).map(|filter| filter.to_string()).map_err(|error| error.to_string())
}

#[test]
fn and_binds_tighter_than_or_and_not_tighter_than_both() {
    let test = |name: &str| Filter::Test(AttrPath::named(name), Test::Present);
    assert_eq!(
        parse("a pr or b pr and c pr", Mode::Strict),
        Ok(Filter::Or(vec![test("a"), Filter::And(vec![test("b"), test("c")])]))
    );
    assert_eq!(
        parse("not (a pr) and b pr", Mode::Strict),
        Ok(Filter::And(vec![Filter::Not(Box::new(test("a"))), test("b")]))
    );
    assert_eq!(
        parse("a pr and (b pr or c pr)", Mode::Strict),
        Ok(Filter::And(vec![test("a"), Filter::Or(vec![test("b"), test("c")])]))
    );
}

#[test]
fn spelling_and_spaces_are_free_where_they_may_be() {
    for (text, printed) in [
        ("userName EQ \"x\"", "userName eq \"x\""),
        ("  userName\t eq  \"x\" ", "userName eq \"x\""),
        ("userName eq\"x\"", "userName eq \"x\""),
        ("( title pr )AND( not( a pr ) )", "title pr and not (a pr)"),
        ("emails[ type eq \"work\" ]and title pr", "emails[type eq \"work\"] and title pr"),
        ("active eq TRUE or active eq False or title ne NULL", "active eq true or active eq false or title ne null"),
        ("n eq -1.5e3", "n eq -1500.0"),
        ("n eq 0", "n eq 0"),
        (r#"a eq "\u00e9\"\\\ud83d\ude00""#, r#"a eq "é\"\\😀""#),
        ("not pr", "not pr"),
        (
            "urn:ietf:params:scim:schemas:core:2.0:User:name.familyName co \"O'Malley\"",
            "urn:ietf:params:scim:schemas:core:2.0:User:name.familyName co \"O'Malley\"",
        ),
        ("emails[type eq \"work\"].value eq \"x\"", "emails[type eq \"work\"].value eq \"x\""),
        ("members[$ref sw \"https\"]", "members[$ref sw \"https\"]"),
        ("not (not (a pr))", "not (not (a pr))"),
        ("a eq \"and b pr\"", "a eq \"and b pr\""),
    ] {
        assert_eq!(strict(text).as_deref(), Ok(printed), "{text}");
        assert_eq!(lenient(text).as_deref(), Ok(printed), "{text}");
    }
}

#[test]
fn lenient_consumers_may_leave_the_quotes_out_or_take_single_ones() {
    for (text, printed) in [
        ("externalId eq jyoung", "externalId eq \"jyoung\""),
        ("userName eq ana.silva@acme.com and active eq true", "userName eq \"ana.silva@acme.com\" and active eq true"),
        ("meta.lastModified gt 2026-01-01T00:00:00Z", "meta.lastModified gt \"2026-01-01T00:00:00Z\""),
        ("employeeNumber eq 00417", "employeeNumber eq \"00417\""),
        ("name.familyName eq O'Brien", "name.familyName eq \"O'Brien\""),
        ("userName eq 'a b'", "userName eq \"a b\""),
        ("userName eq'a\"b'", "userName eq \"a\\\"b\""),
        ("(userName eq Zoë)", "userName eq \"Zoë\""),
    ] {
        assert_eq!(lenient(text).as_deref(), Ok(printed), "{text}");
        assert!(strict(text).is_err(), "{text}");
    }
}

#[test]
fn what_nobody_filled_in_is_no_value() {
    for value in ["{}", "{userName}", "${user.userName}", "=", "*", "<x>", "{", "\\", "a=b", "%7Bname%7D"] {
        let text = format!("userName eq {value}");
        assert!(lenient(&text).is_err(), "{text}");
    }
}

#[test]
fn malformed_filters_say_what_was_expected_and_where() {
    for (text, message) in [
        ("", "the filter is empty"),
        (" \t ", "the filter is empty"),
        ("userName = \"x\"", "expected an operator such as `eq` at byte 9, found `=`"),
        ("userName", "expected a space and an operator such as `eq` at byte 8, found the end of the filter"),
        ("userName ", "expected an operator such as `eq` at byte 9, found the end of the filter"),
        ("userName=\"x\"", "expected a space and an operator such as `eq` at byte 8, found `=`"),
        ("userName like \"x\"", "unknown operator `like` at byte 9; expected eq, ne, co, sw, ew, gt, ge, lt, le or pr"),
        ("userName eq5", "unknown operator `eq5` at byte 9; expected eq, ne, co, sw, ew, gt, ge, lt, le or pr"),
        (
            "userName aaaaaaaaaaaaaaaaaaaaaa",
            "unknown operator `aaaaaaaaaaaaaaaa…` at byte 9; expected eq, ne, co, sw, ew, gt, ge, lt, le or pr",
        ),
        ("userName eq", "expected a space and a value at byte 11, found the end of the filter"),
        (
            "userName eq ",
            "expected a value: a string in double quotes, a number, true, false or null at byte 12, found the end of the filter",
        ),
        (
            "userName eq and title pr",
            "expected a value: a string in double quotes, a number, true, false or null at byte 12, found a word",
        ),
        ("userName eq \"x", "the string at byte 12 does not end"),
        ("userName eq \"x\\\"", "the string at byte 12 does not end"),
        ("userName eq 'x", "the string at byte 12 does not end"),
        (
            "userName eq \"\\q\"",
            "the string at byte 12 is not a JSON string: it holds a control character or a wrong escape",
        ),
        (
            "userName eq \"\\ud83d\"",
            "the string at byte 12 is not a JSON string: it holds a control character or a wrong escape",
        ),
        (
            "userName eq \"a\nb\"",
            "the string at byte 12 is not a JSON string: it holds a control character or a wrong escape",
        ),
        ("n eq 1e999", "the number at byte 5 is too large"),
        ("userName eq \"x\"title pr", "expected `and`, `or` or the end of the filter at byte 15, found a word"),
        ("userName eq \"x\"and title pr", "expected `and`, `or` or the end of the filter at byte 15, found a word"),
        ("userName eq \"x\" title pr", "expected `and`, `or` or the end of the filter at byte 16, found a word"),
        ("title pr and", "expected an attribute name, `not` or `(` at byte 12, found the end of the filter"),
        ("title pr OR", "expected an attribute name, `not` or `(` at byte 11, found the end of the filter"),
        ("(title pr and)", "expected an attribute name, `not` or `(` at byte 13, found `)`"),
        ("emails[type pr or]", "expected an attribute name, `not` or `(` at byte 17, found `]`"),
        ("title pr and and a pr", "expected an attribute name, `not` or `(` at byte 13, found a word"),
        ("and title pr", "expected an attribute name, `not` or `(` at byte 0, found a word"),
        ("not", "expected `(` behind `not` at byte 3, found the end of the filter"),
        ("title pr and ", "expected an attribute name, `not` or `(` at byte 13, found the end of the filter"),
        ("title pr && a pr", "expected `and`, `or` or the end of the filter at byte 9, found `&`"),
        ("title pr\nand a pr", "expected `and`, `or` or the end of the filter at byte 8, found `\\n`"),
        ("(title pr", "expected `and`, `or` or `)` at byte 9, found the end of the filter"),
        ("title pr)", "expected `and`, `or` or the end of the filter at byte 8, found `)`"),
        ("()", "expected an attribute name, `not` or `(` at byte 1, found `)`"),
        ("not title pr", "expected `(` behind `not` at byte 4, found a word"),
        ("\"userName\" eq \"x\"", "expected an attribute name, `not` or `(` at byte 0, found a quoted string"),
        ("1a pr", "an attribute name is a letter followed by letters, digits, `-`, `_` or `$` (at byte 0)"),
        ("a.b.c pr", "an attribute path has at most one sub-attribute (at byte 0)"),
        (":a pr", "what stands before the last colon of an attribute path is the URI of a schema (at byte 0)"),
        ("emails[type eq \"work\"", "expected `and`, `or` or `]` at byte 21, found the end of the filter"),
        ("emails[type eq \"work\")", "expected `and`, `or` or `]` at byte 21, found `)`"),
        ("emails[]", "expected an attribute name, `not` or `(` at byte 7, found `]`"),
        ("emails [type pr]", "expected an operator such as `eq` at byte 7, found `[`"),
        ("emails[a[b pr]]", "brackets inside brackets at byte 8"),
        ("emails[type.x pr]", "expected the name of a sub-attribute inside [ ] at byte 7, without URN and dot"),
        ("emails.value[type pr]", "an attribute path has at most one sub-attribute (at byte 0)"),
        ("emails[type pr].", "expected the name of a sub-attribute at byte 16, found the end of the filter"),
        ("emails[type pr].a.b pr", "expected the name of a sub-attribute inside [ ] at byte 16, without URN and dot"),
        (
            "emails[type pr].value",
            "expected a space and an operator such as `eq` at byte 21, found the end of the filter",
        ),
        ("título pr", "expected a space and an operator such as `eq` at byte 1, found a word"),
        ("\u{202e}pr", "expected an attribute name, `not` or `(` at byte 0, found `\\u{202e}`"),
        ("\0", "expected an attribute name, `not` or `(` at byte 0, found `\\0`"),
    ] {
        assert_eq!(lenient(text), Err(message.to_owned()), "{text:?}");
        assert!(strict(text).is_err(), "{text:?}");
    }
}

#[test]
fn limits_are_taken_and_one_more_is_refused() {
    let chain = |n: usize| vec!["a pr"; n].join(" or ");
    assert!(parse(&chain(50), Mode::Strict).is_ok());
    assert_eq!(parse(&chain(51), Mode::Strict), Err(ParseError::TooManyExpressions(400)));
    // The tests inside and behind brackets count too.
    let elements = vec!["a[b pr].c pr"; 26].join(" or ");
    assert!(matches!(parse(&elements, Mode::Strict), Err(ParseError::TooManyExpressions(_))));

    let nested = |n: usize| format!("{}a pr{}", "(".repeat(n), ")".repeat(n));
    assert!(parse(&nested(20), Mode::Strict).is_ok());
    assert_eq!(parse(&nested(21), Mode::Strict), Err(ParseError::TooDeep(20)));
    let inside = |n: usize| format!("{}a[b pr]{}", "not (".repeat(n), ")".repeat(n));
    assert!(parse(&inside(19), Mode::Strict).is_ok());
    assert!(matches!(parse(&inside(20), Mode::Strict), Err(ParseError::TooDeep(_))));

    let long = |n: usize| format!("a eq \"{}\"", "x".repeat(n - 7));
    assert!(parse(&long(MAX_BYTES), Mode::Strict).is_ok());
    assert_eq!(parse(&long(MAX_BYTES + 1), Mode::Strict), Err(ParseError::TooLong(MAX_BYTES + 1)));
}

#[test]
fn brackets_side_by_side_are_not_nested() {
    let text = vec!["(a pr)"; 50].join("and");
    assert!(parse(&text, Mode::Strict).is_ok());
}

#[test]
fn huge_and_hostile_filters_are_refused_without_being_read_through() {
    let terms = vec!["userName eq \"x\""; 10_000].join(" or ");
    assert!(lenient(&terms).unwrap_err().contains("at most 8192 are taken"));
    assert!(lenient(&"x".repeat(1 << 20)).unwrap_err().contains("at most 8192 are taken"));
    let deep = format!("{}a pr{}", "(".repeat(200), ")".repeat(200));
    assert_eq!(lenient(&deep).unwrap_err(), "the filter is nested deeper than 20 levels at byte 20");
    assert!(lenient(&"not (".repeat(1000)).unwrap_err().contains("nested deeper"));
    for odd in ["\u{feff}userName pr", "userName\u{a0}pr", "ｕｓｅｒName pr", "userName eq \u{201c}x\u{201d} \u{1f600}"]
    {
        assert!(lenient(odd).is_err(), "{odd}");
    }
}

fn theirs(text: &str) -> Result<(), String> {
    text.parse::<scim_v2::filter::Filter>().map(drop).map_err(|error| error.to_string())
}

fn names_a_keyword(filter: &Filter) -> bool {
    match filter {
        Filter::And(operands) | Filter::Or(operands) => operands.iter().any(names_a_keyword),
        Filter::Not(inner) => names_a_keyword(inner),
        Filter::Test(path, _) => ["true", "false", "null", "and", "or", "not"].contains(&path.name.as_str()),
        Filter::Element { filter, .. } => names_a_keyword(filter),
    }
}

/// Tokens of the grammar; joined by single spaces, except beside brackets.
fn words() -> impl Strategy<Value = String> {
    let words = vec![
        "userName",
        "title",
        "name.givenName",
        "urn:a:2.0:User:x",
        "emails[",
        "]",
        "(",
        ")",
        "not (",
        "and",
        "or",
        "eq",
        "co",
        "pr",
        "\"x\"",
        "1",
        "true",
        "null",
        "title pr",
        "active eq true",
        "emails[type eq \"work\"]",
    ];
    prop::collection::vec(prop::sample::select(words), 1..9)
        .prop_map(|words| words.join(" ").replace("[ ", "[").replace(" ]", "]").replace("( ", "(").replace(" )", ")"))
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>(), mode in prop::sample::select(vec![Mode::Lenient, Mode::Strict])) {
        let _ = parse(&text, mode);
    }

    #[test]
    fn no_text_of_the_grammars_own_characters_panics(text in "[a-b .:\"'\\\\()\\[\\]$é0-9eqprnot-]{0,60}") {
        if let Ok(filter) = parse(&text, Mode::Lenient) {
            prop_assert_eq!(parse(&filter.to_string(), Mode::Strict), Ok(filter));
        }
    }

    #[test]
    fn what_a_strict_consumer_may_send_means_the_same_to_a_lenient_one(text in words()) {
        if let Ok(filter) = parse(&text, Mode::Strict) {
            prop_assert_eq!(parse(&text, Mode::Lenient), Ok(filter));
        }
    }

    #[test]
    fn an_independent_parser_takes_every_filter_of_the_rfc_that_we_print(filter in filters(false)) {
        let text = filter.to_string();
        prop_assume!(text.len() <= MAX_BYTES);
        prop_assert_eq!(theirs(&text), Ok(()), "{}", text);
    }

    #[test]
    fn an_independent_parser_agrees_on_what_is_a_filter(text in words()) {
        // A keyword as the name of an attribute is a name to us; see below.
        prop_assume!(!parse(&text, Mode::Strict).is_ok_and(|filter| names_a_keyword(&filter)));
        prop_assert_eq!(theirs(&text).is_ok(), parse(&text, Mode::Strict).is_ok(), "{}: {:?}", text, strict(&text));
    }
}

/// Where we differ from an independent reading of the RFC on purpose (PROFILE).
#[test]
fn what_only_we_take_is_our_profile() {
    for text in [
        "emails[type eq \"work\"].value eq \"x\"",
        "userName eq\"x\"",
        "active eq True",
        "x$y pr",
        "true pr",
        "emails[null pr]",
    ] {
        assert!(strict(text).is_ok() && theirs(text).is_err(), "{text}");
    }
}
