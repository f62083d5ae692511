//! 4.12: enhanced authentication, before CONNACK and anew.

use std::sync::Arc;
use std::time::Duration;

use mqtt_broker::core::Counter;
use mqtt_codec::Version::V5;

use crate::support::broker::TestBroker;
use crate::support::client::Client;
use crate::support::riddle::Riddle;
use crate::support::wire;

const CONNECT: &str = "10: <MQTT> 05 02 0000 [15 <RIDDLE> 16 <ann>] <c>";
const ASKED: &str = "F0: 18 [15 <RIDDLE> 16 <why?>]";
const ANSWER: &str = "F0: 18 [15 <RIDDLE> 16 <because>]";
const ACCEPTED: &str = "20: 00 00 [21 0400 27 00100000 22 000A 15 <RIDDLE> 16 <indeed>]";
const ANEW: &str = "F0: 19 [15 <RIDDLE> 16 <ann>]";
const DONE: &str = "F0: 00 [15 <RIDDLE> 16 <indeed>]";

fn broker() -> TestBroker {
    TestBroker::judged(Arc::new(Riddle), |_| {})
}

fn connected(broker: &TestBroker) -> Client {
    let mut client = broker.send(V5, CONNECT);
    client.expect(ASKED);
    client.send(ANSWER);
    client.expect(ACCEPTED);
    client
}

#[test]
fn mqtt_5_0__4_12_0_2_and_mqtt_5_0__4_12_0_5_a_client_that_answers_right_is_accepted_with_the_servers_proof()
{
    let broker = broker();
    let mut client = connected(&broker);
    client.quiet();
    let judged = broker.handle.judged();
    assert_eq!((judged[0].name.as_str(), judged[0].admitted, judged[0].refused), ("riddle", 1, 0));
    // who is convinced at once asks nothing
    let mut open = broker.send(V5, "10: <MQTT> 05 02 0000 [15 <RIDDLE> 16 <open>] <d>");
    open.expect("20: 00 00 [21 0400 27 00100000 22 000A 15 <RIDDLE>]");
    open.quiet();
}

#[test]
fn mqtt_5_0__4_12_0_4_a_client_that_answers_wrong_is_told_so_and_closed() {
    let broker = broker();
    for _ in 0..2 {
        let mut client = broker.send(V5, CONNECT);
        client.expect(ASKED);
        client.send("F0: 18 [15 <RIDDLE> 16 <dunno>]");
        client.expect("20: 00 86 []");
        client.expect_end();
    }
    assert_eq!(broker.handle.judged()[0].refused, 2);
    assert_eq!(broker.count(Counter::RefusedCredentials), 2);
}

#[test]
fn mqtt_5_0__4_12_0_1_a_method_that_nobody_speaks_is_refused() {
    broker().refuses(V5, "10: <MQTT> 05 02 0000 [15 <riddle> 16 <ann>] <c>", "20: 00 8C []");
}

#[test]
fn mqtt_5_0__3_1_2_30_what_is_no_answer_ends_the_connection() {
    let broker = broker();
    for (packet, code) in [
        ("C0:", "82"),
        ("30: <t> [] 'x'", "82"),
        (CONNECT, "82"),
        (ANEW, "82"),
        ("F0: 18 [15 <other> 16 <because>]", "82"),
        ("F1: 18 [15 <RIDDLE>]", "81"),
        ("F0: 18 []", "82"),
    ] {
        let mut client = broker.send(V5, CONNECT);
        client.expect(ASKED);
        client.send(packet);
        client.expect(&format!("20: 00 {code} []"));
        client.expect_end();
    }
    // one that goes says goodbye to nobody
    let mut client = broker.send(V5, CONNECT);
    client.expect(ASKED);
    client.send("E0:");
    client.expect_end();
}

#[test]
fn what_comes_behind_the_answer_waits_for_connack() {
    let broker = broker();
    let mut client = broker.send(V5, CONNECT);
    client.expect(ASKED);
    client.send(&format!("{ANSWER}; 82: 0001 [] <t> 00; 30: <t> [] 'x'"));
    client.expect(ACCEPTED);
    client.expect("90: 0001 [] 00");
    client.expect("30: <t> [] 'x'");
}

#[test]
fn an_answer_byte_by_byte_is_an_answer() {
    let broker = broker();
    let mut client = broker.send(V5, CONNECT);
    client.expect(ASKED);
    for byte in wire::bytes(V5, ANSWER) {
        client.send_bytes(&[byte]);
    }
    client.expect(ACCEPTED);
}

#[test]
fn a_client_that_does_not_answer_is_given_up() {
    let broker = TestBroker::judged(Arc::new(Riddle), |config| {
        config.lobby.authenticate_timeout = Duration::from_millis(100);
    });
    let mut client = broker.send(V5, CONNECT);
    client.expect(ASKED);
    client.expect("20: 00 88 []");
    client.expect_end();
    assert_eq!(broker.count(Counter::LateAuthenticate), 1);
}

#[test]
fn mqtt_5_0__3_1_2_24_a_client_with_no_room_for_the_question_is_told_so() {
    let connect = "10: <MQTT> 05 02 0000 [15 <RIDDLE> 16 <ann> 27 00000010] <c>";
    broker().refuses(V5, connect, "20: 00 95 []");
}

#[test]
fn mqtt_5_0__4_12_1_1_a_client_authenticates_anew_while_all_else_goes_on() {
    let broker = broker();
    let mut client = connected(&broker);
    for _ in 0..3 {
        client.send(ANEW);
        client.ask("82: 0001 [] <t> 00", "90: 0001 [] 00");
        client.expect(ASKED);
        client.send(&format!("30: <t> [] 'x'; {ANSWER}"));
        client.expect("30: <t> [] 'x'");
        client.expect(DONE);
    }
    assert_eq!(broker.handle.judged()[0].admitted, 4);
}

#[test]
fn mqtt_5_0__4_12_1_2_who_fails_to_authenticate_anew_is_disconnected() {
    let broker = broker();
    let mut client = connected(&broker);
    client.send(ANEW);
    client.expect(ASKED);
    client.send("F0: 18 [15 <RIDDLE> 16 <dunno>]");
    client.expect("E0: 87");
    client.expect_end();
}

#[test]
fn who_becomes_another_user_is_disconnected() {
    let broker = broker();
    let mut client = connected(&broker);
    client.send("F0: 19 [15 <RIDDLE> 16 <open>]");
    client.expect("E0: 87");
    client.expect_end();
}

#[test]
fn who_begins_anew_and_does_not_go_on_is_disconnected() {
    let broker = TestBroker::judged(Arc::new(Riddle), |config| {
        config.lobby.authenticate_timeout = Duration::from_millis(300);
    });
    let mut client = connected(&broker);
    client.send(ANEW);
    client.expect(ASKED);
    client.expect("E0: 87");
    client.expect_end();
}

#[test]
fn a_client_without_method_cannot_authenticate_anew() {
    let broker = TestBroker::judged(Arc::new(Riddle), |config| config.auth.allow_anonymous = true);
    let mut client = broker.client(V5, "c");
    client.send(ANEW);
    client.expect("E0: 82");
    client.expect_end();
}
