//! The broker against the letter of the standard: bytes over TCP, exact answers.
//!
//! Tests are named by the statements that they show, `mqtt_5_0__3_3_1_10_...` for `[MQTT-3.3.1-10]` of 5.0. A file
//! is a chapter. Statements about time are shown in virtual time, with the core of the broker.
#![cfg(feature = "net")]
#![expect(non_snake_case, reason = "tests carry statement ids")]

mod support;

mod authenticate;
mod bad_input;
mod clean_start;
mod connack;
mod connect;
mod disconnect;
mod enhanced;
mod guide;
mod keep_alive;
mod limits;
mod ordering;
mod permission;
mod properties;
mod publish;
mod retain;
#[cfg(feature = "scram")]
mod scram;
mod shared;
mod subscribe;
mod topics;
mod traps;
mod unsubscribe;
#[cfg(feature = "websocket")]
mod websocket;
#[cfg(feature = "websocket")]
mod websocket_life;
mod will;
