//! 4.8.2 Shared Subscriptions.

use mqtt_codec::Version::V5;

use crate::support::broker::TestBroker;

#[test]
fn each_message_goes_to_one_member_of_each_share() {
    let broker = TestBroker::start();
    let mut members = ["a", "b", "c"].map(|id| broker.client(V5, id));
    for member in &mut members {
        member.ask("82: 0001 [] <$share/g/t/+> 00", "90: 0001 [] 00");
    }
    let mut other = broker.client(V5, "other");
    other.ask("82: 0001 [] <$share/h/t/+> 00", "90: 0001 [] 00");
    let mut publisher = broker.client(V5, "publisher");
    for number in 10..40 {
        publisher.send(&format!("30: <t/x> [] '{number}'"));
        other.expect(&format!("30: <t/x> [] '{number}'"));
    }
    publisher.quiet();
    let mut numbers = Vec::new();
    for member in &mut members {
        let messages = member.messages();
        assert_eq!(messages.len(), 10);
        numbers.extend(messages.into_iter().map(|(_, payload)| payload));
    }
    numbers.sort();
    assert_eq!(numbers, (10..40).map(|number| number.to_string()).collect::<Vec<_>>());
    other.quiet();
}

#[test]
fn mqtt_5_0__4_8_2_3_the_qos_granted_to_the_chosen_member_holds() {
    let broker = TestBroker::start();
    let mut publisher = broker.client(V5, "publisher");
    for qos in 0..3_u8 {
        let mut member = broker.client(V5, "member");
        member.ask(&format!("82: 0001 [] <$share/g/t> {qos:02X}"), &format!("90: 0001 [] {qos:02X}"));
        for (published, packet) in ["30: <t> []", "32: <t> 0001 []", "34: <t> 0002 []"].iter().enumerate() {
            publisher.send(packet);
            assert_eq!(member.packet()[0], 0x30 | qos.min(published as u8) << 1);
        }
        publisher.expect("40: 0001; 50: 0002");
        publisher.ask("62: 0002", "70: 0002");
        member.disconnect();
    }
}

#[test]
fn mqtt_5_0__4_8_2_4_a_qos_2_delivery_that_has_begun_is_completed_to_the_same_client() {
    let broker = TestBroker::start();
    let mut one = broker.resume(V5, "one", false);
    one.ask("82: 0001 [] <$share/g/t> 02", "90: 0001 [] 02");
    let mut publisher = broker.client(V5, "publisher");
    publisher.ask("34: <t> 0001 [] 'x'; 34: <t> 0002 [] 'y'", "50: 0001; 50: 0002");
    one.expect("34: <t> 0001 [] 'x'; 34: <t> 0002 [] 'y'");
    one.ask("50: 0001", "62: 0001");
    let mut two = broker.client(V5, "two");
    two.ask("82: 0001 [] <$share/g/t> 02", "90: 0001 [] 02");
    one.cut();
    two.quiet();
    let mut one = broker.resume(V5, "one", true);
    one.expect("62: 0001; 3C: <t> 0002 [] 'y'");
    one.ask("70: 0001; 50: 0002", "62: 0002");
    one.send("70: 0002");
    one.quiet();
    two.quiet();
}

#[test]
fn mqtt_5_0__4_8_2_5_a_qos_2_delivery_whose_session_ends_goes_to_nobody_else() {
    let broker = TestBroker::start();
    let mut one = broker.resume(V5, "one", false);
    one.ask("82: 0001 [] <$share/g/t> 02", "90: 0001 [] 02");
    let mut publisher = broker.client(V5, "publisher");
    publisher.ask("34: <t> 0001 [] 'x'", "50: 0001");
    one.expect("34: <t> 0001 [] 'x'");
    let mut two = broker.client(V5, "two");
    two.ask("82: 0001 [] <$share/g/t> 02", "90: 0001 [] 02");
    one.cut();
    broker.client(V5, "one").quiet();
    two.quiet();
}

#[test]
fn mqtt_5_0__4_8_2_6_a_message_that_the_chosen_member_rejects_goes_to_nobody_else() {
    let broker = TestBroker::start();
    let mut one = broker.client(V5, "one");
    one.ask("82: 0001 [] <$share/g/t> 02", "90: 0001 [] 02");
    let mut publisher = broker.client(V5, "publisher");
    publisher.ask("32: <t> 0001 [] 'x'; 34: <t> 0002 [] 'y'", "40: 0001; 50: 0002");
    one.expect("32: <t> 0001 [] 'x'; 34: <t> 0002 [] 'y'");
    let mut two = broker.client(V5, "two");
    two.ask("82: 0001 [] <$share/g/t> 02", "90: 0001 [] 02");
    one.send("40: 0001 97; 50: 0002 83");
    one.quiet();
    two.quiet();
}

#[test]
fn a_shared_subscription_gets_no_retained_messages() {
    let broker = TestBroker::start();
    let mut client = broker.client(V5, "c");
    // not even one whose topic is spelled like the filter
    client.ask("31: <t> [] 'x'; 31: <$share/g/t> [] 'x'; C0:", "D0:");
    for options in ["00", "10", "08"] {
        client.ask(&format!("82: 0001 [] <$share/g/t> {options}"), "90: 0001 [] 00");
        client.quiet();
    }
    // the flag of what is published later is as the options say
    client.ask("31: <t> [] 'y'", "31: <t> [] 'y'");
    client.ask("82: 0002 [] <$share/g/t> 00", "90: 0002 [] 00");
    client.ask("31: <t> [] 'z'", "30: <t> [] 'z'");
}

#[test]
fn subscribing_again_replaces_the_membership() {
    let broker = TestBroker::start();
    let mut client = broker.client(V5, "c");
    client.ask("82: 0001 [0B 05] <$share/g/t> 00", "90: 0001 [] 00");
    client.ask("82: 0002 [0B 06] <$share/g/t> 01", "90: 0002 [] 01");
    client.ask("30: <t> [] 'x'", "30: <t> [0B 06] 'x'");
    client.quiet();
}

#[test]
fn a_member_that_is_connected_is_preferred_and_one_that_is_away_keeps_the_message_if_there_is_no_other() {
    let broker = TestBroker::start();
    let mut away = broker.resume(V5, "away", false);
    away.ask("82: 0001 [] <$share/g/t> 01", "90: 0001 [] 01");
    away.cut();
    let mut there = broker.client(V5, "there");
    there.ask("82: 0001 [] <$share/g/t> 01", "90: 0001 [] 01");
    let mut publisher = broker.client(V5, "publisher");
    for id in 1..=4 {
        publisher.ask(&format!("32: <t> {id:04X} [] 'x'"), &format!("40: {id:04X}"));
        there.expect(&format!("32: <t> {id:04X} [] 'x'"));
    }
    there.disconnect();
    publisher.ask("32: <t> 0005 [] 'kept'", "40: 0005");
    broker.resume(V5, "away", true).expect("32: <t> 0001 [] 'kept'");
}

#[test]
fn the_name_of_a_share_is_no_part_of_matching() {
    let broker = TestBroker::start();
    let mut client = broker.client(V5, "c");
    client.ask("82: 0001 [] <$share/g/#> 00", "90: 0001 [] 00");
    client.ask("30: <a/b> [] 'x'", "30: <a/b> [] 'x'");
    client.ask("30: <$share/g/a> [] 'y'; 30: <$other> [] 'y'; C0:", "D0:");
    // 3.1.1 has no Shared Subscriptions, and the broker serves them there too
    let mut old = broker.client(mqtt_codec::Version::V3_1_1, "old");
    old.ask("82: 0001 <$share/old/a> 00", "90: 0001 00");
    old.ask("30: <a> 'x'", "30: <a> 'x'");
}
