//! One reading of all employments, by the bulk endpoint where Remote offers it, else by list and *show*.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::facts::{self, PAGE_ROWS, PAGE_SIZE};
use super::normalise::{Facts, full_name, normalise};
use super::{Shared, shapes};
use crate::connectors::connector::{ConnectorError, Detail, End, Item, Page, ReadRequest, Reading};
use crate::connectors::field::source_id;
use crate::connectors::rows::{self, Count};
use crate::connectors::vendor::Reply;
use crate::crypto::seal::sha256;
use crate::directory::ids::SourceId;
use crate::directory::worker::{Part, Rejected, Worker};

/// After this time a missing bulk endpoint is tried again.
const BULK_RETRY: TimeDelta = TimeDelta::days(7);
/// After this time offboardings that we may not see are asked for again. Where they were shown before, they are asked
/// for with each reading until then.
const OFFBOARDINGS_RETRY: TimeDelta = TimeDelta::days(1);
/// A bulk list that gives this many pages in a row without a new record goes in circles.
const IDLE_PAGES: u32 = 10;
const LARGEST_PAGE: usize = 16 * 1024 * 1024;
const LARGEST_RECORD: usize = 2 * 1024 * 1024;

/// What one reading learns for the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Memory {
    /// When Remote was found to have no bulk endpoint for us.
    #[serde(skip_serializing_if = "Option::is_none")]
    bulk_missing_since: Option<DateTime<Utc>>,
    /// When the token was found not to reach offboardings: last days are then known from *show* alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    offboardings_denied_since: Option<DateTime<Utc>>,
    /// Whether offboardings were shown before that. A denial then hides them at first; it proves no end wrong.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    offboardings_shown: bool,
    /// The names of departments by id, as they were shown last: they stay while the list is denied.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    departments: BTreeMap<String, String>,
}

/// A reading that is going on.
pub(super) struct RemoteReading {
    shared: Arc<Shared>,
    facts: Facts,
    memory: Memory,
    method: Method,
    /// What the last page said, once it was reached.
    last: Option<Page>,
    /// The last days, while there are offboardings that cannot be read or are denied at once: no end that is known is
    /// then taken back.
    hidden: BTreeSet<Part>,
}

enum Method {
    Bulk(Box<Bulk>),
    List(List),
}

/// Full records, by cursor.
struct Bulk {
    company: String,
    /// The first page, which was read to find out whether there is a bulk endpoint.
    first: Option<Reply>,
    cursor: Option<String>,
    /// Digests of the cursors that were followed.
    cursors: HashSet<[u8; 32]>,
    /// Pages in a row without a new record.
    idle: u32,
    /// Ids that were given out.
    seen: HashSet<SourceId>,
    count: Count,
}

/// Ids, by page number; their records are requested one by one.
struct List {
    page: u64,
    /// Ids that were given out: rows shift between pages and come twice.
    seen: HashSet<SourceId>,
    count: Count,
}

impl RemoteReading {
    pub(super) async fn begin(shared: Arc<Shared>, request: ReadRequest) -> Result<Self, ConnectorError> {
        let now = shared.vendor.outbound.clock().now();
        let mut memory: Memory =
            request.memory.and_then(|memory| serde_json::from_value(memory).ok()).unwrap_or_default();
        let count = Count::new(request.limits, now);
        let company = shared.account().await?.id;

        let mut facts = Facts { login_email_domains: shared.login_email_domains.clone(), ..Facts::default() };
        let mut hidden = BTreeSet::new();
        let is_retried = is_due(memory.offboardings_denied_since, OFFBOARDINGS_RETRY, now);
        if is_retried || memory.offboardings_shown {
            let ends = facts::last_days(&shared.vendor, &count).await?;
            // Denied for a day: this token is meant not to see them.
            let is_denied_for_long = is_retried && memory.offboardings_denied_since.is_some();
            memory.offboardings_shown = ends.is_some() || memory.offboardings_shown && !is_denied_for_long;
            let denied_since = memory.offboardings_denied_since.filter(|_| !is_retried).or(Some(now));
            memory.offboardings_denied_since = denied_since.filter(|_| ends.is_none());
            let ends = ends.unwrap_or_default();
            // One that cannot be read may be of any employment.
            facts.ends_hidden = ends.unread > 0;
            hidden.extend((ends.unread > 0).then_some(Part::LastDay));
            facts.last_days = ends.last_days;
            facts.unreadable_ends = ends.unreadable;
        }
        if memory.offboardings_denied_since.is_some() {
            // Unknown does not mean none: without offboardings only the full record shows who leaves when.
            tracing::warn!("Remote does not show offboardings to this token; every record is asked for by its id");
            facts.ends_hidden = true;
        }
        let is_denied_at_once = memory.offboardings_denied_since.is_some() && memory.offboardings_shown;
        hidden.extend(is_denied_at_once.then_some(Part::LastDay));
        if let Some(departments) = facts::departments(&shared.vendor, &company, &count).await? {
            memory.departments = departments;
        } else {
            tracing::warn!("Remote does not show departments to this token");
        }
        facts.departments.clone_from(&memory.departments);

        let mut method = Method::List(List { page: 1, seen: HashSet::new(), count: count.clone() });
        if is_due(memory.bulk_missing_since, BULK_RETRY, now) {
            let bulk = Bulk::begin(&shared, company, count).await?;
            memory.bulk_missing_since = bulk.is_none().then_some(now);
            if let Some(bulk) = bulk {
                method = Method::Bulk(Box::new(bulk));
            }
        }
        Ok(Self { shared, facts, memory, method, last: None, hidden })
    }

    async fn next(&mut self) -> Result<Page, ConnectorError> {
        if let Some(last) = &self.last {
            return Ok(last.clone());
        }
        let page = match &mut self.method {
            Method::Bulk(bulk) => bulk.next(&self.shared, &self.facts).await?,
            Method::List(list) => list.next(&self.shared).await?,
        };
        if page.end.is_some() {
            self.last = Some(Page { items: Vec::new(), ..page.clone() });
        }
        Ok(page)
    }

    async fn show(&self, id: &SourceId) -> Result<Detail, ConnectorError> {
        let path = ["v1", "employments"];
        let reply = self.shared.vendor.get_one(&path, &id.0, &[("exclude_files", "true")], LARGEST_RECORD).await?;
        if reply.is_own(&[404]) {
            return Ok(Detail::Gone);
        }
        let record = shapes::employment(reply.raw()?).map_err(|unread| reply.broken(unread))?;
        Ok(match rows::record(record).and_then(|record| normalise(&record, &self.facts)) {
            Ok(worker) if worker.source_id != *id => return Err(reply.malformed("it is another employment's")),
            Ok(worker) => Detail::Found(Box::new(worker)),
            Err(rejected) => Detail::Rejected(Rejected { source_id: Some(id.clone()), ..rejected }),
        })
    }
}

impl Bulk {
    /// `None` if Remote has no such endpoint for us.
    async fn begin(shared: &Shared, company: String, count: Count) -> Result<Option<Self>, ConnectorError> {
        let reply = shared.bulk_page(&company, None).await?;
        // A server without the endpoint takes `bulk` for the id of an employment, and refuses it in its own way.
        if matches!(reply.status(), 400 | 404 | 405 | 422) || reply.is_own(&[403]) {
            return Ok(None);
        }
        // The credential is checked here; the rows are read with the first page.
        reply.raw()?;
        let (cursors, seen) = (HashSet::new(), HashSet::new());
        Ok(Some(Self { company, first: Some(reply), cursor: None, cursors, idle: 0, seen, count }))
    }

    async fn next(&mut self, shared: &Shared, facts: &Facts) -> Result<Page, ConnectorError> {
        let reply = match self.first.take() {
            Some(first) => first,
            None => shared.bulk_page(&self.company, self.cursor.as_deref()).await?,
        };
        let page = shapes::cursored(reply.raw()?, PAGE_ROWS).map_err(|unread| reply.broken(unread))?;
        self.count.page(&reply, page.rows.len(), None, shared.vendor.outbound.clock().now())?;
        if let Some(next) = &page.next
            && !self.cursors.insert(sha256(next.as_bytes()))
        {
            // The rest of the list cannot be read: what was read is not complete.
            return Err(reply.malformed("a cursor that was followed before came again"));
        }
        let mut items = Vec::with_capacity(page.rows.len());
        for (at, row) in (1..).zip(page.rows) {
            items.extend(match rows::record(row).and_then(|record| normalise(&record, facts)) {
                Ok(worker) => self.seen.insert(worker.source_id.clone()).then(|| full_or_thin(worker, facts)),
                Err(rejected) => Some(Item::Rejected(Rejected { row: Some(at), ..rejected })),
            });
        }
        self.idle = if items.is_empty() { self.idle + 1 } else { 0 };
        if self.idle >= IDLE_PAGES && page.next.is_some() {
            return Err(reply.malformed(format!("{IDLE_PAGES} pages in a row hold nothing new")));
        }
        self.cursor = page.next;
        Ok(Page { items, expected: None, end: self.cursor.is_none().then(End::default) })
    }
}

impl List {
    async fn next(&mut self, shared: &Shared) -> Result<Page, ConnectorError> {
        let reply = shared.list_page(self.page).await?;
        if reply.status() == 403 {
            return Err(reply.unauthorized());
        }
        let page = shapes::numbered(reply.raw()?, "employments", PAGE_ROWS).map_err(|unread| reply.broken(unread))?;
        self.count.page(&reply, page.rows.len(), page.total_count, shared.vendor.outbound.clock().now())?;
        let is_last = page.is_last(self.page, PAGE_SIZE).map_err(|detail| reply.malformed(detail))?;
        let mut items = Vec::with_capacity(page.rows.len());
        for (at, row) in (1..).zip(page.rows) {
            let read = rows::record(row).and_then(|record| {
                source_id(&record).map_err(|rejected| Rejected { name: full_name(&record), ..rejected })
            });
            items.extend(match read {
                Ok(id) => self.seen.insert(id.clone()).then_some(Item::Thin(id)),
                Err(rejected) => Some(Item::Rejected(Rejected { row: Some(at), ..rejected })),
            });
        }
        if items.is_empty() && !is_last {
            return Err(reply.malformed(format!("page {} holds nothing new", self.page)));
        }
        self.page += 1;
        let end = is_last.then_some(End { distinct: page.total_count, ..End::default() });
        Ok(Page { items, expected: page.total_count, end })
    }
}

/// Bulk records may lack the last day, which *show* has: it is requested where it matters.
fn full_or_thin(worker: Worker, facts: &Facts) -> Item {
    let leaves = facts.ends_hidden || worker.employment.status == "offboarding";
    if leaves && worker.employment.last_day.is_none() {
        Item::Thin(worker.source_id)
    } else {
        Item::Worker(Box::new(worker))
    }
}

/// Whether something that failed at `since` may be tried again. A date in the future is a clock's mistake.
fn is_due(since: Option<DateTime<Utc>>, after: TimeDelta, now: DateTime<Utc>) -> bool {
    since.is_none_or(|since| since > now || now - since >= after)
}

impl Shared {
    async fn bulk_page(&self, company: &str, cursor: Option<&str>) -> Result<Reply, ConnectorError> {
        let limit = PAGE_SIZE.to_string();
        let mut query = vec![("company_id", company), ("limit", limit.as_str())];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        self.vendor.get(&["v1", "employments", "bulk"], &query, LARGEST_PAGE).await
    }

    async fn list_page(&self, page: u64) -> Result<Reply, ConnectorError> {
        let (page, page_size) = (page.to_string(), PAGE_SIZE.to_string());
        let query = [("page", page.as_str()), ("page_size", page_size.as_str())];
        self.vendor.get(&["v1", "employments"], &query, LARGEST_PAGE).await
    }
}

impl Reading for RemoteReading {
    fn method(&self) -> String {
        match self.method {
            Method::Bulk(_) => "bulk",
            Method::List(_) => "list",
        }
        .to_owned()
    }

    fn hidden(&self) -> &BTreeSet<Part> {
        &self.hidden
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
