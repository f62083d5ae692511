//! 3.12 PINGREQ, 3.14 DISCONNECT and 4.13: asking, leaving, being thrown out.

use mqtt_broker::core::Counter;
use mqtt_codec::Version::V5;

use crate::support::ALL;
use crate::support::broker::TestBroker;

#[test]
fn mqtt_3_1_1__3_12_4_1_and_mqtt_5_0__3_12_4_1_each_pingreq_is_answered() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut client = broker.client(version, "c");
        client.ask("C0:", "D0:");
        client.ask("C0:; C0:; C0:", "D0:; D0:; D0:");
        client.ask("82: 0001 ~ <a> 00", "90: 0001 ~ 00");
    }
}

#[test]
fn mqtt_5_0__3_14_0_1_a_refused_client_gets_connack_and_no_disconnect() {
    let broker = TestBroker::start();
    broker.refuses(V5, "10: <MQTT> 05 03 0000 [] <c>", "20: 00 81 []");
    broker.refuses(V5, "10: <MQTT> 05 02 0000 [15 <X>] <c>", "20: 00 8C []");
    // what is no CONNECT gets nothing at all
    for text in ["C0:", "E0: 00", "30: <a> [] 'x'", "F0: 00 []", "00:", "20: 00 00 []"] {
        broker.refuses(V5, text, "");
    }
}

#[test]
fn after_disconnect_the_server_closes_and_handles_nothing_more() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut reader = broker.client(version, "reader");
        reader.ask("82: 0001 ~ <a> 00", "90: 0001 ~ 00");
        let mut client = broker.client(version, "c");
        client.send("30: <a> ~ 'before'; E0:; 30: <a> ~ 'behind'; C0:");
        client.expect_end();
        reader.expect("30: <a> ~ 'before'");
        reader.quiet();
    }
    assert_eq!(broker.count(Counter::DisconnectedByClient), 3);
}

#[test]
fn mqtt_5_0__4_13_1_1_the_server_says_what_was_wrong_and_closes() {
    for (fault, code) in [
        ("00:", "81"),                         // a reserved type
        ("C1:", "81"),                         // reserved flags
        ("36: <a> 0001 [] 'x'", "81"),         // QoS 3
        ("30: <a> [7F]", "81"),                // a property that does not exist
        ("30: <a> [01 00 01 00]", "82"),       // a property twice
        ("30: <a> [23 0000]", "94"),           // Topic Alias 0
        ("30: <a> [23 000B]", "94"),           // Topic Alias above the maximum
        ("30: <> [23 0001]", "82"),            // a Topic Alias that nothing was mapped to
        ("30: <> []", "82"),                   // no topic at all
        ("32: <a> 0000 []", "82"),             // packet identifier 0
        ("30: <a> [0B 01]", "82"),             // a Subscription Identifier from a client
        ("82: 0001 []", "82"),                 // no filter
        ("82: 0001 [0B 00] <a> 00", "82"),     // Subscription Identifier 0
        ("82: 0001 [] <a> 03", "82"),          // Maximum QoS 3
        ("82: 0001 [] <a> 30", "82"),          // Retain Handling 3
        ("82: 0001 [] <a> 40", "81"),          // a reserved bit
        ("82: 0001 [] <$share/g/a> 04", "82"), // No Local on a Shared Subscription
        ("A2: 0001 []", "82"),                 // no filter
        ("90: 0001 [] 00", "82"),              // a packet that only a server sends
        ("F0: 18 [15 <X>]", "82"),             // AUTH without a method in CONNECT
        ("E0: 00 [11 00000001]", "82"),        // an expiry that CONNECT did not have
    ] {
        let broker = TestBroker::start();
        let mut client = broker.client(V5, "c");
        let mut other = broker.client(V5, "other");
        client.send(fault);
        let received = client.packet();
        let expected = crate::support::wire::bytes(V5, &format!("E0: {code}"));
        assert_eq!(received, expected, "{fault}");
        client.expect_end();
        other.quiet();
    }
}
