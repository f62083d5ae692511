//! Two tables that introductions to MQTT promise: what is kept for a subscriber that is away, and what one is sure
//! to get when it comes (back).

use mqtt_codec::Version::{self, V3_1};

use crate::support::ALL;
use crate::support::broker::{TestBroker, clean, connack, resuming};
use crate::support::client::Client;

/// A test case: with which flag the subscriber connects, and which QoS are used.
#[derive(Clone, Copy, Debug)]
struct Row {
    clean: bool,
    retain: bool,
    subscribe: u8,
    publish: u8,
}

/// The subscriber of a row connects; whether a session is found is checked where the version says it.
fn connect(broker: &TestBroker, version: Version, row: Row, session: bool) -> Client {
    let connect = if row.clean { clean(version, "s") } else { resuming(version, "s") };
    let mut client = broker.send(version, &connect);
    client.expect(&connack(version, session && version != V3_1));
    client
}

fn subscribe(client: &mut Client, row: Row) {
    let qos = row.subscribe;
    client.ask(&format!("82: 0001 ~ <t> {qos:02X}"), &format!("90: 0001 ~ {qos:02X}"));
}

/// Another client publishes the payloads, and waits until the broker has them.
fn publish(broker: &TestBroker, version: Version, row: Row, payloads: &[&str]) {
    let mut publisher = broker.client(version, "publisher");
    let first = 0x30 | row.publish << 1 | u8::from(row.retain);
    for payload in payloads {
        publisher.send(&match row.publish {
            0 => format!("{first:02X}: <t> ~ '{payload}'; C0:"),
            _ => format!("{first:02X}: <t> 0001 ~ '{payload}'"),
        });
        publisher.packet();
        if row.publish == 2 {
            publisher.ask("62: 0001", "70: 0001");
        }
    }
    publisher.disconnect();
}

/// A PUBLISH at the lower QoS.
fn message(row: Row, retain: bool, payload: &str) -> (u8, String) {
    (0x30 | row.subscribe.min(row.publish) << 1 | u8::from(retain), payload.to_owned())
}

fn table_1(row: Row, kept: bool, remembered: bool) {
    let broker = TestBroker::start();
    for version in ALL {
        let mut subscriber = connect(&broker, version, row, false);
        subscribe(&mut subscriber, row);
        subscriber.disconnect();
        publish(&broker, version, row, &["one", "two"]);
        let mut subscriber = connect(&broker, version, row, remembered);
        let expected =
            if kept { vec![message(row, false, "one"), message(row, false, "two")] } else { Vec::new() };
        assert_eq!(subscriber.messages(), expected, "{version} {row:?}");
        publish(&broker, version, row, &["three"]);
        let expected = if remembered { vec![message(row, false, "three")] } else { Vec::new() };
        assert_eq!(subscriber.messages(), expected, "{version} {row:?}");
        broker.client(version, "s").disconnect();
    }
}

#[test]
fn guide_table_1_clean_keeps_no_messages_and_no_subscription() {
    for subscribe in 0..3 {
        for publish in 0..3 {
            table_1(Row { clean: true, retain: false, subscribe, publish }, false, false);
        }
    }
}

#[test]
fn guide_table_1_not_clean_publish_0_subscribe_0_keeps_the_subscription() {
    table_1(Row { clean: false, retain: false, subscribe: 0, publish: 0 }, false, true);
}

#[test]
fn guide_table_1_not_clean_publish_0_subscribe_1_or_2_keeps_the_subscription() {
    for subscribe in [1, 2] {
        table_1(Row { clean: false, retain: false, subscribe, publish: 0 }, false, true);
    }
}

#[test]
fn guide_table_1_not_clean_publish_1_or_2_subscribe_0_keeps_the_subscription() {
    for publish in [1, 2] {
        table_1(Row { clean: false, retain: false, subscribe: 0, publish }, false, true);
    }
}

#[test]
fn guide_table_1_not_clean_publish_1_or_2_subscribe_1_or_2_keeps_messages_and_subscription() {
    for (subscribe, publish) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        table_1(Row { clean: false, retain: false, subscribe, publish }, true, true);
    }
}

/// What a subscriber is sure to get of the messages `one` and `two`, sent while it was away.
enum Received {
    Nothing,
    /// The retained one, when it subscribes.
    TheLast,
    /// All of them when it connects, and what is retained when it subscribes again.
    All,
}

fn table_2(row: Row, received: &Received) {
    let broker = TestBroker::start();
    for version in ALL {
        let mut subscriber = connect(&broker, version, row, false);
        subscribe(&mut subscriber, row);
        subscriber.disconnect();
        publish(&broker, version, row, &["one", "two"]);
        let mut subscriber = connect(&broker, version, row, !row.clean);
        let on_connecting = match received {
            Received::All => vec![message(row, false, "one"), message(row, false, "two")],
            Received::Nothing | Received::TheLast => Vec::new(),
        };
        assert_eq!(subscriber.messages(), on_connecting, "{version} {row:?}");
        subscribe(&mut subscriber, row);
        let on_subscribing = if row.retain { vec![message(row, true, "two")] } else { Vec::new() };
        assert_eq!(row.retain, !on_subscribing.is_empty());
        assert_eq!(subscriber.messages(), on_subscribing, "{version} {row:?}");
        broker.client(version, "s").disconnect();
        publish(&broker, version, Row { retain: true, ..row }, &[""]);
    }
}

#[test]
fn guide_table_2_clean_not_retained_nothing() {
    for subscribe in 0..3 {
        for publish in 0..3 {
            table_2(Row { clean: true, retain: false, subscribe, publish }, &Received::Nothing);
        }
    }
}

#[test]
fn guide_table_2_not_clean_not_retained_subscribe_0_nothing() {
    for publish in 0..3 {
        table_2(Row { clean: false, retain: false, subscribe: 0, publish }, &Received::Nothing);
    }
}

#[test]
fn guide_table_2_not_clean_not_retained_subscribe_1_publish_0_nothing() {
    for subscribe in [1, 2] {
        table_2(Row { clean: false, retain: false, subscribe, publish: 0 }, &Received::Nothing);
    }
}

#[test]
fn guide_table_2_not_clean_not_retained_subscribe_1_publish_1_all() {
    for (subscribe, publish) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        table_2(Row { clean: false, retain: false, subscribe, publish }, &Received::All);
    }
}

#[test]
fn guide_table_2_clean_retained_the_last() {
    for subscribe in 0..3 {
        for publish in 0..3 {
            table_2(Row { clean: true, retain: true, subscribe, publish }, &Received::TheLast);
        }
    }
}

#[test]
fn guide_table_2_not_clean_retained_subscribe_0_the_last() {
    for publish in 0..3 {
        table_2(Row { clean: false, retain: true, subscribe: 0, publish }, &Received::TheLast);
    }
}

#[test]
fn guide_table_2_not_clean_retained_subscribe_1_publish_0_the_last() {
    for subscribe in [1, 2] {
        table_2(Row { clean: false, retain: true, subscribe, publish: 0 }, &Received::TheLast);
    }
}

#[test]
fn guide_table_2_not_clean_retained_subscribe_1_publish_1_all() {
    for (subscribe, publish) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        table_2(Row { clean: false, retain: true, subscribe, publish }, &Received::All);
    }
}
