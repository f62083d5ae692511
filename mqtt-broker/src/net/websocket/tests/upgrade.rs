//! Requests that are granted, and those that are refused with an answer that helps.

use super::super::{End, Input, Refusal, WebSocket};
use super::{BINARY, FINAL, REQUEST, door, frame, pending, read};

/// The response to a request, and what became of the connection.
fn ask(request: &str, origins: &[&str]) -> (String, Option<End>) {
    let mut socket = WebSocket::new(door(origins));
    let end = read(&mut socket, request.as_bytes()).1;
    (String::from_utf8(pending(&mut socket)).expect("text"), end)
}

/// The request with one line replaced.
fn with(line: &str, other: &str) -> String {
    assert!(REQUEST.contains(line));
    REQUEST.replace(line, other)
}

#[test]
fn the_answer_proves_that_the_request_was_understood() {
    // the key is the example of RFC 6455
    let (response, end) = ask(REQUEST, &[]);
    assert_eq!(end, None);
    assert_eq!(
        response,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
    );
}

#[test]
fn requests_as_browsers_and_proxies_write_them_are_granted() {
    for request in [
        with("Connection: Upgrade", "Connection: keep-alive, Upgrade"),
        with("Connection: Upgrade", "Connection: keep-alive\r\nconnection: upgrade"),
        with("Upgrade: websocket", "upgrade: WebSocket"),
        with("Upgrade: websocket", "Upgrade: h2c, websocket"),
        with("/mqtt ", "/mqtt?token=1 "),
        with("/mqtt ", "http://broker.example:8080/mqtt "),
        with("Host: broker.example:8080", "Host:  broker.example \r\nCookie: a=b\r\nOrigin: null"),
        with(
            "Version: 13",
            "Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        ),
        REQUEST.replace("\r\n", "\n"),
    ] {
        let (response, end) = ask(&request, &[]);
        assert_eq!(end, None, "{request}");
        assert!(response.starts_with("HTTP/1.1 101 "), "{request}{response}");
        assert!(!response.contains("Extensions"), "no extension is agreed");
    }
}

#[test]
fn the_subprotocol_is_chosen_from_what_is_offered() {
    for (offer, chosen) in [
        ("mqtt", "mqtt"),
        ("mqttv3.1", "mqttv3.1"),
        ("mqttv3.1, mqtt", "mqtt"),
        ("chat,mqtt", "mqtt"),
        ("chat\r\nSec-WebSocket-Protocol: mqttv3.1", "mqttv3.1"),
    ] {
        let (response, _) = ask(&with("Protocol: mqtt", &format!("Protocol: {offer}")), &[]);
        assert!(response.contains(&format!("Sec-WebSocket-Protocol: {chosen}\r\n")), "{offer}: {response}");
    }
}

#[test]
fn every_refusal_has_a_status_and_a_sentence() {
    let many = (0..200).map(|number| format!("X-{number}: 1\r\n")).collect::<String>();
    let cases = [
        (with("GET", "POST"), Refusal::Method, "405", "Allow: GET\r\n"),
        (with("/mqtt ", "/ "), Refusal::Path, "404", "MQTT over WebSocket is at /mqtt."),
        (with("/mqtt ", "/mqtt/ "), Refusal::Path, "404", "/mqtt"),
        (with("Host: broker.example:8080\r\n", ""), Refusal::Host, "400", "Host"),
        (with("Host: ", "Host: a\r\nHost: "), Refusal::Host, "400", "Host"),
        (with("Upgrade: websocket\r\n", ""), Refusal::NoUpgrade, "426", "Upgrade: websocket\r\n"),
        (with("Upgrade: websocket", "Upgrade: h2c"), Refusal::NoUpgrade, "426", "not a web page"),
        (with("Connection: Upgrade", "Connection: close"), Refusal::NoUpgrade, "426", "MQTT.js"),
        (with("Version: 13", "Version: 8"), Refusal::Version, "426", "Sec-WebSocket-Version: 13\r\n"),
        (with("Sec-WebSocket-Version: 13\r\n", ""), Refusal::Version, "426", "13"),
        (with("dGhl", "!Ghl"), Refusal::Key, "400", "Base64"),
        (with("dGhl", "dGh"), Refusal::Key, "400", "Base64"),
        (
            with("Sec-WebSocket-Key: ", "Sec-WebSocket-Key: x\r\nSec-WebSocket-Key: "),
            Refusal::Key,
            "400",
            "16",
        ),
        (with("Sec-WebSocket-Protocol: mqtt\r\n", ""), Refusal::Subprotocol, "400", "subprotocol mqtt"),
        (with("Protocol: mqtt", "Protocol: chat, MQTT"), Refusal::Subprotocol, "400", "mqtt"),
        (with("HTTP/1.1", "HTTP/1.0"), Refusal::NotHttp, "400", "HTTP/1.1"),
        (with("HTTP/1.1", "HTTP/2"), Refusal::NotHttp, "400", "HTTP/1.1"),
        (with("Host:", "Ho st:"), Refusal::NotHttp, "400", "HTTP/1.1"),
        (with("Host:", &format!("{many}Host:")), Refusal::TooLarge, "431", "too many"),
        (with("Host:", &format!("X: {}\r\nHost:", "x".repeat(9_000))), Refusal::TooLarge, "431", "too long"),
    ];
    for (request, refusal, status, text) in cases {
        let (response, end) = ask(&request, &[]);
        assert_eq!(end, Some(End::Refused(refusal)), "{request}");
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{request}{response}");
        assert!(response.contains(text), "{request}{response}");
        let (headers, body) = response.split_once("\r\n\r\n").expect("an empty line");
        assert!(headers.contains(&format!("Content-Length: {}\r\n", body.len())), "{response}");
        assert!(headers.contains("Connection: close"), "{response}");
    }
}

#[test]
fn only_origins_of_the_list_are_let_in_and_programs_without_one() {
    let list = ["https://dash.example", "http://localhost:3000"];
    for (origin, allowed) in [
        ("Origin: https://dash.example\r\n", true),
        ("Origin: HTTPS://Dash.Example\r\n", true),
        ("origin: http://localhost:3000\r\n", true),
        ("", true),
        ("Origin: http://dash.example\r\n", false),
        ("Origin: https://dash.example.evil\r\n", false),
        ("Origin: null\r\n", false),
        ("Origin: https://dash.example\r\nOrigin: https://evil.example\r\n", false),
    ] {
        let request = with("Host:", &format!("{origin}Host:"));
        let (response, end) = ask(&request, &list);
        assert_eq!(end, (!allowed).then_some(End::Refused(Refusal::Origin)), "{origin}");
        let status = if allowed { "HTTP/1.1 101 " } else { "HTTP/1.1 403 " };
        assert!(response.starts_with(status), "{origin}: {response}");
        assert_eq!(ask(&request, &[]).1, None, "without a list everybody may");
    }
}

#[test]
fn who_speaks_something_else_is_not_waited_for() {
    // a CONNECT, a ClientHello
    for bytes in [&b"\x10\x0C\x00\x04MQTT"[..], b"\x16\x03\x01\x02\x00", b" GET /", b"\r\n"] {
        let mut socket = WebSocket::new(door(&[]));
        assert_eq!(read(&mut socket, &bytes[..1]).1, Some(End::Refused(Refusal::NotHttp)));
        assert!(pending(&mut socket).starts_with(b"HTTP/1.1 400 "));
        assert_eq!(read(&mut socket, &bytes[1..]), (Vec::new(), None));
    }
}

#[test]
fn frames_that_come_with_the_request_are_not_lost() {
    let bytes = [REQUEST.as_bytes(), &frame(FINAL | BINARY, b"CONNECT")].concat();
    for cut in 0..bytes.len() {
        let mut socket = WebSocket::new(door(&[]));
        let (first, second) = bytes.split_at(cut);
        let mut mqtt = read(&mut socket, first).0;
        mqtt.extend(read(&mut socket, second).0);
        assert_eq!(mqtt, b"CONNECT", "cut at {cut}");
    }
}

#[test]
fn a_request_that_comes_byte_by_byte_is_looked_at_once() {
    let mut socket = WebSocket::new(door(&[]));
    let (last, rest) = REQUEST.as_bytes().split_last().expect("bytes");
    for byte in rest {
        assert_eq!(socket.handle_bytes(&mut [*byte]), Input { len: 0, end: None });
        assert!(!socket.wants_write());
    }
    socket.handle_bytes(&mut [*last]);
    assert!(socket.is_open());
}

#[test]
fn a_request_without_end_is_refused_when_it_is_too_long() {
    let mut socket = WebSocket::new(door(&[]));
    assert_eq!(read(&mut socket, b"GET /mqtt HTTP/1.1\r\n").1, None);
    let ends = (0..1_000).filter_map(|_| read(&mut socket, b"X-Filler: 0123456789\r\n").1);
    assert_eq!(ends.collect::<Vec<_>>(), [End::Refused(Refusal::TooLarge)]);
}
