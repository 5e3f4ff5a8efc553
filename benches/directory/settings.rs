//! The settings of a benchmark run, and the directory where it works.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context as _, bail};
use tempfile::TempDir;

/// Without any given: the sizes of the design.
const PEOPLE: [u32; 2] = [10_000, 100_000];

pub(crate) struct Settings {
    /// How many people each company has.
    pub(crate) people: Vec<u32>,
    /// How long each kind of request is measured, in seconds.
    pub(crate) seconds: u32,
    /// Whether only reads beside an attack are measured.
    pub(crate) attack_alone: bool,
}

impl Settings {
    pub(crate) fn of_arguments() -> anyhow::Result<Self> {
        let mut settings = Self { people: Vec::new(), seconds: 5, attack_alone: false };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                // What cargo adds by itself.
                "--bench" => {}
                "--attack" => settings.attack_alone = true,
                "--seconds" => {
                    let seconds = arguments.next().context("--seconds needs a number")?;
                    settings.seconds = seconds.parse().with_context(|| format!("--seconds {seconds}"))?;
                }
                people => {
                    let Ok(people) = people.parse() else { bail!("{people} is no number of people") };
                    if !(2_500..=100_000).contains(&people) {
                        bail!(
                            "{people} people: from 2500 (the largest department has 2000) to 100000 can be simulated"
                        );
                    }
                    settings.people.push(people);
                }
            }
        }
        if settings.people.is_empty() {
            settings.people = PEOPLE.to_vec();
        }
        if settings.seconds == 0 {
            bail!("--seconds has to be at least 1");
        }
        Ok(settings)
    }
}

/// A folder that another user may pass through: as root the cluster runs as another.
pub(crate) fn folder() -> anyhow::Result<TempDir> {
    Ok(tempfile::Builder::new().prefix("rollbook-bench-").permissions(fs::Permissions::from_mode(0o711)).tempdir()?)
}
