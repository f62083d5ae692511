//! The codec inside the client `rumqttc`: owned packets, topics copied, payloads shared with the buffer.

use std::hint::black_box;

use bytes::BytesMut;
use mqtt_codec::Version;
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::v5;

use super::{Append, Stream, Task};
use crate::cases::Case;

const MAX_SIZE: usize = 1 << 20;

pub(super) fn decode(case: &Case) -> Option<Box<dyn Task>> {
    Some(match case.version {
        Version::V5 => Stream::task(case, |input| {
            black_box(&v5::Packet::read(input, Some(MAX_SIZE as u32)).expect("a valid packet"));
        }),
        _ => Stream::task(case, |input| {
            black_box(&v4::Packet::read(input, MAX_SIZE).expect("a valid packet"));
        }),
    })
}

pub(super) fn encode(case: &Case) -> Option<Box<dyn Task>> {
    let mut frame = BytesMut::from(&case.frame[..]);
    Some(match case.version {
        Version::V5 => {
            let packet = v5::Packet::read(&mut frame, None).expect("a valid packet");
            Append::task(case, move |output| {
                black_box(&packet).write(output, Some(MAX_SIZE as u32)).expect("a valid packet");
            })
        }
        _ => {
            let packet = v4::Packet::read(&mut frame, MAX_SIZE).expect("a valid packet");
            Append::task(case, move |output| {
                black_box(&packet).write(output, MAX_SIZE).expect("a valid packet");
            })
        }
    })
}
