//! Makes the members of a simulated Justworks company. Every member is made from (seed, index) when asked for, and none
//! is kept.

use std::sync::Arc;

use chrono::NaiveDate;

use super::config::{JustworksConfig, MemberKinds};
use super::draft::{Address, Draft, Manager, Pay};
use super::examples;
use super::role::{Role, State};
use crate::sandbox::dates::days_before;
use crate::sandbox::dice::Dice;
use crate::sandbox::names::{self, Name};
use crate::sandbox::pair::ManagerElsewhere;
use crate::sandbox::remote::{Twin, Twins};
use crate::sandbox::{places, words};

/// The purposes of [`Dice`].
const ROLE: u64 = 21;
const DETAILS: u64 = 22;
const EDITED: u64 = 23;
const ELSEWHERE: u64 = 24;
const BIRTH: u64 = 25;

/// How many people report to one manager.
const SPAN: u32 = 7;

/// How many in a hundred of the leaves report to a person of another HR system, where there is one.
const SHARE_ELSEWHERE: u32 = 12;

#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Company {
    seed: u64,
    kinds: MemberKinds,
    members: u32,
    domain: String,
    name: String,
    today: NaiveDate,
    twins: Twins,
    elsewhere: Arc<[ManagerElsewhere]>,
}

/// The person that a member is.
struct Human {
    name: Name,
    mailbox: String,
    work_email: String,
    birth: NaiveDate,
    twin: Option<Twin>,
}

impl Company {
    /// Makes a company; `config` has to be settled.
    pub(in crate::sandbox) fn new(config: &JustworksConfig, today: NaiveDate) -> Self {
        let first = if config.kinds == MemberKinds::Everything { examples::COUNT } else { 0 };
        let people = config.overlap.people.min(config.members.saturating_sub(first));
        Self {
            seed: config.seed,
            kinds: config.kinds.clone(),
            members: config.members,
            domain: config.domain.clone(),
            name: config.company_name.clone(),
            today,
            twins: Twins::of(
                (config.seed, &config.domain, today),
                (config.overlap.workers, &config.overlap.kinds),
                people,
            ),
            elsewhere: config.managers_elsewhere.clone().into(),
        }
    }

    pub(super) fn today(&self) -> NaiveDate {
        self.today
    }

    pub(super) fn domain(&self) -> &str {
        &self.domain
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// How many people the set-up asks for; indices beyond make people who were added.
    pub(super) fn members(&self) -> u32 {
        self.members
    }

    fn has_everything(&self) -> bool {
        self.kinds == MemberKinds::Everything
    }

    /// Whether the company has only the members of the page.
    pub(super) fn is_the_example(&self) -> bool {
        self.has_everything() && self.members <= examples::COUNT
    }

    /// Whether `index` is one of the sixteen members of the page.
    pub(super) fn is_example(&self, index: u32) -> bool {
        index < self.first_made() && index < self.members
    }

    fn first_made(&self) -> u32 {
        if self.has_everything() { examples::COUNT } else { 0 }
    }

    pub(super) fn id(&self) -> String {
        format!("cmp_{:010x}", 0x3f_9c1b_7e2a_u64 ^ self.mark())
    }

    pub(super) fn member_id(&self, index: u32) -> String {
        self.marked("mem", &format!("{:04}", index.saturating_add(1)))
    }

    /// The index whose [`member_id`](Self::member_id) this is.
    pub(super) fn index_of(&self, member_id: &str) -> Option<u32> {
        let (_, number) = member_id.rsplit_once('_')?;
        let index = number.parse::<u32>().ok()?.checked_sub(1)?;
        (self.member_id(index) == member_id).then_some(index)
    }

    /// The number of departments. The page has three; else it is about one for 25 people, at least 5 and at most 60.
    pub(super) fn departments(&self) -> u32 {
        if self.is_the_example() { 3 } else { (self.members / 25).clamp(5, 60) }
    }

    /// Id and name of a department.
    pub(super) fn department(&self, place: u32) -> (String, String) {
        let known = [("eng01", "Engineering"), ("ops02", "Operations"), ("ven03", "Ventas & Éxito")];
        let (word, name) = match usize::try_from(place).ok().and_then(|place| known.get(place)) {
            Some((word, name)) => ((*word).to_owned(), (*name).to_owned()),
            None => (format!("{:05}", place.saturating_add(1)), words::department(place, false)),
        };
        (self.marked("dep", &word), name)
    }

    pub(super) fn offices(&self) -> u32 {
        if self.is_the_example() { 2 } else { 3 }
    }

    /// Id and name of an office.
    pub(super) fn office(&self, place: u32) -> (String, &'static str) {
        let (id, name) = [("nyc01", "New York HQ"), ("rem02", "Remote"), ("sfo03", "San Francisco")]
            [usize::try_from(place % 3).expect("smaller than three")];
        (self.marked("off", id), name)
    }

    /// The id of a person who manages people here and is no member.
    pub(super) fn elsewhere_id(&self, place: usize) -> String {
        self.marked("mem", &format!("x{:03}", place + 1))
    }

    /// The person of Remote that the member at `index` is, by Remote's index.
    pub(super) fn twin_of(&self, index: u32) -> Option<u32> {
        self.twins.worker(index.checked_sub(self.first_made())?)
    }

    /// The people of Remote who are members too: those from the first made-up member on.
    pub(in crate::sandbox) fn twins(&self) -> &Twins {
        &self.twins
    }

    /// People who lead others and are no people of Remote, for Remote to name as managers.
    pub(in crate::sandbox) fn leaders_only_here(&self) -> impl Iterator<Item = (String, String)> {
        let alone = move |index: &u32| self.twin_of(*index).is_none() && self.role(*index).leads();
        (self.first_made()..self.members.min(20_000)).filter(alone).map(|index| {
            let human = self.human(index);
            (human.name.full, human.work_email)
        })
    }

    /// Whether the person has left, without making the whole person.
    pub(super) fn is_terminated(&self, index: u32) -> bool {
        if self.is_example(index) { index == examples::LEAVER } else { self.role(index).state == State::Terminated }
    }

    /// The instant in `updated_at`, without making the whole person.
    pub(super) fn updated(&self, index: u32) -> String {
        if self.is_example(index) {
            return examples::person(index, self).updated;
        }
        let mut dice = Dice::of(self.seed, index, EDITED);
        let day = days_before(self.today, i64::from(dice.between(1, 200)));
        format!("{day}T{:02}:{:02}:{:02}Z", dice.below(24), dice.below(60), dice.below(60))
    }

    /// Everything about a member, whether the company has so many or not.
    pub(super) fn draft(&self, index: u32) -> Draft {
        if self.is_example(index) {
            return examples::person(index, self);
        }
        let role = self.role(index);
        let Human { name, mailbox, work_email, birth, twin } = self.human(index);
        let mut dice = Dice::of(self.seed, index, DETAILS);
        let country = if role.is_in_the_states() { "US" } else { abroad(&mut dice) };
        let (start, end) = self.dates(role, &mut dice);
        let title = format!("{}{}", dice.pick(&words::RANKS), dice.pick(&words::TITLES));
        let title = match &twin {
            Some(Twin { title: Some(title), place, .. }) if place % 3 != 0 => title.clone(),
            _ => title,
        };
        let at_home = role.kind != "employee" || dice.chance(40);
        let office = if role.kind == "employee" {
            Some(if at_home { 1 } else { dice.pick(&[0, 0, 2]).to_owned() })
        } else {
            None
        };
        let department = match twin.as_ref().and_then(|twin| twin.department) {
            Some(place) => place % self.departments(),
            None => dice.below(self.departments()),
        };
        let created = start.map_or(self.today, |start| start.min(self.today));
        let vendor = role.kind == "vendor";
        Draft {
            index,
            work_id: role.is_on_payroll().then(|| format!("{:05}", index.saturating_add(1))),
            given: (!vendor).then(|| name.given.clone()),
            surname: if vendor {
                Some(format!("{} {} LLC", name.surname.unwrap_or_default(), name.given))
            } else {
                name.surname
            },
            preferred: None,
            additional: Vec::new(),
            active: !matches!(role.state, State::Terminated | State::Inactive),
            kind: Some(role.kind),
            location_type: role.is_staff().then_some(if at_home { "remote" } else { "office" }),
            address: if !role.is_staff() {
                None
            } else if at_home {
                Some(Address::Home)
            } else {
                Some(Address::Company)
            },
            work_email: role.has_work_email.then_some(work_email),
            personal_email: Some(format!("{mailbox}@mail.example")),
            has_phone: role.is_staff(),
            department: role.is_staff().then_some(department),
            office,
            manager: if role.is_staff() { self.manager(index) } else { None },
            title: role.is_staff().then_some(title),
            start,
            end,
            country: Some(country),
            history: Vec::new(),
            birth: (!vendor).then_some(birth),
            pay: Pay::Forbidden,
            added: Some(created),
            created: format!("{created}T12:00:00Z"),
            updated: self.updated(index),
        }
    }

    /// The manager of a member: a few of the leaves report to a person of another HR system.
    fn manager(&self, index: u32) -> Option<Manager> {
        let mut dice = Dice::of(self.seed, index, ELSEWHERE);
        if self.is_leaf(index)
            && self.twin_of(index).is_none()
            && !self.elsewhere.is_empty()
            && dice.chance(SHARE_ELSEWHERE)
        {
            let count = u32::try_from(self.elsewhere.len()).unwrap_or(u32::MAX);
            let place = usize::try_from(dice.below(count)).expect("smaller than a length");
            return Some(Manager::Elsewhere { place, email: self.elsewhere[place].email.clone() });
        }
        self.boss(index).map(Manager::Member)
    }

    /// Whether no member can have this person as manager.
    fn is_leaf(&self, index: u32) -> bool {
        let place = index.saturating_sub(self.first_made().max(1));
        place.saturating_add(1).saturating_mul(SPAN) >= self.members
    }

    /// The manager among the members, who works here now. The manager always has a lower index, so that managers form a
    /// tree.
    fn boss(&self, index: u32) -> Option<u32> {
        let first = self.first_made().max(1);
        let above = |index: u32| match index.checked_sub(first)? {
            place if place < SPAN => Some(0),
            place => Some(first + place / SPAN - 1),
        };
        let mut boss = above(index);
        while let Some(candidate) = boss {
            if candidate == 0 || self.role(candidate).leads() {
                break;
            }
            boss = above(candidate);
        }
        boss
    }

    pub(super) fn role(&self, index: u32) -> Role {
        if index >= self.members {
            return Role::active("employee");
        }
        let is_steady = index == 0 || self.twin_of(index).is_some();
        Role::drawn(&self.kinds, index, is_steady, &mut Dice::of(self.seed, index, ROLE))
    }

    fn human(&self, index: u32) -> Human {
        let place = index.saturating_sub(self.first_made());
        if let Some(twin) = self.twins.twin(place) {
            return Human {
                name: twin.name.clone(),
                work_email: in_another_case(&twin.mailbox, &self.domain, place),
                mailbox: twin.mailbox.clone(),
                birth: twin.birth,
                twin: Some(twin),
            };
        }
        let (name, mailbox) = names::stranger(self.seed, index);
        let mut dice = Dice::of(self.seed, index, BIRTH);
        Human {
            name,
            work_email: format!("{mailbox}@{}", self.domain),
            mailbox,
            birth: days_before(self.today, i64::from(dice.between(20 * 366, 62 * 365))),
            twin: None,
        }
    }

    /// First and last day.
    fn dates(&self, role: Role, dice: &mut Dice) -> (Option<NaiveDate>, Option<NaiveDate>) {
        let day = |days: i64| Some(days_before(self.today, days));
        let served = i64::from(dice.between(30, 3650));
        let gone = i64::from(dice.between(1, 700));
        let soon = i64::from(dice.between(5, 60));
        match role.state {
            State::Active => (day(served), None),
            State::Leaving => (day(served), day(-soon)),
            State::Terminated => (day(gone + served), day(gone)),
            State::Upcoming => (day(-i64::from(dice.between(3, 90))), None),
            State::Inactive => (None, None),
        }
    }

    fn marked(&self, family: &str, word: &str) -> String {
        match self.mark() {
            0 => format!("{family}_{word}"),
            mark => format!("{family}_{mark:04x}_{word}"),
        }
    }

    /// Sixteen bits of the seed, written into ids: two companies share none.
    fn mark(&self) -> u64 {
        let seed = self.seed;
        (seed ^ (seed >> 16) ^ (seed >> 32) ^ (seed >> 48)) & 0xFFFF
    }
}

/// The two letters of a country that is not the United States.
fn abroad(dice: &mut Dice) -> &'static str {
    match dice.pick(&places::COUNTRIES).alpha_2 {
        "US" => "FR",
        other => other,
    }
}

/// Rewrites a mailbox in another letter case; Remote writes it in small letters.
fn in_another_case(mailbox: &str, domain: &str, place: u32) -> String {
    match place % 3 {
        0 => format!("{mailbox}@{}", domain.to_uppercase()),
        1 => format!("{}@{domain}", mailbox.to_uppercase()),
        _ => {
            let mut words: Vec<String> = Vec::new();
            for word in mailbox.split('.') {
                let (head, tail) = word.split_at(word.len().min(1));
                words.push(format!("{}{tail}", head.to_uppercase()));
            }
            format!("{}@{domain}", words.join("."))
        }
    }
}
