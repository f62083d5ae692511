//! Probes that decoders have failed: bytes that are wrong in one place, tried in every packet that has the place.
//!
//! | what | where |
//! |---|---|
//! | overlong and five-byte lengths, reserved flags, QoS 3, types, bytes left over, fields past their frame | `frames` |
//! | U+0000, surrogates, bad UTF-8, wildcards, empty topics, `$share` in every string; binary fields | `strings` |
//! | packet identifiers, empty lists, options, values of properties, CONNECT flags, names and levels | `values` |
//! | lengths that announce what is not there allocate nothing | `memory` |
//! | each property twice, unknown and in a wrong packet | `malformed/properties.rs` |
//! | each reason code in each packet | `malformed/answers.rs` |
#![allow(non_snake_case, reason = "the names of tests carry statement ids")]

mod fields;
mod frames;
mod memory;
mod packet;
mod strings;
#[path = "../support/mod.rs"]
mod support;
mod values;

use mqtt_codec::{DecodeErrorKind as Kind, Field, Role, Version};
use packet::Probe;

/// Kind, field, offset and reason code of an error.
type Expected = (Kind, Field, usize, u8);

/// Checks that the bytes are refused, and for this reason.
fn refused(name: &str, bytes: &[u8], version: Version, reader: Role, expected: Expected) {
    let Err(error) = support::decode(bytes, version, reader) else {
        panic!("{name}: {bytes:02X?} is accepted in {version}")
    };
    let seen = (error.kind, error.field, error.offset as usize, error.reason_code().to_wire());
    assert_eq!(seen, expected, "{name}: {bytes:02X?} in {version}: {error}");
}

/// Checks that a changed packet is refused.
fn refuses(probe: &Probe, what: &str, bytes: &[u8], expected: Expected) {
    refused(&format!("{what} in {}", probe.name()), bytes, probe.version, probe.reader, expected);
}

/// Checks that a changed packet is accepted, and is still the same when it was encoded and read again.
fn accepts(probe: &Probe, what: &str, bytes: &[u8]) {
    let name = format!("{what} in {}", probe.name());
    let packet = support::decode(bytes, probe.version, probe.reader);
    let packet = packet.unwrap_or_else(|error| panic!("{name}: {bytes:02X?}: {error}"));
    let mut encoded = Vec::new();
    packet.encode(probe.version, &mut encoded).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(support::decode(&encoded, probe.version, probe.reader), Ok(packet), "{name}");
}

#[test]
fn packets_with_every_field_are_accepted() {
    let mut count = 0;
    for probe in packet::all() {
        accepts(&probe, "nothing changed", &probe.frame());
        count += 1;
    }
    assert_eq!(count, 14 + 14 + 15);
}
