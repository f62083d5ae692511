//! This workspace's codec: borrowed views, and owned packets that share the buffer.

use std::hint::black_box;

use mqtt_codec::{Connect, Decoder, Packet, PacketRef, Role, Rules, Text, Version};

use super::{Append, Slice, Stream, Task};
use crate::cases::Case;

pub(super) fn view(case: &Case) -> Option<Box<dyn Task>> {
    let mut decoder = decoder(case.version);
    Some(Slice::task(case, move |input| {
        black_box(&decoder.decode_next(black_box(input)).expect("a valid packet"));
    }))
}

pub(super) fn owned(case: &Case) -> Option<Box<dyn Task>> {
    let mut decoder = decoder(case.version);
    Some(Stream::task(case, move |input| {
        let len = decoder.frame_len(input).expect("a valid packet").expect("a whole packet");
        black_box(&decoder.decode_packet(input.split_to(len).freeze()).expect("a valid packet"));
    }))
}

pub(super) fn encode(case: &Case) -> Option<Box<dyn Task>> {
    let version = case.version;
    let packet = packet(case);
    Some(Append::task(case, move |output| {
        black_box(&packet).encode(black_box(version), output).expect("a valid packet");
    }))
}

fn packet(case: &Case) -> Packet {
    let rules = Rules::new(case.version, Role::Server);
    PacketRef::decode(&case.frame, &rules).expect("a valid packet").to_packet()
}

/// A server's decoder after the CONNECT that told it the version.
fn decoder(version: Version) -> Decoder {
    let mut decoder = Decoder::server(1 << 20);
    let mut connect = Vec::new();
    let packet = Packet::Connect(Connect::new(version, Text::default()));
    packet.encode(version, &mut connect).expect("a valid packet");
    decoder.decode(&connect).expect("a valid packet");
    decoder
}
