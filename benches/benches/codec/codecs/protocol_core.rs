//! `mqtt-protocol-core`: owned packets; a PUBLISH shares its payload with an `Arc` of the packet's body.
//!
//! Its parsers begin behind the fixed header, and want the body of a PUBLISH in an `Arc`: reading the one and making
//! the other is left out of the figures, in its favour.

use std::hint::black_box;
use std::sync::Arc;

use mqtt_codec::{FixedHeader, PacketType, Role, Rules, Version};
use mqtt_protocol_core::mqtt::packet::{v3_1_1, v5_0};

use super::{BATCH, Task, assert_same};
use crate::cases::Case;

type Error = mqtt_protocol_core::mqtt::result_code::MqttError;

pub(super) fn decode(case: &Case) -> Option<Box<dyn Task>> {
    let (header, body) = split(case);
    let flags = header.flags;
    Some(match (header.packet_type, case.version) {
        (PacketType::Publish, Version::V5) => {
            Bodies::task(body, move |body| v5_0::Publish::parse(flags, body))
        }
        (PacketType::Publish, _) => Bodies::task(body, move |body| v3_1_1::Publish::parse(flags, body)),
        (PacketType::PubAck, Version::V5) => Bodies::task(body, |body| v5_0::Puback::parse(&body)),
        (PacketType::PubAck, _) => Bodies::task(body, |body| v3_1_1::Puback::parse(&body)),
        (PacketType::Connect, Version::V5) => Bodies::task(body, |body| v5_0::Connect::parse(&body)),
        (PacketType::Connect, _) => Bodies::task(body, |body| v3_1_1::Connect::parse(&body)),
        (PacketType::Subscribe, Version::V5) => Bodies::task(body, |body| v5_0::Subscribe::parse(&body)),
        (PacketType::Subscribe, _) => Bodies::task(body, |body| v3_1_1::Subscribe::parse(&body)),
        _ => return None,
    })
}

pub(super) fn encode(case: &Case) -> Option<Box<dyn Task>> {
    let (header, body) = split(case);
    let flags = header.flags;
    macro_rules! encoder {
        ($parsed:expr) => {{
            let (packet, _) = $parsed.expect("a valid packet");
            Buffers::task(case, move || black_box(&packet).to_continuous_buffer())
        }};
    }
    Some(match (header.packet_type, case.version) {
        (PacketType::Publish, Version::V5) => encoder!(v5_0::Publish::parse(flags, body)),
        (PacketType::Publish, _) => encoder!(v3_1_1::Publish::parse(flags, body)),
        (PacketType::PubAck, Version::V5) => encoder!(v5_0::Puback::parse(&body)),
        (PacketType::PubAck, _) => encoder!(v3_1_1::Puback::parse(&body)),
        (PacketType::Connect, Version::V5) => encoder!(v5_0::Connect::parse(&body)),
        (PacketType::Connect, _) => encoder!(v3_1_1::Connect::parse(&body)),
        (PacketType::Subscribe, Version::V5) => encoder!(v5_0::Subscribe::parse(&body)),
        (PacketType::Subscribe, _) => encoder!(v3_1_1::Subscribe::parse(&body)),
        _ => return None,
    })
}

fn split(case: &Case) -> (FixedHeader, Arc<[u8]>) {
    let rules = Rules::new(case.version, Role::Server);
    let header = FixedHeader::parse(&case.frame, &rules).expect("a valid packet").expect("a whole packet");
    (header, case.frame[usize::from(header.header_len)..].into())
}

/// Decoding from bodies, each in an `Arc` that the parser may keep.
struct Bodies<D> {
    body: Arc<[u8]>,
    bodies: Vec<Arc<[u8]>>,
    decode: D,
}

impl<T: 'static, D: Fn(Arc<[u8]>) -> Result<(T, usize), Error> + 'static> Bodies<D> {
    fn task(body: Arc<[u8]>, decode: D) -> Box<dyn Task> {
        Box::new(Self { body, bodies: Vec::with_capacity(BATCH), decode })
    }
}

impl<T, D: Fn(Arc<[u8]>) -> Result<(T, usize), Error>> Task for Bodies<D> {
    fn prepare(&mut self) {
        self.bodies.extend((0..BATCH).map(|_| Arc::from(&*self.body)));
    }

    fn run(&mut self) {
        for body in self.bodies.drain(..) {
            black_box(&(self.decode)(body).expect("a valid packet"));
        }
    }
}

/// Encoding into buffers of its own, the only kind that it has.
struct Buffers<E>(E);

impl<E: Fn() -> Vec<u8> + 'static> Buffers<E> {
    fn task(case: &Case, encode: E) -> Box<dyn Task> {
        assert_same(case, &encode());
        Box::new(Self(encode))
    }
}

impl<E: Fn() -> Vec<u8>> Task for Buffers<E> {
    fn run(&mut self) {
        for _ in 0..BATCH {
            black_box(&(self.0)());
        }
    }
}
