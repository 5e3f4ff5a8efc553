//! The feed: every change of every person, by dense sequence numbers (law 6). A consumer gets what its release policy
//! shows of it, with opaque cursors that reveal nothing (law 8).

use actix_web::{HttpRequest, web};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::{json, redact};
use crate::api::events::{FeedPage, RedactedFeedPage};
use crate::crypto::seal::{Keys, SealContext};
use crate::flows::context::Context;
use crate::flows::feed;
use crate::flows::feed::consumer::Reader;
use crate::http::admin::answer::{Answer, Either, Found};
use crate::http::admin::request::cursor::{Mark, invalid_cursor, page};
use crate::http::admin::request::parameters::Parameters;
use crate::http::auth::{Caller, EventsRead};
use crate::http::error::{Code, Problem};
use crate::http::scope::Scope;

/// GET /events?after=: the earliest entries first. A token that may read the whole directory reads the whole feed.
pub(crate) async fn list(
    caller: Caller<EventsRead>,
    request: HttpRequest,
    context: web::Data<Context>,
) -> Answer<Either<Found<FeedPage>, Found<RedactedFeedPage>>> {
    Ok(if caller.has(Scope::AdminRead) {
        Either::First(Found(whole(&request, &context).await?))
    } else {
        Either::Second(Found(own(&caller, &request, &context).await?))
    })
}

/// The entries after a sequence number. `nextCursor` is for clients that page through the list. A client that polls
/// continues after the last sequence number seen.
async fn whole(request: &HttpRequest, context: &Context) -> Result<FeedPage, Problem> {
    let mut parameters = Parameters::read(request, &["after", "limit", "cursor"])?;
    let limit = parameters.limit();
    let after = parameters.number("after", 0, i64::MAX);
    let cursor = parameters.cursor(Mark::number)?;
    if after.is_some() && cursor.is_some() {
        parameters.refuse("after", "expected either after or cursor");
    }
    parameters.finish()?;
    let after = after.or(cursor).unwrap_or(0);
    if feed::is_expired(context, after).await? {
        return Err(expired());
    }
    let rows = feed::after(context, after, limit + 1).await?;
    let page = page(rows, limit, |row| Mark::Number(row.sequence.unwrap_or(after)), |row| json::show(&row))?.0;
    Ok(FeedPage { items: page.items, next_cursor: page.next_cursor })
}

/// The entries that are the consumer's, after a mark. `mark` of the answer is where it ends, for clients that poll;
/// `nextCursor` is the same while there is more.
async fn own(
    caller: &Caller<EventsRead>,
    request: &HttpRequest,
    context: &Context,
) -> Result<RedactedFeedPage, Problem> {
    let mut parameters = Parameters::read(request, &["after", "limit", "cursor"])?;
    let limit = parameters.limit();
    let (after, cursor) = (parameters.text("after"), parameters.text("cursor"));
    if after.is_some() && cursor.is_some() {
        parameters.refuse("after", "expected either after or cursor");
    }
    parameters.finish()?;
    let after = match after.or(cursor) {
        Some(mark) => open_mark(&context.keys, caller.id, &mark).ok_or_else(invalid_cursor)?,
        None => 0,
    };
    if feed::is_expired(context, after).await? {
        return Err(expired());
    }
    let release = caller.release()?;
    let reader = Reader { consumer: caller.id, policy: caller.policy(), release: &release };
    let limit = usize::try_from(limit).unwrap_or(0);
    let page = feed::consumer::page(context, &reader, after, limit, redact::show).await?;
    let mark = |number: i64| mark(&context.keys, caller.id, number);
    let events = page.entries.into_iter().map(|(number, event)| Ok(event?.with_mark(mark(number))));
    let items = events.collect::<Result<_, Problem>>()?;
    let end = mark(page.through);
    Ok(RedactedFeedPage { items, next_cursor: page.has_more.then(|| end.clone()), mark: end })
}

/// The refusal for a reader whose position is older than the entries that the feed keeps.
fn expired() -> Problem {
    Problem::new(
        Code::FeedExpired,
        "the feed no longer has what follows here: read all users and groups again, then the feed from its beginning",
    )
}

/// The seal context of a consumer's marks: those of another consumer do not open.
fn place(consumer: &str) -> SealContext<'_> {
    SealContext { table: "changes", column: "sequence", row: consumer }
}

/// A number of the feed as a consumer sees it. Two marks of one number differ, and all are of one length.
fn mark(keys: &Keys, consumer: Uuid, number: i64) -> String {
    URL_SAFE_NO_PAD.encode(keys.seal(place(&consumer.to_string()), &number.to_be_bytes()))
}

/// Reads what [`mark`] wrote.
fn open_mark(keys: &Keys, consumer: Uuid, mark: &str) -> Option<i64> {
    let sealed = URL_SAFE_NO_PAD.decode(mark).ok()?;
    let number = keys.open(place(&consumer.to_string()), &sealed).ok()?;
    Some(i64::from_be_bytes(number.as_slice().try_into().ok()?)).filter(|number| *number >= 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys() -> Keys {
        Keys::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned().into()).unwrap()
    }

    proptest! {
        #[test]
        fn a_mark_leads_its_consumer_back_and_tells_nothing(number in 0..i64::MAX, other in 0..i64::MAX, id: u128) {
            let (keys, consumer) = (keys(), Uuid::from_u128(id));
            let sealed = mark(&keys, consumer, number);
            prop_assert_eq!(open_mark(&keys, consumer, &sealed), Some(number));
            prop_assert_eq!(open_mark(&keys, Uuid::from_u128(!id), &sealed), None);
            prop_assert_eq!(sealed.len(), mark(&keys, consumer, other).len());
            prop_assert_ne!(sealed, mark(&keys, consumer, number));
        }

        #[test]
        fn no_mark_panics(text in "\\PC{0,80}", bytes: Vec<u8>) {
            prop_assert_eq!(open_mark(&keys(), Uuid::nil(), &text), None);
            prop_assert_eq!(open_mark(&keys(), Uuid::nil(), &URL_SAFE_NO_PAD.encode(bytes)), None);
        }
    }
}
