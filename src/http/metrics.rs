//! `GET /metrics` in the text format of Prometheus, and what is counted for it at the edge.
//!
//! Labels come from closed sets and from ids of connections: there is no personal data in them, and their number does
//! not grow with people, groups or consumers.

use std::sync::{LazyLock, OnceLock};
use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use metrics::{Histogram, counter, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::auth::{Caller, MetricsRead};
use super::error::Problem;
use super::state::State;
use crate::store::db::gauges;
use crate::store::db::lanes::Lane;
use crate::store::db::pool::{cancelled, watched};

/// The media type of the text format, with its version.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const DURATION: &str = "rollbook_http_request_duration_seconds";
/// Upper bounds of the histogram of durations, in seconds.
const BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0];
/// How often what was counted is put together while it is not read.
pub const UPKEEP: Duration = Duration::from_secs(5);

/// A part of the URL space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Surface {
    Scim,
    Admin,
    Operations,
    Other,
}

impl Surface {
    const ALL: [Self; 4] = [Self::Scim, Self::Admin, Self::Operations, Self::Other];

    fn of(path: &str) -> Self {
        let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        match first {
            "scim" => Self::Scim,
            "api" => Self::Admin,
            "healthz" | "readyz" | "metrics" => Self::Operations,
            _ => Self::Other,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Scim => "scim",
            Self::Admin => "admin",
            Self::Operations => "operations",
            Self::Other => "other",
        }
    }
}

/// The first digit of a status, as labels have it.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// One histogram for each surface and class of status.
static DURATIONS: LazyLock<[[Histogram; 5]; 4]> = LazyLock::new(|| {
    Surface::ALL
        .map(|surface| CLASSES.map(|class| histogram!(DURATION, "surface" => surface.as_str(), "status" => class)))
});

/// Why a request got no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The caller has as many requests going as it may.
    Caller,
    /// The caller has as many streamed answers going as it may.
    Streams,
    /// All connections of the lane are taken.
    Full,
}

impl Refused {
    fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Streams => "streams",
            Self::Full => "full",
        }
    }
}

/// Counts a request that was refused.
pub(super) fn refused(lane: Lane, why: Refused) {
    counter!("rollbook_refused_total", "lane" => lane.as_str(), "reason" => why.as_str()).increment(1);
}

/// Counts an expensive query that ran into its time limit.
pub(super) fn timed_out() {
    counter!("rollbook_query_timeouts_total").increment(1);
}

/// The recorder of this process, which is made at its first use.
pub(super) fn recorder() -> &'static PrometheusHandle {
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

fn describe() {
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

/// `/metrics`.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(
        web::resource("/metrics")
            .route(web::get().to(show))
            .route(web::head().to(show))
            .default_service(web::to(async || Err::<HttpResponse, _>(Problem::method_not_allowed("GET, HEAD")))),
    );
}

/// GET /metrics, for tokens with the scope `metrics:read`. What is in the database is left out while it is away.
async fn show(_: Caller<MetricsRead>, state: web::Data<State>) -> HttpResponse {
    let recorder = recorder();
    for lane in Lane::ALL {
        let usage = state.lanes.of(lane).usage();
        for (kind, number) in [("most", usage.most), ("open", usage.open), ("inUse", usage.in_use)] {
            gauge!("rollbook_lane_connections", "lane" => lane.as_str(), "kind" => kind).set(figure(number));
        }
        gauge!("rollbook_lane_waiting", "lane" => lane.as_str()).set(figure(usage.waiting));
    }
    counter!("rollbook_statements_cancelled_total").absolute(cancelled());
    let mut text = match watched(read(&state)).await {
        Ok(rows) => {
            gauge!("rollbook_database_up").set(1.0);
            gauges::text(&rows)
        }
        Err(error) => {
            tracing::warn!("figures of the database are left out of /metrics: {error}");
            gauge!("rollbook_database_up").set(0.0);
            String::new()
        }
    };
    text.insert_str(0, &recorder.render());
    text.push_str(&process());
    HttpResponse::Ok().insert_header((CONTENT_TYPE, TEXT)).insert_header((CACHE_CONTROL, "no-store")).body(text)
}

/// A number of connections as a figure.
fn figure(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

async fn read(state: &State) -> anyhow::Result<Vec<gauges::Gauge>> {
    let mut conn = state.lanes.health.get_within(Duration::from_secs(5)).await?;
    Ok(gauges::read(&mut conn, state.clock.now()).await?)
}

/// Memory and open files of this process, where the system tells them.
fn process() -> String {
    let mut text = String::new();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
    if let Some(kilobytes) = resident {
        let kilobytes: u64 = kilobytes;
        let bytes = kilobytes.saturating_mul(1024).to_string();
        text.extend([
            "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes ",
            bytes.as_str(),
            "\n",
        ]);
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        let open = files.count().to_string();
        text.extend(["# TYPE process_open_fds gauge\nprocess_open_fds ", open.as_str(), "\n"]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_belongs_to_one_of_four_surfaces() {
        for (path, surface) in [
            ("/scim/v2/Users", Surface::Scim),
            ("//scim/Users/x", Surface::Scim),
            ("/api/v1/people", Surface::Admin),
            ("/readyz", Surface::Operations),
            ("/", Surface::Other),
            ("/wp-login.php", Surface::Other),
        ] {
            assert_eq!(Surface::of(path), surface, "{path}");
        }
        for (n, surface) in Surface::ALL.into_iter().enumerate() {
            assert_eq!(surface as usize, n);
        }
    }
}
