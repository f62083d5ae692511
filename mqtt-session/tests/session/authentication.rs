//! Enhanced authentication: when a client connects, and anew on a connection.

use bytes::Bytes;
use mqtt_codec::{Auth, ConnAck, Connect, Disconnect, Packet, QoS, ReasonCode, Version};
use mqtt_session::{AuthenticationError, ClientEvent, CloseReason, Exchange, Violation};

use crate::common::{ClientAlone, Pair, ServerAlone, client_config, message, resuming, server_config, text};

const PROTOCOL_ERROR: &str = "Disconnect 0x82";

fn connect() -> Connect {
    let mut connect = resuming(Version::V5);
    connect.properties.authentication_method = Some(text("METHOD"));
    connect.properties.authentication_data = Some(Bytes::from_static(b"first"));
    connect
}

fn auth(reason: ReasonCode, data: &'static str) -> Packet {
    Packet::Auth(Auth {
        reason,
        method: text("METHOD"),
        data: Some(Bytes::from_static(data.as_bytes())),
        reason_string: None,
        user_properties: Vec::new(),
    })
}

fn go_on(data: &'static str) -> Packet {
    auth(ReasonCode::ContinueAuthentication, data)
}

fn anew(data: &'static str) -> Packet {
    auth(ReasonCode::ReAuthenticate, data)
}

fn done(data: &'static str) -> Packet {
    auth(ReasonCode::Success, data)
}

fn bytes(data: &'static str) -> Bytes {
    Bytes::from_static(data.as_bytes())
}

fn connack() -> ConnAck {
    let mut connack = ConnAck::new(false, ReasonCode::Success);
    connack.properties.authentication_method = Some(text("METHOD"));
    connack
}

/// A client whose server has accepted it.
fn client() -> ClientAlone {
    let mut client = ClientAlone::opened(connect(), client_config());
    assert!(client.accept(&connack()).is_empty());
    client
}

/// A server that has accepted its client.
fn server() -> ServerAlone {
    let mut server = ServerAlone::attached(connect(), server_config());
    assert_eq!(server.fetch_names(), ["ConnAck"]);
    server
}

fn violation(client: &ClientAlone) -> Option<Violation> {
    match client.session.close_reason() {
        Some(CloseReason::Violation(violation)) => Some(violation),
        _ => None,
    }
}

#[test]
fn mqtt_5_0__3_1_2_30_and_mqtt_5_0__4_12_0_3_before_connack_a_client_sends_nothing_but_auth_continue() {
    let mut client = ClientAlone::opened(connect(), client_config());
    client.session.publish(client.now, message("m"), QoS::AtLeastOnce, false, None).unwrap();
    assert_eq!(client.fetch_names(), ["Connect"]);
    for (asked, said) in [("one", "two"), ("three", "four")] {
        assert!(client.give(&go_on(asked)).is_some());
        assert!(client.fetch().is_empty());
        client.session.continue_authentication(Some(bytes(said))).unwrap();
        assert_eq!(client.fetch(), [go_on(said)]);
    }
    assert!(client.session.is_authenticating());
    client.give(&Packet::ConnAck(connack()));
    assert!(!client.session.is_authenticating());
    assert_eq!(client.fetch_names(), ["Publish 1 m"]);
    assert_eq!(client.session.poll_event(), Some(ClientEvent::Connected(Box::new(connack()))));
}

#[test]
fn mqtt_5_0__3_1_2_30_before_connack_a_server_takes_nothing_but_auth_continue() {
    let connect = connect();
    let exchange = || Exchange::of(&connect.view()).expect("a method");
    for (packet, violation) in [
        (go_on("out of turn"), Violation::AuthOutOfTurn),
        (anew(""), Violation::AuthOutOfTurn),
        (Packet::PingReq, Violation::BeforeConnAck(mqtt_codec::PacketType::PingReq)),
        (Packet::Connect(connect.clone()), Violation::Second(mqtt_codec::PacketType::Connect)),
    ] {
        assert_eq!(exchange().handle_packet(&packet.view()), Err(violation));
    }
    let mut exchange = exchange();
    let mut out = Vec::new();
    assert!(exchange.challenge(bytes("challenge"), u32::MAX, &mut out));
    for packet in [anew(""), done("")] {
        assert_eq!(exchange.handle_packet(&packet.view()), Err(Violation::AuthOutOfTurn));
    }
    let answer = go_on("answer");
    let taken = exchange.handle_packet(&answer.view()).expect("its turn");
    assert_eq!(taken.data, Some(&b"answer"[..]));
}

#[test]
fn mqtt_5_0__4_12_0_2_and_mqtt_5_0__3_15_2_2_and_mqtt_5_0__3_15_2_3_what_a_server_asks_is_auth_continue_and_has_no_text()
 {
    let connect = connect();
    let mut exchange = Exchange::of(&connect.view()).expect("a method");
    let mut out = Vec::new();
    assert!(exchange.challenge(bytes("challenge"), u32::MAX, &mut out));
    let mut expected = Vec::new();
    go_on("challenge").encode(Version::V5, &mut expected).unwrap();
    assert_eq!(out, expected);
    // not twice, and nothing that the client does not take
    assert!(!exchange.challenge(bytes("again"), u32::MAX, &mut out));
    let mut exchange = Exchange::of(&connect.view()).expect("a method");
    let len = u32::try_from(expected.len()).unwrap();
    assert!(!exchange.challenge(bytes("challenge"), len - 1, &mut out));
    assert_eq!(out, expected);
}

#[test]
fn mqtt_5_0__3_15_2_2_and_mqtt_5_0__3_15_2_3_what_a_client_answers_has_no_text() {
    let mut client = ClientAlone::opened(connect(), client_config());
    assert_eq!(client.fetch_names(), ["Connect"]);
    client.give(&go_on("challenge"));
    client.session.continue_authentication(Some(bytes("answer"))).unwrap();
    assert_eq!(client.fetch(), [go_on("answer")], "nothing but method and data");
}

#[test]
fn mqtt_5_0__4_12_0_5_a_connack_has_the_method_of_connect_and_the_last_data() {
    let mut server = ServerAlone::attached(connect(), server_config());
    server.session.complete_authentication(Some(bytes("proof")));
    let packets = server.fetch();
    let [Packet::ConnAck(connack)] = packets.as_slice() else { panic!("{packets:?}") };
    assert_eq!(connack.properties.authentication_method, Some(text("METHOD")));
    assert_eq!(connack.properties.authentication_data, Some(bytes("proof")));
}

#[test]
fn mqtt_5_0__4_12_0_6_a_client_without_method_gets_none() {
    let mut server = ServerAlone::attached(resuming(Version::V5), server_config());
    server.session.complete_authentication(Some(bytes("proof")));
    server.session.continue_authentication(bytes("more"));
    let packets = server.fetch();
    let [Packet::ConnAck(connack)] = packets.as_slice() else { panic!("{packets:?}") };
    assert_eq!(connack.properties.authentication_method, None);
    assert_eq!(connack.properties.authentication_data, None);

    let mut client = ClientAlone::opened(resuming(Version::V5), client_config());
    assert_eq!(client.fetch_names(), ["Connect"]);
    assert!(client.give(&go_on("unasked")).is_none());
    assert_eq!(violation(&client), Some(Violation::UnexpectedAuth));
}

#[test]
fn mqtt_5_0__4_12_0_5_another_method_ends_the_connection() {
    let other = |packet| match packet {
        Packet::Auth(auth) => Packet::Auth(Auth { method: text("method"), ..auth }),
        other => other,
    };
    let mut waiting = ClientAlone::opened(connect(), client_config());
    waiting.fetch();
    assert!(waiting.give(&other(go_on("x"))).is_none());
    assert_eq!(violation(&waiting), Some(Violation::AuthMethod));
    assert_eq!(waiting.fetch_names(), [PROTOCOL_ERROR]);

    for method in [None, Some(text("method"))] {
        let mut waiting = ClientAlone::opened(connect(), client_config());
        waiting.fetch();
        let mut connack = connack();
        connack.properties.authentication_method = method;
        waiting.give(&Packet::ConnAck(connack));
        assert_eq!(violation(&waiting), Some(Violation::AuthMethod));
    }

    let mut server = server();
    assert!(server.give(&other(anew("x"))).is_none());
    assert_eq!(server.session.close_reason(), Some(CloseReason::Violation(Violation::AuthMethod)));
    assert_eq!(server.fetch_names(), [PROTOCOL_ERROR]);
}

#[test]
fn mqtt_5_0__4_12_0_7_without_method_a_client_sends_no_auth() {
    let mut client = ClientAlone::new(Version::V5);
    assert_eq!(client.session.reauthenticate(None), Err(AuthenticationError::NoMethod));
    assert_eq!(client.session.continue_authentication(None), Err(AuthenticationError::NoMethod));
    assert!(client.fetch().is_empty());

    let mut server = ServerAlone::new(Version::V5);
    assert!(server.give(&anew("x")).is_none());
    assert_eq!(server.fetch_names(), [PROTOCOL_ERROR]);
}

#[test]
fn mqtt_5_0__4_12_1_1_a_client_authenticates_anew_by_the_method_of_connect() {
    let mut client = client();
    client.session.reauthenticate(Some(bytes("one"))).unwrap();
    assert_eq!(client.fetch(), [anew("one")]);
    assert_eq!(client.session.reauthenticate(None), Err(AuthenticationError::OutOfTurn));
    assert_eq!(client.session.continue_authentication(None), Err(AuthenticationError::OutOfTurn));
    assert!(client.give(&go_on("two")).is_some());
    client.session.continue_authentication(Some(bytes("three"))).unwrap();
    assert_eq!(client.fetch(), [go_on("three")]);
    assert!(client.session.is_authenticating());
    assert!(client.give(&done("four")).is_some());
    assert!(!client.session.is_authenticating());
    client.session.reauthenticate(None).unwrap();
}

#[test]
fn while_a_client_authenticates_anew_all_else_goes_on() {
    let mut pair = Pair::new(Version::V5);
    pair.connect = connect();
    pair.reconnect();
    pair.client.reauthenticate(Some(bytes("one"))).unwrap();
    pair.publish("m", QoS::ExactlyOnce);
    pair.drive();
    pair.server.continue_authentication(bytes("two"));
    pair.deliver("n", QoS::ExactlyOnce);
    pair.drive();
    pair.client.continue_authentication(Some(bytes("three"))).unwrap();
    pair.drive();
    pair.server.complete_authentication(None);
    pair.drive();
    assert_eq!((pair.at_server.len(), pair.at_client.len()), (1, 1));
    assert!(!pair.client.is_authenticating());
    assert!(pair.is_connected() && pair.is_at_rest());
}

#[test]
fn mqtt_5_0__4_12_1_2_a_re_authentication_that_fails_ends_the_connection_with_its_reason() {
    let mut server = server();
    assert!(server.give(&anew("wrong")).is_some());
    server.session.disconnect(ReasonCode::NotAuthorized);
    assert_eq!(server.fetch_names(), ["Disconnect 0x87"]);
    assert!(server.session.close_reason().is_some());

    // a client that is not convinced ends it as well, also before CONNACK
    let mut connected = client();
    connected.session.reauthenticate(None).unwrap();
    connected.fetch();
    connected.give(&done("a wrong proof"));
    connected.session.disconnect(ReasonCode::UnspecifiedError);
    assert_eq!(connected.fetch_names(), ["Disconnect 0x80"]);
    let mut waiting = ClientAlone::opened(connect(), client_config());
    waiting.fetch();
    waiting.give(&go_on("a wrong challenge"));
    waiting.session.disconnect(ReasonCode::UnspecifiedError);
    assert_eq!(waiting.fetch_names(), ["Disconnect 0x80"]);
}

#[test]
fn auth_out_of_turn_ends_the_connection() {
    for packets in [&[go_on("nothing was asked")][..], &[done("nothing to end")], &[anew("one"), anew("two")]]
    {
        let mut server = server();
        packets.iter().for_each(|packet| drop(server.give(packet)));
        assert_eq!(server.session.close_reason(), Some(CloseReason::Violation(Violation::AuthOutOfTurn)));
        assert_eq!(server.fetch_names(), [PROTOCOL_ERROR]);
    }
    for packet in [go_on("nothing is under way"), done("nothing is under way"), anew("not the server's")] {
        let mut client = client();
        assert!(client.give(&packet).is_none());
        assert_eq!(violation(&client), Some(Violation::AuthOutOfTurn));
    }
    // CONNACK ends what CONNECT began, no AUTH
    let mut waiting = ClientAlone::opened(connect(), client_config());
    waiting.fetch();
    assert!(waiting.give(&done("")).is_none());
    assert_eq!(violation(&waiting), Some(Violation::AuthOutOfTurn));
}

#[test]
fn mqtt_5_0__3_1_2_24_and_mqtt_5_0__3_2_2_15_auth_larger_than_the_peer_takes_is_not_sent() {
    let mut narrow = connect();
    narrow.properties.maximum_packet_size = Some(60.try_into().unwrap());
    let mut server = ServerAlone::attached(narrow, server_config());
    assert_eq!(server.fetch_names(), ["ConnAck"]);
    assert!(server.give(&anew("x")).is_some());
    server
        .session
        .continue_authentication(bytes("a challenge that is far too long for a client with so little room"));
    assert_eq!(server.fetch_names(), ["Disconnect 0x95"]);

    let mut client = ClientAlone::opened(connect(), client_config());
    let mut connack = connack();
    connack.properties.maximum_packet_size = Some(20.try_into().unwrap());
    client.accept(&connack);
    let long = Some(bytes("far too long for this server"));
    assert_eq!(client.session.reauthenticate(long), Err(AuthenticationError::PacketTooLarge));
    assert!(!client.session.is_authenticating());
}

#[test]
fn what_was_under_way_ends_with_its_connection() {
    let mut server = server();
    assert!(server.give(&anew("x")).is_some());
    server
        .session
        .handle_packet(server.now, &Packet::Disconnect(Disconnect::new(ReasonCode::Success)).view());
    server.session.handle_disconnected(server.now);
    server.session.continue_authentication(bytes("late"));
    server.attach();
    assert_eq!(server.fetch_names(), ["ConnAck"]);
    assert!(server.give(&anew("x")).is_some());
    assert!(server.session.close_reason().is_none());
}
