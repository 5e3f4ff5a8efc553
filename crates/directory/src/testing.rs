//! A small world for tests: two connections, their workers, and a directory that takes decisions as the store does.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::attribute::{Attributes, Unit, name};
use super::authority::{Authority, Orders};
use super::decide::decide;
use super::email::EmailKey;
use super::ids::{ConnectionId, PersonId, SourceId, WorkerKey};
use super::person::{Person, Status};
use super::plan::{
    ConnectionFacts, Decisions, Holder, HolderKind, KnownPerson, KnownWorker, Link, Outcome, PlanInput, Review,
};
use super::worker::mapping::{EmploymentType, Mapping, Rules, StatusClass};
use super::worker::{Employment, ManagerRef, Worker};

pub(crate) const REMOTE: ConnectionId = ConnectionId(Uuid::from_u128(1));
pub(crate) const JUSTWORKS: ConnectionId = ConnectionId(Uuid::from_u128(2));

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub(crate) fn key(connection: ConnectionId, id: &str) -> WorkerKey {
    WorkerKey { connection, source_id: SourceId(id.to_owned()) }
}

pub(crate) fn rules() -> Rules {
    let types = [
        ("Direct Employee", EmploymentType::Employee),
        ("EOR Employee", EmploymentType::Employee),
        ("Contractor", EmploymentType::Contractor),
    ];
    let statuses = [
        ("invited", StatusClass::Upcoming),
        ("active", StatusClass::Current),
        ("offboarding", StatusClass::Current),
        ("leave", StatusClass::OnLeave),
        ("blocked", StatusClass::Suspended),
        ("archived", StatusClass::Former),
    ];
    let mapping = Mapping {
        worker_types: types.map(|(word, kind)| (word.to_owned(), kind)).into(),
        vendors: ["vendor".to_owned()].into(),
        statuses: statuses.map(|(word, class)| (word.to_owned(), class)).into(),
        legal_entities: [("le-1".to_owned(), "Acme SAS".to_owned())].into(),
        departments: [("R and D".to_owned(), "Engineering".to_owned())].into(),
    };
    Rules { mapping, login_email_domains: ["login.example".to_owned()].into(), ..Rules::default() }
}

/// A worker in Paris who has been here for long.
pub(crate) fn worker(id: &str, email: &str) -> Worker {
    Worker {
        source_id: SourceId(id.to_owned()),
        work_email: Some(email.to_owned()).filter(|email| !email.is_empty()),
        login_email: None,
        full_name: Some(format!("Human {id}")),
        birth_date: None,
        employment: Employment {
            worker_type: "Direct Employee".to_owned(),
            status: "active".to_owned(),
            start: Some(day("2020-01-01")),
            ..Employment::default()
        },
        manager: None,
        attributes: Attributes::from([(name::COUNTRY.to_owned(), "FR".to_owned())]),
        ..Worker::default()
    }
}

impl Worker {
    pub(crate) fn named(mut self, name: &str) -> Self {
        self.full_name = Some(name.to_owned());
        self
    }

    pub(crate) fn born(mut self, date: &str) -> Self {
        self.birth_date = Some(day(date));
        self
    }

    pub(crate) fn status(mut self, word: &str) -> Self {
        word.clone_into(&mut self.employment.status);
        self
    }

    pub(crate) fn kind(mut self, word: &str) -> Self {
        word.clone_into(&mut self.employment.worker_type);
        self
    }

    pub(crate) fn starts(mut self, date: &str) -> Self {
        self.employment.start = Some(day(date));
        self
    }

    pub(crate) fn ends(mut self, date: &str) -> Self {
        self.employment.last_day = Some(day(date));
        self
    }

    pub(crate) fn share(mut self, percent: u8) -> Self {
        self.employment.share = Some(percent);
        self
    }

    pub(crate) fn reports_to(mut self, id: &str) -> Self {
        self.manager = Some(ManagerRef { source_id: Some(SourceId(id.to_owned())), ..ManagerRef::default() });
        self
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.attributes.insert(name.to_owned(), value.to_owned());
        self
    }
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) input: PlanInput,
    /// Emails that people gave up.
    former: BTreeMap<EmailKey, PersonId>,
    ids: u128,
}

impl World {
    pub(crate) fn new(now: &str) -> Self {
        let connection = |id, kind: &str| ConnectionFacts {
            id,
            kind: kind.to_owned(),
            name: format!("{kind} of Acme"),
            rules: rules(),
            first_import: true,
        };
        let input = PlanInput {
            now: at(now),
            run: None,
            connections: vec![connection(REMOTE, "remote"), connection(JUSTWORKS, "justworks")],
            authority: Authority::default(),
            workers: Vec::new(),
            people: Vec::new(),
            holders: BTreeMap::new(),
        };
        Self { input, former: BTreeMap::new(), ids: 0 }
    }

    /// A world in which these workers of Remote were decided already.
    pub(crate) fn of(now: &str, workers: impl IntoIterator<Item = Worker>) -> Self {
        let mut world = Self::new(now);
        for worker in workers {
            world.say(REMOTE, worker);
        }
        world.settle();
        world
    }

    /// An HR system sends a statement about a worker.
    pub(crate) fn say(&mut self, connection: ConnectionId, statement: Worker) {
        let key = WorkerKey { connection, source_id: statement.source_id.clone() };
        if let Some(known) = self.input.workers.iter_mut().find(|known| known.key == key) {
            known.statement = statement;
        } else {
            let known = KnownWorker { key, statement, accepted: None, link: None, absent: false };
            self.input.workers.push(known);
        }
    }

    /// Changes the statement of Remote about a worker.
    pub(crate) fn change(&mut self, id: &str, change: impl FnOnce(Worker) -> Worker) {
        let wanted = key(REMOTE, id);
        let known = self.input.workers.iter_mut().find(|known| known.key == wanted).unwrap();
        known.statement = change(known.statement.clone());
    }

    /// An admin orders units.
    pub(crate) fn order(&mut self, orders: &[(&str, &[ConnectionId])]) {
        let connections: Vec<ConnectionId> = self.input.connections.iter().map(|facts| facts.id).collect();
        let orders: Orders = orders.iter().map(|(unit, order)| (Unit::named(unit), order.to_vec())).collect();
        self.input.authority = Authority::of(&connections, &orders);
    }

    pub(crate) fn decide(&self) -> Decisions {
        let mut ids = self.ids;
        decide(&self.input, &mut || {
            ids += 1;
            PersonId(Uuid::from_u128(ids))
        })
    }

    /// Decides and does it, as the store would.
    pub(crate) fn settle(&mut self) -> Decisions {
        let decisions = self.decide();
        self.apply(&decisions);
        decisions
    }

    pub(crate) fn settle_at(&mut self, now: &str) -> Decisions {
        self.input.now = at(now);
        self.settle()
    }

    pub(crate) fn apply(&mut self, decisions: &Decisions) {
        for facts in &mut self.input.connections {
            facts.first_import = false;
        }
        for decision in &decisions.workers {
            let now = self.input.now;
            let known = self.input.workers.iter_mut().find(|known| known.key == decision.key).unwrap();
            if let Outcome::Published { person, accepted, .. } = &decision.outcome {
                known.accepted = Some(accepted.as_deref().unwrap_or(&known.statement).clone());
                known.link.get_or_insert(Link { person: *person, linked_at: now });
            }
        }
        for planned in &decisions.people {
            let after = (*planned.after).clone();
            if let Some(known) = self.input.people.iter_mut().find(|known| known.id == planned.id) {
                self.former.insert(known.person.work_email.key().clone(), known.id);
                known.person = after;
                known.version += 1;
            } else {
                self.ids += 1;
                self.input.people.push(KnownPerson { id: planned.id, version: 1, person: after });
            }
        }
        self.input.holders = self
            .former
            .iter()
            .map(|(key, person)| (key.clone(), Holder { person: *person, kind: HolderKind::Reserved }))
            .collect();
        for known in &self.input.people {
            let left = known.person.employment.status == Status::Terminated;
            let kind = if left { HolderKind::Reserved } else { HolderKind::Current };
            self.input.holders.insert(known.person.work_email.key().clone(), Holder { person: known.id, kind });
        }
    }

    /// The person that a worker of Remote is linked to.
    pub(crate) fn person(&self, id: &str) -> &KnownPerson {
        self.person_of(&key(REMOTE, id)).unwrap()
    }

    pub(crate) fn person_of(&self, key: &WorkerKey) -> Option<&KnownPerson> {
        let known = self.input.workers.iter().find(|known| known.key == *key)?;
        let person = known.link.as_ref()?.person;
        self.input.people.iter().find(|known| known.id == person)
    }
}

impl Decisions {
    pub(crate) fn outcome(&self, key: &WorkerKey) -> &Outcome {
        &self.workers.iter().find(|decision| decision.key == *key).unwrap().outcome
    }

    pub(crate) fn reviews(&self, key: &WorkerKey) -> &[Review] {
        &self.workers.iter().find(|decision| decision.key == *key).unwrap().reviews
    }

    /// The only person that changes.
    pub(crate) fn only(&self) -> (Option<&Person>, &Person) {
        assert_eq!(self.people.len(), 1, "exactly one person changes");
        (self.people[0].before.as_deref(), &self.people[0].after)
    }
}
