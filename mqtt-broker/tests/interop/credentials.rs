//! Files of `mosquitto_passwd`, and foreign clients with right and wrong passwords.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::broker::Broker;
use crate::libraries::{EVERY_VERSION, check_at, python};
use crate::program::{Finished, Program, locate};

/// Users by the kind of their hash.
const USERS: [(&str, &str); 2] = [("pbkdf2", "open sesame"), ("sha512", "Zürich:1")];
/// A user that only our broker knows.
const OWN: (&str, &str) = ("argon2", "correct horse");

/// Writes a password file for the broker, with the programs that people write them with.
pub(crate) fn write_users(file: &Path) {
    fs::write(file, "").expect("the directory of the broker is writable");
    for (user, password) in USERS {
        let mut command = Command::new(locate("mosquitto_passwd", "mosquitto"));
        command.args(["-b", "-H", if user == "sha512" { "sha512" } else { "sha512-pbkdf2" }]);
        let status = command.arg(file).args([user, password]).stderr(Stdio::null()).status();
        assert!(status.expect("a program").success(), "mosquitto_passwd {user}");
    }
}

/// Adds a user by our own program.
pub(crate) fn write_own_user(file: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqtt-broker"));
    command.arg("passwd").arg(file).arg(OWN.0);
    let Finished { code, errors, .. } = Program::start(command, OWN.1.as_bytes()).finish();
    assert_eq!((code, errors.as_str()), (Some(0), ""));
}

fn users(broker: &Broker) -> Vec<(&'static str, &'static str)> {
    let own = (!broker.is_mosquitto()).then_some(OWN);
    USERS.into_iter().chain(own).collect()
}

fn mosquitto(program: &str, broker: &Broker, version: &str, login: &[&str], more: &[&str]) -> Finished {
    let mut command = Command::new(locate(program, "mosquitto-clients"));
    command.args(["-h", "127.0.0.1", "-p", &broker.port().to_string(), "-V", version]).args(login).args(more);
    Program::start(command, b"").finish()
}

#[test]
fn mosquittos_clients_come_in_with_the_right_password_only() {
    let broker = Broker::start_for_users();
    for version in ["mqttv31", "mqttv311", "mqttv5"] {
        for (user, password) in users(&broker) {
            let (login, message) =
                (["-u", user, "-P", password], ["-q", "1", "-r", "-t", user, "-m", version]);
            let published = mosquitto("mosquitto_pub", &broker, version, &login, &message);
            assert_eq!(published.code, Some(0), "{version} {user}: {}", published.errors);
            let received =
                mosquitto("mosquitto_sub", &broker, version, &login, &["-q", "1", "-C", "1", "-t", user]);
            assert_eq!(received.lines, [version], "{version} {user}: {}", received.errors);
        }
        for login in [&["-u", "pbkdf2", "-P", "open sesam"][..], &["-u", "nobody", "-P", "open sesame"], &[]]
        {
            let refused = mosquitto("mosquitto_pub", &broker, version, login, &["-t", "t", "-m", "wrong"]);
            assert_ne!(refused.code, Some(0), "{version} {login:?}");
            assert!(!refused.errors.is_empty(), "{version} {login:?}");
        }
    }
}

#[test]
fn paho_comes_in_with_the_right_password_only() {
    for version in EVERY_VERSION {
        check_at(&Broker::start_for_users(), &python(), "check_paho.py", version, "credentials");
    }
}

#[test]
fn mqttjs_comes_in_with_the_right_password_only() {
    let node = locate("node", "nodejs");
    for version in EVERY_VERSION {
        check_at(&Broker::start_for_users(), &node, "check_mqttjs.mjs", version, "credentials");
    }
}
