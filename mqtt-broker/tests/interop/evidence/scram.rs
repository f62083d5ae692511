//! SCRAM-SHA-256 against scramp: its clients, and a file with what it keeps of passwords.

use std::path::Path;
use std::process::Command;

use mqtt_broker::config::ScramSettings;

use super::{Directory, check_by, script};
use crate::program::{Finished, Program};
use crate::transports::peer::start;

const SCENARIOS: [&str; 3] = ["proof", "anew", "impostor"];

/// As `scram_users.py` has them.
const USERS: [(&str, &str); 4] = [
    ("alice", "pencil"),
    ("a,b=c", "=,=2C"),
    ("J\u{fc}rgen", "gr\u{fc}\u{df}e \u{65e5}\u{672c}"),
    ("IX", "a\u{aa}"),
];

fn run(command: Command, input: &str) {
    let Finished { code, errors, .. } = Program::start(command, input.as_bytes()).finish();
    assert_eq!((code, errors.as_str()), (Some(0), ""));
}

fn judge_clients_of_scramp(file: &Path) {
    let broker = start(1, |config| {
        config.auth.scram = Some(ScramSettings { file: file.to_owned(), ..ScramSettings::default() });
    });
    for scenario in SCENARIOS {
        check_by("check_scram.py", &broker, scenario, "5", &[]);
    }
    let judged = broker.handle.judged();
    assert!(judged[0].name == "scram" && judged[0].admitted > 0 && judged[0].refused > 0);
    broker.shut_down();
}

#[test]
fn clients_of_scramp_come_in_by_a_file_of_ours() {
    let directory = Directory::new("scram-ours");
    let file = directory.file("users").expect("a path");
    for (user, password) in USERS {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mqtt-broker"));
        command.args(["passwd", "--scram", "--iterations", "4096"]).arg(&file).arg(user);
        run(command, password);
    }
    judge_clients_of_scramp(&file);
}

#[test]
fn clients_of_scramp_come_in_by_a_file_of_scramp() {
    let directory = Directory::new("scram-theirs");
    let file = directory.file("users").expect("a path");
    let mut command = script("scram_users.py");
    command.arg(&file);
    run(command, "");
    judge_clients_of_scramp(&file);
}
