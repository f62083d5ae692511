//! Filters: wildcards, `$` topics, several at once, unsubscribing, sharing.

use std::time::Duration;

use crate::broker::Broker;
use crate::program::Program;

use super::{Message, Subscriber, Version, client, numbers, publish, publish_lines};

#[test]
fn a_filter_matches_what_the_standard_says() {
    const TOPICS: [&str; 9] = [
        "house",
        "House",
        "house/",
        "house/light",
        "house/1/light",
        "house/1/door",
        "/house",
        "/",
        "$own/house",
    ];
    const MATCHES: [(&str, &[&str]); 11] = [
        ("#", &["house", "House", "house/", "house/light", "house/1/light", "house/1/door", "/house", "/"]),
        ("house/#", &["house", "house/", "house/light", "house/1/light", "house/1/door"]),
        ("house/+", &["house/", "house/light"]),
        ("house/+/light", &["house/1/light"]),
        ("+", &["house", "House"]),
        ("+/+", &["house/", "house/light", "/house", "/"]),
        ("/+", &["/house", "/"]),
        ("+/house", &["/house"]),
        ("$own/#", &["$own/house"]),
        ("$own/+", &["$own/house"]),
        ("house", &["house"]),
    ];
    for version in Version::ALL {
        let broker = Broker::start();
        let mut subscribers =
            MATCHES.map(|(filter, _)| Subscriber::start(&broker, version, &format!("-t {filter}")));
        for topic in TOPICS {
            publish(&broker, version, &format!("-t {topic}"), b"x");
        }
        for ((filter, expected), subscriber) in MATCHES.iter().zip(&mut subscribers) {
            let mut topics: Vec<String> =
                subscriber.rest().into_iter().map(|message| message.topic).collect();
            topics.retain(|topic| !topic.starts_with("the/last/message"));
            assert_eq!(topics, *expected, "{version:?} {filter}");
        }
    }
}

#[test]
fn the_version_of_the_broker_is_readable_and_wildcards_do_not_show_it() {
    let broker = Broker::start();
    for version in Version::ALL {
        let mut subscriber = Subscriber::start(&broker, version, "-t $SYS/broker/version");
        let message = subscriber.message();
        assert_eq!((message.topic.as_str(), message.retain), ("$SYS/broker/version", true), "{version:?}");
        assert_ne!(message.text(), "", "{version:?}");
        for filter in ["#", "+/broker/version", "+/#"] {
            let mut other = Subscriber::start(&broker, version, &format!("-t {filter}"));
            assert_eq!(other.rest(), [], "{version:?} {filter}");
        }
    }
}

#[test]
fn a_client_cannot_write_what_the_broker_says_about_itself() {
    let broker = Broker::start();
    let version = Subscriber::start(&broker, Version::V5, "-t $SYS/broker/version").message();
    for client_version in Version::ALL {
        let mut witness = Subscriber::start(&broker, client_version, "-t $SYS/broker/version -t $SYS/own");
        assert_eq!(witness.message(), version, "{client_version:?}");
        for topic in ["$SYS/broker/version", "$SYS/own"] {
            let command =
                client("mosquitto_pub", &broker, client_version, &format!("-t {topic} -r -m forged"));
            // How the client is told, if at all, depends on the version: only the effect is looked at.
            Program::start(command, b"").finish();
        }
        assert_eq!(witness.rest(), [], "{client_version:?}");
        let later = Subscriber::start(&broker, client_version, "-t $SYS/broker/version").message();
        assert_eq!(later, version, "{client_version:?}");
    }
}

#[test]
fn one_subscribe_packet_may_carry_many_filters() {
    let broker = Broker::start();
    for version in Version::ALL {
        let mut subscriber = Subscriber::start(&broker, version, "-t a -t b/+ -t c/# -q 1");
        assert_eq!(subscriber.granted, [1, 1, 1], "{version:?}");
        for topic in ["c/1/2", "a", "b/1", "b/1/2"] {
            publish(&broker, version, &format!("-t {topic} -q 1"), b"x");
        }
        let expected = ["c/1/2", "a", "b/1"].map(|topic| Message::new(topic, 1, "x"));
        assert_eq!(subscriber.rest(), expected, "{version:?}");
    }
}

#[test]
fn nothing_arrives_after_unsubscribing() {
    let broker = Broker::start();
    for version in Version::ALL {
        let mut subscriber = Subscriber::start(&broker, version, "-t kept -t left -U left -q 1");
        subscriber.line_with("received UNSUBACK");
        for topic in ["left", "kept"] {
            publish(&broker, version, &format!("-t {topic} -q 1"), b"x");
        }
        assert_eq!(subscriber.rest(), [Message::new("kept", 1, "x")], "{version:?}");
    }
}

#[test]
fn a_shared_subscription_gives_each_message_to_one_member() {
    const COUNT: usize = 60;
    let broker = Broker::start();
    for qos in [0, 1, 2] {
        let shared = format!("-t $share/group/job/{qos} -q {qos}");
        let mut members = [(); 3].map(|()| Subscriber::start(&broker, Version::V5, &shared));
        let mut alone = Subscriber::start(&broker, Version::V5, &format!("-t job/{qos} -q {qos}"));
        publish_lines(&broker, Version::V5, &format!("-t job/{qos} -q {qos}"), &numbers(COUNT));
        let texts: Vec<String> = alone.rest().iter().map(Message::text).collect();
        assert_eq!(texts, numbers(COUNT));

        let mut taken: Vec<usize> = Vec::new();
        while taken.len() < COUNT {
            // Which member a message goes to is the broker's choice, so all are asked in turn.
            for member in &mut members {
                taken
                    .extend(member.message_within(Duration::from_millis(20)).map(|message| number(&message)));
            }
        }
        taken.sort_unstable();
        assert_eq!(taken, (0..COUNT).collect::<Vec<_>>(), "{qos}");
        for member in &mut members {
            assert_eq!(member.rest(), []);
        }
    }
}

#[test]
fn invalid_filters_are_refused_by_the_client_itself() {
    let broker = Broker::start();
    for filter in ["house+", "house#", "house/#/light"] {
        let finished =
            Program::start(client("mosquitto_sub", &broker, Version::V5, &format!("-t {filter}")), b"")
                .finish();
        assert_eq!(finished.code, Some(1), "{filter}");
    }
}

fn number(message: &Message) -> usize {
    message.text().parse().expect("the payload is a number")
}
