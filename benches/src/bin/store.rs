//! Compares what storing costs; see `README.md` and `--help`.

use std::process::ExitCode;

use clap::Parser;
use mqtt_benches::durable::{Options, run};

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("store: {error}");
            ExitCode::from(2)
        }
    }
}
