//! `rollbook demo`: everything at once, with a made-up company at two simulated HR systems, to try with curl.

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
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;

use super::{App, only_embedded, stop_at_signal};
use crate::clock::Clock;
use crate::config::{Config, Settings};
use crate::crypto::token::Token;
use crate::flows::access::callers;
use crate::flows::access::callers::NewConsumer;
use crate::flows::audit::Actor;
use crate::flows::connections;
use crate::flows::connections::consent;
use crate::flows::connections::consent::Returned;
use crate::flows::connections::lifecycle::NewConnectionOrder;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::sandbox::{self, Justworks, Running, Sandbox, TimeSource};
use crate::store;
use crate::store::connections::ConnectionState;
use crate::store::runs::RunRow;

/// The names of the connections that the demo makes.
const REMOTE: &str = "Remote (simulated)";
const JUSTWORKS: &str = "Justworks (simulated)";
/// Of a hundred members, so many work through Remote, too.
const OVERLAP_PERCENT: u32 = 24;
/// The name of the consumer that the demo makes.
const CONSUMER: &str = "demo reader";

/// What can be chosen for the demo.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    #[command(flatten)]
    pub settings: Settings,
    /// How many workers the simulated company has at Remote, 1 to 100,000. Counts at the first start of a data
    /// directory.
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub workers: u32,
    /// How many members it has at Justworks, 1 to 100,000; about a quarter of them are at Remote, too. Counts at the
    /// first start of a data directory.
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub members: u32,
    /// Which company it is; the same number is always the same company. Counts at the first start of a data directory.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// What the demo remembers, so that a second start finds everything as it was. It holds tokens of a made-up company in
/// the clear, which is why it is a file of the demo alone.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Memory {
    /// Of Remote.
    vendor_port: u16,
    #[serde(default)]
    justworks_port: Option<u16>,
    workers: u32,
    /// Absent where a demo was first run before there was a simulated Justworks.
    #[serde(default)]
    members: Option<u32>,
    seed: u64,
    today: NaiveDate,
    admin_token: String,
    read_token: String,
}

/// Runs the demo until a signal.
///
/// # Errors
/// One line that states what is missing.
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
    let (beside, port) = vendor_listener(memory.as_ref().and_then(|memory| memory.justworks_port))?;
    let justworks_port = Some(port);
    let fresh = |token: &Token| token.reveal().to_owned();
    let memory = match memory {
        Some(memory) => {
            Memory { vendor_port, justworks_port, members: memory.members.or(Some(args.members)), ..memory }
        }
        None => Memory {
            vendor_port,
            justworks_port,
            workers: args.workers,
            members: Some(args.members),
            seed: args.seed,
            today: clock.now().date_naive(),
            admin_token: fresh(&Token::random()),
            read_token: fresh(&Token::random()),
        },
    };
    let vendors = Vendors::start(&memory, &clock, listener, beside)?;
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
        prepared = prepare(&context, &base, &memory, &vendors) => Some(prepared),
        () = stop.cancelled() => None,
    };
    match prepared {
        Some(Ok(())) => tell(&context, &base, &memory, &vendors, &data_dir).await?,
        Some(Err(error)) => {
            stop.cancel();
            running.await??;
            return Err(error);
        }
        None => {}
    }
    running.await??;
    vendors.stop().await;
    Ok(())
}

/// `./rollbook-data/demo`; for root in a directory that no other user may enter (a checkout below `/root`), a place
/// that the cluster's own user can reach.
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

/// The simulated HR systems of one made-up company.
struct Vendors {
    remote: Sandbox,
    remote_running: Running,
    justworks: Justworks,
    justworks_running: Running,
}

impl Vendors {
    fn start(memory: &Memory, clock: &Clock, remote: TcpListener, justworks: TcpListener) -> anyhow::Result<Self> {
        let members = memory.members.unwrap_or(1);
        let overlap = (u64::from(memory.workers.min(members)) * u64::from(OVERLAP_PERCENT)).div_ceil(100);
        let overlap = u32::try_from(overlap).unwrap_or(u32::MAX);
        let (at_remote, at_justworks) = sandbox::pair(memory.seed, memory.workers, members, overlap, memory.today);
        let time: TimeSource = {
            let clock = clock.clone();
            Arc::new(move || clock.now())
        };
        let (one, other) = (Sandbox::new(at_remote, time.clone()), Justworks::new(at_justworks, time));
        Ok(Self {
            remote_running: one.serve(remote)?,
            remote: one,
            justworks_running: other.serve(justworks)?,
            justworks: other,
        })
    }

    fn justworks_settings(&self) -> Value {
        let base = self.justworks_running.base_url();
        json!({
            "apiUrl": base,
            "authorizeUrl": format!("{base}/oauth/authorize"),
            "tokenUrl": format!("{base}/oauth/token"),
        })
    }

    async fn stop(self) {
        self.remote_running.stop().await;
        self.justworks_running.stop().await;
    }
}

fn remember(file: &Path, memory: &Memory) -> anyhow::Result<()> {
    let unfinished = file.with_extension("new");
    let mut out = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    out.write_all(serde_json::to_string_pretty(memory)?.as_bytes())?;
    out.sync_all()?;
    fs::rename(&unfinished, file)?;
    Ok(())
}

/// Makes consumer and connections where they are missing, and waits until the people are there.
async fn prepare(context: &Context, base: &str, memory: &Memory, vendors: &Vendors) -> anyhow::Result<()> {
    let actor = Actor { token_name: "demo".into(), reason: None };
    let consumer = NewConsumer {
        name: CONSUMER.into(),
        scopes: vec!["scim:read".into(), "events:read".into()],
        external_id_from_source: false,
    };
    let token = Token::given(memory.read_token.clone().into())?;
    callers::ensure_consumer(context, consumer, &token, &actor).await?;

    let remote = NewConnectionOrder {
        kind: "remote".into(),
        name: REMOTE.into(),
        settings: json!({ "baseUrl": vendors.remote_running.base_url() }),
        credentials: json!({ "apiToken": vendors.remote.token() }),
    };
    let remote = ensure_connection(context, remote, &actor).await?;
    publish(context, remote, "Remote", memory.workers, &actor).await?;

    let app = vendors.justworks.config();
    let justworks = NewConnectionOrder {
        kind: "justworks".into(),
        name: JUSTWORKS.into(),
        settings: vendors.justworks_settings(),
        credentials: json!({ "clientId": app.client_id, "clientSecret": app.client_secret }),
    };
    let justworks = ensure_connection(context, justworks, &actor).await?;
    if state(context, justworks).await? == Some(ConnectionState::Authorizing) {
        // What an admin of the customer does in a browser.
        let page = consent::authorize(context, justworks, &format!("{base}/oauth/callback"), None, &actor).await?;
        let callback = vendors.justworks.consent(page.as_str())?;
        consent::complete(context, returned(&callback)?).await?;
    }
    publish(context, justworks, "Justworks", memory.members.unwrap_or(1), &actor).await
}

/// What the address holds that a browser would be sent back to.
fn returned(callback: &str) -> anyhow::Result<Returned> {
    let mut returned = Returned::default();
    for (name, value) in Url::parse(callback)?.query_pairs() {
        match name.as_ref() {
            "state" => returned.state = value.into_owned(),
            "code" => returned.code = Some(value.into_owned().into()),
            "error" => returned.error = Some(value.into_owned()),
            _ => {}
        }
    }
    Ok(returned)
}

/// The connection of that name; made where it is missing, and given the present address of its HR system.
async fn ensure_connection(context: &Context, order: NewConnectionOrder, actor: &Actor) -> anyhow::Result<Uuid> {
    let mut conn = context.db.get().await?;
    let known = store::connections::all(&mut conn).await?.into_iter().find(|known| known.name == order.name);
    drop(conn);
    let Some(known) = known else { return Ok(connections::lifecycle::create(context, order, actor).await?.0) };
    if known.settings != order.settings {
        connections::lifecycle::change_settings(context, known.id, order.settings, actor).await?;
    }
    Ok(known.id)
}

async fn state(context: &Context, connection: Uuid) -> anyhow::Result<Option<ConnectionState>> {
    let mut conn = context.db.get().await?;
    let found = store::connections::find(&mut conn, connection).await?;
    Ok(found.map(|connection| connection.state))
}

/// Finishes the set-up of a connection, unless an earlier start did, and waits for what is going on.
async fn publish(context: &Context, id: Uuid, system: &str, workers: u32, actor: &Actor) -> anyhow::Result<()> {
    if state(context, id).await? == Some(ConnectionState::Review) {
        println!("pulling {workers} workers from the simulated {system} …");
        if let Some(going) = going(context, id).await? {
            ended(context, going).await?;
        }
        let run = match connections::lifecycle::finish(context, id, None, actor).await {
            Err(FlowError::Conflict(_)) => {
                // The first start was stopped before its preview had ended.
                ended(context, connections::lifecycle::preview(context, id, Vec::new(), actor).await?.run).await?;
                connections::lifecycle::finish(context, id, None, actor).await?.run.run
            }
            other => other?.run.run,
        };
        ended(context, run).await
    } else {
        match going(context, id).await? {
            Some(run) => ended(context, run).await,
            None => Ok(()),
        }
    }
}

async fn going(context: &Context, connection: Uuid) -> anyhow::Result<Option<Uuid>> {
    let mut conn = context.db.get().await?;
    Ok(store::runs::going(&mut conn, connection).await?.map(|run| run.id))
}

/// Waits until a run has ended, and follows it if it begins again.
async fn ended(context: &Context, run: Uuid) -> anyhow::Result<()> {
    let mut notified = context.wake.listen();
    let mut id = run;
    loop {
        notified.mark_unchanged();
        let mut conn = context.db.get().await?;
        let run: Option<RunRow> = store::runs::find(&mut conn, id).await?;
        drop(conn);
        match run {
            Some(run) if run.state.is_going() => {}
            Some(run) if run.state == "succeeded" => return Ok(()),
            Some(run) if run.state == "interrupted" => match going(context, run.connection_id).await? {
                Some(next) => id = next,
                None => return Ok(()),
            },
            Some(run) => bail!("the run {id} ended as {}: {}", run.state, run.problems),
            None => bail!("the run {id} is gone"),
        }
        let look_again = context.clock.wait(TimeDelta::milliseconds(500));
        tokio::select! {
            () = look_again => {}
            _ = notified.changed() => {}
        }
    }
}

/// Prints what to try.
async fn tell(
    context: &Context,
    base: &str,
    memory: &Memory,
    vendors: &Vendors,
    data_dir: &Path,
) -> anyhow::Result<()> {
    let mut conn = context.db.get().await?;
    let total = store::paging::people_list::total(&mut conn).await?;
    let shown = store::people::summaries::find(&mut conn).await?;
    let (merged, led) = (shown.merged.unwrap_or_default(), shown.led.unwrap_or_default());
    let group = shown.group.unwrap_or_default();
    let (read, admin) = (&memory.read_token, &memory.admin_token);
    let (remote, justworks) = (vendors.remote_running.base_url(), vendors.justworks_running.base_url());
    println!(
        "
Rollbook is running: {total} people, pulled from a simulated Remote ({remote}) and a simulated Justworks
({justworks}).

  base URL     {base}/scim/v2
  read token   {read}
  admin token  {admin}

Try:

  # somebody whom both HR systems know, and where each value comes from
  curl -s -H 'Authorization: Bearer {admin}' '{base}/api/v1/people/{merged}'

  # somebody whose manager is in the other HR system
  curl -s -G -H 'Authorization: Bearer {read}' '{base}/scim/v2/Users' --data-urlencode 'filter=userName eq \"{led}\"'

  # a group with members from both
  curl -s -G -H 'Authorization: Bearer {read}' '{base}/scim/v2/Groups' --data-urlencode 'filter=displayName eq \"{group}\"'

Change the company through its control endpoints, {remote}/_control and {justworks}/_control, and pull with
POST {base}/api/v1/connections/…/sync. Everything is kept in {}. Ctrl-C stops server and database.",
        data_dir.display()
    );
    Ok(())
}
