//! Re-authentication on a connection.

use std::time::Duration;

use mqtt_client::{
    AuthenticationError, Client, CloseReason, ConnectOptions, QoS, ReasonCode, ReauthenticationError, Status,
    Version,
};
use mqtt_codec::{Ack, ConnAck, Delivery, Disconnect, Packet, Publish};
use tokio::task::JoinHandle;

use crate::common::script::{Peer, Server, server, settle};
use crate::common::{Driver, options, start, within};
use crate::puzzle::{accept, anew, auth, connack, done, go_on, goodbye, named, puzzles};

/// A client that has authenticated, and its server.
async fn connected(options: ConnectOptions) -> (Client, Driver, Peer, Server) {
    let (pipes, mut server) = server(Version::V5, 4_096);
    let (client, driver) = start(options, pipes);
    let (mut peer, _) = server.accept().await;
    accept(&mut peer).await;
    within(client.watch_status().wait_for(Status::is_connected)).await.unwrap();
    (client, driver, peer, server)
}

type Answer = JoinHandle<Result<(), ReauthenticationError>>;

fn reauthenticate(client: &Client) -> Answer {
    let client = client.clone();
    tokio::spawn(async move { client.reauthenticate().await })
}

async fn error(answer: Answer) -> ReauthenticationError {
    within(answer).await.unwrap().unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn mqtt_5_0__4_12_1_1_a_re_authentication_keeps_to_the_method_while_all_else_goes_on() {
    let (client, _driver, mut peer, _server) = connected(puzzles(0).0).await;
    let answer = reauthenticate(&client);
    assert_eq!(peer.receive().await, anew("1"));
    peer.send(go_on("one")).await;
    assert_eq!(peer.receive().await, go_on("ONE"));
    let publish = client.publish("m", "").qos(QoS::AtLeastOnce).send().await.unwrap();
    let Packet::Publish(Publish { delivery: Delivery::AtLeastOnce { id, .. }, .. }) = peer.receive().await
    else {
        panic!("no PUBLISH")
    };
    peer.send(Packet::PubAck(Ack::new(id))).await;
    within(publish).await.unwrap();
    assert!(!answer.is_finished());
    peer.send(done("proof")).await;
    within(answer).await.unwrap().unwrap();

    // and once more, with a value of its own
    let answer = reauthenticate(&client);
    assert_eq!(peer.receive().await, anew("2"));
    peer.send(done("proof")).await;
    within(answer).await.unwrap().unwrap();
    assert!(client.status().is_connected());
}

#[tokio::test(start_paused = true)]
async fn mqtt_5_0__4_12_1_1_a_value_with_another_method_is_not_used() {
    let (client, _driver, mut peer, _server) = connected(named(["PUZZLE", "RIDDLE"])).await;
    assert!(matches!(error(reauthenticate(&client)).await, ReauthenticationError::OtherMethod));
    assert!(peer.is_quiet().await);
    let answer = reauthenticate(&client);
    assert_eq!(peer.receive().await, anew("0"));
    peer.send(done("proof")).await;
    within(answer).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn mqtt_5_0__4_12_0_7_without_a_method_there_is_no_re_authentication() {
    let (pipes, mut server) = server(Version::V5, 4_096);
    let (client, _driver) = start(options(Version::V5, "me"), pipes);
    let mut peer = server.connected(false).await;
    assert!(matches!(error(reauthenticate(&client)).await, ReauthenticationError::NoMethod));
    assert!(peer.is_quiet().await);
}

#[tokio::test(start_paused = true)]
async fn mqtt_5_0__4_12_1_2_a_server_that_is_not_convinced_says_why_and_the_client_connects_again() {
    let (client, _driver, mut peer, mut server) = connected(puzzles(0).0).await;
    let answer = reauthenticate(&client);
    assert_eq!(peer.receive().await, anew("1"));
    peer.send(Packet::Disconnect(Disconnect::new(ReasonCode::NotAuthorized))).await;
    let error = error(answer).await;
    assert!(
        matches!(error, ReauthenticationError::Disconnected(CloseReason::Peer(ReasonCode::NotAuthorized))),
        "{error}"
    );
    peer.closed().await;
    let (_, connect) = server.accept().await;
    assert_eq!(connect.properties.authentication_data.as_deref(), Some(&b"2"[..]));
}

#[tokio::test(start_paused = true)]
async fn mqtt_5_0__4_12_1_2_a_client_that_is_not_convinced_ends_the_connection_with_disconnect() {
    for (packet, text) in [
        (done("prof"), "the server has not proved who it is: no proof"),
        (go_on("bad"), "the server's challenge cannot be answered: no such puzzle"),
    ] {
        let (client, _driver, mut peer, mut server) = connected(puzzles(0).0).await;
        let answer = reauthenticate(&client);
        assert_eq!(peer.receive().await, anew("1"));
        peer.send(packet).await;
        let error = error(answer).await;
        assert!(matches!(error, ReauthenticationError::Failed(_)));
        assert_eq!(error.to_string(), text);
        assert_eq!(goodbye(&mut peer).await, ReasonCode::UnspecifiedError);
        let Status::Disconnected { cause, .. } = client.status() else { panic!("{:?}", client.status()) };
        assert_eq!(cause.to_string(), format!("authentication: {text}"));
        // the server was accepted before: it may be there again
        let (_, connect) = server.accept().await;
        assert_eq!(connect.properties.authentication_data.as_deref(), Some(&b"2"[..]));
    }
}

#[tokio::test(start_paused = true)]
async fn mqtt_5_0__4_12_0_5_another_method_in_a_re_authentication_ends_the_connection() {
    let (client, _driver, mut peer, _server) = connected(puzzles(0).0).await;
    let answer = reauthenticate(&client);
    assert_eq!(peer.receive().await, anew("1"));
    peer.send(auth(ReasonCode::Success, "RIDDLE", "proof")).await;
    assert!(matches!(error(answer).await, ReauthenticationError::Disconnected(CloseReason::Violation(_))));
    assert_eq!(goodbye(&mut peer).await, ReasonCode::ProtocolError);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_lost_ends_what_was_under_way_whoever_has_its_turn() {
    for waits in [false, true] {
        let (client, _driver, mut peer, mut server) = connected(puzzles(0).0).await;
        let answer = reauthenticate(&client);
        assert_eq!(peer.receive().await, anew("1"));
        if waits {
            peer.send(go_on("wait")).await;
            settle().await;
        }
        drop(peer);
        assert!(matches!(error(answer).await, ReauthenticationError::Disconnected(CloseReason::Transport)));
        assert!(matches!(error(reauthenticate(&client)).await, ReauthenticationError::NotConnected));
        let (mut peer, connect) = server.accept().await;
        assert_eq!(connect.properties.authentication_data.as_deref(), Some(&b"2"[..]));
        assert!(matches!(error(reauthenticate(&client)).await, ReauthenticationError::NotConnected));
        accept(&mut peer).await;
        let answer = reauthenticate(&client);
        assert_eq!(peer.receive().await, anew("3"));
        peer.send(done("proof")).await;
        within(answer).await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_re_authentication_that_nobody_waits_for_goes_on_alone() {
    let (client, _driver, mut peer, _server) = connected(puzzles(0).0).await;
    let cancelled = tokio::time::timeout(Duration::from_secs(1), client.reauthenticate()).await;
    assert!(cancelled.is_err());
    assert_eq!(peer.receive().await, anew("1"));
    assert!(matches!(error(reauthenticate(&client)).await, ReauthenticationError::UnderWay));
    peer.send(go_on("one")).await;
    assert_eq!(peer.receive().await, go_on("ONE"));
    peer.send(done("proof")).await;
    settle().await;
    let answer = reauthenticate(&client);
    assert_eq!(peer.receive().await, anew("2"));
    peer.send(done("proof")).await;
    within(answer).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn while_the_method_works_the_connection_is_served() {
    let (options, go) = puzzles(0);
    let (client, _driver, mut peer, _server) = connected(options.keep_alive(Duration::from_secs(10))).await;
    let answer = reauthenticate(&client);
    assert_eq!(peer.receive().await, anew("1"));
    peer.send(go_on("wait")).await;
    for _ in 0..3 {
        assert_eq!(peer.receive().await, Packet::PingReq);
        peer.send(Packet::PingResp).await;
    }
    go.notify_one();
    assert_eq!(peer.receive().await, go_on("WAIT"));
    peer.send(done("proof")).await;
    within(answer).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_cannot_begin_leaves_the_connection_as_it_is() {
    // one that cannot start, and one that is larger than the server takes
    for first in [12, 65] {
        let (pipes, mut server) = server(Version::V5, 4_096);
        let (client, _driver) = start(puzzles(first).0, pipes);
        let (mut peer, _) = server.accept().await;
        let mut narrow: ConnAck = connack(Some("PUZZLE"), "proof");
        narrow.properties.maximum_packet_size = Some(60.try_into().unwrap());
        peer.send(Packet::ConnAck(narrow)).await;
        within(client.watch_status().wait_for(Status::is_connected)).await.unwrap();
        let ReauthenticationError::Failed(failed) = error(reauthenticate(&client)).await else {
            panic!("it did not fail")
        };
        match first {
            12 => assert!(matches!(failed, AuthenticationError::Start(_))),
            _ => assert!(matches!(failed, AuthenticationError::PacketTooLarge)),
        }
        assert!(peer.is_quiet().await);
        let answer = reauthenticate(&client);
        assert_eq!(peer.receive().await, anew(&(first + 2).to_string()));
        // an answer that is too large is one that the server waits for in vain
        peer.send(go_on("long")).await;
        let ReauthenticationError::Failed(failed) = error(answer).await else { panic!("it did not fail") };
        assert!(matches!(failed, AuthenticationError::PacketTooLarge));
        assert_eq!(goodbye(&mut peer).await, ReasonCode::UnspecifiedError);
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_client_is_told() {
    let (client, driver, mut peer, _server) = connected(puzzles(0).0).await;
    let answer = reauthenticate(&client);
    assert_eq!(peer.receive().await, anew("1"));
    driver.abort();
    assert!(matches!(error(answer).await, ReauthenticationError::Closed));
    assert!(matches!(error(reauthenticate(&client)).await, ReauthenticationError::Closed));
}
