//! Lists the kinds of requests that are measured, and the rate that each has to reach (design, section 8).

use anyhow::{Context as _, ensure};
use rollbook::scim::schema::{DERIVED_GROUP_URN, ENTERPRISE_URN};
use serde_json::Value;

use super::company::{LARGEST, LARGEST_NAME};
use super::load::Readers;
use super::program::Program;
use super::settings::Settings;
use super::table::{Table, thousands};
use super::wrk::{self, Floor, Request};

/// How many different people the requests about one person use in turn.
const ASKED: u32 = 500;
/// How many different pages the requests for pages by cursor use in turn.
const CURSORS: u32 = 50;

/// The target that a kind of request has to reach.
#[derive(Clone, Copy)]
enum Reach {
    /// A share of the floor.
    Share(f64),
    /// Answers a second.
    PerSecond(f64),
    /// As much as the first page, within 1.2.
    LikeTheFirst,
    Nothing,
}

/// One kind of request.
pub(crate) struct Row {
    name: String,
    pub(crate) requests: Vec<Request>,
    reach: Reach,
    /// The status of the answers.
    status: u16,
    /// How many people or groups each answer has to hold.
    holds: Option<usize>,
}

const FIRST_PAGE: &str = "page of 100 users: the first";

/// All rows of a directory that is loaded.
pub(crate) async fn rows(program: &Program, readers: &Readers, people: u32) -> anyhow::Result<Vec<Row>> {
    let (open, limited) = (readers.open.as_str(), readers.limited.as_str());
    let asked = sample(program, open, people).await?;
    let each = |token: &str, path: &dyn Fn(&Value) -> anyhow::Result<String>| -> anyhow::Result<Vec<Request>> {
        asked.iter().map(|user| Ok(get(token, &path(user)?))).collect()
    };
    let by_email = |user: &Value| Ok(users(&format!("emails.value eq \"{}\"", text(user, "/emails/0/value")?), 100));
    let by_external = |user: &Value| Ok(users(&format!("externalId eq \"{}\"", text(user, "/externalId")?), 100));
    let far = far(people);
    let all = group(program, open, &format!("{DERIVED_GROUP_URN}:kind eq \"all\"")).await?;
    let large = group(program, open, &format!("{DERIVED_GROUP_URN}:name eq \"{LARGEST_NAME}\"")).await?;
    let manager = asked.iter().find_map(|user| user[ENTERPRISE_URN]["manager"]["value"].as_str());
    let manager = manager.context("nobody has a manager")?;
    let one = |path: &str| vec![get(open, path)];
    let mut rows = vec![
        Row::new("GET a user by id", each(open, &by_id)?, Reach::Share(0.3)),
        Row::new("the same, not modified (304)", versions(program, &asked, open).await?, Reach::Nothing).status(304),
        Row::new("filter userName eq", each(open, &by_name)?, Reach::Share(0.3)).holds(1),
        Row::new("filter emails.value eq", each(open, &by_email)?, Reach::Share(0.3)).holds(1),
        Row::new("filter externalId eq", each(open, &by_external)?, Reach::Share(0.3)).holds(1),
        Row::new(FIRST_PAGE, one(&page(1)), Reach::PerSecond(600.0)).holds(100),
        Row::new(
            &format!("page of 100 users: startIndex={}", thousands(far.into())),
            one(&page(far)),
            Reach::LikeTheFirst,
        )
        .holds(100),
        Row::new("page of 100 users: by cursor", cursors(program, open, people).await?, Reach::LikeTheFirst).holds(100),
        Row::new("totalResults alone (count=0)", one("/scim/v2/Users?count=0"), Reach::Nothing).holds(0),
        Row::new("filter displayName co, count=20", contains(&asked, open)?, Reach::PerSecond(500.0)),
        Row::new(
            "page of 100 users by displayName",
            one("/scim/v2/Users?sortBy=displayName&count=100"),
            Reach::Nothing,
        )
        .holds(100),
        Row::new(
            "page of 100 users by name.familyName (no index)",
            one("/scim/v2/Users?sortBy=name.familyName&count=100"),
            Reach::Nothing,
        )
        .holds(100),
        Row::new(
            "filter manager eq, count=100",
            one(&users(&format!("{ENTERPRISE_URN}:manager.value eq \"{manager}\""), 100)),
            Reach::Nothing,
        ),
        Row::new(
            "filter active eq and department eq",
            one(&users(&format!("active eq true and {ENTERPRISE_URN}:department eq \"Department 7\""), 100)),
            Reach::Nothing,
        ),
        Row::new(
            &format!("group of {} with members", thousands(LARGEST.into())),
            one(&format!("/scim/v2/Groups/{large}")),
            Reach::PerSecond(200.0),
        ),
        Row::new(
            "the same without members",
            one(&format!("/scim/v2/Groups/{large}?excludedAttributes=members")),
            Reach::Nothing,
        ),
        Row::new(
            &format!("group of {} with members", thousands(people.into())),
            one(&format!("/scim/v2/Groups/{all}")),
            Reach::Nothing,
        ),
        Row::new(
            "page of 100 groups without members",
            one("/scim/v2/Groups?count=100&excludedAttributes=members"),
            Reach::Nothing,
        )
        .holds(100),
    ];
    rows.extend(with_a_policy(program, limited, people, &asked, &large).await?);
    for row in &rows {
        row.check(program).await?;
    }
    Ok(rows)
}

/// The same kinds of requests of a consumer with a policy.
async fn with_a_policy(
    program: &Program,
    limited: &str,
    people: u32,
    asked: &[Value],
    large: &str,
) -> anyhow::Result<Vec<Row>> {
    let asked_for = |path: &dyn Fn(&Value) -> anyhow::Result<String>| -> anyhow::Result<Vec<Request>> {
        asked.iter().map(|user| Ok(get(limited, &path(user)?))).collect()
    };
    let far = far(people);
    Ok(vec![
        Row::new("with a policy: GET a user by id", asked_for(&by_id)?, Reach::Nothing),
        Row::new("with a policy: filter userName eq", asked_for(&by_name)?, Reach::Nothing).holds(1),
        Row::new("with a policy: page of 100 users: the first", vec![get(limited, &page(1))], Reach::Nothing)
            .holds(100),
        Row::new(
            &format!("with a policy: startIndex={}", thousands(far.into())),
            vec![get(limited, &page(far))],
            Reach::Nothing,
        )
        .holds(100),
        Row::new("with a policy: by cursor", cursors(program, limited, people).await?, Reach::Nothing).holds(100),
        Row::new("with a policy: totalResults alone", vec![get(limited, "/scim/v2/Users?count=0")], Reach::Nothing)
            .holds(0),
        Row::new(
            "with a policy: by displayName",
            vec![get(limited, "/scim/v2/Users?sortBy=displayName&count=100")],
            Reach::Nothing,
        )
        .holds(100),
        Row::new(
            "with a policy: group of 2,000 with members",
            vec![get(limited, &format!("/scim/v2/Groups/{large}"))],
            Reach::Nothing,
        ),
    ])
}

/// An index that no client pages to.
fn far(people: u32) -> u32 {
    people / 10 * 9 + 1
}

fn page(start: u32) -> String {
    format!("/scim/v2/Users?startIndex={start}&count=100")
}

fn text(user: &Value, pointer: &str) -> anyhow::Result<String> {
    Ok(user.pointer(pointer).and_then(Value::as_str).with_context(|| format!("no {pointer}"))?.to_owned())
}

pub(crate) fn by_id(user: &Value) -> anyhow::Result<String> {
    Ok(format!("/scim/v2/Users/{}", text(user, "/id")?))
}

fn by_name(user: &Value) -> anyhow::Result<String> {
    Ok(users(&format!("userName eq \"{}\"", text(user, "/userName")?), 100))
}

/// Loads the server with one row after the other, and measures the floor among them.
pub(crate) async fn run(
    rows: &[Row],
    program: &Program,
    floor: &Floor,
    settings: &Settings,
    table: &mut Table,
) -> anyhow::Result<()> {
    let mut first = None;
    for row in rows {
        // Whatever else the machine does at the time slows both alike.
        let most = floor.measure(&row.requests, (settings.seconds / 2).max(1)).await?;
        wrk::load(&program.url, &row.requests, 1).await?;
        let figures = wrk::load(&program.url, &row.requests, settings.seconds).await?;
        if row.name == FIRST_PAGE {
            first = Some(figures.per_second);
        }
        let reach = match row.reach {
            Reach::Share(share) => format!("≥ {share} of the floor"),
            Reach::PerSecond(least) => format!("≥ {least}/s"),
            Reach::LikeTheFirst => {
                let ratio = first.unwrap_or_default() / figures.per_second;
                format!("as the first within 1.2: {ratio:.2}")
            }
            Reach::Nothing => String::new(),
        };
        table.row([
            row.name.clone(),
            format!("{:.0}", figures.per_second),
            format!("{:.3}", figures.per_second / most),
            format!("{:.2}", figures.median),
            format!("{:.2}", figures.last_percent),
            reach,
        ]);
    }
    Ok(())
}

impl Row {
    fn new(name: &str, requests: Vec<Request>, reach: Reach) -> Self {
        Self { name: name.to_owned(), requests, reach, status: 200, holds: None }
    }

    fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    fn holds(mut self, holds: usize) -> Self {
        self.holds = Some(holds);
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether its requests are answered as the row's name states, so that no error is measured.
    async fn check(&self, program: &Program) -> anyhow::Result<()> {
        for request in self.requests.iter().take(3) {
            let header = request.header.as_ref().map(|(name, value)| (*name, value.as_str()));
            let (status, _, body) = program.read(&request.path, &request.token, header).await?;
            ensure!(status == self.status, "{}: {} was answered with {status}: {body}", self.name, request.path);
            if let Some(holds) = self.holds {
                let body: Value = serde_json::from_str(&body)?;
                let held = body["Resources"].as_array().map_or(0, Vec::len);
                ensure!(held == holds, "{}: {} was answered with {held} resources", self.name, request.path);
            }
        }
        Ok(())
    }
}

pub(crate) fn get(token: &str, path: &str) -> Request {
    Request { path: path.to_owned(), token: token.to_owned(), header: None }
}

fn users(filter: &str, count: u32) -> String {
    format!("/scim/v2/Users?filter={}&count={count}", encoded(filter))
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Some people, spread over the whole directory.
pub(crate) async fn sample(program: &Program, token: &str, people: u32) -> anyhow::Result<Vec<Value>> {
    let mut asked = Vec::new();
    for place in 0..ASKED / 10 {
        let start = place * (people / (ASKED / 10)) + 1;
        let page = list(program, token, &format!("/scim/v2/Users?startIndex={start}&count=10")).await?;
        asked.extend(page["Resources"].as_array().cloned().unwrap_or_default());
    }
    Ok(asked)
}

/// The same people, asked for with the version that they have.
async fn versions(program: &Program, asked: &[Value], token: &str) -> anyhow::Result<Vec<Request>> {
    let mut requests = Vec::new();
    for user in asked.iter().step_by(10) {
        let path = format!("/scim/v2/Users/{}", user["id"].as_str().context("no id")?);
        let (_, version, _) = program.read(&path, token, None).await?;
        requests.push(Request { header: Some(("If-None-Match", version)), ..get(token, &path) });
    }
    Ok(requests)
}

/// The pages of a walk by cursor, from places all over the directory.
async fn cursors(program: &Program, token: &str, people: u32) -> anyhow::Result<Vec<Request>> {
    let mut requests = Vec::new();
    let mut next = String::new();
    let pages = people / 100;
    for page in 0..pages * 9 / 10 {
        let path = format!("/scim/v2/Users?cursor={next}&count=100");
        let answer = list(program, token, &path).await?;
        let Some(cursor) = answer["nextCursor"].as_str() else { break };
        cursor.clone_into(&mut next);
        if page % (pages / CURSORS).max(1) == 0 {
            requests.push(get(token, &format!("/scim/v2/Users?cursor={next}&count=100")));
        }
    }
    // The last one may be the end.
    requests.pop();
    Ok(requests)
}

/// Three letters of names, as a person types them into a search field.
fn contains(asked: &[Value], token: &str) -> anyhow::Result<Vec<Request>> {
    let mut requests = Vec::new();
    for user in asked.iter().step_by(10) {
        let name = user["displayName"].as_str().context("no displayName")?;
        let letters: String = name.chars().skip(1).take(3).collect();
        requests.push(get(token, &users(&format!("displayName co \"{letters}\""), 20)));
    }
    Ok(requests)
}

async fn group(program: &Program, token: &str, filter: &str) -> anyhow::Result<String> {
    let path = format!("/scim/v2/Groups?filter={}&attributes=id", encoded(filter));
    let found = list(program, token, &path).await?;
    ensure!(found["totalResults"] == 1, "{filter} finds {}", found["totalResults"]);
    Ok(found["Resources"][0]["id"].as_str().context("a group without id")?.to_owned())
}

async fn list(program: &Program, token: &str, path: &str) -> anyhow::Result<Value> {
    let (status, _, body) = program.read(path, token, None).await?;
    ensure!(status == 200, "{path} was answered with {status}: {body}");
    Ok(serde_json::from_str(&body)?)
}
