//! 4.6 Message ordering, as a subscriber sees it.

use mqtt_codec::Version::{self, V5};

use crate::support::ALL;
use crate::support::broker::TestBroker;
use crate::support::client::Client;

const MESSAGES: u16 = 300;

/// PUBLISH of each QoS, numbered, some of them pipelined.
fn publish_numbers(publisher: &mut Client, qos: u16) {
    for number in 1..=MESSAGES {
        match qos {
            0 => publisher.send(&format!("30: <a/b> ~ {number:04X}")),
            1 => publisher.send(&format!("32: <a/b> {number:04X} ~ {number:04X}")),
            _ => publisher.send(&format!("34: <a/b> {number:04X} ~ {number:04X}; 62: {number:04X}")),
        }
    }
}

/// The numbers arrive in order; what arrives is acknowledged.
fn read_numbers(reader: &mut Client, version: Version, qos: u16) {
    let mut next = 1;
    while next <= MESSAGES {
        let packet = reader.packet();
        let id = if qos == 0 { 0 } else { 2 };
        match packet[0] {
            first if u16::from(first) == 0x30 | qos << 1 => {
                let payload = 7 + id + usize::from(version.is_v5());
                assert_eq!(packet[payload..], next.to_be_bytes());
                next += 1;
                match qos {
                    0 => {}
                    1 => reader.send(&format!("40: {:02X}{:02X}", packet[7], packet[8])),
                    _ => reader.send(&format!("50: {:02X}{:02X}", packet[7], packet[8])),
                }
            }
            0x62 => reader.send(&format!("70: {:02X}{:02X}", packet[2], packet[3])),
            other => panic!("{other:02X}"),
        }
    }
}

#[test]
fn mqtt_3_1_1__4_6_0_5_and_mqtt_3_1_1__4_6_0_6_and_mqtt_5_0__4_6_0_5_and_mqtt_5_0__4_6_0_6_messages_keep_their_order()
 {
    let broker = TestBroker::start();
    for version in ALL {
        for qos in 0..3 {
            let mut reader = broker.client(version, "reader");
            reader.ask(&format!("82: 0001 ~ <a/+> {qos:02X}"), &format!("90: 0001 ~ {qos:02X}"));
            let mut publisher = broker.client(version, "publisher");
            publish_numbers(&mut publisher, qos);
            read_numbers(&mut reader, version, qos);
        }
    }
}

#[test]
fn mqtt_5_0__4_6_0_5_order_holds_for_what_waited_for_a_client_and_with_a_window_of_one() {
    let broker = TestBroker::start();
    let mut reader = broker.resume(V5, "reader", false);
    reader.ask("82: 0001 [] <a/+> 02", "90: 0001 [] 02");
    reader.disconnect();
    let mut publisher = broker.client(V5, "publisher");
    publish_numbers(&mut publisher, 2);
    for _ in 0..2 * MESSAGES {
        publisher.packet();
    }
    publisher.quiet();
    // Receive Maximum 1
    let mut reader = broker.send(V5, "10: <MQTT> 05 00 0000 [11 FFFFFFFF 21 0001] <reader>");
    reader.expect(&crate::support::broker::connack(V5, true));
    read_numbers(&mut reader, V5, 2);
}
