//! The edges of conditions that no other test walks along.

use std::num::{NonZeroU16, NonZeroU32};
use std::sync::Arc;

use mqtt_codec::{Ack, ConnAck, Packet, PacketId, QoS, ReasonCode, Seconds, Version};
use mqtt_session::{
    ClientConfig, ClientEvent, Delivered, DropReason, Matched, Outbound, QueueLimits, ServerConfig, StoreOp,
    StoredMessage, SubscribeError, Ticket,
};

use crate::common::{
    ClientAlone, Meaning, ServerAlone, VERSIONS, client_config, id, message, nonzero, resuming,
    server_config, subscription,
};
use crate::delivery::{qos1, qos2};

const STORING: fn() -> ServerConfig = || ServerConfig { store: true, ..server_config() };

/// Fetches the effects, and says that they are stored.
fn store_all(server: &mut ServerAlone) -> Vec<StoreOp> {
    let mut ops = Vec::new();
    while let Some(effect) = server.session.poll_store() {
        server.session.handle_stored(effect.seq);
        ops.push(effect.op);
    }
    ops
}

fn acknowledge(server: &mut ServerAlone, number: u16) {
    server.give(&Packet::PubAck(Ack::new(id(number))));
}

#[test]
fn one_exchange_that_never_ends_holds_up_no_other_and_is_all_that_is_left_for_the_next_connection() {
    for version in VERSIONS {
        let mut server = ServerAlone::new(version);
        let mut sent = 0_u16;
        for round in 0..20 {
            for _ in 0..20 {
                sent += 1;
                server.queue(&sent.to_string(), QoS::AtLeastOnce);
            }
            assert_eq!(server.fetch().len(), 20, "round {round}");
            let kept = u16::from(round == 0);
            ((sent - 19 + kept)..=sent).rev().for_each(|number| acknowledge(&mut server, number));
            assert_eq!((server.session.in_flight(), server.session.queued()), (1, 0));
        }
        server.session.handle_disconnected(server.now);
        assert!(server.attach());
        let again = server.fetch_names();
        assert_eq!(again, ["ConnAck", "Publish 1 DUP 1"]);
        acknowledge(&mut server, 1);
        assert_eq!((server.session.in_flight(), server.session.held_bytes()), (0, 0));
    }
}

#[test]
fn a_message_whose_identifier_waits_for_the_store_can_still_expire() {
    let mut server = ServerAlone::attached(resuming(Version::V5), STORING());
    store_all(&mut server);
    server.fetch();
    let (kept, mut scratch) = (message("m"), Vec::new());
    let expires = Some(server.now.after_secs(5));
    let mut outbound = Outbound::kept(&kept, QoS::ExactlyOnce, false, expires, &mut scratch);
    outbound.ticket = Ticket(7);
    let matched = Matched { qos: QoS::ExactlyOnce, retain: false, subscription_ids: &[] };
    server.session.deliver(server.now, &mut outbound, &matched, None::<&mut Vec<u8>>);
    assert_eq!(server.fetch_names(), [""; 0]);
    server.now = server.now.after_secs(5);
    assert_eq!(store_all(&mut server), [StoreOp::Sent { id: id(1), message: Ticket(7) }]);
    assert_eq!(server.fetch_names(), [""; 0]);
    assert_eq!(server.session.drops().get(DropReason::Expired), 1);
    assert_eq!(store_all(&mut server), [StoreOp::Completed(id(1))]);
    assert_eq!(server.session.in_flight(), 0);
}

#[test]
fn a_message_that_was_given_up_takes_its_place_in_the_window_until_pubcomp() {
    let mut config = server_config();
    config.queue.window = NonZeroU16::MIN;
    let mut server = ServerAlone::attached(resuming(Version::V5), config);
    server.fetch();
    server.queue("a large one that does not fit next time", QoS::ExactlyOnce);
    assert_eq!(server.fetch().len(), 1);
    server.session.handle_disconnected(server.now);
    server.connect.properties.maximum_packet_size = NonZeroU32::new(40);
    server.attach();
    server.queue("s", QoS::AtLeastOnce);
    assert_eq!(server.fetch_names(), ["ConnAck", "PubRel 1"]);
    assert_eq!(server.session.drops().get(DropReason::TooLarge), 1);
    server.give(&Packet::PubComp(Ack::new(id(1))));
    assert_eq!(server.fetch_names(), ["Publish 2 s"]);
}

#[test]
fn a_message_that_is_too_large_gives_its_identifier_back() {
    let mut config = server_config();
    config.queue.packet_ids = PacketId::MIN;
    let mut connect = resuming(Version::V5);
    connect.properties.maximum_packet_size = NonZeroU32::new(30);
    let mut server = ServerAlone::attached(connect, config);
    server.fetch();
    let deliver = |server: &mut ServerAlone, payload: &str| {
        let (kept, mut scratch, mut out) = (message(payload), Vec::new(), Vec::new());
        let mut outbound = Outbound::kept(&kept, QoS::AtLeastOnce, false, None, &mut scratch);
        let matched = Matched { qos: QoS::AtLeastOnce, retain: false, subscription_ids: &[] };
        server.session.deliver(server.now, &mut outbound, &matched, Some(&mut out))
    };
    let large = deliver(&mut server, &"x".repeat(100));
    assert_eq!(large, Delivered::Dropped(DropReason::TooLarge));
    assert_eq!(deliver(&mut server, "s"), Delivered::Written);
}

#[test]
fn what_has_expired_makes_room_for_what_comes() {
    let mut config = server_config();
    config.queue = QueueLimits { messages: 1, ..config.queue };
    let mut server = ServerAlone::attached(resuming(Version::V5), config);
    let (kept, mut scratch) = (message("old"), Vec::new());
    let expires = Some(server.now.after_secs(5));
    let mut outbound = Outbound::kept(&kept, QoS::AtLeastOnce, false, expires, &mut scratch);
    let matched = Matched { qos: QoS::AtLeastOnce, retain: false, subscription_ids: &[] };
    server.session.deliver(server.now, &mut outbound, &matched, None::<&mut Vec<u8>>);
    server.now = server.now.after_secs(4);
    assert_eq!(server.queue("new", QoS::AtLeastOnce), Delivered::Dropped(DropReason::QueueFull));
    server.now = server.now.after_secs(6);
    assert_eq!(server.queue("new", QoS::AtLeastOnce), Delivered::Queued);
    assert_eq!(server.fetch_names(), ["ConnAck", "Publish 1 new"]);
}

#[test]
fn connack_says_only_what_is_not_as_the_client_asked_or_the_standard_has_it() {
    let mut connect = resuming(Version::V5);
    connect.keep_alive = 30;
    let config =
        ServerConfig { keep_alive_maximum: Some(nonzero(30)), topic_alias_maximum: 0, ..server_config() };
    let mut server = ServerAlone::attached(connect, config);
    let Some(Packet::ConnAck(connack)) = server.fetch().into_iter().next() else { panic!("CONNACK") };
    assert_eq!(connack.properties.server_keep_alive, None);
    assert_eq!(connack.properties.topic_alias_maximum, None);
    assert_eq!(connack.properties.session_expiry, None);
}

#[test]
fn a_code_that_disconnect_cannot_carry_is_replaced() {
    let mut server = ServerAlone::new(Version::V5);
    server.session.disconnect(ReasonCode::NoMatchingSubscribers);
    assert_eq!(server.fetch_names(), ["Disconnect 0x80"]);
}

#[test]
fn a_session_that_nobody_keeps_in_the_place_of_another_such_one_is_nothing_for_the_store() {
    let mut connect = resuming(Version::V5);
    connect.clean_start = true;
    connect.properties.session_expiry = Some(Seconds(0));
    let mut server = ServerAlone::attached(connect, STORING());
    assert_eq!(store_all(&mut server), []);
    // the first has not ended when the second comes
    assert!(!server.attach());
    assert_eq!(store_all(&mut server), []);
    assert_eq!(server.fetch_names(), ["ConnAck"]);
}

#[test]
fn a_client_knows_the_oldest_message_that_it_has_not_taken_and_all_that_it_has_not_finished() {
    let config = ClientConfig { store: true, ..client_config() };
    let mut client = ClientAlone::opened(resuming(Version::V5), config);
    client.accept(&ConnAck::new(false, ReasonCode::Success));
    let store = |client: &mut ClientAlone| {
        while let Some(effect) = client.session.poll_store() {
            client.session.handle_stored(effect.seq);
        }
    };
    store(&mut client);
    let receipt = |meaning: Option<Meaning>| match meaning {
        Some(Meaning::Message(got)) => got.receipt.expect("QoS 1 or 2"),
        other => panic!("a message, not {other:?}"),
    };
    let first = receipt(client.give(&qos1("1", 1, false)));
    assert_eq!(client.session.oldest_receipt(), Some(first));
    client.session.acknowledge(first, ReasonCode::Success);
    store(&mut client);
    assert_eq!(client.session.oldest_receipt(), None);
    let second = receipt(client.give(&qos2("2", 2, false)));
    let third = receipt(client.give(&qos1("3", 3, false)));
    // the answer to the second waits for the store, before that to the third
    client.session.acknowledge(second, ReasonCode::Success);
    assert_eq!(client.session.oldest_receipt(), Some(third));
    store(&mut client);
    let sent = client.session.publish(client.now, message("m"), QoS::AtLeastOnce, false, None).expect("room");
    let queued =
        client.session.publish(client.now, message("n"), QoS::ExactlyOnce, false, None).expect("room");
    client.fetch();
    assert_eq!(client.session.unfinished(), [sent, queued]);
}

#[test]
fn a_message_of_qos_0_that_had_to_wait_for_stored_ones_keeps_its_qos() {
    let mut server = ServerAlone::attached(resuming(Version::V5), STORING());
    store_all(&mut server);
    server.fetch();
    server.session.deliver_stored(StoredMessage::new(Ticket(1), message("1"), QoS::AtLeastOnce));
    let fleeting = StoredMessage::new(Ticket::default(), Arc::clone(&message("2")), QoS::AtMostOnce);
    server.session.deliver_stored(fleeting);
    assert_eq!(server.fetch_names(), ["Publish 1 1", "Publish 0 2"]);
}

#[test]
fn each_receiver_of_a_message_gets_its_own_subscription_identifiers_or_none() {
    let ids = [mqtt_codec::SubscriptionId::new(7).expect("not zero")];
    let (kept, mut scratch) = (message("m"), Vec::new());
    let mut outbound = Outbound::kept(&kept, QoS::AtMostOnce, false, None, &mut scratch);
    let mut written = Vec::new();
    for subscription_ids in [&[][..], &ids, &[], &ids] {
        let mut server = ServerAlone::new(Version::V5);
        let matched = Matched { qos: QoS::AtMostOnce, retain: false, subscription_ids };
        let mut out = Vec::new();
        let delivered = server.session.deliver(server.now, &mut outbound, &matched, Some(&mut out));
        assert_eq!(delivered, Delivered::Written);
        written.push(out);
    }
    let (plain, with_id) =
        (b"\x30\x09\x00\x05topic\x00m".to_vec(), b"\x30\x0b\x00\x05topic\x02\x0b\x07m".to_vec());
    assert_eq!(written, [plain.clone(), with_id.clone(), plain, with_id]);
}

#[test]
fn an_alias_beside_its_topic_is_left_out_where_it_would_make_the_packet_too_long() {
    for (maximum, has_alias) in [(19, false), (21, false), (22, true)] {
        let mut connect = resuming(Version::V5);
        connect.properties.topic_alias_maximum = Some(5);
        connect.properties.maximum_packet_size = NonZeroU32::new(maximum);
        let config = ServerConfig {
            outgoing_topic_aliases: 5,
            topic_alias_maximum: 0,
            receive_maximum: NonZeroU16::MAX,
            maximum_packet_size: 0,
            ..server_config()
        };
        let mut server = ServerAlone::attached(connect, config);
        server.fetch();
        // 19 bytes without an alias
        server.session.deliver_stored(StoredMessage::new(Ticket(0), message("payload"), QoS::AtLeastOnce));
        let mut out = Vec::new();
        server.session.poll_transmit(server.now, &mut out);
        assert_eq!(out.len(), if has_alias { 22 } else { 19 }, "{maximum}: {out:?}");
    }
}

#[test]
fn what_is_said_of_one_message_of_an_earlier_connection_is_not_said_of_another() {
    for version in VERSIONS {
        let mut server = ServerAlone::new(version);
        let receipts: Vec<_> = [1, 2]
            .iter()
            .filter_map(|number| match server.give(&qos2("m", *number, false)) {
                Some(Meaning::Message(got)) => got.receipt,
                _ => None,
            })
            .collect();
        server.session.handle_disconnected(server.now);
        assert!(server.attach());
        assert_eq!(server.fetch_names(), ["ConnAck"]);
        server.session.acknowledge(receipts[1], ReasonCode::Success, None);
        server.give(&qos2("m", 2, true));
        assert_eq!(server.fetch_names(), ["PubRec 2"]);
        server.give(&qos2("m", 1, true));
        assert_eq!(server.fetch_names(), [""; 0], "nobody has taken it");
        server.session.acknowledge(receipts[0], ReasonCode::Success, None);
        assert_eq!(server.fetch_names(), ["PubRec 1"]);
    }
}

#[test]
fn a_server_without_wildcards_shares_and_identifiers_is_asked_for_everything_else() {
    let mut connack = ConnAck::new(false, ReasonCode::Success);
    connack.properties.wildcard_subscription_available = Some(false);
    connack.properties.shared_subscription_available = Some(false);
    connack.properties.subscription_id_available = Some(false);
    // SUBSCRIBE of a filter with four letters is 12 bytes
    connack.properties.maximum_packet_size = NonZeroU32::new(12);
    let mut client = ClientAlone::opened(resuming(Version::V5), client_config());
    client.accept(&connack);
    assert!(matches!(client.session.poll_event(), Some(ClientEvent::Connected(_))));
    let plain = |name: &str| vec![subscription(name, QoS::AtLeastOnce)];
    client.session.subscribe(plain("abcd"), None).expect("asked for");
    assert_eq!(client.fetch_names(), ["Subscribe 1"]);
    let sub_id = mqtt_codec::SubscriptionId::new(1);
    for (filters, id, error) in [
        (plain("a/+"), None, SubscribeError::NotSupported),
        (plain("$share/g/a"), None, SubscribeError::NotSupported),
        (plain("a"), sub_id, SubscribeError::NotSupported),
        (plain("abcde"), None, SubscribeError::PacketTooLarge),
    ] {
        let ticket = client.session.subscribe(filters, id);
        assert_eq!(client.fetch_names(), [""; 0]);
        let failed = match ticket {
            Err(error) => error,
            Ok(ticket) => match client.session.poll_event() {
                Some(ClientEvent::RequestFailed(failed, error)) if failed == ticket => error,
                other => panic!("{other:?}"),
            },
        };
        assert_eq!(failed, error);
    }
}
