//! Messages that a client may no longer have.

use mqtt_codec::{Ack, Packet, QoS, Version};
use mqtt_session::{Delivered, Matched, Outbound};

use crate::common::{ServerAlone, VERSIONS, id, message};

fn deliver(server: &mut ServerAlone, payload: &str, qos: QoS, connected: bool) -> Delivered {
    let kept = message(payload);
    let mut scratch = Vec::new();
    let mut outbound = Outbound::kept(&kept, qos, false, None, &mut scratch);
    let matched = Matched { qos, retain: false, subscription_ids: &[] };
    let mut out = Vec::new();
    server.session.deliver(server.now, &mut outbound, &matched, connected.then_some(&mut out))
}

#[test]
fn what_waits_is_withdrawn_and_the_others_keep_their_order() {
    for version in VERSIONS {
        let mut server = ServerAlone::new(version);
        server.session.handle_disconnected(server.now);
        for payload in ["a", "secret", "b"] {
            assert_eq!(deliver(&mut server, payload, QoS::AtLeastOnce, false), Delivered::Queued);
        }
        assert_eq!(server.session.withdraw(|message| message.payload != "secret"), 1);
        assert_eq!(server.session.withdraw(|message| message.payload != "secret"), 0);
        server.attach();
        assert_eq!(server.fetch_names()[1..], ["Publish 1 a", "Publish 2 b"]);
    }
}

#[test]
fn mqtt_5_0__4_4_0_1_an_exchange_that_has_begun_goes_on_whatever_is_withdrawn() {
    let mut server = ServerAlone::new(Version::V5);
    for (payload, qos) in [("a", QoS::AtLeastOnce), ("b", QoS::ExactlyOnce)] {
        assert_eq!(deliver(&mut server, payload, qos, true), Delivered::Written);
    }
    server.session.handle_disconnected(server.now);
    assert_eq!(deliver(&mut server, "c", QoS::AtLeastOnce, false), Delivered::Queued);
    server.attach();
    assert_eq!(server.session.withdraw(|_| false), 1);
    assert_eq!(server.fetch_names()[1..], ["Publish 1 DUP a", "Publish 2 DUP b"]);
    server.give(&Packet::PubAck(Ack::new(id(1))));
    assert_eq!(server.ask(&Packet::PubRec(Ack::new(id(2)))), ["PubRel 2"]);
    server.give(&Packet::PubComp(Ack::new(id(2))));
    assert_eq!((server.session.in_flight(), server.session.held_bytes()), (0, 0));
}
