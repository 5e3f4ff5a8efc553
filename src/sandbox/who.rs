//! Selects a record of a simulated vendor.

/// An employment or a member, by its place in the company (from 0) or by its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    Index(u32),
    Id(String),
}

impl From<u32> for Who {
    fn from(index: u32) -> Self {
        Self::Index(index)
    }
}

impl From<&str> for Who {
    /// A number is an index, anything else an id.
    fn from(word: &str) -> Self {
        word.parse().map_or_else(|_| Self::Id(word.to_owned()), Self::Index)
    }
}

impl From<String> for Who {
    fn from(word: String) -> Self {
        Self::from(word.as_str())
    }
}
