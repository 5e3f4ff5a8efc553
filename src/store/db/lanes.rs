//! Lanes: each kind of work has database connections of its own, so that no kind can starve another.

use std::time::Duration;

use diesel::sql_types::Integer;
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;

use super::error::DatabaseError;
use super::pool::{Database, PoolSettings, Work};
use super::source::DatabaseSource;

/// Connections of the lane for health and metrics.
pub const HEALTH_CONNECTIONS: usize = 2;
/// Connections outside of the lanes: a migration, and the requests that cancel statements.
const OTHER_CONNECTIONS: usize = 2;

/// How many connections each lane has at most, and how long its statements may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneSettings {
    /// Cheap reads of consumers: by id, by a key, pages of everybody. Those that threads have to themselves count too.
    pub reads: usize,
    /// Expensive queries of consumers and admins.
    pub queries: usize,
    /// The admin API and tokens of HR systems.
    pub admin: usize,
    /// Pulls, timers, the feed and the other jobs.
    pub jobs: usize,
    /// How long a statement of an expensive query may run.
    pub query_timeout: Duration,
}

impl Default for LaneSettings {
    fn default() -> Self {
        Self { reads: 12, queries: 4, admin: 4, jobs: 8, query_timeout: Duration::from_secs(5) }
    }
}

impl LaneSettings {
    /// How many connections a process opens at most.
    #[must_use]
    pub fn total(&self) -> usize {
        self.reads + self.queries + self.admin + self.jobs + HEALTH_CONNECTIONS + OTHER_CONNECTIONS
    }
}

/// How much of each lane one caller may use at once, in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallerLimits {
    /// Cheap reads.
    pub reads: usize,
    /// Expensive queries.
    pub queries: usize,
    /// Answers that are written piece by piece, as groups with many members are.
    pub streams: usize,
}

impl Default for CallerLimits {
    fn default() -> Self {
        Self { reads: 8, queries: 2, streams: 16 }
    }
}

/// The name of a lane, as metrics have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    Reads,
    Queries,
    Admin,
    Jobs,
    Health,
}

impl Lane {
    pub const ALL: [Self; 5] = [Self::Reads, Self::Queries, Self::Admin, Self::Jobs, Self::Health];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Queries => "queries",
            Self::Admin => "admin",
            Self::Jobs => "jobs",
            Self::Health => "health",
        }
    }
}

/// The database, once for each lane. Cheap to clone; clones share the connections.
#[derive(Clone, Debug)]
pub struct Lanes {
    pub reads: Database,
    pub queries: Database,
    pub admin: Database,
    pub jobs: Database,
    pub health: Database,
}

impl Lanes {
    /// Opens the lanes and proves the database with one connection. `own` of the connections for reads are left to the
    /// threads that serve ([`Database::with_own`]).
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn connect(source: DatabaseSource, settings: &LaneSettings, own: usize) -> Result<Self, DatabaseError> {
        let jobs = PoolSettings { size: settings.jobs, ..PoolSettings::default() };
        Self::beside(Database::connect(source, jobs).await?, settings, own)
    }

    /// The lanes of a database whose own pool is that of the jobs.
    ///
    /// # Errors
    /// A pool cannot be built.
    pub fn beside(jobs: Database, settings: &LaneSettings, own: usize) -> Result<Self, DatabaseError> {
        let lane = |size, work| jobs.beside(PoolSettings { size, ..PoolSettings::default() }, work);
        Ok(Self {
            reads: lane(settings.reads.saturating_sub(own).max(1), Work::Reads)?,
            queries: jobs.beside(
                PoolSettings { size: settings.queries, statement_timeout: settings.query_timeout },
                Work::Reads,
            )?,
            admin: lane(settings.admin, Work::Writes)?,
            health: lane(HEALTH_CONNECTIONS, Work::Writes)?,
            jobs,
        })
    }

    /// All lanes over one pool, for a process that serves nothing.
    #[must_use]
    pub fn shared(db: &Database) -> Self {
        Self { reads: db.clone(), queries: db.clone(), admin: db.clone(), jobs: db.clone(), health: db.clone() }
    }

    #[must_use]
    pub fn of(&self, lane: Lane) -> &Database {
        match lane {
            Lane::Reads => &self.reads,
            Lane::Queries => &self.queries,
            Lane::Admin => &self.admin,
            Lane::Jobs => &self.jobs,
            Lane::Health => &self.health,
        }
    }

    /// Closes all lanes: requests for a connection are refused from now on.
    pub fn close(&self) {
        for lane in Lane::ALL {
            self.of(lane).close();
        }
    }

    /// How many connections the server takes from roles that are no superusers.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn server_limit(&self) -> Result<usize, DatabaseError> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Integer)]
            most: i32,
        }
        let query = "SELECT current_setting('max_connections')::integer
                        - current_setting('superuser_reserved_connections')::integer AS most";
        let mut conn = self.jobs.get().await?;
        let row: Row = sql_query(query).get_result(&mut conn).await.map_err(|error| DatabaseError::Unreachable {
            place: self.jobs.source().place().to_owned(),
            reason: error.to_string(),
        })?;
        Ok(usize::try_from(row.most).unwrap_or(0))
    }
}
