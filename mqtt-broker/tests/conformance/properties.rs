//! 3.3.2.3 Properties of PUBLISH: what reaches the subscribers, and what belongs to a connection.

use mqtt_codec::Version::{V3_1, V3_1_1, V5};

use crate::support::broker::{TestBroker, connack, protocol};

/// A publisher's properties reach a subscriber that is there, one that is away, and one that comes later, unchanged.
#[track_caller]
fn reach_everybody(properties: &str) {
    let broker = TestBroker::start();
    let mut away = broker.resume(V5, "away", false);
    away.ask("82: 0001 [] <a> 01", "90: 0001 [] 01");
    away.cut();
    let mut there = broker.client(V5, "there");
    there.ask("82: 0001 [] <a> 02", "90: 0001 [] 02");
    let mut publisher = broker.client(V5, "publisher");
    publisher.ask(&format!("35: <a> 0001 [{properties}] 'x'"), "50: 0001");
    there.expect(&format!("34: <a> 0001 [{properties}] 'x'"));
    let mut later = broker.client(V5, "later");
    later.ask("82: 0001 [] <a> 00", "90: 0001 [] 00");
    later.expect(&format!("31: <a> [{properties}] 'x'"));
    broker.resume(V5, "away", true).expect(&format!("32: <a> 0001 [{properties}] 'x'"));
    // 3.x subscribers get the message without them
    let mut old = broker.client(V3_1_1, "old");
    old.ask("82: 0001 <a> 00", "90: 0001 00");
    old.expect("31: <a> 'x'");
}

#[test]
fn mqtt_5_0__3_3_2_4_payload_format_indicator_reaches_everybody() {
    reach_everybody("01 01");
}

#[test]
fn mqtt_5_0__3_3_2_15_response_topic_reaches_everybody() {
    reach_everybody("08 <answers/here>");
}

#[test]
fn mqtt_5_0__3_3_2_16_correlation_data_reaches_everybody() {
    reach_everybody("09 0004 00FFFE00");
    reach_everybody("09 <>");
}

#[test]
fn mqtt_5_0__3_3_2_17_and_mqtt_5_0__3_3_2_18_user_properties_reach_everybody_in_their_order() {
    reach_everybody("26 <b> <1> 26 <a> <2> 26 <b> <3> 26 <> <> 26 <b> <1>");
}

#[test]
fn mqtt_5_0__3_3_2_20_content_type_reaches_everybody() {
    reach_everybody("03 <text/plain>");
}

#[test]
fn all_properties_of_a_message_reach_everybody_together() {
    reach_everybody("01 01 03 <t> 08 <r> 09 <c> 26 <k> <v>");
}

#[test]
fn a_message_of_3_x_reaches_5_0_without_properties_and_the_other_way_round() {
    let broker = TestBroker::start();
    for (from, to) in [(V3_1, V5), (V3_1_1, V5), (V5, V3_1), (V5, V3_1_1)] {
        let mut reader = broker.client(to, "reader");
        reader.ask("82: 0001 ~ <a> 01", "90: 0001 ~ 01");
        let mut publisher = broker.client(from, "publisher");
        publisher.ask("32: <a> 0001 ~ 'x'", "40: 0001");
        reader.expect("32: <a> 0001 ~ 'x'");
    }
}

#[test]
fn a_topic_alias_belongs_to_its_connection() {
    let broker = TestBroker::start();
    // this reader takes aliases, but the broker gives none by default
    let mut reader = broker.send(V5, &format!("10: {} 02 0000 [22 000A] <reader>", protocol(V5)));
    reader.expect(&connack(V5, false));
    reader.ask("82: 0001 [] <#> 01", "90: 0001 [] 01");
    let mut publisher = broker.client(V5, "publisher");
    publisher.send("30: <long/topic> [23 000A] '1'; 30: <> [23 000A] '2'; 32: <> 0001 [23 000A] '3'");
    reader.expect("30: <long/topic> [] '1'; 30: <long/topic> [] '2'; 32: <long/topic> 0001 [] '3'");
    publisher.expect("40: 0001");
    // mapped to another topic
    publisher.send("30: <other> [23 000A] '4'; 30: <> [23 000A] '5'");
    reader.expect("30: <other> [] '4'; 30: <other> [] '5'");
    // not known to the next connection
    publisher.disconnect();
    let mut publisher = broker.client(V5, "publisher");
    publisher.send("30: <> [23 000A] '6'");
    publisher.expect("E0: 82");
    publisher.expect_end();
}

#[test]
fn topic_aliases_towards_a_client_are_given_where_configured_and_as_far_as_it_takes_them() {
    let broker = TestBroker::with(|config| config.session.outgoing_topic_aliases = 2);
    let mut reader = broker.send(V5, &format!("10: {} 02 0000 [22 0001] <reader>", protocol(V5)));
    reader.expect(&connack(V5, false));
    reader.ask("82: 0001 [] <#> 00", "90: 0001 [] 00");
    let mut none = broker.client(V5, "none");
    none.ask("82: 0001 [] <#> 00", "90: 0001 [] 00");
    let mut publisher = broker.client(V5, "publisher");
    publisher.send("30: <one> [] '1'");
    reader.expect("30: <one> [23 0001] '1'");
    publisher.send("30: <one> [] '2'");
    reader.expect("30: <> [23 0001] '2'");
    none.expect("30: <one> [] '1'; 30: <one> [] '2'");
}

#[test]
fn mqtt_5_0__3_1_2_24_and_mqtt_5_0__3_1_2_25_a_message_above_the_clients_maximum_is_dropped_as_if_it_was_sent()
 {
    let broker = TestBroker::start();
    let connect = format!("10: {} 02 0000 [27 00000014] <small>", protocol(V5)); // 20 bytes
    let mut small = broker.send(V5, &connect);
    small.expect(&connack(V5, false));
    small.ask("82: 0001 [] <a> 02", "90: 0001 [] 02");
    let mut other = broker.client(V5, "other");
    other.ask("82: 0001 [] <a> 02", "90: 0001 [] 02");
    let mut publisher = broker.client(V5, "publisher");
    let fits = "34: <a> 0001 [] '123456789012'";
    let more = "34: <a> 0002 [] '1234567890123'";
    publisher.ask(more, "50: 0002");
    publisher.ask("32: <a> 0003 [26 <user> <property>] ''", "40: 0003");
    other.expect("34: <a> 0001 [] '1234567890123'; 32: <a> 0002 [26 <user> <property>] ''");
    publisher.ask(fits, "50: 0001");
    // an identifier is not used again at once
    small.expect("34: <a> 0003 [] '123456789012'");
    small.quiet();
    assert_eq!(broker.count(mqtt_broker::core::Counter::PublishDropped), 2);
    assert_eq!(broker.count(mqtt_broker::core::Counter::DroppedTooLarge), 2);
}
