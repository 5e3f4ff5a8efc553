//! Display names that no two groups share.

use std::collections::BTreeSet;

use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use crate::directory::groups::{Kind, display_names};
use crate::flows::error::FlowError;
use crate::scim::text::fold_case;
use crate::store;

/// What a group would like to be called.
pub(super) struct Wish<'a> {
    pub(super) kind: Kind,
    pub(super) name: &'a str,
    pub(super) system: Option<&'a str>,
    pub(super) id: Uuid,
}

/// For each wish the best display name that no other group has.
pub(super) async fn free_names<'a>(
    conn: &mut AsyncPgConnection,
    wishes: impl Iterator<Item = &'a Wish<'a>>,
) -> Result<Vec<String>, FlowError> {
    let key = |name: &String| fold_case(name).into_owned();
    let options: Vec<Vec<String>> =
        wishes.map(|wish| display_names(wish.kind, wish.name, wish.system, wish.id)).collect();
    let keys: Vec<String> = options.iter().flatten().map(key).collect();
    let mut taken: BTreeSet<String> = store::groups_write::taken_names(conn, &keys).await?.into_iter().collect();
    options
        .into_iter()
        .map(|names| {
            // The last has the group's own id in it.
            let free = names.into_iter().find(|name| taken.insert(key(name)));
            free.ok_or_else(|| FlowError::Internal("every name of a group is taken".to_owned()))
        })
        .collect()
}
