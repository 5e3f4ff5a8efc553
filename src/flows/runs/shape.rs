//! Checks whether records have another shape than those of the last good read. A field that could be read is gone, or
//! holds something else, for more workers than chance explains (law 2). Then nothing is concluded from the read.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::json;

use super::incomplete::{IncompleteRead, is_too_many};
use super::lease::{Lease, Stop};
use crate::directory::worker::unreadable::{Gap, Slot};
use crate::directory::worker::{Part, Worker};
use crate::flows::error::FlowError;
use crate::store;

/// Workers that are compared at a time.
const BATCH: i64 = 500;

/// What happened to a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Loss {
    Unreadable,
    Missing,
    /// Missing where a missing key means by itself only that there is no value.
    Omitted,
}

impl Loss {
    fn words(self) -> &'static str {
        match self {
            Self::Unreadable => "cannot be read",
            Self::Missing | Self::Omitted => "is missing",
        }
    }
}

/// The workers who lost each field, and what it filled.
#[derive(Debug, Default)]
struct Losses(BTreeMap<(String, Loss), (u64, BTreeSet<Slot>)>);

/// Compares a staged read with the last good statements. The loss of `accepted` fields is no change of the shape.
///
/// # Errors
/// [`IncompleteRead::ShapeChanged`], with the field that most workers lost.
pub(crate) async fn compare(
    lease: &Lease<'_>,
    connection: uuid::Uuid,
    hidden: &BTreeSet<Part>,
    accepted: &[String],
) -> Result<(), Stop> {
    let mut losses = Losses::default();
    let mut after = String::new();
    let mut conn = lease.context.db.get().await?;
    loop {
        let rows = store::runs::staging::altered(&mut conn, lease.run, connection, &after, BATCH).await?;
        let Some(last) = rows.last() else { break };
        after.clone_from(&last.source_id);
        for row in &rows {
            let read = |value| Worker::deserialize(value).map_err(|error| FlowError::corrupt("worker", &error));
            let gaps = row.gaps.as_ref().map(Vec::<Gap>::deserialize).transpose();
            let gaps = gaps.map_err(|error| FlowError::corrupt("worker", &error))?.unwrap_or_default();
            losses.add(&read(&row.before)?, &read(&row.now)?, &gaps, hidden);
        }
    }
    let mut worst: Option<(u64, IncompleteRead)> = None;
    for ((field, loss), (lost, slots)) in losses.0 {
        if accepted.contains(&field) {
            continue;
        }
        let paths: Vec<Vec<&str>> = slots.iter().map(Slot::path).collect();
        let had = store::runs::staging::count_saying(&mut conn, connection, &json!(paths)).await?;
        let had = u64::try_from(had).unwrap_or(0).max(lost);
        let is_gone = match loss {
            Loss::Unreadable | Loss::Missing => true,
            // Some may have no value any more. That it is gone from most is no coincidence.
            Loss::Omitted => lost * 2 > had,
        };
        // Who has left must not come back for want of a key, not even one person.
        let is_many = is_too_many(lost, had) || slots.contains(&Slot::Ended);
        if is_gone && is_many && worst.as_ref().is_none_or(|(most, _)| lost > *most) {
            worst = Some((lost, IncompleteRead::ShapeChanged { field, how: loss.words(), lost, had }));
        }
    }
    worst.map_or(Ok(()), |(_, incomplete)| Err(Stop::Short(incomplete)))
}

impl Losses {
    fn add(&mut self, before: &Worker, now: &Worker, gaps: &[Gap], hidden: &BTreeSet<Part>) {
        for unreadable in &now.unreadable {
            let had: BTreeSet<Slot> = unreadable.slots.iter().filter(|slot| slot.is_said_by(before)).cloned().collect();
            self.count(without_place(&unreadable.field), Loss::Unreadable, had);
        }
        // A worker whose status is another has another kind of record: leavers have no manager any more.
        let moved = before.employment.status != now.employment.status && !now.employment.status.is_empty()
            || before.employment.ended != now.employment.ended;
        for gap in gaps {
            let is_lost = |slot: &&Slot| {
                slot.is_said_by(before)
                    && !slot.is_said_by(now)
                    && !hides(hidden, slot)
                    && (!moved || matches!(slot, Slot::LastDay | Slot::Ended))
            };
            let had: BTreeSet<Slot> = gap.slots.iter().filter(is_lost).cloned().collect();
            self.count(gap.field.clone(), if gap.optional { Loss::Omitted } else { Loss::Missing }, had);
        }
    }

    fn count(&mut self, field: String, loss: Loss, had: BTreeSet<Slot>) {
        if !had.is_empty() {
            let (workers, slots) = self.0.entry((field, loss)).or_default();
            *workers += 1;
            slots.extend(had);
        }
    }
}

/// A field of a list without the place of the item: `emails[0].address` and `emails[1].address` are one field.
fn without_place(field: &str) -> String {
    let mut short = String::with_capacity(field.len());
    let mut inside = false;
    for c in field.chars() {
        match c {
            '[' => {
                inside = true;
                short.push('[');
            }
            ']' => {
                inside = false;
                short.push(']');
            }
            c if !inside => short.push(c),
            _ => {}
        }
    }
    short
}

/// Whether the HR system does not let us see what fills a slot, which is another problem.
fn hides(hidden: &BTreeSet<Part>, slot: &Slot) -> bool {
    hidden.iter().any(|part| match (part, slot) {
        (Part::BirthDate, Slot::BirthDate)
        | (Part::Start, Slot::Start | Slot::OriginalStart)
        | (Part::LastDay, Slot::LastDay)
        | (Part::Manager, Slot::Manager) => true,
        (Part::Attribute(part), Slot::Attribute(name)) => part == name,
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::attribute::name;
    use crate::directory::worker::unreadable::Unreadable;

    #[test]
    fn places_in_lists_do_not_make_other_fields() {
        assert_eq!(without_place("emails[12].address"), "emails[].address");
        assert_eq!(without_place("personal_details.given_name"), "personal_details.given_name");
    }

    fn gap(field: &str, slot: Slot, optional: bool) -> Gap {
        Gap { field: field.to_owned(), slots: [slot].into(), optional }
    }

    fn worker(title: Option<&str>, status: &str) -> Worker {
        let mut worker = Worker::default();
        worker.attributes.extend(title.map(|title| (name::TITLE.to_owned(), title.to_owned())));
        status.clone_into(&mut worker.employment.status);
        worker
    }

    #[test]
    fn only_values_that_were_there_and_are_gone_with_their_key_are_lost() {
        const TITLE: Slot = Slot::attribute(name::TITLE);
        let lost = |before: &Worker, now: &Worker, gaps: &[Gap], hidden: &BTreeSet<Part>| {
            let mut losses = Losses::default();
            losses.add(before, now, gaps, hidden);
            losses.0.into_keys().collect::<Vec<_>>()
        };
        let (had, none) = (worker(Some("Lead"), "active"), worker(None, "active"));
        let (shown, title) = (BTreeSet::new(), || [gap("job_title", TITLE, false)]);
        assert_eq!(lost(&had, &none, &title(), &shown), [("job_title".to_owned(), Loss::Missing)]);
        let optional = [gap("job_title", TITLE, true)];
        assert_eq!(lost(&had, &none, &optional, &shown), [("job_title".to_owned(), Loss::Omitted)]);
        assert!(lost(&had, &none, &[], &shown).is_empty(), "a null is a cleared value");
        assert!(lost(&none, &none, &title(), &shown).is_empty(), "there was nothing to lose");
        assert!(lost(&had, &had, &title(), &shown).is_empty(), "another field has it");
        assert!(lost(&had, &worker(None, "archived"), &title(), &shown).is_empty(), "a leaver's record is another one");
        let hidden = [Part::Attribute(name::TITLE.to_owned())].into();
        assert!(lost(&had, &none, &title(), &hidden).is_empty(), "a missing scope has a rule of its own");
        assert_eq!(lost(&had, &worker(None, ""), &title(), &shown).len(), 1, "the status is gone as well");
    }

    #[test]
    fn a_field_that_became_unreadable_is_lost_by_those_who_had_it() {
        let mut now = worker(None, "active");
        now.unreadable = vec![Unreadable {
            field: "emails[3].address".to_owned(),
            slots: [Slot::attribute(name::TITLE)].into(),
            found: "a number".to_owned(),
            expected: "a text".to_owned(),
        }];
        let mut losses = Losses::default();
        losses.add(&worker(None, "active"), &now, &[], &BTreeSet::new());
        assert!(losses.0.is_empty());
        losses.add(&worker(Some("Lead"), "active"), &now, &[], &BTreeSet::new());
        losses.add(&worker(Some("Lead"), "archived"), &now, &[], &BTreeSet::new());
        let counted: Vec<_> =
            losses.0.iter().map(|((field, loss), (lost, _))| (field.as_str(), *loss, *lost)).collect();
        assert_eq!(counted, [("emails[].address", Loss::Unreadable, 2)]);
    }
}
