//! Mistakes that brokers have made. Those that break a statement with an id are tested in its chapter; here are the
//! others.

use mqtt_codec::Version::{V3_1_1, V5};

use crate::publish::unmatched;
use crate::support::ALL;
use crate::support::broker::TestBroker;

#[test]
fn a_qos_2_message_that_is_sent_again_before_pubrel_is_delivered_once() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut reader = broker.client(version, "reader");
        reader.ask("82: 0001 ~ <a> 00", "90: 0001 ~ 00");
        let mut publisher = broker.resume(version, "publisher", false);
        publisher.ask("34: <a> 0005 ~ 'once'", "50: 0005");
        publisher.ask("3C: <a> 0005 ~ 'once'", "50: 0005");
        publisher.cut();
        // over a reconnect as well, and whatever DUP says
        let mut publisher = broker.resume(version, "publisher", true);
        publisher.ask("3C: <a> 0005 ~ 'once'; 34: <a> 0005 ~ 'once'", "50: 0005; 50: 0005");
        publisher.ask("62: 0005", "70: 0005");
        reader.expect("30: <a> ~ 'once'");
        reader.quiet();
        // then the identifier is free, and DUP does not make a message an old one
        publisher.ask("3C: <a> 0005 ~ 'new'", "50: 0005");
        reader.expect("30: <a> ~ 'new'");
        broker.client(version, "publisher").disconnect();
    }
}

#[test]
fn both_directions_have_identifiers_of_their_own() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut client = broker.client(version, "c");
        client.ask("82: 0001 ~ <to/c> 02", "90: 0001 ~ 02");
        let mut other = broker.client(version, "other");
        other.ask("34: <to/c> 0001 ~ 'in'", "50: 0001");
        client.expect("34: <to/c> 0001 ~ 'in'");
        // the same identifier the other way, step by step
        client.ask("34: <from/c> 0001 ~ 'out'", &unmatched(version, "50", "0001"));
        client.ask("50: 0001", "62: 0001");
        client.ask("62: 0001", "70: 0001");
        client.send("70: 0001");
        client.quiet();
    }
}

#[test]
fn a_pubrel_that_is_owed_is_sent_on_resuming() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut client = broker.resume(version, "c", false);
        client.ask("82: 0001 ~ <a> 02", "90: 0001 ~ 02");
        broker.client(version, "other").ask("34: <a> 0001 ~ 'x'", "50: 0001");
        client.expect("34: <a> 0001 ~ 'x'");
        client.ask("50: 0001", "62: 0001");
        for _ in 0..2 {
            client.cut();
            client = broker.resume(version, "c", true);
            client.expect("62: 0001");
        }
        client.send("70: 0001");
        client.cut();
        broker.resume(version, "c", true).quiet();
        broker.client(version, "c").disconnect();
    }
}

#[test]
fn a_pubrec_that_refuses_is_not_followed_by_pubrel() {
    let broker = TestBroker::start();
    let mut client = broker.resume(V5, "c", false);
    client.ask("82: 0001 [] <a> 02", "90: 0001 [] 02");
    broker.client(V5, "other").ask("34: <a> 0001 [] 'x'", "50: 0001");
    client.expect("34: <a> 0001 [] 'x'");
    client.send("50: 0001 99");
    client.quiet();
    client.cut();
    broker.resume(V5, "c", true).quiet();
}

#[test]
fn unknown_identifiers_are_answered_and_harmless() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut client = broker.client(version, "c");
        let known = if version.is_v5() { "70: 0009 92" } else { "70: 0009" };
        client.ask("62: 0009", known);
        client.send("40: 0009; 70: 0009");
        client.ask("50: 0009", if version.is_v5() { "62: 0009 92" } else { "62: 0009" });
        client.quiet();
    }
}

#[test]
fn an_empty_client_id_without_clean_start_is_refused_in_3_x_and_replaced_in_5_0() {
    let broker = TestBroker::start();
    broker.refuses(V3_1_1, "10: <MQTT> 04 00 0000 <>", "20: 00 02");
    let mut client = broker.send(V5, "10: <MQTT> 05 00 0000 [] <>");
    let connack = client.packet();
    assert_eq!(connack[2..4], [0, 0]);
    assert!(connack.contains(&0x12));
    client.quiet();
}

#[test]
fn empty_topics_and_filters_and_no_filters_end_the_connection() {
    let broker = TestBroker::start();
    for version in ALL {
        for packet in [
            "30: <> ~ 'x'",
            "32: <> 0001 ~ 'x'",
            "82: 0001 ~ <> 00",
            "82: 0001 ~ <a> 00 <> 00",
            "A2: 0001 ~ <>",
            "82: 0001 ~",
            "A2: 0001 ~",
        ] {
            let mut client = broker.client(version, "c");
            client.send(packet);
            if version.is_v5() {
                client.expect("E0: 82");
            }
            client.expect_end();
        }
        // a level may be empty
        let mut client = broker.client(version, "c");
        client.ask("82: 0001 ~ </> 00 <//+> 00", "90: 0001 ~ 00 00");
        client.ask("30: </> ~ 'x'", "30: </> ~ 'x'");
    }
}

#[test]
fn reserved_subscription_options_end_the_connection() {
    let broker = TestBroker::start();
    for (version, options) in [(V3_1_1, &["04", "08", "10", "40", "80", "03"][..]), (V5, &["40", "80", "C0"])]
    {
        for options in options {
            let mut client = broker.client(version, "c");
            client.send(&format!("82: 0001 ~ <a> {options}"));
            if version.is_v5() {
                client.expect("E0: 81");
            }
            client.expect_end();
        }
    }
}

#[test]
fn no_topic_and_no_filter_holds_u_0000() {
    let broker = TestBroker::start();
    for version in ALL {
        for packet in [
            "30: 0003 'a' 00 'b' ~ 'x'",
            "32: 0001 00 0001 ~ 'x'",
            "82: 0001 ~ 0003 'a' 00 'b' 00",
            "A2: 0001 ~ 0002 'a' 00",
        ] {
            let mut client = broker.client(version, "c");
            client.send(packet);
            if version.is_v5() {
                client.expect("E0: 81");
            }
            client.expect_end();
        }
    }
}
