//! A session after a crash of its process: what its store has is what it goes on with.

use std::sync::Arc;
use std::time::Duration;

use mqtt_codec::{Ack, ConnAck, Packet, QoS, ReasonCode, Seconds, Version, Will};
use mqtt_session::{
    ClientConfig, ClientEvent, ClientSession, ServerConfig, ServerEvent, ServerSession, StoreOp,
    StoredMessage, StoredSession, Ticket,
};

use crate::common::{
    ClientAlone, ServerAlone, VERSIONS, client_config, id, message, resuming, server_config, will,
};
use crate::delivery::qos2;

const STORING: fn() -> ServerConfig = || ServerConfig { store: true, ..server_config() };

/// What a store has after these effects.
fn after(ops: &[StoreOp]) -> StoredSession {
    let mut stored = StoredSession::default();
    for op in ops {
        stored.apply(op);
    }
    stored
}

fn attached(expiry: u32, will: Option<Will>) -> StoreOp {
    StoreOp::Attached { session_present: false, expiry, will: will.map(Arc::new) }
}

const fn sent(id: mqtt_codec::PacketId, ticket: u64) -> StoreOp {
    StoreOp::Sent { id, message: Ticket(ticket) }
}

fn kept(ticket: u64, qos: QoS) -> StoredMessage {
    StoredMessage::new(Ticket(ticket), message(&ticket.to_string()), qos)
}

/// A server that goes on, away for so many seconds, with its effects fetched and stored.
fn restored(stored: StoredSession, away: u64, messages: Vec<StoredMessage>) -> (ServerAlone, Vec<StoreOp>) {
    restored_with(STORING(), stored, away, messages)
}

fn restored_with(
    config: ServerConfig,
    stored: StoredSession,
    away: u64,
    messages: Vec<StoredMessage>,
) -> (ServerAlone, Vec<StoreOp>) {
    let mut server = ServerAlone::attached(resuming(Version::V5), config);
    let away = Duration::from_secs(away);
    server.session = ServerSession::restore(server.now, &server.config, stored, away, messages);
    let ops = store_all(&mut server);
    (server, ops)
}

fn store_all(server: &mut ServerAlone) -> Vec<StoreOp> {
    let mut ops = Vec::new();
    while let Some(effect) = server.session.poll_store() {
        server.session.handle_stored(effect.seq);
        ops.push(effect.op);
    }
    ops
}

fn events(session: &mut ServerSession) -> Vec<ServerEvent> {
    std::iter::from_fn(|| session.poll_event()).collect()
}

#[test]
fn what_was_open_is_sent_again_before_what_waits_pubrels_first() {
    let ops = [
        attached(3_600, None),
        sent(id(7), 1),
        sent(id(8), 2),
        sent(id(9), 4),
        StoreOp::Taken(id(7)),
        StoreOp::Detached { expiry: 3_600, will: false },
    ];
    let messages = vec![
        kept(2, QoS::ExactlyOnce),
        kept(3, QoS::AtLeastOnce),
        kept(4, QoS::ExactlyOnce),
        kept(5, QoS::AtLeastOnce),
    ];
    let (mut server, ops) = restored(after(&ops), 5, messages);
    assert_eq!(ops, []);
    assert_eq!((server.session.in_flight(), server.session.queued()), (4, 1));
    assert!(server.attach(), "the session goes on");
    store_all(&mut server);
    let expected =
        ["ConnAck", "PubRel 7", "Publish 8 DUP 2", "Publish 1 3", "Publish 9 DUP 4", "Publish 2 5"];
    assert_eq!(server.fetch_names(), expected);
}

#[test]
fn mqtt_5_0__2_2_1_3_identifiers_of_before_are_in_use_before_any_delivery() {
    let ops = [attached(3_600, None), sent(id(1), 1), sent(id(2), 2), StoreOp::Taken(id(1))];
    let messages = vec![kept(2, QoS::ExactlyOnce), kept(3, QoS::ExactlyOnce)];
    let (mut server, _) = restored(after(&ops), 0, messages);
    server.attach();
    store_all(&mut server);
    server.fetch();
    assert_eq!(store_all(&mut server), [sent(id(3), 3)]);
    assert_eq!(server.fetch_names(), ["Publish 3 3"]);
}

#[test]
fn mqtt_5_0__4_6_0_6_where_no_identifier_is_left_the_order_of_each_qos_is_kept() {
    let mut config = STORING();
    config.queue.packet_ids = id(2);
    let ops = [attached(3_600, None), sent(id(1), 1), sent(id(2), 4), StoreOp::Taken(id(1))];
    let messages = vec![
        kept(2, QoS::AtLeastOnce),
        kept(3, QoS::AtLeastOnce),
        kept(4, QoS::ExactlyOnce),
        kept(5, QoS::ExactlyOnce),
    ];
    let (mut server, _) = restored_with(config, after(&ops), 0, messages);
    server.attach();
    store_all(&mut server);
    // what has an identifier has to be sent again [MQTT-4.4.0-1], although two messages of QoS 1 stood before it
    assert_eq!(server.fetch_names(), ["ConnAck", "PubRel 1", "Publish 2 DUP 4"]);
    let mut said = Vec::new();
    for answer in
        [Packet::PubComp(Ack::new(id(1))), Packet::PubAck(Ack::new(id(1))), Packet::PubAck(Ack::new(id(1)))]
    {
        assert!(server.give(&answer).is_none());
        said.extend(server.fetch_names());
        // QoS 2 waits for the store
        store_all(&mut server);
        said.extend(server.fetch_names());
    }
    assert_eq!(said, ["Publish 1 2", "Publish 1 3", "Publish 1 5"]);
}

#[test]
fn a_message_that_was_received_is_not_given_again_and_one_that_was_released_is_another() {
    for version in VERSIONS {
        let received = [StoreOp::Received(id(1)), StoreOp::Received(id(2)), StoreOp::Released(id(2))];
        let mut stored = after(&[attached(3_600, None)]);
        received.iter().for_each(|op| _ = stored.apply(op));
        let (mut server, _) = restored(stored, 0, Vec::new());
        server.connect = resuming(version);
        server.attach();
        store_all(&mut server);
        server.fetch();
        assert_eq!(server.session.unreleased(), 1);
        assert_eq!(server.give(&qos2("again", 1, true)), None);
        assert_eq!(server.fetch_names(), ["PubRec 1"]);
        assert!(server.give(&qos2("another", 2, true)).is_some());
    }
}

#[test]
fn a_lost_message_whose_identifier_the_client_may_know_is_released() {
    let (mut server, ops) = restored(after(&[attached(3_600, None), sent(id(4), 1)]), 0, Vec::new());
    assert_eq!(ops, [StoreOp::Taken(id(4)), StoreOp::Detached { expiry: 3_600, will: false }]);
    server.attach();
    store_all(&mut server);
    assert_eq!(server.fetch_names(), ["ConnAck", "PubRel 4"]);
    server.give(&Packet::PubComp(Ack::new(id(4))));
    assert_eq!(store_all(&mut server), [StoreOp::Completed(id(4))]);
    assert_eq!(server.session.in_flight(), 0);
}

#[test]
fn time_passes_while_the_server_is_down() {
    let stored = after(&[attached(100, None), StoreOp::Detached { expiry: 100, will: false }]);
    let (mut server, _) = restored(stored.clone(), 40, Vec::new());
    assert_eq!(server.session.poll_timeout(), Some(server.now.after_secs(60)));
    server.session.handle_timeout(server.now.after_secs(60));
    assert_eq!(events(&mut server.session), [ServerEvent::Ended]);
    assert_eq!(store_all(&mut server), [StoreOp::Ended]);

    let (mut server, ops) = restored(stored, 100, Vec::new());
    assert_eq!((ops, events(&mut server.session)), (vec![StoreOp::Ended], vec![ServerEvent::Ended]));
    assert!(!server.attach());

    let (server, _) = restored(after(&[attached(u32::MAX, None)]), 1 << 40, Vec::new());
    assert_eq!(server.session.poll_timeout(), None);
}

#[test]
fn a_session_that_was_to_end_with_its_connection_has_ended_and_its_will_is_due() {
    let (mut server, ops) = restored(after(&[attached(0, Some(will("died")))]), 0, Vec::new());
    assert_eq!(ops, [], "not before the Will is taken");
    let expected = [ServerEvent::Will(Arc::new(will("died"))), ServerEvent::Ended];
    assert_eq!(events(&mut server.session), expected);
    assert_eq!(store_all(&mut server), [StoreOp::Ended]);
}

#[test]
fn a_will_whose_client_was_connected_waits_for_its_delay() {
    let armed = Will { delay: Some(Seconds(10)), ..will("late") };
    let (mut server, ops) = restored(after(&[attached(3_600, Some(armed.clone()))]), 4, Vec::new());
    assert_eq!(ops, [StoreOp::Detached { expiry: 3_600, will: true }]);
    assert_eq!(
        (events(&mut server.session), server.session.poll_timeout()),
        (vec![], Some(server.now.after_secs(6)))
    );
    server.session.handle_timeout(server.now.after_secs(6));
    assert_eq!(store_all(&mut server), [], "the Will comes first");
    assert_eq!(events(&mut server.session), [ServerEvent::Will(Arc::new(armed))]);
    assert_eq!(store_all(&mut server), [StoreOp::WillReleased]);
}

#[test]
fn a_will_that_was_published_or_taken_back_is_gone() {
    let armed = || attached(3_600, Some(will("m")));
    for ops in [
        vec![armed(), StoreOp::Detached { expiry: 3_600, will: false }],
        vec![armed(), StoreOp::Detached { expiry: 3_600, will: true }, StoreOp::WillReleased],
        vec![armed(), StoreOp::Attached { session_present: true, expiry: 3_600, will: None }],
    ] {
        let (mut server, _) = restored(after(&ops), 0, Vec::new());
        assert_eq!(events(&mut server.session), []);
    }
}

#[test]
fn the_effects_of_a_life_say_when_it_was_connected_and_what_of_it_is_left() {
    let mut connect = resuming(Version::V5);
    connect.will = Some(Will { delay: Some(Seconds(10)), ..will("m") });
    let armed = connect.will.clone().map(Arc::new);
    let mut server = ServerAlone::attached(connect, STORING());
    let attached = StoreOp::Attached { session_present: false, expiry: 3_600, will: armed };
    assert_eq!(store_all(&mut server), std::slice::from_ref(&attached));
    server.session.handle_disconnected(server.now);
    let detached = StoreOp::Detached { expiry: 3_600, will: true };
    assert_eq!(store_all(&mut server), std::slice::from_ref(&detached));
    let stored = after(&[attached, detached]);
    assert!(stored.exists && !stored.connected && stored.will.is_some());
    server.now = server.now.after_secs(3_600);
    server.session.handle_timeout(server.now);
    assert_eq!(events(&mut server.session).len(), 2);
    assert_eq!(store_all(&mut server), [StoreOp::Ended]);
    assert_eq!(after(&[StoreOp::Ended]), StoredSession::default());
}

#[test]
fn disconnect_sets_the_expiry_that_is_stored_and_takes_the_will_back() {
    let mut connect = resuming(Version::V5);
    connect.will = Some(will("m"));
    let mut server = ServerAlone::attached(connect, STORING());
    store_all(&mut server);
    let mut disconnect = mqtt_codec::Disconnect::new(ReasonCode::Success);
    disconnect.session_expiry = Some(Seconds(7));
    server.give(&Packet::Disconnect(disconnect));
    server.session.handle_disconnected(server.now);
    assert_eq!(store_all(&mut server), [StoreOp::Detached { expiry: 7, will: false }]);
}

#[test]
fn a_client_goes_on_with_what_it_had_published_and_received() {
    for version in VERSIONS {
        let config = ClientConfig { store: true, ..client_config() };
        let attached = StoreOp::Attached { session_present: true, expiry: u32::MAX, will: None };
        let ops = [attached, sent(id(3), 2), sent(id(4), 4), StoreOp::Taken(id(3)), StoreOp::Received(id(1))];
        let messages = [kept(4, QoS::ExactlyOnce), kept(9, QoS::AtLeastOnce)];
        let mut client = ClientAlone::opened(resuming(version), config);
        client.session = ClientSession::restore(version, config, &after(&ops), messages);
        client.open();
        let resumed = ConnAck::new(version != Version::V3_1, ReasonCode::Success);
        assert_eq!(client.accept(&resumed), ["PubRel 3", "Publish 4 DUP 4", "Publish 1 9"]);
        assert_eq!(
            client.ask(&qos2("again", 1, true)),
            [] as [&str; 0],
            "PUBREC waits for the connection's effect"
        );
        while let Some(effect) = client.session.poll_store() {
            client.session.handle_stored(effect.seq);
        }
        assert_eq!(client.fetch_names(), ["PubRec 1"]);
        let next = client.session.publish(client.now, message("new"), QoS::AtMostOnce, false, None).unwrap();
        assert_eq!(next, Ticket(10), "tickets of before are not given again");
        client.give(&Packet::PubComp(Ack::new(id(3))));
        client.give(&Packet::PubAck(Ack::new(id(1))));
        let told: Vec<_> = std::iter::from_fn(|| client.session.poll_event())
            .filter(|event| matches!(event, ClientEvent::Acknowledged(..)))
            .collect();
        assert_eq!(told, [ClientEvent::Acknowledged(Ticket(9), ReasonCode::Success)]);
    }
}

#[test]
fn nothing_that_a_store_does_not_have_is_restored() {
    let (mut server, ops) = restored(StoredSession::default(), 0, vec![kept(1, QoS::AtLeastOnce)]);
    assert_eq!((ops, server.session.queued()), (vec![], 0));
    assert!(!server.attach());
}

#[test]
fn a_store_hears_which_messages_are_no_longer_needed() {
    let mut stored = after(&[attached(1, None), sent(id(1), 5), sent(id(2), 6), sent(id(3), 0)]);
    assert_eq!(stored.apply(&StoreOp::Taken(id(2))), Some(Ticket(6)));
    assert_eq!(stored.apply(&StoreOp::Completed(id(2))), None);
    assert_eq!(stored.apply(&StoreOp::Completed(id(1))), Some(Ticket(5)), "refused");
    assert_eq!(stored.apply(&StoreOp::Completed(id(3))), None, "it was never stored");
    assert_eq!(stored.apply(&StoreOp::Finished(Ticket(9))), Some(Ticket(9)));
    assert_eq!(stored, after(&[attached(1, None)]));
}

#[test]
fn the_end_of_a_session_reaches_the_store_although_the_next_one_begins_before() {
    let (mut server, _) = restored(after(&[attached(u32::MAX, None)]), 0, Vec::new());
    server.session.end(server.now);
    server.connect.properties.session_expiry = None;
    assert!(!server.attach());
    assert_eq!(store_all(&mut server), [StoreOp::Ended]);
}

#[test]
fn a_message_that_was_left_in_the_store_is_delivered_whatever_the_limits_say_and_in_its_order() {
    for version in VERSIONS {
        let mut config = STORING();
        config.queue.messages = 1;
        config.queue.bytes = 1;
        let mut server = ServerAlone::attached(resuming(version), config);
        store_all(&mut server);
        server.fetch();
        for (ticket, qos) in [(5, QoS::AtLeastOnce), (6, QoS::ExactlyOnce), (7, QoS::AtLeastOnce)] {
            server.session.deliver_stored(kept(ticket, qos));
        }
        // the identifier of QoS 2 is stored first
        assert_eq!(server.fetch_names(), ["Publish 1 5"]);
        assert_eq!(store_all(&mut server), [sent(id(2), 6)]);
        assert_eq!(server.fetch_names(), ["Publish 2 6", "Publish 3 7"]);
        server.ask(&Packet::PubAck(Ack::new(id(1))));
        assert_eq!(store_all(&mut server), [StoreOp::Finished(Ticket(5))]);
        assert_eq!(server.session.drops().total(), 0);
    }
}
