//! Clients that come to the wrong port, or do not like what they find there: each is counted under its own reason.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use mqtt_broker::config::TlsVersion;
use mqtt_broker::core::Counter;
use mqtt_codec::{Packet, Version};

use crate::authority::Authority;
use crate::peer::packets::connect;
use crate::peer::{Peer, Running, start};
use crate::secure::{SecureTcp, TLS_1_2, TLS_1_3, config};

fn refuses(broker: &Running, bytes: &[u8]) {
    let mut stream = TcpStream::connect(broker.address).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.is_empty(), "{answer:?}");
}

#[test]
fn plain_mqtt_and_garbage_are_refused_by_a_port_with_tls() {
    let authority = Authority::new();
    let broker = start(1, |config| config.listeners = vec![authority.listener()]);
    let mut plain = Peer::open(broker.address);
    plain.send(&[Packet::Connect(connect(Version::V5, "plain"))]);
    assert_eq!(plain.next(), None);
    refuses(&broker, b"GET / HTTP/1.1\r\n");
    assert_eq!(broker.handle.count(Counter::TlsNotSpoken), 2);
    broker.shut_down();
}

#[test]
fn tls_and_http_are_refused_by_a_port_with_plain_mqtt() {
    let authority = Authority::new();
    let broker = start(1, |_| {});
    let config = Arc::new(config(&authority, TLS_1_3, None));
    let mut client = SecureTcp::open(broker.address, &config);
    client.try_introduce(connect(Version::V5, "client")).expect_err("no TLS there");
    refuses(&broker, b"GET /mqtt HTTP/1.1\r\n");
    assert_eq!(broker.handle.count(Counter::RefusedMalformed), 2);
    broker.shut_down();
}

#[test]
fn a_version_that_is_too_old_is_refused_with_an_alert() {
    let authority = Authority::new();
    let broker = start(1, |config| {
        config.listeners = vec![authority.listener()];
        config.tls.minimum_version = TlsVersion::V1_3;
    });
    let old = Arc::new(config(&authority, TLS_1_2, None));
    let mut client = SecureTcp::open(broker.address, &old);
    let error = client.try_introduce(connect(Version::V5, "old")).expect_err("too old");
    assert!(error.to_string().contains("ProtocolVersion"), "{error}");
    assert_eq!(broker.handle.count(Counter::TlsVersion), 1);
    let new = Arc::new(config(&authority, TLS_1_3, None));
    SecureTcp::connect(broker.address, &new, connect(Version::V5, "new"));
    broker.shut_down();
}

#[test]
fn a_client_that_does_not_trust_the_broker_is_counted_when_it_says_so() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let broker = start(1, |config| config.listeners = vec![authority.listener()]);
    let trusting = Arc::new(config(&authority, TLS_1_3, None));
    for version in [TLS_1_2, TLS_1_3] {
        let config = Arc::new(config(&stranger, version, None));
        let mut client = SecureTcp::open(broker.address, &config);
        let error = client.try_introduce(connect(Version::V5, "client")).expect_err("not trusted");
        assert!(error.to_string().contains("UnknownIssuer"), "{error}");
        // the broker ends the connection when it has read why
        let mut rest = Vec::new();
        let _ = client.stream.sock.read_to_end(&mut rest);
    }
    assert_eq!(broker.handle.count(Counter::TlsNotTrusted), 2);
    SecureTcp::connect(broker.address, &trusting, connect(Version::V5, "trusting"));
    broker.shut_down();
}
