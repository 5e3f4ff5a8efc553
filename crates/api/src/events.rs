//! Events: the changes in the feed, in histories, and of a run.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Given;

closed_set! {
    /// What a change of a person is called.
    PersonEventKind {
        Created = "person.created",
        Started = "person.started",
        Activated = "person.activated",
        Deactivated = "person.deactivated",
        TerminationCancelled = "termination.cancelled",
        EmploymentChanged = "employment.changed",
        Updated = "person.updated",
    }
}

closed_set! {
    /// What an event is called.
    EventKind {
        PersonCreated = "person.created",
        PersonStarted = "person.started",
        PersonActivated = "person.activated",
        PersonDeactivated = "person.deactivated",
        TerminationCancelled = "termination.cancelled",
        EmploymentChanged = "employment.changed",
        PersonUpdated = "person.updated",
        GroupCreated = "group.created",
        GroupUpdated = "group.updated",
        GroupRetired = "group.retired",
        GroupDeleted = "group.deleted",
        NeedsReauthorization = "connection.needsReauthorization",
        TokenExpiresSoon = "token.expiresSoon",
        NoLiveToken = "consumer.noLiveToken",
    }
}

closed_set! {
    /// What an event is called where a consumer sees it.
    RedactedKind {
        PersonCreated = "person.created",
        PersonStarted = "person.started",
        PersonActivated = "person.activated",
        PersonDeactivated = "person.deactivated",
        TerminationCancelled = "termination.cancelled",
        EmploymentChanged = "employment.changed",
        PersonUpdated = "person.updated",
        /// By this change the person came inside the consumer's filter.
        PersonEntered = "person.entered",
        /// By this change the person is outside the consumer's filter.
        PersonLeft = "person.left",
        GroupCreated = "group.created",
        GroupUpdated = "group.updated",
        GroupRetired = "group.retired",
        GroupDeleted = "group.deleted",
        GroupEntered = "group.entered",
        GroupLeft = "group.left",
    }
}

closed_set! {
    /// What brought a change.
    EventCause {
        Run = "run",
        Timer = "timer",
        Configuration = "configuration",
        Membership = "membership",
    }
}

/// One change of a person or a group, or a notice about a connection or a consumer for an admin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Its number in the feed: no gap, no repeat. Numbers are given a moment after the change.
    #[schema(minimum = 1)]
    pub sequence: Option<i64>,
    pub r#type: EventKind,
    pub person_id: Option<Uuid>,
    pub group_id: Option<Uuid>,
    pub connection_id: Option<Uuid>,
    pub consumer_id: Option<Uuid>,
    pub token_id: Option<Uuid>,
    pub at: DateTime<Utc>,
    /// When it took effect for the person.
    pub effective_at: DateTime<Utc>,
    /// When Rollbook found it.
    pub detected_at: DateTime<Utc>,
    #[schema(minimum = 0)]
    pub lateness_seconds: i64,
    pub cause: EventCause,
    pub run_id: Option<Uuid>,
    pub changes: Vec<ChangedValue>,
    pub groups_joined: Vec<Uuid>,
    pub groups_left: Vec<Uuid>,
    /// In a history: the person's version after it.
    #[serde(default, skip_serializing_if = "Given::is_absent")]
    #[schema(value_type = Option<i64>, extensions(("x-optional" = json!(true))))]
    pub version: Given<i64>,
    /// In a history: the token that requested it.
    #[serde(default, skip_serializing_if = "Given::is_absent")]
    #[schema(value_type = Option<String>, extensions(("x-optional" = json!(true))))]
    pub token_name: Given<String>,
    /// In a history: the reason that was given.
    #[serde(default, skip_serializing_if = "Given::is_absent")]
    #[schema(value_type = Option<String>, extensions(("x-optional" = json!(true))))]
    pub reason: Given<String>,
}

/// An attribute that changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangedValue {
    /// The SCIM attribute.
    pub attribute: String,
    /// The value in the directory that it shows. An attribute that is made of several values comes without this, old
    /// and new.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub of: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false)]
    pub old: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false)]
    pub new: Option<Value>,
}

/// A page of the whole feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeedPage {
    pub items: Vec<Event>,
    pub next_cursor: Option<String>,
}

/// What a consumer sees of the feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedactedFeedPage {
    pub items: Vec<RedactedEvent>,
    pub next_cursor: Option<String>,
    /// Where this page ends: opaque, and good for this consumer alone.
    pub mark: String,
}

/// One change as far as a consumer sees it. `person.entered`, `person.left`, `group.entered`, `group.left`: by this
/// change they came inside the consumer's filter, or are outside now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedactedEvent {
    /// By which the feed goes on after this entry.
    pub mark: String,
    pub r#type: RedactedKind,
    pub person_id: Option<Uuid>,
    pub group_id: Option<Uuid>,
    pub at: DateTime<Utc>,
    /// `at`, unless the dates of the employment are released.
    pub effective_at: DateTime<Utc>,
    pub detected_at: DateTime<Utc>,
    #[schema(minimum = 0)]
    pub lateness_seconds: i64,
    pub changes: Vec<ChangedValue>,
    pub groups_joined: Vec<Uuid>,
    pub groups_left: Vec<Uuid>,
}
