//! 3.1.2.10 Keep Alive: a silent client is gone after one and a half times the interval.

use std::time::Duration;

use mqtt_broker::core::Counter;
use mqtt_codec::Version::{self, V5};

use crate::support::ALL;
use crate::support::broker::{TestBroker, clean, connack, protocol};
use crate::support::virtual_time::World;

fn keeping_alive(version: Version, seconds: u16) -> String {
    format!("10: {} 06 {seconds:04X} ~ <c> ~ <will> <bye>", protocol(version))
}

fn goodbye(version: Version) -> &'static str {
    if version.is_v5() { "E0: 8D" } else { "" }
}

#[test]
fn mqtt_3_1_1__3_1_2_24_and_mqtt_5_0__3_1_2_22_a_silent_client_is_dropped_and_its_will_published() {
    for version in ALL {
        let mut world = World::new();
        let reader = world.connect(version, &clean(version, "reader"), &connack(version, false));
        world.ask(reader, "82: 0001 ~ <will> 00", "90: 0001 ~ 00");
        let client = world.connect(version, &keeping_alive(version, 10), &connack(version, false));
        world.advance(Duration::from_millis(14_999));
        assert!(world.is_open(client));
        world.advance(Duration::from_millis(1));
        assert!(!world.is_open(client));
        world.expect(client, goodbye(version));
        world.expect(reader, "30: <will> ~ 'bye'");
    }
}

#[test]
fn mqtt_3_1_1__3_1_2_24_and_mqtt_5_0__3_1_2_22_every_packet_of_the_client_keeps_it_alive() {
    for version in ALL {
        let mut world = World::new();
        let client = world.connect(version, &keeping_alive(version, 10), &connack(version, false));
        let answer = if version.is_v5() { "40: 0001 10" } else { "40: 0001" };
        for (packet, answer) in
            [("C0:", "D0:"), ("30: <a> ~ 'x'", ""), ("32: <a> 0001 ~ 'x'", answer), ("62: 0009", "")]
        {
            world.advance(Duration::from_millis(14_999));
            world.send(client, packet);
            if !answer.is_empty() {
                world.expect(client, answer);
            }
        }
        // what the server sends does not count, nor does a part of a packet
        world.send(client, "82");
        world.advance(Duration::from_secs(15));
        assert!(!world.is_open(client));
    }
}

#[test]
fn a_keep_alive_of_0_is_none() {
    for version in ALL {
        let mut world = World::new();
        let client = world.connect(version, &keeping_alive(version, 0), &connack(version, false));
        world.advance(Duration::from_secs(365 * 86_400));
        assert!(world.is_open(client));
        world.ask(client, "C0:", "D0:");
    }
}

#[test]
fn mqtt_5_0__3_2_2_22_without_a_server_keep_alive_the_clients_holds_and_with_one_that() {
    let mut world = World::with(|config| {
        config.session.keep_alive_maximum = std::num::NonZeroU16::new(20);
    });
    let own = world.connect(V5, &keeping_alive(V5, 10), &connack(V5, false));
    world.advance(Duration::from_secs(15));
    assert!(!world.is_open(own));
    let told = "20: 00 00 [21 0400 27 00100000 22 000A 13 0014]";
    for asked in [0, 21] {
        let client = world.connect(V5, &keeping_alive(V5, asked), told);
        world.advance(Duration::from_millis(29_999));
        assert!(world.is_open(client));
        world.advance(Duration::from_millis(1));
        assert!(!world.is_open(client));
    }
}

#[test]
fn the_clock_of_the_running_broker_drops_silent_clients_too() {
    let broker = TestBroker::start();
    let mut clients = ALL.map(|version| {
        let connect = format!("10: {} 02 0001 ~ <{version}>", protocol(version));
        let mut client = broker.send(version, &connect);
        client.expect(&connack(version, false));
        (version, client)
    });
    for (version, client) in &mut clients {
        client.expect(goodbye(*version));
        client.expect_end();
    }
    assert_eq!(broker.count(Counter::DisconnectedKeepAlive), 3);
}
