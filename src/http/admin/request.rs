//! Reads the parts of a request: its body, the parameters of its URL, and the position in a list.

pub(super) mod body;
pub(super) mod cursor;
pub(super) mod parameters;
