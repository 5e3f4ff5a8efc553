//! The directory of the cluster's socket: in the data directory, where a backup finds it whatever `/tmp` the server has
//! (`PrivateTmp=` of systemd). A socket's path has at most 107 bytes (103 on macOS), and not every file system has
//! sockets; then it lies in the service's runtime directory or in `/tmp`, where others may write too: a directory
//! counts only if it is no link, belongs to the account and is closed to everybody else.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::account::{Account, is_root};
use super::error::EmbeddedError;
use crate::clock::Clock;

/// How many names are tried when others hold the first.
const TRIES: usize = 8;

/// The longest path of a socket that every system takes.
const LONGEST_PATH: usize = 103;
/// The directory of the socket in the data directory.
const IN_DATA_DIR: &str = "socket";
/// Named by systemd where the unit has `RuntimeDirectory=`.
const RUNTIME_DIRECTORY: &str = "RUNTIME_DIRECTORY";

/// Makes, or finds again, the directory for the socket of the cluster at `data`: in the data directory where that can
/// be, else in the runtime directory of the service, else in `/tmp`.
pub(crate) fn choose(data_dir: &Path, data: &Path, account: &Account, clock: &Clock) -> Result<PathBuf, EmbeddedError> {
    let inside = data_dir.join(IN_DATA_DIR);
    if takes_sockets(&inside, account) {
        return clear(&inside)
            .map(|()| inside.clone())
            .map_err(|source| EmbeddedError::SocketDir { path: inside, source });
    }
    // Nothing is to be left behind where it cannot be used.
    let _ = fs::remove_dir(&inside);
    let runtime = std::env::var_os(RUNTIME_DIRECTORY)
        .and_then(|all| all.to_str().and_then(|all| all.split(':').next()).map(PathBuf::from))
        .filter(|path| path.is_absolute() && path.is_dir());
    directory(runtime.as_deref().unwrap_or(Path::new("/tmp")), data, account, clock)
}

/// Whether a socket can be made in a directory of the account: its path is short enough, and the file system has
/// sockets.
fn takes_sockets(folder: &Path, account: &Account) -> bool {
    if folder.join(".s.PGSQL.5432.lock").as_os_str().len() > LONGEST_PATH || claim(folder, account).is_err() {
        return false;
    }
    let probe = folder.join(".probe");
    let _ = fs::remove_file(&probe);
    let taken = std::os::unix::net::UnixListener::bind(&probe).is_ok();
    let _ = fs::remove_file(&probe);
    taken
}

/// Makes, or finds again, the directory for the socket of the cluster at `data`, and clears it: no Postgres may be
/// running on `data`.
pub(crate) fn directory(
    shared: &Path,
    data: &Path,
    account: &Account,
    clock: &Clock,
) -> Result<PathBuf, EmbeddedError> {
    // The same name for the same data, so that a crash leaves nothing behind that the next start does not use again.
    let first = shared.join(format!("rollbook-{}-{:016x}", account.uid, fingerprint(data)));
    let mut path = first.clone();
    let mut result = claim(&path, account);
    for _ in 1..TRIES {
        if result.is_ok() {
            break;
        }
        let random = clock.random_id().simple().to_string();
        path = shared.join(format!("rollbook-{}-{}", account.uid, &random[..16]));
        result = claim(&path, account);
    }
    let result = result.and_then(|()| clear(&path));
    result.map(|()| path).map_err(|source| EmbeddedError::SocketDir { path: first, source })
}

/// Removes what a killed cluster left. Its lock names a process number that another process may have by now, and then
/// Postgres would refuse to start.
fn clear(path: &Path) -> io::Result<()> {
    [".s.PGSQL.5432", ".s.PGSQL.5432.lock"].iter().try_for_each(|name| match fs::remove_file(path.join(name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    })
}

fn claim(path: &Path, account: &Account) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => account.give(path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let found = fs::symlink_metadata(path)?;
            // Made by root and not given away: an earlier start was killed between the two.
            let unfinished = is_root() && found.uid() == 0;
            if !found.is_dir() || !(account.owns(found.uid()) || unfinished) {
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it exists and belongs to somebody else"));
            }
            if unfinished {
                account.give(path)?;
            }
            match found.mode() & 0o7777 {
                0o700 => Ok(()),
                // Root must not change modes behind a name that the account could turn into a link meanwhile.
                _ if is_root() => Err(io::Error::new(io::ErrorKind::AlreadyExists, "it exists and is open to others")),
                _ => fs::set_permissions(path, Permissions::from_mode(0o700)),
            }
        }
        Err(error) => Err(error),
    }
}

/// FNV-1a of a path: the same in every version of this program.
fn fingerprint(path: &Path) -> u64 {
    path.as_os_str()
        .as_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn account(folder: &Path) -> Account {
        Account::choose(&folder.join("postgres")).unwrap()
    }

    #[test]
    fn the_same_data_gets_the_same_closed_directory() {
        let shared = tempfile::tempdir().unwrap();
        let me = account(shared.path());
        let get = |data: &str| directory(shared.path(), Path::new(data), &me, &Clock::system()).unwrap();
        let path = get("/a/postgres");
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!((metadata.mode() & 0o7777, metadata.uid()), (0o700, me.uid));
        assert_eq!(get("/a/postgres"), path);
        fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
        assert_eq!(fs::metadata(get("/a/postgres")).unwrap().mode() & 0o7777, 0o700);
        assert_ne!(get("/b/postgres"), path);
    }

    #[test]
    fn a_link_that_somebody_laid_there_is_not_followed() {
        let shared = tempfile::tempdir().unwrap();
        let trap = tempfile::tempdir().unwrap();
        let me = account(shared.path());
        let data = Path::new("/a/postgres");
        let first = directory(shared.path(), data, &me, &Clock::system()).unwrap();
        fs::remove_dir(&first).unwrap();
        symlink(trap.path(), &first).unwrap();
        let second = directory(shared.path(), data, &me, &Clock::system()).unwrap();
        assert_ne!(second, first);
        assert!(!fs::symlink_metadata(second).unwrap().is_symlink());
    }

    #[test]
    fn a_place_where_nothing_can_be_made_is_named() {
        let shared = tempfile::tempdir().unwrap();
        let me = account(shared.path());
        let error = directory(&shared.path().join("missing"), Path::new("/a"), &me, &Clock::system()).unwrap_err();
        assert!(error.to_string().contains("missing/rollbook-"), "{error}");
    }
}
