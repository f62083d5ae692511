//! Wills: published when a client is killed, not when it says goodbye.

use crate::broker::Broker;

use super::{EVERY_QOS, Message, Subscriber, Version, subscribe_and_leave};

#[test]
fn the_will_of_a_killed_client_is_published() {
    let broker = Broker::start();
    for version in Version::ALL {
        for qos in EVERY_QOS {
            let topic = format!("will/{}/{qos}", version.argument());
            let mut witness = Subscriber::start(&broker, version, &format!("-t {topic} -q 2"));
            let will = format!("-t nothing --will-topic {topic} --will-payload gone --will-qos {qos}");
            Subscriber::start(&broker, version, &will).kill();
            assert_eq!(witness.message(), Message::new(&topic, qos, "gone"), "{version:?}");
            assert_eq!(witness.rest(), []);
        }
    }
}

#[test]
fn a_client_that_disconnects_leaves_no_will() {
    let broker = Broker::start();
    for version in Version::ALL {
        let mut witness = Subscriber::start(&broker, version, "-t will");
        subscribe_and_leave(
            &broker,
            version,
            "-t nothing --will-topic will --will-payload gone --will-retain",
        );
        assert_eq!(witness.rest(), [], "{version:?}");
    }
}

#[test]
fn a_retained_will_is_kept_for_later_subscribers() {
    let broker = Broker::start();
    for version in Version::ALL {
        let topic = format!("will/{}", version.argument());
        let mut witness = Subscriber::start(&broker, version, &format!("-t {topic} -q 1"));
        let will = format!("-t nothing --will-topic {topic} --will-payload gone --will-qos 1 --will-retain");
        Subscriber::start(&broker, version, &will).kill();
        assert_eq!(witness.message(), Message::new(&topic, 1, "gone"), "{version:?}");
        let mut later = Subscriber::start(&broker, version, &format!("-t {topic} -q 1"));
        assert_eq!(later.rest(), [Message::new(&topic, 1, "gone").retained()], "{version:?}");
    }
}

#[test]
fn an_empty_will_is_published() {
    let broker = Broker::start();
    for version in Version::ALL {
        let mut witness = Subscriber::start(&broker, version, "-t will -q 1");
        Subscriber::start(&broker, version, "-t nothing --will-topic will --will-qos 1").kill();
        assert_eq!(witness.message(), Message::new("will", 1, ""), "{version:?}");
    }
}

#[test]
fn a_will_carries_its_properties() {
    let broker = Broker::start();
    let mut witness = Subscriber::start(&broker, Version::V5, "-t will -q 1");
    let properties = "-D will content-type text/plain -D will user-property b 1 -D will user-property a 2 \
        -D will response-topic reply/here -D will correlation-data id7 -D will payload-format-indicator 1";
    let will = format!("-t nothing --will-topic will --will-payload gone --will-qos 1 {properties}");
    Subscriber::start(&broker, Version::V5, &will).kill();
    let expected = Message {
        content_type: "text/plain".to_owned(),
        user_properties: "b:1 a:2".to_owned(),
        response_topic: "reply/here".to_owned(),
        correlation_data: "id7".to_owned(),
        payload_format: "1".to_owned(),
        ..Message::new("will", 1, "gone")
    };
    assert_eq!(witness.message(), expected);
}

#[test]
fn a_client_that_returns_within_the_will_delay_has_no_will_published() {
    let broker = Broker::start();
    let mut witness = Subscriber::start(&broker, Version::V5, "-t will -q 1");
    let will =
        "-t nothing -i delayed -c --will-topic will --will-payload gone -D will will-delay-interval 3600";
    Subscriber::start(&broker, Version::V5, will).kill();
    subscribe_and_leave(&broker, Version::V5, "-t nothing -i delayed -c");
    assert_eq!(witness.rest(), []);
}
