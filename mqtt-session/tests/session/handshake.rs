//! CONNECT, CONNACK, and what each side makes of them.

use mqtt_codec::{ConnAck, Packet, PacketRef, QoS, ReasonCode, Seconds, SubAck, Version};
use mqtt_session::{
    CleanStart, ClientConfig, ClientEvent, CloseReason, PublishError, ServerConfig, SubscribeError, Violation,
};

use crate::common::{
    ClientAlone, Pair, ServerAlone, Side, VERSIONS, client_config, filter, id, message, nonzero, payloads,
    resuming, server_config, subscription, text,
};

#[test]
fn mqtt_3_1_1__3_1_0_1_and_mqtt_5_0__3_1_0_1_connect_comes_first_and_nothing_until_connack() {
    for version in VERSIONS {
        let mut client = ClientAlone::opened(resuming(version), client_config());
        client.session.publish(client.now, message("m"), QoS::AtMostOnce, false, None).unwrap();
        client.session.subscribe(vec![subscription("f", QoS::AtMostOnce)], None).unwrap();
        assert_eq!(client.fetch_names(), ["Connect"]);
        assert!(client.fetch().is_empty());
        client.give(&Packet::ConnAck(ConnAck::new(false, ReasonCode::Success)));
        assert_eq!(client.fetch_names(), ["Subscribe 1", "Publish 0 m"]);
    }
}

#[test]
fn mqtt_3_1_1__3_2_0_1_and_mqtt_5_0__3_2_0_1_and_mqtt_5_0__3_2_0_2_connack_comes_first_and_once() {
    for version in VERSIONS {
        let mut server = ServerAlone::attached(resuming(version), server_config());
        let kept = message("m");
        let mut scratch = Vec::new();
        let mut outbound = mqtt_session::Outbound::kept(&kept, QoS::AtMostOnce, false, None, &mut scratch);
        let matched = mqtt_session::Matched { qos: QoS::AtMostOnce, retain: false, subscription_ids: &[] };
        let mut out = Vec::new();
        let delivered = server.session.deliver(server.now, &mut outbound, &matched, Some(&mut out));
        assert_eq!(delivered, mqtt_session::Delivered::Queued);
        assert!(out.is_empty());
        server.give(&Packet::PingReq);
        assert_eq!(server.fetch_names(), ["ConnAck", "PingResp", "Publish 0 m"]);
        assert!(server.fetch().is_empty());
    }
}

#[test]
fn mqtt_3_1_1__3_1_3_2_and_mqtt_5_0__3_1_3_2_a_session_belongs_to_its_client_identifier() {
    // a session object is the state of one identifier: what it holds comes back to that client only
    for version in VERSIONS {
        let mut mine = Pair::connected(version);
        let mut other = Pair::new(version);
        other.connect.client_id = text("other");
        mine.cut();
        mine.deliver("mine", QoS::AtLeastOnce);
        other.reconnect();
        mine.reconnect();
        assert_eq!(payloads(&mine.at_client), ["mine"]);
        assert!(other.at_client.is_empty());
    }
}

#[test]
fn mqtt_3_1_1__3_2_2_2_and_mqtt_3_1_1__3_2_2_3_and_mqtt_5_0__3_2_2_3_connack_says_whether_the_session_is_present()
 {
    for version in [Version::V3_1_1, Version::V5] {
        let mut server = ServerAlone::attached(resuming(version), server_config());
        assert!(matches!(server.fetch()[..], [Packet::ConnAck(ConnAck { session_present: false, .. })]));
        assert!(server.attach());
        assert!(matches!(server.fetch()[..], [Packet::ConnAck(ConnAck { session_present: true, .. })]));
        // [MQTT-3.2.2-2] in 5.0, [MQTT-3.2.2-1] in 3.1.1
        server.connect.clean_start = true;
        assert!(!server.attach());
        assert!(matches!(server.fetch()[..], [Packet::ConnAck(ConnAck { session_present: false, .. })]));
    }
}

#[test]
fn mqtt_5_0__3_2_2_4_session_present_after_a_clean_start_ends_the_connection() {
    for version in [Version::V3_1_1, Version::V5] {
        let mut client = ClientAlone::opened(resuming(version), ClientConfig::default());
        let sent = client.accept(&ConnAck::new(true, ReasonCode::Success));
        let reason = client.session.close_reason();
        assert_eq!(reason, Some(CloseReason::Violation(Violation::SessionPresent)));
        assert_eq!(sent, if version.is_v5() { vec!["Disconnect 0x82"] } else { vec![] });
    }
}

#[test]
fn a_refusal_ends_the_attempt_without_a_disconnect() {
    for version in VERSIONS {
        let mut client = ClientAlone::opened(resuming(version), client_config());
        let sent = client.accept(&ConnAck::new(false, ReasonCode::NotAuthorized));
        assert!(sent.is_empty());
        assert_eq!(client.session.close_reason(), Some(CloseReason::Refused(ReasonCode::NotAuthorized)));
    }
}

#[test]
fn mqtt_5_0__3_1_3_7_and_mqtt_5_0__3_2_2_16_an_assigned_identifier_is_told_and_kept() {
    let mut connect = resuming(Version::V5);
    connect.client_id = text("");
    let mut server = ServerAlone::new(Version::V5);
    server.session.attach(server.now, &connect.view(), Some(text("given")), &server_config());
    let [Packet::ConnAck(connack)] = &server.fetch()[..] else { panic!() };
    assert_eq!(connack.properties.assigned_client_id.as_deref(), Some("given"));

    let mut client = ClientAlone::opened(connect, client_config());
    client.accept(connack_without_session(connack).as_ref());
    client.open();
    let [Packet::Connect(again)] = &client.fetch()[..] else { panic!() };
    assert_eq!(again.client_id.as_str(), "given");
}

#[test]
fn mqtt_3_1_1__3_1_3_7_a_client_without_identifier_starts_clean_on_every_connection() {
    let clean_start = |client: &mut ClientAlone| {
        let [Packet::Connect(connect)] = &client.fetch()[..] else { panic!() };
        connect.clean_start
    };
    for client_id in ["", "named"] {
        let mut connect = resuming(Version::V3_1_1);
        connect.client_id = text(client_id);
        let config = ClientConfig { clean_start: CleanStart::Never, ..client_config() };
        let mut client = ClientAlone::opened(connect, config);
        for _ in 0..2 {
            assert_eq!(clean_start(&mut client), client_id.is_empty(), "{client_id}");
            let connack = ConnAck::new(false, ReasonCode::Success);
            client.session.handle_packet(client.now, &PacketRef::ConnAck(connack.view()));
            client.open();
        }
    }
}

fn connack_without_session(connack: &ConnAck) -> Box<ConnAck> {
    Box::new(ConnAck { session_present: false, ..connack.clone() })
}

#[test]
fn what_the_server_announces_is_what_it_holds_the_client_to() {
    let config = ServerConfig {
        receive_maximum: nonzero(7),
        maximum_packet_size: 1_000,
        topic_alias_maximum: 3,
        session_expiry_maximum: 60,
        keep_alive_maximum: Some(nonzero(30)),
        ..server_config()
    };
    let mut server = ServerAlone::attached(resuming(Version::V5), config);
    let [Packet::ConnAck(connack)] = &server.fetch()[..] else { panic!() };
    let properties = &connack.properties;
    assert_eq!(properties.receive_maximum, Some(nonzero(7)));
    assert_eq!(properties.maximum_packet_size.map(std::num::NonZeroU32::get), Some(1_000));
    assert_eq!(properties.topic_alias_maximum, Some(3));
    assert_eq!(properties.session_expiry, Some(Seconds(60)));
    assert_eq!(properties.server_keep_alive, Some(30));
}

#[test]
fn nothing_of_5_0_goes_to_a_client_of_3_x() {
    let config = ServerConfig { keep_alive_maximum: Some(nonzero(30)), ..server_config() };
    for version in [Version::V3_1, Version::V3_1_1] {
        let mut server = ServerAlone::attached(resuming(version), config);
        let mut out = Vec::new();
        server.session.poll_transmit(server.now, &mut out);
        assert_eq!(out, [0x20, 2, 0, 0]);
        server.session.disconnect(ReasonCode::ServerShuttingDown);
        assert!(server.fetch().is_empty(), "a server of 3.x has no DISCONNECT");
        assert!(server.session.close_reason().is_some());
    }
}

#[test]
fn mqtt_5_0__3_2_2_11_and_mqtt_5_0__3_2_2_14_what_the_server_does_not_support_is_refused_before_and_after_connack()
 {
    let mut client = ClientAlone::opened(resuming(Version::V5), client_config());
    let qos2 = client.session.publish(client.now, message("m"), QoS::ExactlyOnce, false, None).unwrap();
    let retained = client.session.publish(client.now, message("m"), QoS::AtMostOnce, true, None).unwrap();
    let fine = client.session.publish(client.now, message("m"), QoS::AtLeastOnce, false, None).unwrap();
    let mut connack = ConnAck::new(false, ReasonCode::Success);
    connack.properties.maximum_qos = Some(QoS::AtLeastOnce);
    connack.properties.retain_available = Some(false);
    assert_eq!(client.accept(&connack), ["Publish 1 m"]);
    let mut events = std::iter::from_fn(|| client.session.poll_event()).collect::<Vec<_>>();
    assert_eq!(events.pop(), Some(ClientEvent::Written(fine)));
    assert!(events.contains(&ClientEvent::Dropped(qos2, PublishError::QoSNotSupported)));
    assert!(events.contains(&ClientEvent::Dropped(retained, PublishError::RetainNotSupported)));
    let refused = client.session.publish(client.now, message("m"), QoS::ExactlyOnce, false, None);
    assert_eq!(refused, Err(PublishError::QoSNotSupported));
}

#[test]
fn what_was_begun_with_a_server_that_now_supports_less_is_given_up_and_told() {
    let mut client = ClientAlone::new(Version::V5);
    let ticket = client.session.publish(client.now, message("m"), QoS::ExactlyOnce, false, None).unwrap();
    client.fetch();
    while client.session.poll_event().is_some() {}
    client.open();
    let mut connack = ConnAck::new(true, ReasonCode::Success);
    connack.properties.maximum_qos = Some(QoS::AtLeastOnce);
    assert_eq!(client.accept(&connack), ["PubRel 1"], "the server may know the identifier");
    let dropped = ClientEvent::Dropped(ticket, PublishError::QoSNotSupported);
    assert_eq!(client.session.poll_event(), Some(dropped));
    client.ask(&Packet::PubComp(mqtt_codec::Ack::new(id(1))));
    assert_eq!(client.session.in_flight(), 0);
    assert_eq!(client.session.unacknowledged(), 0);
}

#[test]
fn subscriptions_that_the_server_does_not_support_fail_and_are_not_sent() {
    let mut client = ClientAlone::opened(resuming(Version::V5), client_config());
    let mut connack = ConnAck::new(false, ReasonCode::Success);
    connack.properties.wildcard_subscription_available = Some(false);
    connack.properties.shared_subscription_available = Some(false);
    connack.properties.subscription_id_available = Some(false);
    client.accept(&connack);
    let id = mqtt_codec::SubscriptionId::new(1);
    for (filter, id) in [("a/+", None), ("$share/g/a", None), ("a", id)] {
        let ticket = client.session.subscribe(vec![subscription(filter, QoS::AtMostOnce)], id).unwrap();
        assert!(client.fetch().is_empty());
        let event = std::iter::from_fn(|| client.session.poll_event()).last();
        assert_eq!(event, Some(ClientEvent::RequestFailed(ticket, SubscribeError::NotSupported)));
    }
}

#[test]
fn mqtt_5_0__3_8_3_4_no_local_on_a_shared_subscription_is_refused_to_the_application() {
    let mut pair = Pair::connected(Version::V5);
    let mut shared = subscription("$share/group/f", QoS::AtMostOnce);
    shared.options.no_local = true;
    let mut other = subscription("f", QoS::AtMostOnce);
    other.options.no_local = true;
    let refused = pair.client.subscribe(vec![other.clone(), shared], None);
    assert_eq!(refused, Err(SubscribeError::NoLocalShared));
    pair.drive();
    assert!(pair.trace.is_empty());
    assert!(pair.client.subscribe(vec![other], None).is_ok());
}

#[test]
fn a_request_longer_than_any_packet_is_told_to_be_too_large() {
    let mut pair = Pair::connected(Version::V5);
    let long = filter(&"f".repeat(65_535));
    let request = pair.client.unsubscribe(vec![long; 4_097]).unwrap();
    pair.drive();
    let failed = ClientEvent::RequestFailed(request, SubscribeError::PacketTooLarge);
    assert_eq!(pair.events.last(), Some(&failed));
    assert!(pair.is_connected() && pair.is_at_rest());
}

#[test]
fn what_3_x_cannot_say_is_refused_to_the_application() {
    let mut pair = Pair::connected(Version::V3_1_1);
    let expiring = pair.client.publish(pair.now, message("m"), QoS::AtMostOnce, false, Some(Seconds(1)));
    assert_eq!(expiring, Err(PublishError::NotInVersion));
    let id = mqtt_codec::SubscriptionId::new(1);
    let subscribed = pair.client.subscribe(vec![subscription("f", QoS::AtMostOnce)], id);
    assert_eq!(subscribed, Err(SubscribeError::NotInVersion));
    let mut no_local = subscription("f", QoS::AtMostOnce);
    no_local.options.no_local = true;
    assert_eq!(pair.client.subscribe(vec![no_local], None), Err(SubscribeError::NotInVersion));
    assert_eq!(pair.client.subscribe(vec![], None), Err(SubscribeError::Empty));
    pair.drive();
    assert!(pair.trace.is_empty());
}

#[test]
fn a_client_gives_up_when_connack_does_not_come() {
    for version in VERSIONS {
        let mut client = ClientAlone::opened(resuming(version), client_config());
        client.fetch();
        assert_eq!(client.session.poll_timeout(), Some(client.now.after_secs(30)));
        client.session.handle_timeout(client.now.after_secs(29));
        assert_eq!(client.session.close_reason(), None);
        client.session.handle_timeout(client.now.after_secs(30));
        assert_eq!(client.session.close_reason(), Some(CloseReason::ConnectTimeout));
        assert!(client.fetch().is_empty());
    }
}

#[test]
fn mqtt_3_1_1__3_14_4_1_and_mqtt_3_1_1__3_14_4_2_and_mqtt_5_0__3_14_4_1_and_mqtt_5_0__3_14_4_2_disconnect_is_the_last_packet()
 {
    for version in VERSIONS {
        let mut client = ClientAlone::new(version);
        client.session.publish(client.now, message("m"), QoS::AtLeastOnce, false, None).unwrap();
        client.session.disconnect(ReasonCode::Success);
        assert_eq!(client.fetch_names(), ["Disconnect 0x00"]);
        assert_eq!(client.session.close_reason(), Some(CloseReason::Local(ReasonCode::Success)));
        client.give(&Packet::PingResp);
        client.session.handle_timeout(client.now.after_secs(100_000));
        assert!(client.fetch().is_empty());
        let refused = client.session.publish(client.now, message("m"), QoS::AtMostOnce, false, None);
        assert_eq!(refused, Err(PublishError::Disconnected));
        assert_eq!(client.session.unfinished().len(), 1);
    }
    let mut server = ServerAlone::new(Version::V5);
    server.session.disconnect(ReasonCode::ServerShuttingDown);
    server.give(&Packet::PingReq);
    assert_eq!(server.fetch_names(), ["Disconnect 0x8B"]);
    assert!(server.fetch().is_empty());
}

#[test]
fn in_3_x_only_the_normal_end_is_said_because_it_takes_the_will_back() {
    for version in [Version::V3_1, Version::V3_1_1] {
        let mut client = ClientAlone::new(version);
        client.session.disconnect(ReasonCode::DisconnectWithWillMessage);
        assert!(client.fetch().is_empty());
        assert!(client.session.close_reason().is_some());
    }
}

#[test]
fn a_code_that_disconnect_cannot_carry_is_replaced() {
    let mut pair = Pair::connected(Version::V5);
    pair.client.disconnect(ReasonCode::GrantedQoS2);
    pair.drive();
    assert_eq!(pair.sent_by(Side::Client), ["Disconnect 0x80"]);
}

#[test]
fn connect_names_only_the_limits_that_are_not_those_of_the_protocol() {
    for (config, said) in [
        (ClientConfig { topic_alias_maximum: 0, ..client_config() }, (None, None)),
        (
            ClientConfig { topic_alias_maximum: 7, maximum_packet_size: 1_000, ..client_config() },
            (Some(7), Some(1_000)),
        ),
    ] {
        let mut client = ClientAlone::opened(resuming(Version::V5), config);
        let [Packet::Connect(connect)] = &client.fetch()[..] else { panic!("no CONNECT") };
        let properties = &connect.properties;
        let maximum = properties.maximum_packet_size.map(core::num::NonZeroU32::get);
        assert_eq!((properties.topic_alias_maximum, maximum), said);
    }
}

#[test]
fn who_does_not_want_that_is_not_subscribed_again() {
    for resubscribe in [true, false] {
        let config = ClientConfig { resubscribe, ..client_config() };
        let mut client = ClientAlone::opened(resuming(Version::V5), config);
        client.session.subscribe(vec![subscription("f", QoS::AtLeastOnce)], None).unwrap();
        assert_eq!(client.accept(&ConnAck::new(false, ReasonCode::Success)), ["Subscribe 1"]);
        let granted = SubAck { id: id(1), properties: None, reasons: vec![ReasonCode::GrantedQoS1] };
        client.give(&Packet::SubAck(granted));
        client.open();
        let said = client.accept(&ConnAck::new(false, ReasonCode::Success));
        assert_eq!(said.len(), usize::from(resubscribe), "{said:?}");
    }
}
