//! When a client is not read from: its answers are not read, or cannot be given.

use mqtt_codec::{Ack, Packet, QoS, ReasonCode, Version};
use mqtt_session::{ServerConfig, StoreSeq};

use crate::common::{
    Meaning, Pair, ServerAlone, VERSIONS, client_config, id, nonzero, resuming, server_config,
};
use crate::delivery::{qos1, qos2};

#[test]
fn a_client_that_does_not_read_its_answers_is_not_read_from() {
    for version in VERSIONS {
        let config = ServerConfig { replies: 4, ..server_config() };
        let mut pair = Pair::with(version, client_config(), config);
        pair.reconnect();
        pair.to_client.room = 0;
        for n in 0..20 {
            pair.publish(&n.to_string(), QoS::AtLeastOnce);
        }
        pair.drive();
        assert_eq!(pair.at_server.len(), 4);
        pair.to_client.room = usize::MAX;
        pair.drive();
        assert_eq!(pair.at_server.len(), 20);
        assert!(pair.is_at_rest());
    }
}

/// A server with a store that wants to read after CONNACK, and room for four answers unread.
fn with_slow_store(version: Version) -> ServerAlone {
    let config = ServerConfig { replies: 4, receive_maximum: nonzero(100), store: true, ..server_config() };
    let mut server = ServerAlone::attached(resuming(version), config);
    server.session.handle_stored(StoreSeq(1));
    assert_eq!(server.fetch_names(), ["ConnAck"]);
    server
}

#[test]
fn answers_that_wait_for_the_store_or_the_application_hold_back_no_ping() {
    for version in VERSIONS {
        for stored_late in [false, true] {
            let mut server = with_slow_store(version);
            let mut waits = Vec::new();
            for n in 1..=100 {
                assert!(server.session.wants_read(), "{n}");
                let Some(Meaning::Message(got)) = server.give(&qos1("m", n, false)) else { panic!("{n}") };
                let wait = server.session.reserve_store_seq().filter(|_| stored_late);
                if stored_late {
                    server.session.acknowledge(got.receipt.unwrap(), ReasonCode::Success, wait);
                }
                waits.push((got.receipt.unwrap(), wait));
            }
            assert!(server.session.wants_read());
            server.give(&Packet::PingReq);
            assert_eq!(server.fetch_names(), ["PingResp"]);
            for (n, (receipt, wait)) in waits.iter().enumerate() {
                assert_eq!(server.session.wants_read(), n < 4, "{n}");
                match wait {
                    Some(seq) => server.session.handle_stored(*seq),
                    None => server.session.acknowledge(*receipt, ReasonCode::Success, None),
                }
            }
            assert_eq!(server.fetch().len(), 100);
            assert!(server.session.wants_read());
        }
    }
}

#[test]
fn an_answer_behind_one_that_waits_is_not_unread() {
    let mut server = with_slow_store(Version::V5);
    let Some(Meaning::Message(first)) = server.give(&qos1("m", 1, false)) else { panic!() };
    for n in 2..20 {
        server.ask(&qos1("m", n, false));
        assert!(server.session.wants_read());
    }
    server.session.acknowledge(first.receipt.unwrap(), ReasonCode::Success, None);
    assert!(!server.session.wants_read());
    assert_eq!(server.fetch().len(), 19);
    assert!(server.session.wants_read());
}

#[test]
fn every_kind_of_answer_counts_once_it_may_leave() {
    let subscribed = |server: &mut ServerAlone, n, wait| {
        server.session.answer_subscribe(id(n), vec![ReasonCode::Success], wait);
    };
    let unsubscribed = |server: &mut ServerAlone, n, wait| {
        server.session.answer_unsubscribe(id(n), vec![ReasonCode::Success], wait);
    };
    let mut server = with_slow_store(Version::V5);
    server.ask(&qos2("m", 1, false));
    let wait = server.session.reserve_store_seq();
    server.session.handle_stored(wait.unwrap());
    assert_eq!(server.fetch_names(), ["PubRec 1"]);
    // the same message again, a request of each kind, and a ping: all may leave
    server.give(&qos2("m", 1, true));
    subscribed(&mut server, 2, None);
    unsubscribed(&mut server, 3, None);
    assert!(server.session.wants_read());
    server.give(&Packet::PingReq);
    assert!(!server.session.wants_read());
    assert_eq!(server.fetch().len(), 4);
    // a handshake that is stored at its time
    server.give(&Packet::PubRel(Ack::new(id(1))));
    let released = server.session.reserve_store_seq();
    for n in 50..60 {
        server.give(&Packet::PubRel(Ack::new(id(n))));
        server.give(&Packet::PubRec(Ack::new(id(n))));
    }
    assert!(server.session.wants_read());
    server.session.handle_stored(released.unwrap());
    assert!(!server.session.wants_read());
    assert_eq!(server.fetch().len(), 21);
    for n in 0..4 {
        assert!(server.session.wants_read());
        server.give(&Packet::PubRec(Ack::new(id(70 + n))));
    }
    assert!(!server.session.wants_read());
}

#[test]
fn what_waits_for_the_store_is_limited_whatever_the_client_sends() {
    for version in VERSIONS {
        let mut server = with_slow_store(version);
        let never = server.session.reserve_store_seq();
        let mut given = 0;
        while server.session.wants_read() {
            given += 1;
            server.session.answer_subscribe(id(given), vec![ReasonCode::Success], never);
        }
        assert_eq!(given, 104);
        server.session.handle_stored(never.unwrap());
        assert_eq!(server.fetch().len(), 104);
        assert!(server.session.wants_read());
        if !version.is_v5() {
            for n in 1..=104 {
                assert!(server.session.wants_read());
                server.give(&qos1("m", n, false));
            }
            assert!(!server.session.wants_read());
        }
    }
}
