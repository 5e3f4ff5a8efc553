//! Tests law 9: pay never enters, nor anything else that a directory must not hold. Every such value of the simulated
//! vendor is marked. `program_demo` checks that the log does not have them either.

use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;
use rollbook::sandbox::{Effect, Fault, NEVER_STORE, NEVER_STORE_AMOUNT, SandboxConfig};
use serde_json::json;

use crate::support::world::World;

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    name: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_table_has_pay_bank_tax_home_or_nationality() {
    for bulk in [true, false] {
        let world = World::with(SandboxConfig { workers: 120, bulk, ..SandboxConfig::default() }).await;
        let connection = world.publish().await;
        let record = world.vendor.employment(3).unwrap().to_string();
        assert!(
            record.contains(NEVER_STORE) && record.contains(&NEVER_STORE_AMOUNT.to_string()),
            "there is some: {record}"
        );
        world
            .vendor
            .patch(30, &json!({ "job_title": "Astronaut", "files": [{ "name": "NEVER-STORE-file" }] }))
            .unwrap();
        world.advance(chrono::TimeDelta::hours(1));
        world.sync(connection).await;
        // Pages that stay in the staging table because their run goes no further.
        world.vendor.fault(Fault::on("/v1/employments", Effect::Truncated).from(2)).unwrap();
        world.advance(chrono::TimeDelta::hours(1));
        world.sync(connection).await;

        let mut conn = world.conn().await;
        let tables: Vec<Table> = diesel::sql_query(
            "SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relkind = 'r' AND n.nspname = 'public' ORDER BY 1",
        )
        .load(&mut *conn)
        .await
        .unwrap();
        drop(conn);
        assert!(tables.len() > 15);
        let mut rows = 0;
        for Table { name } in tables {
            rows += world.number(&format!("SELECT count(*) FROM {name}")).await;
            let found = format!(
                "SELECT count(*) FROM {name} t WHERE t::text LIKE '%{NEVER_STORE}%' OR t::text LIKE '%{NEVER_STORE_AMOUNT}%'"
            );
            assert_eq!(world.number(&found).await, 0, "{name}");
        }
        assert!(rows > 400, "{rows} rows were looked at");
    }
}
