//! Bytes that are no packet: each with what is wrong, where, and by which statement.
#![allow(non_snake_case, reason = "the names of tests carry statement ids")]

mod answers;
mod connect;
mod framing;
mod properties;
mod publish;
mod requests;
#[path = "../support/mod.rs"]
mod support;

use mqtt_codec::{DecodeErrorKind as Kind, Field, ReasonCode, Role, Version};
use support::{decode, hex};

/// Bytes, fault, field, offset, and the statement as `mqtt_5_0__3_8_3_2`, empty where none has an id.
type Row<'a> = (&'a str, Kind, Field, u32, &'a str);

/// Checks that each row is refused as it says.
fn refused(version: Version, reader: Role, rows: &[Row<'_>]) {
    for &(bytes, kind, field, offset, id) in rows {
        refuses(&hex(bytes), version, reader, (bytes, kind, field, offset, id));
    }
}

fn refuses(frame: &[u8], version: Version, reader: Role, (name, kind, field, offset, id): Row<'_>) {
    let Err(error) = decode(frame, version, reader) else { panic!("{name} is accepted in {version}") };
    assert_eq!(
        (error.kind, error.field, error.offset),
        (kind, field, offset),
        "{name} in {version}: {error}"
    );
    let statement = error.statement().map(|statement| name_of(statement, version)).unwrap_or_default();
    assert_eq!(statement, id, "{name} in {version}: {error}");
    assert!(error.to_string().contains(&version.to_string()), "{error}");
    let code = error.reason_code();
    assert!(code.is_error() && code.allowed_in(mqtt_codec::PacketType::Disconnect) || is_of_connect(code));
}

/// The code that only CONNACK has, not DISCONNECT.
fn is_of_connect(code: ReasonCode) -> bool {
    code == ReasonCode::UnsupportedProtocolVersion
}

/// `MQTT-3.8.3-2` of 5.0 as tests are named after it.
fn name_of(statement: &str, version: Version) -> String {
    let prefix = if version.is_v5() { "mqtt_5_0__" } else { "mqtt_3_1_1__" };
    statement.replace("MQTT-", prefix).replace(['.', '-'], "_")
}
