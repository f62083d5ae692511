//! Strangers that come no further than the transport: each stage has a limit of its own.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use mqtt_broker::config::Config;
use mqtt_broker::core::Counter;
use mqtt_codec::Version;

use crate::authority::Authority;
use crate::peer::packets::connect;
use crate::peer::{Running, start};
use crate::secure::{SecureTcp, TLS_1_3, config, connection};

const SHORT: Duration = Duration::from_millis(50);
const NEVER: Duration = Duration::from_secs(3_600);

/// A broker that would wait for ever, but for what a test changes.
fn patient(authority: &Authority, change: impl FnOnce(&mut Config)) -> Running {
    start(1, |config| {
        config.listeners = vec![authority.listener()];
        let lobby = &mut config.lobby;
        (lobby.timeout, lobby.tls_timeout) = (NEVER, NEVER);
        (lobby.upgrade_timeout, lobby.connect_timeout) = (NEVER, NEVER);
        change(config);
    })
}

fn open(broker: &Running) -> TcpStream {
    let stream = TcpStream::connect(broker.address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// Waits for the end, whatever comes before it.
fn expect_end(mut stream: TcpStream) {
    let mut last_words = Vec::new();
    // a reset is an end as well
    drop(stream.read_to_end(&mut last_words));
}

fn hello(authority: &Authority) -> Vec<u8> {
    let mut client = connection(&Arc::new(config(authority, TLS_1_3, None)));
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_handshake_that_does_not_go_on_is_not_waited_for() {
    let authority = Authority::new();
    let broker = patient(&authority, |config| config.lobby.tls_timeout = SHORT);
    let silent = open(&broker);
    let mut half = open(&broker);
    half.write_all(&hello(&authority)[..50]).unwrap();
    // the broker has answered, and the client says nothing more
    let mut answered = open(&broker);
    answered.write_all(&hello(&authority)).unwrap();
    [silent, half, answered].into_iter().for_each(expect_end);
    assert_eq!(broker.handle.count(Counter::LateTls), 3);
    assert_eq!(broker.handle.count(Counter::ClientsRefused), 3);
    broker.shut_down();
}

#[test]
fn a_listener_may_wait_less_for_a_handshake() {
    let authority = Authority::new();
    let broker = patient(&authority, |config| config.listeners[0].lobby.tls_timeout = Some(SHORT));
    expect_end(open(&broker));
    assert_eq!(broker.handle.count(Counter::LateTls), 1);
    broker.shut_down();
}

#[test]
fn a_client_with_tls_and_without_connect_is_late_with_connect() {
    let authority = Authority::new();
    let broker = patient(&authority, |config| config.lobby.connect_timeout = SHORT);
    let mut client = SecureTcp::open(broker.address, &Arc::new(config(&authority, TLS_1_3, None)));
    assert!(!matches!(client.receive(), Ok(Some(_))));
    assert_eq!(broker.handle.count(Counter::LateConnect), 1);
    assert_eq!(broker.handle.count(Counter::LateTls), 0);
    broker.shut_down();
}

#[test]
fn a_handshake_has_a_size() {
    let authority = Authority::new();
    let broker = patient(&authority, |config| config.lobby.tls_bytes = 1_000);
    let mut stream = open(&broker);
    // a record of 16 KiB, of which a part comes
    let record = [&[22, 3, 1, 0x40, 0][..], &[1; 2_000]].concat();
    stream.write_all(&record).unwrap();
    expect_end(stream);
    assert_eq!(broker.handle.count(Counter::LongTls), 1);
    broker.shut_down();
}

#[test]
fn handshakes_that_fail_are_held_against_their_address() {
    let authority = Authority::new();
    let broker = patient(&authority, |config| {
        config.lobby.exempt = Vec::new();
        config.lobby.failures = 2;
        (config.lobby.delay, config.lobby.delay_maximum) = (NEVER, NEVER);
    });
    let client = SecureTcp::connect(
        broker.address,
        &Arc::new(config(&authority, TLS_1_3, None)),
        connect(Version::V5, "client"),
    );
    for _ in 0..3 {
        let mut stream = open(&broker);
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        expect_end(stream);
    }
    expect_end(open(&broker));
    assert_eq!(broker.handle.count(Counter::RefusedDelay), 1);
    drop(client);
    broker.shut_down();
}

#[cfg(feature = "websocket")]
#[test]
fn an_upgrade_has_a_time_and_a_size() {
    let authority = Authority::new();
    let request = b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\n";
    let websocket = |config: &mut Config| config.listeners = vec!["ws://127.0.0.1:0".parse().unwrap()];
    let broker = patient(&authority, |config| {
        websocket(config);
        config.lobby.upgrade_timeout = SHORT;
    });
    let mut slow = open(&broker);
    slow.write_all(request).unwrap();
    expect_end(slow);
    assert_eq!(broker.handle.count(Counter::LateUpgrade), 1);
    broker.shut_down();

    let broker = patient(&authority, |config| {
        websocket(config);
        config.lobby.upgrade_bytes = 20;
    });
    let mut long = open(&broker);
    long.write_all(request).unwrap();
    expect_end(long);
    assert_eq!(broker.handle.count(Counter::WebSocketRequest), 1);
    broker.shut_down();
}

#[cfg(feature = "websocket")]
#[test]
fn a_stranger_that_closes_its_websocket_has_not_failed() {
    let authority = Authority::new();
    let broker = patient(&authority, |config| {
        config.listeners = vec!["ws://127.0.0.1:0".parse().unwrap()];
        config.lobby.exempt = Vec::new();
        config.lobby.failures = 0;
        (config.lobby.delay, config.lobby.delay_maximum) = (NEVER, NEVER);
    });
    for _ in 0..2 {
        let mut stream = open(&broker);
        let request =
            b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Protocol: mqtt\r\n\r\n";
        // a close frame with status 1000, under a mask of zeros
        stream.write_all(&[request, &b"\x88\x82\0\0\0\0\x03\xe8"[..]].concat()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.ends_with(b"\r\n\r\n\x88\x02\x03\xe8"), "{}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(broker.handle.count(Counter::RefusedDelay), 0);
    broker.shut_down();
}
