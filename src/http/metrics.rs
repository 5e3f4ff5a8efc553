//! `GET /metrics` in the text format of Prometheus, and the counters that HTTP requests feed.
//!
//! Labels come from closed sets and from ids of connections: there is no personal data in them, and their number does
//! not grow with people, groups or consumers.

use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, web};
use metrics::{counter, gauge};

use super::auth::{Caller, MetricsRead};
use super::counters::figure;
use super::counters::recorder;
use super::error::Problem;
use super::state::State;
use crate::store::db::gauges;
use crate::store::db::lanes::Lane;
use crate::store::db::pool::{cancelled, watched};

/// The media type of the text format, with its version.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

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

async fn read(state: &State) -> anyhow::Result<Vec<gauges::Gauge>> {
    let mut conn = state.lanes.health.get_within(Duration::from_secs(5)).await?;
    Ok(gauges::read(&mut conn, state.clock.now()).await?)
}

/// Memory and open files of this process, where the operating system reports them.
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

    use crate::http::counters::Surface;

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
