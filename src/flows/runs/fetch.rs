//! Reads one HR system from the first page to the explicit end, into the staging table.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::info;

use super::incomplete::IncompleteRead;
use super::incomplete::RECORD_ID;
use super::incomplete::is_too_many;
use super::lease::{Lease, Stop};
use crate::connectors::connector::{Connector, ConnectorError, Coverage, Detail, End, Item, ReadRequest, Reading};
use crate::directory::ids::SourceId;
use crate::directory::merge;
use crate::directory::plan::UnreadableField;
use crate::directory::worker::mapping::Rules;
use crate::directory::worker::{Part, Rejected, Worker};
use crate::flows::connections::settings::Common;
use crate::flows::error::FlowError;
use crate::store;
use crate::store::connections::ConnectionRow;
use crate::store::runs::RunChange;
use crate::store::runs::staging::Staged;

/// How often a read is repeated whose rows shifted between its pages.
const READS: u8 = 3;
/// How many details are asked for before they are kept and the progress is written.
const CHUNK: i64 = 100;

const LISTED: usize = 50;
/// After so many details that failed because the HR system was away, it counts as away.
const UNAVAILABLE_AT_MOST: u32 = 10;
/// How often the log reports how far a pull is.
const TELL_EVERY: TimeDelta = TimeDelta::seconds(10);

/// A complete read, staged.
pub(crate) struct Read {
    pub method: String,
    pub memory: Value,
    /// Records that could not be fetched or have no id: the workers keep their last good state.
    pub failed: u64,
    /// Records that came without a usable id. Each may be that of a worker who seems to be missing.
    pub nameless: u64,
    /// Workers with fields that cannot be read.
    pub unreadable: u64,
    pub problems: Value,
    /// Whether absence means anything.
    pub coverage: Coverage,
    /// Where an incremental reading would go on.
    pub mark: Option<Value>,
    reading: Box<dyn Reading>,
}

pub(crate) struct Reader<'a> {
    pub lease: &'a Lease<'a>,
    pub connection: &'a ConnectionRow,
    pub connector: &'a dyn Connector,
    pub began: DateTime<Utc>,
    pub rules: Rules,
    /// Fields whose loss an admin has accepted.
    pub accepted_fields: &'a [String],
}

impl Reader<'_> {
    /// Reads everything, or what changed since a mark.
    pub(crate) async fn read(&self, since: Option<Value>) -> Result<Read, Stop> {
        let limits = self.lease.context.limits;
        let request = ReadRequest { memory: self.connection.memory.clone(), since: since.clone(), limits };
        let mut reading = self.connector.begin(request).await.map_err(FlowError::from)?;
        let mut progress = Progress::new(self.began);
        let mut reads = 0;
        let (seen, end) = loop {
            reads += 1;
            let end = self.pages(reading.as_mut(), &mut progress).await?;
            let seen = u64::try_from(self.staged().await?.distinct).unwrap_or(0);
            // A record without an id is one of those that are counted.
            let is_all = |expected: u64| (seen..=seen + progress.nameless).contains(&expected);
            match end.distinct {
                Some(expected) if !is_all(expected) && reads >= READS => {
                    return Err(Stop::Short(IncompleteRead::CountMismatch { expected, seen, reads }));
                }
                Some(expected) if !is_all(expected) => {
                    info!(run.id = %self.lease.run, expected, seen, "rows shifted between pages; reading again");
                    let mut conn = self.lease.context.db.get().await?;
                    store::runs::staging::clear(&mut conn, self.lease.run).await?;
                    drop(conn);
                    let request = ReadRequest { memory: Some(reading.memory()), since: since.clone(), limits };
                    reading = self.connector.begin(request).await.map_err(FlowError::from)?;
                    progress.restart();
                }
                _ => break (seen, end),
            }
        };
        let coverage = reading.coverage();
        let known = if progress.nameless > 0 { self.known().await? } else { 0 };
        if known > 0 && is_too_many(progress.nameless, known) {
            let how = "cannot be read";
            let (field, lost) = (RECORD_ID.to_owned(), progress.nameless);
            return Err(Stop::Short(IncompleteRead::ShapeChanged { field, how, lost, had: known }));
        }
        if (seen == 0 || end.is_hollow) && coverage == Coverage::Full {
            let known = self.known().await?;
            if known > 0 {
                return Err(Stop::Short(IncompleteRead::EmptyAnswer { known }));
            }
        }
        // Of a reading of what changed, most is as it was: the share is that of all workers.
        let all = match coverage {
            Coverage::Full => seen,
            Coverage::Changed => seen.max(self.known().await?),
        };
        self.details(reading.as_ref(), all, &mut progress).await?;
        progress.check(all)?;
        super::shape::compare(self.lease, self.connection.id, reading.hidden(), self.accepted_fields).await?;
        Ok(Read {
            method: reading.method(),
            memory: reading.memory(),
            failed: progress.failed + progress.nameless,
            nameless: progress.nameless,
            unreadable: progress.unreadable_workers(),
            problems: progress.problems(reading.hidden()),
            coverage,
            mark: end.mark,
            reading,
        })
    }

    /// How many workers of the connection are known.
    async fn known(&self) -> Result<u64, Stop> {
        let mut conn = self.lease.context.db.get().await?;
        let known = store::workers::tally(&mut conn, self.connection.id, None).await?;
        let all = known.published + known.withheld + known.excluded + known.undecided + known.missing;
        Ok(u64::try_from(all).unwrap_or(0))
    }

    async fn pages(&self, reading: &mut dyn Reading, progress: &mut Progress) -> Result<End, Stop> {
        loop {
            let mut page = reading.next_page().await.map_err(FlowError::from)?;
            let workers = page.items.iter_mut().filter_map(|item| match item {
                Item::Worker(worker) => Some(worker.as_mut()),
                Item::Thin(_) | Item::Rejected(_) => None,
            });
            self.fill_hidden(reading, workers.collect()).await?;
            let mut staged = Vec::with_capacity(page.items.len());
            for item in page.items {
                match item {
                    Item::Worker(worker) => {
                        progress.take(&worker);
                        staged.push(self.stage(&worker)?);
                    }
                    Item::Thin(id) => staged.push(Staged { source_id: id.0, ..Staged::default() }),
                    Item::Rejected(rejected) => {
                        staged.extend(Self::reject(&rejected));
                        progress.pass_over(rejected);
                    }
                }
            }
            progress.pages += 1;
            progress.expected = page.expected.or(progress.expected);
            let mut conn = self.lease.context.db.get().await?;
            store::runs::staging::put(&mut conn, self.lease.run, &staged).await?;
            drop(conn);
            self.tell(progress).await?;
            if let Some(end) = page.end {
                return Ok(end);
            }
        }
    }

    /// The second phase: the full record of every id that the pages only named.
    async fn details(&self, reading: &dyn Reading, all: u64, progress: &mut Progress) -> Result<(), Stop> {
        let at_once = self.connector.capabilities().detail_concurrency.max(1);
        let mut after = String::new();
        let time = TimeDelta::from_std(self.lease.context.limits.time).unwrap_or(TimeDelta::MAX);
        loop {
            if self.lease.context.clock.now() - self.began > time {
                return Err(Stop::Short(IncompleteRead::TooLong { minutes: time.num_minutes() }));
            }
            let mut conn = self.lease.context.db.get().await?;
            let ids = store::runs::staging::thin(&mut conn, self.lease.run, &after, CHUNK).await?;
            drop(conn);
            let Some(last) = ids.last() else { return Ok(()) };
            after.clone_from(last);
            progress.phase = "details";
            progress.expected = progress.expected.or(Some(all));
            let ids: Vec<SourceId> = ids.into_iter().map(SourceId).collect();
            let mut answers: Vec<_> = futures_util::stream::iter(ids.into_iter().map(|id| async move {
                let answer = reading.detail(&id).await;
                (id, answer)
            }))
            .buffer_unordered(at_once)
            .collect()
            .await;
            self.fill_hidden(reading, found(&mut answers)).await?;
            let mut staged = Vec::with_capacity(answers.len());
            for (id, answer) in answers {
                match answer {
                    Ok(Detail::Found(worker)) => {
                        progress.take(&worker);
                        staged.push(self.stage(&worker)?);
                    }
                    Ok(Detail::Rejected(rejected)) => {
                        staged.extend(Self::reject(&rejected));
                        progress.fail(rejected);
                    }
                    Ok(Detail::Gone) => {
                        let reason = "the list names the record, but it cannot be read by its id (404)".into();
                        let rejected = Rejected { source_id: Some(id.clone()), row: None, name: None, reason };
                        staged.extend(Self::reject(&rejected));
                        progress.fail(rejected);
                    }
                    // Revoked, or away, or we are asked to stay away: asking for the next one does not help.
                    Err(
                        error @ (ConnectorError::Unauthorized { .. }
                        | ConnectorError::Settings { .. }
                        | ConnectorError::Unavailable { retry_after: Some(_), .. }),
                    ) => {
                        return Err(FlowError::from(error).into());
                    }
                    Err(error) => {
                        if matches!(error, ConnectorError::Unavailable { .. }) {
                            progress.unavailable += 1;
                            if progress.unavailable >= UNAVAILABLE_AT_MOST {
                                return Err(FlowError::from(error).into());
                            }
                        }
                        let rejected =
                            Rejected { source_id: Some(id.clone()), row: None, name: None, reason: error.to_string() };
                        staged.extend(Self::reject(&rejected));
                        progress.fail(rejected);
                    }
                }
            }
            let mut conn = self.lease.context.db.get().await?;
            store::runs::staging::put(&mut conn, self.lease.run, &staged).await?;
            drop(conn);
            progress.check(all)?;
            self.tell(progress).await?;
        }
    }

    /// Asks by id for workers that this read would prove absent. Only those that the HR system itself states it does
    /// not know are absent: a 200 refutes the absence, and any other answer proves nothing (law 2).
    pub(crate) async fn prove_absences(
        &self,
        read: &Read,
        evidence: &str,
        settings: &Common,
    ) -> Result<Vec<String>, Stop> {
        let before = self.began - TimeDelta::minutes(settings.absence_confirm_minutes.into());
        let mut conn = self.lease.context.db.get().await?;
        let candidates =
            store::runs::staging::absence_candidates(&mut conn, self.lease.run, self.connection.id, evidence, before)
                .await?;
        drop(conn);
        let at_once = self.connector.capabilities().detail_concurrency.max(1);
        let mut proven = Vec::new();
        for chunk in candidates.chunks(usize::try_from(CHUNK).unwrap_or(100)) {
            let ids: Vec<SourceId> = chunk.iter().cloned().map(SourceId).collect();
            let reading = read.reading.as_ref();
            let mut answers: Vec<_> = futures_util::stream::iter(ids.into_iter().map(|id| async move {
                let answer = reading.detail(&id).await;
                (id, answer)
            }))
            .buffer_unordered(at_once)
            .collect()
            .await;
            self.fill_hidden(reading, found(&mut answers)).await?;
            let mut refuted = Vec::new();
            for (id, answer) in answers {
                match answer {
                    Ok(Detail::Gone) => proven.push(id.0.clone()),
                    Ok(Detail::Found(worker)) => refuted.push(self.stage(&worker)?),
                    Ok(Detail::Rejected(rejected)) => refuted.extend(Self::reject(&rejected)),
                    Err(error @ ConnectorError::Unauthorized { .. }) => {
                        return Err(FlowError::from(error).into());
                    }
                    Err(_) => {}
                }
            }
            let mut conn = self.lease.context.db.get().await?;
            store::runs::staging::put(&mut conn, self.lease.run, &refuted).await?;
            self.lease.update(&mut conn, RunChange { phase: Some("absences".into()), ..RunChange::default() }).await?;
        }
        proven.sort_unstable();
        Ok(proven)
    }

    /// Lets parts that the HR system does not show us keep what it stated of them last: a scope that is missing erases
    /// nothing. Drops ends that were taken back since the last statement.
    async fn fill_hidden(&self, reading: &dyn Reading, mut workers: Vec<&mut Worker>) -> Result<(), Stop> {
        let hidden = reading.hidden();
        if hidden.is_empty() {
            workers.retain(|worker| worker.employment.may_be_retracted());
        }
        if workers.is_empty() {
            return Ok(());
        }
        let ids: Vec<String> = workers.iter().map(|worker| worker.source_id.0.clone()).collect();
        let mut conn = self.lease.context.db.get().await?;
        let rows = store::workers::by_source_ids(&mut conn, self.connection.id, &ids).await?;
        drop(conn);
        let known: BTreeMap<&str, &Value> = rows.iter().map(|row| (row.source_id.as_str(), &row.statement)).collect();
        for worker in &mut workers {
            let previous = known.get(worker.source_id.0.as_str()).map(|statement| Worker::deserialize(*statement));
            let previous = previous.transpose().map_err(|error| FlowError::corrupt("worker", &error))?;
            if let Some(previous) = &previous {
                worker.employment.retract_end(&previous.employment);
            }
            worker.keep_hidden(previous.as_ref(), hidden);
            reading.conclude(worker);
        }
        Ok(())
    }

    fn stage(&self, worker: &Worker) -> Result<Staged, FlowError> {
        // When the HR system touched the record is kept but not compared: it moves without a change that we can see.
        let compared = Worker { source_updated: None, ..worker.clone() };
        let text =
            |worker: &Worker| serde_json::to_string(worker).map_err(|error| FlowError::corrupt("worker", &error));
        Ok(Staged {
            source_id: worker.source_id.0.clone(),
            digest: Some(crate::crypto::seal::sha256(text(&compared)?.as_bytes()).to_vec()),
            email_key: merge::email_of(worker, &self.rules).ok().map(|email| email.key().as_str().to_owned()),
            statement: Some(text(worker)?),
            rejected: None,
            gaps: (!worker.missing.is_empty())
                .then(|| serde_json::to_string(&worker.missing))
                .transpose()
                .map_err(|error| FlowError::corrupt("worker", &error))?,
        })
    }

    fn reject(rejected: &Rejected) -> Option<Staged> {
        let id = rejected.source_id.as_ref()?;
        Some(Staged { source_id: id.0.clone(), rejected: Some(rejected.reason.clone()), ..Staged::default() })
    }

    async fn staged(&self) -> Result<store::runs::staging::StagedCounts, Stop> {
        let mut conn = self.lease.context.db.get().await?;
        Ok(store::runs::staging::counts(&mut conn, self.lease.run).await?)
    }

    /// Writes how far the pull is, and logs it now and then.
    async fn tell(&self, progress: &mut Progress) -> Result<(), Stop> {
        let context = self.lease.context;
        let mut conn = context.db.get().await?;
        let change = RunChange {
            pages: Some(progress.pages),
            workers: Some(i64::try_from(progress.workers).unwrap_or(i64::MAX)),
            expected: Some(progress.expected.and_then(|expected| i64::try_from(expected).ok())),
            phase: Some(progress.phase.into()),
            ..RunChange::default()
        };
        self.lease.update(&mut conn, change).await?;
        let now = context.clock.now();
        if now - progress.told >= TELL_EVERY {
            progress.told = now;
            let elapsed = (now - self.began).to_std().unwrap_or(Duration::ZERO).as_secs().max(1);
            let rate = progress.workers / elapsed;
            let of = progress.expected.map_or_else(String::new, |expected| format!(" of {expected}"));
            let left = match progress.expected {
                Some(expected) if rate > 0 => {
                    format!(", about {} s left", expected.saturating_sub(progress.workers) / rate)
                }
                _ => String::new(),
            };
            info!(
                run.id = %self.lease.run, pages = progress.pages, workers = progress.workers,
                "{} workers{of} in {} pages, {rate}/s{left}", progress.workers, progress.pages,
            );
        }
        Ok(())
    }
}

/// The workers among some details.
fn found(answers: &mut [(SourceId, Result<Detail, ConnectorError>)]) -> Vec<&mut Worker> {
    let workers = answers.iter_mut().filter_map(|(_, answer)| match answer {
        Ok(Detail::Found(worker)) => Some(worker.as_mut()),
        _ => None,
    });
    workers.collect()
}

struct Progress {
    pages: i32,
    workers: u64,
    expected: Option<u64>,
    phase: &'static str,
    /// Details that could not be fetched.
    failed: u64,
    /// Records without a usable id.
    nameless: u64,
    /// Details that failed because the HR system was away.
    unavailable: u32,
    rejected: Vec<Rejected>,
    /// By source id, since a record may come twice.
    unreadable: BTreeMap<SourceId, Vec<UnreadableField>>,
    told: DateTime<Utc>,
}

impl Progress {
    fn new(told: DateTime<Utc>) -> Self {
        Self {
            pages: 0,
            workers: 0,
            expected: None,
            phase: "list",
            failed: 0,
            nameless: 0,
            unavailable: 0,
            rejected: Vec::new(),
            unreadable: BTreeMap::new(),
            told,
        }
    }

    fn restart(&mut self) {
        *self = Self { pages: self.pages, ..Self::new(self.told) };
    }

    fn take(&mut self, worker: &Worker) {
        self.workers += 1;
        if worker.unreadable.is_empty() {
            self.unreadable.remove(&worker.source_id);
        } else {
            let fields = worker.unreadable.iter().map(UnreadableField::of).collect();
            self.unreadable.insert(worker.source_id.clone(), fields);
        }
    }

    fn fail(&mut self, rejected: Rejected) {
        self.failed += 1;
        self.list(rejected);
    }

    /// A record that came without an id and so belongs to no worker. It stops no other.
    fn pass_over(&mut self, rejected: Rejected) {
        if rejected.source_id.is_some() {
            return self.fail(rejected);
        }
        self.nameless += 1;
        let place = rejected.row.map_or_else(String::new, |row| format!("row {row} of page {}: ", self.pages + 1));
        let reason = format!("{place}{}", rejected.reason);
        self.list(Rejected { reason, ..rejected });
    }

    fn list(&mut self, rejected: Rejected) {
        if self.rejected.len() < LISTED {
            self.rejected.push(rejected);
        }
    }

    fn unreadable_workers(&self) -> u64 {
        u64::try_from(self.unreadable.len()).unwrap_or(u64::MAX)
    }

    fn check(&self, all: u64) -> Result<(), Stop> {
        if is_too_many(self.failed, all) {
            let first = self.rejected.iter().find(|rejected| rejected.source_id.is_some());
            let first = first.map_or_else(String::new, |first| first.reason.clone());
            return Err(Stop::Short(IncompleteRead::TooManyFailed { failed: self.failed, all, first }));
        }
        Ok(())
    }

    fn problems(&self, hidden: &BTreeSet<Part>) -> Value {
        let problem = |rejected: &Rejected| match &rejected.source_id {
            Some(id) => json!({ "code": "recordFailed", "sourceId": id, "message": rejected.reason }),
            None => json!({
                "code": "recordWithoutId", "row": rejected.row, "name": rejected.name, "message": rejected.reason,
                "remedy": "give the record a usable id at the HR system; until then it cannot be read, and nobody counts as absent",
            }),
        };
        let unreadable = |(id, fields): (&SourceId, &Vec<UnreadableField>)| {
            let said =
                |one: &UnreadableField| format!("`{}` holds {}, expected {}", one.field, one.found, one.expected);
            let message = fields.iter().map(said).collect::<Vec<_>>().join("; ");
            json!({ "code": "unreadableRecord", "sourceId": id, "fields": fields, "message": message })
        };
        let hides = (!hidden.is_empty()).then(|| {
            let parts: Vec<&str> = hidden.iter().map(Part::name).collect();
            json!({
                "code": "hidden",
                "message": format!("the HR system does not show us {}; each keeps what it said of it last", parts.join(", ")),
                "remedy": "reauthorize, and let the HR system grant the scopes that show them",
            })
        });
        let more = self.unreadable.len().saturating_sub(LISTED);
        let more = (more > 0).then(|| {
            json!({
                "code": "unreadableRecord",
                "message": format!("{more} more workers have fields that cannot be read"),
                "remedy": "list them with: rollbook review list",
            })
        });
        let listed = self.unreadable.iter().take(LISTED).map(unreadable);
        hides.into_iter().chain(self.rejected.iter().map(problem)).chain(listed).chain(more).collect()
    }
}
