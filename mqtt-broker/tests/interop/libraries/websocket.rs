//! paho-mqtt and MQTT.js over WebSocket, as browsers connect, without and with TLS.

use std::path::PathBuf;

use crate::broker::Transport;
use crate::program::locate;

use super::{EVERY_VERSION, ONLY_5, check_over, python};

/// Runs a scenario of both libraries over both transports.
fn scenario(versions: &[&str], name: &str) {
    let node: PathBuf = locate("node", "nodejs");
    for transport in [Transport::Ws, Transport::Wss] {
        check_over(transport, &python(), "check_paho.py", versions, name);
        check_over(transport, &node, "check_mqttjs.mjs", versions, name);
    }
}

#[test]
fn payloads_arrive_unchanged() {
    scenario(&EVERY_VERSION, "payloads");
}

#[test]
fn messages_keep_their_order_and_number() {
    scenario(&EVERY_VERSION, "order");
}

#[test]
fn retained_messages_are_kept_replaced_and_cleared() {
    scenario(&ONLY_5, "retained");
}

#[test]
fn a_will_is_published_only_when_the_connection_is_cut() {
    scenario(&EVERY_VERSION, "will");
}

#[test]
fn a_persistent_session_is_found_again() {
    scenario(&EVERY_VERSION, "session");
}

#[test]
fn the_second_client_with_an_id_ends_the_first() {
    scenario(&EVERY_VERSION, "take_over");
}

#[test]
fn a_browser_reconnects_and_subscribes_again() {
    for transport in [Transport::Ws, Transport::Wss] {
        check_over(transport, &locate("node", "nodejs"), "check_mqttjs.mjs", &ONLY_5, "reconnect");
    }
}

#[test]
fn a_short_keep_alive_is_answered() {
    for transport in [Transport::Ws, Transport::Wss] {
        check_over(transport, &locate("node", "nodejs"), "check_mqttjs.mjs", &ONLY_5, "keepalive");
    }
}

#[test]
fn v5_every_property_of_a_message_arrives() {
    for transport in [Transport::Ws, Transport::Wss] {
        check_over(transport, &python(), "check_paho_v5.py", &ONLY_5, "message_properties");
        check_over(
            transport,
            &locate("node", "nodejs"),
            "check_mqttjs_v5.mjs",
            &ONLY_5,
            "message_properties",
        );
    }
}
