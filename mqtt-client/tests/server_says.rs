//! What a server says beside its codes: limits and names in CONNACK, reasons in words, other servers to go to.

mod common;

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::script::{Pipes, Server, server};
use common::{options, start, within};
use mqtt_client::{
    Client, ConnectOptions, Connection, ConnectionError, Dial, OptionProblem, ReasonCode, Redirect,
    ServerReason, Status, Text, Version,
};
use mqtt_codec::{ConnAck, Disconnect, Packet};
use tokio::io::DuplexStream;
use tokio::time::Instant;

fn text(text: &str) -> Text {
    text.try_into().unwrap()
}

/// A CONNACK that sends the client elsewhere.
fn elsewhere(reason: ReasonCode, reference: &str) -> ConnAck {
    let mut connack = ConnAck::new(false, reason);
    connack.properties.server_reference = Some(text(reference));
    connack
}

/// Opens one connection, which the server answers with `connack`.
async fn open(
    options: ConnectOptions,
    connack: ConnAck,
) -> (Client, Connection<Pipes>, Result<(), ConnectionError>) {
    let (pipes, mut server) = server(Version::V5, 4_096);
    let (client, mut connection) = Client::with_dialer(options, pipes).unwrap();
    let script = async {
        let (mut peer, _) = server.accept().await;
        peer.send(Packet::ConnAck(connack)).await;
        peer
    };
    let (opened, _peer) = within(async { tokio::join!(connection.open(), script) }).await;
    (client, connection, opened)
}

#[tokio::test(start_paused = true)]
async fn what_connack_says_can_be_read() {
    let mut connack = ConnAck::new(false, ReasonCode::Success);
    connack.properties.assigned_client_id = Some(text("named-by-server"));
    connack.properties.response_information = Some(text("answers/7"));
    connack.properties.server_keep_alive = Some(5);
    connack.properties.reason_string = Some(text("welcome"));
    connack.properties.maximum_packet_size = NonZeroU32::new(1_000);
    connack.properties.user_properties = vec![(text("zone"), text("eu"))];
    let (client, _connection, opened) = open(options(Version::V5, ""), connack.clone()).await;
    opened.unwrap();
    let Status::Connected { session_present: false, connack: said } = client.status() else { panic!() };
    assert_eq!(*said, connack);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_carries_all_that_the_server_says() {
    let mut connack = elsewhere(ReasonCode::UseAnotherServer, "other:1884 third");
    connack.properties.reason_string = Some(text("maintenance\u{7}"));
    connack.properties.user_properties = vec![(text("until"), text("noon"))];
    let (_client, _connection, opened) = open(options(Version::V5, "me"), connack).await;
    let error = opened.unwrap_err();
    let expected = "the server refused the connection: Use another server (0x9C) (maintenance\\u{7}); connect to other:1884 third";
    assert_eq!(error.to_string(), expected);
    let ConnectionError::Refused(said) = error else { panic!("{error}") };
    let ServerReason { reason, reason_string, server_reference, user_properties, .. } = *said;
    assert_eq!(reason, ReasonCode::UseAnotherServer);
    assert_eq!(reason_string.as_deref(), Some("maintenance\u{7}"));
    assert_eq!(server_reference.as_deref(), Some("other:1884 third"));
    assert_eq!(user_properties, [("until".to_owned(), "noon".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_carries_all_that_the_server_says() {
    let (pipes, mut server) = server(Version::V5, 4_096);
    let (_client, driver) = start(options(Version::V5, "me").reconnect_period(Duration::ZERO), pipes);
    let mut peer = server.connected(false).await;
    let disconnect = Disconnect {
        reason_string: Some(text("moving house")),
        server_reference: Some(text("other")),
        ..Disconnect::new(ReasonCode::ServerMoved)
    };
    peer.send(Packet::Disconnect(disconnect)).await;
    let error = within(driver).await.unwrap().unwrap_err();
    assert_eq!(error, "the server disconnected: Server moved (0x9D) (moving house); connect to other");
}

#[tokio::test(start_paused = true)]
async fn connect_asks_for_response_information_and_for_no_explanations_if_told_to() {
    for (asked, options) in [
        ((None, None, Some(32)), options(Version::V5, "me")),
        (
            (Some(true), Some(false), None),
            options(Version::V5, "me")
                .request_response_information(true)
                .request_problem_information(false)
                .topic_alias_maximum(0),
        ),
    ] {
        let (pipes, mut server) = server(Version::V5, 4_096);
        let (_client, _driver) = start(options, pipes);
        let (_peer, connect) = server.accept().await;
        let properties = connect.properties;
        let said = (
            properties.request_response_information,
            properties.request_problem_information,
            properties.topic_alias_maximum,
        );
        assert_eq!(said, asked);
    }
}

#[test]
fn options_that_only_5_0_has_are_refused_before() {
    let with = |set: fn(ConnectOptions) -> ConnectOptions| set(options(Version::V3_1_1, "me"));
    for (name, options) in [
        ("redirects", with(|options| options.redirects(1))),
        ("request_problem_information", with(|options| options.request_problem_information(false))),
        ("request_response_information", with(|options| options.request_response_information(true))),
    ] {
        let error = Client::with_dialer(options, server(Version::V3_1_1, 1).0).map(|_| ()).unwrap_err();
        assert!(
            matches!(error, ConnectionError::Option { option, problem: OptionProblem::OnlyInV5 } if option == name),
            "{error}"
        );
    }
}

/// Dials pipes, and takes down where it was sent.
struct Sent {
    pipes: Pipes,
    places: Arc<Mutex<Vec<String>>>,
}

impl Dial for Sent {
    type Stream = DuplexStream;

    async fn dial(&mut self, deadline: Instant) -> Result<DuplexStream, ConnectionError> {
        self.places.lock().unwrap().push("dialled".to_owned());
        self.pipes.dial(deadline).await
    }

    fn redirect(&mut self, redirect: Redirect<'_>) -> bool {
        self.places.lock().unwrap().push(format!("{redirect:?}"));
        redirect != Redirect::ForNow("nowhere")
    }
}

fn sent() -> (Sent, Server, Arc<Mutex<Vec<String>>>) {
    let (pipes, server) = server(Version::V5, 4_096);
    let places = Arc::default();
    (Sent { pipes, places: Arc::clone(&places) }, server, places)
}

async fn refuse(server: &mut Server, connack: ConnAck) {
    let (mut peer, _) = server.accept().await;
    peer.send(Packet::ConnAck(connack)).await;
    peer.closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_may_follows_to_another_server_so_many_times_and_no_further() {
    let (dialer, mut server, places) = sent();
    let options = options(Version::V5, "me").redirects(2).reconnect_period(Duration::ZERO);
    let (_client, driver) = start(options, dialer);
    refuse(&mut server, elsewhere(ReasonCode::UseAnotherServer, "b")).await;
    let mut peer = server.connected(false).await;
    let moved = Disconnect { server_reference: Some(text("c")), ..Disconnect::new(ReasonCode::ServerMoved) };
    peer.send(Packet::Disconnect(moved)).await;
    refuse(&mut server, elsewhere(ReasonCode::UseAnotherServer, "d")).await;
    let error = within(driver).await.unwrap().unwrap_err();
    assert!(error.ends_with("; connect to d"), "{error}");
    let expected = ["dialled", "ForNow(\"b\")", "dialled", "ForGood(\"c\")", "dialled", "Back"];
    assert_eq!(*places.lock().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn open_follows_as_well_and_the_first_server_is_asked_again_after_a_pause() {
    let (dialer, mut server, places) = sent();
    let (client, mut connection) =
        Client::with_dialer(options(Version::V5, "me").redirects(1), dialer).unwrap();
    let script = async {
        refuse(&mut server, elsewhere(ReasonCode::UseAnotherServer, "b")).await;
        server.connected(false).await
    };
    let (opened, peer) = within(async { tokio::join!(connection.open(), script) }).await;
    opened.unwrap();
    assert!(client.status().is_connected());
    let driver = tokio::spawn(connection.run());
    drop(peer);
    let _peer = server.connected(false).await;
    assert_eq!(*places.lock().unwrap(), ["dialled", "ForNow(\"b\")", "dialled", "Back", "dialled"]);
    driver.abort();
}

#[tokio::test(start_paused = true)]
async fn a_reference_that_leads_nowhere_and_one_without_leave_is_an_error() {
    for (redirects, reference, asked) in [(0, "b", 1), (3, "nowhere", 2)] {
        let (dialer, mut server, places) = sent();
        let options = options(Version::V5, "me").redirects(redirects).reconnect_period(Duration::ZERO);
        let (_client, driver) = start(options, dialer);
        refuse(&mut server, elsewhere(ReasonCode::UseAnotherServer, reference)).await;
        let error = within(driver).await.unwrap().unwrap_err();
        assert!(error.ends_with(&format!("; connect to {reference}")), "{error}");
        assert_eq!(places.lock().unwrap().len(), asked);
    }
}
