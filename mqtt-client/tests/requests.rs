//! SUBSCRIBE, UNSUBSCRIBE and DISCONNECT: what 5.0 lets the application add to them.

mod common;

use std::future::IntoFuture;
use std::num::NonZeroU32;
use std::time::Duration;

use common::script::{Peer, server};
use common::{options, start, within};
use mqtt_client::{DisconnectError, ReasonCode, Seconds, Status, SubscribeError, Text, Version};
use mqtt_codec::{ConnAck, Disconnect, Packet, SubAck, UnsubAck};

fn properties() -> [(Text, Text); 1] {
    [("key".try_into().unwrap(), "value".try_into().unwrap())]
}

/// Answers a SUBSCRIBE or UNSUBSCRIBE of one filter, and returns it.
async fn answer(peer: &mut Peer) -> Packet {
    let request = peer.receive().await;
    let reasons = vec![ReasonCode::Success];
    let answer = match &request {
        Packet::Subscribe(subscribe) => {
            Packet::SubAck(SubAck { id: subscribe.id, properties: None, reasons })
        }
        Packet::Unsubscribe(unsubscribe) => {
            Packet::UnsubAck(UnsubAck { id: unsubscribe.id, properties: None, reasons })
        }
        other => panic!("{other:?}"),
    };
    peer.send(answer).await;
    request
}

#[tokio::test(start_paused = true)]
async fn user_properties_of_requests_reach_the_server() {
    let (pipes, mut server) = server(Version::V5, 4_096);
    let (client, _driver) = start(options(Version::V5, "me"), pipes);
    let mut peer = server.connected(false).await;
    let subscribing = client.subscribe("a").user_property("key", "value").into_future();
    let (subscription, request) = within(async { tokio::join!(subscribing, answer(&mut peer)) }).await;
    let _subscription = subscription.unwrap();
    let Packet::Subscribe(subscribe) = request else { panic!("{request:?}") };
    assert_eq!(subscribe.user_properties, properties());
    let unsubscribing = client.unsubscribe("a").user_property("key", "value").into_future();
    let (reason, request) = within(async { tokio::join!(unsubscribing, answer(&mut peer)) }).await;
    assert_eq!(reason, Ok(Some(ReasonCode::Success)));
    let Packet::Unsubscribe(unsubscribe) = request else { panic!("{request:?}") };
    assert_eq!(unsubscribe.user_properties, properties());
}

#[tokio::test(start_paused = true)]
async fn requests_with_user_properties_that_cannot_be_sent_are_refused() {
    let too_large = SubscribeError::Session(mqtt_session::SubscribeError::PacketTooLarge);
    let not_in_version = SubscribeError::Session(mqtt_session::SubscribeError::NotInVersion);
    for (version, error) in [(Version::V3_1_1, not_in_version), (Version::V5, too_large)] {
        let (pipes, mut server) = server(version, 4_096);
        let (client, _driver) = start(options(version, "me"), pipes);
        let (mut peer, _) = server.accept().await;
        let mut connack = ConnAck::new(false, ReasonCode::Success);
        if version.is_v5() {
            connack.properties.maximum_packet_size = NonZeroU32::new(100);
        }
        peer.send(Packet::ConnAck(connack)).await;
        let long = "x".repeat(100);
        let subscribed = within(client.subscribe("a").user_property("key", &long)).await;
        assert_eq!(subscribed.map(|_| ()), Err(error));
        let unsubscribed = within(client.unsubscribe("a").user_property("key", &long)).await;
        assert_eq!(unsubscribed, Err(error));
        let invalid = within(client.unsubscribe("a").user_property("\0", "")).await;
        assert!(matches!(invalid, Err(SubscribeError::Text(_))), "{invalid:?}");
        assert!(peer.is_quiet().await);
    }
}

#[tokio::test(start_paused = true)]
async fn disconnect_says_what_the_application_wants_to_say() {
    let (pipes, mut server) = server(Version::V5, 4_096);
    let options = options(Version::V5, "me").session_expiry(Duration::from_secs(60));
    let (client, driver) = start(options, pipes);
    let mut peer = server.connected(false).await;
    within(client.watch_status().wait_for(Status::is_connected)).await.unwrap();
    let disconnecting = client
        .disconnect(Duration::from_secs(5))
        .with_will()
        .session_expiry(Duration::from_millis(1_500))
        .reason_string("lunch")
        .user_property("key", "value")
        .into_future();
    let (left, said) = within(async { tokio::join!(disconnecting, peer.receive()) }).await;
    assert!(left.unwrap().is_empty());
    let expected = Disconnect {
        session_expiry: Some(Seconds(2)),
        reason_string: Some("lunch".try_into().unwrap()),
        user_properties: properties().into(),
        ..Disconnect::new(ReasonCode::DisconnectWithWillMessage)
    };
    assert_eq!(said, Packet::Disconnect(expected));
    assert_eq!(within(driver).await.unwrap(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn before_5_0_disconnect_with_will_is_an_end_without_disconnect() {
    for version in [Version::V3_1, Version::V3_1_1] {
        let (pipes, mut server) = server(version, 4_096);
        let (client, driver) = start(options(version, "me"), pipes);
        let mut peer = server.connected(false).await;
        within(client.disconnect(Duration::from_secs(5)).with_will()).await.unwrap();
        peer.closed().await;
        assert_eq!(within(driver).await.unwrap(), Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_that_a_client_cannot_say_is_refused_and_the_client_goes_on() {
    let (pipes, mut server) = server(Version::V5, 4_096);
    let (client, _driver) = start(options(Version::V5, "me"), pipes);
    let mut peer = server.connected(false).await;
    within(client.watch_status().wait_for(Status::is_connected)).await.unwrap();
    let kept = client.disconnect(Duration::ZERO).session_expiry(Duration::from_secs(60));
    let raised = DisconnectError::Session(mqtt_session::DisconnectError::SessionExpiryRaised);
    assert_eq!(within(kept).await, Err(raised));
    let invalid = within(client.disconnect(Duration::ZERO).reason_string("\0")).await;
    assert!(matches!(invalid, Err(DisconnectError::Text(_))), "{invalid:?}");
    assert!(peer.is_quiet().await && client.status().is_connected());
}
