//! A Postgres that an earlier, killed Rollbook left running on our data, and the pid file that a killed Postgres
//! leaves.
//!
//! Called with the data directory locked: no process owns whatever runs on it now.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tracing::{info, warn};

use super::error::EmbeddedError;
use crate::clock::Clock;

/// How long a left-over Postgres may take for each of the two ways to stop it.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Makes sure that no Postgres runs on `data` and that its pid file hinders no start.
pub(crate) async fn clear(data: &Path, clock: &Clock) -> Result<(), EmbeddedError> {
    let pid_file = data.join("postmaster.pid");
    let Some(pid) = pid_in(&pid_file) else { return Ok(()) };
    if !is_alive(pid) {
        // Postgres itself knows what to do: it checks the shared memory that the file names, and recovers.
        return Ok(());
    }
    if !is_postgres_of(pid, data) {
        // The number was given to another process. Postgres would refuse to start for ever.
        warn!("removing a pid file of the embedded database that names a process of somebody else ({})", pid);
        return match fs::remove_file(&pid_file) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(EmbeddedError::DataDir { path: pid_file, action: "cleared", source })
            }
            _ => Ok(()),
        };
    }
    info!("stopping the Postgres that an earlier Rollbook left behind (process {})", pid);
    for signal in [Signal::SIGINT, Signal::SIGQUIT] {
        // ESRCH: it ended meanwhile, which the loop sees.
        if let Err(error) = kill(pid, signal)
            && error != Errno::ESRCH
        {
            break;
        }
        let until = clock.now() + PATIENCE;
        while clock.now() < until {
            if !is_alive(pid) || !is_postgres_of(pid, data) {
                return Ok(());
            }
            clock.pause(LOOK_EVERY).await;
        }
    }
    Err(EmbeddedError::LeftBehind { pid: pid.as_raw(), data: data.to_owned() })
}

/// The process that a pid file names: its first line. Postgres writes the number negative for a stand-alone backend.
fn pid_in(pid_file: &Path) -> Option<Pid> {
    let text = fs::read_to_string(pid_file).ok()?;
    let number: i32 = text.lines().next()?.trim().parse().ok()?;
    // 0 and 1 would address our own process group and init.
    Some(number.checked_abs()?).filter(|number| *number > 1).map(Pid::from_raw)
}

fn is_alive(pid: Pid) -> bool {
    // EPERM: it is alive and not ours.
    let signalled = matches!(kill(pid, None), Ok(()) | Err(Errno::EPERM));
    signalled && !is_zombie(pid)
}

/// A killed process whose parent has not noticed yet: it runs no more. Known on Linux only.
fn is_zombie(pid: Pid) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| stat.rsplit_once(") ").map(|(_, rest)| rest.starts_with('Z')))
        .unwrap_or(false)
}

/// Whether a process is a Postgres on this data directory. Its command line is ours to recognise, since we start it
/// with the whole path; a Postgres started by hand with `pg_ctl` is seen by its working directory.
fn is_postgres_of(pid: Pid, data: &Path) -> bool {
    if let Ok(folder) = fs::read_link(format!("/proc/{pid}/cwd")) {
        let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        // An upgraded package leaves the exe of a running process as "postgres (deleted)".
        let is_postgres = program.file_name().is_some_and(|name| name.to_string_lossy().starts_with("postgres"));
        return is_postgres && folder == data;
    }
    let command = match fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(line) => String::from_utf8_lossy(&line).replace('\0', " "),
        Err(_) => std::process::Command::new("ps")
            .args(["-ww", "-o", "command=", "-p", &pid.to_string()])
            .output()
            .map(|said| String::from_utf8_lossy(&said.stdout).into_owned())
            .unwrap_or_default(),
    };
    command.split_whitespace().next().is_some_and(|program| program.ends_with("postgres"))
        && command.contains(&*data.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(pid_file: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("postmaster.pid"), pid_file).unwrap();
        folder
    }

    #[tokio::test]
    async fn a_pid_file_that_names_another_program_is_removed() {
        // This very process is alive and no Postgres.
        let folder = folder_with(&format!("{}\n/somewhere\n", std::process::id()));
        clear(folder.path(), &Clock::system()).await.unwrap();
        assert!(!folder.path().join("postmaster.pid").exists());
    }

    #[tokio::test]
    async fn a_pid_file_of_a_dead_process_is_left_to_postgres() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let folder = folder_with(&format!("{}\n", child.id()));
        child.wait().unwrap();
        clear(folder.path(), &Clock::system()).await.unwrap();
        assert!(folder.path().join("postmaster.pid").exists());
    }

    #[tokio::test]
    async fn a_pid_file_of_nonsense_addresses_nobody() {
        for text in ["", "0\n", "1\n", "-1\n", "x", "-2147483648\n", "99999999999\n"] {
            let folder = folder_with(text);
            assert_eq!(pid_in(&folder.path().join("postmaster.pid")), None, "{text:?}");
            clear(folder.path(), &Clock::system()).await.unwrap();
        }
    }
}
