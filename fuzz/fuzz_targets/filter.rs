//! Fuzzes filters: each filter that parses must print and parse to the same tree again. It is also checked against both
//! kinds of resource and evaluated in memory.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rollbook_fuzz::{HIDDEN, RESOURCES, check_refusal};
use rollbook_scim::filter::check::{Checked, check, check_spanning};
use rollbook_scim::filter::parse::{MAX_BYTES, parse};
use rollbook_scim::filter::{Filter, Mode};
use rollbook_scim::schema::ResourceType;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let lenient = parse(text, Mode::Lenient);
    let strict = parse(text, Mode::Strict);
    if strict.is_ok() {
        assert_eq!(strict, lenient, "what a strict reader takes, a lenient one reads alike");
    }
    match lenient {
        Ok(filter) => {
            comes_back(&filter);
            fits_or_is_refused(&filter);
        }
        Err(error) => assert!(error.to_string().len() < 1000, "{error}"),
    }
});

fn comes_back(filter: &Filter) {
    let printed = filter.to_string();
    // Quotes and control characters grow when they are printed.
    if printed.len() <= MAX_BYTES {
        for mode in [Mode::Lenient, Mode::Strict] {
            assert_eq!(parse(&printed, mode).as_ref(), Ok(filter), "{printed}");
        }
    }
}

fn fits_or_is_refused(filter: &Filter) {
    for mode in [Mode::Lenient, Mode::Strict] {
        for [kind, other] in [[ResourceType::User, ResourceType::Group], [ResourceType::Group, ResourceType::User]] {
            let [open, closed] = HIDDEN.each_ref().map(|hidden| {
                let checked = check(filter, mode, kind.shape(), hidden);
                let spanning = check_spanning(filter, mode, kind.shape(), &[other.shape()], hidden);
                match (&checked, &spanning) {
                    (Ok(checked), spanning) => assert_eq!(Ok(checked), spanning.as_ref(), "nothing to ask elsewhere"),
                    (Err(error), Err(other)) => [error, other].into_iter().for_each(check_refusal),
                    (Err(error), Ok(_)) => check_refusal(error),
                }
                for checked in checked.iter().chain(&spanning) {
                    answers(checked);
                }
                checked.ok()
            });
            // Hidden attributes cannot be requested, and all others can.
            let Some(open) = open else {
                assert_eq!(closed, None, "who sees less may not ask more");
                continue;
            };
            let expected = if open.sensitive().is_some() { None } else { Some(open) };
            assert_eq!(closed, expected);
        }
    }
}

fn answers(checked: &Checked) {
    let not = Checked::Not(Box::new(checked.clone()));
    for resource in &*RESOURCES {
        assert_ne!(checked.matches(resource), not.matches(resource));
    }
}
