//! 6: MQTT over WebSocket: the statements of the standard, and requests.

use mqtt_broker::config::Listener;
use mqtt_broker::core::Counter;
use mqtt_codec::Version::V5;

use crate::support::ALL;
use crate::support::broker::{TestBroker, clean, connack};
use crate::support::websocket::{BINARY, OFFER, PONG, TEXT, WebSocket, broker, client, frame, open, request};
use crate::support::wire;

/// What the broker says to a request, until it closes.
fn ask(broker: &TestBroker, request: &str) -> String {
    let mut client = WebSocket::connect(broker.address(1), V5);
    client.send(request.as_bytes());
    client.rest()
}

#[test]
fn mqtt_3_1_1__6_0_0_1_and_mqtt_5_0__6_0_0_1_a_text_frame_ends_the_connection() {
    let broker = broker();
    for version in ALL {
        let mut stranger = open(&broker, version);
        stranger.send(&frame(TEXT, &wire::bytes(version, &clean(version, "c"))));
        stranger.expect_close(1003);

        let mut client = client(&broker, version, "c");
        client.send(&[frame(TEXT, b"\xC0\x00"), frame(BINARY, b"\xC0\x00")].concat());
        client.expect_close(1003);
    }
    assert_eq!(broker.count(Counter::ClientsConnected), 3);
}

#[test]
fn mqtt_3_1_1__6_0_0_1_and_mqtt_5_0__6_0_0_1_packets_are_sent_in_binary_frames() {
    let broker = broker();
    for version in ALL {
        let mut client = client(&broker, version, "c");
        client.send_packets("82: 0001 ~ <a> 01; 30: <a> ~ 'x'; C0:");
        // which packets share a frame is left open, their kind is not
        client.expect("90: 0001 ~ 01");
        let rest = [client.packet(), client.packet()];
        assert!(rest.contains(&wire::bytes(version, "30: <a> ~ 'x'")), "{rest:?}");
        assert!(rest.contains(&wire::bytes(version, "D0:")), "{rest:?}");
    }
}

#[test]
fn mqtt_3_1_1__6_0_0_2_and_mqtt_5_0__6_0_0_2_packets_are_not_aligned_with_frames() {
    let broker = broker();
    for version in ALL {
        let connect = wire::bytes(version, &clean(version, "c"));
        let packets = wire::bytes(version, "82: 0001 ~ <a/b> 00; 30: <a/b> ~ 'hello'; C0:");
        let all = [connect, packets].concat();
        let expect = |client: &mut WebSocket| {
            client.expect(&connack(version, false));
            let mut rest = [client.packet(), client.packet(), client.packet()];
            rest.sort();
            let expected = ["30: <a/b> ~ 'hello'", "90: 0001 ~ 00", "D0:"];
            assert_eq!(rest, expected.map(|text| wire::bytes(version, text)));
        };
        // each byte a frame, and each byte of these frames a segment
        let mut client = open(&broker, version);
        for byte in all.iter().flat_map(|byte| frame(BINARY, &[*byte])) {
            client.send(&[byte]);
        }
        expect(&mut client);
        // everything in one frame
        let mut client = open(&broker, version);
        client.send(&frame(BINARY, &all));
        expect(&mut client);
        // one message in fragments, with control frames between
        let mut client = open(&broker, version);
        let (first, second) = all.split_at(all.len() / 2);
        client.send(&frame(0x02, first));
        client.send(&[frame(PONG, b"unasked"), frame(0x00, b""), frame(0x80, second)].concat());
        expect(&mut client);
    }
}

#[test]
fn mqtt_3_1_1__6_0_0_3_and_mqtt_5_0__6_0_0_3_a_client_that_does_not_offer_mqtt_is_refused() {
    let broker = broker();
    for offer in ["", "Sec-WebSocket-Protocol: chat\r\n", "Sec-WebSocket-Protocol: MQTT, mqttv5\r\n"] {
        let answer = ask(&broker, &request("/mqtt", offer));
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.ends_with("offer the subprotocol mqtt in Sec-WebSocket-Protocol.\n"), "{answer}");
    }
    assert_eq!(broker.count(Counter::WebSocketSubprotocol), 3);
    assert_eq!(broker.count(Counter::ClientsRefused), 3);
}

#[test]
fn mqtt_3_1_1__6_0_0_4_and_mqtt_5_0__6_0_0_4_the_subprotocol_of_the_answer_is_mqtt() {
    let broker = broker();
    for (offer, chosen) in [("mqtt", "mqtt"), ("chat, mqttv3.1, mqtt", "mqtt"), ("mqttv3.1", "mqttv3.1")] {
        let mut client = WebSocket::connect(broker.address(1), V5);
        client.send(request("/mqtt", &format!("Sec-WebSocket-Protocol: {offer}\r\n")).as_bytes());
        let answer = client.response();
        assert!(answer.contains(&format!("\r\nSec-WebSocket-Protocol: {chosen}\r\n")), "{answer}");
    }
}

#[test]
fn requests_that_cannot_be_granted_are_answered_with_a_sentence() {
    let broker = TestBroker::with(|config| {
        let mut listener: Listener = "ws://127.0.0.1:0/iot".parse().expect("a URL");
        listener.origins = vec!["https://dash.example".to_owned()];
        config.listeners.push(listener);
    });
    let mut welcome = WebSocket::connect(broker.address(1), V5);
    welcome.send(request("/iot", &format!("{OFFER}Origin: https://dash.example\r\n")).as_bytes());
    assert!(welcome.response().starts_with("HTTP/1.1 101 "));
    let page = "GET /iot HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n";
    let evil = request("/iot", &format!("{OFFER}Origin: https://evil.example\r\n"));
    let cases: [(&str, &str, &str); 5] = [
        (page, "426", "This is an MQTT broker, not a web page"),
        (&request("/mqtt", OFFER), "404", "MQTT over WebSocket is at /iot."),
        (&evil, "403", "Web pages of this origin may not connect"),
        ("POST /iot HTTP/1.1\r\nHost: localhost\r\n\r\n", "405", "begins with a GET request"),
        ("\x10\x0C\x00\x04MQTT", "400", "This port speaks MQTT over WebSocket"),
    ];
    for (request, status, sentence) in cases {
        let answer = ask(&broker, request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains(sentence), "{answer}");
    }
    for (counter, count) in
        [(Counter::WebSocketPath, 1), (Counter::WebSocketOrigin, 1), (Counter::WebSocketRequest, 3)]
    {
        assert_eq!(broker.count(counter), count, "{}", counter.name());
    }
}

#[test]
fn what_follows_the_request_in_the_same_segment_is_handled() {
    let broker = broker();
    for version in ALL {
        let mut client = WebSocket::connect(broker.address(1), version);
        let connect = frame(BINARY, &wire::bytes(version, &clean(version, "c")));
        client.send(&[request("/mqtt", OFFER).as_bytes(), &connect].concat());
        assert!(client.response().starts_with("HTTP/1.1 101 "));
        client.expect(&connack(version, false));
    }
}
