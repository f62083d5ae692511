//! Subscriptions: who gets a message, when it is acknowledged, and what a slow reader costs.

mod common;

use std::future::IntoFuture;
use std::time::Duration;

use common::script::{Peer, server, settle};
use common::{options, start, within};
use mqtt_client::{
    CleanStart, Client, Message, QoS, ReasonCode, RetainHandling, SlowReader, StreamLimits, SubscribeError,
    Subscription, Topic, Version,
};
use mqtt_codec::{
    Delivery, Packet, PacketId, Publish, SubAck, Subscribe, SubscriptionId, UnsubAck, Unsubscribe,
};

fn id(value: u16) -> PacketId {
    PacketId::new(value).unwrap()
}

fn message(topic: &str, payload: &str, qos: QoS, packet: u16, ids: &[SubscriptionId]) -> Packet {
    let message = mqtt_codec::Message::new(Topic::new(topic).unwrap(), payload.to_owned());
    let delivery = match qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { id: id(packet), dup: false },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { id: id(packet), dup: false },
    };
    Packet::Publish(Publish { subscription_ids: ids.to_vec(), ..Publish::new(message, delivery) })
}

async fn grant(peer: &mut Peer) -> Subscribe {
    let Packet::Subscribe(subscribe) = peer.receive().await else { panic!("no SUBSCRIBE") };
    let reasons = subscribe.filters.iter().map(|filter| ReasonCode::granted(filter.options.qos)).collect();
    peer.send(Packet::SubAck(SubAck { id: subscribe.id, reasons, ..suback(subscribe.id) })).await;
    subscribe
}

fn suback(id: PacketId) -> SubAck {
    SubAck { id, properties: None, reasons: Vec::new() }
}

async fn release(peer: &mut Peer) -> Unsubscribe {
    let Packet::Unsubscribe(unsubscribe) = peer.receive().await else { panic!("no UNSUBSCRIBE") };
    let reasons = unsubscribe.filters.iter().map(|_| ReasonCode::Success).collect();
    let unsuback = UnsubAck { id: unsubscribe.id, properties: None, reasons };
    peer.send(Packet::UnsubAck(unsuback)).await;
    unsubscribe
}

/// Subscribes to one filter at QoS 2 while the peer grants it.
async fn subscribed(
    client: &Client,
    peer: &mut Peer,
    filter: &str,
) -> (Subscription, Option<SubscriptionId>) {
    let subscribing = client.subscribe(filter).qos(QoS::ExactlyOnce).into_future();
    let (subscription, subscribe) = within(async { tokio::join!(subscribing, grant(peer)) }).await;
    (subscription.unwrap(), subscribe.subscription_id)
}

async fn next(subscription: &mut Subscription) -> (String, String) {
    let Message { topic, payload, .. } = within(subscription.next()).await.unwrap();
    (topic.to_string(), String::from_utf8(payload.to_vec()).unwrap())
}

fn is(topic: &str, payload: &str) -> (String, String) {
    (topic.to_owned(), payload.to_owned())
}

fn acked(packet: Packet) -> u16 {
    match packet {
        Packet::PubAck(ack) | Packet::PubRec(ack) => ack.id.get(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn subscribe_says_what_was_asked_for_and_returns_what_was_granted() {
    let (pipes, mut server) = server(Version::V5, 64);
    let (client, _driver) = start(options(Version::V5, "me"), pipes);
    let mut peer = server.connected(false).await;
    let subscribing = client
        .subscribe("a/+")
        .and("forbidden")
        .qos(QoS::AtLeastOnce)
        .no_local(true)
        .retain_as_published(true)
        .retain_handling(RetainHandling::Never)
        .into_future();
    let script = async {
        let Packet::Subscribe(subscribe) = peer.receive().await else { panic!("no SUBSCRIBE") };
        let reasons = vec![ReasonCode::GrantedQoS1, ReasonCode::NotAuthorized];
        peer.send(Packet::SubAck(SubAck { reasons, ..suback(subscribe.id) })).await;
        subscribe
    };
    let (subscription, subscribe) = within(async { tokio::join!(subscribing, script) }).await;
    let filters: Vec<_> = subscribe.filters.iter().map(|filter| filter.filter.as_str()).collect();
    assert_eq!(filters, ["a/+", "forbidden"]);
    let asked = subscribe.filters[0].options;
    assert_eq!((asked.qos, asked.no_local, asked.retain_as_published), (QoS::AtLeastOnce, true, true));
    assert_eq!(asked.retain_handling, RetainHandling::Never);
    let mut subscription = subscription.unwrap();
    assert_eq!(subscription.granted(), [ReasonCode::GrantedQoS1, ReasonCode::NotAuthorized]);
    let ids = [subscribe.subscription_id.unwrap()];
    peer.send(message("forbidden", "x", QoS::AtMostOnce, 0, &ids)).await;
    peer.send(message("a/b", "y", QoS::AtMostOnce, 0, &ids)).await;
    assert_eq!(next(&mut subscription).await, is("a/b", "y"));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_before_suback_reaches_its_stream() {
    for version in Version::ALL {
        let (pipes, mut server) = server(version, 64);
        let (client, _driver) = start(options(version, "me"), pipes);
        let mut peer = server.connected(false).await;
        let script = async {
            let Packet::Subscribe(subscribe) = peer.receive().await else { panic!("no SUBSCRIBE") };
            let ids: Vec<_> = subscribe.subscription_id.into_iter().collect();
            peer.send(message("a", "x", QoS::AtMostOnce, 0, &ids)).await;
            let reasons = vec![ReasonCode::Success];
            peer.send(Packet::SubAck(SubAck { reasons, ..suback(subscribe.id) })).await;
        };
        let subscribing = client.subscribe("a").into_future();
        let (subscription, ()) = within(async { tokio::join!(subscribing, script) }).await;
        assert_eq!(next(&mut subscription.unwrap()).await, is("a", "x"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_is_refused_altogether_is_an_error() {
    for version in Version::ALL {
        let (pipes, mut server) = server(version, 64);
        let (client, _driver) = start(options(version, "me"), pipes);
        let mut peer = server.connected(false).await;
        let script = async {
            let Packet::Subscribe(subscribe) = peer.receive().await else { panic!("no SUBSCRIBE") };
            let reasons = vec![ReasonCode::UnspecifiedError];
            peer.send(Packet::SubAck(SubAck { reasons, ..suback(subscribe.id) })).await;
        };
        let subscribing = client.subscribe("a").into_future();
        let (subscription, ()) = within(async { tokio::join!(subscribing, script) }).await;
        assert_eq!(subscription.unwrap_err(), SubscribeError::Refused(ReasonCode::UnspecifiedError));
        let invalid = client.subscribe("a").and("b#").await.unwrap_err();
        assert!(matches!(invalid, SubscribeError::Filter(_)), "{invalid}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_is_acknowledged_when_it_is_taken_from_the_stream_and_not_before() {
    for version in Version::ALL {
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let (pipes, mut server) = server(version, 7);
            let (client, _driver) = start(options(version, "me"), pipes);
            let mut peer = server.connected(false).await;
            let (mut stream, id) = subscribed(&client, &mut peer, "a").await;
            let ids: Vec<_> = id.into_iter().collect();
            for number in 1..=3 {
                peer.send(message("a", &number.to_string(), qos, number, &ids)).await;
            }
            assert!(peer.is_quiet().await);
            for number in 1..=3 {
                assert_eq!(next(&mut stream).await, is("a", &number.to_string()));
                assert_eq!(acked(peer.receive().await), number);
                assert!(peer.is_quiet().await);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn streams_that_overlap_each_get_a_message_once_and_the_last_to_take_it_acknowledges() {
    for version in Version::ALL {
        let (pipes, mut server) = server(version, 64);
        let (client, _driver) = start(options(version, "me"), pipes);
        let mut peer = server.connected(false).await;
        let (mut wide, wide_id) = subscribed(&client, &mut peer, "a/#").await;
        let (mut narrow, narrow_id) = subscribed(&client, &mut peer, "a/b").await;
        let (mut twin, twin_id) = subscribed(&client, &mut peer, "a/b").await;
        assert!(version != Version::V5 || (wide_id != narrow_id && narrow_id != twin_id));
        // the second SUBSCRIBE with the same filter has replaced the first, identifier included
        let ids: Vec<_> = wide_id.into_iter().chain(twin_id).collect();
        peer.send(message("a/b", "x", QoS::AtLeastOnce, 1, &ids)).await;
        assert_eq!(next(&mut wide).await, is("a/b", "x"));
        assert_eq!(next(&mut narrow).await, is("a/b", "x"));
        assert!(peer.is_quiet().await);
        assert_eq!(next(&mut twin).await, is("a/b", "x"));
        assert_eq!(acked(peer.receive().await), 1);
        settle().await;
        assert!(wide.try_next().is_none() && narrow.try_next().is_none() && twin.try_next().is_none());
        assert_eq!(client.stats().received, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_was_sent_for_one_subscription_does_not_go_to_another_that_matches() {
    let (pipes, mut server) = server(Version::V5, 64);
    let (client, _driver) = start(options(Version::V5, "me"), pipes);
    let mut peer = server.connected(false).await;
    let (mut wide, wide_id) = subscribed(&client, &mut peer, "#").await;
    let (mut shared, shared_id) = subscribed(&client, &mut peer, "$share/group/a/+").await;
    peer.send(message("a/b", "all", QoS::AtMostOnce, 0, &[wide_id.unwrap()])).await;
    peer.send(message("a/c", "one of us", QoS::AtMostOnce, 0, &[shared_id.unwrap()])).await;
    assert_eq!(next(&mut wide).await, is("a/b", "all"));
    assert_eq!(next(&mut shared).await, is("a/c", "one of us"));
    settle().await;
    assert!(wide.try_next().is_none() && shared.try_next().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_no_stream_wants_is_acknowledged_and_counted() {
    for version in Version::ALL {
        let (pipes, mut server) = server(version, 64);
        let (client, _driver) = start(options(version, "me"), pipes);
        let mut peer = server.connected(false).await;
        peer.send(message("a", "x", QoS::AtLeastOnce, 5, &[])).await;
        assert_eq!(acked(peer.receive().await), 5);
        assert_eq!(client.stats().unmatched, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn messages_of_a_kept_session_wait_for_the_stream_that_will_ask_for_them() {
    for version in [Version::V3_1_1, Version::V5] {
        let (pipes, mut server) = server(version, 64);
        let options = options(version, "me").clean_start(CleanStart::Never);
        let (client, _driver) = start(options, pipes);
        let mut peer = server.connected(true).await;
        // the identifier is of an earlier run of the program
        let stale: Vec<_> = SubscriptionId::new(77_777).filter(|_| version.is_v5()).into_iter().collect();
        peer.send(message("a/1", "x", QoS::AtLeastOnce, 1, &stale)).await;
        peer.send(message("b", "y", QoS::AtLeastOnce, 2, &stale)).await;
        peer.send(message("a/2", "z", QoS::ExactlyOnce, 3, &stale)).await;
        assert!(peer.is_quiet().await);
        let (mut stream, _) = subscribed(&client, &mut peer, "a/+").await;
        peer.send(message("a/3", "!", QoS::AtLeastOnce, 4, &stale)).await;
        for expected in [is("a/1", "x"), is("a/2", "z"), is("a/3", "!")] {
            assert_eq!(next(&mut stream).await, expected);
        }
        assert_eq!(acked(peer.receive().await), 1);
        assert!(peer.is_quiet().await);
        let (mut other, _) = subscribed(&client, &mut peer, "b").await;
        assert_eq!(next(&mut other).await, is("b", "y"));
        for number in [2, 3, 4] {
            assert_eq!(acked(peer.receive().await), number);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_nobody_reads_does_not_stop_another_and_keeps_what_fits() {
    for version in Version::ALL {
        let (pipes, mut server) = server(version, 4_096);
        let limits = StreamLimits { messages: 10, ..StreamLimits::default() };
        let (client, _driver) = start(options(version, "me").streams(limits), pipes);
        let mut peer = server.connected(false).await;
        let (mut unread, unread_id) = subscribed(&client, &mut peer, "unread").await;
        let (mut read, read_id) = subscribed(&client, &mut peer, "read").await;
        let (unread_id, read_id): (Vec<_>, Vec<_>) =
            (unread_id.into_iter().collect(), read_id.into_iter().collect());
        for number in 1..=40 {
            peer.send(message("unread", &number.to_string(), QoS::AtLeastOnce, number, &unread_id)).await;
        }
        // all but the last few are acknowledged, so that the server may go on
        for number in 1..=33 {
            assert_eq!(acked(peer.receive().await), number);
        }
        assert!(peer.is_quiet().await);
        peer.send(message("read", "!", QoS::AtLeastOnce, 41, &read_id)).await;
        assert_eq!(next(&mut read).await, is("read", "!"));
        // ten are kept, and what is not acknowledged may still be taken
        assert_eq!((unread.waiting(), unread.dropped()), (10 + 7, 23));
        assert_eq!(client.stats().dropped, 23);
        for number in (1..=10).chain(34..=40) {
            assert_eq!(next(&mut unread).await, is("unread", &number.to_string()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_unacknowledged_is_bounded_by_bytes_too() {
    for version in Version::ALL {
        let (pipes, mut server) = server(version, 4_096);
        let limits = StreamLimits { bytes: 3_100, ..StreamLimits::default() };
        let (client, _driver) = start(options(version, "me").streams(limits), pipes);
        let mut peer = server.connected(false).await;
        let (mut stream, _) = subscribed(&client, &mut peer, "a").await;
        for number in 1..=10 {
            peer.send(message("a", &"x".repeat(1_000), QoS::AtLeastOnce, number, &[])).await;
        }
        // three are held, three more are the client's own, and the four between them had no room
        for number in 1..=7 {
            assert_eq!(acked(peer.receive().await), number);
        }
        assert!(peer.is_quiet().await);
        assert_eq!((stream.waiting(), stream.dropped()), (6, 4));
        for _ in 0..3 {
            assert!(stream.try_next().is_some());
        }
        assert!(peer.is_quiet().await);
        for number in 8..=10 {
            assert!(stream.try_next().is_some());
            assert_eq!(acked(peer.receive().await), number);
        }
        // one message may wait whatever its size
        peer.send(message("a", &"x".repeat(4_000), QoS::AtLeastOnce, 11, &[])).await;
        assert!(peer.is_quiet().await);
        assert_eq!(within(stream.next()).await.unwrap().payload.len(), 4_000);
        assert_eq!(acked(peer.receive().await), 11);
    }
}

#[tokio::test(start_paused = true)]
async fn with_hold_back_the_limit_in_bytes_acknowledges_nothing_that_would_be_dropped() {
    let (pipes, mut server) = server(Version::V5, 4_096);
    let limits = StreamLimits { bytes: 3_100, slow_reader: SlowReader::HoldBack, ..StreamLimits::default() };
    let (client, _driver) = start(options(Version::V5, "me").streams(limits), pipes);
    let mut peer = server.connected(false).await;
    let (mut stream, _) = subscribed(&client, &mut peer, "a").await;
    for number in 1..=10 {
        peer.send(message("a", &"x".repeat(1_000), QoS::AtLeastOnce, number, &[])).await;
    }
    // the stream has room for three of its own; the others wait
    for number in 1..=3 {
        assert_eq!(acked(peer.receive().await), number);
    }
    assert!(peer.is_quiet().await);
    for _ in 1..=10 {
        assert!(stream.try_next().is_some());
    }
    for number in 4..=10 {
        assert_eq!(acked(peer.receive().await), number);
    }
    assert_eq!(stream.dropped(), 0);
}

#[tokio::test(start_paused = true)]
async fn with_drop_oldest_a_slow_reader_gets_the_latest() {
    let (pipes, mut server) = server(Version::V5, 4_096);
    let (client, _driver) = start(options(Version::V5, "me"), pipes);
    let mut peer = server.connected(false).await;
    let subscribing = client.subscribe("a").capacity(3).slow_reader(SlowReader::DropOldest).into_future();
    let (stream, _) = within(async { tokio::join!(subscribing, grant(&mut peer)) }).await;
    let mut stream = stream.unwrap();
    for number in 1..=10 {
        peer.send(message("a", &number.to_string(), QoS::AtMostOnce, 0, &[])).await;
    }
    settle().await;
    assert_eq!(stream.dropped(), 7);
    for number in 8..=10 {
        assert_eq!(next(&mut stream).await, is("a", &number.to_string()));
    }
}

#[tokio::test(start_paused = true)]
async fn with_hold_back_nothing_is_dropped_and_the_acknowledgements_wait() {
    let (pipes, mut server) = server(Version::V5, 4_096);
    let (client, _driver) = start(options(Version::V5, "me"), pipes);
    let mut peer = server.connected(false).await;
    let (_idle, _) = subscribed(&client, &mut peer, "idle").await;
    let subscribing = client
        .subscribe("a")
        .qos(QoS::AtLeastOnce)
        .capacity(3)
        .slow_reader(SlowReader::HoldBack)
        .into_future();
    let (stream, _) = within(async { tokio::join!(subscribing, grant(&mut peer)) }).await;
    let mut stream = stream.unwrap();
    for number in 1..=20 {
        peer.send(message("a", &number.to_string(), QoS::AtLeastOnce, number, &[])).await;
    }
    for number in 1..=3 {
        assert_eq!(acked(peer.receive().await), number);
    }
    assert!(peer.is_quiet().await);
    for number in 1..=20 {
        assert_eq!(next(&mut stream).await, is("a", &number.to_string()));
    }
    assert_eq!(stream.dropped(), 0);
    for number in 4..=20 {
        assert_eq!(acked(peer.receive().await), number);
    }
}

#[tokio::test(start_paused = true)]
async fn qos_0_beyond_the_capacity_is_dropped_and_counted() {
    let (pipes, mut server) = server(Version::V3_1_1, 4_096);
    let limits = StreamLimits { bytes: 50, ..StreamLimits::default() };
    let (client, _driver) = start(options(Version::V3_1_1, "me").streams(limits), pipes);
    let mut peer = server.connected(false).await;
    let (mut stream, _) = subscribed(&client, &mut peer, "#").await;
    for number in 0..10 {
        peer.send(message("topic", &format!("payload {number}"), QoS::AtMostOnce, 0, &[])).await;
    }
    settle().await;
    // each counts 14 bytes
    assert_eq!((stream.waiting(), stream.dropped()), (3, 7));
    assert_eq!(next(&mut stream).await, is("topic", "payload 0"));
}

#[tokio::test(start_paused = true)]
async fn dropping_a_stream_unsubscribes_unless_another_has_the_filter() {
    for version in Version::ALL {
        let (pipes, mut server) = server(version, 64);
        let (client, _driver) = start(options(version, "me"), pipes);
        let mut peer = server.connected(false).await;
        let (first, _) = subscribed(&client, &mut peer, "a").await;
        let (second, _) = subscribed(&client, &mut peer, "a").await;
        peer.send(message("a", "x", QoS::AtLeastOnce, 1, &[])).await;
        settle().await;
        drop(first);
        assert!(peer.is_quiet().await);
        drop(second);
        // what nobody can read any more need not come again
        assert_eq!(acked(peer.receive().await), 1);
        assert_eq!(release(&mut peer).await.filters, ["a".try_into().unwrap()]);
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_a_stream_of_a_kept_session_leaves_subscription_and_messages_for_the_next() {
    let (pipes, mut server) = server(Version::V3_1_1, 64);
    let options = options(Version::V3_1_1, "me").clean_start(CleanStart::Never);
    let (client, _driver) = start(options, pipes);
    let mut peer = server.connected(false).await;
    let (stream, _) = subscribed(&client, &mut peer, "a").await;
    peer.send(message("a", "x", QoS::AtLeastOnce, 1, &[])).await;
    settle().await;
    drop(stream);
    assert!(peer.is_quiet().await);
    let (mut stream, _) = subscribed(&client, &mut peer, "a").await;
    assert_eq!(next(&mut stream).await, is("a", "x"));
    assert_eq!(acked(peer.receive().await), 1);
    let leaving = stream.unsubscribe();
    let (codes, _) = within(async { tokio::join!(leaving, release(&mut peer)) }).await;
    assert_eq!(codes, Ok(Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_subscription_whose_future_is_dropped_is_removed_again() {
    for after_suback in [false, true] {
        let (pipes, mut server) = server(Version::V5, 64);
        let (client, _driver) = start(options(Version::V5, "me"), pipes);
        let mut peer = server.connected(false).await;
        let mut subscribing = client.subscribe("a").into_future();
        tokio::time::timeout(Duration::from_secs(1), &mut subscribing).await.unwrap_err();
        if after_suback {
            grant(&mut peer).await;
            settle().await;
            drop(subscribing);
        } else {
            drop(subscribing);
            settle().await;
            grant(&mut peer).await;
        }
        release(&mut peer).await;
    }
}

#[tokio::test(start_paused = true)]
async fn unsubscribing_by_filter_ends_the_streams_that_have_no_other() {
    let (pipes, mut server) = server(Version::V5, 64);
    let (client, _driver) = start(options(Version::V5, "me"), pipes);
    let mut peer = server.connected(false).await;
    let (mut stream, id) = subscribed(&client, &mut peer, "a").await;
    peer.send(message("a", "last", QoS::AtMostOnce, 0, &[id.unwrap()])).await;
    settle().await;
    let leaving = client.unsubscribe("a");
    let (code, _) = within(async { tokio::join!(leaving, release(&mut peer)) }).await;
    assert_eq!(code, Ok(Some(ReasonCode::Success)));
    assert_eq!(next(&mut stream).await, is("a", "last"));
    assert_eq!(within(stream.next()).await, None);
}

#[tokio::test(start_paused = true)]
async fn cancelling_next_loses_no_message() {
    let (pipes, mut server) = server(Version::V5, 7);
    let (client, _driver) = start(options(Version::V5, "me"), pipes);
    let mut peer = server.connected(false).await;
    let (mut stream, id) = subscribed(&client, &mut peer, "a").await;
    let sender = tokio::spawn(async move {
        for number in 1..=100 {
            peer.send(message("a", &number.to_string(), QoS::AtMostOnce, 0, &[id.unwrap()])).await;
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        peer
    });
    let mut received = Vec::new();
    while received.len() < 100 {
        if let Ok(message) = tokio::time::timeout(Duration::from_millis(2), stream.next()).await {
            received.push(String::from_utf8(message.unwrap().payload.to_vec()).unwrap());
        }
    }
    assert!(received.iter().enumerate().all(|(index, payload)| *payload == (index + 1).to_string()));
    within(sender).await.unwrap();
}
