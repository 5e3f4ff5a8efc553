//! The feed: every change of every person, by dense sequence numbers (law 6).

use actix_web::{HttpRequest, web};

use super::cursor::{Mark, page};
use super::parameters::Parameters;
use super::{Answer, entries};
use crate::flows::context::Context;
use crate::flows::feed;
use crate::http::auth::{Caller, EventsRead};

/// GET /events?after=: the entries after a sequence number, the earliest first. `nextCursor` is for who walks pages; who
/// polls goes on after the last sequence number seen.
pub(super) async fn list(_: Caller<EventsRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    let mut parameters = Parameters::read(&request, &["after", "limit", "cursor"])?;
    let limit = parameters.limit();
    let after = parameters.number("after", 0, i64::MAX);
    let cursor = parameters.cursor(Mark::number)?;
    if after.is_some() && cursor.is_some() {
        parameters.refuse("after", "expected either after or cursor");
    }
    parameters.finish()?;
    let after = after.or(cursor).unwrap_or(0);
    let rows = feed::after(&context, after, limit + 1).await?;
    Ok(page(rows, limit, |row| Mark::Number(row.sequence.unwrap_or(after)), entries::show))
}
