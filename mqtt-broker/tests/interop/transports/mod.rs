//! TLS and the PROXY protocol with the programs that people use for them.

#[path = "../../transports/authority.rs"]
pub(crate) mod authority;
mod haproxy;
mod mosquitto;
mod openssl;
#[path = "../../peer/mod.rs"]
pub(crate) mod peer;

use std::process::Command;

use crate::program::{Finished, Program};

/// Runs a program that ends by itself.
fn run(command: Command) -> Finished {
    Program::start(command, b"").finish()
}
