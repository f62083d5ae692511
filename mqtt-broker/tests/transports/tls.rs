//! MQTT over TLS, once the handshake is over.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use mqtt_broker::core::Counter;
use mqtt_codec::{Disconnect, Packet, QoS, Version};
use rustls::{HandshakeKind, StreamOwned};

use crate::authority::Authority;
use crate::peer::packets::{connect, connect_kept, publish};
use crate::peer::start;
use crate::secure::{SecureTcp, TLS_1_2, TLS_1_3, config};

#[test]
fn clients_of_both_versions_exchange_messages_of_every_size() {
    let authority = Authority::new();
    let broker = start(2, |config| config.listeners = vec![authority.listener()]);
    let [old, new] = [TLS_1_2, TLS_1_3].map(|version| Arc::new(config(&authority, version, None)));
    let mut old = SecureTcp::connect(broker.address, &old, connect(Version::V3_1_1, "old"));
    let mut new = SecureTcp::connect(broker.address, &new, connect(Version::V5, "new"));
    old.subscribe("to/old", QoS::AtLeastOnce);
    new.subscribe("to/new", QoS::AtLeastOnce);
    for len in [0, 1, 100, 16_384, 16_385, 40_000, 300_000] {
        let payload = "x".repeat(len);
        old.send(&[publish("to/new", payload.as_str(), QoS::AtLeastOnce, 1)]).unwrap();
        assert!(matches!(old.next(), Packet::PubAck(_)));
        assert_eq!(new.messages(1), [payload.as_str()]);
        new.send(&[publish("to/old", payload.as_str(), QoS::AtLeastOnce, 1)]).unwrap();
        assert!(matches!(new.next(), Packet::PubAck(_)));
        assert_eq!(old.messages(1), [payload]);
    }
    broker.shut_down();
}

#[test]
fn a_client_that_reads_late_gets_everything_in_order() {
    let authority = Authority::new();
    let broker = start(1, |config| config.listeners = vec![authority.listener()]);
    let config = Arc::new(config(&authority, TLS_1_3, None));
    let mut slow = SecureTcp::connect(broker.address, &config, connect(Version::V5, "slow"));
    slow.subscribe("t", QoS::AtLeastOnce);
    let mut fast = SecureTcp::connect(broker.address, &config, connect(Version::V5, "fast"));
    let payloads: Vec<String> = (0..400).map(|number| format!("{number} {}", "x".repeat(20_000))).collect();
    for payload in &payloads {
        fast.send(&[publish("t", payload.as_str(), QoS::AtLeastOnce, 1)]).unwrap();
        assert!(matches!(fast.next(), Packet::PubAck(_)));
    }
    assert!(slow.messages(payloads.len()) == payloads, "all of them, in order");
    broker.shut_down();
}

#[test]
fn a_client_that_stops_reading_is_given_up_although_its_records_are_sealed() {
    let authority = Authority::new();
    let broker = start(1, |config| {
        config.listeners.push(authority.listener());
        config.limits.stall = Duration::from_millis(200);
    });
    let secure = broker.handle.addresses()[1];
    let mut sender = broker.connect(connect(Version::V5, "sender"));
    // each message is sealed as a whole, so that nothing of it is left in the output
    let payload = "x".repeat(50_000);
    for version in [TLS_1_2, TLS_1_3] {
        let config = Arc::new(config(&authority, version, None));
        let mut reader = SecureTcp::connect(secure, &config, connect(Version::V5, "reader"));
        reader.subscribe("t", QoS::AtMostOnce);
        for _ in 0..200 {
            sender.send(&[publish("t", payload.as_str(), QoS::AtMostOnce, 0)]);
        }
        broker.wait_for_connected(&mut sender, 1);
    }
    assert_eq!(broker.handle.count(Counter::DisconnectedStalled), 2);
    broker.shut_down();
}

#[test]
fn connections_move_between_shards_with_what_is_behind_their_connect() {
    let authority = Authority::new();
    let broker = start(3, |config| config.listeners = vec![authority.listener()]);
    let configs = [TLS_1_2, TLS_1_3].map(|version| Arc::new(config(&authority, version, None)));
    let mut watcher = SecureTcp::connect(broker.address, &configs[0], connect(Version::V5, "watcher"));
    watcher.subscribe("t", QoS::AtLeastOnce);
    for number in 0..24 {
        let mut client = SecureTcp::open(broker.address, &configs[number % 2]);
        let id = format!("client{number}");
        let first =
            [Packet::Connect(connect_kept(Version::V5, &id)), publish("t", id.as_str(), QoS::AtLeastOnce, 1)];
        client.send(&first).unwrap();
        assert!(matches!(client.next(), Packet::ConnAck(_)));
        assert!(matches!(client.next(), Packet::PubAck(_)));
        assert_eq!(watcher.messages(1), [id]);
        client.send(&[Packet::PingReq]).unwrap();
        assert_eq!(client.next(), Packet::PingResp);
    }
    broker.shut_down();
}

#[test]
fn a_session_of_tls_goes_on_with_a_short_handshake() {
    let authority = Authority::new();
    let broker = start(2, |config| config.listeners = vec![authority.listener()]);
    for (number, version) in [TLS_1_2, TLS_1_3].into_iter().enumerate() {
        let config = Arc::new(config(&authority, version, None));
        let mut kinds = Vec::new();
        for _ in 0..3 {
            let mut client = SecureTcp::connect(broker.address, &config, connect(Version::V5, "client"));
            kinds.push(client.stream.conn.handshake_kind());
            client.send(&[Packet::PingReq]).unwrap();
            assert_eq!(client.next(), Packet::PingResp);
        }
        let (full, resumed) = (Some(HandshakeKind::Full), Some(HandshakeKind::Resumed));
        assert_eq!(kinds, [full, resumed, resumed], "{version:?}");
        assert_eq!(broker.handle.count(Counter::TlsHandshakes), 3 * (number as u64 + 1));
        assert_eq!(broker.handle.count(Counter::TlsResumed), 2 * (number as u64 + 1));
    }
    broker.shut_down();
}

#[test]
fn the_end_of_a_connection_is_announced_in_tls() {
    let authority = Authority::new();
    let broker = start(1, |config| config.listeners = vec![authority.listener()]);
    for version in [TLS_1_2, TLS_1_3] {
        let config = Arc::new(config(&authority, version, None));
        // one that says goodbye, one that breaks a rule, and one that is no client yet
        let mut leaving = SecureTcp::connect(broker.address, &config, connect(Version::V5, "leaving"));
        leaving.send(&[Packet::Disconnect(Disconnect::default())]).unwrap();
        assert_eq!(leaving.receive().expect("close_notify, not just the end of the socket"), None);
        let mut wrong = SecureTcp::connect(broker.address, &config, connect(Version::V5, "wrong"));
        wrong.send(&[Packet::Connect(connect(Version::V5, "wrong"))]).unwrap();
        assert!(matches!(wrong.next(), Packet::Disconnect(_)));
        assert_eq!(wrong.receive().expect("close_notify"), None);
        let mut stranger = SecureTcp::open(broker.address, &config);
        stranger.send(&[Packet::PingReq]).unwrap();
        assert_eq!(stranger.receive().expect("close_notify"), None);
    }
    let config = Arc::new(config(&authority, TLS_1_3, None));
    let mut last = SecureTcp::connect(broker.address, &config, connect(Version::V5, "last"));
    broker.shut_down();
    assert!(matches!(last.next(), Packet::Disconnect(_)));
    assert_eq!(last.receive().expect("close_notify"), None);
}

#[test]
fn an_end_that_is_announced_with_connect_is_seen() {
    let authority = Authority::new();
    let broker = start(1, |config| config.listeners = vec![authority.listener()]);
    for version in [TLS_1_2, TLS_1_3] {
        let config = Arc::new(config(&authority, version, None));
        let mut client = SecureTcp::open(broker.address, &config);
        let mut packet = Vec::new();
        Packet::Connect(connect(Version::V5, "client")).encode(Version::V5, &mut packet).expect("a packet");
        let StreamOwned { conn, sock } = &mut client.stream;
        conn.complete_io(sock).expect("a handshake");
        conn.writer().write_all(&packet).expect("memory");
        conn.send_close_notify();
        // one segment, so that one read brings both
        let mut records = Vec::new();
        while conn.wants_write() {
            conn.write_tls(&mut records).expect("memory");
        }
        sock.write_all(&records).expect("a connection");
        assert!(matches!(client.next(), Packet::ConnAck(_)));
        assert_eq!(client.receive().expect("close_notify"), None);
    }
    assert_eq!(broker.handle.count(Counter::DisconnectedTransport), 2);
    broker.shut_down();
}

#[test]
fn mqtt_is_agreed_on_by_alpn_and_anything_else_is_refused() {
    let authority = Authority::new();
    let broker = start(1, |config| config.listeners = vec![authority.listener()]);
    for (offered, agreed) in [
        (&[][..], Some(None)),
        (&[&b"mqtt"[..]], Some(Some(&b"mqtt"[..]))),
        (&[b"h2", b"mqtt"], Some(Some(b"mqtt"))),
        (&[b"h2"], None),
    ] {
        let mut config = config(&authority, TLS_1_3, None);
        config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
        let mut client = SecureTcp::open(broker.address, &Arc::new(config));
        let result = client.try_introduce(connect(Version::V5, "client"));
        assert_eq!(result.is_ok(), agreed.is_some(), "{offered:?}");
        if let Some(agreed) = agreed {
            assert_eq!(client.stream.conn.alpn_protocol(), agreed);
        }
    }
    assert_eq!(broker.handle.count(Counter::TlsOther), 1);
    broker.shut_down();
}
