//! Retained messages: kept, replaced, cleared, and the RETAIN flag on each way.

use crate::broker::Broker;

use super::{EVERY_QOS, Message, Subscriber, Version, publish};

#[test]
fn the_last_retained_message_reaches_later_subscribers() {
    let broker = Broker::start();
    for version in Version::ALL {
        for qos in EVERY_QOS {
            let topic = format!("kept/{}/{qos}", version.argument());
            for payload in ["first", "last"] {
                publish(&broker, version, &format!("-t {topic} -q {qos} -r"), payload.as_bytes());
            }
            publish(&broker, version, &format!("-t {topic} -q {qos}"), b"not retained");
            let mut subscriber = Subscriber::start(&broker, version, &format!("-t {topic} -q 2"));
            assert_eq!(subscriber.rest(), [Message::new(&topic, qos, "last").retained()], "{version:?}");
        }
    }
}

#[test]
fn a_retained_message_is_delivered_with_the_lower_qos() {
    let broker = Broker::start();
    for version in Version::ALL {
        let topic = format!("lower/{}", version.argument());
        publish(&broker, version, &format!("-t {topic} -q 2 -r"), b"kept");
        for qos in EVERY_QOS {
            let mut subscriber = Subscriber::start(&broker, version, &format!("-t {topic} -q {qos}"));
            assert_eq!(subscriber.message(), Message::new(&topic, qos, "kept").retained(), "{version:?}");
        }
    }
}

#[test]
fn a_present_subscriber_sees_no_retain_flag() {
    let broker = Broker::start();
    for version in Version::ALL {
        let mut subscriber = Subscriber::start(&broker, version, "-t live -q 1");
        publish(&broker, version, "-t live -q 1 -r", b"now");
        publish(&broker, version, "-t live -q 1 -r", b"");
        let expected = [Message::new("live", 1, "now"), Message::new("live", 1, "")];
        assert_eq!(subscriber.rest(), expected, "{version:?}");
    }
}

#[test]
fn an_empty_payload_clears_the_retained_message() {
    let broker = Broker::start();
    for version in Version::ALL {
        let topic = format!("cleared/{}", version.argument());
        publish(&broker, version, &format!("-t {topic} -r"), b"kept");
        publish(&broker, version, &format!("-t {topic} -r"), b"");
        let mut subscriber = Subscriber::start(&broker, version, &format!("-t {topic}"));
        assert_eq!(subscriber.rest(), [], "{version:?}");
    }
}

#[test]
fn a_wildcard_subscriber_gets_every_matching_retained_message() {
    let broker = Broker::start();
    for topic in ["room", "room/1/light", "room/2/light", "room/2/door", "cellar/1/light"] {
        publish(&broker, Version::V3_1_1, &format!("-t {topic} -r"), topic.as_bytes());
    }
    for (filter, expected) in [
        ("room/#", vec!["room", "room/1/light", "room/2/door", "room/2/light"]),
        ("room/+/light", vec!["room/1/light", "room/2/light"]),
        ("+/+/light", vec!["cellar/1/light", "room/1/light", "room/2/light"]),
        ("+", vec!["room"]),
    ] {
        for version in Version::ALL {
            let mut subscriber = Subscriber::start(&broker, version, &format!("-t {filter}"));
            let messages = subscriber.rest();
            assert!(messages.iter().all(|message| message.retain && message.text() == message.topic));
            let mut topics: Vec<String> = messages.into_iter().map(|message| message.topic).collect();
            topics.sort();
            assert_eq!(topics, expected, "{version:?} {filter}");
        }
    }
}

#[test]
fn retain_as_published_keeps_the_flag() {
    let broker = Broker::start();
    let mut subscriber = Subscriber::start(&broker, Version::V5, "-t flag -q 1 --retain-as-published");
    publish(&broker, Version::V5, "-t flag -q 1 -r", b"retained");
    publish(&broker, Version::V3_1_1, "-t flag -q 1", b"passing");
    let expected = [Message::new("flag", 1, "retained").retained(), Message::new("flag", 1, "passing")];
    assert_eq!(subscriber.rest(), expected);
}
