//! The broker under test, clients of raw bytes, and the notation of packets.

pub(crate) mod broker;
pub(crate) mod client;
pub(crate) mod judge;
pub(crate) mod riddle;
#[cfg(feature = "scram")]
pub(crate) mod scram;
pub(crate) mod virtual_time;
#[cfg(feature = "websocket")]
pub(crate) mod websocket;
pub(crate) mod wire;

use mqtt_codec::Version;

pub(crate) const ALL: [Version; 3] = [Version::V3_1, Version::V3_1_1, Version::V5];
pub(crate) const V3: [Version; 2] = [Version::V3_1, Version::V3_1_1];
