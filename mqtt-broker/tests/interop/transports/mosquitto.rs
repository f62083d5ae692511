//! Mosquitto's clients over TLS, with and without certificates of their own.

use std::process::Command;

use mqtt_broker::config::Listener;
use mqtt_broker::core::Counter;

use super::authority::{Authority, Leaf};
use super::peer::{Running, start};
use super::run;
use crate::program::{Finished, locate};

fn client(program: &str, broker: &Running, authority: &Authority, arguments: &[&str]) -> Finished {
    let mut command = Command::new(locate(program, "mosquitto-clients"));
    command.args(["-h", "localhost", "-p", &broker.address.port().to_string(), "--cafile"]);
    command.arg(authority.ca()).args(arguments);
    run(command)
}

#[test]
fn messages_go_through_both_versions_of_tls() {
    let authority = Authority::new();
    let broker = start(2, |config| config.listeners = vec![authority.listener()]);
    for version in ["tlsv1.2", "tlsv1.3"] {
        let tls = ["--tls-version", version, "--tls-alpn", "mqtt"];
        let large = "x".repeat(100_000);
        for payload in ["small", &large] {
            let publish = [&tls[..], &["-q", "1", "-r", "-t", version, "-m", payload]].concat();
            let published = client("mosquitto_pub", &broker, &authority, &publish);
            assert_eq!(published.code, Some(0), "{}", published.errors);
            let subscribe = [&tls[..], &["-q", "1", "-C", "1", "-t", version]].concat();
            let received = client("mosquitto_sub", &broker, &authority, &subscribe);
            assert_eq!(received.lines, [payload], "{}", received.errors);
        }
    }
    assert_eq!(broker.handle.count(Counter::TlsHandshakes), 8);
    broker.shut_down();
}

#[test]
fn a_client_needs_its_certificate_where_that_is_asked_for() {
    let authority = Authority::new();
    let listener = Listener { client_ca: Some(authority.ca()), ..authority.listener() };
    let broker = start(1, |config| config.listeners = vec![listener]);
    let message = ["-q", "1", "-t", "t", "-m", "m"];
    let without = client("mosquitto_pub", &broker, &authority, &message);
    assert_ne!(without.code, Some(0));
    assert_eq!(broker.handle.count(Counter::TlsCertificateMissing), 1);

    let leaf: Leaf = authority.leaf(|_| {});
    let (certificate, key) = authority.write_leaf("client", &leaf);
    let own = ["--cert", certificate.to_str().unwrap(), "--key", key.to_str().unwrap()];
    let with = client("mosquitto_pub", &broker, &authority, &[&own[..], &message].concat());
    assert_eq!(with.code, Some(0), "{}", with.errors);
    broker.shut_down();
}

#[test]
fn a_client_that_does_not_trust_the_broker_does_not_get_in() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let broker = start(1, |config| config.listeners = vec![authority.listener()]);
    let refused = client("mosquitto_pub", &broker, &stranger, &["-q", "1", "-t", "t", "-m", "m"]);
    assert_ne!(refused.code, Some(0));
    assert_eq!(broker.handle.count(Counter::TlsNotTrusted), 1);
    broker.shut_down();
}
