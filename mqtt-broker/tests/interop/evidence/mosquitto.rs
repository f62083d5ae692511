//! Certificates that Mosquitto's clients present.

use std::process::Command;

use mqtt_broker::config::{CertificateSettings, Listener};
use rcgen::{DnType, SerialNumber};

use crate::program::{Finished, Program, locate};
use crate::transports::authority::{Authority, Leaf};
use crate::transports::peer::{Running, start};

const REVOKED: u64 = 77;

/// Publishes with a session that stays, as the client of one name.
fn publish(broker: &Running, authority: &Authority, file: &str, leaf: &Leaf) -> Finished {
    let (certificate, key) = authority.write_leaf(file, leaf);
    let mut command = Command::new(locate("mosquitto_sub", "mosquitto-clients"));
    command.args(["-h", "localhost", "-p", &broker.address.port().to_string(), "--cafile"]);
    command.arg(authority.ca()).arg("--cert").arg(certificate).arg("--key").arg(key);
    // subscribing without waiting for a message
    command.args(["-V", "5", "-c", "-x", "60", "-i", "device", "-q", "1", "-t", "t", "-E"]);
    Program::start(command, b"").finish()
}

#[test]
fn a_session_belongs_to_the_name_in_the_certificate() {
    let authority = Authority::new();
    let listener = Listener {
        client_ca: Some(authority.ca()),
        client_crl: Some(authority.revoke(&[REVOKED])),
        ..authority.listener()
    };
    let broker = start(1, |config| {
        config.listeners = vec![listener];
        config.auth.certificate = Some(CertificateSettings::default());
    });
    let named = |name: &str, serial: u64| {
        authority.leaf(|params| {
            params.distinguished_name.push(DnType::CommonName, name);
            params.serial_number = Some(SerialNumber::from(serial));
        })
    };
    let alice = publish(&broker, &authority, "alice", &named("alice", 1));
    assert_eq!(alice.code, Some(0), "{}", alice.errors);
    let bob = publish(&broker, &authority, "bob", &named("bob", 2));
    assert_ne!(bob.code, Some(0), "the session is of alice");
    let revoked = publish(&broker, &authority, "revoked", &named("alice", REVOKED));
    assert_ne!(revoked.code, Some(0), "the certificate is revoked");
    let renewed = publish(&broker, &authority, "renewed", &named("alice", 3));
    assert_eq!(renewed.code, Some(0), "{}", renewed.errors);
    let judged = broker.handle.judged();
    assert_eq!((judged[0].name.as_str(), judged[0].admitted), ("certificate", 3));
    broker.shut_down();
}
