//! Streams bodies that contain groups. Members are written as they are read, some hundred at a time, so that a group of
//! any size needs the same memory.

use std::collections::{BTreeMap, VecDeque};

use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder, web};
use futures_util::{StreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use super::group_writer::Head;
use crate::directory::groups::Kind;
use crate::http::error::ScimFailure;
use crate::http::state::State;
use crate::render::group::{MEMBERS, MemberParts, member};
use crate::scim::projection::Projection;
use crate::store::db::pool::watched;
use crate::store::filter::cost::Cost;
use crate::store::groups::{self, Member};
use crate::store::visibility::Visibility;

/// Members that are read in one statement and held at once.
const CHUNK: usize = 1_000;

/// A resource to write.
pub(super) enum Piece {
    /// It is written already.
    Whole(String),
    /// Its members have to be read.
    Group(Head),
}

/// A body that is written piece by piece.
pub(super) struct Body {
    state: web::Data<State>,
    caller: Uuid,
    /// Held while pieces are written.
    share: Option<OwnedSemaphorePermit>,
    visibility: Visibility,
    parts: Option<MemberParts>,
    /// What is left to write.
    queue: VecDeque<Piece>,
    /// The large group whose members are being written, and the position behind which they go on.
    open: Option<(Kind, Uuid, i64)>,
    /// Of the large group no member is written yet.
    is_first_member: bool,
    is_first: bool,
    /// The text before the next piece.
    before: String,
    /// Ends the body; taken when it has been written.
    close: Option<&'static str>,
}

impl Body {
    /// `projection` is that of groups.
    pub(super) fn of(
        state: web::Data<State>,
        caller: Uuid,
        visibility: Visibility,
        projection: &Projection,
        pieces: Vec<Piece>,
        open: String,
        close: &'static str,
    ) -> Self {
        Self {
            state,
            caller,
            share: None,
            visibility,
            parts: MemberParts::of(projection),
            queue: pieces.into(),
            open: None,
            is_first_member: true,
            is_first: true,
            before: open,
            close: Some(close),
        }
    }

    /// Answers with the body: as a whole, if its first piece is all of it.
    pub(super) async fn answer(mut self, mut response: HttpResponseBuilder) -> Result<HttpResponse, ScimFailure> {
        // The first piece is read before the answer begins: what fails until here is refused properly. Later, the
        // connection breaks, so that no client takes a part for the whole.
        let first = self.next().await?.unwrap_or_default();
        if self.close.is_none() {
            return Ok(response.body(first));
        }
        // A client that reads slowly holds no connection to the database, but memory.
        self.share = Some(self.state.stream(self.caller)?);
        let first = stream::once(async { Ok::<_, actix_web::Error>(Bytes::from(first)) });
        let rest = stream::try_unfold(self, async |mut body| {
            let piece = watched(body.next()).await.map_err(actix_web::Error::from)?;
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
                for piece in std::mem::take(&mut self.queue) {
                    self.separate(&mut out);
                    match piece {
                        Piece::Whole(text) => out.push_str(&text),
                        Piece::Group(head) => {
                            out.push_str(&head.text);
                            out.push('}');
                        }
                    }
                }
            }
            (None, Some(parts)) => self.next_pieces(parts, &mut out).await?,
        }
        if self.open.is_none() && self.queue.is_empty() {
            out.push_str(self.close.take().unwrap_or_default());
        }
        Ok(Some(out))
    }

    /// Writes the next piece: finished text, and as many small groups as fit, or the beginning of a large group.
    async fn next_pieces(&mut self, parts: MemberParts, out: &mut String) -> Result<(), ScimFailure> {
        let mut ready = Vec::new();
        let mut together = 0_usize;
        while let Some(piece) = self.queue.front() {
            if let Piece::Group(head) = piece {
                if together + head.members > CHUNK {
                    break;
                }
                together += head.members;
            }
            ready.extend(self.queue.pop_front());
        }
        if ready.is_empty() {
            let Some(Piece::Group(head)) = self.queue.pop_front() else { return Ok(()) };
            self.separate(out);
            out.push_str(&head.text);
            out.push_str(MEMBERS);
            self.is_first_member = true;
            return self.go_on(head.kind, head.id, 0, parts, out).await;
        }
        let wanted: Vec<(Kind, Uuid)> = ready
            .iter()
            .filter_map(|piece| match piece {
                Piece::Group(head) => Some((head.kind, head.id)),
                Piece::Whole(_) => None,
            })
            .collect();
        let mut members: BTreeMap<Uuid, Vec<Member>> = BTreeMap::new();
        if !wanted.is_empty() {
            let mut conn = self.state.connection(self.caller, Cost::Cheap).await?;
            for member in groups::members_of_all(&mut conn, &self.visibility, &wanted).await? {
                members.entry(member.group_id).or_default().push(member);
            }
        }
        for piece in ready {
            self.separate(out);
            match piece {
                Piece::Whole(text) => out.push_str(&text),
                Piece::Group(head) => {
                    out.push_str(&head.text);
                    out.push_str(MEMBERS);
                    self.is_first_member = true;
                    self.write(&members.remove(&head.id).unwrap_or_default(), parts, out);
                    out.push_str("]}");
                }
            }
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
        let mut conn = self.state.connection(self.caller, Cost::Cheap).await?;
        let members = groups::members(&mut conn, &self.visibility, kind, id, after, limit).await?;
        drop(conn);
        self.write(&members, parts, out);
        match members.last().filter(|_| members.len() == CHUNK) {
            Some(last) => self.open = Some((kind, id, last.position)),
            None => out.push_str("]}"),
        }
        Ok(())
    }

    fn write(&mut self, members: &[Member], parts: MemberParts, out: &mut String) {
        for one in members {
            let is_first = std::mem::take(&mut self.is_first_member);
            member(one.id, one.display_name.as_deref(), parts, self.state.scim_base(), is_first, out);
        }
    }

    fn separate(&mut self, out: &mut String) {
        if !std::mem::take(&mut self.is_first) {
            out.push(',');
        }
    }
}
