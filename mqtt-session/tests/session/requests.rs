//! SUBSCRIBE and UNSUBSCRIBE of a client, and what 5.0 adds to them.

use mqtt_codec::{ConnAck, Packet, QoS, ReasonCode, SubAck, Text, Version};
use mqtt_session::{ClientEvent, ServerConfig, SubscribeError};

use crate::common::{ClientAlone, Pair, client_config, filter, server_config, subscription, text};

fn properties() -> Vec<(Text, Text)> {
    vec![(text("a"), text("1")), (text("a"), text("2"))]
}

#[test]
fn user_properties_of_requests_are_sent_in_their_order() {
    let mut client = ClientAlone::new(Version::V5);
    let wanted = vec![subscription("a/b", QoS::AtLeastOnce)];
    client.session.subscribe_with(wanted, None, properties()).unwrap();
    client.session.unsubscribe_with(vec![filter("c")], properties()).unwrap();
    let [Packet::Subscribe(subscribe), Packet::Unsubscribe(unsubscribe)] = &client.fetch()[..] else {
        panic!("not two requests")
    };
    assert_eq!(subscribe.user_properties, properties());
    assert_eq!(unsubscribe.user_properties, properties());
}

#[test]
fn user_properties_of_requests_are_refused_before_5_0() {
    for version in [Version::V3_1, Version::V3_1_1] {
        let mut client = ClientAlone::new(version);
        let wanted = vec![subscription("a/b", QoS::AtLeastOnce)];
        let subscribed = client.session.subscribe_with(wanted, None, properties());
        assert_eq!(subscribed, Err(SubscribeError::NotInVersion));
        let unsubscribed = client.session.unsubscribe_with(vec![filter("c")], properties());
        assert_eq!(unsubscribed, Err(SubscribeError::NotInVersion));
        assert!(client.fetch().is_empty());
    }
}

#[test]
fn mqtt_5_0__3_2_2_15_requests_whose_user_properties_do_not_fit_fail_and_the_rest_goes_on() {
    let config = ServerConfig { maximum_packet_size: 100, ..server_config() };
    let mut pair = Pair::with(Version::V5, client_config(), config);
    let long = || vec![(text("a"), text(&"x".repeat(100)))];
    let wanted = || vec![subscription("a/b", QoS::AtLeastOnce)];
    let tickets = [
        pair.client.subscribe_with(wanted(), None, long()).unwrap(),
        pair.client.unsubscribe_with(vec![filter("c")], long()).unwrap(),
    ];
    let fits = pair.client.subscribe_with(wanted(), None, properties()).unwrap();
    pair.reconnect();
    for ticket in tickets {
        let failed = ClientEvent::RequestFailed(ticket, SubscribeError::PacketTooLarge);
        assert!(pair.events.contains(&failed), "{:?}", pair.events);
    }
    let granted = ClientEvent::Subscribed(fits, vec![ReasonCode::GrantedQoS1]);
    assert!(pair.events.contains(&granted), "{:?}", pair.events);
    assert!(pair.is_at_rest());
}

#[test]
fn a_subscription_that_is_made_again_says_its_user_properties_again() {
    let mut client = ClientAlone::new(Version::V5);
    let plain = vec![subscription("plain", QoS::AtMostOnce)];
    client.session.subscribe(plain, None).unwrap();
    let wanted = vec![subscription("a/b", QoS::AtMostOnce), subscription("c", QoS::AtMostOnce)];
    client.session.subscribe_with(wanted, None, properties()).unwrap();
    for packet in client.fetch() {
        let Packet::Subscribe(subscribe) = packet else { panic!("{packet:?}") };
        let reasons = vec![ReasonCode::Success; subscribe.filters.len()];
        client.give(&Packet::SubAck(SubAck { id: subscribe.id, properties: None, reasons }));
    }
    client.session.handle_disconnected();
    client.open();
    client.fetch();
    client.give(&Packet::ConnAck(ConnAck::new(false, ReasonCode::Success)));
    let again: Vec<_> = client
        .fetch()
        .into_iter()
        .map(|packet| match packet {
            Packet::Subscribe(subscribe) => (subscribe.filters.len(), subscribe.user_properties),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(again, [(1, vec![]), (2, properties())]);
}
