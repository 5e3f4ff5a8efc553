//! Reads and makes the key file of an embedded deployment: one line of base64, readable by its owner only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use tracing::warn;

use super::random_bytes;
use super::seal::{KEY_LENGTH, KeyError, Keys};

/// Why the key file could not be used. Never holds a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error("the key file {} could not be {action}: {source}", path.display())]
    Io { path: PathBuf, action: &'static str, source: io::Error },
    #[error("the key file {}: {source}", path.display())]
    Key { path: PathBuf, source: KeyError },
}

impl Keys {
    /// Reads the key file; changes nothing.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        read(path)
    }

    /// Reads the key file, or makes one with a new key when there is none.
    ///
    /// A new file appears whole or not at all (also when two processes make it at once: both then use the same), has
    /// mode 0600 and is on the disk when this returns. A file that others may read is used, with a warning.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyFileError> {
        match read(path) {
            Err(KeyFileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                create(path).map_err(|source| KeyFileError::Io { path: path.to_owned(), action: "made", source })?;
                read(path)
            }
            other => other,
        }
    }
}

fn read(path: &Path) -> Result<Keys, KeyFileError> {
    let failed = |source| KeyFileError::Io { path: path.to_owned(), action: "read", source };
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.mode();
    if mode & 0o077 != 0 {
        warn!("the key file {} may be read by others (mode {:04o}); run: chmod 600 {0}", path.display(), mode & 0o7777);
    }
    let text: SecretString = io::read_to_string(file).map_err(failed)?.into();
    Keys::parse(text).map_err(|source| KeyFileError::Key { path: path.to_owned(), source })
}

fn create(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let draft = folder.join(format!(".key-{}", URL_SAFE_NO_PAD.encode(random_bytes::<9>())));
    let written = write(&draft).and_then(|()| match fs::hard_link(&draft, path) {
        // Another process was faster: its key is used.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // A file system without hard links.
        Err(_) => fs::rename(&draft, path),
        Ok(()) => Ok(()),
    });
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound && written.is_ok() => return Err(error),
        _ => written?,
    }
    File::open(folder)?.sync_all()
}

fn write(draft: &Path) -> io::Result<()> {
    let key = Zeroizing::new(random_bytes::<KEY_LENGTH>());
    let line = Zeroizing::new(STANDARD.encode(*key) + "\n");
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::crypto::seal::SealContext;

    const PLACE: SealContext<'static> = SealContext { table: "t", column: "c", row: "r" };

    #[test]
    fn the_file_is_made_once_and_read_ever_after() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let sealed = Keys::load_or_create(&path).unwrap().seal(PLACE, b"x");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(Keys::load_or_create(&path).unwrap().open(PLACE, &sealed).unwrap().as_slice(), b"x");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn several_who_make_it_at_once_all_get_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let made: Vec<Keys> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| Keys::load_or_create(&path).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let sealed = made[0].seal(PLACE, b"x");
        assert!(made.iter().all(|keys| keys.open(PLACE, &sealed).is_ok()));
    }

    #[test]
    fn a_file_that_others_may_read_is_still_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        drop(Keys::load_or_create(&path).unwrap());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Keys::load_or_create(&path).is_ok());
    }

    #[test]
    fn a_damaged_file_is_named_and_neither_repeated_nor_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "not a key\n").unwrap();
        let error = Keys::load_or_create(&path).unwrap_err().to_string();
        assert!(error.contains("key") && !error.contains("not a key"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "not a key\n");
    }
}
