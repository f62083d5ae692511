//! Certificates that paho-mqtt and MQTT.js present: right ones, wrong ones and none.

use std::path::{Path, PathBuf};
use std::process::Command;

use mqtt_broker::config::{CertificateSettings, Listener};
use mqtt_broker::core::Counter;
use rcgen::{DnType, SerialNumber};

use super::VERSIONS;
use crate::libraries::{node_directory, python};
use crate::program::{Finished, Program, locate};
use crate::transports::authority::{Authority, Leaf};
use crate::transports::peer::{Running, start};

const REVOKED: u64 = 77;

fn paho() -> Command {
    let mut command = Command::new(python());
    command.arg(scripts().join("check_certificates.py")).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn mqttjs() -> Command {
    let mut command = Command::new(locate("node", "nodejs"));
    command.arg(scripts().join("check_certificates.mjs")).env("MQTT_INTEROP_NODE", node_directory());
    command
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/scripts")
}

/// A broker for clients whose certificate `authority` has signed, and who they are by it.
fn broker(authority: &Authority) -> Running {
    let listener = Listener {
        client_ca: Some(authority.ca()),
        client_crl: Some(authority.revoke(&[REVOKED])),
        ..authority.listener()
    };
    start(1, |config| {
        config.listeners = vec![listener];
        config.auth.certificate = Some(CertificateSettings::default());
    })
}

fn named(authority: &Authority, name: &str, serial: u64) -> Leaf {
    authority.leaf(|params| {
        params.distinguished_name.push(DnType::CommonName, name);
        params.serial_number = Some(SerialNumber::from(serial));
    })
}

/// Runs a scenario as a client that trusts `authority` and shows `leaf`.
fn check(
    mut client: Command,
    scenario: (&str, &str),
    broker: &Running,
    authority: &Authority,
    leaf: Option<&Leaf>,
) {
    let (scenario, version) = scenario;
    client.args(["--port", &broker.address.port().to_string(), "--version", version, scenario]);
    client.env("MQTT_INTEROP_TRANSPORT", "tls").env("MQTT_INTEROP_CA", authority.ca());
    if let Some(leaf) = leaf {
        let (certificate, key) = authority.write_leaf("client", leaf);
        client.env("MQTT_INTEROP_CERTIFICATE", certificate).env("MQTT_INTEROP_KEY", key);
    }
    let Finished { code, lines, errors } = Program::start(client, b"").finish();
    assert_eq!(code, Some(0), "{scenario} {version}\n{}\n{errors}", lines.join("\n"));
    assert!(lines.last().is_some_and(|line| line.starts_with("passed ")), "{lines:?}");
}

fn certificates_decide(client: fn() -> Command) {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let good = named(&authority, "alice", 1);
    for version in VERSIONS {
        let broker = broker(&authority);
        check(client(), ("own", version), &broker, &authority, Some(&good));
        let judged = broker.handle.judged();
        assert_eq!((judged[0].name.as_str(), judged[0].admitted), ("certificate", 2));
        let revoked = named(&authority, "alice", REVOKED);
        let forged = named(&stranger, "alice", 1);
        for (leaf, counter) in [
            (None, Counter::TlsCertificateMissing),
            (Some(&revoked), Counter::TlsCertificateRevoked),
            (Some(&forged), Counter::TlsCertificateUnknown),
        ] {
            let before = broker.handle.count(counter);
            check(client(), ("refused", version), &broker, &authority, leaf);
            assert_eq!(broker.handle.count(counter), before + 1, "{counter:?} {version}");
        }
        assert_eq!(broker.handle.judged()[0].admitted, 2);
        broker.shut_down();
    }
}

#[test]
fn paho_comes_in_with_the_right_certificate_only() {
    certificates_decide(paho);
}

#[test]
fn mqttjs_comes_in_with_the_right_certificate_only() {
    certificates_decide(mqttjs);
}
