//! Fills a User's document for one consumer, in one pass over the text.

use std::borrow::Cow;

use crate::directory::ids::PersonId;
use crate::render::group::reference;
use crate::render::json::{Object, escape, quote};
use crate::render::version;
use crate::scim::schema::ENTERPRISE_URN;

/// In `schemas`: the enterprise extension, when only a manager would be in it.
pub(super) const ENTERPRISE_SCHEMA: char = '\u{1}';
pub(super) const EXTERNAL_ID: char = '\u{2}';
/// The whole enterprise extension, when only a manager would be in it.
pub(super) const MANAGER_ALONE: char = '\u{3}';
/// `manager` behind other attributes of the enterprise extension.
pub(super) const MANAGER: char = '\u{4}';
/// `managerEmail` and `managerEmployeeNumber` of the worker extension.
pub(super) const MANAGER_CONTACT: char = '\u{5}';
/// `groups`.
pub(super) const GROUPS: char = '\u{6}';
/// Where sensitive attributes were to be written. Nothing fills it; kept documents have it.
pub(super) const SENSITIVE: char = '\u{7}';
/// `meta.version`.
pub(super) const VERSION: char = '\u{e}';
/// The base URL, within a text.
pub(super) const BASE_URL: char = '\u{f}';

/// What a document lacks until it is written for one consumer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slots<'a> {
    /// Of the SCIM service, without a slash at its end: `https://directory.example.com/scim/v2`.
    pub base_url: &'a str,
    /// As the consumer knows the person.
    pub external_id: Option<&'a str>,
    /// The manager, where there is one that the consumer may see.
    pub manager: Option<ManagerShown<'a>>,
    /// The groups that the consumer may see, in order.
    pub groups: &'a [InGroup<'a>],
    /// Whether `meta.version` is filled.
    pub versioned: bool,
}

/// What is shown of a group that a person is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InGroup<'a> {
    pub id: &'a str,
    pub display: &'a str,
}

impl<'a> InGroup<'a> {
    /// Of an id with the display name right behind it.
    #[must_use]
    pub fn of(text: &'a str) -> Option<Self> {
        text.split_at_checked(36).map(|(id, display)| Self { id, display })
    }
}

/// What others show of a person who is their manager.
#[derive(Clone, Copy, Debug)]
pub struct ManagerShown<'a> {
    pub id: PersonId,
    pub display_name: Option<&'a str>,
    pub email: Option<&'a str>,
    pub employee_number: Option<&'a str>,
}

/// Appends a document to `out` with its slots filled. One pass; the document is not parsed. Returns the version, if it
/// was to be filled.
pub fn write(document: &str, slots: &Slots<'_>, out: &mut String) -> Option<String> {
    out.reserve(document.len() + 640);
    let begin = out.len();
    let mut version = None;
    let mut rest = document;
    while let Some(at) = rest.bytes().position(|byte| byte < 0x20) {
        out.push_str(&rest[..at]);
        match char::from(rest.as_bytes()[at]) {
            // It is behind everything that it is taken of.
            VERSION if slots.versioned => {
                let tag = version::of_document(&out[begin..], "");
                out.push_str(",\"version\":");
                quote(&tag, out);
                version = Some(tag);
            }
            slot => fill(slot, slots, out),
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    version
}

fn fill(slot: char, slots: &Slots<'_>, out: &mut String) {
    match slot {
        BASE_URL => escape(slots.base_url, out),
        EXTERNAL_ID => {
            if let Some(external_id) = slots.external_id.filter(|text| !text.is_empty()) {
                out.push_str(",\"externalId\":");
                quote(external_id, out);
            }
        }
        ENTERPRISE_SCHEMA if slots.manager.is_some() => {
            out.push(',');
            quote(ENTERPRISE_URN, out);
        }
        MANAGER => {
            if let Some(manager) = &slots.manager {
                out.push_str(",\"manager\":");
                write_manager(manager, slots.base_url, out);
            }
        }
        MANAGER_ALONE => {
            if let Some(manager) = &slots.manager {
                out.push(',');
                quote(ENTERPRISE_URN, out);
                out.push_str(":{\"manager\":");
                write_manager(manager, slots.base_url, out);
                out.push('}');
            }
        }
        MANAGER_CONTACT => {
            if let Some(manager) = &slots.manager {
                if let Some(email) = manager.email.filter(|text| !text.is_empty()) {
                    out.push_str(",\"managerEmail\":");
                    quote(&shown_email(email), out);
                }
                if let Some(number) = manager.employee_number.filter(|text| !text.is_empty()) {
                    out.push_str(",\"managerEmployeeNumber\":");
                    quote(number, out);
                }
            }
        }
        GROUPS if !slots.groups.is_empty() => {
            out.push_str(",\"groups\":[");
            for (n, group) in slots.groups.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                let mut object = Object::begin(out);
                object.text("value", Some(group.id));
                object.raw("$ref", |out| reference(slots.base_url, "Groups", group.id, out));
                object.text("display", Some(group.display));
                // No client can change it.
                object.text("type", Some("indirect"));
                object.end();
            }
            out.push(']');
        }
        // SENSITIVE stays empty: consumers that may see them get them put into the parsed resource.
        _ => {}
    }
}

fn write_manager(manager: &ManagerShown<'_>, base_url: &str, out: &mut String) {
    let id = manager.id.to_string();
    let mut object = Object::begin(out);
    object.text("value", Some(&id));
    object.raw("$ref", |out| reference(base_url, "Users", &id, out));
    object.text("displayName", manager.display_name);
    object.end();
}

/// An email address as SCIM shows it: as served, with the domain in lower case.
#[must_use]
pub fn shown_email(address: &str) -> Cow<'_, str> {
    match address.rsplit_once('@') {
        Some((local, domain)) if domain.chars().any(char::is_uppercase) => {
            Cow::Owned(format!("{local}@{}", domain.to_lowercase()))
        }
        _ => Cow::Borrowed(address),
    }
}
