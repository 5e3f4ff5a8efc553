//! The command `rollbook connection add …`, with one subcommand for each kind of HR system.

use std::io::Write;

use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use super::which::PATH;
use crate::api::connections::{Connection, Consent};
use crate::cli::answer::Answer;
use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::cli::options::Why;
use crate::cli::secret::{AppSecret, Credential};
use crate::cli::table::{called, clean, json as write_json, line, or_nothing};

#[derive(Clone, Debug, Subcommand)]
pub enum Kind {
    /// Remote (remote.com), with an API token of the company.
    Remote(Remote),
    /// Justworks, with an app that Justworks registered for you; an admin there gives consent in a browser.
    Justworks(Justworks),
}

#[derive(Clone, Debug, Args)]
pub struct Remote {
    /// The name of the connection.
    #[arg(long)]
    name: String,
    #[command(flatten)]
    credential: Credential,
    /// Another host than Remote's production, such as its sandbox.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    why: Why,
}

#[derive(Clone, Debug, Args)]
pub struct Justworks {
    /// The name of the connection.
    #[arg(long)]
    name: String,
    /// The client id of the app.
    #[arg(long, value_name = "ID")]
    client_id: String,
    #[command(flatten)]
    secret: AppSecret,
    /// Another host for the API than Justworks' production.
    #[arg(long, value_name = "URL")]
    api_url: Option<String>,
    /// Another page for consent than Justworks' production.
    #[arg(long, value_name = "URL")]
    authorize_url: Option<String>,
    /// Another endpoint for tokens than Justworks' production.
    #[arg(long, value_name = "URL")]
    token_url: Option<String>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    why: Why,
}

/// The settings that every kind has.
#[derive(Clone, Debug, Args)]
struct Common {
    /// Minutes between two pulls. [default: 180]
    #[arg(long, value_name = "MINUTES")]
    interval_minutes: Option<u32>,
    /// How far apart two complete reads without a worker have to be before the worker counts as gone. [default: 30]
    #[arg(long, value_name = "MINUTES")]
    absence_confirm_minutes: Option<u32>,
    /// The time zone of workers for which no other is known, such as `Europe/Paris`.
    #[arg(long, value_name = "ZONE")]
    default_timezone: Option<String>,
    /// A domain for which a login at the HR system counts as work email; may be repeated.
    #[arg(long = "login-email-domain", value_name = "DOMAIN")]
    login_email_domains: Vec<String>,
    /// Publish upcoming workers so many days ahead. [default: 90]
    #[arg(long, value_name = "DAYS")]
    upcoming_days: Option<u16>,
    /// Publish people who had left before the first import, too.
    #[arg(long)]
    include_leavers: bool,
    /// Publish vendors and third-party admins, too.
    #[arg(long)]
    include_vendors: bool,
}

impl Common {
    fn settings(&self) -> Map<String, Value> {
        let mut settings = Map::new();
        let mut put = |name: &str, value: Option<Value>| settings.extend(value.map(|value| (name.to_owned(), value)));
        put("intervalMinutes", self.interval_minutes.map(Value::from));
        put("absenceConfirmMinutes", self.absence_confirm_minutes.map(Value::from));
        put("defaultTimezone", self.default_timezone.clone().map(Value::from));
        put("loginEmailDomains", (!self.login_email_domains.is_empty()).then(|| json!(self.login_email_domains)));
        let mut include = Map::new();
        include.extend(self.upcoming_days.map(|days| ("upcomingDays".to_owned(), days.into())));
        include.extend(self.include_leavers.then(|| ("leavers".to_owned(), true.into())));
        include.extend(self.include_vendors.then(|| ("vendors".to_owned(), true.into())));
        put("include", (!include.is_empty()).then_some(Value::Object(include)));
        settings
    }
}

pub(super) async fn run(kind: Kind, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    match kind {
        Kind::Remote(order) => remote(order, client, out).await,
        Kind::Justworks(order) => justworks(order, client, out).await,
    }
}

async fn justworks(order: Justworks, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let secret = order.secret.read()?;
    let mut settings = order.common.settings();
    for (name, url) in [("apiUrl", order.api_url), ("authorizeUrl", order.authorize_url), ("tokenUrl", order.token_url)]
    {
        settings.extend(url.map(|url| (name.to_owned(), url.into())));
    }
    let body = json!({
        "kind": "justworks",
        "name": order.name,
        "settings": settings,
        "credentials": { "clientId": order.client_id, "clientSecret": secret.expose_secret() },
        "reason": order.why.reason,
    });
    let made: Answer<Connection> = client.post(&[PATH], &body).await?;
    let connection = made.read()?;
    let id = connection.id.to_string();
    let consent: Answer<Consent> = client.post(&[PATH, &id, "authorize"], &json!({})).await?;
    let url = consent.read()?.authorization_url;
    if client.json {
        let mut both = made.json().clone();
        both["authorizationUrl"] = url.into();
        return write_json(out, &both);
    }
    let (name, called) = (clean(&connection.name), called(connection.id, &connection.name));
    line(out, &format!("connection {name} waits for the consent of an admin of Justworks;"))?;
    line(out, "let them open, within half an hour:")?;
    line(out, "")?;
    line(out, &format!("  {url}"))?;
    line(out, "")?;
    line(out, "After that a preview is pulled.")?;
    line(out, &format!("  another link  rollbook connection authorize {called}"))?;
    line(out, &format!("  look at it    rollbook connection plan {called}"))?;
    line(out, &format!("  publish       rollbook connection finish {called}"))
}

async fn remote(order: Remote, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let secret = order.credential.read()?;
    let mut settings = order.common.settings();
    settings.extend(order.base_url.map(|url| ("baseUrl".to_owned(), url.into())));
    let body = json!({
        "kind": "remote",
        "name": order.name,
        "settings": settings,
        "credentials": { "apiToken": secret.expose_secret() },
        "reason": order.why.reason,
    });
    let made: Answer<Connection> = client.post(&[PATH], &body).await?;
    if client.json {
        return write_json(out, made.json());
    }
    let made = made.read()?;
    let (name, called) = (clean(&made.name), called(made.id, &made.name));
    let run = or_nothing(made.run_id.value());
    let account = clean(&made.account.name.unwrap_or_default());
    line(out, &format!("connection {name} to {account} is in {}; a preview is being pulled", made.state))?;
    line(out, &format!("  follow it   rollbook run watch {run}"))?;
    line(out, &format!("  look at it  rollbook connection plan {called}"))?;
    line(out, &format!("  publish     rollbook connection finish {called}"))
}
