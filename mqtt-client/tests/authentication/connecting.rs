//! Authentication by CONNECT, AUTH and CONNACK.

use std::time::Duration;

use mqtt_client::{
    AuthenticationError, Client, CloseReason, ConnectionError, OptionProblem, QoS, ReasonCode, Status, Step,
    Text, Version, Violation,
};
use mqtt_codec::{Ack, ConnAck, Delivery, Message, Packet, Publish};

use crate::common::script::{Peer, server, settle};
use crate::common::{options, start, within};
use crate::puzzle::{accept, auth, connack, go_on, goodbye, named, puzzles};

/// How an attempt to connect ends when the server answers CONNECT with `packets` and hears the client out, and the
/// reason of the client's DISCONNECT.
async fn ending(packets: &[Packet]) -> (ConnectionError, ReasonCode) {
    let mut bytes = Vec::new();
    packets.iter().for_each(|packet| packet.encode(Version::V5, &mut bytes).unwrap());
    ending_with(&bytes).await
}

async fn ending_with(bytes: &[u8]) -> (ConnectionError, ReasonCode) {
    let (pipes, mut server) = server(Version::V5, 4_096);
    let (client, mut connection) = Client::with_dialer(puzzles(0).0, pipes).unwrap();
    client.publish("m", "").qos(QoS::AtLeastOnce).try_send().unwrap();
    let script = async {
        let (mut peer, _) = server.accept().await;
        peer.send_bytes(bytes).await;
        goodbye(&mut peer).await
    };
    let (opened, reason) = within(async { tokio::join!(connection.open(), script) }).await;
    assert!(!client.status().is_connected());
    assert_eq!(client.stats().received, 0);
    (opened.unwrap_err(), reason)
}

/// Why the first attempt of a client has failed that goes on trying.
async fn failure(client: &Client) -> String {
    let mut status = client.watch_status();
    let status = within(status.wait_for(|status| matches!(status, Status::Disconnected { .. }))).await;
    let Status::Disconnected { cause, .. } = &*status.unwrap() else { panic!("it is connected") };
    cause.to_string()
}

#[tokio::test(start_paused = true)]
async fn mqtt_5_0__4_12_0_3_each_challenge_is_answered_by_auth_continue_and_connack_ends_it() {
    let (pipes, mut server) = server(Version::V5, 7);
    let (client, _driver) = start(puzzles(0).0, pipes);
    let publish = client.publish("m", "").qos(QoS::AtLeastOnce).send().await.unwrap();
    let (mut peer, connect) = server.accept().await;
    assert_eq!(connect.properties.authentication_method.as_deref(), Some("PUZZLE"));
    assert_eq!(connect.properties.authentication_data.as_deref(), Some(&b"0"[..]));
    for (asked, said) in [("one", "ONE"), ("two", "TWO"), ("three", "THREE")] {
        peer.send(go_on(asked)).await;
        assert_eq!(peer.receive().await, go_on(said));
    }
    assert!(peer.is_quiet().await);
    assert!(!client.status().is_connected());
    accept(&mut peer).await;
    let Packet::Publish(Publish { delivery: Delivery::AtLeastOnce { id, .. }, .. }) = peer.receive().await
    else {
        panic!("no PUBLISH")
    };
    peer.send(Packet::PubAck(Ack::new(id))).await;
    within(publish).await.unwrap();
    assert!(client.status().is_connected());
}

#[tokio::test(start_paused = true)]
async fn mqtt_5_0__4_12_0_5_a_server_with_another_method_or_none_is_left() {
    let other = auth(ReasonCode::ContinueAuthentication, "puzzle", "x");
    for packet in [
        other,
        Packet::ConnAck(connack(Some("puzzle"), "proof")),
        Packet::ConnAck(connack(None, "")),
        Packet::ConnAck(ConnAck::new(false, ReasonCode::Success)),
    ] {
        let (error, reason) = ending(&[packet]).await;
        let ConnectionError::Closed(CloseReason::Violation(violation)) = error else { panic!("{error}") };
        assert_eq!((violation, reason), (Violation::AuthMethod, ReasonCode::ProtocolError));
    }
}

#[tokio::test(start_paused = true)]
async fn an_auth_without_method_ends_the_connection() {
    for bytes in [&[0xf0, 2, 0x18, 0][..], &[0xf0, 0]] {
        let (error, reason) = ending_with(bytes).await;
        let is_expected = matches!(
            error,
            ConnectionError::Closed(
                CloseReason::Malformed(_) | CloseReason::Violation(Violation::AuthMethod)
            )
        );
        assert!(is_expected, "{error}");
        assert_eq!(reason, ReasonCode::ProtocolError);
    }
}

#[tokio::test(start_paused = true)]
async fn mqtt_5_0__4_12_0_7_without_a_method_an_auth_of_the_server_is_answered_by_the_end() {
    let (pipes, mut server) = server(Version::V5, 4_096);
    let (client, _driver) = start(options(Version::V5, "me"), pipes);
    let (mut peer, connect) = server.accept().await;
    assert_eq!(connect.properties.authentication_method, None);
    assert_eq!(connect.properties.authentication_data, None);
    peer.send(go_on("unasked")).await;
    assert_eq!(goodbye(&mut peer).await, ReasonCode::ProtocolError);
    assert!(failure(&client).await.contains(&Violation::UnexpectedAuth.to_string()));
}

#[tokio::test(start_paused = true)]
async fn a_challenge_that_cannot_be_answered_ends_the_connection_for_good() {
    let (error, reason) = ending(&[go_on("bad")]).await;
    assert!(error.is_permanent());
    assert_eq!(
        error.to_string(),
        "authentication: the server's challenge cannot be answered: no such puzzle"
    );
    assert!(matches!(error, ConnectionError::Authentication(AuthenticationError::Step(_))));
    assert_eq!(reason, ReasonCode::UnspecifiedError);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_cannot_prove_itself_gets_no_message_and_none_of_it_is_taken() {
    let message = Packet::Publish(Publish {
        message: Message::new("a".try_into().unwrap(), "").into(),
        delivery: Delivery::AtMostOnce,
        retain: false,
        expiry: None,
        alias: None,
        subscription_ids: Vec::new(),
    });
    let (error, reason) = ending(&[Packet::ConnAck(connack(Some("PUZZLE"), "prof")), message]).await;
    assert!(error.is_permanent());
    assert_eq!(error.to_string(), "authentication: the server has not proved who it is: no proof");
    assert!(matches!(error, ConnectionError::Authentication(AuthenticationError::Server(_))));
    assert_eq!(reason, ReasonCode::UnspecifiedError);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_wait_for_the_answer_is_not_trusted() {
    let connack = Packet::ConnAck(connack(Some("PUZZLE"), "proof"));
    let (error, _) = ending(&[go_on("wait"), connack]).await;
    assert!(matches!(error, ConnectionError::Authentication(AuthenticationError::NotAwaited)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_the_servers_word_whatever_the_method_would_say() {
    let (pipes, mut server) = server(Version::V5, 7);
    let (_client, driver) = start(puzzles(0).0, pipes);
    let (mut peer, _) = server.accept().await;
    peer.send(Packet::ConnAck(ConnAck::new(false, ReasonCode::BadAuthenticationMethod))).await;
    let error = within(driver).await.unwrap().unwrap_err();
    assert!(error.starts_with("the server refused the connection: "), "{error}");
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_a_value_of_its_own_and_one_that_cannot_start_waits_for_the_next() {
    let (pipes, mut server) = server(Version::V5, 7);
    let (client, _driver) = start(puzzles(12).0, pipes);
    let number = async |peer: &mut (Peer, mqtt_codec::Connect)| peer.1.properties.authentication_data.take();
    let mut first = server.accept().await;
    assert_eq!(number(&mut first).await.as_deref(), Some(&b"12"[..]));
    accept(&mut first.0).await;
    settle().await;
    assert!(client.status().is_connected());
    drop(first);
    let mut status = client.watch_status();
    let cannot_start = |status: &Status| match status {
        Status::Disconnected { cause, .. } => {
            matches!(&**cause, ConnectionError::Authentication(AuthenticationError::Start(_)))
                && !cause.is_permanent()
        }
        _ => false,
    };
    within(status.wait_for(cannot_start)).await.unwrap();
    let mut third = server.accept().await;
    assert_eq!(number(&mut third).await.as_deref(), Some(&b"14"[..]));
    accept(&mut third.0).await;
    within(status.wait_for(Status::is_connected)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn while_the_method_works_the_connect_timeout_and_the_servers_end_count() {
    let (pipes, mut server) = server(Version::V5, 7);
    let (client, _driver) = start(puzzles(0).0.connect_timeout(Duration::from_secs(5)), pipes);
    let (mut peer, _) = server.accept().await;
    peer.send(go_on("wait")).await;
    peer.closed().await;
    assert_eq!(failure(&client).await, ConnectionError::Timeout(Step::ConnAck).to_string());
    let (mut peer, _) = server.accept().await;
    peer.send(go_on("wait")).await;
    drop(peer);
    let (mut peer, connect) = server.accept().await;
    assert_eq!(connect.properties.authentication_data.as_deref(), Some(&b"2"[..]));
    accept(&mut peer).await;
    within(client.watch_status().wait_for(Status::is_connected)).await.unwrap();
}

#[test]
fn a_method_of_authentication_needs_5_0() {
    for version in [Version::V3_1, Version::V3_1_1] {
        match Client::new(puzzles(0).0.version(version)).unwrap_err() {
            ConnectionError::Option { option, problem } => {
                assert_eq!((option, problem), ("authentication", OptionProblem::OnlyInV5));
            }
            other => panic!("{other}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_method_that_connect_cannot_carry_is_an_error_of_the_option() {
    let (long, _) = puzzles(77);
    let text = OptionProblem::Text(Text::new("\0").unwrap_err());
    for (options, expected) in [(long, OptionProblem::OutOfRange), (named(["\0"]), text)] {
        let (pipes, _server) = server(Version::V5, 7);
        let (_client, mut connection) = Client::with_dialer(options, pipes).unwrap();
        match within(connection.open()).await.unwrap_err() {
            ConnectionError::Option { option, problem } => {
                assert_eq!((option, problem), ("authentication", expected));
            }
            other => panic!("{other}"),
        }
    }
}
