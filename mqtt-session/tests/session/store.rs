//! What must be stored before something is said.

use mqtt_codec::{Ack, Packet, QoS, ReasonCode, Version};
use mqtt_session::{Matched, Outbound, QueueLimits, ServerConfig, StoreEffect, StoreOp, StoreSeq, Ticket};

use crate::common::{
    Meaning, Pair, ServerAlone, VERSIONS, client_config, id, message, nonzero, resuming, server_config,
};
use crate::delivery::{qos1, qos2, refusing};

/// A server with a store, whose CONNACK has left.
fn server(version: Version) -> ServerAlone {
    let config = ServerConfig { store: true, ..server_config() };
    let mut server = ServerAlone::attached(resuming(version), config);
    store_all(&mut server);
    assert_eq!(server.fetch_names(), ["ConnAck"]);
    server
}

fn effects(server: &mut ServerAlone) -> Vec<StoreEffect> {
    std::iter::from_fn(|| server.session.poll_store()).collect()
}

fn ops(server: &mut ServerAlone) -> Vec<StoreOp> {
    effects(server).into_iter().map(|effect| effect.op).collect()
}

const fn sent(id: u16) -> StoreOp {
    let Some(id) = mqtt_codec::PacketId::new(id) else { panic!("no identifier") };
    StoreOp::Sent { id, message: Ticket(0) }
}

fn store_all(server: &mut ServerAlone) {
    if let Some(last) = effects(server).last() {
        server.session.handle_stored(last.seq);
    }
}

fn deliver(server: &mut ServerAlone, payload: &str, qos: QoS) -> Vec<u8> {
    let kept = message(payload);
    let mut scratch = Vec::new();
    let mut outbound = Outbound::kept(&kept, qos, false, None, &mut scratch);
    let matched = Matched { qos, retain: false, subscription_ids: &[] };
    let mut out = Vec::new();
    server.session.deliver(server.now, &mut outbound, &matched, Some(&mut out));
    out
}

#[test]
fn connack_of_a_kept_session_waits_and_all_else_behind_it() {
    let config = ServerConfig { store: true, ..server_config() };
    for version in VERSIONS {
        let mut server = ServerAlone::attached(resuming(version), config);
        server.give(&Packet::PingReq);
        assert!(server.fetch().is_empty());
        let attached = effects(&mut server);
        assert!(matches!(
            attached[..],
            [StoreEffect { op: StoreOp::Attached { session_present: false, .. }, .. }]
        ));
        server.session.disconnect(ReasonCode::ServerShuttingDown);
        assert!(server.fetch().is_empty(), "not even DISCONNECT comes before it");
        server.session.handle_stored(attached[0].seq);
        assert_eq!(server.fetch_names()[0], "ConnAck");
    }
}

#[test]
fn a_session_that_is_not_kept_waits_for_nothing_but_the_end_of_one_that_was() {
    let config = ServerConfig { store: true, ..server_config() };
    let mut connect = resuming(Version::V5);
    connect.properties.session_expiry = None;
    let mut server = ServerAlone::attached(connect, config);
    assert_eq!(server.fetch_names(), ["ConnAck"]);
    assert_eq!(server.ask(&qos2("m", 1, false)), ["PubRec 1"]);
    deliver(&mut server, "m", QoS::ExactlyOnce);
    assert!(ops(&mut server).is_empty());

    server = self::server(Version::V5);
    server.give(&qos2("not fetched", 1, false));
    server.connect.clean_start = true;
    server.connect.properties.session_expiry = None;
    server.attach();
    assert!(server.fetch().is_empty());
    let expected = StoreOp::Attached { session_present: false, expiry: 0, will: None };
    assert_eq!(ops(&mut server), [expected], "effects of the discarded session are gone");
}

#[test]
fn pubrec_and_pubcomp_wait_for_their_effects() {
    for version in VERSIONS {
        let mut server = server(version);
        assert!(server.ask(&qos2("m", 1, false)).is_empty());
        assert_eq!(ops(&mut server), [StoreOp::Received(id(1))]);
        server.session.handle_stored(StoreSeq(2));
        assert_eq!(server.fetch_names(), ["PubRec 1"]);
        assert!(server.ask(&Packet::PubRel(Ack::new(id(1)))).is_empty());
        assert_eq!(ops(&mut server), [StoreOp::Released(id(1))]);
        server.session.handle_stored(StoreSeq(3));
        assert_eq!(server.fetch_names(), ["PubComp 1"]);
    }
}

#[test]
fn a_repeated_publish_is_not_answered_before_the_first_is_stored_not_even_after_a_reconnect() {
    for version in VERSIONS {
        let mut server = server(version);
        server.ask(&qos2("m", 1, false));
        assert!(server.ask(&qos2("m", 1, true)).is_empty());
        server.attach();
        let pending = effects(&mut server);
        server.session.handle_stored(StoreSeq(1));
        assert!(server.fetch().is_empty(), "CONNACK waits as well");
        server.give(&qos2("m", 1, true));
        assert!(server.fetch().is_empty());
        server.session.handle_stored(pending.last().unwrap().seq);
        assert_eq!(server.fetch_names(), ["ConnAck", "PubRec 1"]);
    }
}

#[test]
fn a_repeated_pubrel_is_not_answered_before_the_first_is_stored() {
    for version in VERSIONS {
        let mut server = server(version);
        server.ask(&qos2("m", 1, false));
        store_all(&mut server);
        assert_eq!(server.fetch_names(), ["PubRec 1"]);
        let release = Packet::PubRel(Ack::new(id(1)));
        assert!(server.ask(&release).is_empty());
        assert!(server.ask(&release).is_empty(), "a crash now would remember the identifier for ever");
        store_all(&mut server);
        let repeated = if version.is_v5() { "PubComp 1 0x92" } else { "PubComp 1" };
        assert_eq!(server.fetch_names(), ["PubComp 1", repeated]);
    }
}

#[test]
fn an_answer_with_nothing_to_store_waits_behind_one_that_has() {
    let mut server = server(Version::V5);
    let Some(Meaning::Message(first)) = server.give(&qos1("a", 1, false)) else { panic!() };
    let seq = server.session.reserve_store_seq();
    assert!(seq.is_some());
    server.session.acknowledge(first.receipt.unwrap(), ReasonCode::Success, seq);
    assert!(server.ask(&qos1("b", 2, false)).is_empty());
    server.session.answer_subscribe(id(3), vec![ReasonCode::Success], None);
    assert!(server.fetch().is_empty());
    server.session.handle_stored(seq.unwrap());
    assert_eq!(server.fetch_names(), ["PubAck 1", "PubAck 2", "SubAck 3"]);
}

#[test]
fn suback_and_unsuback_wait_for_what_the_broker_stores() {
    let mut server = server(Version::V5);
    let seq = server.session.reserve_store_seq();
    server.session.answer_subscribe(id(3), vec![ReasonCode::Success], seq);
    server.session.answer_unsubscribe(id(4), vec![ReasonCode::Success], None);
    assert!(server.fetch().is_empty());
    server.session.handle_stored(seq.unwrap());
    assert_eq!(server.fetch_names(), ["SubAck 3", "UnsubAck 4"]);
}

#[test]
fn the_first_publish_of_qos_2_and_every_pubrel_wait_and_qos_1_does_not() {
    for version in VERSIONS {
        let mut server = server(version);
        assert!(!deliver(&mut server, "1", QoS::AtLeastOnce).is_empty());
        server.give(&Packet::PubAck(Ack::new(id(1))));
        assert!(deliver(&mut server, "2", QoS::ExactlyOnce).is_empty());
        assert!(server.fetch().is_empty());
        assert_eq!(ops(&mut server), [sent(2)]);
        assert!(deliver(&mut server, "behind", QoS::AtMostOnce).is_empty(), "order is kept");
        server.session.handle_stored(StoreSeq(2));
        assert_eq!(server.fetch_names(), ["Publish 2 2", "Publish 0 behind"]);
        assert!(server.ask(&Packet::PubRec(Ack::new(id(2)))).is_empty());
        assert_eq!(ops(&mut server), [StoreOp::Taken(id(2))]);
        assert!(server.ask(&Packet::PubRec(Ack::new(id(2)))).is_empty(), "nor does a second PUBREC free it");
        server.session.handle_stored(StoreSeq(3));
        assert_eq!(server.fetch_names(), ["PubRel 2"]);
        server.give(&Packet::PubComp(Ack::new(id(2))));
        assert_eq!(ops(&mut server), [StoreOp::Completed(id(2))]);
    }
}

#[test]
fn one_wait_is_enough_for_all_that_the_client_may_have_open() {
    for version in VERSIONS {
        let queue = QueueLimits { window: nonzero(4), ..server_config().queue };
        let config = ServerConfig { store: true, queue, ..server_config() };
        let mut server = ServerAlone::attached(resuming(version), config);
        store_all(&mut server);
        assert_eq!(server.fetch_names(), ["ConnAck"]);
        let qualities =
            [QoS::ExactlyOnce, QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::ExactlyOnce, QoS::ExactlyOnce];
        for (payload, qos) in ["1", "2", "3", "4", "5"].into_iter().zip(qualities) {
            assert!(deliver(&mut server, payload, qos).is_empty());
        }
        assert!(server.fetch().is_empty());
        let began = effects(&mut server);
        assert_eq!(began.iter().map(|effect| effect.op.clone()).collect::<Vec<_>>(), [1, 3, 4].map(sent));
        server.session.handle_stored(began[1].seq);
        assert_eq!(server.fetch_names(), ["Publish 1 1", "Publish 2 2", "Publish 3 3"]);
        server.session.handle_stored(began[2].seq);
        assert_eq!(server.fetch_names(), ["Publish 4 4"]);
        server.give(&Packet::PubAck(Ack::new(id(2))));
        assert!(server.fetch().is_empty());
        assert_eq!(ops(&mut server), [sent(5)]);
    }
}

#[test]
fn a_pubrel_that_is_held_is_held_on_the_next_connection_too() {
    let mut server = server(Version::V5);
    deliver(&mut server, "m", QoS::ExactlyOnce);
    server.fetch();
    store_all(&mut server);
    assert_eq!(server.fetch_names(), ["Publish 1 m"]);
    server.give(&Packet::PubRec(Ack::new(id(1))));
    let taken = effects(&mut server);
    server.attach();
    let attached = effects(&mut server);
    assert!(server.fetch().is_empty());
    let last = attached.last().unwrap().seq;
    assert!(taken[0].seq < last);
    server.session.handle_stored(last);
    assert_eq!(server.fetch_names(), ["ConnAck", "PubRel 1"]);
}

#[test]
fn a_refused_message_leaves_nothing_in_the_store() {
    let mut server = server(Version::V5);
    let Some(Meaning::Message(got)) = server.give(&qos2("m", 1, false)) else { panic!() };
    server.session.acknowledge(got.receipt.unwrap(), ReasonCode::QuotaExceeded, None);
    assert_eq!(server.fetch_names(), ["PubRec 1 0x97"]);
    assert_eq!(ops(&mut server), []);
    deliver(&mut server, "m", QoS::ExactlyOnce);
    server.fetch();
    store_all(&mut server);
    server.fetch();
    server.give(&Packet::PubRec(refusing(1)));
    assert_eq!(ops(&mut server), [StoreOp::Completed(id(1))]);
}

#[test]
fn with_no_store_nothing_is_stored_and_nothing_waits() {
    for version in VERSIONS {
        let mut pair = Pair::with(version, client_config(), server_config());
        pair.reconnect();
        pair.publish("m", QoS::ExactlyOnce);
        pair.deliver("m", QoS::ExactlyOnce);
        pair.drive();
        assert!(pair.effects.is_empty());
        assert_eq!(pair.server.reserve_store_seq(), None);
        assert!(pair.is_at_rest());
    }
}

#[test]
fn a_pair_with_a_store_delivers_all_the_same() {
    for version in VERSIONS {
        let config = ServerConfig { store: true, ..server_config() };
        let mut pair = Pair::with(version, client_config(), config);
        pair.reconnect();
        for qos in QoS::ALL {
            pair.publish("m", qos);
            pair.deliver("m", qos);
        }
        pair.drive();
        assert_eq!((pair.at_client.len(), pair.at_server.len()), (3, 3));
        assert!(pair.is_at_rest());
        // what was received or sent with an identifier was also ended
        let count = |wanted: fn(&StoreOp) -> bool| pair.effects.iter().filter(|e| wanted(&e.op)).count();
        assert_eq!(count(|op| matches!(op, StoreOp::Received(_))), 1);
        assert_eq!(count(|op| matches!(op, StoreOp::Released(_))), 1);
        assert_eq!(count(|op| matches!(op, StoreOp::Sent { .. })), 1);
        assert_eq!(count(|op| matches!(op, StoreOp::Completed(_))), 1);
    }
}

#[test]
fn the_store_may_answer_late_without_any_loss() {
    for version in VERSIONS {
        let config = ServerConfig { store: true, ..server_config() };
        let mut pair = Pair::with(version, client_config(), config);
        pair.reconnect();
        pair.stores = false;
        for qos in QoS::ALL {
            pair.publish("m", qos);
            pair.deliver("m", qos);
        }
        pair.drive();
        let mut rounds = 0;
        while !pair.is_at_rest() {
            let seq = pair.effects.last().unwrap().seq;
            pair.server.handle_stored(seq);
            pair.drive();
            rounds += 1;
            assert!(rounds < 10);
        }
        assert_eq!((pair.at_client.len(), pair.at_server.len()), (3, 3));
    }
}

#[test]
fn what_a_client_without_a_kept_session_publishes_waits_for_the_broker_s_own_record() {
    let config = ServerConfig { store: true, ..server_config() };
    let mut connect = resuming(Version::V5);
    connect.properties.session_expiry = None;
    let mut server = ServerAlone::attached(connect, config);
    assert_eq!(server.fetch_names(), ["ConnAck"]);
    for (number, publish) in [qos1("a", 1, false), qos2("b", 2, false)].iter().enumerate() {
        let Some(Meaning::Message(got)) = server.give(publish) else { panic!() };
        let seq = server.session.reserve_store_seq();
        server.session.acknowledge(got.receipt.unwrap(), ReasonCode::Success, seq);
        assert!(server.fetch().is_empty());
        assert!(ops(&mut server).is_empty(), "nothing of the session itself");
        server.session.handle_stored(seq.unwrap());
        assert_eq!(server.fetch_names(), [["PubAck 1"], ["PubRec 2"]][number]);
    }
}

#[test]
fn the_identifier_of_a_message_that_the_broker_stores_has_its_number() {
    let mut server = server(Version::V5);
    let Some(Meaning::Message(got)) = server.give(&qos2("m", 1, false)) else { panic!() };
    let seq = server.session.reserve_store_seq().unwrap();
    server.session.acknowledge(got.receipt.unwrap(), ReasonCode::Success, Some(seq));
    assert_eq!(effects(&mut server), [StoreEffect { seq, op: StoreOp::Received(id(1)) }]);
    server.session.handle_stored(seq);
    assert_eq!(server.fetch_names(), ["PubRec 1"]);
}

#[test]
fn an_identifier_that_comes_after_other_effects_has_a_number_of_its_own() {
    let mut server = server(Version::V5);
    let Some(Meaning::Message(got)) = server.give(&qos2("m", 1, false)) else { panic!() };
    let seq = server.session.reserve_store_seq().unwrap();
    let other = server.session.reserve_store_seq().unwrap();
    server.session.acknowledge(got.receipt.unwrap(), ReasonCode::Success, Some(seq));
    let received = effects(&mut server);
    assert!(received[0].seq > other);
    server.session.handle_stored(other);
    assert!(server.fetch().is_empty());
    server.session.handle_stored(received[0].seq);
    assert_eq!(server.fetch_names(), ["PubRec 1"]);
}

#[test]
fn a_message_that_is_taken_between_two_connections_is_stored_as_received_then() {
    for version in VERSIONS {
        let mut server = server(version);
        let Some(Meaning::Message(got)) = server.give(&qos2("m", 1, false)) else { panic!() };
        server.session.handle_disconnected(server.now);
        store_all(&mut server);
        server.session.acknowledge(got.receipt.unwrap(), ReasonCode::Success, None);
        assert_eq!(ops(&mut server), [StoreOp::Received(id(1))]);
    }
}

#[test]
fn a_refusal_between_two_connections_is_stored_only_where_it_cannot_be_said() {
    for (version, said, stored) in [
        (Version::V5, "PubRec 1 0x97", vec![]),
        (Version::V3_1_1, "PubRec 1", vec![StoreOp::Received(id(1))]),
    ] {
        let mut server = server(Version::V5);
        let Some(Meaning::Message(got)) = server.give(&qos2("m", 1, false)) else { panic!() };
        server.session.handle_disconnected(server.now);
        server.session.acknowledge(got.receipt.unwrap(), ReasonCode::QuotaExceeded, None);
        server.connect = resuming(version);
        server.attach();
        store_all(&mut server);
        server.fetch();
        server.give(&qos2("m", 1, true));
        assert_eq!(ops(&mut server), stored);
        server.session.handle_stored(StoreSeq(u64::MAX));
        assert_eq!(server.fetch_names(), [said]);
    }
}

#[test]
fn the_store_hears_of_messages_that_are_withdrawn_and_of_no_others() {
    let mut server = server(Version::V5);
    server.session.handle_disconnected(server.now);
    store_all(&mut server);
    for (number, qos) in [(1, QoS::AtLeastOnce), (2, QoS::ExactlyOnce), (3, QoS::AtLeastOnce)] {
        server.queue_as(Ticket(number), &number.to_string(), qos);
    }
    assert_eq!(server.session.withdraw(|message| message.payload != "2"), 1);
    assert_eq!(ops(&mut server), [StoreOp::Finished(Ticket(2))]);
}

#[test]
fn a_session_that_no_store_knows_is_replaced_without_a_word_to_it() {
    let mut connect = resuming(Version::V5);
    (connect.properties.session_expiry, connect.clean_start) = (None, true);
    let mut server = ServerAlone::attached(connect, ServerConfig { store: true, ..server_config() });
    assert_eq!(server.fetch_names(), ["ConnAck"]);
    server.attach();
    assert_eq!((ops(&mut server), server.fetch_names()), (vec![], vec!["ConnAck".to_owned()]));
}
