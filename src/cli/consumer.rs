//! `rollbook consumer …`

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::Client;
use super::table::{clean, facts, json as write_json, line, table, text};
use super::{CliError, Length, Why};

/// What can be done with consumers.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// List the consumers, and what to look at.
    List(List),
    /// Show one consumer: what it may do, what it sees, and what to look at.
    Show(Which),
    /// Add a consumer; give it a token with `rollbook token add`.
    Add(Add),
    /// Change a consumer; what is not named stays as it is. Counts at once, for all its tokens.
    Change(Change),
    /// Remove a consumer; its tokens end with it.
    Remove(Remove),
}

#[derive(Clone, Debug, Args)]
pub struct List {
    #[command(flatten)]
    length: Length,
}

#[derive(Clone, Debug, Args)]
pub struct Which {
    /// The consumer, by id or name.
    consumer: String,
}

/// The release policy: what the consumer sees of the directory.
#[derive(Clone, Debug, Args)]
struct Policy {
    /// Only people who satisfy this SCIM filter, such as `userType eq "Employee"`. [default: all people]
    #[arg(long, value_name = "FILTER")]
    user_filter: Option<String>,
    /// Only groups that satisfy this SCIM filter, such as `kind eq "department"`. [default: all groups]
    #[arg(long, value_name = "FILTER")]
    group_filter: Option<String>,
    /// Only this attribute, a whole schema by its URN, or `*` for all but the sensitive ones; a sensitive one needs its name and the scope people:sensitive. May be repeated. [default: *]
    #[arg(long = "attribute", value_name = "NAME")]
    attributes: Vec<String>,
}

#[derive(Clone, Debug, Args)]
pub struct Add {
    /// What to call the consumer.
    #[arg(long)]
    name: String,
    /// What it may do: scim:read, people:sensitive, events:read, admin:read, admin, metrics:read. May be repeated.
    #[arg(long = "scope", value_name = "SCOPE", default_value = "scim:read")]
    scopes: Vec<String>,
    /// Show the worker's id at the HR system as `externalId`.
    #[arg(long)]
    external_id_from_source: bool,
    #[command(flatten)]
    policy: Policy,
    #[command(flatten)]
    why: Why,
}

#[derive(Clone, Debug, Args)]
pub struct Change {
    #[command(flatten)]
    which: Which,
    /// What to call it from now on.
    #[arg(long)]
    name: Option<String>,
    /// What it may do from now on, all of it: scim:read, people:sensitive, events:read, admin:read, admin, metrics:read. May be repeated.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Whether to show the worker's id at the HR system as `externalId`.
    #[arg(long, value_name = "BOOLEAN", action = clap::ArgAction::Set)]
    external_id_from_source: Option<bool>,
    #[command(flatten)]
    policy: Policy,
    /// Take the user filter away: it sees all people.
    #[arg(long, conflicts_with = "user_filter")]
    no_user_filter: bool,
    /// Take the group filter away: it sees all groups.
    #[arg(long, conflicts_with = "group_filter")]
    no_group_filter: bool,
    /// Take the list of attributes away: it sees all but the sensitive ones.
    #[arg(long, conflicts_with = "attributes")]
    all_attributes: bool,
    #[command(flatten)]
    why: Why,
}

#[derive(Clone, Debug, Args)]
pub struct Remove {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    why: Why,
}

pub(super) const PATH: &str = "consumers";

pub(super) async fn run(verb: Verb, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    match verb {
        Verb::List(list) => show_all(&client.list(&[PATH], &[], list.length.limit).await?, client, out),
        Verb::Show(which) => {
            let id = id(client, &which).await?;
            show(&client.get(&[PATH, &id], &[]).await?, client, out)
        }
        Verb::Add(add) => {
            let made = client.post(&[PATH], &add.body()).await?;
            if client.json {
                return write_json(out, &made);
            }
            let (name, id) = (clean(&text(&made, "/name")), text(&made, "/id"));
            line(out, &format!("consumer {name} is {id}; give it a token with: rollbook token add {id}"))?;
            warn(&made, "", out)
        }
        Verb::Change(change) => {
            let body = change.body()?;
            let id = id(client, &change.which).await?;
            show(&client.patch(&[PATH, &id], &body).await?, client, out)
        }
        Verb::Remove(remove) => {
            let id = id(client, &remove.which).await?;
            client.delete(&[PATH, &id], &json!({ "reason": remove.why.reason })).await?;
            if client.json { Ok(()) } else { line(out, &format!("consumer {id} is removed, with its tokens")) }
        }
    }
}

async fn id(client: &Client, which: &Which) -> Result<String, CliError> {
    client.resolve(PATH, "consumer", &which.consumer).await
}

impl Policy {
    /// Writes what is given into the body of a request.
    fn put_into(&self, body: &mut Value) {
        if let Some(filter) = &self.user_filter {
            body["userFilter"] = json!(filter);
        }
        if let Some(filter) = &self.group_filter {
            body["groupFilter"] = json!(filter);
        }
        if !self.attributes.is_empty() {
            body["attributes"] = json!(self.attributes);
        }
    }
}

impl Add {
    fn body(&self) -> Value {
        let mut body = json!({
            "name": self.name,
            "scopes": self.scopes,
            "externalIdFromSource": self.external_id_from_source,
            "reason": self.why.reason,
        });
        self.policy.put_into(&mut body);
        body
    }
}

impl Change {
    /// What the server is asked to change: only what is named, since `null` takes a filter away.
    fn body(&self) -> Result<Value, CliError> {
        let mut body = json!({});
        if let Some(name) = &self.name {
            body["name"] = json!(name);
        }
        if !self.scopes.is_empty() {
            body["scopes"] = json!(self.scopes);
        }
        if let Some(shown) = self.external_id_from_source {
            body["externalIdFromSource"] = json!(shown);
        }
        self.policy.put_into(&mut body);
        for (taken, member) in [
            (self.no_user_filter, "userFilter"),
            (self.no_group_filter, "groupFilter"),
            (self.all_attributes, "attributes"),
        ] {
            if taken {
                body[member] = Value::Null;
            }
        }
        if body.as_object().is_some_and(serde_json::Map::is_empty) {
            return Err(CliError::Usage("nothing is to be changed: see rollbook consumer change --help".into()));
        }
        body["reason"] = json!(self.why.reason);
        Ok(body)
    }
}

fn show(one: &Value, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, one);
    }
    let or = |pointer: &str, otherwise: &str| match one.pointer(pointer) {
        None | Some(Value::Null) => otherwise.to_owned(),
        Some(Value::Array(list)) if list.is_empty() => "none".to_owned(),
        Some(_) => text(one, pointer),
    };
    let all = [
        ("id", text(one, "/id")),
        ("name", text(one, "/name")),
        ("scopes", text(one, "/scopes")),
        ("externalId", if one["externalIdFromSource"] == true { "the worker's id" } else { "none" }.to_owned()),
        ("people", or("/userFilter", "all")),
        ("groups", or("/groupFilter", "all")),
        ("attributes", or("/attributes", "all but the sensitive ones")),
        ("tokens", tokens(one)),
        ("last used", text(one, "/tokens/lastUsedAt")),
        ("created", text(one, "/createdAt")),
    ];
    facts(out, &all)?;
    warn(one, "", out)
}

/// How many tokens count, and until when all of them do.
fn tokens(one: &Value) -> String {
    let number = |name: &str| one.pointer(name).and_then(Value::as_u64).unwrap_or(0);
    let next = text(one, "/tokens/nextExpiresAt");
    let live = match number("/tokens/live") {
        0 => "none".to_owned(),
        live if next.is_empty() => live.to_string(),
        live => format!("{live} until {next}"),
    };
    match number("/tokens/expired") {
        0 => live,
        expired => format!("{live}, {expired} expired"),
    }
}

/// What an admin should look at, each on a line.
pub(super) fn warn(one: &Value, prefix: &str, out: &mut dyn Write) -> Result<(), CliError> {
    for warning in one["warnings"].as_array().into_iter().flatten() {
        line(out, &clean(&format!("! {prefix}{}", text(warning, "/message"))))?;
    }
    Ok(())
}

fn show_all(list: &Value, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, list);
    }
    let some = |one: &Value, member: &str| if one[member].is_null() { "all" } else { "some" }.to_owned();
    let row = |one: &Value| {
        vec![
            text(one, "/id"),
            text(one, "/name"),
            text(one, "/scopes"),
            some(one, "userFilter"),
            some(one, "groupFilter"),
            match &one["attributes"] {
                Value::Array(names) => names.len().to_string(),
                _ => "all".to_owned(),
            },
            tokens(one),
            text(one, "/tokens/lastUsedAt"),
            text(one, "/createdAt"),
        ]
    };
    let heads = ["ID", "NAME", "SCOPES", "PEOPLE", "GROUPS", "ATTRIBUTES", "TOKENS", "LAST USED", "CREATED"];
    table(out, &heads, &super::rows(list, row), "there is no consumer yet")?;
    for one in list["items"].as_array().into_iter().flatten() {
        warn(one, &format!("{}: ", text(one, "/name")), out)?;
    }
    super::more(list, out)
}
