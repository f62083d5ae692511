//! 3.2 CONNACK: first, once, and true.

use mqtt_codec::Version::{V3_1_1, V5};

use crate::support::ALL;
use crate::support::broker::{TestBroker, clean, connack, resuming};

#[test]
fn mqtt_3_1_1__3_2_0_1_and_mqtt_5_0__3_2_0_1_connack_comes_before_everything_that_waits() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut away = broker.resume(version, "away", false);
        away.ask("82: 0001 ~ <a> 01", "90: 0001 ~ 01");
        away.disconnect();
        let mut publisher = broker.client(version, "publisher");
        publisher.ask("32: <a> 0007 ~ 'x'", "40: 0007");
        // the CONNECT has packets behind it that could be answered at once
        let connect = format!("{}; C0:; 82: 0002 ~ <b> 00", resuming(version, "away"));
        let mut away = broker.send(version, &connect);
        away.expect(&connack(version, version != mqtt_codec::Version::V3_1));
        let mut rest = [away.packet(), away.packet(), away.packet()];
        rest.sort();
        assert_eq!(rest.each_ref().map(|packet| packet[0] >> 4), [3, 9, 13]);
        broker.send(version, &clean(version, "away")).expect(&connack(version, false));
    }
}

#[test]
fn mqtt_3_1_1__3_2_2_1_and_mqtt_5_0__3_2_2_2_a_clean_start_finds_no_session() {
    let broker = TestBroker::start();
    for version in [V3_1_1, V5] {
        let id = format!("client {version}");
        broker.resume(version, &id, false).disconnect();
        broker.resume(version, &id, true).disconnect();
        broker.client(version, &id).disconnect();
    }
}

#[test]
fn mqtt_3_1_1__3_2_2_2_and_mqtt_3_1_1__3_2_2_3_and_mqtt_5_0__3_2_2_3_connack_says_whether_there_was_a_session()
 {
    let broker = TestBroker::start();
    for (first, second) in [(V3_1_1, V3_1_1), (V5, V5), (V3_1_1, V5), (V5, V3_1_1)] {
        let id = format!("from {first} to {second}");
        broker.resume(first, &id, false).disconnect();
        broker.resume(second, &id, true).cut();
        broker.resume(second, &id, true).disconnect();
    }
}

#[test]
fn mqtt_5_0__3_2_2_9_and_mqtt_5_0__3_2_2_10_no_maximum_qos_is_announced_and_all_are_granted() {
    let broker = TestBroker::start();
    let mut client = broker.client(V5, "c");
    client.ask("82: 0001 [] <a> 00 <b> 01 <c> 02", "90: 0001 [] 00 01 02");
    let mut publisher = broker.client(V5, "publisher");
    publisher.ask("34: <c> 0001 [] 'x'", "50: 0001");
    client.expect("34: <c> 0001 [] 'x'");
}

#[test]
fn mqtt_5_0__3_2_2_12_and_mqtt_5_0__3_2_2_13_a_will_of_any_qos_and_retain_is_supported() {
    let broker = TestBroker::start();
    for flags in ["06", "0E", "16", "26", "2E", "36"] {
        let mut client = broker.send(V5, &format!("10: <MQTT> 05 {flags} 0000 [] <c> [] <w> <x>"));
        client.expect(&connack(V5, false));
        client.disconnect();
    }
}

#[test]
fn mqtt_5_0__3_2_2_19_and_mqtt_5_0__3_2_2_20_connack_fits_into_the_clients_maximum_packet_size() {
    let broker = TestBroker::start();
    // all that there is to say, exactly
    let mut client = broker.send(V5, "10: <MQTT> 05 02 0000 [27 00000010] <c>");
    client.expect(&connack(V5, false));
    client.disconnect();
    // one byte less: the topic alias maximum can be left out, the limits cannot
    let mut client = broker.send(V5, "10: <MQTT> 05 02 0000 [27 0000000F] <c>");
    client.expect("20: 00 00 [21 0400 27 00100000]");
    client.disconnect();
}

#[test]
fn mqtt_5_0__3_1_2_24_where_no_connack_fits_the_connection_ends_without_one() {
    let broker = TestBroker::start();
    let mut reader = broker.client(V5, "reader");
    reader.ask("82: 0001 [] <#> 00", "90: 0001 [] 00");
    for limit in ["0000000C", "00000005", "00000001"] {
        broker.refuses(V5, &format!("10: <MQTT> 05 02 0000 [27 {limit}] <c>; 30: <a> [] 'x'"), "");
    }
    // an identifier that was given has to be told
    broker.refuses(V5, "10: <MQTT> 05 02 0000 [27 00000014] <>", "");
    reader.quiet();
    assert_eq!(broker.handle.connected(), 1);
}

#[test]
fn the_limits_in_connack_are_those_of_the_configuration() {
    let broker = TestBroker::with(|config| {
        config.session.receive_maximum = std::num::NonZeroU16::MAX;
        config.session.maximum_packet_size = 0x1234;
        config.session.topic_alias_maximum = 0;
        config.session.session_expiry_maximum = 60;
        config.session.keep_alive_maximum = std::num::NonZeroU16::new(30);
    });
    // defaults of the standard are left out; what differs from what was asked for is told
    let mut client = broker.send(V5, "10: <MQTT> 05 02 001E [] <c>");
    client.expect("20: 00 00 [27 00001234]");
    let mut client = broker.send(V5, "10: <MQTT> 05 02 0000 [11 0000003D] <c>");
    client.expect("20: 00 00 [11 0000003C 27 00001234 13 001E]");
}
