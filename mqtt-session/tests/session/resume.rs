//! A connection is lost and another resumes the session, or finds none.

use mqtt_codec::{Ack, ConnAck, Packet, QoS, ReasonCode, SubAck, Version};
use mqtt_session::{ClientConfig, ClientEvent, ServerConfig};

use crate::common::{
    ACKNOWLEDGED, ClientAlone, Meaning, Pair, ServerAlone, Side, VERSIONS, clean, client_config, id, message,
    nonzero, payloads, resuming, server_config, subscription,
};
use crate::delivery::{qos1, qos2};

fn present() -> ConnAck {
    ConnAck::new(true, ReasonCode::Success)
}

fn absent() -> ConnAck {
    ConnAck::new(false, ReasonCode::Success)
}

fn client_that_sent(version: Version, qos: QoS, payloads: &[&str]) -> ClientAlone {
    let mut client = ClientAlone::new(version);
    for payload in payloads {
        client.session.publish(client.now, message(payload), qos, false, None).unwrap();
    }
    client.fetch();
    client
}

#[test]
fn mqtt_3_1_1__4_4_0_1_and_mqtt_5_0__4_4_0_1_and_mqtt_3_1_1__3_3_1_1_and_mqtt_5_0__3_3_1_1_and_mqtt_3_1_1__2_3_1_3_and_mqtt_3_1_1__4_6_0_1_and_mqtt_5_0__4_6_0_1_publishes_are_sent_again_with_dup_in_order()
 {
    for version in VERSIONS {
        for qos in ACKNOWLEDGED {
            let mut client = client_that_sent(version, qos, &["a", "b", "c"]);
            client.open();
            let expected = ["Publish 1 DUP a", "Publish 2 DUP b", "Publish 3 DUP c"];
            assert_eq!(client.accept(&present()), expected);
            assert!(client.fetch().is_empty(), "at no other time is anything sent again");
        }
    }
}

#[test]
fn mqtt_3_1_1__2_3_1_4_and_mqtt_5_0__2_2_1_4_a_server_sends_again_with_the_same_identifiers_and_new_messages_after()
 {
    for version in VERSIONS {
        for qos in ACKNOWLEDGED {
            let mut pair = Pair::connected(version);
            pair.client_takes = false;
            pair.deliver("a", qos);
            pair.deliver("b", qos);
            pair.drive();
            pair.cut();
            pair.deliver("c", qos);
            pair.trace.clear();
            pair.reconnect();
            let expected = ["ConnAck", "Publish 1 DUP a", "Publish 2 DUP b", "Publish 3 c"];
            assert_eq!(pair.sent_by(Side::Server), expected);
        }
    }
}

#[test]
fn mqtt_5_0__4_3_3_6_after_pubrec_only_pubrel_is_owed_and_sent_on_resume() {
    for version in VERSIONS {
        let mut client = client_that_sent(version, QoS::ExactlyOnce, &["a", "b"]);
        assert_eq!(client.ask(&Packet::PubRec(Ack::new(id(2)))), ["PubRel 2"]);
        client.open();
        assert_eq!(client.accept(&present()), ["PubRel 2", "Publish 1 DUP a"]);
        client.open();
        assert_eq!(client.accept(&present()), ["PubRel 2", "Publish 1 DUP a"], "and again");
        client.ask(&Packet::PubComp(Ack::new(id(2))));
        client.open();
        assert_eq!(client.accept(&present()), ["Publish 1 DUP a"]);
    }
}

#[test]
fn a_pubcomp_that_says_not_found_ends_the_exchange_after_a_resume() {
    let mut client = client_that_sent(Version::V5, QoS::ExactlyOnce, &["a"]);
    client.ask(&Packet::PubRec(Ack::new(id(1))));
    client.open();
    client.accept(&present());
    let not_found = Ack { reason: ReasonCode::PacketIdentifierNotFound, ..Ack::new(id(1)) };
    client.ask(&Packet::PubComp(not_found));
    assert_eq!(client.session.in_flight(), 0);
    assert_eq!(client.session.close_reason(), None);
}

#[test]
fn mqtt_5_0__3_2_2_5_without_a_session_messages_begin_again_in_order_with_fresh_identifiers_and_no_dup() {
    for version in [Version::V3_1_1, Version::V5] {
        for qos in ACKNOWLEDGED {
            let mut client = client_that_sent(version, qos, &["a", "b"]);
            client.session.publish(client.now, message("c"), qos, false, None).unwrap();
            client.session.subscribe(vec![subscription("f", qos)], None).unwrap();
            assert_eq!(client.fetch_names(), ["Subscribe 3", "Publish 4 c"]);
            client.open();
            let sent = client.accept(&absent());
            assert_eq!(sent, ["Subscribe 1", "Publish 2 a", "Publish 3 b", "Publish 4 c"]);
        }
    }
}

#[test]
fn without_a_session_a_message_that_the_server_had_taken_counts_as_delivered() {
    for version in [Version::V3_1_1, Version::V5] {
        let mut client = ClientAlone::new(version);
        let ticket = client.session.publish(client.now, message("m"), QoS::ExactlyOnce, false, None).unwrap();
        client.fetch();
        client.ask(&Packet::PubRec(Ack::new(id(1))));
        client.open();
        assert!(client.accept(&absent()).is_empty());
        let events: Vec<_> = std::iter::from_fn(|| client.session.poll_event()).collect();
        assert!(events.contains(&ClientEvent::Acknowledged(ticket, ReasonCode::Success)), "{events:?}");
        assert!(client.session.unfinished().is_empty());
    }
}

#[test]
fn in_3_1_which_does_not_say_whether_a_session_is_present_the_client_resumes_and_subscribes_again() {
    let mut client = client_that_sent(Version::V3_1, QoS::AtLeastOnce, &["a"]);
    client.session.subscribe(vec![subscription("f", QoS::AtMostOnce)], None).unwrap();
    assert_eq!(client.fetch_names(), ["Subscribe 2"]);
    client.give(&Packet::SubAck(SubAck { id: id(2), reasons: vec![ReasonCode::Success], properties: None }));
    client.open();
    assert_eq!(client.accept(&absent()), ["Subscribe 3", "Publish 1 DUP a"]);
}

#[test]
fn mqtt_3_1_1__3_1_2_6_and_mqtt_5_0__3_1_2_4_a_clean_start_throws_both_sides_away() {
    for version in VERSIONS {
        let mut pair = Pair::connected(version);
        (pair.client_takes, pair.server_takes) = (false, false);
        pair.publish("up", QoS::ExactlyOnce);
        pair.deliver("down", QoS::ExactlyOnce);
        pair.drive();
        let mut fresh = ServerAlone::attached(resuming(version), server_config());
        std::mem::swap(&mut fresh.session, &mut pair.server);
        fresh.connect.clean_start = true;
        assert!(!fresh.attach());
        assert_eq!(fresh.fetch_names(), ["ConnAck"]);
        let session = &fresh.session;
        assert_eq!((session.queued(), session.in_flight(), session.unreleased()), (0, 0, 0));
    }
}

#[test]
fn mqtt_3_1_1__3_1_2_4_and_mqtt_5_0__3_1_2_23_a_session_outlives_its_connection_on_both_sides() {
    for version in VERSIONS {
        let mut pair = Pair::connected(version);
        pair.client.subscribe(vec![subscription("f", QoS::ExactlyOnce)], None).unwrap();
        pair.drive();
        pair.cut();
        pair.deliver("while away", QoS::ExactlyOnce);
        pair.publish("from afar", QoS::ExactlyOnce);
        pair.sleep(3_599);
        pair.trace.clear();
        pair.reconnect();
        assert_eq!(payloads(&pair.at_client), ["while away"]);
        assert_eq!(payloads(&pair.at_server), ["from afar"]);
        let Some((_, Packet::ConnAck(connack))) = pair.trace.get(1) else { panic!() };
        assert_eq!(connack.session_present, version != Version::V3_1, "3.1 has no such flag");
        assert!(pair.is_at_rest());
    }
}

#[test]
fn mqtt_3_1_1__3_1_2_6_a_clean_session_of_3_x_ends_with_its_connection() {
    for version in [Version::V3_1, Version::V3_1_1] {
        let mut connect = resuming(version);
        connect.clean_start = true;
        let mut server = ServerAlone::attached(connect, server_config());
        server.session.handle_disconnected(server.now);
        assert_eq!(server.session.poll_event(), Some(mqtt_session::ServerEvent::Ended));
        server.connect.clean_start = false;
        assert!(!server.attach(), "none of its state shows up in a later session");
    }
}

#[test]
fn mqtt_3_1_1__4_3_3_2_qos_2_is_passed_on_once_over_a_reconnect() {
    for version in VERSIONS {
        let mut server = ServerAlone::new(version);
        assert_eq!(server.ask(&qos2("m", 1, false)), ["PubRec 1"]);
        server.attach();
        server.fetch();
        assert_eq!(server.give(&qos2("m", 1, true)), None);
        assert_eq!(server.fetch_names(), ["PubRec 1"]);
        assert_eq!(server.ask(&Packet::PubRel(Ack::new(id(1)))), ["PubComp 1"]);
    }
}

#[test]
fn a_receipt_of_qos_2_stays_good_over_a_reconnect_and_one_of_qos_1_does_not() {
    for version in VERSIONS {
        let mut client = ClientAlone::new(version);
        let Some(Meaning::Message(first)) = client.give(&qos1("1", 1, false)) else { panic!() };
        let Some(Meaning::Message(second)) = client.give(&qos2("2", 2, false)) else { panic!() };
        client.open();
        client.accept(&present());
        let Some(Meaning::Message(again)) = client.give(&qos1("1", 1, true)) else { panic!() };
        assert_eq!(client.give(&qos2("2", 2, true)), None);
        client.session.acknowledge(first.receipt.unwrap(), ReasonCode::Success);
        client.session.acknowledge(second.receipt.unwrap(), ReasonCode::Success);
        assert!(client.fetch().is_empty(), "the old receipt of QoS 1 names nothing here");
        client.session.acknowledge(again.receipt.unwrap(), ReasonCode::Success);
        assert_eq!(client.fetch_names(), ["PubAck 1", "PubRec 2"]);
    }
}

#[test]
fn a_message_taken_between_two_connections_is_answered_when_it_comes_again() {
    for code in [ReasonCode::Success, ReasonCode::QuotaExceeded] {
        let mut client = ClientAlone::new(Version::V5);
        let Some(Meaning::Message(got)) = client.give(&qos2("m", 2, false)) else { panic!() };
        client.session.handle_disconnected();
        client.session.acknowledge(got.receipt.unwrap(), code);
        client.open();
        client.accept(&present());
        assert_eq!(client.give(&qos2("m", 2, true)), None);
        let expected = if code.is_error() { "PubRec 2 0x97" } else { "PubRec 2" };
        assert_eq!(client.fetch_names(), [expected]);
        assert_eq!(client.session.unreleased(), usize::from(!code.is_error()));
    }
}

#[test]
fn mqtt_3_1_1__2_3_1_2_and_mqtt_5_0__2_2_1_3_and_mqtt_5_0__4_3_2_1_and_mqtt_5_0__4_3_3_1_publishes_and_requests_share_identifiers()
 {
    for version in VERSIONS {
        let mut client = client_that_sent(version, QoS::AtLeastOnce, &["a"]);
        client.session.subscribe(vec![subscription("f", QoS::AtMostOnce)], None).unwrap();
        client.session.unsubscribe(vec![crate::common::filter("g")]).unwrap();
        client.session.publish(client.now, message("b"), QoS::ExactlyOnce, false, None).unwrap();
        assert_eq!(client.fetch_names(), ["Subscribe 2", "Unsubscribe 3", "Publish 4 b"]);
        client.open();
        // the identifiers of publishes are kept, those of requests taken around them
        let sent = client.accept(&present());
        assert_eq!(sent, ["Subscribe 5", "Unsubscribe 6", "Publish 1 DUP a", "Publish 4 DUP b"]);
    }
}

#[test]
fn identifiers_go_round_past_those_in_use_and_none_is_lost() {
    for qos in ACKNOWLEDGED {
        let mut client = client_that_sent(Version::V5, QoS::AtLeastOnce, &["stays open"]);
        for round in 0..70_000_u32 {
            client.session.publish(client.now, message("m"), qos, false, None).unwrap();
            let sent = client.fetch();
            let [Packet::Publish(publish)] = sent.as_slice() else { panic!("{round}: {sent:?}") };
            let given = publish.delivery.id().unwrap();
            assert_ne!(given, id(1));
            if qos == QoS::ExactlyOnce {
                client.give(&Packet::PubRec(Ack::new(given)));
                client.fetch();
                client.give(&Packet::PubComp(Ack::new(given)));
            } else {
                client.give(&Packet::PubAck(Ack::new(given)));
            }
            assert_eq!(client.session.in_flight(), 1, "{round}");
            while client.session.poll_event().is_some() {}
        }
    }
}

#[test]
fn identifiers_of_requests_without_an_answer_are_free_on_the_next_connection() {
    let mut client = ClientAlone::new(Version::V5);
    client.session.subscribe(vec![subscription("f", QoS::AtMostOnce)], None).unwrap();
    for round in 0..66_000 {
        client.open();
        client.fetch();
        client.give(&Packet::ConnAck(present()));
        assert_eq!(client.fetch().len(), 1, "{round}");
        while client.session.poll_event().is_some() {}
    }
}

#[test]
fn a_pubrel_is_not_held_back_by_a_window_that_is_smaller_now() {
    let mut client = client_that_sent(Version::V5, QoS::ExactlyOnce, &["a", "b", "c"]);
    client.ask(&Packet::PubRec(Ack::new(id(3))));
    client.open();
    let mut connack = present();
    connack.properties.receive_maximum = Some(nonzero(1));
    assert_eq!(client.accept(&connack), ["PubRel 3"]);
    assert_eq!(client.ask(&Packet::PubComp(Ack::new(id(3)))), ["Publish 1 DUP a"]);
    assert_eq!(client.ask(&Packet::PubRec(Ack::new(id(1)))), ["PubRel 1"]);
    assert_eq!(client.ask(&Packet::PubComp(Ack::new(id(1)))), ["Publish 2 DUP b"]);
}

#[test]
fn a_session_survives_a_cut_after_every_byte() {
    for version in VERSIONS {
        for qos in ACKNOWLEDGED {
            for to in [Side::Client, Side::Server] {
                for bytes in 1..120 {
                    let mut pair = Pair::connected(version);
                    pair.open();
                    pair.drop_bytes_after(to, bytes);
                    for payload in ["a", "b", "c"] {
                        pair.publish(payload, qos);
                        pair.deliver(payload, qos);
                    }
                    pair.drive();
                    pair.reconnect();
                    assert!(pair.is_at_rest(), "{version:?} {qos:?} {to:?} {bytes}");
                    check_delivery(&pair, qos);
                }
            }
        }
    }
}

fn check_delivery(pair: &Pair, qos: QoS) {
    for got in [&pair.at_client, &pair.at_server] {
        let mut got = payloads(got);
        if qos == QoS::AtLeastOnce {
            // repeated from the first unacknowledged on: the first deliveries keep their order
            let mut seen = Vec::new();
            got.retain(|payload| {
                let new = !seen.contains(payload);
                seen.push(*payload);
                new
            });
        }
        assert_eq!(got, ["a", "b", "c"]);
    }
}

#[test]
fn subscriptions_are_made_again_in_packets_that_the_server_takes_and_losses_are_told() {
    let mut client = ClientAlone::new(Version::V5);
    let filters: Vec<_> =
        (0..40).map(|n| subscription(&format!("{n}/{}", "x".repeat(20)), QoS::AtMostOnce)).collect();
    let reasons = vec![ReasonCode::Success; filters.len()];
    client.session.subscribe(filters, None).unwrap();
    client.fetch();
    client.give(&Packet::SubAck(SubAck { id: id(1), reasons, properties: None }));
    client.open();
    let mut connack = absent();
    connack.properties.maximum_packet_size = std::num::NonZeroU32::new(120);
    assert_eq!(client.fetch_names(), ["Connect"]);
    client.give(&Packet::ConnAck(connack));
    let again: Vec<_> = client.fetch();
    let asked: usize = again
        .iter()
        .map(|packet| match packet {
            Packet::Subscribe(subscribe) => subscribe.filters.len(),
            other => panic!("{other:?}"),
        })
        .sum();
    assert_eq!(asked, 40);
    let Packet::Subscribe(first) = &again[0] else { panic!() };
    let mut reasons = vec![ReasonCode::Success; first.filters.len()];
    reasons[0] = ReasonCode::NotAuthorized;
    client.give(&Packet::SubAck(SubAck { id: first.id, reasons, properties: None }));
    let events: Vec<_> = std::iter::from_fn(|| client.session.poll_event()).collect();
    let lost = ClientEvent::SubscriptionLost(first.filters[0].filter.clone(), ReasonCode::NotAuthorized);
    assert_eq!(events.last(), Some(&lost));
}

#[test]
fn a_clean_client_sends_what_was_not_delivered_as_new_messages() {
    for version in VERSIONS {
        for qos in ACKNOWLEDGED {
            let mut pair = Pair::with(version, clean(), ServerConfig::default());
            pair.connect.properties.session_expiry = None;
            pair.reconnect();
            pair.server_takes = false;
            pair.publish("m", qos);
            pair.drive();
            pair.server_takes = true;
            pair.trace.clear();
            pair.reconnect();
            assert_eq!(pair.sent_by(Side::Client)[1], "Publish 1 m");
            assert!(pair.is_at_rest());
        }
    }
}

#[test]
fn a_client_that_starts_clean_once_resumes_after() {
    let config = ClientConfig { clean_start: mqtt_session::CleanStart::First, ..client_config() };
    let mut pair = Pair::with(Version::V5, config, server_config());
    pair.reconnect();
    pair.cut();
    pair.deliver("while away", QoS::AtLeastOnce);
    pair.reconnect();
    assert_eq!(payloads(&pair.at_client), ["while away"]);
}
