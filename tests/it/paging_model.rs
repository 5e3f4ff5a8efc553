//! Tests paging by index against a naive model. Random interleavings combine walks with probes, HEADs, retries, jumps,
//! restarts and changes of people and groups.
//!
//! `ROLLBOOK_PAGING_CASES` is how many cases are tried (a long run: 10000), `ROLLBOOK_PAGING_SEED` is the seed of the
//! first. Under nextest a test ends after two minutes; long runs are for `cargo test --test it paging_model`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use rollbook::directory::attribute::name;
use rollbook::directory::person::Person;
use rollbook::scim::filter::Mode;
use rollbook::scim::filter::check::read;
use rollbook::scim::path::AttrPath;
use rollbook::scim::schema::{Hidden, ResourceType};
use rollbook::store::db::pool::Connection;
use rollbook::store::filter::condition::Condition;
use rollbook::store::filter::sort::Sort;
use rollbook::store::paging;
use rollbook::store::paging::mixed::{Found, Order, Spanning};
use rollbook::store::paging::types::{PageRequest, Start};
use rollbook::store::visibility::Visibility;
use uuid::Uuid;

use crate::support::groups::department;
use crate::support::people::{insert, number_changes, person, remove, update};
use crate::support::served::{Served, encoded};

/// Random numbers that a seed repeats (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    Users,
    Groups,
    Root,
}

/// A list that is walked.
#[derive(Clone, Copy, Debug)]
struct List {
    endpoint: Endpoint,
    filter: Option<&'static str>,
    policy: Option<&'static str>,
    sort: Option<(&'static str, bool)>,
}

const fn list(
    endpoint: Endpoint,
    filter: Option<&'static str>,
    policy: Option<&'static str>,
    sort: Option<(&'static str, bool)>,
) -> List {
    List { endpoint, filter, policy, sort }
}

const ACTIVE: &str = "active eq true";
const INSIDE: &str = "title eq \"Inside\"";
const NAMED: &str = "active eq true and (userName sw \"m\" or title pr)";

const LISTS: [List; 16] = [
    list(Endpoint::Users, None, None, None),
    list(Endpoint::Users, Some(ACTIVE), None, None),
    list(Endpoint::Users, None, Some(INSIDE), None),
    list(Endpoint::Users, Some(ACTIVE), Some(INSIDE), None),
    list(Endpoint::Users, Some(INSIDE), None, None),
    list(Endpoint::Users, Some(NAMED), None, None),
    list(Endpoint::Users, None, None, Some(("displayName", false))),
    list(Endpoint::Users, Some(ACTIVE), None, Some(("displayName", true))),
    list(Endpoint::Users, None, Some(INSIDE), Some(("displayName", true))),
    list(Endpoint::Users, Some(INSIDE), None, Some(("title", false))),
    list(Endpoint::Users, Some(ACTIVE), Some(INSIDE), Some(("name.familyName", false))),
    list(Endpoint::Groups, None, None, None),
    list(Endpoint::Groups, None, None, Some(("displayName", true))),
    list(Endpoint::Root, None, None, None),
    list(Endpoint::Root, None, Some(INSIDE), Some(("displayName", false))),
    list(Endpoint::Root, Some("displayName co \"a\""), None, Some(("displayName", true))),
];

/// Everything that is listed, as the model has it.
struct World {
    served: Served,
    conn: Connection,
    people: BTreeMap<Uuid, Person>,
    groups: BTreeMap<Uuid, String>,
    made: usize,
}

impl World {
    async fn start() -> Self {
        let served = Served::start().await;
        let conn = served.conn().await;
        let mut world = Self { served, conn, people: BTreeMap::new(), groups: BTreeMap::new(), made: 0 };
        let mut random = Random(7);
        for _ in 0..24 {
            world.join(&mut random).await;
        }
        for _ in 0..7 {
            world.found().await;
        }
        world
    }

    async fn join(&mut self, random: &mut Random) {
        self.made += 1;
        let mut one = person(&format!("m{}@acme.com", self.made), given(random), "Model");
        one.active = !random.one_in(4);
        set_title(&mut one, !random.one_in(4));
        let ids = insert(&mut self.conn, std::slice::from_ref(&one), self.served.now()).await;
        self.people.insert(ids[0], one);
    }

    async fn found(&mut self) {
        self.made += 1;
        let name = format!("Team {} {}", self.made * 7 % 10, self.made);
        let id = department(&mut self.conn, &name, &[], self.served.now()).await;
        self.groups.insert(id, format!("Department: {name}"));
    }

    /// One change of one person or group. Who is listed, and in which order, may change.
    async fn change(&mut self, random: &mut Random) {
        // Two changes of one person have different instants. Without that, keys of the first count as stale.
        self.served.clock.advance(TimeDelta::milliseconds(1));
        let ids: Vec<Uuid> = self.people.keys().copied().collect();
        let id = ids[random.below(ids.len())];
        match random.below(10) {
            0 if self.people.len() < 40 => return self.join(random).await,
            1 if self.people.len() > 20 => {
                self.people.remove(&id);
                return remove(&mut self.conn, id, self.served.now()).await;
            }
            2 if self.groups.len() < 12 => return self.found().await,
            3 => return number_changes(&mut self.conn).await,
            _ => {}
        }
        let one = self.people.get_mut(&id).unwrap();
        match random.below(5) {
            0 | 1 => one.active = !one.active,
            2 | 3 => {
                let is_inside = one.attributes.get(name::TITLE).is_some_and(|title| title == "Inside");
                set_title(one, !is_inside);
            }
            _ => {
                one.attributes.insert(name::GIVEN_NAME.to_owned(), given(random).to_owned());
            }
        }
        update(&mut self.conn, id, one, self.served.now()).await;
    }

    /// The resources of a list with what they are sorted by.
    fn listed(&self, list: &List) -> BTreeMap<Uuid, String> {
        let holds = |one: &Person, filter: &str| match filter {
            ACTIVE | NAMED => one.active,
            INSIDE => one.attributes.get(name::TITLE).is_some_and(|title| title == "Inside"),
            _ => one.attributes[name::GIVEN_NAME].contains('a'),
        };
        let key = |one: &Person| match list.sort {
            None => String::new(),
            Some(("title", _)) => one.attributes.get(name::TITLE).cloned().unwrap_or_default(),
            Some(("name.familyName", _)) => one.attributes[name::FAMILY_NAME].clone(),
            Some(_) => one.attributes[name::GIVEN_NAME].clone(),
        };
        let mut listed = BTreeMap::new();
        if list.endpoint != Endpoint::Groups {
            let filters = || list.filter.into_iter().chain(list.policy);
            let people = self.people.iter().filter(|(_, one)| filters().all(|filter| holds(one, filter)));
            listed.extend(people.map(|(id, one)| (*id, key(one))));
        }
        if list.endpoint != Endpoint::Users {
            listed.extend(self.groups.iter().map(|(id, name)| (*id, name.clone())));
        }
        listed
    }
}

fn given(random: &mut Random) -> &'static str {
    ["Ana", "Bela", "Cara", "Dora", "Emil", "Fritz", "Gus", "Mira"][random.below(8)]
}

fn set_title(one: &mut Person, is_inside: bool) {
    let title = if is_inside { "Inside" } else { "Outside" };
    one.attributes.insert(name::TITLE.to_owned(), title.to_owned());
}

/// How pages are asked for.
enum Door {
    /// The function that the handlers call.
    Store { caller: Uuid, visibility: Visibility },
    /// The server, with this token.
    Http { token: String },
}

impl Door {
    async fn open(world: &mut World, list: &List, over_http: bool) -> Self {
        if over_http {
            world.made += 1;
            let consumer = format!("walker {}", world.made);
            let token = world.served.released(&consumer, &["scim:read"], list.policy, None, None).await;
            return Self::Http { token };
        }
        let hidden = Hidden::sensitive();
        let policy = list.policy.map(|text| read(text, Mode::Lenient, ResourceType::User.shape(), &hidden).unwrap());
        let visibility = Visibility::unrestricted("", false, hidden);
        let visibility = visibility.narrowed(&mut world.conn, policy.as_ref(), None).await.unwrap();
        Self::Store { caller: Uuid::from_u128(world.served.clock.row_id().as_u128()), visibility }
    }

    /// The ids of a page and `totalResults`.
    async fn page(&self, world: &mut World, list: &List, start: usize, count: usize) -> (Vec<Uuid>, usize) {
        match self {
            Self::Http { token } => {
                let answer = world.served.get_as(token, &path(list, start, count)).await;
                let total = answer.list()["totalResults"].as_u64().unwrap();
                (answer.ids(), usize::try_from(total).unwrap())
            }
            Self::Store { caller, visibility } => {
                let start = Start::Index(i64::try_from(start).unwrap());
                self::page(world, *caller, visibility, list, start, count).await
            }
        }
    }

    /// The same page by HEAD.
    async fn look(&self, world: &mut World, list: &List, start: usize, count: usize) {
        match self {
            Self::Http { token } => {
                let headers = [("authorization", format!("Bearer {token}"))];
                let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
                let answer = world.served.send("HEAD", &path(list, start, count), &headers).await;
                assert_eq!((answer.status, answer.text.as_str()), (200, ""));
            }
            Self::Store { caller, visibility } => {
                let start = Start::Look(i64::try_from(start).unwrap());
                self::page(world, *caller, visibility, list, start, count).await;
            }
        }
    }
}

fn path(list: &List, start: usize, count: usize) -> String {
    let endpoint = match list.endpoint {
        Endpoint::Users => "/Users",
        Endpoint::Groups => "/Groups",
        Endpoint::Root => "",
    };
    let mut path = format!("/scim/v2{endpoint}?startIndex={start}&count={count}");
    if let Some(filter) = list.filter {
        path.extend(["&filter=", encoded(filter).as_str()]);
    }
    if let Some((key, descending)) = list.sort {
        let order = if descending { "descending" } else { "ascending" };
        path.extend(["&sortBy=", key, "&sortOrder=", order]);
    }
    path
}

async fn page(
    world: &mut World,
    caller: Uuid,
    visibility: &Visibility,
    list: &List,
    start: Start<'_>,
    count: usize,
) -> (Vec<Uuid>, usize) {
    let query = format!("{list:?}");
    let count = i64::try_from(count).unwrap();
    let request = PageRequest { caller, query: query.as_bytes(), start, count, now: world.served.now() };
    let conn = &mut world.conn;
    let (user, hidden) = (ResourceType::User.shape(), Hidden::sensitive());
    let condition = match list.filter {
        Some(filter) => {
            let filter = read(filter, Mode::Lenient, user, &hidden).unwrap();
            let mut condition = Condition::of(&filter, visibility);
            condition.settle(conn).await.unwrap();
            Some(condition)
        }
        None => None,
    };
    let key = list.sort.map(|(key, descending)| (AttrPath::parse(key).unwrap(), descending));
    let of_people = key
        .as_ref()
        .map(|(key, descending)| Sort::of_people(user.resolve(key, &hidden).unwrap(), *descending, visibility));
    let of_groups = key.as_ref().filter(|_| list.endpoint != Endpoint::Users).map(|(key, descending)| {
        Sort::of_groups(ResourceType::Group.shape().resolve(key, &hidden).unwrap(), *descending, visibility)
    });
    let (ids, total): (Vec<Uuid>, i64) = match list.endpoint {
        Endpoint::Users => {
            let page =
                paging::people::page(conn, visibility, &request, condition.as_ref(), of_people.as_ref()).await.unwrap();
            (page.items.iter().map(|one| one.id).collect(), page.total)
        }
        Endpoint::Groups => {
            let page = paging::groups::page(conn, visibility, &request, None, of_groups.as_ref()).await.unwrap();
            (page.items.iter().map(|one| one.id).collect(), page.total)
        }
        Endpoint::Root => {
            let order = key.as_ref().map(|(_, descending)| Order {
                people: of_people.as_ref(),
                groups: of_groups.as_ref(),
                descending: *descending,
            });
            let asked = Spanning { people: condition.as_ref(), groups: None, order };
            let (page, _) = paging::mixed::page(conn, visibility, &request, None, asked).await.unwrap();
            let id = |one: &Found| match one {
                Found::Person(person) => person.id,
                Found::Group(group) => group.id,
            };
            (page.items.iter().map(id).collect(), page.total)
        }
    };
    (ids, usize::try_from(total).unwrap())
}

/// When a client considers a walk finished.
#[derive(Clone, Copy, Debug)]
enum StopsAt {
    Total,
    EmptyPage,
    ShortPage,
}

/// A client that reads a list from index 1.
#[derive(Clone, Debug)]
struct Walker {
    count: usize,
    stops_at: StopsAt,
    next: usize,
    is_done: bool,
    seen: Vec<Uuid>,
    /// What has been listed under the same sort value since the walk began.
    required: BTreeMap<Uuid, String>,
    last: usize,
    read_at: DateTime<Utc>,
    /// Another client began the same list while this one paused for a minute: its saved positions are given up
    /// (docs/decisions/0014).
    is_superseded: bool,
}

impl Walker {
    fn new(random: &mut Random, counts: &[usize]) -> Self {
        let stops_at = [StopsAt::Total, StopsAt::EmptyPage, StopsAt::ShortPage][random.below(3)];
        let count = counts[random.below(counts.len())];
        Self {
            count,
            stops_at,
            next: 1,
            is_done: false,
            seen: Vec::new(),
            required: BTreeMap::new(),
            last: 1,
            read_at: DateTime::UNIX_EPOCH,
            is_superseded: false,
        }
    }

    /// Reads the next page. Answers with its `totalResults`.
    async fn step(&mut self, world: &mut World, door: &Door, list: &List) -> usize {
        if self.next == 1 {
            self.required = world.listed(list);
            self.seen.clear();
            self.is_superseded = false;
        }
        let (ids, total) = door.page(world, list, self.next, self.count).await;
        self.last = self.next;
        self.read_at = world.served.now();
        self.next += ids.len();
        self.is_done = match self.stops_at {
            StopsAt::Total => self.next > total,
            StopsAt::EmptyPage => ids.is_empty(),
            StopsAt::ShortPage => ids.len() < self.count,
        };
        self.seen.extend(ids);
        total
    }

    /// Resources that are not listed any more, or under another sort value, may be missed.
    fn note(&mut self, listed: &BTreeMap<Uuid, String>) {
        self.required.retain(|id, key| listed.get(id) == Some(key));
    }

    /// A page at index 1 was read by another client.
    fn note_begin(&mut self, now: DateTime<Utc>) {
        self.is_superseded |= self.next > 1 && now - self.read_at >= TimeDelta::minutes(1);
    }

    fn missing(&self) -> Vec<Uuid> {
        if self.is_superseded {
            return Vec::new();
        }
        self.required.keys().filter(|id| !self.seen.contains(id)).copied().collect()
    }

    fn twice(&self) -> usize {
        let distinct: BTreeSet<&Uuid> = self.seen.iter().filter(|id| self.required.contains_key(id)).collect();
        self.seen.iter().filter(|id| self.required.contains_key(id)).count() - distinct.len()
    }
}

/// Several clients of one consumer, probes, HEADs, retries and jumps, while people and groups change: no client misses
/// what was listed all the time.
async fn interleaved(world: &mut World, random: &mut Random, list: &List, door: &Door, what: &str) {
    let counts = [[3, 3, 3], [3, 5, 3], [4, 4, 2]][random.below(3)];
    let mut walkers: Vec<Walker> = (0..=random.below(3)).map(|_| Walker::new(random, &counts)).collect();
    let mut log: Vec<String> = Vec::new();
    // Positions are saved for an hour.
    let end = world.served.now() + TimeDelta::minutes(55);
    for _ in 0..400 {
        if walkers.iter().all(|walker| walker.is_done) {
            break;
        }
        if world.served.now() < end {
            world.served.clock.advance(TimeDelta::seconds(i64::try_from(1 + random.below(20)).unwrap()));
        }
        let n = random.below(walkers.len());
        let (action, now) = (random.below(16), world.served.now());
        let is_retry = action == 2 && walkers[n].next > 1 && now - walkers[n].read_at < TimeDelta::minutes(2);
        let goes_on = matches!(action, 2 | 4 | 5 | 10..) && !walkers[n].is_done;
        if action == 1 || is_retry && walkers[n].last == 1 || !is_retry && goes_on && walkers[n].next == 1 {
            // The page at index 1 may begin another walk; it ends the walks that have paused.
            walkers
                .iter_mut()
                .enumerate()
                .filter(|(other, _)| *other != n || action == 1)
                .for_each(|(_, other)| other.note_begin(now));
        }
        let walker = &mut walkers[n];
        match action {
            0 => {
                let start = if random.one_in(2) { 1 } else { walker.next };
                door.look(world, list, start, walker.count).await;
                log.push(format!("HEAD {start}"));
            }
            1 => {
                door.page(world, list, 1, walker.count).await;
                log.push(format!("probe of 1 by {}", walker.count));
            }
            // A lost answer.
            2 if is_retry => {
                door.page(world, list, walker.last, walker.count).await;
                log.push(format!("{n} again {} by {}", walker.last, walker.count));
            }
            3 => {
                // A page out of order, but for the last page of a walk that is about to be read.
                let (start, count) = (2 + random.below(24), counts[random.below(3)]);
                let is_last = start + count + 6 > world.listed(list).len();
                if !(is_last && walkers.iter().any(|other| other.next == start && !other.is_done)) {
                    door.page(world, list, start, count).await;
                    log.push(format!("jump to {start} by {count}"));
                }
            }
            4 if random.one_in(3) => {
                walker.next = 1;
                walker.is_done = false;
                log.push(format!("{n} restarts"));
            }
            5 if random.one_in(4) && world.served.now() < end => {
                world.served.clock.advance(TimeDelta::minutes(4));
                log.push("4 minutes".to_owned());
            }
            6..=9 => {
                for _ in 0..=random.below(3) {
                    world.change(random).await;
                }
                let listed = world.listed(list);
                walkers.iter_mut().filter(|walker| !walker.is_done).for_each(|walker| walker.note(&listed));
                log.push(format!("change: {} are listed", listed.len()));
            }
            _ if !walker.is_done => {
                walker.step(world, door, list).await;
                log.push(format!("{n} reads to {} by {}, done: {}", walker.next, walker.count, walker.is_done));
                if walker.is_done {
                    assert_eq!(walker.missing(), [] as [Uuid; 0], "{what} {list:?} {walker:?}\n{}", log.join("\n"));
                }
            }
            _ => {}
        }
    }
}

/// Runs one walk after the other, each over a list that does not change. Each lists each resource exactly once, in its
/// order.
async fn repeated(world: &mut World, random: &mut Random, list: &List, door: &Door, what: &str) {
    for round in 0..3 {
        world.served.clock.advance(TimeDelta::seconds(5));
        let fresh = Door::open(world, list, false).await;
        let (whole, _) = fresh.page(world, list, 1, 500).await;
        let expected = world.listed(list);
        assert_eq!(whole.iter().collect::<BTreeSet<_>>(), expected.keys().collect::<BTreeSet<_>>(), "{what} {list:?}");
        let mut walker = Walker::new(random, &[3, 4, 7]);
        while !walker.is_done {
            walker.step(world, door, list).await;
            assert!(walker.seen.len() <= whole.len(), "{what} {list:?} {round}");
        }
        assert_eq!(walker.seen, whole, "{what} {list:?} {round} {walker:?}");
        for _ in 0..=random.below(6) {
            world.change(random).await;
        }
    }
}

/// Reads pages of an unchanging list in any order, beside a walk. Each is the slice that its index names, and the total
/// is the same on all.
async fn still(world: &mut World, random: &mut Random, list: &List, door: &Door, what: &str) {
    let fresh = Door::open(world, list, false).await;
    let (whole, _) = fresh.page(world, list, 1, 500).await;
    for _ in 0..12 {
        let (start, count) = (1 + random.below(whole.len() + 3), 1 + random.below(6));
        let expected: Vec<Uuid> = whole.iter().skip(start - 1).take(count).copied().collect();
        let page = door.page(world, list, start, count).await;
        assert_eq!(page, (expected, whole.len()), "{what} {list:?} from {start} by {count}");
    }
}

/// A walk alone while people change: what stays listed is read exactly once.
async fn alone(world: &mut World, random: &mut Random, list: &List, door: &Door, what: &str) {
    let mut walker = Walker::new(random, &[3, 4, 5]);
    let mut total = usize::MAX;
    for _ in 0..200 {
        // Positions stay for three minutes after the last page was read.
        let longest = if walker.next > total { 2 } else { 20 };
        world.served.clock.advance(TimeDelta::minutes(i64::try_from(random.below(longest)).unwrap()));
        let is_first = walker.next == 1;
        total = walker.step(world, door, list).await;
        if is_first && total <= walker.count {
            // Of a list that fits one page nothing is saved: what a client asks for behind it is counted to.
            return;
        }
        if walker.is_done {
            break;
        }
        for _ in 0..=random.below(4) {
            world.change(random).await;
        }
        walker.note(&world.listed(list));
    }
    assert!(walker.is_done, "{what} {list:?}");
    assert_eq!((walker.missing(), walker.twice()), (Vec::new(), 0), "{what} {list:?} {walker:?}");
}

async fn run(cases: usize, over_http: bool) {
    let first = std::env::var("ROLLBOOK_PAGING_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let cases = std::env::var("ROLLBOOK_PAGING_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(cases);
    let mut world = World::start().await;
    for seed in first..first + u64::try_from(cases).unwrap() {
        let mut random = Random(seed);
        let list = LISTS[random.below(LISTS.len())];
        let what = format!("ROLLBOOK_PAGING_SEED={seed}");
        let door = Door::open(&mut world, &list, over_http).await;
        match random.below(6) {
            0 => repeated(&mut world, &mut random, &list, &door, &what).await,
            1 => still(&mut world, &mut random, &list, &door, &what).await,
            2 => alone(&mut world, &mut random, &list, &door, &what).await,
            _ => interleaved(&mut world, &mut random, &list, &door, &what).await,
        }
    }
    world.served.stop().await;
}

#[tokio::test]
async fn walks_miss_nothing_that_was_listed_all_the_time() {
    run(120, false).await;
}

#[tokio::test]
async fn walks_over_http_miss_nothing_that_was_listed_all_the_time() {
    run(24, true).await;
}
