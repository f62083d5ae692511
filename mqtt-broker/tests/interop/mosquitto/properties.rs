//! MQTT 5.0 properties: passed on unchanged from end to end, invisible to older clients.

use std::process::Command;

use crate::broker::Broker;
use crate::program::{Program, locate};

use super::{EVERY_QOS, Message, PACKAGE, Subscriber, Version, publish, succeed};

const PROPERTIES: &str = "-D publish content-type application/json -D publish user-property b 1 \
    -D publish user-property a 2 -D publish user-property b 3 -D publish response-topic reply/here \
    -D publish correlation-data id7 -D publish payload-format-indicator 1 \
    -D publish message-expiry-interval 3600";

/// The message that carries [`PROPERTIES`], apart from the expiry, which counts down.
fn with_properties(topic: &str, qos: u8) -> Message {
    Message {
        content_type: "application/json".to_owned(),
        user_properties: "b:1 a:2 b:3".to_owned(),
        response_topic: "reply/here".to_owned(),
        correlation_data: "id7".to_owned(),
        payload_format: "1".to_owned(),
        ..Message::new(topic, qos, "{}")
    }
}

/// Takes the expiry out of `message` after a look at it.
fn without_expiry(message: Message) -> Message {
    let expiry = message.expiry.expect("the expiry interval is passed on");
    assert!((3500..=3600).contains(&expiry), "{expiry}");
    Message { expiry: None, ..message }
}

#[test]
fn every_property_of_a_message_arrives() {
    let broker = Broker::start();
    let mut subscriber = Subscriber::start(&broker, Version::V5, "-t properties -q 2");
    for qos in EVERY_QOS {
        publish(&broker, Version::V5, &format!("-t properties -q {qos} {PROPERTIES}"), b"{}");
        assert_eq!(without_expiry(subscriber.message()), with_properties("properties", qos));
    }
}

#[test]
fn properties_survive_retaining_and_queueing() {
    let broker = Broker::start();
    subscribe_offline(&broker);
    publish(&broker, Version::V5, &format!("-t properties -q 1 -r {PROPERTIES}"), b"{}");
    let mut back = Subscriber::start(&broker, Version::V5, "-c -i offline -t other -q 1");
    assert_eq!(without_expiry(back.message()), with_properties("properties", 1));
    let mut later = Subscriber::start(&broker, Version::V5, "-t properties -q 1");
    assert_eq!(without_expiry(later.message()), with_properties("properties", 1).retained());
}

fn subscribe_offline(broker: &Broker) {
    super::subscribe_and_leave(broker, Version::V5, "-c -i offline -t properties -q 1");
}

#[test]
fn an_older_subscriber_gets_the_message_without_properties() {
    let broker = Broker::start();
    for version in [Version::V3_1, Version::V3_1_1] {
        let mut subscriber = Subscriber::start(&broker, version, "-t properties -q 2");
        publish(&broker, Version::V5, &format!("-t properties -q 2 {PROPERTIES}"), b"{}");
        assert_eq!(subscriber.message(), Message::new("properties", 2, "{}"), "{version:?}");
    }
}

#[test]
fn a_message_of_an_older_publisher_arrives_without_properties() {
    let broker = Broker::start();
    let mut subscriber = Subscriber::start(&broker, Version::V5, "-t plain -q 2");
    for version in [Version::V3_1, Version::V3_1_1] {
        publish(&broker, version, "-t plain -q 2", b"x");
        assert_eq!(subscriber.message(), Message::new("plain", 2, "x"), "{version:?}");
    }
}

#[test]
fn the_subscription_identifier_comes_with_each_message() {
    let broker = Broker::start();
    publish(&broker, Version::V5, "-t known/kept -q 1 -r", b"kept");
    let arguments = "-t known/# -q 1 -D subscribe subscription-identifier 268435455";
    let mut subscriber = Subscriber::start(&broker, Version::V5, arguments);
    let named = |message: Message| Message { subscription_ids: "268435455".to_owned(), ..message };
    assert_eq!(subscriber.message(), named(Message::new("known/kept", 1, "kept").retained()));
    publish(&broker, Version::V5, "-t known/live -q 1", b"live");
    assert_eq!(subscriber.message(), named(Message::new("known/live", 1, "live")));
}

#[test]
fn a_topic_alias_of_the_publisher_stays_with_the_publisher() {
    let broker = Broker::start();
    let mut subscriber = Subscriber::start(&broker, Version::V5, "-t alias/# -q 1");
    let arguments = "-t alias/full/name -q 1 --repeat 3 -D publish topic-alias 5 -m again";
    let command = super::client("mosquitto_pub", &broker, Version::V5, arguments);
    succeed(Program::start(command, b"").finish());
    let expected = [0; 3].map(|_| Message::new("alias/full/name", 1, "again"));
    assert_eq!(subscriber.rest(), expected);
}

#[test]
fn a_request_finds_its_response() {
    let broker = Broker::start();
    let mut responder = Subscriber::start(&broker, Version::V5, "-t request -q 1");
    let mut command = Command::new(locate("mosquitto_rr", PACKAGE));
    command.args(["-h", "127.0.0.1", "-V", "mqttv5", "-p", &broker.port().to_string()]);
    command.args("-t request -e reply/to/me -m question -q 1 -D publish correlation-data n7".split(' '));
    command.args(["-F", "%p %D"]);
    let requester = Program::start(command, b"");
    let request = responder.message();
    let expected = Message {
        response_topic: "reply/to/me".to_owned(),
        correlation_data: "n7".to_owned(),
        ..Message::new("request", 1, "question")
    };
    assert_eq!(request, expected);
    let back =
        format!("-t {} -D publish correlation-data {}", request.response_topic, request.correlation_data);
    publish(&broker, Version::V5, &back, b"answer");
    let finished = requester.finish();
    assert_eq!(
        (finished.code, finished.lines),
        (Some(0), vec!["answer n7".to_owned()]),
        "{}",
        finished.errors
    );
}
