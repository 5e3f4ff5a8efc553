//! Reads the whole directory with one client, page after page.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::load::Readers;
use super::program::Program;
use super::table::{Table, thousands};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    next_cursor: Option<String>,
    #[serde(rename = "Resources", default)]
    resources: Vec<IgnoredAny>,
}

/// A walk by cursor in pages of 500, and one by index in pages of 100 as Okta's import makes it.
pub(crate) async fn run(program: &Program, readers: &Readers, people: u32, table: &mut Table) -> anyhow::Result<()> {
    let begun = Instant::now();
    let (mut seen, mut next) = (0, Some(String::new()));
    while let Some(cursor) = next {
        let page = page(program, &readers.open, &format!("cursor={cursor}&count=500")).await?;
        seen += page.resources.len();
        next = page.next_cursor;
    }
    line("export by cursor, pages of 500, one client", seen, people, begun, "≥ 40,000 users/s", table)?;
    let begun = Instant::now();
    let mut seen = 0;
    loop {
        let page = page(program, &readers.open, &format!("startIndex={}&count=100", seen + 1)).await?;
        if page.resources.is_empty() {
            break;
        }
        seen += page.resources.len();
    }
    line("walk by index, pages of 100, one client", seen, people, begun, "", table)
}

async fn page(program: &Program, token: &str, query: &str) -> anyhow::Result<Page> {
    let (status, _, body) = program.read(&format!("/scim/v2/Users?{query}"), token, None).await?;
    ensure!(status == 200, "{query} was answered with {status}");
    serde_json::from_str(&body).context("a page that is no list")
}

fn line(what: &str, seen: usize, people: u32, begun: Instant, reach: &str, table: &mut Table) -> anyhow::Result<()> {
    ensure!(seen == usize::try_from(people)?, "{what}: {seen} people");
    let rate = f64::from(people) / begun.elapsed().as_secs_f64();
    table.line(what, &format!("{} users/s", thousands(format!("{rate:.0}").parse()?)), reach);
    Ok(())
}
