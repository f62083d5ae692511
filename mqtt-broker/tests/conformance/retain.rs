//! 3.3.1.3 RETAIN: what is kept, what is sent to whom, and with which flag.

use mqtt_codec::Version::{self, V5};

use crate::publish::unmatched;
use crate::support::ALL;
use crate::support::broker::TestBroker;

/// What a new subscriber with QoS 2 to everything gets, before it is quiet.
#[track_caller]
fn kept(broker: &TestBroker, version: Version, packets: &str) {
    let mut reader = broker.client(version, "new");
    reader.ask("82: 0001 ~ <#> 02", "90: 0001 ~ 02");
    reader.expect(packets);
    reader.quiet();
    reader.disconnect();
}

#[test]
fn mqtt_3_1_1__3_3_1_5_and_mqtt_5_0__3_3_1_5_the_last_retained_message_is_kept_with_its_qos() {
    for version in ALL {
        let broker = TestBroker::start();
        let mut publisher = broker.client(version, "publisher");
        kept(&broker, version, "");
        publisher.ask("31: <a> ~ 'zero'; C0:", "D0:");
        kept(&broker, version, "31: <a> ~ 'zero'");
        publisher.ask("33: <a> 0001 ~ 'one'", &unmatched(version, "40", "0001"));
        kept(&broker, version, "33: <a> 0001 ~ 'one'");
        publisher.ask("35: <a> 0002 ~ 'two'", &unmatched(version, "50", "0002"));
        kept(&broker, version, "35: <a> 0001 ~ 'two'");
    }
}

#[test]
fn mqtt_3_1_1__3_3_1_6_and_mqtt_3_1_1__3_3_1_8_a_new_subscription_gets_the_last_message_of_each_topic_with_retain()
 {
    let broker = TestBroker::start();
    let mut publisher = broker.client(V5, "publisher");
    publisher.send("31: <a/1> [] '1'; 31: <a/2> [] '0'; 31: <a/2> [] '2'; 31: <b> [] '3'; 30: <a/3> [] '4'");
    publisher.quiet();
    for version in ALL {
        let mut reader = broker.client(version, "reader");
        reader.ask("82: 0001 ~ <a/+> 00", "90: 0001 ~ 00");
        let mut packets = [reader.packet(), reader.packet()];
        packets.sort();
        for (packet, payload) in packets.iter().zip(b"12") {
            assert_eq!((packet[0], packet.last()), (0x31, Some(payload)));
        }
        reader.quiet();
    }
}

#[test]
fn mqtt_3_1_1__3_3_1_7_a_qos_0_message_replaces_what_was_retained() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut publisher = broker.client(version, "publisher");
        publisher.ask("35: <a> 0001 ~ 'old'", &unmatched(version, "50", "0001"));
        publisher.ask("31: <a> ~ 'new'; C0:", "D0:");
        kept(&broker, version, "31: <a> ~ 'new'");
    }
}

#[test]
fn mqtt_3_1_1__3_3_1_9_and_mqtt_5_0__3_3_1_12_an_established_subscription_gets_messages_without_retain() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut reader = broker.client(version, "reader");
        reader.ask("82: 0001 ~ <a> 01", "90: 0001 ~ 01");
        let mut publisher = broker.client(version, "publisher");
        publisher.send("31: <a> ~ 'x'; 33: <a> 0001 ~ 'y'; 31: <a> ~");
        reader.expect("30: <a> ~ 'x'; 32: <a> 0001 ~ 'y'; 30: <a> ~");
        publisher.ask("C0:", "40: 0001; D0:");
    }
}

#[test]
fn mqtt_5_0__3_3_1_13_retain_as_published_keeps_the_flag() {
    let broker = TestBroker::start();
    let mut reader = broker.client(V5, "reader");
    reader.ask("82: 0001 [] <a> 09", "90: 0001 [] 01");
    let mut publisher = broker.client(V5, "publisher");
    publisher.send("31: <a> [] 'x'; 33: <a> 0001 [] 'y'; 30: <a> [] 'z'; 32: <a> 0002 [] ''; 31: <a> []");
    reader.expect("31: <a> [] 'x'; 33: <a> 0001 [] 'y'; 30: <a> [] 'z'; 32: <a> 0002 [] ''; 31: <a> []");
}

#[test]
fn mqtt_3_1_1__3_3_1_10_and_mqtt_5_0__3_3_1_6_an_empty_retained_message_is_routed_and_removes() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut reader = broker.client(version, "reader");
        reader.ask("82: 0001 ~ <a> 00", "90: 0001 ~ 00");
        let mut publisher = broker.client(version, "publisher");
        publisher.ask("33: <a> 0001 ~ 'x'", "40: 0001");
        publisher.ask("33: <a> 0002 ~", "40: 0002");
        reader.expect("30: <a> ~ 'x'; 30: <a> ~");
        kept(&broker, version, "");
    }
}

#[test]
fn mqtt_3_1_1__3_3_1_11_and_mqtt_5_0__3_3_1_7_an_empty_message_is_not_kept() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut publisher = broker.client(version, "publisher");
        publisher.send("31: <a> ~");
        publisher.ask("33: <b> 0001 ~", &unmatched(version, "40", "0001"));
        kept(&broker, version, "");
    }
}

#[test]
fn mqtt_3_1_1__3_3_1_12_and_mqtt_5_0__3_3_1_8_a_message_without_retain_changes_nothing_that_is_kept() {
    for version in ALL {
        let broker = TestBroker::start();
        let mut publisher = broker.client(version, "publisher");
        publisher.ask("30: <a> ~ 'x'; C0:", "D0:");
        kept(&broker, version, "");
        publisher.send("31: <a> ~ 'kept'; 30: <a> ~ 'other'; 30: <a> ~");
        publisher.ask("32: <a> 0001 ~", &unmatched(version, "40", "0001"));
        kept(&broker, version, "31: <a> ~ 'kept'");
    }
}

#[test]
fn mqtt_5_0__3_3_1_9_and_mqtt_5_0__3_8_4_4_retain_handling_0_sends_on_each_subscribe() {
    let broker = TestBroker::start();
    let mut client = broker.client(V5, "c");
    client.ask("31: <a> [] 'x'; C0:", "D0:");
    for _ in 0..3 {
        client.ask("82: 0001 [] <a> 00", "90: 0001 [] 00; 31: <a> [] 'x'");
    }
}

#[test]
fn mqtt_5_0__3_3_1_10_retain_handling_1_sends_only_for_a_new_subscription() {
    let broker = TestBroker::start();
    let mut client = broker.resume(V5, "c", false);
    client.ask("31: <a> [] 'x'; C0:", "D0:");
    client.ask("82: 0001 [] <a> 10", "90: 0001 [] 00; 31: <a> [] 'x'");
    client.ask("82: 0001 [] <a> 10", "90: 0001 [] 00");
    client.ask("82: 0001 [] <+> 11", "90: 0001 [] 01; 31: <a> [] 'x'");
    client.ask("82: 0001 [] <a> 11; 82: 0002 [] <+> 12", "90: 0001 [] 01; 90: 0002 [] 02");
    client.quiet();
    // the session remembers that it existed
    client.disconnect();
    let mut client = broker.resume(V5, "c", true);
    client.ask("82: 0001 [] <a> 10", "90: 0001 [] 00");
    client.quiet();
    client.ask("A2: 0002 [] <a>", "B0: 0002 [] 00");
    client.ask("82: 0003 [] <a> 10", "90: 0003 [] 00; 31: <a> [] 'x'");
}

#[test]
fn mqtt_5_0__3_3_1_11_retain_handling_2_sends_nothing() {
    let broker = TestBroker::start();
    let mut client = broker.client(V5, "c");
    client.ask("31: <a> [] 'x'; C0:", "D0:");
    client.ask("82: 0001 [] <a> 20; 82: 0002 [] <#> 22", "90: 0001 [] 00; 90: 0002 [] 02");
    client.quiet();
    client.ask("82: 0003 [] <a> 00", "90: 0003 [] 00; 31: <a> [] 'x'");
}

#[test]
fn a_retained_message_has_retain_whatever_retain_as_published_says_and_the_lower_qos() {
    let broker = TestBroker::start();
    let mut client = broker.client(V5, "c");
    client.ask("35: <a> 0001 [] 'x'", "50: 0001 10");
    client.ask("82: 0001 [] <a> 00", "90: 0001 [] 00; 31: <a> [] 'x'");
    client.ask("82: 0001 [] <a> 08", "90: 0001 [] 00; 31: <a> [] 'x'");
    client.ask("82: 0001 [] <a> 09", "90: 0001 [] 01; 33: <a> 0001 [] 'x'");
}

#[test]
fn a_retained_message_has_the_identifier_of_the_subscription_that_asked_for_it() {
    let broker = TestBroker::start();
    let mut client = broker.client(V5, "c");
    client.ask("31: <a> [] 'x'; C0:", "D0:");
    client.ask("82: 0001 [0B 07] <a> 00", "90: 0001 [] 00; 31: <a> [0B 07] 'x'");
    client.ask("82: 0002 [0B 8001] <#> 00", "90: 0002 [] 00; 31: <a> [0B 8001] 'x'");
    client.ask("82: 0003 [] <a> 00", "90: 0003 [] 00; 31: <a> [] 'x'");
}

#[test]
fn no_local_does_not_keep_back_what_the_client_itself_retained() {
    // the message that a SUBSCRIBE asks for is not forwarded, it is looked up
    let broker = TestBroker::start();
    let mut client = broker.client(V5, "c");
    client.ask("31: <a> [] 'x'; C0:", "D0:");
    client.ask("82: 0001 [] <a> 04", "90: 0001 [] 00; 31: <a> [] 'x'");
    client.send("31: <a> [] 'y'");
    client.quiet();
}
