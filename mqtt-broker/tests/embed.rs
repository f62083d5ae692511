//! The broker inside a program: its handle publishes, subscribes and stops.
#![cfg(feature = "net")]

mod peer;

use mqtt_broker::core::{Fate, LocalMessage};
use mqtt_broker::{BrokerHandle, Subscriber};
use mqtt_codec::{Message, Packet, QoS, ReasonCode, Text, Topic, TopicFilter, Version};
use peer::packets::{connect, publish, publishes, retain};
use peer::{Running, start};

fn message(topic: &str, payload: &str) -> Message {
    Message::new(Topic::new(topic).unwrap(), payload.to_owned())
}

fn subscribe(broker: &Running, filter: &str, qos: QoS, capacity: usize) -> Subscriber {
    let filter = TopicFilter::new(filter).unwrap();
    broker.wait_for(broker.handle.subscribe(filter, qos, capacity))
}

fn next(broker: &Running, subscriber: &mut Subscriber) -> Option<(String, QoS, bool)> {
    let received = broker.wait_for(subscriber.recv())?;
    let LocalMessage { message, qos, retain } = received;
    Some((String::from_utf8(message.payload.to_vec()).unwrap(), qos, retain))
}

fn publish_in_process(handle: &BrokerHandle, topic: &str, payload: &str, retain: bool) {
    while handle.publish(message(topic, payload), QoS::AtLeastOnce, retain, None).is_err() {}
}

#[test]
fn clients_and_the_program_hear_each_other_in_order_at_the_lower_qos() {
    for shards in [1, 3] {
        let broker = start(shards, |_| {});
        let mut clients: Vec<_> =
            (0..6).map(|number| broker.connect(connect(Version::V5, &format!("client{number}")))).collect();
        clients.iter_mut().for_each(|client| client.subscribe(&["to/clients"], QoS::AtMostOnce));
        let mut subscriber = subscribe(&broker, "to/program", QoS::AtLeastOnce, 1_000);
        for number in 0..100u16 {
            publish_in_process(&broker.handle, "to/clients", &number.to_string(), false);
            clients[0].send(&[publish("to/program", number.to_string(), QoS::ExactlyOnce, number + 1)]);
        }
        for number in 0..100 {
            assert_eq!(next(&broker, &mut subscriber), Some((number.to_string(), QoS::AtLeastOnce, false)));
        }
        for client in &mut clients {
            assert_eq!(client.messages(100), (0..100).map(|number| number.to_string()).collect::<Vec<_>>());
        }
        broker.shut_down();
    }
}

#[test]
fn a_subscription_of_the_program_begins_with_retained_messages() {
    let broker = start(2, |_| {});
    let mut client = broker.connect(connect(Version::V5, "client"));
    client.send(&[retain("a/1", "one", None), retain("b", "other", None)]);
    client.ping();
    publish_in_process(&broker.handle, "a/2", "two", true);
    let mut subscriber = subscribe(&broker, "a/+", QoS::AtMostOnce, 10);
    client.send(&[publish("a/1", "news", QoS::AtMostOnce, 0)]);
    for (payload, retained) in [("one", true), ("two", true), ("news", false)] {
        assert_eq!(next(&broker, &mut subscriber), Some((payload.to_owned(), QoS::AtMostOnce, retained)));
    }
    client.subscribe(&["a/2"], QoS::AtMostOnce);
    let received = client.next().expect("the program's retained message");
    assert!(publishes(&[received]).all(|publish| publish.retain && publish.message.payload == "two"));
    broker.shut_down();
}

#[test]
fn subscriptions_of_the_program_can_be_members_of_a_group() {
    let broker = start(2, |_| {});
    let mut client = broker.connect(connect(Version::V5, "client"));
    client.subscribe(&["$share/g/t"], QoS::AtMostOnce);
    let mut subscriber = subscribe(&broker, "$share/g/t", QoS::AtMostOnce, 100);
    let mut publisher = broker.connect(connect(Version::V5, "publisher"));
    for number in 0..10 {
        publisher.send(&[publish("t", number.to_string(), QoS::AtMostOnce, 0)]);
    }
    let mut all = client.messages(5);
    all.extend((0..5).map(|_| next(&broker, &mut subscriber).expect("a message").0));
    all.sort_unstable();
    assert_eq!(all, (0..10).map(|number| number.to_string()).collect::<Vec<_>>());
    drop(subscriber);
    wait_for_unsubscribed(&mut publisher, "t", ReasonCode::Success);
    broker.shut_down();
}

/// Publishes until the answer says what it should once the subscription has ended.
fn wait_for_unsubscribed(publisher: &mut peer::Peer, topic: &str, expected: ReasonCode) {
    for _ in 0..100_000 {
        publisher.send(&[publish(topic, "anybody?", QoS::AtLeastOnce, 1)]);
        match publisher.next() {
            Some(Packet::PubAck(ack)) if ack.reason == expected => return,
            Some(Packet::PubAck(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    panic!("the subscription goes on");
}

#[test]
fn dropping_a_subscriber_ends_its_subscription() {
    let broker = start(2, |_| {});
    let mut publisher = broker.connect(connect(Version::V5, "publisher"));
    for _ in 0..10 {
        let subscriber = subscribe(&broker, "t/#", QoS::AtMostOnce, 1);
        publisher.send(&[publish("t", "x", QoS::AtLeastOnce, 1)]);
        assert!(matches!(publisher.next(), Some(Packet::PubAck(ack)) if ack.reason == ReasonCode::Success));
        drop(subscriber);
        wait_for_unsubscribed(&mut publisher, "t", ReasonCode::NoMatchingSubscribers);
    }
    broker.shut_down();
}

#[test]
fn what_a_subscriber_does_not_take_is_dropped_and_counted() {
    let broker = start(1, |_| {});
    let mut publisher = broker.connect(connect(Version::V5, "publisher"));
    let mut subscriber = subscribe(&broker, "t", QoS::AtMostOnce, 5);
    for number in 0..20 {
        publisher.send(&[publish("t", number.to_string(), QoS::AtMostOnce, 0)]);
    }
    publisher.ping();
    assert_eq!(subscriber.dropped(), 15);
    for number in 0..5 {
        assert_eq!(next(&broker, &mut subscriber).map(|(payload, ..)| payload), Some(number.to_string()));
    }
    publisher.send(&[publish("t", "after", QoS::AtMostOnce, 0)]);
    assert_eq!(next(&broker, &mut subscriber).map(|(payload, ..)| payload), Some("after".to_owned()));
    broker.shut_down();
}

#[test]
fn a_subscriber_of_a_stopped_broker_gets_what_has_come_and_then_the_end() {
    let broker = start(2, |_| {});
    let mut subscriber = subscribe(&broker, "t", QoS::AtMostOnce, 10);
    let mut publisher = broker.connect(connect(Version::V5, "publisher"));
    publisher.send(&[publish("t", "last", QoS::AtMostOnce, 0)]);
    let Running { handle, runtime, .. } = broker;
    let received = runtime.block_on(async {
        // it has come before the broker is told to stop
        let first = subscriber.recv().await.map(|received| received.message.payload.clone());
        handle.shutdown().await;
        (first, subscriber.recv().await)
    });
    assert_eq!(received, (Some("last".into()), None));
}

#[test]
fn several_brokers_live_in_one_process() {
    let brokers: Vec<Running> = (0..3).map(|_| start(2, |_| {})).collect();
    let mut clients: Vec<_> =
        brokers.iter().map(|broker| broker.connect(connect(Version::V5, "client"))).collect();
    clients.iter_mut().for_each(|client| client.subscribe(&["t"], QoS::AtMostOnce));
    for (index, broker) in brokers.iter().enumerate() {
        publish_in_process(&broker.handle, "t", &index.to_string(), false);
        assert_eq!(broker.handle.connected(), 1);
    }
    for (index, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.messages(1), [index.to_string()]);
    }
    brokers.into_iter().for_each(Running::shut_down);
}

#[test]
fn a_publisher_in_the_program_is_told_when_the_broker_is_behind() {
    let broker = start(1, |config| config.limits.mailbox = 2);
    let mut subscriber = subscribe(&broker, "t", QoS::AtMostOnce, 1_000_000);
    let (mut sent, mut busy) = (0, 0);
    while busy == 0 && sent < 500_000 {
        match broker.handle.publish(message("t", &sent.to_string()), QoS::AtMostOnce, false, None) {
            Ok(()) => sent += 1,
            Err(_) => busy += 1,
        }
    }
    assert_eq!(busy, 1, "a program in a loop is quicker than another thread that wakes up");
    for number in 0..sent {
        assert_eq!(next(&broker, &mut subscriber).map(|(payload, ..)| payload), Some(number.to_string()));
    }
    broker.shut_down();
}

#[test]
fn the_program_asks_why_and_sees_the_packets_of_one_client() {
    let broker = start(2, |_| {});
    let mut trace = broker.handle.trace(Text::new("client").unwrap(), 3);
    let mut client = broker.connect(connect(Version::V5, "client"));
    let mut other = broker.connect(connect(Version::V5, "other"));
    client.subscribe(&["a/+"], QoS::AtLeastOnce);
    other.ping();
    let topic = Topic::new("a/b").unwrap();
    let explain = |client_id| broker.wait_for(broker.handle.explain(client_id, &topic, QoS::ExactlyOnce));
    let explanation = explain("client").expect("a session");
    assert_eq!((explanation.fate, explanation.qos), (Fate::Sent, QoS::AtLeastOnce));
    assert_eq!(explain("other").expect("a session").fate, Fate::NotSubscribed);
    assert_eq!(explain("nobody"), None);
    client.ping();
    broker.shut_down();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut lines = Vec::new();
    while let Some((_, packet)) = runtime.block_on(trace.recv()) {
        lines.push(packet.to_string());
    }
    assert_eq!(lines.len(), 3, "as many as were to be kept: {lines:?}");
    assert!(
        lines[0].starts_with("received CONNECT 5.0") && lines[1].starts_with("sent CONNACK"),
        "{lines:?}"
    );
    assert!(lines[2].starts_with("received SUBSCRIBE"), "{lines:?}");
    assert!(trace.missed() >= 3, "SUBACK, PINGREQ, PINGRESP");
}
