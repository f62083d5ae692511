//! 3.1.2.4 and 4.1: sessions, what they keep, and when they end.

use std::time::Duration;

use mqtt_codec::Version::{V3_1, V3_1_1, V5};

use crate::support::ALL;
use crate::support::broker::{TestBroker, clean, connack, resuming};
use crate::support::virtual_time::World;

#[test]
fn mqtt_3_1_1__3_1_2_5_and_mqtt_3_1_1__4_5_0_1_and_mqtt_5_0__3_1_2_5_and_mqtt_5_0__4_5_0_1_messages_are_kept_for_a_client_that_is_away()
 {
    let broker = TestBroker::start();
    for version in ALL {
        let mut away = broker.resume(version, "away", false);
        away.ask("82: 0001 ~ <a/#> 02", "90: 0001 ~ 02");
        away.cut();
        let mut publisher = broker.client(version, "publisher");
        publisher.ask("32: <a/1> 0001 ~ 'one'", "40: 0001");
        publisher.ask("34: <a/2> 0002 ~ 'two'", "50: 0002");
        publisher.ask("62: 0002", "70: 0002");
        let mut away = broker.resume(version, "away", true);
        away.expect("32: <a/1> 0001 ~ 'one'; 34: <a/2> 0002 ~ 'two'");
        away.send("40: 0001; 50: 0002");
        away.expect("62: 0002");
        away.send("70: 0002");
        away.quiet();
        broker.client(version, "away").disconnect();
    }
}

#[test]
fn mqtt_3_1_1__3_1_4_3_and_mqtt_5_0__3_1_4_4_and_mqtt_5_0__3_1_2_6_a_session_begins_goes_on_and_is_thrown_away()
 {
    let broker = TestBroker::start();
    for version in ALL {
        let mut publisher = broker.client(version, "publisher");
        let mut client = broker.resume(version, "c", false);
        client.ask("82: 0001 ~ <a> 01", "90: 0001 ~ 01");
        client.disconnect();
        // it goes on
        let mut client = broker.resume(version, "c", true);
        publisher.ask("32: <a> 0001 ~ 'x'", "40: 0001");
        client.expect("32: <a> 0001 ~ 'x'");
        client.disconnect();
        // a clean start throws away the subscription and the message that was not acknowledged
        let mut client = broker.client(version, "c");
        publisher.send("30: <a> ~ 'y'");
        publisher.quiet();
        client.quiet();
        client.disconnect();
        // and its own session ends with its connection, in 3.x and without an expiry in 5.0
        let mut client = broker.resume(version, "c", false);
        client.quiet();
        client.disconnect();
        broker.client(version, "c").disconnect();
    }
}

#[test]
fn mqtt_3_1_1__3_1_2_7_retained_messages_outlive_every_session() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut publisher = broker.client(version, "publisher");
        publisher.ask("33: <kept> 0001 ~ 'x'", if version.is_v5() { "40: 0001 10" } else { "40: 0001" });
        publisher.cut();
        broker.client(version, "publisher").disconnect();
        let mut reader = broker.client(version, "reader");
        reader.ask("82: 0001 ~ <kept> 00", "90: 0001 ~ 00");
        reader.expect("31: <kept> ~ 'x'");
    }
}

#[test]
fn mqtt_5_0__4_1_0_2_a_session_ends_when_its_expiry_interval_is_over() {
    let mut world = World::new();
    let connect = "10: <MQTT> 05 00 0000 [11 0000000A] <c>";
    let client = world.connect(V5, connect, &connack(V5, false));
    world.ask(client, "82: 0001 [] <a> 01", "90: 0001 [] 01");
    world.advance(Duration::from_secs(60)); // connected, it does not age
    world.cut(client);
    world.advance(Duration::from_millis(9_999));
    assert_eq!(world.sessions(), 1);
    let client = world.connect(V5, connect, &connack(V5, true));
    world.cut(client);
    world.advance(Duration::from_secs(10));
    assert_eq!(world.sessions(), 0);
    let client = world.connect(V5, connect, &connack(V5, false));
    world.ask(client, "30: <a> [] 'x'", "");
}

#[test]
fn mqtt_5_0__4_1_0_2_a_session_without_expiry_interval_ends_with_its_connection() {
    let mut world = World::new();
    let client = world.connect(V5, "10: <MQTT> 05 00 0000 [] <c>", &connack(V5, false));
    world.cut(client);
    assert_eq!(world.sessions(), 0);
}

#[test]
fn a_session_whose_expiry_interval_is_the_highest_number_never_ends() {
    for version in ALL {
        let mut world = World::new();
        let client = world.connect(version, &resuming(version, "c"), &connack(version, false));
        world.cut(client);
        world.advance(Duration::from_secs(200 * 365 * 86_400));
        world.connect(version, &resuming(version, "c"), &connack(version, true));
    }
}

#[test]
fn disconnect_can_change_the_expiry_interval() {
    let mut world = World::new();
    let connect = "10: <MQTT> 05 00 0000 [11 0000000A] <c>";
    let client = world.connect(V5, connect, &connack(V5, false));
    world.send(client, "E0: 00 [11 00000064]");
    world.advance(Duration::from_secs(99));
    assert_eq!(world.sessions(), 1);
    world.advance(Duration::from_secs(1));
    assert_eq!(world.sessions(), 0);
    let client = world.connect(V5, connect, &connack(V5, false));
    world.send(client, "E0: 00 [11 00000000]");
    assert_eq!(world.sessions(), 0);
}

#[test]
fn the_longest_expiry_interval_of_the_configuration_holds_in_connect_and_disconnect() {
    let mut world = World::with(|config| config.session.session_expiry_maximum = 5);
    let connack = "20: 00 00 [11 00000005 21 0400 27 00100000 22 000A]";
    let connect = "10: <MQTT> 05 00 0000 [11 0000000A] <c>";
    let client = world.connect(V5, connect, connack);
    world.cut(client);
    world.advance(Duration::from_secs(5));
    assert_eq!(world.sessions(), 0);
    let client = world.connect(V5, connect, connack);
    world.send(client, "E0: 00 [11 FFFFFFFF]");
    world.advance(Duration::from_secs(5));
    assert_eq!(world.sessions(), 0);
}

#[test]
fn a_3_x_session_lives_as_long_as_the_configuration_says() {
    for version in [V3_1, V3_1_1] {
        let mut world = World::with(|config| config.session.session_expiry_v3 = 60);
        let client = world.connect(version, &resuming(version, "c"), &connack(version, false));
        world.cut(client);
        world.advance(Duration::from_secs(60));
        assert_eq!(world.sessions(), 0);
        let client = world.connect(version, &clean(version, "c"), &connack(version, false));
        world.cut(client);
        assert_eq!(world.sessions(), 0);
    }
}
