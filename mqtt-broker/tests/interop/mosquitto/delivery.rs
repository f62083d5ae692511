//! What is published arrives: once, unchanged, in order, with the lower of the two QoS.

use crate::broker::Broker;

use super::{EVERY_QOS, Message, Subscriber, Version, numbers, publish, publish_lines};

#[test]
fn every_payload_arrives_unchanged_in_every_version_and_qos() {
    let broker = Broker::start();
    let every_byte: Vec<u8> = (0..=255).collect();
    let large: Vec<u8> = (0..100_000_u32).map(|index| (index % 251) as u8).collect();
    let payloads: [&[u8]; 4] = [b"", &every_byte, &large, "grüße 日本 🦀".as_bytes()];
    for version in Version::ALL {
        for qos in EVERY_QOS {
            let topic = format!("payload/{}/{qos}", version.argument());
            let mut subscriber = Subscriber::start(&broker, version, &format!("-t {topic} -q {qos}"));
            for payload in payloads {
                publish(&broker, version, &format!("-t {topic} -q {qos}"), payload);
                assert_eq!(subscriber.message(), Message::new(&topic, qos, payload), "{version:?}");
            }
            assert_eq!(subscriber.rest(), []);
        }
    }
}

#[test]
fn many_messages_arrive_complete_and_in_order() {
    const COUNT: usize = 500;
    let broker = Broker::start();
    for version in Version::ALL {
        for qos in EVERY_QOS {
            let topic = format!("many/{}/{qos}", version.argument());
            let mut subscriber = Subscriber::start(&broker, version, &format!("-t {topic} -q {qos}"));
            publish_lines(&broker, version, &format!("-t {topic} -q {qos}"), &numbers(COUNT));
            let messages = subscriber.rest();
            assert!(messages.iter().all(|message| message.qos == qos), "{version:?} {qos}");
            let texts: Vec<String> = messages.iter().map(Message::text).collect();
            assert_eq!(texts, numbers(COUNT), "{version:?} {qos}");
        }
    }
}

#[test]
fn the_delivered_qos_is_the_lower_of_publish_and_subscribe() {
    let broker = Broker::start();
    for version in Version::ALL {
        for subscribed in EVERY_QOS {
            let topic = format!("lower/{}/{subscribed}", version.argument());
            let mut subscriber = Subscriber::start(&broker, version, &format!("-t {topic} -q {subscribed}"));
            assert_eq!(subscriber.granted, [subscribed], "{version:?}");
            for published in EVERY_QOS {
                publish(&broker, version, &format!("-t {topic} -q {published}"), b"x");
                assert_eq!(subscriber.message(), Message::new(&topic, published.min(subscribed), b"x"));
            }
        }
    }
}

#[test]
fn each_version_reaches_subscribers_of_every_version() {
    let broker = Broker::start();
    let subscribers = Version::ALL.map(|version| Subscriber::start(&broker, version, "-t across/# -q 2"));
    let mut expected = Vec::new();
    for version in Version::ALL {
        for qos in EVERY_QOS {
            let topic = format!("across/{}", version.argument());
            publish(&broker, version, &format!("-t {topic} -q {qos}"), b"hello");
            expected.push(Message::new(&topic, qos, b"hello"));
        }
    }
    for mut subscriber in subscribers {
        let received: Vec<Message> = expected.iter().map(|_| subscriber.message()).collect();
        assert_eq!(by_topic(received), by_topic(expected.clone()));
        assert_eq!(subscriber.rest(), []);
    }
}

#[test]
fn a_topic_may_hold_any_letters() {
    let broker = Broker::start();
    let topic = "Größe/日本/🦀/";
    let mut subscriber = Subscriber::start(&broker, Version::V5, &format!("-t {topic}"));
    publish(&broker, Version::V5, "-t größe/日本/🦀/", b"another topic");
    publish(&broker, Version::V3_1_1, &format!("-t {topic}"), b"this topic");
    assert_eq!(subscriber.rest(), [Message::new(topic, 0, b"this topic")]);
}

/// Messages of different QoS may overtake each other: the standard orders them per QoS.
fn by_topic(mut messages: Vec<Message>) -> Vec<Message> {
    messages.sort_by(|a, b| (&a.topic, a.qos).cmp(&(&b.topic, b.qos)));
    messages
}
