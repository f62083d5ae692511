//! Mistakes that other implementations made in 2025 and 2026, one test each.

use mqtt_codec::{Ack, ConnAck, Packet, QoS, ReasonCode, Seconds, Subscription, TopicFilter, Version};
use mqtt_session::{CleanStart, ClientConfig, Matched, Outbound, ServerEvent};

use crate::common::{
    ClientAlone, Meaning, Pair, ServerAlone, Side, VERSIONS, client_config, id, message, nonzero, payloads,
    resuming, server_config, will,
};
use crate::delivery::{qos1, qos2, refusing};

#[test]
fn a_dup_of_qos_2_before_pubrel_is_not_delivered_twice() {
    for version in VERSIONS {
        let mut client = ClientAlone::new(version);
        assert!(client.give(&qos2("m", 1, false)).is_some());
        assert!(client.give(&qos2("m", 1, true)).is_none());
        client.open();
        client.accept(&ConnAck::new(true, ReasonCode::Success));
        assert!(client.give(&qos2("m", 1, true)).is_none());
    }
}

#[test]
fn the_two_directions_of_qos_2_do_not_share_identifiers() {
    for version in VERSIONS {
        let mut server = ServerAlone::new(version);
        server.queue("down", QoS::ExactlyOnce);
        assert_eq!(server.fetch_names(), ["Publish 1 down"]);
        assert_eq!(server.ask(&qos2("up", 1, false)), ["PubRec 1"]);
        assert_eq!(server.ask(&Packet::PubRec(Ack::new(id(1)))), ["PubRel 1"]);
        assert_eq!(server.ask(&Packet::PubRel(Ack::new(id(1)))), ["PubComp 1"]);
        assert_eq!(server.session.in_flight(), 1);
        server.ask(&Packet::PubComp(Ack::new(id(1))));
        assert_eq!((server.session.in_flight(), server.session.unreleased()), (0, 0));
    }
}

#[test]
fn a_pubrel_that_is_owed_is_sent_on_resume() {
    for version in VERSIONS {
        let mut server = ServerAlone::new(version);
        server.queue("m", QoS::ExactlyOnce);
        server.fetch();
        server.give(&Packet::PubRec(Ack::new(id(1))));
        // the connection is lost before PUBREL leaves
        server.attach();
        assert_eq!(server.fetch_names(), ["ConnAck", "PubRel 1"]);
    }
}

#[test]
fn a_refusing_pubrec_is_not_followed_by_pubrel() {
    let mut server = ServerAlone::new(Version::V5);
    server.queue("m", QoS::ExactlyOnce);
    server.fetch();
    assert!(server.ask(&Packet::PubRec(refusing(1))).is_empty());
    server.attach();
    assert_eq!(server.fetch_names(), ["ConnAck"]);
}

#[test]
fn a_refusing_pubrec_after_a_good_one_is_not_answered_with_another_pubrel() {
    let mut server = ServerAlone::new(Version::V5);
    server.queue("m", QoS::ExactlyOnce);
    server.fetch();
    assert_eq!(server.ask(&Packet::PubRec(Ack::new(id(1)))), ["PubRel 1"]);
    assert!(server.ask(&Packet::PubRec(refusing(1))).is_empty());
}

#[test]
fn a_pubrel_of_an_unknown_identifier_gets_0x92() {
    let mut server = ServerAlone::new(Version::V5);
    assert_eq!(server.ask(&Packet::PubRel(Ack::new(id(7)))), ["PubComp 7 0x92"]);
    assert_eq!(server.session.close_reason(), None);
}

#[test]
fn the_client_keeps_to_the_receive_maximum_of_the_server_also_after_a_resume() {
    let mut client = ClientAlone::opened(resuming(Version::V5), client_config());
    let mut connack = ConnAck::new(false, ReasonCode::Success);
    connack.properties.receive_maximum = Some(nonzero(1));
    client.accept(&connack);
    for payload in ["a", "b"] {
        client.session.publish(client.now, message(payload), QoS::AtLeastOnce, false, None).unwrap();
    }
    assert_eq!(client.fetch_names(), ["Publish 1 a"]);
    client.open();
    connack.session_present = true;
    assert_eq!(client.accept(&connack), ["Publish 1 DUP a"]);
}

#[test]
fn an_identifier_in_flight_is_not_given_to_a_new_message_after_a_resume() {
    for version in VERSIONS {
        let mut pair = Pair::connected(version);
        pair.client_takes = false;
        pair.deliver("a", QoS::AtLeastOnce);
        pair.drive();
        for _ in 0..3 {
            pair.reconnect();
            pair.deliver("later", QoS::AtLeastOnce);
            pair.drive();
        }
        let mut ids: Vec<_> = pair.at_client.iter().map(|got| (got.payload.as_str(), got.id)).collect();
        ids.retain(|(payload, _)| *payload == "later");
        assert!(ids.iter().all(|(_, number)| *number != Some(1)), "{ids:?}");
        assert_eq!(pair.server.in_flight(), 4);
    }
}

#[test]
fn dup_of_a_publisher_is_not_passed_on() {
    for version in VERSIONS {
        for packet in [qos1("m", 1, true), qos2("m", 2, true)] {
            let Packet::Publish(publish) = &packet else { panic!() };
            let mut publisher = ServerAlone::new(version);
            let Some(Meaning::Message(_)) = publisher.give(&packet) else { panic!() };
            let view = publish.view();
            let mut scratch = Vec::new();
            let mut outbound = Outbound::new(&view, None, &mut scratch);
            let matched = Matched { qos: QoS::ExactlyOnce, retain: false, subscription_ids: &[] };
            let mut subscriber = Pair::connected(version);
            let now = subscriber.now;
            subscriber.server.deliver(now, &mut outbound, &matched, Some(&mut subscriber.to_client));
            subscriber.drive();
            assert!(!subscriber.at_client[0].dup);
        }
    }
}

/// What the broker does when another connection of the same client comes.
fn take_over(server: &mut ServerAlone) -> (Vec<String>, bool, Vec<ServerEvent>) {
    server.session.disconnect(ReasonCode::SessionTakenOver);
    let said = server.fetch_names();
    server.session.handle_disconnected(server.now);
    let present = server.attach();
    (said, present, std::iter::from_fn(|| server.session.poll_event()).collect())
}

fn with_will(delay: u32, expiry: u32, clean_start: bool) -> ServerAlone {
    let mut connect = resuming(Version::V5);
    connect.properties.session_expiry = Some(Seconds(expiry));
    connect.will = Some(will("old"));
    connect.will.as_mut().unwrap().delay = Some(Seconds(delay));
    let mut server = ServerAlone::attached(connect, server_config());
    server.fetch();
    server.connect.clean_start = clean_start;
    server.connect.will = None;
    server
}

#[test]
fn the_older_connection_hears_0x8e_and_in_3_x_nothing() {
    let (said, present, _) = take_over(&mut with_will(0, 10, false));
    assert_eq!(said, ["Disconnect 0x8E"]);
    assert!(present);
    for version in &VERSIONS[..2] {
        let (said, present, _) = take_over(&mut ServerAlone::new(*version));
        assert!(said.is_empty() && present);
    }
}

#[test]
fn a_take_over_publishes_the_old_will_without_delay_without_expiry_or_on_a_clean_start() {
    for (delay, expiry, clean_start, present, published) in [
        (0, 10, false, true, true),
        (5, 10, false, true, false),
        (5, 0, false, false, true),
        (5, 10, true, false, true),
        (0, 10, true, false, true),
    ] {
        let mut server = with_will(delay, expiry, clean_start);
        let (_, was_present, events) = take_over(&mut server);
        assert_eq!(was_present, present);
        let wills = events.iter().filter(|event| matches!(event, ServerEvent::Will(_))).count();
        assert_eq!(wills == 1, published, "delay {delay}, expiry {expiry}, clean {clean_start}: {events:?}");
        server.now = server.now.after_secs(100);
        server.session.handle_timeout(server.now);
        assert_eq!(server.session.poll_event(), None, "and no Will comes later");
    }
}

#[test]
fn no_will_is_lost_when_one_take_over_follows_another() {
    let mut server = with_will(0, 10, false);
    for payload in ["second", "third"] {
        server.connect.will = Some(will(payload));
        server.attach();
    }
    server.session.handle_disconnected(server.now);
    let wills: Vec<_> = std::iter::from_fn(|| server.session.poll_event())
        .filter_map(|event| match event {
            ServerEvent::Will(will) => Some(String::from_utf8(will.message.payload.to_vec()).unwrap()),
            _ => None,
        })
        .collect();
    assert_eq!(wills, ["old", "second", "third"]);
}

#[test]
fn a_disconnect_with_0x04_keeps_the_will() {
    for (reason, kept) in [
        (ReasonCode::Success, false),
        (ReasonCode::DisconnectWithWillMessage, true),
        (ReasonCode::UnspecifiedError, true),
    ] {
        let mut server = with_will(0, 10, false);
        server.give(&Packet::Disconnect(mqtt_codec::Disconnect::new(reason)));
        server.session.handle_disconnected(server.now);
        assert_eq!(server.session.poll_event().is_some(), kept);
    }
}

#[test]
fn messages_are_not_lost_between_the_death_of_a_link_and_its_detection() {
    for version in VERSIONS {
        let mut pair = Pair::connected(version);
        pair.drop_bytes_after(Side::Server, 1);
        for n in 0..5 {
            pair.publish(&n.to_string(), QoS::AtLeastOnce);
        }
        pair.drive();
        pair.publish("5", QoS::AtLeastOnce);
        pair.reconnect();
        assert_eq!(payloads(&pair.at_server), ["0", "1", "2", "3", "4", "5"]);
    }
}

#[test]
fn mqtt_3_1_1__3_1_2_6_what_a_clean_session_left_is_not_used_although_the_server_says_to_have_one() {
    let first = ClientConfig { clean_start: CleanStart::First, ..client_config() };
    let mut pair = Pair::with(Version::V3_1_1, first, server_config());
    pair.reconnect();
    let filter = Subscription::new(TopicFilter::new("t").unwrap(), QoS::ExactlyOnce);
    pair.client.subscribe(vec![filter], None).unwrap();
    pair.drive();
    // its PUBREC does not arrive, nor does the next CONNACK, which says that there is no session
    pair.drop_bytes_after(Side::Server, 0);
    pair.deliver("before", QoS::ExactlyOnce);
    pair.drive();
    pair.open();
    pair.drop_bytes_after(Side::Client, 0);
    pair.drive();
    pair.trace.clear();
    pair.reconnect();
    pair.deliver("after", QoS::ExactlyOnce);
    pair.drive();
    assert_eq!(pair.sent_by(Side::Client)[..2], ["Connect", "Subscribe 1"]);
    assert_eq!(payloads(&pair.at_client), ["before", "after"]);
    assert!(pair.is_at_rest());
}
