//! Limits of the configuration: what is above them is refused, told where the version can tell it, and counted.

use std::num::NonZeroU16;
use std::time::Duration;

use mqtt_broker::config::Config;
use mqtt_broker::core::{Counter, Hub};
use mqtt_codec::Version::{V3_1_1, V5};
use mqtt_session::Overflow;

use crate::publish::unmatched;
use crate::support::broker::{TestBroker, clean, connack};
use crate::support::{ALL, V3};

#[test]
fn a_packet_above_the_limit_ends_the_connection_and_one_at_the_limit_does_not() {
    let broker = TestBroker::with(|config| config.session.maximum_packet_size = 100);
    for version in ALL {
        let mut client = broker.send(version, &clean(version, "c"));
        client.packet();
        let payload = "x".repeat(if version.is_v5() { 94 } else { 95 });
        client.ask(&format!("30: <a> ~ '{payload}'; C0:"), "D0:");
        client.send(&format!("30: <a> ~ '{payload}x'"));
        if version.is_v5() {
            client.expect("E0: 95");
        }
        client.expect_end();
        // its first bytes are enough: nothing is kept for the rest
        let mut client = broker.send(version, &clean(version, "c"));
        client.packet();
        client.send("30 63");
        if version.is_v5() {
            client.expect("E0: 95");
        }
        client.expect_end();
    }
    assert_eq!(broker.count(Counter::DisconnectedMalformed), 6);
}

#[test]
fn a_connect_above_the_limit_ends_the_connection_before_it_is_read() {
    let broker = TestBroker::with(|config| config.lobby.connect_packet_size = 64);
    for version in ALL {
        let mut client = broker.open(version);
        client.send("10 3F");
        client.expect_end();
    }
    let fits = "x".repeat(50);
    let mut client = broker.send(V3_1_1, &clean(V3_1_1, &fits));
    client.expect(&connack(V3_1_1, false));
    broker.refuses(V3_1_1, &clean(V3_1_1, &format!("{fits}x")), "");
    assert_eq!(broker.count(Counter::ClientsRefused), 4);
}

#[test]
fn more_open_messages_than_receive_maximum_end_the_connection_of_5_0_alone() {
    let broker = TestBroker::with(|config| config.session.receive_maximum = NonZeroU16::new(2).expect("2"));
    let mut client = broker.send(V5, &clean(V5, "c"));
    client.expect("20: 00 00 [21 0002 27 00100000 22 000A]");
    client.ask("34: <a> 0001 []; 34: <a> 0002 []", "50: 0001 10; 50: 0002 10");
    // repeated ones and QoS 0 do not count, one that is completed makes room
    client.ask("3C: <a> 0001 []; 30: <a> []", "50: 0001");
    client.ask("62: 0001", "70: 0001");
    client.ask("34: <a> 0003 []", "50: 0003 10");
    client.send("34: <a> 0004 []");
    client.expect("E0: 93");
    client.expect_end();
    assert_eq!(broker.count(Counter::DisconnectedViolation), 1);
    for version in V3 {
        let mut client = broker.client(version, "c");
        for id in 1..=20 {
            client.ask(&format!("34: <a> {id:04X} 'x'"), &format!("50: {id:04X}"));
        }
    }
}

#[test]
fn topics_and_filters_with_too_many_levels_are_refused() {
    let broker = TestBroker::with(|config| config.limits.topic_levels = 3);
    for version in ALL {
        let mut client = broker.client(version, "c");
        let failure = if version.is_v5() { "8F" } else { "80" };
        client.ask("82: 0001 ~ <a/b/c> 00 <a/b/c/#> 00", &format!("90: 0001 ~ 00 {failure}"));
        let refused = if version.is_v5() { "40: 0001 90" } else { "40: 0001" };
        client.ask("32: <a/b/c/d> 0001 ~ 'x'", refused);
        client.ask("31: <a/b/c/d> ~ 'x'; C0:", "D0:");
        client.ask("32: <x/y/z> 0001 ~ 'x'", &unmatched(version, "40", "0001"));
    }
    assert_eq!(broker.count(Counter::PublishRefused), 6);
}

#[test]
fn topics_filters_and_client_identifiers_that_are_too_long_are_refused() {
    let broker = TestBroker::with(|config| {
        config.limits.topic_length = 3;
        config.limits.client_id_length = 2;
    });
    for version in ALL {
        broker.refuses(
            version,
            &clean(version, "abc"),
            if version.is_v5() { "20: 00 85 ~" } else { "20: 00 02" },
        );
        let mut client = broker.client(version, "ab");
        let failure = if version.is_v5() { "8F" } else { "80" };
        client.ask("82: 0001 ~ <a/b> 00 <a/bc> 00", &format!("90: 0001 ~ 00 {failure}"));
        let refused = if version.is_v5() { "40: 0001 90" } else { "40: 0001" };
        client.ask("32: <abcd> 0001 ~ 'x'", refused);
        client.ask("32: <x/y> 0001 ~ 'x'", &unmatched(version, "40", "0001"));
    }
}

#[test]
fn connections_that_say_nothing_do_not_take_all_places() {
    let broker = TestBroker::with(|config| {
        config.lobby.half_open = 2;
        config.lobby.connect_timeout = Duration::from_secs(3_600);
    });
    let mut one = broker.open(V5);
    let mut two = broker.open(V5);
    // the one that has waited longest makes room
    let _three = broker.open(V5);
    one.expect_end();
    assert_eq!(broker.count(Counter::ClientsRefused), 1);
    assert_eq!(broker.count(Counter::RefusedHalfOpen), 1);
    // one of them says who it is: there is a place again
    two.send(&clean(V5, "two"));
    two.expect(&connack(V5, false));
    broker.client(V5, "four").disconnect();
    assert_eq!(broker.count(Counter::RefusedHalfOpen), 1);
}

#[test]
fn the_places_of_connections_are_those_of_the_broker_not_of_each_thread() {
    let mut config = Config { shards: NonZeroU16::new(3).expect("not 0"), ..Config::default() };
    config.limits.connections = 1;
    let hub = Hub::new(config, 1);
    assert_eq!([(); 2].map(|()| hub.take_connection()), [true, false]);
    hub.give_connection();
    assert!(hub.take_connection());
}

#[test]
fn connections_beyond_the_limit_are_closed_until_one_ends() {
    let broker = TestBroker::with(|config| {
        config.limits.connections = 2;
        config.lobby.connect_timeout = Duration::from_secs(3_600);
    });
    let one = broker.client(V5, "one");
    let mut two = broker.client(V3_1_1, "two");
    broker.open(V5).expect_end();
    two.quiet();
    one.disconnect();
    let mut three = broker.client(V5, "three");
    broker.open(V5).expect_end();
    three.quiet();
    assert_eq!(broker.count(Counter::ClientsRefused), 2);
    assert_eq!(broker.handle.connected(), 2);
}

#[test]
fn retained_messages_beyond_the_limit_are_routed_but_not_kept() {
    let broker = TestBroker::with(|config| {
        config.limits.retained_messages = 2;
        config.limits.retained_bytes = 1_000;
    });
    let mut client = broker.client(V5, "c");
    client.ask("82: 0001 [] <#> 20", "90: 0001 [] 00");
    client.ask(
        "31: <a> [] '1'; 31: <b> [] '2'; 31: <c> [] '3'; 31: <a> [] '4'",
        "30: <a> [] '1'; 30: <b> [] '2'; 30: <c> [] '3'; 30: <a> [] '4'",
    );
    client.ask("82: 0001 [] <#> 00", "90: 0001 [] 00");
    let mut kept = client.messages();
    kept.sort();
    assert_eq!(kept, [(0x31, "2".to_owned()), (0x31, "4".to_owned())]);
    assert_eq!(broker.count(Counter::RetainedRefused), 1);
}

#[test]
fn a_retained_message_beyond_the_limit_of_bytes_leaves_no_older_one_of_its_topic() {
    for version in ALL {
        let broker = TestBroker::with(|config| config.limits.retained_bytes = 100);
        let mut client = broker.client(version, "c");
        client.send("31: <a> ~ 'small'; 31: <b> ~ 'small'");
        client.send(&format!("31: <a> ~ '{}'", "x".repeat(200)));
        client.quiet();
        client.ask("82: 0001 ~ <+> 00", "90: 0001 ~ 00");
        assert_eq!(client.messages(), [(0x31, "small".to_owned())]);
        // there is room again
        client.ask("82: 0001 ~ <b> 00", "90: 0001 ~ 00; 31: <b> ~ 'small'");
        client.send("31: <c> ~ 'small'");
        client.expect("30: <c> ~ 'small'");
        client.ask("82: 0002 ~ <c> 00", "90: 0002 ~ 00; 31: <c> ~ 'small'");
        assert_eq!(broker.count(Counter::RetainedRefused), 1);
    }
}

#[test]
fn a_full_queue_refuses_the_newest_message_or_gives_up_the_oldest() {
    for (overflow, kept) in [(Overflow::DropNewest, ["1", "2"]), (Overflow::DropOldest, ["3", "4"])] {
        let broker = TestBroker::with(|config| {
            config.session.queue.messages = 2;
            config.session.queue.overflow = overflow;
        });
        for version in ALL {
            let mut away = broker.resume(version, "away", false);
            away.ask("82: 0001 ~ <a> 01", "90: 0001 ~ 01");
            away.disconnect();
            let mut publisher = broker.client(version, "publisher");
            for number in 1..=4 {
                publisher.ask(&format!("32: <a> 0001 ~ '{number}'"), "40: 0001");
            }
            let mut away = broker.resume(version, "away", true);
            assert_eq!(away.messages(), kept.map(|payload| (0x32, payload.to_owned())));
            broker.client(version, "away").disconnect();
        }
        assert_eq!(broker.count(Counter::PublishDropped), 6, "{overflow:?}");
        assert_eq!(broker.count(Counter::DroppedQueueFull), 6, "{overflow:?}");
    }
}

#[test]
fn no_more_messages_are_in_flight_than_the_client_or_the_configuration_allows() {
    let broker = TestBroker::with(|config| config.session.queue.window = NonZeroU16::new(3).expect("3"));
    for (maximum, window) in [("0002", 2), ("0064", 3)] {
        let connect = format!("10: <MQTT> 05 02 0000 [21 {maximum}] <c>");
        let mut client = broker.send(V5, &connect);
        client.expect(&connack(V5, false));
        client.ask("82: 0001 [] <a> 02", "90: 0001 [] 02");
        let mut publisher = broker.client(V5, "publisher");
        for id in 1..=9 {
            publisher.ask(&format!("34: <a> {id:04X} [] '{id}'"), &format!("50: {id:04X}"));
        }
        assert_eq!(client.messages().len(), window);
        // PUBREC alone makes no room, PUBCOMP does, and so does a PUBREC that refuses
        client.ask("50: 0001", "62: 0001");
        client.quiet();
        client.send("70: 0001");
        assert_eq!(client.messages().len(), 1);
        client.send("50: 0002 80");
        assert_eq!(client.messages().len(), 1);
        // QoS 0 waits behind them, in order
        publisher.send("30: <a> [] 'zero'");
        publisher.quiet();
        client.quiet();
    }
}
