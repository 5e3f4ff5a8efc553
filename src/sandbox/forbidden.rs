//! Marks the values that the simulated vendors send and a directory must never keep, so that a search finds them.

/// Every forbidden text contains this: tax ids, bank accounts, home addresses, nationality, sex, emergency contacts,
/// reasons for leaving.
pub const NEVER_STORE: &str = "NEVER-STORE-";

/// Every amount of pay is this number.
pub const NEVER_STORE_AMOUNT: u64 = 987_654_321;

/// A forbidden text about `what`, different for each person.
pub(super) fn never(what: &str, index: u32) -> String {
    format!("{NEVER_STORE}{what}-{}", index.saturating_add(1))
}
