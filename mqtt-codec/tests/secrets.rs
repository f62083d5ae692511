//! What a log must not show: `Debug` of packets hides it and shows the rest.

use std::fmt::Debug;

use bytes::Bytes;
use mqtt_codec::{Auth, ConnAck, Connect, Packet, ReasonCode, Text, Version};

const SECRET: Bytes = Bytes::from_static(b"secret");

fn text(text: &str) -> Text {
    Text::new(text).expect("a good text")
}

fn hides(value: &dyn Debug) {
    let shown = format!("{value:?}");
    for secret in ["secret", &format!("{:?}", SECRET.as_ref())] {
        assert!(!shown.contains(secret), "{shown}");
    }
    for known in ["SCRAM", "\"...\"", "reason for all"] {
        assert!(shown.contains(known), "{known} is missing in {shown}");
    }
}

#[test]
fn authentication_data_and_passwords_are_not_shown() {
    let method = text("SCRAM");
    let user_properties = vec![(text("why"), text("reason for all"))];

    let mut connect = Connect::new(Version::V5, text("c"));
    connect.password = Some(SECRET);
    connect.properties.authentication_method = Some(method.clone());
    connect.properties.authentication_data = Some(SECRET);
    connect.properties.user_properties.clone_from(&user_properties);
    hides(&connect.properties);

    let mut connack = ConnAck::new(false, ReasonCode::Success);
    connack.properties.authentication_method = Some(method.clone());
    connack.properties.authentication_data = Some(SECRET);
    connack.properties.user_properties.clone_from(&user_properties);
    hides(&connack.properties);

    let reason = ReasonCode::ContinueAuthentication;
    let auth = Auth { reason, method, data: Some(SECRET), reason_string: None, user_properties };

    for packet in [Packet::Connect(connect), Packet::ConnAck(connack), Packet::Auth(auth)] {
        hides(&packet);
        hides(&packet.view());
    }
}
