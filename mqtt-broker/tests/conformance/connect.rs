//! 3.1 CONNECT: what is accepted, what is refused, and who is thrown out.

use mqtt_codec::Version::{self, V3_1, V3_1_1, V5};

use crate::support::broker::{TestBroker, clean, connack, protocol};
use crate::support::{ALL, V3};

#[test]
fn mqtt_3_1_1__3_1_0_2_and_mqtt_5_0__3_1_0_2_and_mqtt_5_0__3_2_0_2_a_second_connect_ends_the_connection() {
    let broker = TestBroker::start();
    for version in V3 {
        let mut client = broker.client(version, "c");
        client.send(&clean(version, "c"));
        client.expect_end();
    }
    let mut client = broker.client(V5, "c");
    client.send(&clean(V5, "c"));
    client.expect("E0: 82");
    client.expect_end();
}

#[test]
fn mqtt_3_1_1__3_1_2_1_and_mqtt_5_0__3_1_2_1_another_protocol_name_ends_the_connection() {
    let broker = TestBroker::start();
    for name in ["MQTX", "mqtt", "MQ", "MQIsdP", "MQTTMQTT"] {
        for (version, level) in [(V3_1, "03"), (V3_1_1, "04"), (V5, "05")] {
            broker.refuses(version, &format!("10: <{name}> {level} 02 0000 ~ <c>"), "");
        }
    }
}

#[test]
fn mqtt_3_1_1__3_1_2_2_and_mqtt_5_0__3_1_2_2_an_unknown_level_is_answered_and_ends_the_connection() {
    let broker = TestBroker::start();
    for (name, level) in [("MQTT", "03"), ("MQTT", "02"), ("MQIsdp", "02")] {
        broker.refuses(V3_1_1, &format!("10: <{name}> {level} 02 0000 <c>"), "20: 00 01");
    }
    // a level above 5 is of a client that reads CONNACK as 5.0 does
    for level in ["06", "7F", "FF"] {
        broker.refuses(V5, &format!("10: <MQTT> {level} 02 0000 [] <c>"), "20: 00 84 []");
    }
}

#[test]
fn mqtt_3_1_1__3_1_3_5_and_mqtt_5_0__3_1_3_5_every_short_plain_client_id_is_accepted() {
    let broker = TestBroker::start();
    let ids =
        ["a", "Z", "0", "0123456789abcdefghijklm", "nopqrstuvwxyzABCDEFGHIJ", "KLMNOPQRSTUVWXYZ0000000"];
    for version in ALL {
        for id in ids {
            broker.client(version, id).disconnect();
        }
    }
}

#[test]
fn client_ids_beyond_what_must_be_accepted_are_accepted_where_the_version_allows_them() {
    let broker = TestBroker::start();
    let long = "x".repeat(65_535);
    for version in [V3_1_1, V5] {
        for id in ["a client/of # any + kind", "Zürich", "24 characters are allowed", &long] {
            broker.client(version, id).disconnect();
        }
    }
    // 3.1 counts characters, not bytes
    broker.client(V3_1, &"ü".repeat(23)).disconnect();
    for id in [&"ü".repeat(24), &long] {
        broker.refuses(V3_1, &clean(V3_1, id), "20: 00 02");
    }
}

/// The identifier in a CONNACK that assigns one.
fn assigned(connack: &[u8]) -> String {
    let at = connack.iter().position(|byte| *byte == 0x12).expect("Assigned Client Identifier");
    let length = usize::from(connack[at + 2]);
    String::from_utf8(connack[at + 3..][..length].to_vec()).expect("UTF-8")
}

#[test]
fn mqtt_5_0__3_1_3_6_and_mqtt_5_0__3_1_3_7_and_mqtt_5_0__3_2_2_16_an_empty_client_id_is_replaced_by_a_unique_one()
 {
    let broker = TestBroker::start();
    let connect = "10: <MQTT> 05 02 0000 [11 FFFFFFFF] <>";
    let (mut one, mut other) = (broker.send(V5, connect), broker.send(V5, connect));
    let (first, second) = (assigned(&one.packet()), assigned(&other.packet()));
    assert_ne!(first, second);
    // both live beside each other
    one.quiet();
    other.quiet();
    // and the session is that of the identifier
    one.ask("82: 0001 [] <kept> 01", "90: 0001 [] 01");
    one.cut();
    broker.resume(V5, &first, true).disconnect();
}

#[test]
fn mqtt_3_1_1__3_1_3_6_an_empty_client_id_with_a_clean_session_is_as_good_as_any() {
    let broker = TestBroker::start();
    let (mut one, mut other) = (broker.client(V3_1_1, ""), broker.client(V3_1_1, ""));
    one.ask("82: 0001 <a> 00", "90: 0001 00");
    other.send("30: <a> 'x'");
    one.expect("30: <a> 'x'");
    other.quiet();
}

#[test]
fn mqtt_3_1_1__3_1_3_8_and_mqtt_3_1_1__3_1_3_9_and_mqtt_3_1_1__3_2_2_5_a_refused_client_id_is_answered() {
    let broker = TestBroker::start();
    broker.refuses(V3_1_1, "10: <MQTT> 04 00 0000 <>", "20: 00 02");
    broker.refuses(V3_1, "10: <MQIsdp> 03 00 0000 <>", "20: 00 02");
    broker.refuses(V3_1, "10: <MQIsdp> 03 02 0000 <>", "20: 00 02");
    broker.refuses(V3_1, &clean(V3_1, &"x".repeat(24)), "20: 00 02");
}

/// CONNECTs that are not as section 3.1 wants them, and the code for 5.0.
const NOT_CONNECT: [(&str, &str); 9] = [
    ("10: P 03 0000 ~ <c>", "81"),          // the reserved flag
    ("10: P 1E 0000 ~ <c> ~ <w> <>", "81"), // Will QoS 3
    ("10: P 0A 0000 ~ <c>", "81"),          // Will QoS without a Will
    ("10: P 22 0000 ~ <c>", "81"),          // Will Retain without a Will
    ("10: P 06 0000 ~ <c>", "81"),          // the Will is missing
    ("10: P 02 0000 ~", "81"),              // the client identifier is missing
    ("10: P 02 0000 ~ <c> 00", "81"),       // a byte too many
    ("10: P 02 0000 ~ 0002 FFFF", "81"),    // no UTF-8
    ("10: P 02 0000 ~ 0003 610062", "81"),  // U+0000
];

fn not_connect(version: Version) -> impl Iterator<Item = (String, &'static str)> {
    NOT_CONNECT.iter().map(move |(text, code)| (text.replace('P', protocol(version)), *code))
}

#[test]
fn mqtt_3_1_1__3_1_4_1_and_mqtt_3_1_1__3_2_2_6_a_connect_against_the_rules_ends_without_connack() {
    let broker = TestBroker::start();
    for (text, _) in not_connect(V3_1_1) {
        broker.refuses(V3_1_1, &text, "");
    }
    // a password without a user name
    broker.refuses(V3_1_1, "10: <MQTT> 04 42 0000 <c> <secret>", "");
}

#[test]
fn mqtt_5_0__3_1_4_1_and_mqtt_5_0__3_2_2_7_a_connect_against_the_rules_is_answered_and_ends() {
    let broker = TestBroker::start();
    for (text, code) in not_connect(V5) {
        broker.refuses(V5, &text, &format!("20: 00 {code} []"));
    }
    for (properties, code) in [
        ("21 0000", "82"),     // Receive Maximum 0
        ("27 00000000", "82"), // Maximum Packet Size 0
        ("19 02", "82"),       // Request Response Information 2
        ("17 00 17 00", "82"), // Request Problem Information twice
        ("16 <data>", "82"),   // Authentication Data without Method
        ("23 0001", "81"),     // a property of another packet
        ("7F", "81"),          // a property that does not exist
    ] {
        let connect = format!("10: <MQTT> 05 02 0000 [{properties}] <c>");
        broker.refuses(V5, &connect, &format!("20: 00 {code} []"));
    }
}

#[test]
fn mqtt_5_0__3_1_4_2_and_mqtt_5_0__4_12_0_1_and_mqtt_5_0__4_12_0_4_an_authentication_method_is_refused() {
    let broker = TestBroker::start();
    broker.refuses(V5, "10: <MQTT> 05 02 0000 [15 <SCRAM-SHA-1>] <c>", "20: 00 8C []");
    broker.refuses(V5, "10: <MQTT> 05 02 0000 [15 <X> 16 <data>] <c>", "20: 00 8C []");
}

#[test]
fn mqtt_5_0__4_12_0_6_without_an_authentication_method_nothing_is_said_of_authentication() {
    let broker = TestBroker::start();
    let mut client = broker.send(V5, "10: <MQTT> 05 C2 0000 [] <c> <user> <password>");
    client.expect(&connack(V5, false));
    client.quiet();
}

#[test]
fn mqtt_3_1_1__3_1_4_2_and_mqtt_5_0__3_1_4_3_the_older_connection_of_a_client_id_ends() {
    let broker = TestBroker::start();
    for version in ALL {
        for newer in ALL {
            let mut old = broker.client(version, "same");
            let mut new = broker.client(newer, "same");
            if version.is_v5() {
                old.expect("E0: 8E");
            }
            old.expect_end();
            new.quiet();
            new.disconnect();
        }
    }
}

#[test]
fn mqtt_3_1_1__3_1_4_4_and_mqtt_5_0__3_1_4_5_a_connect_that_conforms_is_answered_with_connack_0() {
    let broker = TestBroker::start();
    for version in ALL {
        // user name, password, Will with QoS 2 and Will Retain, keep alive
        let connect = format!("10: {} F6 003C ~ <c> ~ <w> <> <user> <password>", protocol(version));
        let mut client = broker.send(version, &connect);
        client.expect(&connack(version, false));
        client.disconnect();
    }
}

#[test]
fn mqtt_3_1_1__3_1_4_5_and_mqtt_5_0__3_1_4_6_what_stands_behind_a_rejected_connect_is_not_handled() {
    let broker = TestBroker::start();
    broker.refuses(V3_1_1, "10: <MQTT> 04 00 0000 <>; 31: <secret> 'x'", "20: 00 02");
    broker.refuses(V3_1_1, "10: <MQTT> 04 03 0000 <c>; 31: <secret> 'x'; C0:", "");
    let auth = "10: <MQTT> 05 02 0000 [15 <X>] <c>";
    broker.refuses(V5, &format!("{auth}; 31: <secret> [] 'x'; C0:"), "20: 00 8C []");
    let mut reader = broker.client(V5, "reader");
    reader.ask("82: 0001 [] <#> 00", "90: 0001 [] 00");
    reader.quiet();
}

#[test]
fn mqtt_5_0__3_1_2_28_response_information_is_not_given() {
    let broker = TestBroker::start();
    // the standard lets a server keep it back even from a client that asks
    for properties in ["", "19 00", "19 01"] {
        let mut client = broker.send(V5, &format!("10: <MQTT> 05 02 0000 [{properties}] <c>"));
        client.expect(&connack(V5, false));
        client.disconnect();
    }
}

#[test]
fn mqtt_5_0__3_1_2_29_a_client_that_wants_no_problem_information_gets_codes_alone() {
    let broker = TestBroker::start();
    let mut client = broker.send(V5, "10: <MQTT> 05 02 0000 [17 00] <c>");
    client.expect(&connack(V5, false));
    client.ask("32: <nobody> 0001 [] 'x'", "40: 0001 10");
    client.ask("34: <nobody> 0001 [] 'x'", "50: 0001 10");
    client.ask("62: 0001", "70: 0001");
    client.ask("62: 0002", "70: 0002 92");
    client.ask("82: 0003 [] <$share/x> 00", "90: 0003 [] 8F");
    client.ask("A2: 0004 [] <none>", "B0: 0004 [] 11");
}

#[test]
fn what_3_1_disregards_in_connect_is_disregarded_for_3_1() {
    let broker = TestBroker::start();
    // the reserved flag, Will QoS and Will Retain without a Will, user name and password that are not there
    for flags in ["03", "1A", "22", "82", "C2"] {
        let mut client = broker.send(V3_1, &format!("10: <MQIsdp> 03 {flags} 0000 <c>"));
        client.expect(&connack(V3_1, false));
        client.disconnect();
    }
    // but not Will QoS 3, or a password without a user name
    broker.refuses(V3_1, "10: <MQIsdp> 03 1E 0000 <c> <will> <x>", "");
    broker.refuses(V3_1, "10: <MQIsdp> 03 42 0000 <c> <secret>", "");
}

#[test]
fn mqtt_3_1_1__7_1_1_1_and_mqtt_5_0__4_2_0_1_tcp_is_served_as_a_stream_of_bytes() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut client = broker.open(version);
        for byte in crate::support::wire::bytes(version, &format!("{}; C0:", clean(version, "c"))) {
            client.send_bytes(&[byte]);
        }
        client.expect(&format!("{}; D0:", connack(version, false)));
        client.disconnect();
    }
}
