//! What a client's session says of itself, and what it does when there is nothing to say.

use mqtt_codec::{ConnAck, Packet, QoS, ReasonCode, Sink, SubAck, Version};
use mqtt_session::{CloseReason, Transmit};

use crate::common::{ClientAlone, VERSIONS, client_config, id, message, nonzero, resuming, subscription};
use crate::delivery::qos1;

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
