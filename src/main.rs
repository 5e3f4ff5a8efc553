//! The entry point of the program; the code is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    rollbook::app::program()
}
