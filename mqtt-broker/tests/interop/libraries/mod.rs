//! Client libraries of other languages: each scenario is a function of a script in `scripts`, which compares what it
//! receives value by value and says how many comparisons it made.

mod gmqtt;
mod mqttjs;
mod paho;
mod websocket;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::broker::{Broker, Transport};
use crate::program::{Finished, Program};

/// Versions by the scripts' names for them.
pub(crate) const EVERY_VERSION: [&str; 3] = ["31", "311", "5"];
const WITHOUT_3_1: [&str; 2] = ["311", "5"];
const ONLY_5: [&str; 1] = ["5"];

/// Runs one scenario of a script for each of `versions`, each with a broker of its own.
fn check(interpreter: &Path, script: &str, versions: &[&str], scenario: &str) {
    check_over(Transport::Tcp, interpreter, script, versions, scenario);
}

/// The same over another transport.
fn check_over(transport: Transport, interpreter: &Path, script: &str, versions: &[&str], scenario: &str) {
    for version in versions {
        let broker = Broker::start_over(transport);
        check_with(&broker, transport, interpreter, script, version, scenario);
    }
}

/// One scenario with a broker that runs.
pub(crate) fn check_at(broker: &Broker, interpreter: &Path, script: &str, version: &str, scenario: &str) {
    check_with(broker, Transport::Tcp, interpreter, script, version, scenario);
}

fn check_with(
    broker: &Broker,
    transport: Transport,
    interpreter: &Path,
    script: &str,
    version: &str,
    scenario: &str,
) {
    let mut command = Command::new(interpreter);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/scripts").join(script));
    command.args(["--port", &broker.port().to_string(), "--version", version, scenario]);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("MQTT_INTEROP_NODE", node_directory());
    command.env("MQTT_INTEROP_TRANSPORT", transport.scheme());
    if transport == Transport::Wss {
        command.env("MQTT_INTEROP_CA", broker.authority());
    }
    let Finished { code, lines, errors } = Program::start(command, b"").finish();
    assert_eq!(code, Some(0), "{script} {version} {scenario}\n{}\n{errors}", lines.join("\n"));
    let passed = lines.last().and_then(|line| line.strip_prefix("passed ")?.strip_suffix(" checks"));
    let count: usize = passed.and_then(|count| count.parse().ok()).unwrap_or_default();
    assert!(count > 0, "{script} {version} {scenario} compared nothing: {lines:?}");
    println!("{script} {version} {scenario}: {count} checks");
}

pub(crate) fn python() -> PathBuf {
    let python = directory("MQTT_INTEROP_VENV", "target/interop/venv").join("bin/python");
    assert!(python.is_file(), "{} is missing: run .ci/interop-setup", python.display());
    python
}

pub(crate) fn node_directory() -> PathBuf {
    directory("MQTT_INTEROP_NODE", "target/interop/node")
}

fn directory(variable: &str, default: &str) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace");
    workspace.join(env::var_os(variable).unwrap_or_else(|| default.into()))
}
