//! The program `mqtt-broker`: the broker of this crate with a command line and a configuration file.

mod program;

use std::process::ExitCode;

fn main() -> ExitCode {
    program::run()
}
