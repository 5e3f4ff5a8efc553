//! One reading of the members: first the active ones, then the terminated ones, by cursor. It is published nowhere
//! whether a list without a status holds both. A server that ignores the status gives each member twice, which is
//! harmless.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::normalise::{Facts, normalise, updated};
use super::notes::Notes;
use super::{Shared, envelope, words};
use crate::connectors::connector::{ConnectorError, Coverage, Detail, End, Item, Page, ReadRequest, Reading};
use crate::connectors::field::{instant, source_id};
use crate::connectors::rows::{self, Count};
use crate::connectors::vendor::Reply;
use crate::crypto::seal::sha256;
use crate::directory::ids::SourceId;
use crate::directory::worker::{Part, Rejected, Worker};
use crate::outbound::raw::Raw;

/// Rows on a page, the most that Justworks gives.
const PAGE_SIZE: &str = "100";
/// The same, as a number of rows.
const PAGE_ROWS: usize = 100;
/// The lists that together have all members.
const STATUSES: [&str; 2] = ["active", "terminated"];
/// How far a mark lies before the start of its reading (page section 3.2): clocks differ, and a change that was being
/// made then may become visible later under an earlier time.
const OVERLAP: TimeDelta = TimeDelta::minutes(5);
/// A list that gives this many pages in a row without a new record goes in circles.
const IDLE_PAGES: u32 = 10;
const LARGEST_PAGE: usize = 16 * 1024 * 1024;
const LARGEST_RECORD: usize = 2 * 1024 * 1024;

/// What one reading learns for the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Memory {
    /// A digest of what every record is read with: names of departments and offices, scopes, settings. When one of them
    /// changes, records change that Justworks itself may not count as changed.
    read_with: String,
}

/// A reading that is going on.
pub(super) struct JustworksReading {
    shared: Arc<Shared>,
    facts: Facts,
    hidden: BTreeSet<Part>,
    memory: Memory,
    /// The lower bound of `updated_at` that is asked for; without it all members are read.
    since: Option<DateTime<Utc>>,
    mark: Value,
    /// Of a list of which nothing was read.
    count: Count,
    pass: Pass,
    /// The list of active members was read, and is empty.
    nobody_active: bool,
    /// What was given out, by id.
    seen: HashMap<SourceId, Seen>,
    notes: Notes,
    /// What the last page said, once it was reached.
    last: Option<Page>,
}

/// One pass through one of the lists.
#[derive(Debug)]
struct Pass {
    /// Place in [`STATUSES`].
    status: usize,
    cursor: Option<String>,
    /// Digests of the cursors that were followed.
    cursors: HashSet<[u8; 32]>,
    count: Count,
    /// Pages in a row without a record that is new in this pass.
    idle: u32,
    /// The list was restarted because a cursor was no longer valid.
    restarted: bool,
    /// Distinguishes this pass from the others.
    number: u32,
}

impl Pass {
    fn of(status: usize, number: u32, count: Count) -> Self {
        Self { status, cursor: None, cursors: HashSet::new(), count, idle: 0, restarted: false, number }
    }
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    updated: Option<DateTime<Utc>>,
    /// The pass that saw it last.
    pass: u32,
}

impl JustworksReading {
    pub(super) async fn begin(shared: Arc<Shared>, request: ReadRequest) -> Result<Self, ConnectorError> {
        let began = shared.vendor.outbound.clock().now();
        let count = Count::new(request.limits, began);
        let company = shared.company().await?;
        let facts = Facts {
            company,
            birth_dates: shared.scopes.shows_birth_dates(),
            employee_number_from_work_id: shared.employee_number_from_work_id,
            login_email_domains: shared.login_email_domains.clone(),
        };
        let memory = Memory { read_with: shared.read_with(&facts) };
        let before: Option<Memory> = request.memory.and_then(|memory| serde_json::from_value(memory).ok());
        // Members are not known to count as changed when their department gets another name.
        let since = request.since.as_ref().and_then(instant).filter(|_| before.as_ref() == Some(&memory));
        Ok(Self {
            hidden: shared.scopes.hidden(),
            facts,
            memory,
            since,
            mark: Value::String(in_words(began - OVERLAP)),
            pass: Pass::of(0, 0, count.clone()),
            count,
            nobody_active: false,
            seen: HashMap::new(),
            notes: Notes::default(),
            last: None,
            shared,
        })
    }

    async fn next(&mut self) -> Result<Page, ConnectorError> {
        if let Some(last) = &self.last {
            return Ok(last.clone());
        }
        let mut reply = self.members().await?;
        if reply.status() == 400 && self.pass.cursor.is_some() && !self.pass.restarted {
            tracing::warn!("Justworks no longer takes the cursor of its list; the list is read from its start again");
            let number = self.pass.number + 1;
            self.pass = Pass { restarted: true, ..Pass::of(self.pass.status, number, self.count.clone()) };
            reply = self.members().await?;
        }
        if reply.status() == 403 {
            return Err(reply.unauthorized());
        }
        let page = envelope::page(reply.raw()?, PAGE_ROWS).map_err(|unread| reply.broken(unread))?;
        self.pass.count.page(&reply, page.rows.len(), None, self.shared.vendor.outbound.clock().now())?;
        page.shapes.into_iter().flatten().for_each(|shape| self.notes.shape(shape));
        if let Some(next) = &page.next
            && !self.pass.cursors.insert(sha256(next.as_bytes()))
        {
            // The rest of the list cannot be read: what was read is not complete.
            return Err(reply.malformed("a cursor that was followed before came again"));
        }
        let (items, fresh) = self.items(&page.rows);
        self.pass.idle = if fresh { 0 } else { self.pass.idle + 1 };
        if self.pass.idle >= IDLE_PAGES && page.next.is_some() {
            return Err(reply.malformed(format!("{IDLE_PAGES} pages in a row hold nothing new")));
        }
        self.pass.cursor = page.next;
        let mut page = Page { items, expected: None, end: None };
        if self.pass.cursor.is_none() {
            if self.pass.status == 0 {
                self.nobody_active = self.seen.is_empty() && self.since.is_none();
            }
            self.pass = Pass::of(self.pass.status + 1, self.pass.number + 1, self.count.clone());
            if self.pass.status == STATUSES.len() {
                self.notes.tell();
                page.end = Some(End { distinct: None, mark: Some(self.mark.clone()), is_hollow: self.nobody_active });
                self.last = Some(Page { items: Vec::new(), ..page.clone() });
            }
        }
        Ok(page)
    }

    /// The rows that are newer than what was given out, and whether any of them is new in this pass.
    fn items(&mut self, page: &[Raw<'_>]) -> (Vec<Item>, bool) {
        let (mut items, mut fresh) = (Vec::with_capacity(page.len()), false);
        for (at, row) in (1..).zip(page) {
            let row = match rows::record(*row) {
                Ok(row) => row,
                Err(rejected) => {
                    items.push(Item::Rejected(Rejected { row: Some(at), ..rejected }));
                    continue;
                }
            };
            let Ok(id) = source_id(&row) else {
                let unnamed = normalise(&row, &self.facts, &mut self.notes);
                items.extend(unnamed.err().map(|rejected| Item::Rejected(Rejected { row: Some(at), ..rejected })));
                continue;
            };
            let row_updated = updated(&row);
            let before = self.seen.get(&id).copied();
            fresh |= before.is_none_or(|before| before.pass != self.pass.number);
            // A member that moved from one list to the other while both were read is in both: the newer record counts.
            // Of two records without a time, the later one counts.
            let is_news = before.is_none_or(|before| row_updated > before.updated || before.updated.is_none());
            let newest = before.and_then(|before| before.updated).max(row_updated);
            self.seen.insert(id, Seen { updated: newest, pass: self.pass.number });
            if is_news {
                items.push(match normalise(&row, &self.facts, &mut self.notes) {
                    Ok(worker) => Item::Worker(Box::new(worker)),
                    Err(rejected) => Item::Rejected(rejected),
                });
            }
        }
        (items, fresh)
    }

    async fn members(&self) -> Result<Reply, ConnectorError> {
        let since = self.since.map(in_words);
        let status = STATUSES.get(self.pass.status).copied().unwrap_or_default();
        let mut query = vec![("status", status), ("limit", PAGE_SIZE)];
        query.extend(since.as_deref().map(|since| ("updated_at_gte", since)));
        query.extend(self.pass.cursor.as_deref().map(|cursor| ("cursor", cursor)));
        self.shared.vendor.get(&["v1", "members"], &query, LARGEST_PAGE).await
    }

    async fn show(&self, id: &SourceId) -> Result<Detail, ConnectorError> {
        let reply = self.shared.vendor.get_one(&["v1", "members"], &id.0, &[], LARGEST_RECORD).await?;
        if reply.is_own(&[404]) {
            return Ok(Detail::Gone);
        }
        let record = envelope::member(reply.raw()?).map_err(|unread| reply.broken(unread))?;
        let worker = rows::record(record).and_then(|record| normalise(&record, &self.facts, &mut Notes::default()));
        Ok(match worker {
            Ok(worker) if worker.source_id != *id => return Err(reply.malformed("it is another member's")),
            Ok(worker) => Detail::Found(Box::new(worker)),
            Err(rejected) => Detail::Rejected(Rejected { source_id: Some(id.clone()), ..rejected }),
        })
    }
}

/// An instant as Justworks writes it.
fn in_words(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}

impl Shared {
    /// A digest of all that a record is read with besides itself.
    fn read_with(&self, facts: &Facts) -> String {
        let text = format!("{} {facts:?}", self.scopes.in_order());
        URL_SAFE_NO_PAD.encode(sha256(text.as_bytes()))
    }
}

impl Reading for JustworksReading {
    fn method(&self) -> String {
        "list".to_owned()
    }

    fn coverage(&self) -> Coverage {
        if self.since.is_some() { Coverage::Changed } else { Coverage::Full }
    }

    fn hidden(&self) -> &BTreeSet<Part> {
        &self.hidden
    }

    fn conclude(&self, worker: &mut Worker) {
        words::settle(&mut worker.employment);
    }

    fn next_page(&mut self) -> BoxFuture<'_, Result<Page, ConnectorError>> {
        Box::pin(self.next())
    }

    fn detail<'a>(&'a self, id: &'a SourceId) -> BoxFuture<'a, Result<Detail, ConnectorError>> {
        Box::pin(self.show(id))
    }

    fn memory(&self) -> Value {
        serde_json::to_value(&self.memory).unwrap_or_default()
    }
}
