//! `rmqtt-codec`, the codec of a broker: owned packets whose texts and payloads share the buffer.

use std::hint::black_box;

use bytes::BytesMut;
use mqtt_codec::Version;
use rmqtt_codec::{v3, v5};
use tokio_util::codec::{Decoder, Encoder};

use super::{BATCH, Stream, Task, assert_same};
use crate::cases::Case;

const MAX_SIZE: u32 = 1 << 20;

pub(super) fn decode(case: &Case) -> Option<Box<dyn Task>> {
    Some(match case.version {
        Version::V5 => {
            let mut codec = v5::Codec::new(MAX_SIZE, MAX_SIZE);
            Stream::task(case, move |input| read(&mut codec, input))
        }
        _ => {
            let mut codec = v3::Codec::new(MAX_SIZE);
            Stream::task(case, move |input| read(&mut codec, input))
        }
    })
}

fn read<C: Decoder>(codec: &mut C, input: &mut BytesMut) {
    let Ok(Some(packet)) = codec.decode(input) else { panic!("a valid packet") };
    black_box(&packet);
}

pub(super) fn encode(case: &Case) -> Option<Box<dyn Task>> {
    let mut frame = BytesMut::from(&case.frame[..]);
    Some(match case.version {
        Version::V5 => {
            let mut codec = v5::Codec::new(MAX_SIZE, MAX_SIZE);
            let (packet, _) = codec.decode(&mut frame).expect("a valid packet").expect("a whole packet");
            Consume::task(case, packet, move |packet, output| codec.encode(packet, output).is_ok())
        }
        _ => {
            let mut codec = v3::Codec::new(MAX_SIZE);
            let (packet, _) = codec.decode(&mut frame).expect("a valid packet").expect("a whole packet");
            Consume::task(case, packet, move |packet, output| codec.encode(packet, output).is_ok())
        }
    })
}

/// Encoding by an encoder that takes the packet away: copies are made before, and dropped by the encoder.
struct Consume<P, E> {
    packet: P,
    copies: Vec<P>,
    output: BytesMut,
    encode: E,
}

impl<P: Clone + 'static, E: FnMut(P, &mut BytesMut) -> bool + 'static> Consume<P, E> {
    fn task(case: &Case, packet: P, mut encode: E) -> Box<dyn Task> {
        let mut output = BytesMut::with_capacity((case.frame.len() + 5) * (BATCH + 1));
        assert!(encode(packet.clone(), &mut output));
        assert_same(case, &output);
        Box::new(Self { packet, copies: Vec::with_capacity(BATCH), output, encode })
    }
}

impl<P: Clone, E: FnMut(P, &mut BytesMut) -> bool> Task for Consume<P, E> {
    fn prepare(&mut self) {
        self.output.clear();
        self.copies.resize(BATCH, self.packet.clone());
    }

    fn run(&mut self) {
        for packet in self.copies.drain(..) {
            assert!((self.encode)(packet, &mut self.output));
        }
    }
}
