//! Foreign MQTT programs against the broker: what they send and what they receive, compared value by value.
//!
//! `.ci/interop-setup` installs the programs; the suite then runs with
//! `cargo test -p mqtt-broker --features interop --test interop`. A missing program is a failure.
//!
//! Paths are relative to the workspace:
//!
//! * `MQTT_INTEROP_VENV`: the Python environment with paho-mqtt, gmqtt, PyJWT and scramp (`target/interop/venv`).
//! * `MQTT_INTEROP_NODE`: the directory whose `node_modules` holds MQTT.js (`target/interop/node`).
//! * `MQTT_INTEROP_BROKER=mosquitto`: the same tests against Debian's mosquitto, which shows whether they test the
//!   standard and not our broker. Seven tests fail against its version 2.0.11, each for a fault of that broker:
//!   * it sends more QoS 2 messages than the Receive Maximum of a 5.0 client allows, which `mosquitto_sub` takes as the
//!     protocol error it is \[MQTT-3.3.4-9\]: `many_messages_arrive_complete_and_in_order`,
//!     `a_persistent_session_gets_what_was_published_while_it_was_away`;
//!   * it sends no DISCONNECT to a 5.0 client whose session is taken over \[MQTT-3.1.4-3\]: all three
//!     `the_second_client_with_an_id_ends_the_first`;
//!   * it drops messages of an older client that has more than 20 of QoS 2 in flight:
//!     `mqttjs::messages_keep_their_order_and_number`, and that of `websocket`.

mod broker;
mod credentials;
#[cfg(all(feature = "http-auth", feature = "jwt"))]
mod evidence;
mod libraries;
mod mosquitto;
mod program;
#[cfg(feature = "tls")]
mod transports;
