//! 3.3 PUBLISH: to whom, how often, with which QoS and flags.

use std::time::Duration;

use mqtt_broker::core::Counter;
use mqtt_codec::Version::{self, V5};

use crate::support::broker::{TestBroker, clean, connack, resuming};
use crate::support::virtual_time::World;
use crate::support::{ALL, V3};

/// PUBACK or PUBREC (`first`) for a message that nobody gets.
pub(crate) fn unmatched(version: Version, first: &str, id: &str) -> String {
    if version.is_v5() { format!("{first}: {id} 10") } else { format!("{first}: {id}") }
}

#[test]
fn mqtt_3_1_1__3_3_1_3_and_mqtt_5_0__3_3_1_3_dup_is_not_passed_on() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut reader = broker.client(version, "reader");
        reader.ask("82: 0001 ~ <a> 02", "90: 0001 ~ 02");
        let mut publisher = broker.client(version, "publisher");
        publisher.ask("3A: <a> 0001 ~ 'x'", "40: 0001");
        reader.expect("32: <a> 0001 ~ 'x'");
        publisher.ask("3C: <a> 0002 ~ 'y'", "50: 0002");
        reader.expect("34: <a> 0002 ~ 'y'");
        publisher.ask("62: 0002", "70: 0002");
    }
}

#[test]
fn mqtt_3_1_1__3_3_1_3_and_mqtt_5_0__3_3_1_3_what_is_sent_again_has_dup_of_its_own() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut reader = broker.resume(version, "reader", false);
        reader.ask("82: 0001 ~ <a> 02", "90: 0001 ~ 02");
        let mut publisher = broker.client(version, "publisher");
        publisher.ask("32: <a> 0001 ~ 'x'", "40: 0001");
        publisher.ask("34: <a> 0002 ~ 'y'", "50: 0002");
        reader.expect("32: <a> 0001 ~ 'x'; 34: <a> 0002 ~ 'y'");
        reader.cut();
        let mut reader = broker.resume(version, "reader", true);
        reader.expect("3A: <a> 0001 ~ 'x'; 3C: <a> 0002 ~ 'y'");
        broker.client(version, "reader").disconnect();
    }
}

#[test]
fn mqtt_3_1_1__3_3_2_3_and_mqtt_5_0__3_3_2_3_a_subscriber_gets_the_topic_of_the_message_not_its_filter() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut reader = broker.client(version, "reader");
        reader.ask("82: 0001 ~ <house/+/light> 00 <garden/#> 00", "90: 0001 ~ 00 00");
        let mut publisher = broker.client(version, "publisher");
        for topic in ["house/kitchen/light", "house//light", "garden", "garden/shed/door"] {
            publisher.send(&format!("30: <{topic}> ~ 'x'"));
            reader.expect(&format!("30: <{topic}> ~ 'x'"));
        }
        for topic in ["house/light", "house/kitchen/light/left", "House/kitchen/light", "gardens", "/garden"]
        {
            publisher.send(&format!("30: <{topic}> ~ 'x'"));
        }
        publisher.quiet();
        reader.quiet();
    }
}

#[test]
fn mqtt_3_1_1__3_8_4_6_and_mqtt_5_0__3_8_4_8_delivery_has_the_lower_qos_of_message_and_subscription() {
    let broker = TestBroker::start();
    for version in ALL {
        for granted in 0..3 {
            let mut reader = broker.client(version, "reader");
            reader.ask(&format!("82: 0001 ~ <a> {granted:02X}"), &format!("90: 0001 ~ {granted:02X}"));
            let mut publisher = broker.client(version, "publisher");
            for (published, packet) in
                ["30: <a> ~ 'x'", "32: <a> 0001 ~ 'x'", "34: <a> 0002 ~ 'x'"].iter().enumerate()
            {
                publisher.send(packet);
                let qos = granted.min(published);
                let received = reader.packet();
                assert_eq!(usize::from(received[0]), 0x30 | qos << 1, "{version} {published} {granted}");
            }
            reader.disconnect();
        }
    }
}

#[test]
fn mqtt_3_1_1__3_3_5_1_and_mqtt_5_0__3_3_4_2_of_overlapping_subscriptions_the_highest_qos_counts() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut publisher = broker.client(version, "publisher");
        // whichever of the three filters has which QoS
        for [one, two, three] in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut reader = broker.client(version, "reader");
            let subscribe = format!("82: 0001 ~ <a/#> 0{one} <a/+> 0{two} <a/b> 0{three}");
            reader.ask(&subscribe, &format!("90: 0001 ~ 0{one} 0{two} 0{three}"));
            publisher.ask("34: <a/b> 0001 ~ 'x'", "50: 0001");
            reader.expect("34: <a/b> 0001 ~ 'x'");
            publisher.ask("62: 0001", "70: 0001");
            publisher.ask("32: <a/b> 0002 ~ 'y'", "40: 0002");
            reader.expect("32: <a/b> 0002 ~ 'y'");
            reader.quiet();
            reader.disconnect();
        }
    }
}

#[test]
fn mqtt_5_0__3_3_4_3_and_mqtt_5_0__3_3_4_4_one_copy_has_the_identifiers_of_all_subscriptions_that_match() {
    let broker = TestBroker::start();
    let mut reader = broker.client(V5, "reader");
    reader.ask("82: 0001 [0B 05] <a/#> 00", "90: 0001 [] 00");
    reader.ask("82: 0002 [0B FFFFFF7F] <a/+> 01", "90: 0002 [] 01");
    reader.ask("82: 0003 [] <+/b> 00", "90: 0003 [] 00");
    let mut publisher = broker.client(V5, "publisher");
    publisher.send("30: <a/b> [] 'x'");
    let packet = reader.packet();
    let properties = &packet[7..packet.len() - 1];
    // in any order
    let orders: [&[u8]; 2] = [b"\x07\x0b\x05\x0b\xff\xff\xff\x7f", b"\x07\x0b\xff\xff\xff\x7f\x0b\x05"];
    assert!(orders.contains(&properties), "{properties:X?}");
    reader.quiet();
    publisher.send("30: <x/b> [] 'x'");
    reader.expect("30: <x/b> [] 'x'");
}

#[test]
fn mqtt_5_0__3_3_4_5_every_copy_has_the_identifier_of_its_own_subscription() {
    // copies of one message for one client come only through a Shared Subscription beside a plain one
    let broker = TestBroker::start();
    let mut reader = broker.client(V5, "reader");
    reader.ask("82: 0001 [0B 05] <a> 00", "90: 0001 [] 00");
    reader.ask("82: 0002 [0B 06] <$share/g/a> 00", "90: 0002 [] 00");
    let mut publisher = broker.client(V5, "publisher");
    publisher.send("30: <a> [] 'x'");
    let mut copies = [reader.packet(), reader.packet()];
    copies.sort();
    assert_eq!(copies, [b"\x30\x07\x00\x01a\x02\x0b\x05x", b"\x30\x07\x00\x01a\x02\x0b\x06x"]);
}

#[test]
fn mqtt_5_0__3_3_2_5_a_message_that_has_expired_is_not_delivered() {
    let mut world = World::new();
    let away = world.connect(V5, &resuming(V5, "away"), &connack(V5, false));
    world.ask(away, "82: 0001 [] <a> 01", "90: 0001 [] 01");
    world.cut(away);
    let publisher = world.connect(V5, &clean(V5, "publisher"), &connack(V5, false));
    world.ask(publisher, "32: <a> 0001 [02 0000000A] 'short'", "40: 0001");
    world.ask(publisher, "32: <a> 0002 [02 00000064] 'long'", "40: 0002");
    world.ask(publisher, "33: <r> 0003 [02 0000000A] 'retained'", "40: 0003 10");
    world.advance(Duration::from_secs(10));
    let long = "32: <a> 0001 [02 0000005A] 'long'";
    let away = world.connect(V5, &resuming(V5, "away"), &format!("{}; {long}", connack(V5, true)));
    world.ask(away, "82: 0002 [] <r> 01", "90: 0002 [] 01");
}

#[test]
fn mqtt_5_0__3_3_2_6_the_message_expiry_interval_shrinks_by_the_time_in_the_server() {
    let mut world = World::new();
    let publisher = world.connect(V5, &clean(V5, "publisher"), &connack(V5, false));
    let reader = world.connect(V5, &clean(V5, "reader"), &connack(V5, false));
    world.ask(reader, "82: 0001 [] <a> 01", "90: 0001 [] 01");
    world.send(publisher, "30: <a> [02 00000064] 'at once'");
    world.expect(reader, "30: <a> [02 00000064] 'at once'");
    world.cut(reader);
    let away = world.connect(V5, &resuming(V5, "away"), &connack(V5, false));
    world.ask(away, "82: 0001 [] <a> 01", "90: 0001 [] 01");
    world.cut(away);
    world.ask(publisher, "33: <a> 0001 [02 00000064] 'later'", "40: 0001");
    world.advance(Duration::from_secs(30));
    let reader = world.connect(V5, &clean(V5, "reader"), &connack(V5, false));
    world.ask(reader, "82: 0001 [] <a> 00", "90: 0001 [] 00; 31: <a> [02 00000046] 'later'");
    world.advance(Duration::from_secs(30));
    world.connect(
        V5,
        &resuming(V5, "away"),
        &format!("{}; 32: <a> 0001 [02 00000028] 'later'", connack(V5, true)),
    );
}

#[test]
fn mqtt_3_1_1__3_3_5_2_a_refused_publish_of_3_x_is_acknowledged_like_any_other() {
    let broker = TestBroker::start();
    for version in V3 {
        let mut client = broker.client(version, "c");
        client.ask("32: <$SYS/broker/version> 0001 'x'", "40: 0001");
        client.ask("34: <$SYS/broker/version> 0002 'x'", "50: 0002");
        client.ask("62: 0002", "70: 0002");
        client.send("30: <$SYS> 'x'");
        client.quiet();
        client.disconnect();
    }
    assert_eq!(broker.count(Counter::PublishRefused), 6);
}

#[test]
fn the_reason_code_of_an_acknowledgement_tells_what_became_of_the_message() {
    let broker = TestBroker::start();
    let mut client = broker.client(V5, "c");
    client.ask("32: <nobody> 0001 [] 'x'", "40: 0001 10");
    client.ask("34: <nobody> 0001 [] 'x'", "50: 0001 10");
    client.ask("62: 0001", "70: 0001");
    client.ask("32: <$SYS/x> 0001 [] 'x'", "40: 0001 87");
    client.ask("34: <$SYS/x> 0001 [] 'x'", "50: 0001 87");
    // the PUBREC has ended the exchange
    client.ask("62: 0001", "70: 0001 92");
    let mut reader = broker.client(V5, "reader");
    reader.ask("82: 0001 [] <somebody> 00", "90: 0001 [] 00");
    client.ask("32: <somebody> 0001 [] 'x'", "40: 0001");
    assert_eq!(broker.count(Counter::PublishReceived), 5);
    assert_eq!(broker.count(Counter::PublishUnmatched), 2);
    assert_eq!(broker.count(Counter::PublishRefused), 2);
    assert_eq!(broker.count(Counter::PublishSent), 1);
}

#[test]
fn an_empty_payload_is_a_payload() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut reader = broker.client(version, "reader");
        reader.ask("82: 0001 ~ <a> 02", "90: 0001 ~ 02");
        let mut publisher = broker.client(version, "publisher");
        publisher.send("30: <a> ~; 32: <a> 0001 ~");
        reader.expect("30: <a> ~; 32: <a> 0001 ~");
    }
}

#[test]
fn topics_and_payloads_of_any_length_arrive_as_they_were_sent() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut readers = ALL.map(|version| {
            let mut reader = broker.client(version, &format!("reader {version}"));
            reader.ask("82: 0001 ~ <#> 01", "90: 0001 ~ 01");
            reader
        });
        let mut publisher = broker.client(version, "publisher");
        // around the lengths at which the Remaining Length grows, and at which payloads are shared and not copied
        for length in [0, 1, 119, 120, 121, 127, 128, 2_047, 2_048, 2_049, 16_376, 16_377, 65_536, 1_000_000]
        {
            let payload: String = (0..length).map(|at| char::from(b'a' + (at % 23) as u8)).collect();
            let packet = format!("30: <a> ~ '{payload}'");
            publisher.send(&packet);
            readers.iter_mut().for_each(|reader| reader.expect(&packet));
        }
        for length in [65_535, 65_534, 1] {
            let topic = "t".repeat(length);
            let packet = format!("31: <{topic}> ~ 'x'");
            publisher.send(&packet);
            readers.iter_mut().for_each(|reader| reader.expect(&packet.replace("31:", "30:")));
            publisher.ask(&format!("82: 0001 ~ <{topic}> 00"), &format!("90: 0001 ~ 00; {packet}"));
            publisher.send(&format!("A2: 0002 ~ <{topic}>; 31: <{topic}> ~"));
            publisher.packet();
            readers.iter_mut().for_each(|reader| reader.expect(&format!("30: <{topic}> ~")));
        }
    }
}
