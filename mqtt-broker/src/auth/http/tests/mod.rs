//! Questions to servers that answer well, badly, late and not at all.

mod answers;
mod server;
mod settings;

use std::net::{Ipv4Addr, TcpListener};

use mqtt_codec::{Text, Version};

use super::*;
use crate::auth::{Identity, Secret};
use crate::config::Listener;
use server::{Reply, Server};

const ALLOW: &str = r#"{"result": "allow"}"#;
const UNAVAILABLE: Decision = Decision::Refuse(Refused::Unavailable);

/// Without a cache, so that each question is asked.
fn settings(server: &Server) -> HttpSettings {
    HttpSettings { url: format!("http://{}/mqtt?x=1", server.address), cache: 0, ..HttpSettings::default() }
}

fn http(settings: &HttpSettings) -> Http {
    Http::new(settings).expect("settings")
}

fn attempt(password: &'static [u8]) -> Attempt {
    Attempt {
        listener: Listener::loopback().address,
        peer: Some(Ipv4Addr::LOCALHOST.into()),
        version: Version::V5,
        client_id: Text::new("thermometer").expect("text"),
        user_name: Text::new("alice").ok(),
        password: Some(Secret::new(Bytes::from_static(password))),
        certificates: Vec::new(),
    }
}

fn alice() -> Decision {
    Decision::Admit(Identity { user_name: Text::new("alice").ok(), ..Identity::default() })
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// Decisions on the same client, one after the other.
fn decide(http: &Http, times: usize) -> Vec<Decision> {
    run(async {
        let mut decisions = Vec::new();
        for _ in 0..times {
            decisions.push(http.authenticate(&attempt(b"pencil")).await);
        }
        decisions
    })
}

#[test]
fn the_question_says_what_the_client_shows() {
    let server = Server::start(|_| Reply::Answer("204 No Content", ""));
    assert_eq!(decide(&http(&settings(&server)), 1), [alice()]);
    let [question] = &server.questions()[..] else { panic!("one question") };
    let (head, body) = question.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("POST /mqtt?x=1 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("host: {}", server.address)), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let expected = serde_json::json!({
        "client_id": "thermometer",
        "user_name": "alice",
        "password": "pencil",
        "peer": "127.0.0.1",
        "listener": "tcp://127.0.0.1:1883",
        "protocol_version": 5,
    });
    assert_eq!(body, expected);
}

#[test]
fn what_is_no_text_and_what_is_not_shown_has_its_own_form() {
    let body = |attempt: &Attempt| serde_json::from_slice(&question(attempt)).expect("JSON");
    let binary: serde_json::Value = body(&attempt(b"\xFF\x00"));
    assert_eq!(binary["password_base64"], "/wA=");
    assert_eq!(binary.get("password"), None);
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::new(Vec::new()).expect("no names");
    params.distinguished_name.push(rcgen::DnType::CommonName, "t");
    let certificate = params.self_signed(&key).expect("a certificate").der().to_vec();
    let silent = Attempt {
        user_name: None,
        password: None,
        peer: None,
        certificates: vec![certificate],
        ..attempt(b"")
    };
    let silent: serde_json::Value = body(&silent);
    let expected = serde_json::json!({
        "client_id": "thermometer",
        "listener": "tcp://127.0.0.1:1883",
        "protocol_version": 5,
        "certificate_subject": "CN=t",
    });
    assert_eq!(silent, expected);
}

#[test]
fn a_connection_serves_many_questions() {
    let server = Server::start(|_| Reply::Answer("200 OK", ALLOW));
    assert_eq!(decide(&http(&settings(&server)), 5), vec![alice(); 5]);
    assert_eq!((server.questions().len(), server.connections()), (5, 1));
}

#[test]
fn a_connection_that_the_server_has_closed_is_made_anew() {
    let server = Server::start(|_| Reply::AnswerAndClose("200 OK", ALLOW));
    assert_eq!(decide(&http(&settings(&server)), 5), vec![alice(); 5]);
    assert_eq!((server.questions().len(), server.connections()), (5, 5));
}

#[test]
fn no_more_connections_are_open_than_may_be() {
    let server = Server::start(|_| Reply::Answer("200 OK", ALLOW));
    let http = http(&HttpSettings { connections: std::num::NonZeroU16::MIN, ..settings(&server) });
    run(async {
        let attempts = [attempt(b"a"), attempt(b"b"), attempt(b"c")];
        let [a, b, c] = attempts.each_ref().map(|attempt| http.authenticate(attempt));
        assert_eq!(tokio::join!(a, b, c), (alice(), alice(), alice()));
    });
    assert_eq!((server.questions().len(), server.connections()), (3, 1));
}

#[test]
fn a_server_that_hangs_lets_nobody_in_and_may_come_back() {
    let server = Server::start(|number| match number {
        0 => Reply::Hang,
        _ => Reply::Answer("200 OK", ALLOW),
    });
    let http = http(&HttpSettings { timeout: Duration::from_millis(50), ..settings(&server) });
    assert_eq!(decide(&http, 1), [UNAVAILABLE]);
    assert!(http.is_silent.load(Ordering::Relaxed));
    let patient = Http { timeout: Duration::from_secs(60), ..http };
    assert_eq!(decide(&patient, 1), [alice()]);
    assert!(!patient.is_silent.load(Ordering::Relaxed));
}

#[test]
fn a_server_that_dies_lets_nobody_in() {
    let server = Server::start(|_| Reply::Close);
    assert_eq!(decide(&http(&settings(&server)), 2), [UNAVAILABLE, UNAVAILABLE]);

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    drop(listener);
    assert_eq!(decide(&http(&HttpSettings { url, ..HttpSettings::default() }), 1), [UNAVAILABLE]);
}

#[test]
fn an_answer_has_a_longest_length() {
    let server = Server::start(|number| match number {
        0 => Reply::Raw(format!("HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{}", "x".repeat(999))),
        1 => Reply::Raw(format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(1 << 20))),
        2 => Reply::Raw(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(1 << 20))),
        3 => Reply::Raw("HTTP/1.1 200 OK\r\ncontent-length: 19\r\n\r\n{\"result\"".to_owned()),
        4 => Reply::Raw("no HTTP\r\n\r\n".to_owned()),
        _ => Reply::Answer("200 OK", ALLOW),
    });
    let http = http(&HttpSettings { answer_size: 100, ..settings(&server) });
    let decisions = decide(&http, 6);
    assert_eq!(decisions, [vec![UNAVAILABLE; 5], vec![alice()]].concat());
}

#[test]
fn no_redirection_is_followed() {
    let server = Server::start(|_| {
        Reply::Raw(
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n".to_owned(),
        )
    });
    assert_eq!(decide(&http(&settings(&server)), 1), [UNAVAILABLE]);
    assert_eq!(server.questions().len(), 1);
}

#[test]
fn the_same_question_is_asked_once() {
    let server = Server::start(|_| Reply::Answer("200 OK", ALLOW));
    let http = http(&HttpSettings { cache: 10, ..settings(&server) });
    assert_eq!(decide(&http, 3), vec![alice(); 3]);
    assert_eq!(server.questions().len(), 1);
    let other = attempt(b"Pencil");
    assert_eq!(run(http.authenticate(&other)), alice());
    assert_eq!(server.questions().len(), 2);
}

#[test]
fn a_server_that_did_not_answer_is_asked_again() {
    let server = Server::start(|number| match number {
        0 => Reply::Answer("500 Oh", ""),
        _ => Reply::Answer("200 OK", ALLOW),
    });
    let http = http(&HttpSettings { cache: 10, ..settings(&server) });
    assert_eq!(decide(&http, 2), [UNAVAILABLE, alice()]);
}
