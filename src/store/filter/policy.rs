//! The filters of a release policy as conditions on what a consumer sees (law 8).

use diesel::QueryResult;
use diesel_async::AsyncPgConnection;

use super::condition::{Condition, GroupCondition};
use crate::scim::filter::check::Checked;
use crate::scim::schema::Hidden;
use crate::store::visibility::Visibility;

impl Visibility {
    /// Only these people and groups: the filters of a release policy, which are asked of everything there is.
    pub async fn narrowed(
        self,
        conn: &mut AsyncPgConnection,
        users: Option<&Checked>,
        groups: Option<&Checked>,
    ) -> QueryResult<Self> {
        let all = Self::unrestricted(&self.base_url, false, Hidden::nothing());
        let people = match users {
            Some(filter) => {
                let mut condition = Condition::of(filter, &all);
                condition.settle(conn).await?;
                Some(condition.kept_prepared())
            }
            None => None,
        };
        let groups = match groups {
            Some(filter) => {
                let mut condition = GroupCondition::of(filter, &all);
                condition.settle(conn).await?;
                Some(condition.kept_prepared())
            }
            None => None,
        };
        Ok(self.with_conditions(people, groups))
    }
}
