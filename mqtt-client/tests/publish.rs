//! What became of a published message, and when its publisher hears of it.

mod common;

use std::future::IntoFuture;
use std::time::Duration;

use bytes::Bytes;
use common::broker::Broker;
use common::script::{server, settle};
use common::{each, options, start, within};
use mqtt_client::{Client, PublishError, QoS, QueueLimits, ReasonCode, Version};
use mqtt_codec::{Ack, Delivery, Disconnect, Packet, PacketId, Publish};
use mqtt_session::ServerConfig;

fn id(value: u16) -> PacketId {
    PacketId::new(value).unwrap()
}

fn ack(value: u16, reason: ReasonCode) -> Ack {
    Ack { reason, ..Ack::new(id(value)) }
}

fn publish(packet: Packet) -> Publish {
    match packet {
        Packet::Publish(publish) => publish,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_publish_of_qos_1_is_done_at_puback() {
    for version in Version::ALL {
        let (pipes, mut server) = server(version, 7);
        let (client, _driver) = start(options(version, "me"), pipes);
        let mut peer = server.connected(false).await;
        let mut delivery = client.publish("a", "x").qos(QoS::AtLeastOnce).send().await.unwrap();
        assert_eq!(publish(peer.receive().await).delivery, Delivery::AtLeastOnce { id: id(1), dup: false });
        within(delivery.written()).await.unwrap();
        tokio::time::timeout(Duration::from_secs(1), &mut delivery).await.unwrap_err();
        peer.send(Packet::PubAck(ack(1, ReasonCode::Success))).await;
        assert_eq!(within(delivery).await, Ok(ReasonCode::Success));
    }
}

#[tokio::test(start_paused = true)]
async fn a_publish_of_qos_2_is_taken_at_pubrec_and_done_at_pubcomp() {
    for version in Version::ALL {
        let (pipes, mut server) = server(version, 7);
        let (client, _driver) = start(options(version, "me"), pipes);
        let mut peer = server.connected(false).await;
        let mut delivery = client.publish("a", "x").qos(QoS::ExactlyOnce).send().await.unwrap();
        assert_eq!(publish(peer.receive().await).delivery, Delivery::ExactlyOnce { id: id(1), dup: false });
        tokio::time::timeout(Duration::from_secs(1), delivery.taken()).await.unwrap_err();
        peer.send(Packet::PubRec(ack(1, ReasonCode::Success))).await;
        within(delivery.taken()).await.unwrap();
        assert!(matches!(peer.receive().await, Packet::PubRel(release) if release.id == id(1)));
        tokio::time::timeout(Duration::from_secs(1), &mut delivery).await.unwrap_err();
        peer.send(Packet::PubComp(ack(1, ReasonCode::Success))).await;
        assert_eq!(within(delivery).await, Ok(ReasonCode::Success));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_the_server_refuses_is_an_error_with_its_code() {
    let (pipes, mut server) = server(Version::V5, 64);
    let (client, _driver) = start(options(Version::V5, "me"), pipes);
    let mut peer = server.connected(false).await;
    let one = client.publish("a", "x").qos(QoS::AtLeastOnce).send().await.unwrap();
    let two = client.publish("a", "x").qos(QoS::ExactlyOnce).send().await.unwrap();
    peer.receive().await;
    peer.receive().await;
    peer.send(Packet::PubAck(ack(1, ReasonCode::NotAuthorized))).await;
    peer.send(Packet::PubRec(ack(2, ReasonCode::QuotaExceeded))).await;
    assert_eq!(within(one).await, Err(PublishError::Refused(ReasonCode::NotAuthorized)));
    assert_eq!(within(two).await, Err(PublishError::Refused(ReasonCode::QuotaExceeded)));
}

#[tokio::test(start_paused = true)]
async fn a_publish_of_qos_0_is_done_when_the_transport_has_all_of_it() {
    let (pipes, mut server) = server(Version::V3_1_1, 7);
    let (client, _driver) = start(options(Version::V3_1_1, "me"), pipes);
    let mut peer = server.connected(false).await;
    let delivery = client.publish("topic", "12345678").send().await.unwrap();
    let mut waiting = Box::pin(delivery);
    tokio::time::timeout(Duration::from_secs(1), &mut waiting).await.unwrap_err();
    assert_eq!(publish(peer.receive().await).delivery, Delivery::AtMostOnce);
    assert_eq!(within(waiting).await, Ok(ReasonCode::Success));
}

#[tokio::test(start_paused = true)]
async fn a_publish_of_qos_0_that_was_not_written_when_the_connection_broke_is_lost() {
    let (pipes, mut server) = server(Version::V3_1_1, 7);
    let (client, _driver) = start(options(Version::V3_1_1, "me"), pipes);
    let peer = server.connected(false).await;
    let delivery = client.publish("topic", "12345678").send().await.unwrap();
    settle().await;
    drop(peer);
    assert_eq!(within(delivery).await, Err(PublishError::Lost));
}

#[tokio::test(start_paused = true)]
async fn dropping_a_handle_or_a_future_does_not_take_back_what_was_accepted() {
    let (pipes, mut server) = server(Version::V5, 4_096);
    let (client, _driver) = start(options(Version::V5, "me"), pipes);
    let mut peer = server.connected(false).await;
    drop(client.publish("one", "").qos(QoS::AtLeastOnce).send().await.unwrap());
    let future = client.publish("two", "").qos(QoS::AtLeastOnce).into_future();
    tokio::time::timeout(Duration::from_secs(1), future).await.unwrap_err();
    assert_eq!(publish(peer.receive().await).message.topic.as_str(), "one");
    assert_eq!(publish(peer.receive().await).message.topic.as_str(), "two");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_ends_the_waiting_and_not_the_message() {
    let (pipes, mut server) = server(Version::V5, 4_096);
    let (client, _driver) = start(options(Version::V5, "me"), pipes);
    let outcome = client.publish("a", "").qos(QoS::AtLeastOnce).timeout(Duration::from_secs(5)).await;
    assert_eq!(outcome, Err(PublishError::Timeout));
    let mut peer = server.connected(false).await;
    assert_eq!(publish(peer.receive().await).message.topic.as_str(), "a");
}

#[tokio::test(start_paused = true)]
async fn what_is_published_before_there_is_a_connection_is_sent_in_order_once_there_is_one() {
    for version in Version::ALL {
        let (pipes, mut server) = server(version, 64);
        let (client, connection) = Client::with_dialer(options(version, "me"), pipes).unwrap();
        for number in 0..20u8 {
            let qos = QoS::ALL[usize::from(number) % 3];
            client.publish("a", vec![number]).qos(qos).send().await.unwrap();
        }
        let _driver = tokio::spawn(connection.run());
        let mut peer = server.connected(false).await;
        for number in 0..20u8 {
            assert_eq!(publish(peer.receive().await).message.payload, [number].as_slice());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn try_send_says_when_there_is_no_room_and_send_waits_for_it() {
    let queue = QueueLimits { messages: 2, ..QueueLimits::default() };
    let (pipes, mut server) = server(Version::V5, 4_096);
    let (client, _driver) = start(options(Version::V5, "me").queue(queue), pipes);
    let mut accepted = 0;
    let error = loop {
        match client.publish("a", vec![accepted]).qos(QoS::AtLeastOnce).try_send() {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
        settle().await;
    };
    assert_eq!(error, PublishError::QueueFull);
    // two in the queue, one in the driver's hand, two on the way to it
    assert_eq!(accepted, 5);
    let waiting = client.publish("a", vec![accepted]).qos(QoS::AtLeastOnce);
    let waiting = client.publish("b", "").timeout(Duration::from_secs(1)).send().await.err().map(|_| waiting);
    let mut peer = server.connected(false).await;
    for number in 0..accepted {
        assert_eq!(publish(peer.receive().await).message.payload, [number].as_slice());
    }
    within(waiting.expect("there was no room").send()).await.unwrap();
    assert_eq!(publish(peer.receive().await).message.payload, [accepted].as_slice());
}

#[tokio::test(start_paused = true)]
async fn with_drop_oldest_new_messages_push_out_old_ones_which_are_told() {
    let overflow = mqtt_client::Overflow::DropOldest;
    let queue = QueueLimits { messages: 2, overflow, ..QueueLimits::default() };
    let (pipes, mut server) = server(Version::V5, 4_096);
    let (client, _driver) = start(options(Version::V5, "me").queue(queue), pipes);
    let oldest = client.publish("a", "0").qos(QoS::AtLeastOnce).send().await.unwrap();
    for payload in ["1", "2"] {
        client.publish("a", payload).qos(QoS::AtLeastOnce).send().await.unwrap();
    }
    assert_eq!(within(oldest).await, Err(PublishError::QueueFull));
    let mut peer = server.connected(false).await;
    assert_eq!(publish(peer.receive().await).message.payload, "1");
    assert_eq!(publish(peer.receive().await).message.payload, "2");
}

#[tokio::test(start_paused = true)]
async fn properties_travel_in_v5_and_are_an_error_before_it() {
    let (pipes, mut server) = server(Version::V5, 4_096);
    let (client, _driver) = start(options(Version::V5, "me"), pipes);
    let mut peer = server.connected(false).await;
    client
        .publish("a", "{}")
        .content_type("application/json")
        .utf8()
        .response_topic("answer")
        .correlation_data("7")
        .user_property("k", "v")
        .expiry(Duration::from_secs(60))
        .await
        .unwrap();
    let sent = publish(peer.receive().await);
    let properties = sent.message.properties.as_ref().unwrap();
    assert_eq!(properties.content_type.as_deref(), Some("application/json"));
    assert_eq!(properties.response_topic.as_ref().map(|topic| topic.as_str()), Some("answer"));
    assert_eq!(properties.correlation_data.as_deref(), Some(&b"7"[..]));
    assert_eq!(properties.user_properties.len(), 1);
    assert_eq!(sent.expiry.map(|seconds| seconds.0), Some(60));

    let (pipes, _server) = common::script::server(Version::V3_1_1, 64);
    let (client, _driver) = start(options(Version::V3_1_1, "me"), pipes);
    let outcome = within(client.publish("a", "").content_type("text/plain")).await;
    assert_eq!(outcome, Err(PublishError::Session(mqtt_session::PublishError::NotInVersion)));
    let outcome = within(client.publish("a", "").content_type("\0")).await;
    assert!(matches!(outcome, Err(PublishError::Text(_))), "{outcome:?}");
    let outcome = within(client.publish("a/+", "")).await;
    assert!(matches!(outcome, Err(PublishError::Topic(_))), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn disconnect_finishes_what_was_published_and_then_says_goodbye() {
    for version in Version::ALL {
        let (pipes, mut server) = server(version, 7);
        let (client, driver) = start(options(version, "me"), pipes);
        let mut peer = server.connected(false).await;
        let delivery = client.publish("a", "x").qos(QoS::AtLeastOnce).send().await.unwrap();
        let ending = tokio::spawn(async move {
            let left = client.disconnect(Duration::from_secs(5)).await;
            (client, left)
        });
        peer.receive().await;
        assert!(peer.is_quiet().await);
        peer.send(Packet::PubAck(ack(1, ReasonCode::Success))).await;
        assert!(matches!(peer.receive().await, Packet::Disconnect(_)));
        peer.closed().await;
        let (client, left) = within(ending).await.unwrap();
        assert!(left.unwrap().is_empty());
        assert_eq!(within(delivery).await, Ok(ReasonCode::Success));
        assert_eq!(within(driver).await.unwrap(), Ok(()));
        assert_eq!(client.publish("a", "").await, Err(PublishError::Closed));
        assert_eq!(client.disconnect(Duration::ZERO).await, Err(mqtt_client::DisconnectError::Closed));
    }
}

#[tokio::test(start_paused = true)]
async fn disconnect_gives_up_at_its_deadline_and_reports_what_was_left() {
    for connected in [true, false] {
        let (pipes, mut server) = server(Version::V5, 64);
        let (client, driver) = start(options(Version::V5, "me"), pipes);
        let peer = if connected { Some(server.connected(false).await) } else { None };
        let delivery = client.publish("a", "x").qos(QoS::AtLeastOnce).send().await.unwrap();
        let left = within(client.disconnect(Duration::from_secs(5))).await.unwrap();
        assert_eq!((left.messages, left.requests), (1, 0));
        assert_eq!(within(delivery).await, Err(PublishError::Closed));
        assert_eq!(within(driver).await.unwrap(), Ok(()));
        if let Some(mut peer) = peer {
            assert!(matches!(peer.receive().await, Packet::Publish(_)));
            assert_eq!(peer.receive().await, Packet::Disconnect(Disconnect::default()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn when_the_last_handle_is_gone_what_was_published_is_still_sent() {
    let (pipes, mut server) = server(Version::V3_1_1, 7);
    let (client, driver) = start(options(Version::V3_1_1, "me"), pipes);
    let mut peer = server.connected(false).await;
    drop(client.publish("a", "x").qos(QoS::AtLeastOnce).send().await.unwrap());
    drop(client);
    assert_eq!(&publish(peer.receive().await).message.payload[..], b"x");
    peer.send(Packet::PubAck(ack(1, ReasonCode::Success))).await;
    assert!(matches!(peer.receive().await, Packet::Disconnect(_)));
    assert_eq!(within(driver).await.unwrap(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn payloads_of_any_size_arrive_unchanged_in_every_version_and_qos() {
    for (version, qos) in each() {
        let broker = Broker::new(ServerConfig::default());
        let (client, _driver) = start(options(version, "me"), broker.pipes(7));
        let (other, _driver) = start(options(version, "other"), broker.pipes(1_000));
        let mut stream = within(other.subscribe("a").qos(qos)).await.unwrap();
        for size in [0, 1, 100, 2_047, 2_048, 2_049, 20_000, 200_000] {
            let payload: Bytes = (0..size).map(|index: u32| (index * 7 + index / 251) as u8).collect();
            within(client.publish("a", payload.clone()).qos(qos)).await.unwrap();
            let message = within(stream.next()).await.unwrap();
            assert!(message.payload == payload, "{version} {qos:?} {size}");
            assert_eq!((message.qos, message.retain, message.dup), (qos, false, false));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_driver_that_is_dropped_tells_everybody_who_waits() {
    let (pipes, mut server) = server(Version::V5, 64);
    let (client, driver) = start(options(Version::V5, "me"), pipes);
    let _peer = server.connected(false).await;
    let delivery = client.publish("a", "").qos(QoS::AtLeastOnce).send().await.unwrap();
    driver.abort();
    assert_eq!(within(delivery).await, Err(PublishError::Closed));
    assert_eq!(within(client.subscribe("a")).await.unwrap_err(), mqtt_client::SubscribeError::Closed);
    assert!(matches!(client.status(), mqtt_client::Status::Closed { cause: None }));
}
