//! Scopes of bearer tokens: what a caller is allowed to do.

/// What a token may be allowed (design section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    ScimRead,
    ScimWrite,
    PeopleSensitive,
    EventsRead,
    Admin,
    AdminRead,
    MetricsRead,
}

impl Scope {
    pub const ALL: [Self; 7] = [
        Self::ScimRead,
        Self::ScimWrite,
        Self::PeopleSensitive,
        Self::EventsRead,
        Self::Admin,
        Self::AdminRead,
        Self::MetricsRead,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ScimRead => "scim:read",
            Self::ScimWrite => "scim:write",
            Self::PeopleSensitive => "people:sensitive",
            Self::EventsRead => "events:read",
            Self::Admin => "admin",
            Self::AdminRead => "admin:read",
            Self::MetricsRead => "metrics:read",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word)
    }

    /// What a scope allows besides itself.
    pub(crate) fn implied(self) -> &'static [Self] {
        match self {
            Self::ScimWrite => &[Self::ScimRead],
            Self::Admin => &[Self::AdminRead, Self::EventsRead, Self::MetricsRead],
            Self::AdminRead => &[Self::EventsRead, Self::MetricsRead],
            _ => &[],
        }
    }
}
