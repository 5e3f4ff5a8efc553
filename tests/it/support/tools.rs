//! Runs the Python tools that test the server from outside.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::process::Command;

/// A script or a setting of `tests/python`.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(name)
}

/// A command of the virtual environment that `scripts/ensure-python-tools` makes, with a bare environment.
pub(crate) fn tool(name: &str) -> Command {
    let folder = std::env::var_os("ROLLBOOK_PYTHON_TOOLS")
        .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("python-tools"), PathBuf::from);
    let path = folder.join("bin").join(name);
    assert!(path.exists(), "{} is missing: run scripts/ensure-python-tools", path.display());
    let mut command = Command::new(path);
    command.env_clear().stdin(Stdio::null()).kill_on_drop(true);
    // Nothing is left beside the scripts, and nothing is coloured.
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("NO_COLOR", "1").env("LC_ALL", "C.UTF-8");
    command
}

/// The output of a tool. Fails, with the whole output, when the tool reports an error.
pub(crate) async fn content(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&stdout).into_owned();
    assert!(status.success(), "{command:?}\n{status}\n{said}\n{}", String::from_utf8_lossy(&stderr));
    said
}
