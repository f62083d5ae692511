//! 3.10 UNSUBSCRIBE and 3.11 UNSUBACK.

use mqtt_codec::Version::{self, V5};

use crate::support::ALL;
use crate::support::broker::TestBroker;

/// UNSUBACK; the codes are those of 5.0, 3.x has none.
fn unsuback(version: Version, id: &str, codes: &str) -> String {
    if version.is_v5() { format!("B0: {id} [] {codes}") } else { format!("B0: {id}") }
}

#[test]
fn mqtt_3_1_1__3_10_4_1_and_mqtt_5_0__3_10_4_1_filters_are_compared_as_texts() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut client = broker.client(version, "c");
        client.ask("82: 0001 ~ <a/b> 00 <c/+> 00", "90: 0001 ~ 00 00");
        client.ask("A2: 0002 ~ <a/+> <#> <a/b/> <A/b> <c/d>", &unsuback(version, "0002", "11 11 11 11 11"));
        client.ask("30: <a/b> ~ 'x'", "30: <a/b> ~ 'x'");
        client.ask("30: <c/d> ~ 'x'", "30: <c/d> ~ 'x'");
        client.ask("A2: 0003 ~ <c/+>", &unsuback(version, "0003", "00"));
        client.ask("30: <c/d> ~ 'x'; 30: <a/b> ~ 'y'", "30: <a/b> ~ 'y'");
    }
}

#[test]
fn mqtt_3_1_1__3_10_4_2_and_mqtt_5_0__3_10_4_2_after_unsubscribe_no_message_is_added() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut client = broker.resume(version, "c", false);
        let mut publisher = broker.client(version, "publisher");
        client.ask("82: 0001 ~ <a> 02", "90: 0001 ~ 02");
        client.ask("A2: 0002 ~ <a>", &unsuback(version, "0002", "00"));
        let puback = crate::publish::unmatched(version, "40", "0001");
        publisher.ask("32: <a> 0001 ~ 'x'", &puback);
        client.quiet();
        // nor to a session that is away
        client.disconnect();
        publisher.ask("32: <a> 0001 ~ 'x'", &puback);
        broker.resume(version, "c", true).quiet();
        broker.client(version, "c").disconnect();
    }
}

#[test]
fn mqtt_3_1_1__3_10_4_3_and_mqtt_5_0__3_10_4_3_what_has_begun_is_completed() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut client = broker.resume(version, "c", false);
        let mut publisher = broker.client(version, "publisher");
        client.ask("82: 0001 ~ <a> 02", "90: 0001 ~ 02");
        publisher.ask("32: <a> 0001 ~ 'one'", "40: 0001");
        publisher.ask("34: <a> 0002 ~ 'two'", "50: 0002");
        client.expect("32: <a> 0001 ~ 'one'; 34: <a> 0002 ~ 'two'");
        client.ask("A2: 0002 ~ <a>", &unsuback(version, "0002", "00"));
        client.ask("50: 0002", "62: 0002");
        // also over a reconnect
        client.cut();
        let mut client = broker.resume(version, "c", true);
        client.expect("62: 0002; 3A: <a> 0001 ~ 'one'");
        client.send("40: 0001; 70: 0002");
        client.quiet();
        broker.client(version, "c").disconnect();
    }
}

#[test]
fn mqtt_3_1_1__3_10_4_4_and_mqtt_3_1_1__3_10_4_5_and_mqtt_5_0__3_10_4_4_and_mqtt_5_0__3_10_4_5_each_unsubscribe_is_answered_with_its_identifier()
 {
    let broker = TestBroker::start();
    for version in ALL {
        let mut client = broker.client(version, "c");
        for id in ["0001", "FFFF", "0100", "0001"] {
            client.ask(&format!("A2: {id} ~ <nothing>"), &unsuback(version, id, "11"));
        }
    }
}

#[test]
fn mqtt_3_1_1__3_10_4_6_and_mqtt_5_0__3_10_4_6_and_mqtt_5_0__3_11_3_1_several_filters_are_answered_together_in_their_order()
 {
    let broker = TestBroker::start();
    for version in ALL {
        let mut client = broker.client(version, "c");
        client.ask("82: 0001 ~ <a> 00 <b> 00 <c> 00", "90: 0001 ~ 00 00 00");
        // as if one by one: the second time there is nothing left
        client.ask("A2: 0002 ~ <a> <x> <c> <a>", &unsuback(version, "0002", "00 11 00 11"));
        client.ask("30: <a> ~ '1'; 30: <c> ~ '2'; 30: <b> ~ '3'", "30: <b> ~ '3'");
        client.quiet();
    }
}

#[test]
fn unsubscribing_from_a_share_leaves_the_plain_subscription_and_the_other_way_round() {
    let broker = TestBroker::start();
    let mut client = broker.client(V5, "c");
    client.ask("82: 0001 [] <a> 00 <$share/g/a> 00 <$share/h/a> 00", "90: 0001 [] 00 00 00");
    client.ask("A2: 0002 [] <$share/g/a> <$share/x/a>", "B0: 0002 [] 00 11");
    client.ask("30: <a> [] 'x'", "30: <a> [] 'x'; 30: <a> [] 'x'");
    client.ask("A2: 0003 [] <a>", "B0: 0003 [] 00");
    client.ask("30: <a> [] 'y'", "30: <a> [] 'y'");
    client.ask("A2: 0004 [] <$share/h/a>", "B0: 0004 [] 00");
    client.ask("30: <a> [] 'z'; C0:", "D0:");
}
