//! Chooses display names that no two groups share.

use crate::directory::groups::{Kind, display_names};
use crate::flows::error::FlowError;
use crate::scim::text::fold_case;
use crate::store;
use diesel_async::AsyncPgConnection;
use std::collections::BTreeSet;
use uuid::Uuid;

/// What a group would like to be called.
pub(crate) struct NameRequest<'a> {
    pub(crate) kind: Kind,
    pub(crate) name: &'a str,
    pub(crate) system: Option<&'a str>,
    pub(crate) id: Uuid,
}

/// For each name request the best display name that no other group has.
pub(crate) async fn free_names<'a>(
    conn: &mut AsyncPgConnection,
    requests: impl Iterator<Item = &'a NameRequest<'a>>,
) -> Result<Vec<String>, FlowError> {
    let key = |name: &String| fold_case(name).into_owned();
    let options: Vec<Vec<String>> =
        requests.map(|request| display_names(request.kind, request.name, request.system, request.id)).collect();
    let keys: Vec<String> = options.iter().flatten().map(key).collect();
    let mut taken: BTreeSet<String> = store::groups::write::taken_names(conn, &keys).await?.into_iter().collect();
    options
        .into_iter()
        .map(|names| {
            // The last has the group's own id in it.
            let free = names.into_iter().find(|name| taken.insert(key(name)));
            free.ok_or_else(|| FlowError::Internal("every name of a group is taken".to_owned()))
        })
        .collect()
}
