//! 3.8 SUBSCRIBE and 3.9 SUBACK.

use std::num::NonZeroU16;

use mqtt_broker::core::Counter;
use mqtt_codec::Version::{self, V3_1, V3_1_1, V5};

use crate::support::ALL;
use crate::support::broker::TestBroker;

#[test]
fn mqtt_3_1_1__3_8_4_1_and_mqtt_3_1_1__3_8_4_2_and_mqtt_5_0__3_8_4_1_and_mqtt_5_0__3_8_4_2_each_subscribe_is_answered_with_its_identifier()
 {
    let broker = TestBroker::start();
    for version in ALL {
        let mut client = broker.client(version, "c");
        for id in ["0001", "FFFF", "00FF", "FF00", "0001"] {
            client.ask(&format!("82: {id} ~ <a> 01"), &format!("90: {id} ~ 01"));
        }
        // pipelined, and several of one identifier
        client.ask(
            "82: 0007 ~ <a> 00; 82: 0007 ~ <b> 01; 82: 0006 ~ <c> 02",
            "90: 0007 ~ 00; 90: 0007 ~ 01; 90: 0006 ~ 02",
        );
    }
}

#[test]
fn mqtt_3_1_1__3_8_4_4_and_mqtt_3_1_1__3_8_4_5_and_mqtt_3_1_1__3_9_3_1_and_mqtt_5_0__3_8_4_5_and_mqtt_5_0__3_8_4_6_and_mqtt_5_0__3_8_4_7_and_mqtt_5_0__3_9_3_1_several_filters_are_answered_together_in_their_order()
 {
    let broker = TestBroker::start();
    for version in ALL {
        let mut client = broker.client(version, "c");
        client.ask("82: 0001 ~ <a> 02 <b> 00 <c/#> 01 <+> 02", "90: 0001 ~ 02 00 01 02");
        // as if one by one: the second replaces the first
        client.ask("82: 0002 ~ <x/y> 02 <x/y> 00", "90: 0002 ~ 02 00");
        client.ask("32: <x/y> 0001 ~ 'x'", "30: <x/y> ~ 'x'; 40: 0001");
        // all of them are in force
        client.ask("30: <c/d> ~ 'y'", "30: <c/d> ~ 'y'");
    }
}

/// The code for a filter that cannot be subscribed to. 3.1 has none, and looks at the two lowest bits only: its
/// clients that know later versions see the failure, the others see QoS 0.
const fn failure(version: Version) -> &'static str {
    if version.is_v5() { "8F" } else { "80" }
}

#[test]
fn mqtt_3_1_1__3_8_4_5_and_mqtt_5_0__3_8_4_7_a_filter_that_is_refused_leaves_the_others() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut client = broker.client(version, "c");
        let answer = format!("90: 0001 ~ 01 {0} 00 {0} {0}", failure(version));
        client.ask("82: 0001 ~ <a> 01 <$share/x> 01 <b> 00 <$share//x> 00 <$share/+/x> 02", &answer);
        client.ask("30: <a> ~ 'x'; 30: <b> ~ 'y'", "30: <a> ~ 'x'; 30: <b> ~ 'y'");
    }
    assert_eq!(broker.count(Counter::SubscriptionsRefused), 9);
}

#[test]
fn mqtt_3_1_1__3_8_3_2_wildcards_are_supported() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut client = broker.client(version, "c");
        client.ask("82: 0001 ~ <#> 00 <+> 00 <+/+> 00 <a/+/b/#> 00", "90: 0001 ~ 00 00 00 00");
    }
}

#[test]
fn mqtt_3_1_1__3_8_4_3_and_mqtt_5_0__3_8_4_3_the_same_filter_again_replaces_the_subscription() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut client = broker.client(version, "c");
        let mut publisher = broker.client(version, "publisher");
        client.ask("82: 0001 ~ <a/+> 02", "90: 0001 ~ 02");
        client.ask("82: 0002 ~ <a/+> 00", "90: 0002 ~ 00");
        publisher.ask("32: <a/b> 0001 ~ 'x'", "40: 0001");
        client.expect("30: <a/b> ~ 'x'");
        client.ask("82: 0003 ~ <a/+> 01", "90: 0003 ~ 01");
        publisher.ask("32: <a/b> 0002 ~ 'y'", "40: 0002");
        client.expect("32: <a/b> 0001 ~ 'y'");
        client.quiet();
    }
    // options and identifier too
    let mut client = broker.client(V5, "c");
    client.ask("82: 0001 [0B 07] <a> 04", "90: 0001 [] 00");
    client.ask("30: <a> [] 'x'; C0:", "D0:");
    client.ask("82: 0002 [] <a> 00", "90: 0002 [] 00");
    client.ask("30: <a> [] 'y'", "30: <a> [] 'y'");
    client.ask("82: 0003 [0B 08] <a> 00", "90: 0003 [] 00");
    client.ask("30: <a> [] 'z'", "30: <a> [0B 08] 'z'");
}

#[test]
fn mqtt_3_1_1__3_8_4_3_replacing_sends_the_retained_messages_again() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut client = broker.client(version, "c");
        client.ask("31: <a> ~ 'x'; C0:", "D0:");
        for qos in ["00", "00"] {
            client.ask(&format!("82: 0001 ~ <a> {qos}"), &format!("90: 0001 ~ {qos}; 31: <a> ~ 'x'"));
        }
    }
}

#[test]
fn mqtt_5_0__3_8_4_4_replacing_loses_no_message() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut client = broker.client(version, "c");
        client.ask("82: 0001 ~ <a> 01", "90: 0001 ~ 01");
        let mut text = String::new();
        for number in 0..50 {
            text += &format!("82: 0001 ~ <a> 01; 30: <a> ~ {number:02X};");
        }
        client.send(&text);
        let mut numbers: Vec<u8> = Vec::new();
        while numbers.len() < 50 {
            let packet = client.packet();
            if packet[0] == 0x30 {
                numbers.extend(packet.last());
            }
        }
        assert_eq!(numbers, (0..50).collect::<Vec<_>>());
    }
}

#[test]
fn mqtt_5_0__3_8_3_3_no_local_keeps_back_the_clients_own_messages() {
    let broker = TestBroker::start();
    let mut client = broker.client(V5, "c");
    let mut other = broker.client(V5, "other");
    client.ask("82: 0001 [] <a> 04", "90: 0001 [] 00");
    other.ask("82: 0001 [] <a> 00", "90: 0001 [] 00");
    client.ask("30: <a> [] 'own'; C0:", "D0:");
    other.expect("30: <a> [] 'own'");
    other.send("30: <a> [] 'foreign'");
    client.expect("30: <a> [] 'foreign'");
    // another subscription of the client may let them through
    client.ask("82: 0002 [0B 05] <+> 01", "90: 0002 [] 01");
    client.ask("30: <a> [] 'both'", "30: <a> [0B 05] 'both'");
    // it is the client identifier that counts, not the connection
    client.disconnect();
    let mut client = broker.resume(V5, "c", false);
    client.ask("82: 0001 [] <a> 05", "90: 0001 [] 01");
    client.cut();
    let mut client = broker.resume(V5, "c", true);
    client.ask("32: <a> 0001 [] 'own'", "40: 0001");
    client.quiet();
}

#[test]
fn a_subscription_belongs_to_the_session() {
    let broker = TestBroker::start();
    for (before, after) in [(V3_1, V3_1), (V3_1_1, V5), (V5, V3_1_1), (V5, V5)] {
        let mut client = broker.resume(before, "c", false);
        client.ask("82: 0001 ~ <a> 00", "90: 0001 ~ 00");
        client.cut();
        let mut client = broker.resume(after, "c", true);
        client.ask("30: <a> ~ 'x'", "30: <a> ~ 'x'");
        client.disconnect();
        let mut client = broker.client(after, "c");
        client.ask("30: <a> ~ 'x'; C0:", "D0:");
        client.disconnect();
    }
}

#[test]
fn a_subscription_identifier_belongs_to_the_session() {
    let broker = TestBroker::start();
    let mut client = broker.resume(V5, "c", false);
    client.ask("82: 0001 [0B 07] <a> 00", "90: 0001 [] 00");
    client.cut();
    let mut client = broker.resume(V5, "c", true);
    client.ask("30: <a> [] 'x'", "30: <a> [0B 07] 'x'");
    // and ends with its subscription
    client.ask("A2: 0002 [] <a>; 82: 0003 [] <a> 00", "B0: 0002 [] 00; 90: 0003 [] 00");
    client.ask("30: <a> [] 'x'", "30: <a> [] 'x'");
    client.ask("82: 0004 [0B 08] <a> 00", "90: 0004 [] 00");
    client.disconnect();
    let mut client = broker.client(V5, "c");
    client.ask("82: 0005 [] <a> 00", "90: 0005 [] 00");
    client.ask("30: <a> [] 'x'", "30: <a> [] 'x'");
}

#[test]
fn a_filter_beyond_the_limit_of_subscriptions_is_refused_alone() {
    let broker = TestBroker::with(|config| config.limits.subscriptions = 2);
    for (version, code) in [(V3_1, "80"), (V3_1_1, "80"), (V5, "97")] {
        let mut client = broker.client(version, "c");
        client.ask("82: 0001 ~ <a> 00 <b> 01 <c> 02", &format!("90: 0001 ~ 00 01 {code}"));
        // replacing needs no room
        client.ask("82: 0002 ~ <a> 02 <b> 02 <a> 01", "90: 0002 ~ 02 02 01");
        let gone = if version.is_v5() { "B0: 0003 [] 00" } else { "B0: 0003" };
        client.ask("A2: 0003 ~ <a>", gone);
        client.ask("82: 0004 ~ <c> 00 <a> 00", &format!("90: 0004 ~ 00 {code}"));
    }
}

#[test]
fn filters_that_are_too_many_for_one_packet_are_refused() {
    let broker = TestBroker::with(|config| config.limits.subscriptions = 2);
    let mut client = broker.client(V5, "c");
    let filters = " <a> 00".repeat(10_002);
    let answer = format!("90: 0001 []{} 97 97", " 00".repeat(10_000));
    client.ask(&format!("82: 0001 []{filters}"), &answer);
}

#[test]
fn a_subscribe_is_not_held_up_by_a_full_window() {
    let broker = TestBroker::with(|config| config.session.queue.window = NonZeroU16::MIN);
    for version in ALL {
        let mut client = broker.client(version, "c");
        client.ask("82: 0001 ~ <a> 01", "90: 0001 ~ 01");
        let mut publisher = broker.client(version, "publisher");
        publisher.ask("32: <a> 0001 ~ '1'; 32: <a> 0002 ~ '2'", "40: 0001; 40: 0002");
        client.expect("32: <a> 0001 ~ '1'");
        client.ask("82: 0002 ~ <b> 01", "90: 0002 ~ 01");
        client.ask("40: 0001", "32: <a> 0002 ~ '2'");
        client.send("40: 0002");
        client.quiet();
    }
}
