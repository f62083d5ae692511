//! What happens when a connection is lost: silence, nonsense, goodbyes, and what goes on afterwards.

mod common;

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use common::broker::Broker;
use common::script::{Peer, server, settle};
use common::{each, options, start, within};
use mqtt_client::{
    CleanStart, Client, CloseReason, ConnectionError, PublishError, QoS, QueueLimits, ReasonCode, Status,
    Subscription, Version,
};
use mqtt_codec::{Ack, Delivery, Disconnect, Packet, PacketId, Publish, SubAck};
use mqtt_session::ServerConfig;

fn id(value: u16) -> PacketId {
    PacketId::new(value).unwrap()
}

async fn received(peer: &mut Peer) -> (String, Delivery) {
    let Packet::Publish(Publish { message, delivery, .. }) = peer.receive().await else {
        panic!("no PUBLISH")
    };
    (String::from_utf8(message.payload.to_vec()).unwrap(), delivery)
}

async fn lost(client: &Client) -> CloseReason {
    match *lost_cause(client).await {
        ConnectionError::Closed(reason) => reason,
        ref other => panic!("{other}"),
    }
}

async fn lost_cause(client: &Client) -> Arc<ConnectionError> {
    let mut status = client.watch_status();
    let status =
        within(status.wait_for(|status| matches!(status, Status::Disconnected { .. }))).await.unwrap();
    match &*status {
        Status::Disconnected { cause, .. } => Arc::clone(cause),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_client_pings_and_leaves_a_server_that_does_not_answer() {
    for version in Version::ALL {
        let (pipes, mut server) = server(version, 7);
        let options = options(version, "me").keep_alive(Duration::from_secs(10));
        let (client, _driver) = start(options, pipes);
        let mut peer = server.connected(false).await;
        for _ in 0..3 {
            assert_eq!(peer.receive().await, Packet::PingReq);
            peer.send(Packet::PingResp).await;
        }
        assert_eq!(peer.receive().await, Packet::PingReq);
        assert_eq!(lost(&client).await, CloseReason::KeepAlive);
        peer.closed().await;
        let _peer = server.connected(false).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_keep_alive_of_zero_never_pings() {
    let (pipes, mut server) = server(Version::V5, 64);
    let (client, _driver) = start(options(Version::V5, "me").keep_alive(Duration::ZERO), pipes);
    let mut peer = server.connected(false).await;
    tokio::time::sleep(Duration::from_secs(100_000)).await;
    assert!(peer.is_quiet().await);
    assert!(client.status().is_connected());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_no_byte_any_more_is_left_even_without_keep_alive() {
    let (pipes, mut server) = server(Version::V3_1_1, 64);
    let (client, _driver) = start(options(Version::V3_1_1, "me").keep_alive(Duration::ZERO), pipes);
    let _peer = server.connected(false).await;
    let delivery = client.publish("a", vec![0; 100_000]).send().await.unwrap();
    assert_eq!(lost(&client).await, CloseReason::Stalled);
    assert_eq!(within(delivery).await, Err(PublishError::Lost));
}

#[tokio::test(start_paused = true)]
async fn a_long_upload_over_a_slow_link_is_not_taken_for_a_dead_server() {
    let (pipes, mut server) = server(Version::V3_1_1, 20_000);
    let options = options(Version::V3_1_1, "me").keep_alive(Duration::from_secs(5));
    let (client, _driver) = start(options, pipes);
    let mut peer = server.connected(false).await;
    let delivery = client.publish("a", vec![0; 1_000_000]).send().await.unwrap();
    let mut taken = 0;
    while taken < 1_000_000 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        taken += peer.take(20_000).await;
    }
    assert_eq!(within(delivery).await, Ok(ReasonCode::Success));
    assert!(client.status().is_connected());
    assert_eq!(client.stats().connections, 1);
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_no_packet_end_the_connection_with_the_reason_that_v5_has_for_it() {
    for version in Version::ALL {
        let (pipes, mut server) = server(version, 64);
        let (client, _driver) = start(options(version, "me"), pipes);
        let mut peer = server.connected(false).await;
        peer.send_bytes(&[0x36, 0x07, 0, 1, b'a', 0, 1, 0, 0]).await;
        assert!(matches!(lost(&client).await, CloseReason::Malformed(_)));
        if version.is_v5() {
            let goodbye = Disconnect::new(ReasonCode::MalformedPacket);
            assert_eq!(peer.receive().await, Packet::Disconnect(goodbye));
        }
        peer.closed().await;
        let _peer = server.connected(false).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_packet_that_only_clients_send_ends_the_connection() {
    let (pipes, mut server) = server(Version::V5, 64);
    let (client, _driver) = start(options(Version::V5, "me"), pipes);
    let mut peer = server.connected(false).await;
    peer.send(Packet::PingReq).await;
    assert!(matches!(lost(&client).await, CloseReason::Violation(_)));
    let goodbye = Disconnect::new(ReasonCode::ProtocolError);
    assert_eq!(peer.receive().await, Packet::Disconnect(goodbye));
}

#[tokio::test(start_paused = true)]
async fn a_resumed_session_sends_what_was_not_acknowledged_again_in_order_and_then_the_rest() {
    for version in [Version::V3_1_1, Version::V5] {
        let (pipes, mut server) = server(version, 7);
        let (client, _driver) = start(options(version, "me").clean_start(CleanStart::Never), pipes);
        let mut peer = server.connected(false).await;
        let mut deliveries = Vec::new();
        for (payload, qos) in [("1", QoS::AtLeastOnce), ("2", QoS::ExactlyOnce), ("3", QoS::ExactlyOnce)] {
            deliveries.push(client.publish("a", payload).qos(qos).send().await.unwrap());
            assert_eq!(received(&mut peer).await.0, payload);
        }
        peer.send(Packet::PubRec(Ack::new(id(3)))).await;
        assert!(matches!(peer.receive().await, Packet::PubRel(_)));
        drop(peer);
        assert_eq!(lost(&client).await, CloseReason::Transport);
        deliveries.push(client.publish("a", "4").qos(QoS::AtLeastOnce).send().await.unwrap());
        let mut peer = server.connected(true).await;
        assert_eq!(peer.receive().await, Packet::PubRel(Ack::new(id(3))));
        assert_eq!(received(&mut peer).await, ("1".into(), Delivery::AtLeastOnce { id: id(1), dup: true }));
        assert_eq!(received(&mut peer).await, ("2".into(), Delivery::ExactlyOnce { id: id(2), dup: true }));
        assert_eq!(received(&mut peer).await, ("4".into(), Delivery::AtLeastOnce { id: id(4), dup: false }));
        peer.send(Packet::PubAck(Ack::new(id(1)))).await;
        peer.send(Packet::PubRec(Ack::new(id(2)))).await;
        assert_eq!(peer.receive().await, Packet::PubRel(Ack::new(id(2))));
        peer.send(Packet::PubComp(Ack::new(id(2)))).await;
        peer.send(Packet::PubComp(Ack::new(id(3)))).await;
        peer.send(Packet::PubAck(Ack::new(id(4)))).await;
        for delivery in deliveries {
            assert_eq!(within(delivery).await, Ok(ReasonCode::Success));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_has_lost_the_session_gets_subscriptions_and_messages_anew() {
    for version in Version::ALL {
        let (pipes, mut server) = server(version, 64);
        let (client, _driver) = start(options(version, "me").clean_start(CleanStart::Never), pipes);
        let mut peer = server.connected(false).await;
        let subscribing = client.subscribe("a").qos(QoS::AtLeastOnce).into_future();
        let granting = async {
            let Packet::Subscribe(subscribe) = peer.receive().await else { panic!("no SUBSCRIBE") };
            let suback =
                SubAck { id: subscribe.id, properties: None, reasons: vec![ReasonCode::GrantedQoS1] };
            peer.send(Packet::SubAck(suback)).await;
            subscribe
        };
        let (stream, first) = within(async { tokio::join!(subscribing, granting) }).await;
        let _stream = stream.unwrap();
        let delivery = client.publish("b", "x").qos(QoS::AtLeastOnce).send().await.unwrap();
        received(&mut peer).await;
        drop(peer);
        let mut peer = server.connected(false).await;
        let Packet::Subscribe(second) = peer.receive().await else { panic!("no SUBSCRIBE") };
        assert_eq!(second.filters, first.filters);
        assert_eq!(second.subscription_id, first.subscription_id);
        let (payload, sent) = received(&mut peer).await;
        // 3.1 does not say whether the session is present, so the message may not be new to the server
        let dup = version == Version::V3_1;
        assert_eq!((payload.as_str(), sent.qos(), sent.dup()), ("x", QoS::AtLeastOnce, dup));
        peer.send(Packet::PubAck(Ack::new(sent.id().unwrap()))).await;
        assert_eq!(within(delivery).await, Ok(ReasonCode::Success));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_of_qos_2_that_was_not_taken_before_a_cut_is_delivered_once_and_answered_when_it_comes_again()
 {
    for version in [Version::V3_1_1, Version::V5] {
        let (pipes, mut server) = server(version, 64);
        let (client, _driver) = start(options(version, "me").clean_start(CleanStart::Never), pipes);
        let mut peer = server.connected(false).await;
        let mut stream = subscribe(&client, &mut peer).await;
        for taken in [false, true] {
            let publish = |dup| {
                let message = mqtt_codec::Message::new("a".try_into().unwrap(), "x");
                Packet::Publish(Publish::new(message, Delivery::ExactlyOnce { id: id(9), dup }))
            };
            peer.send(publish(false)).await;
            settle().await;
            if taken {
                // the acknowledgement is on its way when the connection ends
                assert!(stream.try_next().is_some());
            }
            drop(peer);
            peer = server.connected(true).await;
            peer.send(publish(true)).await;
            assert_eq!(peer.receive().await, Packet::PubRec(Ack::new(id(9))));
            peer.send(Packet::PubRel(Ack::new(id(9)))).await;
            assert_eq!(peer.receive().await, Packet::PubComp(Ack::new(id(9))));
            assert_eq!(stream.try_next().is_some(), !taken);
            assert!(stream.try_next().is_none());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_subscription_the_server_does_not_take_again_ends() {
    let (pipes, mut server) = server(Version::V5, 64);
    let (client, _driver) = start(options(Version::V5, "me"), pipes);
    let mut peer = server.connected(false).await;
    let mut stream = subscribe(&client, &mut peer).await;
    drop(peer);
    let mut peer = server.connected(false).await;
    let Packet::Subscribe(again) = peer.receive().await else { panic!("no SUBSCRIBE") };
    let reasons = vec![ReasonCode::NotAuthorized];
    peer.send(Packet::SubAck(SubAck { id: again.id, properties: None, reasons })).await;
    assert_eq!(within(stream.next()).await, None);
}

/// Subscribes to "a" while the peer grants it.
async fn subscribe(client: &Client, peer: &mut Peer) -> Subscription {
    let granting = async {
        let Packet::Subscribe(subscribe) = peer.receive().await else { panic!("no SUBSCRIBE") };
        let reasons = vec![ReasonCode::GrantedQoS2];
        peer.send(Packet::SubAck(SubAck { id: subscribe.id, properties: None, reasons })).await;
    };
    let subscribing = client.subscribe("a").qos(QoS::ExactlyOnce).into_future();
    within(async { tokio::join!(subscribing, granting) }).await.0.unwrap()
}

#[tokio::test(start_paused = true)]
async fn without_reconnecting_the_client_ends_with_its_connection() {
    let (pipes, mut server) = server(Version::V5, 64);
    let (client, driver) = start(options(Version::V5, "me").reconnect_period(Duration::ZERO), pipes);
    let mut peer = server.connected(false).await;
    let delivery = client.publish("a", "").qos(QoS::AtLeastOnce).send().await.unwrap();
    received(&mut peer).await;
    peer.send(Packet::Disconnect(Disconnect::new(ReasonCode::ServerShuttingDown))).await;
    let error = within(driver).await.unwrap().unwrap_err();
    assert_eq!(error, "the server disconnected: Server shutting down (0x8B)");
    assert_eq!(within(delivery).await, Err(PublishError::Closed));
    assert!(matches!(client.status(), Status::Closed { cause: Some(_) }));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_thrown_out_by_another_of_its_name_says_so() {
    let (pipes, mut server) = server(Version::V5, 64);
    let (client, _driver) = start(options(Version::V5, "me"), pipes);
    let mut peer = server.connected(false).await;
    peer.send(Packet::Disconnect(Disconnect::new(ReasonCode::SessionTakenOver))).await;
    let cause = lost_cause(&client).await;
    assert!(
        matches!(&*cause, ConnectionError::Disconnected(said) if said.reason == ReasonCode::SessionTakenOver),
        "{cause}"
    );
}

#[tokio::test(start_paused = true)]
async fn two_clients_with_one_identifier_throw_each_other_out_ever_more_slowly() {
    let broker = Broker::new(ServerConfig::default());
    let (one, _driver) = start(options(Version::V5, "same"), broker.pipes(64));
    let (two, _driver) = start(options(Version::V5, "same"), broker.pipes(64));
    tokio::time::sleep(Duration::from_secs(600)).await;
    let connections = one.stats().connections + two.stats().connections;
    // pauses are 15 to 30 s in the end: far fewer than the 600 and more of a fight at full speed
    assert!((10..=120).contains(&connections), "{connections}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_has_held_makes_the_next_pause_short_again() {
    let broker = Broker::new(ServerConfig::default());
    let (client, _driver) = start(options(Version::V3_1_1, "me"), broker.pipes(64));
    let mut status = client.watch_status();
    let pause = async |status: &mut tokio::sync::watch::Receiver<Status>| {
        within(status.wait_for(Status::is_connected)).await.unwrap();
        settle().await;
        broker.cut("me");
        let status = within(status.wait_for(|status| matches!(status, Status::Disconnected { .. }))).await;
        match *status.unwrap() {
            Status::Disconnected { pause, .. } => pause,
            _ => unreachable!(),
        }
    };
    for longest in [1, 2, 4, 8] {
        let pause = pause(&mut status).await;
        let longest = Duration::from_secs(longest);
        assert!(pause <= longest && pause >= longest / 2, "{pause:?}");
    }
    within(status.wait_for(Status::is_connected)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert!(pause(&mut status).await <= Duration::from_secs(1));
}

async fn publish_numbers(publisher: Client, qos: QoS, count: u32) {
    for number in 0..count {
        publisher.publish("a", number.to_string()).qos(qos).send().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_reordered_over_many_cuts_at_any_byte() {
    for (version, qos) in each().filter(|(version, qos)| *version != Version::V3_1 && *qos != QoS::AtMostOnce)
    {
        let broker = Broker::new(ServerConfig::default());
        let queue = QueueLimits { window: 3.try_into().unwrap(), ..QueueLimits::default() };
        let kept = |name| {
            let pause = Duration::from_millis(10);
            let options = options(version, name).clean_start(CleanStart::Never).queue(queue);
            options.reconnect_period(pause).reconnect_longest(pause)
        };
        let (publisher, _driver) = start(kept("publisher"), broker.pipes(7));
        let (reader, _driver) = start(kept("reader"), broker.pipes(7));
        let mut stream = within(reader.subscribe("a").qos(qos)).await.unwrap();
        let publishing = tokio::spawn(publish_numbers(publisher.clone(), qos, 1_000));
        let (both, hub) = ([("publisher", publisher.clone()), ("reader", reader.clone())], broker.clone());
        let cutting = tokio::spawn(async move {
            for round in 0..20 {
                let (name, client) = &both[round % 2];
                within(client.watch_status().wait_for(Status::is_connected)).await.unwrap();
                for _ in 0..20 + round * 7 {
                    tokio::task::yield_now().await;
                }
                hub.cut(name);
                within(client.watch_status().wait_for(|status| !status.is_connected())).await.unwrap();
            }
        });
        let mut expected = 0;
        while expected < 1_000 {
            let message = within(stream.next()).await.unwrap();
            let number: u32 = std::str::from_utf8(&message.payload).unwrap().parse().unwrap();
            match qos {
                // a message may come again, but never before an older one has come
                QoS::AtLeastOnce => assert!(number <= expected, "{number} before {expected}"),
                _ => assert_eq!(number, expected, "{version}"),
            }
            expected = expected.max(number + 1);
        }
        within(cutting).await.unwrap();
        within(publishing).await.unwrap();
        assert!(publisher.stats().connections >= 10 && reader.stats().connections >= 10);
        assert_eq!(stream.dropped(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_away_for_a_while_is_found_again() {
    let broker = Broker::new(ServerConfig::default());
    broker.set_away(true);
    let (client, _driver) = start(options(Version::V5, "me"), broker.pipes(64));
    let delivery = client.publish("a", "x").qos(QoS::ExactlyOnce).send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(100)).await;
    match client.status() {
        Status::Disconnected { cause, .. } => assert!(matches!(*cause, ConnectionError::Transport(_))),
        other => panic!("{other:?}"),
    }
    broker.set_away(false);
    assert_eq!(within(delivery).await, Ok(ReasonCode::Success));
    let mut stream = within(client.subscribe("b")).await.unwrap();
    broker.forget("me");
    let _ = lost(&client).await;
    within(client.watch_status().wait_for(Status::is_connected)).await.unwrap();
    within(client.publish("b", "again").qos(QoS::AtLeastOnce)).await.unwrap();
    assert_eq!(within(stream.next()).await.unwrap().payload, "again");
    assert_eq!(broker.filters("me"), ["b"]);
}
