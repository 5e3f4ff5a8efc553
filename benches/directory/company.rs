//! Describes the measured company: as many people as requested, in about 2,000 groups. One of the groups has 2,000
//! members.

use std::sync::Arc;

use rollbook::sandbox::{Sandbox, SandboxConfig, system_time};
use serde_json::json;

/// Groups of people, all kinds together: departments make up what legal entities, countries and types leave over.
const DEPARTMENTS: u32 = 1_960;
/// Members of the largest department.
pub(crate) const LARGEST: u32 = 2_000;
/// Its name.
pub(crate) const LARGEST_NAME: &str = "Department 0";

pub(crate) struct Company {
    pub(crate) people: u32,
    pub(crate) sandbox: Sandbox,
}

impl Company {
    pub(crate) fn new(people: u32) -> anyhow::Result<Self> {
        let config = SandboxConfig { rate_limit_per_minute: 0, ..SandboxConfig::plain(people) };
        let sandbox = Sandbox::new(config, Arc::new(system_time));
        for index in 0..people {
            // Those of the largest department are spread over the whole company.
            let large = u64::from(index) * u64::from(LARGEST) / u64::from(people);
            let next = u64::from(index + 1) * u64::from(LARGEST) / u64::from(people);
            let place = if next > large { 0 } else { 1 + index % (DEPARTMENTS - 1) };
            let patch = json!({ "department": format!("Department {place}"), "department_id": format!("dep-{place}") });
            sandbox.patch(index, &patch)?;
        }
        Ok(Self { people, sandbox })
    }
}
