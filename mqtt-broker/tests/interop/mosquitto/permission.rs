//! mosquitto's files of users and permissions, and the same questions to mosquitto and to the broker under test.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Subscriber, Version, publish};
use crate::broker::{Broker, mosquitto_with};
use crate::program::locate;

/// `the/last` is how a test knows that nothing more comes.
const ACL: &str = "\
# clients without a name
topic read public/#
topic write in
topic the/last/#

user ann
topic  ann/#
topic deny ann/secret
topic read shared/+/x
topic readwrite the/last/#
user bob
topic write news/#
topic read news/sport
topic deny by/c1/b
topic the/last/#

user root
topic #
pattern by/%c/#
pattern read to/%u
pattern deny by/%c/secret
pattern deny ann/b
pattern write public/all
pattern read the/last/#
";

const TOPICS: [&str; 19] = [
    "public",
    "public/a",
    "public/all",
    "in",
    "ann",
    "ann/a",
    "ann/b",
    "ann/secret",
    "ann/secret/x",
    "shared/1/x",
    "shared/1",
    "news/sport",
    "news/art",
    "by/c1",
    "by/c1/a",
    "by/c1/b",
    "by/c1/secret",
    "to/ann",
    "to/bob",
];

/// Who asks: arguments of the clients. Names with wildcards are those that patterns are not for.
const CLIENTS: [&str; 6] = [
    "-i c1",
    "-i c2",
    "-i c1 -u ann -P pencil",
    "-i c+ -u ann -P pencil",
    "-i c1 -u bob -P pencil",
    "-i c2 -u bob -P pencil",
];

const ROOT: &str = "-i root -u root -P pencil";

fn write_files(directory: &Path) {
    let file = |name: &str| directory.join(name);
    fs::write(file("acl"), ACL).expect("a writable directory");
    fs::write(file("passwd"), "").expect("a writable directory");
    for user in ["ann", "bob", "root"] {
        let mut passwd = Command::new(locate("mosquitto_passwd", "mosquitto"));
        let status = passwd.arg("-b").arg(file("passwd")).args([user, "pencil"]).status();
        assert!(status.expect("a program of mosquitto").success());
    }
}

fn ours(port: u16, directory: &Path) -> Command {
    write_files(directory);
    let settings = format!(
        "[[listener]]\naddress = \"tcp://127.0.0.1:{port}\"\n[auth]\nallow_anonymous = true\n\
         password_file = \"passwd\"\nacl_file = \"acl\"\n"
    );
    fs::write(directory.join("mqtt-broker.toml"), settings).expect("a writable directory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqtt-broker"));
    command.args(["--memory", "--config", "mqtt-broker.toml"]);
    command
}

fn mosquitto(port: u16, directory: &Path) -> Command {
    write_files(directory);
    mosquitto_with(port, directory, "user root\npassword_file passwd\nacl_file acl\n")
}

/// Which topics each client may publish to, as seen by somebody who gets everything.
fn writes(broker: &Broker) -> Vec<String> {
    let mut root = Subscriber::start(broker, Version::V3_1_1, &format!("{ROOT} -t #"));
    for client in CLIENTS {
        for topic in TOPICS {
            publish(broker, Version::V3_1_1, &format!("{client} -t {topic} -q 1"), client.as_bytes());
        }
    }
    let mut written: Vec<String> = root
        .rest()
        .into_iter()
        .map(|message| format!("{} writes {}", message.text(), message.topic))
        .collect();
    written.sort();
    written
}

/// Which topics each client gets messages of: retained ones when it subscribes, and others later.
fn reads(broker: &Broker) -> Vec<String> {
    for topic in TOPICS {
        publish(broker, Version::V3_1_1, &format!("-i r -u root -P pencil -t {topic} -q 1 -r"), b"kept");
    }
    let mut got = Vec::new();
    for client in CLIENTS {
        let mut reader = Subscriber::start(broker, Version::V3_1_1, &format!("{client} -t #"));
        for topic in TOPICS {
            publish(broker, Version::V3_1_1, &format!("-i r -u root -P pencil -t {topic} -q 1"), b"new");
        }
        let messages = reader.rest().into_iter();
        got.extend(messages.map(|message| format!("{client} reads {} {}", message.topic, message.text())));
    }
    got.sort();
    got
}

#[test]
fn mosquittos_files_mean_what_they_mean_there() {
    let (ours, theirs) = (Broker::start_with(ours), Broker::start_with(mosquitto));
    let (written, read) = (writes(&ours), reads(&ours));
    assert_eq!(written, writes(&theirs));
    assert_eq!(read, reads(&theirs));
    // that much was asked and answered in both ways
    assert!(written.len() > 20 && written.len() < TOPICS.len() * CLIENTS.len());
    assert!(read.len() > 40 && read.len() < 2 * TOPICS.len() * CLIENTS.len());
}
