//! The installed Postgres binaries: on PATH, or in the usual places of Debian, Red Hat, Alpine, Homebrew and
//! Postgres.app, where PATH does not reach.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::account::Account;
use super::error::EmbeddedError;

/// The oldest major version that we run: older ones get no fixes any more.
const OLDEST: u32 = 14;

/// Folders that hold the binaries; one part may be a `*`.
const USUAL_PLACES: [&str; 9] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/libexec/postgresql*",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/usr/local/pgsql/bin",
    "/usr/bin",
];

/// One installation of Postgres.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binaries {
    folder: PathBuf,
    pub(crate) major: u32,
}

impl Binaries {
    pub(crate) fn postgres(&self) -> PathBuf {
        self.folder.join("postgres")
    }

    pub(crate) fn initdb(&self) -> PathBuf {
        self.folder.join("initdb")
    }

    /// All that the account can run: those on PATH first, then the newest first.
    pub(crate) fn installed(account: &Account, path: Option<&OsStr>) -> Vec<Self> {
        let on_path = path.map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
        let mut elsewhere: Vec<Self> = USUAL_PLACES
            .iter()
            .flat_map(|place| expand(Path::new(place)))
            .filter_map(|folder| Self::in_folder(folder, account))
            .collect();
        elsewhere.sort_by_key(|binaries| std::cmp::Reverse(binaries.major));
        let mut all: Vec<Self> = Vec::new();
        let on_path: Vec<PathBuf> = on_path;
        for binaries in on_path.into_iter().filter_map(|folder| Self::in_folder(folder, account)).chain(elsewhere) {
            if !all.contains(&binaries) {
                all.push(binaries);
            }
        }
        all
    }

    /// Of what is installed: what made the cluster, or for a new cluster the first.
    pub(crate) fn choose(installed: &[Self], data: &Path, made_by: Option<u32>) -> Result<Self, EmbeddedError> {
        let chosen = match made_by {
            Some(major) => installed.iter().find(|binaries| binaries.major == major),
            None => installed.first(),
        };
        match (chosen, made_by) {
            (Some(binaries), _) => Ok(binaries.clone()),
            (None, Some(wanted)) if !installed.is_empty() => {
                let mut majors: Vec<u32> = installed.iter().map(|binaries| binaries.major).collect();
                majors.sort_unstable();
                majors.dedup();
                let found = majors.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
                Err(EmbeddedError::MajorVersion { data: data.to_owned(), wanted, found })
            }
            _ => Err(EmbeddedError::NoBinaries),
        }
    }

    fn in_folder(folder: PathBuf, account: &Account) -> Option<Self> {
        let candidate = Self { folder, major: 0 };
        if !candidate.folder.is_absolute() || !candidate.postgres().is_file() || !candidate.initdb().is_file() {
            return None;
        }
        let said = account.command(candidate.postgres()).arg("--version").output().ok()?;
        let major = major_in(&String::from_utf8_lossy(&said.stdout)).filter(|major| *major >= OLDEST)?;
        Some(Self { major, ..candidate })
    }
}

/// The major version in what `postgres --version` or a cluster's `PG_VERSION` says.
pub(crate) fn major_in(text: &str) -> Option<u32> {
    let number = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn expand(pattern: &Path) -> Vec<PathBuf> {
    let mut folders = vec![PathBuf::new()];
    for part in pattern {
        let Some((before, after)) = part.to_str().and_then(|part| part.split_once('*')) else {
            for folder in &mut folders {
                folder.push(part);
            }
            continue;
        };
        folders = folders
            .iter()
            .filter_map(|folder| fs::read_dir(folder).ok())
            .flatten()
            .flatten()
            .filter(|entry| {
                let name = entry.file_name();
                name.to_str().is_some_and(|name| {
                    name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
                })
            })
            .map(|entry| entry.path())
            .collect();
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(majors: &[u32]) -> Vec<Binaries> {
        majors.iter().map(|major| Binaries { folder: format!("/pg/{major}").into(), major: *major }).collect()
    }

    #[test]
    fn the_major_version_is_read_from_all_that_say_it() {
        assert_eq!(major_in("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(major_in("postgres (PostgreSQL) 19beta1"), Some(19));
        assert_eq!(major_in("16\n"), Some(16));
        assert_eq!(major_in("9.6"), Some(9));
        assert_eq!(major_in(""), None);
        assert_eq!(major_in("no version"), None);
    }

    #[test]
    fn an_existing_cluster_gets_the_binaries_that_made_it() {
        let data = Path::new("/d/postgres");
        let chosen = Binaries::choose(&installed(&[17, 15]), data, Some(15)).unwrap();
        assert_eq!(chosen.postgres(), Path::new("/pg/15/postgres"));
        assert_eq!(Binaries::choose(&installed(&[17, 15]), data, None).unwrap().major, 17);
    }

    #[test]
    fn a_missing_version_is_named_with_what_is_there() {
        let error = Binaries::choose(&installed(&[17, 15]), Path::new("/d/postgres"), Some(14)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the embedded database in /d/postgres was made by PostgreSQL 14, but found is only 15, 17: install PostgreSQL 14 \
             beside it, or move the data with pg_upgrade"
        );
    }

    #[test]
    fn without_any_binaries_the_line_says_what_to_install() {
        for made_by in [None, Some(15)] {
            let error = Binaries::choose(&[], Path::new("/d/postgres"), made_by).unwrap_err();
            let line = error.to_string();
            for word in ["no PostgreSQL was found", "apt install postgresql", "dnf install", "brew install"] {
                assert!(line.contains(word), "{line}");
            }
            assert!(!line.contains('\n'), "{line}");
        }
    }

    #[test]
    fn a_star_stands_for_any_part_of_a_name() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["pgsql-15/bin", "pgsql-16/bin", "other/bin"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let mut found = expand(&folder.path().join("pgsql-*/bin"));
        found.sort();
        assert_eq!(found, [folder.path().join("pgsql-15/bin"), folder.path().join("pgsql-16/bin")]);
        assert!(expand(&folder.path().join("missing/*/bin")).is_empty());
    }
}
