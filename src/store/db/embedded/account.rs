//! The account of the cluster: our own, or, since Postgres refuses root, the owner of the cluster, `postgres` or the
//! unprivileged account of the system.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::{Uid, User, geteuid};

use super::error::EmbeddedError;

/// The user that owns and runs the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    /// Set when it is not who we are: a child then changes to it and drops all other groups.
    switch: Option<u32>,
}

impl Account {
    /// The account for a cluster at `data`, which may not exist yet.
    pub(crate) fn choose(data: &Path) -> Result<Self, EmbeddedError> {
        let me = geteuid();
        let owner = fs::metadata(data).ok().map(|metadata| (metadata.uid(), metadata.gid()));
        if !me.is_root() {
            return match owner {
                Some((owner, _)) if owner != me.as_raw() => {
                    Err(EmbeddedError::ForeignOwner { data: data.to_owned(), owner: name_of(owner) })
                }
                _ => Ok(Self { name: name_of(me.as_raw()), uid: me.as_raw(), switch: None }),
            };
        }
        match owner {
            Some((0, _)) => Err(EmbeddedError::OwnedByRoot { data: data.to_owned() }),
            Some((uid, gid)) => Ok(Self { name: name_of(uid), uid, switch: Some(gid) }),
            None => ["postgres", "nobody"]
                .iter()
                .find_map(|name| User::from_name(name).ok().flatten())
                .filter(|user| !user.uid.is_root())
                .map(|user| Self { uid: user.uid.as_raw(), switch: Some(user.gid.as_raw()), name: user.name })
                .ok_or(EmbeddedError::NoAccount),
        }
    }

    /// A command that runs as this account, knows nothing of our environment (which holds secrets) and is not reached
    /// by the terminal's Ctrl-C: the server stops the cluster when it has finished with it.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir("/").stdin(Stdio::null()).process_group(0).env("LC_ALL", "C");
        for name in ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        if let Some(gid) = self.switch {
            // As root, setting a uid also drops all supplementary groups.
            command.gid(gid).uid(self.uid);
        }
        command
    }

    /// Gives a path to the account, if it is not ours anyway.
    pub(crate) fn give(&self, path: &Path) -> std::io::Result<()> {
        match self.switch {
            // Never through a link: the account could lay one, and root would give away what it points to.
            Some(gid) => lchown(path, Some(self.uid), Some(gid)),
            None => Ok(()),
        }
    }

    /// Whether the account can enter `path`. Asks the machine rather than reading modes, which are not the whole truth
    /// (access lists, network file systems); names the outermost directory that is closed.
    pub(crate) fn check_entry(&self, path: &Path) -> Result<(), EmbeddedError> {
        if self.switch.is_none() {
            return Ok(());
        }
        let outermost_first: Vec<&Path> = path.ancestors().collect();
        for folder in outermost_first.into_iter().rev() {
            let enters = self
                .command("/bin/sh")
                .args(["-c", "cd -- \"$1\"", "sh"])
                .arg(folder)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .map_err(|source| EmbeddedError::Run { program: PathBuf::from("/bin/sh"), source })?;
            if !enters.success() {
                return Err(EmbeddedError::NotEnterable { user: self.name.clone(), blocked: folder.to_owned() });
            }
        }
        Ok(())
    }

    /// Whether a running process belongs to the account.
    pub(crate) fn owns(&self, uid: u32) -> bool {
        self.uid == uid
    }
}

fn name_of(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => user.name,
        _ => uid.to_string(),
    }
}

/// Whether files we make are made as root, for other accounts to pass by.
pub(crate) fn is_root() -> bool {
    geteuid().is_root()
}
