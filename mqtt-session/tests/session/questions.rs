//! What sessions say of themselves, and what they do when there is nothing to say.

use std::collections::BTreeSet;

use mqtt_codec::{Ack, ConnAck, Packet, QoS, ReasonCode, Seconds, Sink, SubAck, Version};
use mqtt_session::{CloseReason, DropReason, Transmit};

use crate::common::{
    ClientAlone, Meaning, ServerAlone, VERSIONS, client_config, id, message, nonzero, resuming,
    server_config, subscription,
};
use crate::delivery::{qos1, qos2};

/// An output of which the peer has taken nothing.
#[derive(Default)]
struct Full(Vec<u8>);

impl Sink for Full {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

impl Transmit for Full {
    fn has_room(&self) -> bool {
        false
    }
}

#[test]
fn asking_for_output_that_is_not_there_does_not_put_off_the_ping() {
    for version in VERSIONS {
        let mut connect = resuming(version);
        connect.keep_alive = 10;
        let mut client = ClientAlone::opened(connect, client_config());
        client.accept(&ConnAck::new(false, ReasonCode::Success));
        let deadline = client.session.poll_timeout().expect("a keep alive");
        for _ in 0..9 {
            client.now = client.now.after_secs(1);
            assert!(client.fetch().is_empty());
            assert_eq!(client.session.poll_timeout(), Some(deadline));
        }
        client.now = client.now.after_secs(1);
        client.session.handle_timeout(client.now);
        assert_eq!(client.fetch_names(), ["PingReq"]);
    }
}

#[test]
fn an_output_without_room_is_left_alone_and_nothing_is_lost() {
    for version in VERSIONS {
        let mut client = ClientAlone::new(version);
        for qos in QoS::ALL {
            client.session.publish(client.now, message("m"), qos, false, None).unwrap();
        }
        let mut full = Full::default();
        client.session.poll_transmit(client.now, &mut full);
        assert_eq!((full.0.len(), client.session.queued()), (0, 3));
        assert_eq!(client.fetch_names(), ["Publish 0 m", "Publish 1 m", "Publish 2 m"]);
    }
}

#[test]
fn requests_are_pending_until_they_are_answered() {
    for version in VERSIONS {
        let mut client = ClientAlone::new(version);
        assert_eq!(client.session.pending_requests(), 0);
        client.session.subscribe(vec![subscription("f", QoS::AtMostOnce)], None).unwrap();
        assert_eq!(client.session.pending_requests(), 1);
        client.fetch();
        assert_eq!(client.session.pending_requests(), 1);
        client.give(&Packet::SubAck(SubAck {
            id: id(1),
            reasons: vec![ReasonCode::Success],
            properties: None,
        }));
        assert_eq!(client.session.pending_requests(), 0);
    }
}

#[test]
fn the_receive_window_is_full_when_the_last_place_is_taken_and_not_before() {
    for version in VERSIONS {
        let config = mqtt_session::ClientConfig { receive_maximum: nonzero(2), ..client_config() };
        let mut client = ClientAlone::opened(resuming(version), config);
        client.accept(&ConnAck::new(false, ReasonCode::Success));
        for (number, full) in [(1, false), (2, true)] {
            client.give(&qos1("m", number, false));
            assert_eq!(client.session.is_receive_window_full(), full);
        }
        let oldest = client.session.oldest_receipt().expect("one that waits");
        client.session.acknowledge(oldest, ReasonCode::Success);
        assert_eq!(client.fetch_names(), ["PubAck 1"]);
        assert!(!client.session.is_receive_window_full());
    }
}

/// Before CONNACK the server has accepted no client that could disconnect.
#[test]
fn a_client_that_gives_up_before_connack_says_nothing() {
    for version in VERSIONS {
        let mut client = ClientAlone::opened(resuming(version), client_config());
        assert_eq!(client.fetch_names(), ["Connect"]);
        client.session.disconnect(ReasonCode::Success);
        assert!(client.fetch().is_empty());
        assert_eq!(client.session.close_reason(), Some(CloseReason::Local(ReasonCode::Success)));
    }
}

#[test]
fn a_reason_that_no_disconnect_can_carry_becomes_unspecified_error() {
    let mut client = ClientAlone::new(Version::V5);
    client.session.disconnect(ReasonCode::PacketIdentifierInUse);
    assert_eq!(client.fetch_names(), ["Disconnect 0x80"]);
}

#[test]
fn every_command_has_a_ticket_of_its_own() {
    let mut client = ClientAlone::new(Version::V5);
    let mut tickets: Vec<_> = (0..3)
        .map(|_| client.session.publish(client.now, message("m"), QoS::AtLeastOnce, false, None).unwrap())
        .collect();
    tickets.push(client.session.subscribe(vec![subscription("f", QoS::AtMostOnce)], None).unwrap());
    assert_eq!(client.session.unfinished(), tickets);
    let distinct: BTreeSet<u64> = tickets.iter().map(|ticket| ticket.0).collect();
    assert_eq!(distinct.len(), 4);
}

#[test]
fn a_server_says_its_clients_version_and_whether_the_session_would_stay() {
    for version in VERSIONS {
        let mut server = ServerAlone::new(version);
        assert_eq!(server.session.version(), Some(version));
        assert!(server.session.is_persistent());
        server.session.handle_disconnected(server.now);
        assert_eq!(server.session.version(), None);
        let mut connect = resuming(version);
        (connect.clean_start, connect.properties.session_expiry) = (true, None);
        let server = ServerAlone::attached(connect, server_config());
        assert!(!server.session.is_persistent());
    }
    let mut connect = resuming(Version::V5);
    connect.properties.session_expiry = Some(Seconds(1));
    assert!(ServerAlone::attached(connect, server_config()).session.is_persistent());
}

#[test]
fn a_server_counts_what_it_has_written_and_what_it_has_dropped() {
    for version in VERSIONS {
        let mut server = ServerAlone::new(version);
        for _ in 0..2 {
            server.queue("m", QoS::AtLeastOnce);
        }
        assert_eq!(server.session.take_written(), 0);
        server.fetch();
        assert_eq!((server.session.take_written(), server.session.take_written()), (2, 0));
        assert_eq!(server.session.drops().total(), 0);
        server.session.handle_disconnected(server.now);
        for _ in 0..3 {
            server.queue("gone", QoS::AtMostOnce);
        }
        let drops = server.session.drops();
        assert_eq!((drops.get(DropReason::Offline), drops.total()), (3, 3));
    }
}

#[test]
fn a_server_remembers_an_identifier_of_qos_2_until_it_is_released() {
    for version in VERSIONS {
        let mut server = ServerAlone::new(version);
        server.ask(&qos2("m", 7, false));
        assert_eq!(server.session.unreleased(), 1);
        server.ask(&Packet::PubRel(Ack::new(id(7))));
        assert_eq!(server.session.unreleased(), 0);
    }
}

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    for version in VERSIONS {
        let mut server = ServerAlone::new(version);
        server.session.handle_stalled();
        assert_eq!(server.session.close_reason(), Some(CloseReason::Stalled));
    }
}

/// Applications choose codes of any packet; what PUBACK and PUBREC cannot carry becomes what is nearest.
#[test]
fn a_code_that_an_acknowledgement_cannot_carry_is_replaced() {
    for (code, said) in [
        (ReasonCode::NoMatchingSubscribers, " 0x10"),
        (ReasonCode::QuotaExceeded, " 0x97"),
        (ReasonCode::ServerBusy, " 0x80"),
        (ReasonCode::DisconnectWithWillMessage, ""),
    ] {
        for (packet, answer) in [(qos1("m", 1, false), "PubAck 1"), (qos2("m", 1, false), "PubRec 1")] {
            let mut server = ServerAlone::new(Version::V5);
            let Some(Meaning::Message(got)) = server.give(&packet) else { panic!("a message") };
            server.session.acknowledge(got.receipt.expect("QoS 1 or 2"), code, None);
            assert_eq!(server.fetch_names(), [format!("{answer}{said}")], "{code:?}");
        }
    }
}

#[test]
fn messages_of_qos_0_that_waited_for_a_connection_that_ended_are_counted() {
    let mut server = ServerAlone::new(Version::V5);
    for _ in 0..3 {
        server.queue("m", QoS::AtMostOnce);
    }
    assert_eq!((server.session.queued(), server.session.drops().total()), (3, 0));
    server.session.handle_disconnected(server.now);
    assert_eq!((server.session.queued(), server.session.drops().get(DropReason::Offline)), (0, 3));
}
