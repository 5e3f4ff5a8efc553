//! The closed sets of words in rows: the states of connections, runs, plans, items and holds, and causes. A word that
//! is none of them is an error where the row is read.

use std::fmt;
use std::io::Write as _;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::Text;
use serde::{Serialize, Serializer};

use crate::directory::person::ManagerLink;

/// Makes an enum of words that are stored as text. The CHECK of the column names the same words; a test compares them.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, AsExpression, FromSqlRow)]
        #[diesel(sql_type = Text)]
        pub enum $name { $($(#[$of])* $variant),+ }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word, as it is stored and shown.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word)
            }
        }

        impl FromSql<Text, Pg> for $name {
            fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
                let word = std::str::from_utf8(value.as_bytes())?;
                Self::parse(word).ok_or_else(|| concat!("a stored ", stringify!($name), " is none that is known").into())
            }
        }

        impl ToSql<Text, Pg> for $name {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                out.write_all(self.as_str().as_bytes())?;
                Ok(IsNull::No)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, word: &&str) -> bool {
                self.as_str() == *word
            }
        }
    };
}

words! {
    /// What a connection does (design: Connections).
    ConnectionState {
        /// It waits for the consent of an admin of the HR system.
        Authorizing = "authorizing",
        /// Its set-up is not finished: previews only, nothing is published.
        Review = "review",
        Active = "active",
        /// An admin has stopped its pulls.
        Paused = "paused",
        /// The HR system takes its credential no longer.
        NeedsReauthorization = "needsReauthorization",
        /// The last pull failed; it is tried again.
        Failing = "failing",
    }
}

words! {
    /// What is known of a person's manager.
    ManagerState {
        /// HR names no manager.
        None = "none",
        /// The manager is a person of the directory.
        Person = "person",
        /// The manager that HR names is not in the directory.
        Pending = "pending",
        /// The link would close a cycle, and is not served.
        Suspended = "suspended",
    }
}

words! {
    /// How far a plan is.
    PlanState {
        Building = "building",
        Ready = "ready",
        Applying = "applying",
        Applied = "applied",
        /// It waits for the decision about a hold.
        Held = "held",
        Rejected = "rejected",
        /// Another plan stands in its place.
        Superseded = "superseded",
    }
}

words! {
    /// What became of an item of a plan.
    ItemState {
        Planned = "planned",
        Applied = "applied",
        /// The person changed after the plan was made.
        Stale = "stale",
        Rejected = "rejected",
    }
}

words! {
    /// What was decided about a hold.
    HoldState {
        Open = "open",
        Approved = "approved",
        Rejected = "rejected",
        /// It was not decided in time.
        Expired = "expired",
        /// A later run asks for other leavers, or for none.
        Superseded = "superseded",
    }
}

words! {
    /// How far a run is, or how it ended.
    RunState {
        Queued = "queued",
        Pulling = "pulling",
        Planning = "planning",
        Applying = "applying",
        Succeeded = "succeeded",
        /// The read cannot be relied on: it changed no person.
        Incomplete = "incomplete",
        Failed = "failed",
        /// Its node stopped; another run began in its place.
        Interrupted = "interrupted",
        /// An admin ended it before it applied anything.
        Cancelled = "cancelled",
    }
}

words! {
    /// What a run was begun for.
    RunCause {
        Preview = "preview",
        Finish = "finish",
        Sync = "sync",
        Schedule = "schedule",
        Mapping = "mapping",
        Hold = "hold",
        Window = "window",
    }
}

words! {
    /// What a run waits for.
    WaitingFor {
        /// The pace of the account: our own limit, or the window that the HR system announced.
        RateLimit = "rateLimit",
        /// The HR system asked us to stay away.
        RetryAfter = "retryAfter",
        /// The pause before a call is repeated that failed.
        BackOff = "backOff",
    }
}

impl ConnectionState {
    /// The states in which a connection pulls by itself; in review only after a preview has failed.
    pub const PULLING: [Self; 3] = [Self::Review, Self::Active, Self::Failing];

    /// Whether it pulls by schedule.
    #[must_use]
    pub fn is_scheduled(self) -> bool {
        matches!(self, Self::Active | Self::Failing)
    }

    /// Whether its people are published: its set-up is finished.
    #[must_use]
    pub fn is_published(self) -> bool {
        !matches!(self, Self::Authorizing | Self::Review)
    }
}

impl From<&ManagerLink> for ManagerState {
    fn from(link: &ManagerLink) -> Self {
        match link {
            ManagerLink::None => Self::None,
            ManagerLink::Person { .. } => Self::Person,
            ManagerLink::Pending { .. } => Self::Pending,
            ManagerLink::Suspended { .. } => Self::Suspended,
        }
    }
}

impl RunState {
    /// The states in which a run is going.
    pub const GOING: [Self; 4] = [Self::Queued, Self::Pulling, Self::Planning, Self::Applying];

    #[must_use]
    pub fn is_going(self) -> bool {
        Self::GOING.contains(&self)
    }
}

impl RunCause {
    /// Whether the run asks the HR system.
    #[must_use]
    pub fn pulls(self) -> bool {
        matches!(self, Self::Preview | Self::Sync | Self::Schedule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UP: &str = include_str!("../../../migrations/00000000000001_schema/up.sql");

    #[test]
    fn the_checks_of_the_database_name_the_same_words() {
        let check = |column: &str, words: Vec<&str>| {
            let words: Vec<String> = words.into_iter().map(|word| format!("'{word}'")).collect();
            let check = format!("({column} IN ({}))", words.join(", "));
            assert!(UP.contains(&check), "{check}");
        };
        check("state", RunState::ALL.iter().map(|one| one.as_str()).collect());
        check("cause", RunCause::ALL.iter().map(|one| one.as_str()).collect());
        check("waiting_for", WaitingFor::ALL.iter().map(|one| one.as_str()).collect());
        check("state", ConnectionState::ALL.iter().map(|one| one.as_str()).collect());
        check("manager_state", ManagerState::ALL.iter().map(|one| one.as_str()).collect());
        check("state", PlanState::ALL.iter().map(|one| one.as_str()).collect());
        check("state", ItemState::ALL.iter().map(|one| one.as_str()).collect());
        check("state", HoldState::ALL.iter().map(|one| one.as_str()).collect());
    }

    #[test]
    fn a_word_that_is_not_known_is_no_state() {
        assert_eq!(RunState::parse("applied"), None);
        for state in RunState::ALL {
            assert_eq!(RunState::parse(state.as_str()), Some(*state));
        }
    }
}
