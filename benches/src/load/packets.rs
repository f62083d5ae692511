//! The few packets the load program sends, written by hand so that sending costs a copy and two patches.

use super::frame::put_variable_integer;

/// What becomes of a session when its connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Afterwards {
    Ends,
    Stays,
}

/// Appends the CONNECT of a client.
pub(crate) fn connect(version: u8, client_id: &str, session: Afterwards, out: &mut Vec<u8>) {
    let mut body = Vec::new();
    put_text("MQTT", &mut body);
    body.extend([version, if session == Afterwards::Ends { CLEAN } else { 0 }]);
    body.extend(KEEP_ALIVE.to_be_bytes());
    if version == 5 && session == Afterwards::Stays {
        body.extend(NEVER_EXPIRES);
    } else {
        put_no_properties(version, &mut body);
    }
    put_text(client_id, &mut body);
    put_packet(CONNECT << 4, &body, out);
}

/// Appends a SUBSCRIBE of one filter with packet identifier 1.
pub(crate) fn subscribe(version: u8, filter: &str, qos: u8, out: &mut Vec<u8>) {
    let mut body = vec![0, 1];
    put_no_properties(version, &mut body);
    put_text(filter, &mut body);
    body.push(qos);
    put_packet(SUBSCRIBE << 4 | 2, &body, out);
}

/// A PUBACK, PUBREC, PUBREL or PUBCOMP that reports success, the same in every version.
pub(crate) fn acknowledgement(kind: u8, id: u16) -> [u8; 4] {
    let flags = if kind == PUBREL { 2 } else { 0 };
    let [high, low] = id.to_be_bytes();
    [kind << 4 | flags, 2, high, low]
}

/// The PUBLISH of one publisher, encoded once and patched for each message.
#[derive(Debug)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    /// Where the packet identifier is; QoS 0 has none.
    id_at: Option<usize>,
    payload_at: usize,
}

impl Template {
    /// The payload is `publisher`, then the number of the message, then filler up to `payload` bytes.
    pub(crate) fn new(version: u8, topic: &str, qos: u8, payload: usize, publisher: u32) -> Self {
        let mut body = Vec::new();
        put_text(topic, &mut body);
        let id_in_body = (qos > 0).then_some(body.len());
        if qos > 0 {
            body.extend([0, 0]);
        }
        put_no_properties(version, &mut body);
        body.extend(publisher.to_be_bytes());
        body.extend([b'.'; 8]);
        body.resize(body.len() + payload - SMALLEST_PAYLOAD, b'.');
        let mut bytes = Vec::new();
        put_packet(PUBLISH << 4 | qos << 1, &body, &mut bytes);
        let header = bytes.len() - body.len();
        let payload_at = bytes.len() - payload;
        Self { bytes, id_at: id_in_body.map(|at| header + at), payload_at }
    }

    /// The same, to be retained.
    pub(crate) fn retained(mut self) -> Self {
        self.bytes[0] |= 1;
        self
    }

    /// Appends message `number`; `id` counts for QoS 1 and 2 only.
    pub(crate) fn put(&self, number: u64, id: u16, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let packet = &mut out[start..];
        packet[self.payload_at + 4..self.payload_at + SMALLEST_PAYLOAD]
            .copy_from_slice(&number.to_be_bytes());
        if let Some(at) = self.id_at {
            packet[at..at + 2].copy_from_slice(&id.to_be_bytes());
        }
    }
}

/// Reads publisher and number back from a payload.
pub(crate) fn stamp(payload: &[u8]) -> Option<(u32, u64)> {
    let (publisher, after) = payload.split_first_chunk()?;
    let number = after.first_chunk()?;
    Some((u32::from_be_bytes(*publisher), u64::from_be_bytes(*number)))
}

fn put_packet(first: u8, body: &[u8], out: &mut Vec<u8>) {
    out.push(first);
    put_variable_integer(body.len(), out);
    out.extend_from_slice(body);
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    out.extend((text.len() as u16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn put_no_properties(version: u8, out: &mut Vec<u8>) {
    if version == 5 {
        out.push(0);
    }
}

pub(crate) const CONNECT: u8 = 1;
pub(crate) const CONNACK: u8 = 2;
pub(crate) const PUBLISH: u8 = 3;
pub(crate) const PUBACK: u8 = 4;
pub(crate) const PUBREC: u8 = 5;
pub(crate) const PUBREL: u8 = 6;
pub(crate) const PUBCOMP: u8 = 7;
pub(crate) const SUBSCRIBE: u8 = 8;
pub(crate) const SUBACK: u8 = 9;
pub(crate) const PINGRESP: u8 = 13;
pub(crate) const DISCONNECT: u8 = 14;

pub(crate) const PINGREQ_PACKET: [u8; 2] = [0xc0, 0];
pub(crate) const DISCONNECT_PACKET: [u8; 2] = [0xe0, 0];

/// The stamp of a message must fit.
pub(crate) const SMALLEST_PAYLOAD: usize = 12;

/// Longer than any run, so that no PINGREQ is due in the middle of one.
const KEEP_ALIVE: u16 = 3600;

/// Properties with a Session Expiry Interval that never ends.
const NEVER_EXPIRES: [u8; 6] = [5, 0x11, 0xff, 0xff, 0xff, 0xff];

/// Connect flag Clean Session, Clean Start in 5.0.
const CLEAN: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::frame::{Split, split};

    #[test]
    fn connect_is_written_as_the_standard_says() {
        let mut out = Vec::new();
        connect(4, "a", Afterwards::Ends, &mut out);
        assert_eq!(out, b"\x10\x0d\x00\x04MQTT\x04\x02\x0e\x10\x00\x01a");
        out.clear();
        connect(5, "a", Afterwards::Ends, &mut out);
        assert_eq!(out, b"\x10\x0e\x00\x04MQTT\x05\x02\x0e\x10\x00\x00\x01a");
        out.clear();
        connect(4, "a", Afterwards::Stays, &mut out);
        assert_eq!(out, b"\x10\x0d\x00\x04MQTT\x04\x00\x0e\x10\x00\x01a");
        out.clear();
        connect(5, "a", Afterwards::Stays, &mut out);
        assert_eq!(out, b"\x10\x13\x00\x04MQTT\x05\x00\x0e\x10\x05\x11\xff\xff\xff\xff\x00\x01a");
    }

    #[test]
    fn subscribe_is_written_as_the_standard_says() {
        let mut out = Vec::new();
        subscribe(4, "t", 2, &mut out);
        assert_eq!(out, b"\x82\x06\x00\x01\x00\x01t\x02");
        out.clear();
        subscribe(5, "t", 0, &mut out);
        assert_eq!(out, b"\x82\x07\x00\x01\x00\x00\x01t\x00");
    }

    #[test]
    fn a_template_carries_identifier_and_stamp() {
        for (version, qos, head) in
            [(4, 0, &b"\x00\x01t"[..]), (4, 1, b"\x00\x01t\x12\x34"), (5, 2, b"\x00\x01t\x12\x34\x00")]
        {
            let mut out = vec![0xff];
            let template = Template::new(version, "t", qos, 200, 7);
            template.put(0x0102_0304_0506_0708, 0x1234, &mut out);
            let Split::Frame(frame, []) = split(&out[1..]) else { panic!("one whole packet") };
            assert_eq!((frame.kind(), frame.first & 0xf), (PUBLISH, qos << 1));
            let (start, payload) = frame.body.split_at(frame.body.len() - 200);
            assert_eq!((start, stamp(payload)), (head, Some((7, 0x0102_0304_0506_0708))));
        }
    }

    #[test]
    fn a_short_payload_has_no_stamp() {
        assert_eq!(stamp(&[0; SMALLEST_PAYLOAD - 1]), None);
    }

    #[test]
    fn pubrel_has_its_reserved_flag() {
        assert_eq!(acknowledgement(PUBREL, 258), [0x62, 2, 1, 2]);
        assert_eq!(acknowledgement(PUBACK, 258), [0x40, 2, 1, 2]);
    }
}
