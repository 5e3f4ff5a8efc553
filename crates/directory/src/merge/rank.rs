//! Which of several employments leads (story 11).

use std::cmp::Reverse;

use chrono::NaiveDate;

use super::leading::Because;
use crate::ids::SourceId;
use crate::person::Status;
use crate::worker::Worker;

/// The place of an employment among the others of one human; the least leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    phase: u8,
    /// Of ended employments the one that ended last. Without a last day it ended no earlier than it began.
    ended: Reverse<Option<NaiveDate>>,
    share: Reverse<u8>,
    start: (bool, Option<NaiveDate>),
    place: usize,
    source_id: SourceId,
}

impl Rank {
    /// What puts this one before another: the first difference.
    pub(super) fn before(&self, other: &Self) -> Because {
        if self.phase != other.phase {
            Because::Status
        } else if self.ended != other.ended {
            Because::EndedLater
        } else if self.share != other.share {
            Because::LargerShare
        } else if self.start != other.start {
            Because::EarlierStart
        } else if self.place != other.place {
            Because::Connection
        } else {
            Because::SourceId
        }
    }

    pub(crate) fn of(worker: &Worker, status: Status, place: usize) -> Self {
        let employment = &worker.employment;
        let phase = match status {
            Status::Active | Status::OnLeave => 0,
            // Before an upcoming one, since it is going on; behind one that gives access.
            Status::Suspended => 1,
            Status::Pending => 2,
            Status::Unknown => 3,
            Status::Terminated => 4,
        };
        let ended = employment.last_day.or(employment.start).filter(|_| status == Status::Terminated);
        Self {
            phase,
            ended: Reverse(ended),
            // A job of which no share is known is a whole one.
            share: Reverse(employment.share.unwrap_or(100)),
            start: (employment.start.is_none(), employment.start),
            place,
            source_id: worker.source_id.clone(),
        }
    }
}
