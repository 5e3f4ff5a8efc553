//! Reading Groups: one by id, and lists by filter and index. Members are written as they are read, some hundred at a
//! time, so that a group of any size needs the same memory.

use std::collections::{BTreeMap, VecDeque};

use actix_web::http::header::LOCATION;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use futures_util::{StreamExt, stream};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::discovery::id;
use super::users::{digest, pairs, parse_id, refuse_unavailable};
use crate::directory::groups::Kind;
use crate::http::auth::{Caller, ScimRead};
use crate::http::error::ScimFailure;
use crate::http::state::State;
use crate::render::group::{GroupShown, MEMBERS, MemberParts, head, member};
use crate::scim::error::ScimError;
use crate::scim::filter::Mode;
use crate::scim::message::ListHeader;
use crate::scim::projection::Projection;
use crate::scim::query::{self, Query, SortOrder};
use crate::scim::schema::ResourceType;
use crate::store::group_filter::GroupCondition;
use crate::store::group_pages;
use crate::store::groups::{self, GroupRow, Member};
use crate::store::sort::Sort;
use crate::store::walks::PageRequest;

/// Members that are read in one statement and held at once.
const CHUNK: usize = 1_000;

/// GET /Groups/{id}.
pub(super) async fn read(
    _: Caller<ScimRead>,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ScimFailure> {
    let id = id(&request)?;
    let projection = query::projection(pairs(&request)?, ResourceType::Group.shape(), &super::HIDDEN)?;
    let unknown = || ScimError::not_found("no group has this id");
    let id = parse_id(&id).ok_or_else(unknown)?;
    let found = groups::find(&mut *state.db.get().await?, id).await?.ok_or_else(unknown)?;
    let mut response = HttpResponse::Ok();
    response.insert_header((LOCATION, format!("{}/Groups/{id}", state.scim_base())));
    Body::of(state, projection, vec![found], String::new(), "").answer(response).await
}

/// GET /Groups.
pub(super) async fn list(
    caller: Caller<ScimRead>,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ScimFailure> {
    let query = Query::parse(pairs(&request)?, Mode::Lenient, ResourceType::Group.shape(), &super::HIDDEN)?;
    refuse_unavailable(&query)?;
    let mut condition = query.filter.as_ref().map(|filter| GroupCondition::of(filter, state.scim_base()));
    let sort = query.sort_by.map(|target| Sort::of_groups(target, query.sort_order == SortOrder::Descending));
    let asked = PageRequest {
        caller: caller.id,
        query: &digest("Groups", &query),
        start_index: i64::try_from(query.start_index).unwrap_or(i64::MAX),
        count: query.count.into(),
        now: state.clock.now(),
    };
    let mut conn = state.db.get().await?;
    if let Some(condition) = &mut condition {
        condition.settle(&mut conn).await?;
    }
    let page = group_pages::page(&mut conn, &asked, condition.as_ref(), sort.as_ref()).await?;
    drop(conn);
    let header = ListHeader {
        total_results: u64::try_from(page.total).unwrap_or(0),
        start_index: Some(query.start_index),
        items_per_page: page.groups.len() as u64,
        ..ListHeader::default()
    };
    let body = Body::of(state, query.projection, page.groups, header.open(), ListHeader::CLOSE);
    body.answer(HttpResponse::Ok()).await
}

/// A body that is written piece by piece.
struct Body {
    state: web::Data<State>,
    projection: Projection,
    parts: Option<MemberParts>,
    /// What is left to write.
    queue: VecDeque<GroupRow>,
    /// The large group whose members are being written, and the position behind which they go on.
    open: Option<(Kind, Uuid, i64)>,
    is_first: bool,
    /// Stands before the next piece.
    before: String,
    /// Ends the body; taken when it has been written.
    close: Option<&'static str>,
}

impl Body {
    fn of(
        state: web::Data<State>,
        projection: Projection,
        groups: Vec<GroupRow>,
        open: String,
        close: &'static str,
    ) -> Self {
        Self {
            state,
            parts: MemberParts::of(&projection),
            projection,
            queue: groups.into(),
            open: None,
            is_first: true,
            before: open,
            close: Some(close),
        }
    }

    /// Answers with the body: as a whole, if its first piece is all of it.
    async fn answer(mut self, mut response: HttpResponseBuilder) -> Result<HttpResponse, ScimFailure> {
        // The first piece is read before the answer begins: what fails until here is refused properly. Later, the
        // connection breaks, and nobody takes a part for the whole.
        let first = self.next().await?.unwrap_or_default();
        if self.close.is_none() {
            return Ok(response.body(first));
        }
        let first = stream::once(async { Ok::<_, actix_web::Error>(Bytes::from(first)) });
        let rest = stream::try_unfold(self, async |mut body| {
            let piece = body.next().await.map_err(actix_web::Error::from)?;
            Ok(piece.map(|piece| (Bytes::from(piece), body)))
        });
        Ok(response.streaming(first.chain(rest)))
    }

    /// The next piece; `None` behind the last.
    async fn next(&mut self) -> Result<Option<String>, ScimFailure> {
        if self.close.is_none() {
            return Ok(None);
        }
        let mut out = std::mem::take(&mut self.before);
        match (self.open.take(), self.parts) {
            (Some((kind, id, after)), Some(parts)) => self.go_on(kind, id, after, parts, &mut out).await?,
            (_, None) => {
                for group in std::mem::take(&mut self.queue) {
                    self.begin(&group, &mut out)?;
                    out.push('}');
                }
            }
            (None, Some(parts)) => self.next_groups(parts, &mut out).await?,
        }
        if self.open.is_none() && self.queue.is_empty() {
            out.push_str(self.close.take().unwrap_or_default());
        }
        Ok(Some(out))
    }

    /// Writes as many small groups as fit into a piece, or the beginning of a large one.
    async fn next_groups(&mut self, parts: MemberParts, out: &mut String) -> Result<(), ScimFailure> {
        let mut small = Vec::new();
        let mut held = 0_usize;
        while let Some(group) = self.queue.front() {
            let members = usize::try_from(group.members).unwrap_or(0);
            if held + members > CHUNK {
                break;
            }
            held += members;
            small.extend(self.queue.pop_front());
        }
        if small.is_empty() {
            let Some(group) = self.queue.pop_front() else { return Ok(()) };
            self.begin(&group, out)?;
            out.push_str(MEMBERS);
            return self.go_on(kind_of(&group)?, group.id, 0, parts, out).await;
        }
        let wanted =
            small.iter().map(|group| Ok((kind_of(group)?, group.id))).collect::<Result<Vec<_>, ScimFailure>>()?;
        let mut members: BTreeMap<Uuid, Vec<Member>> = BTreeMap::new();
        for member in groups::members_of_all(&mut *self.state.db.get().await?, &wanted).await? {
            members.entry(member.group_id).or_default().push(member);
        }
        for group in small {
            self.begin(&group, out)?;
            out.push_str(MEMBERS);
            let members = members.remove(&group.id).unwrap_or_default();
            self.write(&members, true, parts, out);
            out.push_str("]}");
        }
        Ok(())
    }

    /// Writes the next members of a large group, and its end behind the last.
    async fn go_on(
        &mut self,
        kind: Kind,
        id: Uuid,
        after: i64,
        parts: MemberParts,
        out: &mut String,
    ) -> Result<(), ScimFailure> {
        let limit = i64::try_from(CHUNK).unwrap_or(i64::MAX);
        let members = groups::members(&mut *self.state.db.get().await?, kind, id, after, limit).await?;
        self.write(&members, after == 0, parts, out);
        match members.last().filter(|_| members.len() == CHUNK) {
            Some(last) => self.open = Some((kind, id, last.position)),
            None => out.push_str("]}"),
        }
        Ok(())
    }

    fn write(&self, members: &[Member], is_first: bool, parts: MemberParts, out: &mut String) {
        for (n, one) in members.iter().enumerate() {
            member(one.id, one.display_name.as_deref(), parts, self.state.scim_base(), is_first && n == 0, out);
        }
    }

    /// Writes a group up to where its members begin.
    fn begin(&mut self, group: &GroupRow, out: &mut String) -> Result<(), ScimFailure> {
        if !std::mem::take(&mut self.is_first) {
            out.push(',');
        }
        let shown = GroupShown {
            id: group.id,
            display_name: &group.display_name,
            kind: &group.kind,
            key: &group.key,
            name: &group.name,
            system: group.system.as_deref(),
            retired_since: group.retired_since,
            created: group.created_at,
            modified: group.modified_at,
        };
        let text = head(&shown, self.state.scim_base());
        if self.projection.is_default() {
            out.push_str(&text);
            return Ok(());
        }
        let mut resource: Map<String, Value> = serde_json::from_str(&(text + "}")).map_err(|error| {
            tracing::error!(group.id = %group.id, "a written group is no JSON: {error}");
            ScimError::internal()
        })?;
        self.projection.apply(&mut resource);
        let text = Value::Object(resource).to_string();
        out.push_str(text.strip_suffix('}').unwrap_or(&text));
        Ok(())
    }
}

fn kind_of(group: &GroupRow) -> Result<Kind, ScimFailure> {
    Kind::parse(&group.kind).ok_or_else(|| {
        tracing::error!(group.id = %group.id, "a group is of no kind");
        ScimError::internal().into()
    })
}
