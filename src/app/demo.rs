//! `rollbook demo`: everything at once, with a made-up company at a simulated HR system, to try with curl.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use chrono::{NaiveDate, TimeDelta};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{App, only_embedded, stop_at_signal};
use crate::clock::Clock;
use crate::config::{Config, Settings};
use crate::flows::audit::Actor;
use crate::flows::callers::NewConsumer;
use crate::flows::connect::{self, NewConnectionOrder};
use crate::flows::context::Context;
use crate::flows::{callers, error::FlowError};
use crate::keys::token::Token;
use crate::sandbox::{Running, Sandbox, SandboxConfig};
use crate::store;
use crate::store::runs::RunRow;

/// The name of the connection that the demo makes.
const CONNECTION: &str = "Remote (simulated)";
/// The name of the consumer that the demo makes.
const CONSUMER: &str = "demo reader";

/// What can be chosen for the demo.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    #[command(flatten)]
    pub settings: Settings,
    /// How many workers the simulated company has, 1 to 100,000. Counts at the first start of a data directory.
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub workers: u32,
    /// Which company it is; the same number is always the same company. Counts at the first start of a data directory.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// What the demo remembers, so that a second start finds everything as it was. It holds tokens of a made-up company in
/// the clear, which is why it is a file of the demo alone.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Memory {
    vendor_port: u16,
    workers: u32,
    seed: u64,
    today: NaiveDate,
    admin_token: String,
    read_token: String,
}

/// Runs the demo until a signal.
///
/// # Errors
/// One line that says what is missing.
pub async fn demo(args: DemoArgs, clock: Clock) -> anyhow::Result<()> {
    let mut settings = args.settings;
    let data_dir = settings.data_dir.take().unwrap_or_else(default_data_dir);
    settings.data_dir = Some(data_dir.clone());
    settings.allow_private_vendors = Some("true".into());
    if settings.admin_token.is_some() || settings.admin_token_file.is_some() {
        bail!("the demo makes its own admin token; unset ROLLBOOK_ADMIN_TOKEN");
    }
    let config = settings.check()?;
    only_embedded(&config)?;
    let file = data_dir.join("demo.json");
    let memory = match fs::read(&file) {
        Ok(text) => Some(
            serde_json::from_slice::<Memory>(&text).with_context(|| format!("{} cannot be read", file.display()))?,
        ),
        Err(_) => None,
    };
    let (listener, vendor_port) = vendor_listener(memory.as_ref().map(|memory| memory.vendor_port))?;
    let fresh = |token: &Token| token.reveal().to_owned();
    let memory = match memory {
        Some(memory) => Memory { vendor_port, ..memory },
        None => Memory {
            vendor_port,
            workers: args.workers,
            seed: args.seed,
            today: clock.now().date_naive(),
            admin_token: fresh(&Token::random()),
            read_token: fresh(&Token::random()),
        },
    };
    let vendor = vendor(&memory, &clock, listener)?;
    let config = Config { admin_token: Some(Token::given(memory.admin_token.clone().into())?), ..config };
    let public_url = config.public_url.clone();
    let app = App::start(config, clock).await?;
    remember(&file, &memory)?;
    let base = public_url.unwrap_or_else(|| format!("http://{}", app.address()));
    let context = app.context.clone();
    let stop = CancellationToken::new();
    stop_at_signal(&stop)?;
    let running = tokio::spawn(app.run(stop.clone()));
    let prepared = tokio::select! {
        prepared = prepare(&context, &memory, &vendor.0, &vendor.1) => Some(prepared),
        () = stop.cancelled() => None,
    };
    match prepared {
        Some(Ok(())) => tell(&context, &base, &memory, &vendor.1.base_url(), &data_dir).await?,
        Some(Err(error)) => {
            stop.cancel();
            running.await??;
            return Err(error);
        }
        None => {}
    }
    running.await??;
    vendor.1.stop().await;
    Ok(())
}

/// `./rollbook-data/demo`; for root in a directory that nobody else may enter (a checkout below `/root`), a place that
/// the cluster's own user can reach.
fn default_data_dir() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let closed = here.ancestors().any(|dir| fs::metadata(dir).is_ok_and(|metadata| metadata.mode() & 0o001 == 0));
    if nix::unistd::geteuid().is_root() && closed {
        PathBuf::from("/var/lib/rollbook-demo")
    } else {
        PathBuf::from("rollbook-data/demo")
    }
}

fn vendor_listener(port: Option<u16>) -> anyhow::Result<(TcpListener, u16)> {
    let kept = port.and_then(|port| TcpListener::bind(("127.0.0.1", port)).ok());
    let listener = match kept {
        Some(listener) => listener,
        None => TcpListener::bind("127.0.0.1:0").context("the simulated HR system cannot listen on loopback")?,
    };
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

fn vendor(memory: &Memory, clock: &Clock, listener: TcpListener) -> anyhow::Result<(Sandbox, Running)> {
    let config = SandboxConfig {
        seed: memory.seed,
        workers: memory.workers,
        today: Some(memory.today),
        ..SandboxConfig::default()
    };
    let clock = clock.clone();
    let sandbox = Sandbox::new(config, Arc::new(move || clock.now()));
    let running = sandbox.serve(listener)?;
    Ok((sandbox, running))
}

fn remember(file: &Path, memory: &Memory) -> anyhow::Result<()> {
    let unfinished = file.with_extension("new");
    let mut out = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    out.write_all(serde_json::to_string_pretty(memory)?.as_bytes())?;
    out.sync_all()?;
    fs::rename(&unfinished, file)?;
    Ok(())
}

/// Makes consumer and connection where they are missing, and waits until the people are there.
async fn prepare(context: &Context, memory: &Memory, vendor: &Sandbox, running: &Running) -> anyhow::Result<()> {
    let actor = Actor { token_name: "demo".into(), reason: None };
    let consumer = NewConsumer {
        name: CONSUMER.into(),
        scopes: vec!["scim:read".into(), "events:read".into()],
        external_id_from_source: false,
    };
    let token = Token::given(memory.read_token.clone().into())?;
    callers::ensure_consumer(context, consumer, &token, &actor).await?;

    let mut conn = context.db.get().await?;
    let known = store::connections::all(&mut conn).await?.into_iter().find(|known| known.name == CONNECTION);
    drop(conn);
    let settings = json!({ "baseUrl": running.base_url() });
    let (id, state) = if let Some(known) = known {
        if known.settings.get("baseUrl") != settings.get("baseUrl") {
            connect::change_settings(context, known.id, settings, &actor).await?;
        }
        (known.id, known.state)
    } else {
        let order = NewConnectionOrder {
            kind: "remote".into(),
            name: CONNECTION.into(),
            settings,
            credentials: json!({ "apiToken": vendor.token() }),
        };
        (connect::create(context, order, &actor).await?.0, "review".to_owned())
    };
    if state == "review" {
        println!("pulling {} workers from the simulated HR system …", memory.workers);
        if let Some(going) = going(context, id).await? {
            ended(context, going).await?;
        }
        let run = match connect::finish(context, id, None, &actor).await {
            Err(FlowError::Conflict(_)) => {
                // The first start was stopped before its preview had ended.
                ended(context, connect::preview(context, id, &actor).await?.run).await?;
                connect::finish(context, id, None, &actor).await?.run
            }
            other => other?.run,
        };
        ended(context, run).await?;
    } else if let Some(run) = going(context, id).await? {
        ended(context, run).await?;
    }
    Ok(())
}

async fn going(context: &Context, connection: Uuid) -> anyhow::Result<Option<Uuid>> {
    let mut conn = context.db.get().await?;
    Ok(store::runs::going(&mut conn, connection).await?.map(|run| run.id))
}

/// Waits until a run has ended, and follows it if it begins anew.
async fn ended(context: &Context, run: Uuid) -> anyhow::Result<()> {
    let mut bell = context.wake.listen();
    let mut id = run;
    loop {
        bell.mark_unchanged();
        let mut conn = context.db.get().await?;
        let run: Option<RunRow> = store::runs::find(&mut conn, id).await?;
        drop(conn);
        match run {
            Some(run) if connect::is_going(&run.state) => {}
            Some(run) if run.state == "succeeded" => return Ok(()),
            Some(run) if run.state == "interrupted" => match going(context, run.connection_id).await? {
                Some(next) => id = next,
                None => return Ok(()),
            },
            Some(run) => bail!("the run {id} ended as {}: {}", run.state, run.problems),
            None => bail!("the run {id} is gone"),
        }
        let look_again = context.clock.wait_until(context.clock.now() + TimeDelta::milliseconds(500));
        tokio::select! {
            () = look_again => {}
            _ = bell.changed() => {}
        }
    }
}

/// Prints what to try.
async fn tell(context: &Context, base: &str, memory: &Memory, vendor: &str, data_dir: &Path) -> anyhow::Result<()> {
    let mut conn = context.db.get().await?;
    let total = store::walks::total(&mut conn, None).await?;
    let somebody = store::people::somebody_with_manager(&mut conn).await?.unwrap_or_default();
    let (read, admin) = (&memory.read_token, &memory.admin_token);
    println!(
        "
Rollbook is running: {total} people, pulled from a simulated Remote ({vendor}).

  base URL     {base}/scim/v2
  read token   {read}
  admin token  {admin}

Try:

  curl -s -H 'Authorization: Bearer {read}' '{base}/scim/v2/Users?startIndex=1&count=2'

  curl -s -G -H 'Authorization: Bearer {read}' '{base}/scim/v2/Users' --data-urlencode 'filter=userName eq \"{somebody}\"'

  curl -s -H 'Authorization: Bearer {admin}' '{base}/api/v1/connections'

Change the company through its control endpoint, {vendor}/_control, and pull with POST {base}/api/v1/connections/…/sync.
Everything is kept in {}. Ctrl-C stops server and database.",
        data_dir.display()
    );
    Ok(())
}
