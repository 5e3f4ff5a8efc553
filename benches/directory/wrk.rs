//! Runs the load generator, `wrk`. It also measures the floor: what this machine's web server answers for a canned
//! document under it.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::process::Command;

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::{Context as _, ensure};
use serde::Deserialize;

/// Connections that send requests at the same time.
const CONNECTIONS: u32 = 8;
/// Size of the canned document, in bytes.
const CANNED: usize = 2_048;

/// The requests of one kind; `wrk` sends them in turn.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) token: String,
    pub(crate) header: Option<(&'static str, String)>,
}

/// The result of a load.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    /// Milliseconds.
    pub(crate) median: f64,
    /// Milliseconds.
    pub(crate) last_percent: f64,
    /// Answers with a status above 399, and connections that broke.
    failed: u64,
}

/// Loads a server for so long. An answer that is an error fails it.
pub(crate) async fn load(base: &str, requests: &[Request], seconds: u32) -> anyhow::Result<Figures> {
    let script = tempfile::Builder::new().prefix("rollbook-wrk-").suffix(".lua").tempfile()?;
    std::fs::write(script.path(), text_of(requests)?)?;
    let (path, url) = (script.path().to_owned(), format!("{base}/"));
    let output = tokio::task::spawn_blocking(move || {
        Command::new("wrk")
            .args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{seconds}s"), "--timeout", "30s", "-s"])
            .arg(path)
            .arg(url)
            .output()
    })
    .await?
    .context("wrk cannot be run")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().find_map(|line| line.strip_prefix("figures "));
    let line = line.with_context(|| format!("wrk said: {said} {}", String::from_utf8_lossy(&output.stderr)))?;
    let figures: Figures = serde_json::from_str(line)?;
    ensure!(figures.failed == 0, "{} answers were errors, asked for {}", figures.failed, requests[0].path);
    Ok(figures)
}

/// The script: all requests are made once, before the load.
fn text_of(requests: &[Request]) -> anyhow::Result<String> {
    ensure!(!requests.is_empty(), "no request");
    let mut text = String::from("local requests = {}\nlocal place = 0\nfunction init(args)\n");
    for request in requests {
        let mut headers = format!("[\"Authorization\"]={}", quoted(&format!("Bearer {}", request.token))?);
        if let Some((name, value)) = &request.header {
            write!(headers, ",[{}]={}", quoted(name)?, quoted(value)?)?;
        }
        writeln!(text, "requests[#requests+1] = wrk.format(\"GET\", {}, {{{headers}}})", quoted(&request.path)?)?;
    }
    text.push_str(
        r#"end
function request()
  place = place % #requests + 1
  return requests[place]
end
function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format('figures {"per_second":%f,"median":%f,"last_percent":%f,"failed":%d}\n',
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
"#,
    );
    Ok(text)
}

/// A text of Lua; ASCII in JSON's quotes is one.
fn quoted(text: &str) -> anyhow::Result<String> {
    ensure!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text} cannot be sent as it is");
    Ok(serde_json::to_string(text)?)
}

/// A server of the same make, with as many workers, that answers everything with the same document.
pub(crate) struct Floor {
    url: String,
}

impl Floor {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let document = web::Bytes::from(vec![b'x'; CANNED]);
        let workers = std::thread::available_parallelism()?.get();
        let server = HttpServer::new(move || {
            let document = document.clone();
            App::new().default_service(web::to(move || {
                let document = document.clone();
                async move { HttpResponse::Ok().content_type("application/scim+json").body(document) }
            }))
        })
        .workers(workers)
        .disable_signals()
        .listen(listener)?
        .run();
        tokio::spawn(server);
        Ok(Self { url })
    }

    /// Answers a second, under the load of these requests.
    pub(crate) async fn measure(&self, requests: &[Request], seconds: u32) -> anyhow::Result<f64> {
        Ok(load(&self.url, requests, seconds).await?.per_second)
    }
}
