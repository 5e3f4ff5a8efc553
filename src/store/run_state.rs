//! The closed sets of a run: its state and its cause. A word that is none of them is an error where the row is read.

use std::fmt;
use std::io::Write as _;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::Text;
use serde::{Serialize, Serializer};

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
    /// How far a run is, or how it ended.
    RunState {
        Queued = "queued",
        Pulling = "pulling",
        Planning = "planning",
        Applying = "applying",
        Succeeded = "succeeded",
        /// The read cannot be relied on: it changed nobody.
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

    const UP: &str = include_str!("../../migrations/00000000000001_schema/up.sql");

    #[test]
    fn the_checks_of_the_database_name_the_same_words() {
        fn check<T: Copy>(column: &str, all: &[T], word: impl Fn(T) -> &'static str) {
            let words: Vec<String> = all.iter().map(|one| format!("'{}'", word(*one))).collect();
            let check = format!("({column} IN ({}))", words.join(", "));
            assert!(UP.contains(&check), "{check}");
        }
        check("state", RunState::ALL, RunState::as_str);
        check("cause", RunCause::ALL, RunCause::as_str);
        check("waiting_for", WaitingFor::ALL, WaitingFor::as_str);
    }

    #[test]
    fn a_word_that_is_not_known_is_no_state() {
        assert_eq!(RunState::parse("applied"), None);
        for state in RunState::ALL {
            assert_eq!(RunState::parse(state.as_str()), Some(*state));
        }
    }
}
