//! Cursors in the form that callers get: sealed for one consumer and one list, so that the server stores
//! none.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::crypto::seal::{SealContext, hex, sha256};
use crate::http::auth::Caller;
use crate::http::error::ScimFailure;
use crate::http::state::State;
use crate::scim::cursor::{Cursor, canonical};
use crate::scim::error::ScimError;
use crate::scim::message::ListHeader;
use crate::scim::query::Paging;
use crate::scim::schema::ResourceType;
use crate::store::paging::types::{PageRequest, Position, Start};

/// Characters of a cursor, at most. The longest is that of a list sorted by a long text.
const MAX_CURSOR: usize = 16 * 1024;

/// The keyset pagination of one list by one caller.
pub(super) struct Walk<'a> {
    state: &'a State,
    caller: Uuid,
    endpoint: &'static str,
    paging: &'a Paging,
    /// A HEAD request saves nothing and uses nothing up.
    is_head: bool,
    /// Digest of what is listed under which policy; how it is shown does not matter.
    listed: [u8; 32],
    cursor: Option<Cursor>,
    place: Option<Position>,
}

impl<'a> Walk<'a> {
    /// # Errors
    /// 400 `invalidCursor`, `expiredCursor` or `invalidCount`.
    pub(super) fn of<P>(
        state: &'a State,
        caller: &Caller<P>,
        endpoint: &'static str,
        paging: &'a Paging,
        is_head: bool,
    ) -> Result<Self, ScimFailure> {
        // What was saved or given out under another policy is not continued.
        let listed = sha256(canonical(endpoint, &paging.listed, caller.policy()).as_bytes());
        let mut walk = Self { state, caller: caller.id, endpoint, paging, is_head, listed, cursor: None, place: None };
        if let Some(text) = paging.cursor.as_deref().filter(|text| !text.is_empty()) {
            let cursor = walk.open(text).ok_or_else(|| {
                ScimError::invalid_cursor(
                    "the cursor is not one that was given for this query: repeat every other parameter unchanged",
                )
            })?;
            cursor.check(paging.count, state.clock.now())?;
            walk.place = Some(Position { key: cursor.key.clone(), position: cursor.position });
            walk.cursor = Some(cursor);
        }
        Ok(walk)
    }

    pub(super) fn request(&self) -> PageRequest<'_> {
        let index = i64::try_from(self.paging.start_index).unwrap_or(i64::MAX);
        let start = match &self.paging.cursor {
            Some(_) => Start::Behind(self.place.as_ref()),
            None if self.is_head => Start::Look(index),
            None => Start::Index(index),
        };
        PageRequest {
            caller: self.caller,
            query: &self.listed,
            start,
            count: self.paging.count.into(),
            now: self.state.clock.now(),
        }
    }

    /// The totals of a page: how many resources there are in all, how many are on it, and the position for the next
    /// page, behind a resource of a type.
    pub(super) fn header(&self, total: i64, items: usize, next: Option<(Position, ResourceType)>) -> ListHeader {
        ListHeader {
            total_results: u64::try_from(total).unwrap_or(0),
            // None on cursor pages.
            start_index: self.paging.cursor.is_none().then_some(self.paging.start_index),
            items_per_page: items as u64,
            next_cursor: next.map(|(place, resource_type)| self.next(place, resource_type)),
            previous_cursor: None,
        }
    }

    /// The type of the resource behind which the next page begins.
    pub(super) fn behind(&self) -> Option<ResourceType> {
        self.cursor.as_ref().map(|cursor| cursor.resource_type)
    }

    /// The cursor with which a client continues behind a position.
    fn next(&self, place: Position, resource_type: ResourceType) -> String {
        let cursor = Cursor {
            resource_type,
            position: place.position,
            key: place.key,
            count: self.paging.count,
            issued_at: self.state.clock.now(),
        };
        let sealed = self.state.keys.seal(self.bound().place(self.endpoint), &cursor.to_bytes());
        URL_SAFE_NO_PAD.encode(sealed)
    }

    fn open(&self, text: &str) -> Option<Cursor> {
        if text.len() > MAX_CURSOR {
            return None;
        }
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let bytes = self.state.keys.open(self.bound().place(self.endpoint), &sealed).ok()?;
        Cursor::from_bytes(&bytes)
    }

    /// The context of the cursor: its consumer, the list and the form of its resources.
    fn bound(&self) -> BoundTo {
        BoundTo(format!("{} {} {}", self.caller, hex(&self.listed), hex(&sha256(self.paging.shown.as_bytes()))))
    }
}

struct BoundTo(String);

impl BoundTo {
    fn place(&self, endpoint: &'static str) -> SealContext<'_> {
        SealContext { table: "scim cursor", column: endpoint, row: &self.0 }
    }
}
