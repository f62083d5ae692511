//! 3.1.2.5 Wills: when they are published, when not, and how.

use std::time::Duration;

use mqtt_codec::Version::{self, V5};

use crate::support::broker::{TestBroker, clean, connack, protocol};
use crate::support::client::Client;
use crate::support::virtual_time::{PeerId, World};
use crate::support::{ALL, V3};

/// CONNECT with a clean start and the Will `bye` to `will`. `flags` are those of the Will.
fn with_will(version: Version, flags: u8) -> String {
    format!("10: {} {:02X} 0000 ~ <c> ~ <will> <bye>", protocol(version), flags | 2)
}

const QOS_0: u8 = 0x04;
const QOS_1: u8 = 0x0C;
const QOS_2: u8 = 0x14;
const RETAIN: u8 = 0x20;

fn reader(broker: &TestBroker, version: Version) -> Client {
    let mut reader = broker.client(version, "reader");
    reader.ask("82: 0001 ~ <will> 02", "90: 0001 ~ 02");
    reader
}

fn dying(broker: &TestBroker, version: Version, flags: u8) -> Client {
    let mut client = broker.send(version, &with_will(version, flags));
    client.expect(&connack(version, false));
    client
}

#[test]
fn mqtt_3_1_1__3_1_2_8_and_mqtt_5_0__3_1_2_7_and_mqtt_5_0__3_1_2_8_the_will_of_a_lost_connection_is_published()
 {
    let broker = TestBroker::start();
    for version in ALL {
        let mut reader = reader(&broker, version);
        dying(&broker, version, QOS_0).cut();
        reader.expect("30: <will> ~ 'bye'");
        dying(&broker, version, QOS_1).cut();
        reader.expect("32: <will> 0001 ~ 'bye'");
        dying(&broker, version, QOS_2).cut();
        reader.expect("34: <will> 0002 ~ 'bye'");
    }
}

#[test]
fn mqtt_3_1_1__3_1_2_8_the_will_is_published_when_the_server_closes_for_a_fault_of_the_client() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut reader = reader(&broker, version);
        // bytes that are no packet, then a packet that breaks a rule
        for fault in ["30: 00", "90: 0001 00", &clean(version, "c")] {
            let mut client = dying(&broker, version, QOS_0);
            client.send(fault);
            reader.expect("30: <will> ~ 'bye'");
        }
    }
}

#[test]
fn mqtt_3_1_1__3_1_2_10_and_mqtt_3_1_1__3_14_4_3_and_mqtt_5_0__3_1_2_10_and_mqtt_5_0__3_14_4_3_a_normal_disconnect_takes_the_will_back()
 {
    let broker = TestBroker::start();
    for version in ALL {
        let mut reader = reader(&broker, version);
        dying(&broker, version, QOS_0).disconnect();
        reader.quiet();
        if version.is_v5() {
            for normal in ["E0: 00", "E0: 00 []"] {
                let mut client = dying(&broker, version, QOS_0);
                client.send(normal);
                client.expect_end();
                reader.quiet();
            }
        }
        // a Will that was published is gone
        dying(&broker, version, QOS_0).cut();
        reader.expect("30: <will> ~ 'bye'");
        broker.client(version, "c").cut();
        reader.quiet();
    }
}

#[test]
fn mqtt_5_0__3_14_4_3_a_disconnect_with_another_code_keeps_the_will() {
    let broker = TestBroker::start();
    let mut reader = reader(&broker, V5);
    for code in ["04", "80", "81", "83", "97"] {
        let mut client = dying(&broker, V5, QOS_0);
        client.send(&format!("E0: {code}"));
        client.expect_end();
        reader.expect("30: <will> [] 'bye'");
    }
}

#[test]
fn mqtt_3_1_1__3_1_2_12_without_a_will_nothing_is_published() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut reader = broker.client(version, "reader");
        reader.ask("82: 0001 ~ <#> 02", "90: 0001 ~ 02");
        broker.client(version, "c").cut();
        reader.quiet();
    }
}

#[test]
fn mqtt_3_1_1__3_1_2_16_and_mqtt_5_0__3_1_2_14_a_will_without_will_retain_is_not_retained() {
    let broker = TestBroker::start();
    for version in ALL {
        dying(&broker, version, QOS_1).cut();
        reader(&broker, version).quiet();
    }
}

#[test]
fn mqtt_3_1_1__3_1_2_17_and_mqtt_5_0__3_1_2_15_a_will_with_will_retain_is_retained() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut early = broker.client(version, "early");
        early.ask("82: 0001 ~ <will> 01", "90: 0001 ~ 01");
        dying(&broker, version, QOS_1 | RETAIN).cut();
        early.expect("32: <will> 0001 ~ 'bye'");
        reader(&broker, version).expect("33: <will> 0001 ~ 'bye'");
        broker.client(version, "c").ask("31: <will> ~; C0:", "D0:");
    }
}

#[test]
fn mqtt_5_0__3_1_3_10_a_will_has_its_properties_in_their_order() {
    let broker = TestBroker::start();
    let mut reader = reader(&broker, V5);
    let properties = "01 01 03 <text> 08 <answers> 09 <id> 26 <b> <1> 26 <a> <2> 26 <b> <3>";
    let connect = format!("10: <MQTT> 05 06 0000 [] <c> [{properties}] <will> <bye>");
    let mut client = broker.send(V5, &connect);
    client.expect(&connack(V5, false));
    client.cut();
    reader.expect(&format!("30: <will> [{properties}] 'bye'"));
}

#[test]
fn mqtt_3_1_1__3_1_2_8_taking_over_publishes_the_will_of_the_older_connection() {
    let broker = TestBroker::start();
    for version in V3 {
        let mut reader = reader(&broker, version);
        let mut old = dying(&broker, version, QOS_0);
        broker.client(version, "c").quiet();
        old.expect_end();
        reader.expect("30: <will> ~ 'bye'");
    }
}

/// A world with somebody who reads wills, and a client that has one after `delay` seconds and a session that lives
/// `expiry` seconds.
fn delayed(delay: u32, expiry: u32) -> (World, PeerId, PeerId) {
    let mut world = World::new();
    let reader = world.connect(V5, &clean(V5, "reader"), &connack(V5, false));
    world.ask(reader, "82: 0001 [] <will> 00", "90: 0001 [] 00");
    let connect = format!("10: <MQTT> 05 06 0000 [11 {expiry:08X}] <c> [18 {delay:08X}] <will> <bye>");
    let client = world.connect(V5, &connect, &connack(V5, false));
    (world, reader, client)
}

const BYE: &str = "30: <will> [] 'bye'";

#[test]
fn mqtt_5_0__3_1_2_8_the_will_is_published_after_its_delay() {
    let (mut world, reader, client) = delayed(10, 100);
    world.advance(Duration::from_secs(50));
    world.cut(client);
    world.advance(Duration::from_millis(9_999));
    world.expect(reader, "");
    world.advance(Duration::from_millis(1));
    world.expect(reader, BYE);
    world.advance(Duration::from_secs(100));
    world.expect(reader, "");
}

#[test]
fn mqtt_5_0__3_1_2_8_the_will_is_published_at_the_end_of_the_session_if_that_is_before_its_delay() {
    let (mut world, reader, client) = delayed(100, 10);
    world.cut(client);
    world.advance(Duration::from_millis(9_999));
    world.expect(reader, "");
    world.advance(Duration::from_millis(1));
    world.expect(reader, BYE);
    // a session that ends with its connection takes the delay with it
    let (mut world, reader, client) = delayed(100, 0);
    world.cut(client);
    world.expect(reader, BYE);
}

#[test]
fn mqtt_5_0__3_1_3_9_a_client_that_comes_back_in_time_has_its_will_not_sent() {
    let (mut world, reader, client) = delayed(10, 100);
    world.cut(client);
    world.advance(Duration::from_millis(9_999));
    let back = world.connect(V5, "10: <MQTT> 05 00 0000 [11 00000064] <c>", &connack(V5, true));
    world.advance(Duration::from_secs(60));
    world.cut(back);
    world.advance(Duration::from_secs(200));
    world.expect(reader, "");
}

#[test]
fn a_clean_start_ends_the_session_and_so_its_delayed_will_is_published() {
    let (mut world, reader, client) = delayed(10, 100);
    world.cut(client);
    world.connect(V5, &clean(V5, "c"), &connack(V5, false));
    world.expect(reader, BYE);
}

#[test]
fn taking_over_keeps_a_delayed_will_back_unless_the_session_ends() {
    let (mut world, reader, old) = delayed(10, 100);
    world.connect(V5, "10: <MQTT> 05 00 0000 [] <c>", &connack(V5, true));
    world.expect(old, "E0: 8E");
    assert!(!world.is_open(old));
    world.advance(Duration::from_secs(200));
    world.expect(reader, "");

    let (mut world, reader, _) = delayed(0, 100);
    world.connect(V5, "10: <MQTT> 05 00 0000 [] <c>", &connack(V5, true));
    world.expect(reader, BYE);

    let (mut world, reader, _) = delayed(10, 0);
    world.connect(V5, "10: <MQTT> 05 00 0000 [] <c>", &connack(V5, false));
    world.expect(reader, BYE);

    let (mut world, reader, _) = delayed(10, 100);
    world.connect(V5, &clean(V5, "c"), &connack(V5, false));
    world.expect(reader, BYE);
}

#[test]
fn a_disconnect_that_ends_the_session_publishes_a_kept_will_at_once() {
    let (mut world, reader, client) = delayed(10, 100);
    world.send(client, "E0: 04 [11 00000000]");
    world.expect(reader, BYE);
}

#[test]
fn the_message_expiry_of_a_will_counts_from_its_publication() {
    let mut world = World::new();
    let connect = "10: <MQTT> 05 26 0000 [11 00000064] <c> [18 0000000A 02 00000005] <will> <bye>";
    let client = world.connect(V5, connect, &connack(V5, false));
    world.cut(client);
    world.advance(Duration::from_secs(13));
    let reader = world.connect(V5, &clean(V5, "reader"), &connack(V5, false));
    world.ask(reader, "82: 0001 [] <will> 00", "90: 0001 [] 00; 31: <will> [02 00000002] 'bye'");
}
