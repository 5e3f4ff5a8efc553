//! Converts closed sets of the program to those of the API: the same values, one variant each.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::api;
use crate::directory::merge::PrimaryReason;
use crate::directory::person::{Status, ZoneOrigin};
use crate::directory::worker::mapping::{EmploymentType, StatusClass};
use crate::http::error::{Problem, Refusal};
use crate::store::db::states::{
    ConnectionState, HoldState, ItemState, ManagerState, PlanState, RunCause, RunState, WaitingFor,
};

/// A value of the program that the API has too.
pub(super) trait ToApi {
    type Word;

    fn to_api(self) -> Self::Word;
}

/// Declares which value of the API belongs to each value of the program.
macro_rules! same_words {
    ($own:ty => $word:ty { $($variant:ident),+ $(,)? }) => {
        impl ToApi for $own {
            type Word = $word;

            fn to_api(self) -> $word {
                match self { $(Self::$variant => <$word>::$variant),+ }
            }
        }
    };
}

same_words!(ConnectionState => api::connections::ConnectionState {
    Authorizing, Review, Active, Paused, NeedsReauthorization, Failing
});
same_words!(RunState => api::runs::RunState {
    Queued, Pulling, Planning, Applying, Succeeded, Incomplete, Failed, Interrupted, Cancelled
});
same_words!(RunCause => api::runs::RunCause { Preview, Finish, Sync, Schedule, Mapping, Hold, Window });
same_words!(WaitingFor => api::runs::WaitingFor { RateLimit, RetryAfter, BackOff });
same_words!(PlanState => api::plans::PlanState {
    Building, Ready, Applying, Applied, Held, Rejected, Superseded
});
same_words!(ItemState => api::plans::ItemState { Planned, Applied, Stale, Rejected });
same_words!(HoldState => api::holds::HoldState { Open, Approved, Rejected, Expired, Superseded });
same_words!(ManagerState => api::person::ManagerState { None, Person, Pending, Suspended });
same_words!(EmploymentType => api::mapping::EmploymentType {
    Employee, Contractor, Intern, Temporary, Other, Unknown
});
same_words!(StatusClass => api::mapping::StatusClass { Upcoming, Current, OnLeave, Suspended, Former, Unknown });
same_words!(Status => api::person::EmploymentStatus { Pending, Active, OnLeave, Suspended, Terminated, Unknown });
same_words!(ZoneOrigin => api::person::ZoneOrigin {
    Worker, Office, LegalEntity, Country, ConnectionDefault, CountryRange, Utc
});
same_words!(PrimaryReason => api::person::PrimaryReason {
    Only, Status, EndedLater, LargerShare, EarlierStart, Connection, SourceId
});
/// A stored text as one value of a closed set. This program never wrote any other text.
pub(super) fn stored<T>(parse: impl FnOnce(&str) -> Option<T>, word: &str) -> Result<T, Problem> {
    parse(word).ok_or_else(|| {
        tracing::error!("a stored word is none that is known: {word}");
        Refusal::Internal.into()
    })
}

/// The members of a stored JSON object; none of anything else.
pub(super) fn members(value: Value) -> BTreeMap<String, Value> {
    match value {
        Value::Object(members) => members.into_iter().collect(),
        _ => BTreeMap::new(),
    }
}

/// The items of a stored JSON list. One that cannot be read is left out and logged: the rest is still worth showing.
pub(super) fn items<T: DeserializeOwned>(list: &Value) -> Vec<T> {
    let all = list.as_array().into_iter().flatten();
    let read = |item: &Value| match serde_json::from_value(item.clone()) {
        Ok(item) => Some(item),
        Err(error) => {
            tracing::error!("a stored item cannot be read: {error}");
            None
        }
    };
    all.filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::event::EventKind;
    use crate::directory::groups::Kind;
    use crate::http::scope::Scope;

    #[test]
    fn a_state_has_the_same_word_in_the_database_and_in_the_api() {
        macro_rules! same {
            ($($own:ty),+) => {$(
                for one in <$own>::ALL {
                    assert_eq!(one.as_str(), one.to_api().as_str());
                }
                assert_eq!(<$own>::ALL.len(), <<$own as ToApi>::Word>::ALL.len());
            )+};
        }
        same!(ConnectionState, RunState, RunCause, WaitingFor, PlanState, ItemState, HoldState, ManagerState);
    }

    #[test]
    fn words_that_are_stored_as_text_are_words_of_the_api() {
        for cause in RunCause::ALL {
            assert!(api::plans::PlanCause::parse(cause.as_str()).is_some(), "{cause}");
        }
        let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(kinds, api::groups::GroupKindName::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>());
        let events: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(events, api::events::PersonEventKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>());
        for word in events {
            assert!(api::events::EventKind::parse(word).is_some(), "{word}");
            assert!(api::events::RedactedKind::parse(word).is_some(), "{word}");
        }
        let kinds: Vec<&str> = api::connections::SystemKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(kinds, crate::connectors::registry::KINDS);
        let scopes = api::consumers::Scope::ALL.iter().map(|scope| scope.as_str());
        assert!(scopes.clone().all(|word| Scope::parse(word).is_some()));
        assert_eq!(scopes.count() + 1, Scope::ALL.len(), "all but scim:write");
    }

    #[test]
    fn enums_of_the_domain_have_the_same_words() {
        macro_rules! same {
            ($($own:ident: $($variant:ident)+;)+) => {$($(
                let own = serde_json::to_value($own::$variant).unwrap();
                assert_eq!(own, serde_json::to_value($own::$variant.to_api()).unwrap());
            )+)+};
        }
        same! {
            EmploymentType: Employee Contractor Intern Temporary Other Unknown;
            StatusClass: Upcoming Current OnLeave Suspended Former Unknown;
            Status: Pending Active OnLeave Suspended Terminated Unknown;
            ZoneOrigin: Worker Office LegalEntity Country ConnectionDefault CountryRange Utc;
            PrimaryReason: Only Status EndedLater LargerShare EarlierStart Connection SourceId;
        }
    }
}
