//! Counts requests, refusals and time-outs for `/metrics`.

use std::sync::{LazyLock, OnceLock};
use std::time::{Duration, Instant};

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use metrics::{Histogram, counter, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::store::db::lanes::Lane;

/// How often what was counted is put together while it is not read.
pub const UPKEEP: Duration = Duration::from_secs(5);

/// A part of the URL space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    Scim,
    Admin,
    Operations,
    Other,
}

impl Surface {
    pub(super) const ALL: [Self; 4] = [Self::Scim, Self::Admin, Self::Operations, Self::Other];

    pub(crate) fn of(path: &str) -> Self {
        let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        match first {
            "scim" => Self::Scim,
            "api" => Self::Admin,
            "healthz" | "readyz" | "metrics" => Self::Operations,
            _ => Self::Other,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Scim => "scim",
            Self::Admin => "admin",
            Self::Operations => "operations",
            Self::Other => "other",
        }
    }
}

/// Why a request got no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The caller has as many requests going as it may.
    Caller,
    /// The caller has as many streamed answers going as it may.
    Streams,
    /// All connections of the lane are taken.
    Full,
}

impl Refused {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Streams => "streams",
            Self::Full => "full",
        }
    }
}

/// Counts a request that was refused.
pub(crate) fn refused(lane: Lane, why: Refused) {
    counter!("rollbook_refused_total", "lane" => lane.as_str(), "reason" => why.as_str()).increment(1);
}

/// Counts an expensive query that ran into its time limit.
pub(crate) fn timed_out() {
    counter!("rollbook_query_timeouts_total").increment(1);
}

/// The recorder of this process, which is made at its first use.
pub(crate) fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(DURATION.to_owned()), &BOUNDS)
            .unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("metrics are recorded elsewhere: /metrics shows none of the edge");
        }
        describe();
        handle
    })
}

pub(crate) fn describe() {
    use metrics::{describe_counter as count, describe_gauge as show, describe_histogram as distribute};
    distribute!(DURATION, "Time until the head of an answer, by part of the URL space and class of status.");
    count!("rollbook_refused_total", "Requests that got no database connection, by lane and reason.");
    count!("rollbook_query_timeouts_total", "Expensive queries that ran into their time limit.");
    count!("rollbook_statements_cancelled_total", "Statements that were cancelled because their caller had gone.");
    show!("rollbook_lane_connections", "Database connections of a lane: at most, open, in use.");
    show!("rollbook_lane_waiting", "Requests and jobs that wait for a connection of a lane.");
    show!("rollbook_database_up", "Whether the figures of the database could be read (1) or not (0).");
}

/// Puts together what was counted, so that memory does not grow while `/metrics` is not read.
pub fn keep_up() {
    recorder().run_upkeep();
}

/// Middleware that measures every request.
pub async fn measure(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    recorder();
    let surface = Surface::of(request.path());
    let begun = Instant::now();
    let answer = next.call(request).await;
    let status = match &answer {
        Ok(response) => response.status(),
        Err(error) => error.as_response_error().status_code(),
    };
    let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
    DURATIONS[surface as usize][class].record(begun.elapsed().as_secs_f64());
    answer
}

/// A number of connections as a figure.
pub(crate) fn figure(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

pub(crate) const DURATION: &str = "rollbook_http_request_duration_seconds";

/// Upper bounds of the histogram of durations, in seconds.
pub(crate) const BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0];

/// The first digit of a status, as labels have it.
pub(crate) const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// One histogram for each surface and class of status.
pub(crate) static DURATIONS: LazyLock<[[Histogram; 5]; 4]> = LazyLock::new(|| {
    Surface::ALL
        .map(|surface| CLASSES.map(|class| histogram!(DURATION, "surface" => surface.as_str(), "status" => class)))
});
