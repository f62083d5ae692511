//! DISCONNECT of a client: what it may say, and what is left out of it.

use std::num::NonZeroU32;

use mqtt_codec::{ConnAck, Connect, Disconnect, Packet, ReasonCode, Seconds, Version};
use mqtt_session::{CloseReason, DisconnectError};

use crate::common::{ClientAlone, client_config, resuming, text};

fn full() -> Disconnect {
    Disconnect {
        session_expiry: Some(Seconds(60)),
        reason_string: Some(text("lunch")),
        user_properties: vec![(text("a"), text("1")), (text("a"), text("2"))],
        ..Disconnect::new(ReasonCode::DisconnectWithWillMessage)
    }
}

/// A client of 5.0 whose server takes packets of at most `maximum` bytes.
fn towards(connect: Connect, maximum: u32) -> ClientAlone {
    let mut client = ClientAlone::opened(connect, client_config());
    let mut connack = ConnAck::new(false, ReasonCode::Success);
    connack.properties.maximum_packet_size = NonZeroU32::new(maximum);
    client.accept(&connack);
    client
}

#[test]
fn all_that_a_client_may_say_is_in_disconnect() {
    let mut client = ClientAlone::new(Version::V5);
    client.session.disconnect_with(full()).unwrap();
    assert_eq!(client.fetch(), [Packet::Disconnect(full())]);
    let reason = CloseReason::Local(ReasonCode::DisconnectWithWillMessage);
    assert_eq!(client.session.close_reason(), Some(reason));
    assert!(client.fetch().is_empty());
}

#[test]
fn mqtt_5_0__3_14_2_3_and_mqtt_5_0__3_14_2_4_what_does_not_fit_into_disconnect_is_left_out() {
    let without_properties = Disconnect { user_properties: Vec::new(), ..full() };
    let bare = Disconnect { reason_string: None, ..without_properties.clone() };
    let len = |disconnect: &Disconnect| {
        u32::try_from(Packet::Disconnect(disconnect.clone()).encoded_len(Version::V5).unwrap()).unwrap()
    };
    for (maximum, expected) in [
        (len(&full()), full()),
        (len(&full()) - 1, without_properties.clone()),
        (len(&without_properties) - 1, bare.clone()),
        (len(&bare), bare.clone()),
    ] {
        let mut client = towards(resuming(Version::V5), maximum);
        client.session.disconnect_with(full()).unwrap();
        assert_eq!(client.fetch(), [Packet::Disconnect(expected)]);
    }
    let mut client = towards(resuming(Version::V5), len(&bare) - 1);
    assert_eq!(client.session.disconnect_with(full()), Err(DisconnectError::PacketTooLarge));
    assert!(client.session.is_connected());
}

#[test]
fn a_session_that_ends_with_its_connection_cannot_be_kept_by_disconnect() {
    for (at_connect, at_disconnect, refused) in [
        (None, 60, true),
        (Some(0), 60, true),
        (None, 0, false),
        (Some(0), 0, false),
        (Some(60), 0, false),
        (Some(60), 600, false),
    ] {
        let mut connect = resuming(Version::V5);
        connect.properties.session_expiry = at_connect.map(Seconds);
        let mut client = towards(connect, 100);
        let disconnect = Disconnect {
            session_expiry: Some(Seconds(at_disconnect)),
            ..Disconnect::new(ReasonCode::Success)
        };
        let told = client.session.disconnect_with(disconnect.clone());
        if refused {
            assert_eq!(told, Err(DisconnectError::SessionExpiryRaised), "{at_connect:?}");
            assert!(client.session.is_connected() && client.fetch().is_empty());
        } else {
            assert_eq!(client.fetch(), [Packet::Disconnect(disconnect)], "{at_connect:?}");
        }
    }
}

#[test]
fn mqtt_5_0__3_14_2_1_a_client_does_not_say_what_only_a_server_may() {
    let mut client = ClientAlone::new(Version::V5);
    for reason in [
        ReasonCode::NotAuthorized,
        ReasonCode::ServerShuttingDown,
        ReasonCode::KeepAliveTimeout,
        ReasonCode::SessionTakenOver,
        ReasonCode::UseAnotherServer,
        ReasonCode::ServerMoved,
        ReasonCode::PacketIdentifierInUse,
    ] {
        let told = client.session.disconnect_with(Disconnect::new(reason));
        assert_eq!(told, Err(DisconnectError::ReasonNotAllowed(reason)));
    }
    let elsewhere = Disconnect { server_reference: Some(text("b:1883")), ..Disconnect::default() };
    assert_eq!(client.session.disconnect_with(elsewhere), Err(DisconnectError::ServerReference));
    assert!(client.session.is_connected() && client.fetch().is_empty());
}

#[test]
fn before_5_0_properties_are_refused_and_the_will_is_kept_by_an_end_without_disconnect() {
    for version in [Version::V3_1, Version::V3_1_1] {
        let mut client = ClientAlone::new(version);
        assert_eq!(client.session.disconnect_with(full()), Err(DisconnectError::NotInVersion));
        assert!(client.session.is_connected());
        let with_will = Disconnect::new(ReasonCode::DisconnectWithWillMessage);
        client.session.disconnect_with(with_will).unwrap();
        assert!(client.session.close_reason().is_some() && client.fetch().is_empty());
    }
}

#[test]
fn a_connection_that_had_ended_before_is_not_given_other_words() {
    let mut client = ClientAlone::new(Version::V5);
    client.give(&Packet::ConnAck(ConnAck::new(false, ReasonCode::Success)));
    client.session.disconnect_with(full()).unwrap();
    assert_eq!(client.fetch(), [Packet::Disconnect(Disconnect::new(ReasonCode::ProtocolError))]);
}
