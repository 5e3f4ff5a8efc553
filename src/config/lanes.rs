//! Settings of database connections, and of the share of them that one consumer may use.

use std::time::Duration;

use clap::Args;

use crate::store::db::lanes::{CallerLimits, LaneSettings};

/// How many database connections each kind of work has, and how much of them one consumer may use at once.
#[derive(Clone, Debug, Default, Args)]
pub struct LaneArgs {
    /// Database connections for cheap reads of consumers: by id, by a key, pages of all people. [default: 12]
    #[arg(long, env = "ROLLBOOK_READ_CONNECTIONS", value_name = "NUMBER")]
    pub read_connections: Option<String>,
    /// Database connections for expensive queries: filters and sorts that can read all people. [default: 4]
    #[arg(long, env = "ROLLBOOK_QUERY_CONNECTIONS", value_name = "NUMBER")]
    pub query_connections: Option<String>,
    /// Database connections for the admin API. [default: 4]
    #[arg(long, env = "ROLLBOOK_ADMIN_CONNECTIONS", value_name = "NUMBER")]
    pub admin_connections: Option<String>,
    /// Database connections for pulls and other jobs. [default: 8]
    #[arg(long, env = "ROLLBOOK_JOB_CONNECTIONS", value_name = "NUMBER")]
    pub job_connections: Option<String>,
    /// Seconds that a statement of an expensive query may run. [default: 5]
    #[arg(long, env = "ROLLBOOK_QUERY_TIMEOUT_SECONDS", value_name = "SECONDS")]
    pub query_timeout_seconds: Option<String>,
    /// Cheap reads of one consumer that may run at once; further ones wait, then are refused with 429. [default: 8]
    #[arg(long, env = "ROLLBOOK_READS_PER_CONSUMER", value_name = "NUMBER")]
    pub reads_per_consumer: Option<String>,
    /// Expensive queries of one consumer that may run at once; further ones wait two seconds at most, then are
    /// refused with 429. [default: 2]
    #[arg(long, env = "ROLLBOOK_QUERIES_PER_CONSUMER", value_name = "NUMBER")]
    pub queries_per_consumer: Option<String>,
    /// Answers to one consumer that may be streamed at once, as large groups are; further ones are refused with 429.
    /// [default: 16]
    #[arg(long, env = "ROLLBOOK_STREAMS_PER_CONSUMER", value_name = "NUMBER")]
    pub streams_per_consumer: Option<String>,
}

impl LaneArgs {
    /// Checks each number, and that no consumer can take all of a lane.
    pub(super) fn check(self, note: &mut impl FnMut(String)) -> (LaneSettings, CallerLimits) {
        let (lanes, callers) = (LaneSettings::default(), CallerLimits::default());
        let mut number = |name: &str, given: Option<String>, default: usize, least: usize, most: usize| {
            let Some(text) = given.filter(|text| !text.trim().is_empty()) else { return default };
            match text.trim().parse::<usize>() {
                Ok(number) if (least..=most).contains(&number) => number,
                _ => {
                    note(format!("{name}: `{text}` is no whole number from {least} to {most}"));
                    default
                }
            }
        };
        let lanes = LaneSettings {
            reads: number("ROLLBOOK_READ_CONNECTIONS", self.read_connections, lanes.reads, 2, 500),
            queries: number("ROLLBOOK_QUERY_CONNECTIONS", self.query_connections, lanes.queries, 1, 500),
            admin: number("ROLLBOOK_ADMIN_CONNECTIONS", self.admin_connections, lanes.admin, 2, 500),
            jobs: number("ROLLBOOK_JOB_CONNECTIONS", self.job_connections, lanes.jobs, 4, 500),
            query_timeout: Duration::from_secs(number(
                "ROLLBOOK_QUERY_TIMEOUT_SECONDS",
                self.query_timeout_seconds,
                5,
                1,
                30,
            ) as u64),
        };
        // Where there are fewer connections than by default, the default share is smaller too.
        let (reads, queries) = (callers.reads.min(lanes.reads - 1), callers.queries.min(lanes.queries));
        let callers = CallerLimits {
            reads: number("ROLLBOOK_READS_PER_CONSUMER", self.reads_per_consumer, reads, 1, 500),
            queries: number("ROLLBOOK_QUERIES_PER_CONSUMER", self.queries_per_consumer, queries, 1, 500),
            streams: number("ROLLBOOK_STREAMS_PER_CONSUMER", self.streams_per_consumer, callers.streams, 1, 10_000),
        };
        if callers.reads >= lanes.reads {
            note(format!(
                "ROLLBOOK_READS_PER_CONSUMER: {} must be less than ROLLBOOK_READ_CONNECTIONS ({}), so that no consumer \
                 takes all of them",
                callers.reads, lanes.reads
            ));
        }
        if callers.queries > lanes.queries {
            note(format!(
                "ROLLBOOK_QUERIES_PER_CONSUMER: {} must not be more than ROLLBOOK_QUERY_CONNECTIONS ({})",
                callers.queries, lanes.queries
            ));
        }
        (lanes, callers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(args: LaneArgs) -> (LaneSettings, CallerLimits, Vec<String>) {
        let mut mistakes = Vec::new();
        let (lanes, callers) = args.check(&mut |mistake| mistakes.push(mistake));
        (lanes, callers, mistakes)
    }

    #[expect(clippy::unnecessary_wraps, reason = "settings that are given are optional")]
    fn given(number: &str) -> Option<String> {
        Some(number.to_owned())
    }

    #[test]
    fn numbers_are_checked_and_no_consumer_can_take_a_whole_lane() {
        let (lanes, callers, mistakes) = check(LaneArgs::default());
        assert_eq!((lanes, callers), (LaneSettings::default(), CallerLimits::default()));
        assert!(mistakes.is_empty() && callers.reads < lanes.reads && callers.queries < lanes.queries);
        let (lanes, callers, mistakes) = check(LaneArgs { read_connections: given("4"), ..LaneArgs::default() });
        assert_eq!((lanes.reads, callers.reads, mistakes.len()), (4, 3, 0), "the share follows");
        for args in [
            LaneArgs { read_connections: given("0"), ..LaneArgs::default() },
            LaneArgs { query_timeout_seconds: given("1.5"), ..LaneArgs::default() },
            LaneArgs { job_connections: given("-1"), ..LaneArgs::default() },
            LaneArgs { reads_per_consumer: given("12"), ..LaneArgs::default() },
            LaneArgs { queries_per_consumer: given("5"), ..LaneArgs::default() },
        ] {
            let (.., mistakes) = check(args);
            assert!(mistakes.len() == 1 && mistakes[0].starts_with("ROLLBOOK_"), "{mistakes:?}");
        }
    }
}
