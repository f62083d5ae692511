//! Compares MQTT brokers under the same load; see `README.md` and `--help`.

use std::process::ExitCode;

use clap::Parser;
use mqtt_benches::load::{Options, run};

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::from(2)
        }
    }
}
