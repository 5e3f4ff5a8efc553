//! The command `rollbook consumer …`.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::answer::Answer;
use super::client::Client;
use super::error::CliError;
use super::options::{Length, Why};
use super::table::{called, clean, facts, json as write_json, line, more, table, time, time_or_nothing};
use crate::api::Page;
use crate::api::consumers::Consumer;
use crate::api::tokens::Warning;

/// What can be done with consumers.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// List the consumers, and what needs attention.
    List(List),
    /// Show one consumer: what it may do, what it sees, and what needs attention.
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
    /// Only this attribute, a whole schema by its URN, or `*` for all but the sensitive ones; a sensitive one needs its
    /// name and the scope people:sensitive. May be repeated. [default: *]
    #[arg(long = "attribute", value_name = "NAME")]
    attributes: Vec<String>,
}

#[derive(Clone, Debug, Args)]
pub struct Add {
    /// The name of the consumer.
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
    /// Its name from now on.
    #[arg(long)]
    name: Option<String>,
    /// What it may do from now on, all of it: scim:read, people:sensitive, events:read, admin:read, admin,
    /// metrics:read. May be repeated.
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
            let made: Answer<Consumer> = client.post(&[PATH], &add.body()).await?;
            if client.json {
                return write_json(out, made.json());
            }
            let made = made.read()?;
            let (name, called) = (clean(&made.name), called(made.id, &made.name));
            line(out, &format!("consumer {name} is added; give it a token with: rollbook token add {called}"))?;
            warn(&made.warnings, "", out)
        }
        Verb::Change(change) => {
            let body = change.body()?;
            let id = id(client, &change.which).await?;
            show(&client.patch(&[PATH, &id], &body).await?, client, out)
        }
        Verb::Remove(remove) => {
            let id = id(client, &remove.which).await?;
            client.delete(&[PATH, &id], &json!({ "reason": remove.why.reason })).await?;
            if client.json {
                Ok(())
            } else {
                line(out, &format!("consumer {} is removed, with its tokens", clean(&remove.which.consumer)))
            }
        }
    }
}

async fn id(client: &Client, which: &Which) -> Result<String, CliError> {
    client.consumer(&which.consumer).await
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
    /// The requested change: only what is named, since `null` takes a filter away.
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

fn show(one: &Answer<Consumer>, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, one.json());
    }
    let one = one.read()?;
    let attributes = match &one.attributes {
        None => "all but the sensitive ones".to_owned(),
        Some(names) if names.is_empty() => "none".to_owned(),
        Some(names) => names.join(", "),
    };
    let scopes: Vec<&str> = one.scopes.iter().map(|scope| scope.as_str()).collect();
    facts(
        out,
        &[
            ("id", one.id.to_string()),
            ("name", one.name.clone()),
            ("scopes", scopes.join(", ")),
            ("externalId", if one.external_id_from_source { "the worker's id" } else { "none" }.to_owned()),
            ("people", one.user_filter.clone().unwrap_or_else(|| "all".to_owned())),
            ("groups", one.group_filter.clone().unwrap_or_else(|| "all".to_owned())),
            ("attributes", attributes),
            ("tokens", tokens(&one)),
            ("last used", time_or_nothing(one.tokens.last_used_at)),
            ("created", time(one.created_at)),
        ],
    )?;
    warn(&one.warnings, "", out)
}

/// How many tokens count, and until when all of them do.
fn tokens(one: &Consumer) -> String {
    let live = match (one.tokens.live, one.tokens.next_expires_at) {
        (0, _) => "none".to_owned(),
        (live, None) => live.to_string(),
        (live, Some(next)) => format!("{live} until {}", time(next)),
    };
    match one.tokens.expired {
        0 => live,
        expired => format!("{live}, {expired} expired"),
    }
}

/// What needs the attention of an admin, each on a line.
pub(super) fn warn(warnings: &[Warning], prefix: &str, out: &mut dyn Write) -> Result<(), CliError> {
    warnings.iter().try_for_each(|warning| line(out, &clean(&format!("! {prefix}{}", warning.message))))
}

fn show_all(list: &Answer<Page<Consumer>>, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, list.json());
    }
    let list = list.read()?;
    let some = |filter: &Option<String>| if filter.is_none() { "all" } else { "some" }.to_owned();
    let row = |one: &Consumer| {
        let scopes: Vec<&str> = one.scopes.iter().map(|scope| scope.as_str()).collect();
        vec![
            one.id.to_string(),
            one.name.clone(),
            scopes.join(", "),
            some(&one.user_filter),
            some(&one.group_filter),
            one.attributes.as_ref().map_or_else(|| "all".to_owned(), |names| names.len().to_string()),
            tokens(one),
            time_or_nothing(one.tokens.last_used_at),
            time(one.created_at),
        ]
    };
    let heads = ["ID", "NAME", "SCOPES", "PEOPLE", "GROUPS", "ATTRIBUTES", "TOKENS", "LAST USED", "CREATED"];
    table(out, &heads, &list.items.iter().map(row).collect::<Vec<_>>(), "there is no consumer yet")?;
    for one in &list.items {
        warn(&one.warnings, &format!("{}: ", one.name), out)?;
    }
    more(&list, out)
}
