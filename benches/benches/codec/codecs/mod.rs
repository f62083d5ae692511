//! The codecs that are compared, each behind the same two questions: a task that decodes, and one that encodes.
//!
//! Every codec reads and writes what its API wants, and what it wants is made before the clock starts.

mod mqttrs;
mod ours;
mod protocol_core;
mod rmqtt;
mod rumqttc;

use bytes::BytesMut;

use crate::cases::Case;

/// Packets that a task works through in one go, so that the clock does not count.
pub(crate) const BATCH: usize = 128;

/// The work of one codec on one packet, [`BATCH`] times.
pub(crate) trait Task {
    /// Makes what the work begins with; not measured.
    fn prepare(&mut self) {}

    fn run(&mut self);
}

/// A column of the table.
pub(crate) struct Column {
    pub(crate) codec: &'static str,
    /// `None` if the codec does not have the version.
    pub(crate) task: fn(&Case) -> Option<Box<dyn Task>>,
}

pub(crate) const DECODERS: [Column; 6] = [
    Column { codec: "mqtt-codec view", task: ours::view },
    Column { codec: "mqtt-codec owned", task: ours::owned },
    Column { codec: "rmqtt-codec", task: rmqtt::decode },
    Column { codec: "rumqttc", task: rumqttc::decode },
    Column { codec: "mqtt-protocol-core", task: protocol_core::decode },
    Column { codec: "mqttrs", task: mqttrs::decode },
];

pub(crate) const ENCODERS: [Column; 5] = [
    Column { codec: "mqtt-codec", task: ours::encode },
    Column { codec: "rmqtt-codec", task: rmqtt::encode },
    Column { codec: "rumqttc", task: rumqttc::encode },
    Column { codec: "mqtt-protocol-core", task: protocol_core::encode },
    Column { codec: "mqttrs", task: mqttrs::encode },
];

/// Decoding from the buffer that a connection reads into: each packet is taken off its front.
struct Stream<D> {
    bytes: Vec<u8>,
    buffer: BytesMut,
    decode: D,
}

impl<D: FnMut(&mut BytesMut) + 'static> Stream<D> {
    fn task(case: &Case, decode: D) -> Box<dyn Task> {
        Box::new(Self { bytes: case.stream(BATCH), buffer: BytesMut::new(), decode })
    }
}

impl<D: FnMut(&mut BytesMut)> Task for Stream<D> {
    fn prepare(&mut self) {
        // with room behind the last packet, for decoders that make room for the next one
        let mut buffer = BytesMut::with_capacity(self.bytes.len() + 64);
        buffer.extend_from_slice(&self.bytes);
        // the first part that is split off makes the buffer a shared one: it was before, on a connection
        drop(buffer.split_off(buffer.len()));
        self.buffer = buffer;
    }

    fn run(&mut self) {
        for _ in 0..BATCH {
            (self.decode)(&mut self.buffer);
        }
    }
}

/// Decoding from a slice, which is not changed.
struct Slice<D> {
    bytes: Vec<u8>,
    len: usize,
    decode: D,
}

impl<D: FnMut(&[u8]) + 'static> Slice<D> {
    fn task(case: &Case, decode: D) -> Box<dyn Task> {
        Box::new(Self { bytes: case.stream(BATCH), len: case.frame.len(), decode })
    }
}

impl<D: FnMut(&[u8])> Task for Slice<D> {
    fn run(&mut self) {
        let mut rest = &self.bytes[..];
        while !rest.is_empty() {
            (self.decode)(rest);
            rest = &rest[self.len..];
        }
    }
}

/// Encoding into a buffer that has room for all packets.
struct Append<E> {
    output: BytesMut,
    encode: E,
}

impl<E: FnMut(&mut BytesMut) + 'static> Append<E> {
    fn task(case: &Case, mut encode: E) -> Box<dyn Task> {
        let mut output = BytesMut::with_capacity(case.frame.len() * (BATCH + 1));
        encode(&mut output);
        assert_same(case, &output);
        Box::new(Self { output, encode })
    }
}

impl<E: FnMut(&mut BytesMut)> Task for Append<E> {
    fn prepare(&mut self) {
        self.output.clear();
    }

    fn run(&mut self) {
        for _ in 0..BATCH {
            (self.encode)(&mut self.output);
        }
    }
}

/// Every encoder has to write the packet that was decoded, properties in any order.
fn assert_same(case: &Case, encoded: &[u8]) {
    use mqtt_codec::{PacketRef, Role, Rules};
    let rules = Rules::new(case.version, Role::Server);
    let packet = PacketRef::decode(encoded, &rules).expect(&case.name);
    assert_eq!(Ok(packet), PacketRef::decode(&case.frame, &rules), "{}", case.name);
}
