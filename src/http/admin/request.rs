//! What a request holds: its body, the parameters of its URL, and where in a list it goes on.

pub(super) mod body;
pub(super) mod cursor;
pub(super) mod parameters;
