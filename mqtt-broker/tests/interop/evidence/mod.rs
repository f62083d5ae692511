//! Who a client is, by what foreign programs show and say: tokens of PyJWT, proofs of scramp, an HTTP server of Python, and
//! certificates that foreign clients present.

mod certificates;
mod mosquitto;
#[cfg(feature = "scram")]
mod scram;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use mqtt_broker::config::{HttpSettings, JwtSettings};

use crate::libraries::python;
use crate::program::{Finished, Program};
use crate::transports::peer::{Running, start};

const VERSIONS: [&str; 3] = ["31", "311", "5"];

/// A directory of its own for each test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let name = format!("evidence-{}-{name}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    fn file(&self, name: &str) -> Option<PathBuf> {
        Some(self.0.join(name))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn script(name: &str) -> Command {
    let mut command = Command::new(python());
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/scripts").join(name));
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Runs one scenario with paho-mqtt in one version.
fn check(broker: &Running, scenario: &str, version: &str, environment: &[(&str, &str)]) {
    check_by("check_evidence.py", broker, scenario, version, environment);
}

fn check_by(name: &str, broker: &Running, scenario: &str, version: &str, environment: &[(&str, &str)]) {
    let mut command = script(name);
    command.args(["--port", &broker.address.port().to_string(), "--version", version, scenario]);
    command.envs(environment.iter().copied());
    let Finished { code, lines, errors } = Program::start(command, b"").finish();
    assert_eq!(code, Some(0), "{scenario} {version}\n{}\n{errors}", lines.join("\n"));
    assert!(lines.last().is_some_and(|line| line.starts_with("passed ")), "{lines:?}");
}

/// Keys that Python has made.
fn keys(name: &str) -> Directory {
    let directory = Directory::new(name);
    let mut command = script("make_keys.py");
    command.arg(&directory.0);
    let Finished { code, errors, .. } = Program::start(command, b"").finish();
    assert_eq!(code, Some(0), "{errors}");
    directory
}

fn judge_tokens(settings: JwtSettings) -> Running {
    let settings = JwtSettings { leeway: Duration::ZERO, ..settings };
    start(1, |config| config.auth.jwt = Some(settings))
}

#[test]
fn tokens_of_pyjwt_are_judged_by_keys_in_pem_files() {
    let keys = keys("pem");
    let broker = judge_tokens(JwtSettings {
        secret: keys.file("secret"),
        public_keys: keys.file("public.pem"),
        ..JwtSettings::default()
    });
    for version in VERSIONS {
        check(&broker, "tokens", version, &[("MQTT_INTEROP_KEYS", keys.0.to_str().expect("a path"))]);
    }
    broker.shut_down();
}

#[test]
fn tokens_of_pyjwt_are_judged_by_keys_in_a_set() {
    let keys = keys("set");
    let broker = judge_tokens(JwtSettings {
        secret: keys.file("secret"),
        key_set: keys.file("jwks.json"),
        ..JwtSettings::default()
    });
    let directory = keys.0.to_str().expect("a path");
    check(&broker, "tokens", "5", &[("MQTT_INTEROP_KEYS", directory)]);
    check(&broker, "tokens", "5", &[("MQTT_INTEROP_KEYS", directory), ("MQTT_INTEROP_KID", "1")]);
    broker.shut_down();
}

#[test]
fn a_connection_ends_when_the_token_of_pyjwt_does() {
    let keys = keys("expiry");
    let broker = judge_tokens(JwtSettings { public_keys: keys.file("public.pem"), ..JwtSettings::default() });
    fs::write(keys.file("secret").expect("a path"), "nobody asks").expect("written");
    for version in VERSIONS {
        check(&broker, "expiry", version, &[("MQTT_INTEROP_KEYS", keys.0.to_str().expect("a path"))]);
    }
    broker.shut_down();
}

#[test]
fn a_server_of_python_answers_refuses_hangs_and_dies() {
    let directory = Directory::new("hook");
    let token = directory.file("token").expect("a path");
    fs::write(&token, "token of the broker\n").expect("written");
    for version in VERSIONS {
        let mut hook = Program::start(script("hook.py"), b"");
        let port = hook.line().expect("a port");
        let broker = start(1, |config| {
            config.auth.http = Some(HttpSettings {
                url: format!("http://127.0.0.1:{port}/mqtt"),
                bearer_token: Some(token.clone()),
                timeout: Duration::from_secs(1),
                ..HttpSettings::default()
            });
        });
        check(&broker, "asked", version, &[]);
        assert_eq!(hook.finish().code, Some(1), "the server has died");
        broker.shut_down();
    }
}
