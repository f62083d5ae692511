//! The receiving side: checks every message and completes its handshakes.

use super::connection::Connection;
use super::frame::{Frame, variable_integer};
use super::handshakes::Unreleased;
use super::packets::{PINGRESP, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, acknowledgement, stamp};
use super::sequence::{Faults, Sequence};
use super::void::{Peer, Void};

/// A client that receives the messages of one or more publishers.
#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) connection: Connection,
    pub(crate) flow: Incoming,
}

/// What a subscriber knows of the messages it receives.
#[derive(Debug)]
pub(crate) struct Incoming {
    version: u8,
    qos: u8,
    payload: usize,
    unreleased: Unreleased,
    /// The publishers it receives from, consecutively numbered from `first`.
    first: u32,
    sequences: Vec<Sequence>,
    pub(crate) pongs: u32,
}

/// A message as it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) publisher: u32,
    pub(crate) number: u64,
}

impl Incoming {
    /// Receives messages with `payload` bytes from `publishers` publishers, the first of which is `first`.
    pub(crate) fn new(version: u8, qos: u8, payload: usize, first: u32, publishers: u32) -> Self {
        let sequences = (0..publishers).map(|_| Sequence::default()).collect();
        Self { version, qos, payload, unreleased: Unreleased::new(), first, sequences, pongs: 0 }
    }

    /// Takes a packet from the broker, queues its answer, and returns the message if it was one.
    pub(crate) fn handle(
        &mut self,
        peer: Peer,
        frame: Frame<'_>,
        output: &mut Vec<u8>,
    ) -> Result<Option<Received>, Void> {
        match frame.kind() {
            PUBLISH => return self.publish(frame, output).ok_or(Void::Foreign(peer)).map(Some),
            PUBREL => {
                let id = frame.u16_at(0).ok_or(Void::Malformed(peer))?;
                if !self.unreleased.release(id) {
                    return Err(Void::Unexpected(peer, PUBREL));
                }
                output.extend_from_slice(&acknowledgement(PUBCOMP, id));
            }
            PINGRESP => self.pongs += 1,
            _ => return Err(Void::unexpected(peer, frame)),
        }
        Ok(None)
    }

    /// Reads a message and queues its acknowledgement; `None` if it is not as it was published.
    fn publish(&mut self, frame: Frame<'_>, output: &mut Vec<u8>) -> Option<Received> {
        if frame.first >> 1 & 3 != self.qos {
            return None;
        }
        let mut at = 2 + usize::from(frame.u16_at(0)?);
        if self.qos > 0 {
            let id = frame.u16_at(at)?;
            at += 2;
            // A second PUBLISH with the same identifier counts as received again; its number tells what it is.
            let answer = if self.qos == 1 { PUBACK } else { PUBREC };
            if self.qos == 2 {
                self.unreleased.insert(id);
            }
            output.extend_from_slice(&acknowledgement(answer, id));
        }
        let mut payload = frame.body.get(at..)?;
        if self.version == 5 {
            let (length, after) = variable_integer(payload).ok()??;
            payload = after.get(length..)?;
        }
        if payload.len() != self.payload {
            return None;
        }
        stamp(payload).map(|(publisher, number)| Received { publisher, number })
    }

    /// The messages of `publisher`, if this subscriber receives from it.
    pub(crate) fn sequence(&mut self, publisher: u32) -> Option<&mut Sequence> {
        self.sequences.get_mut(publisher.checked_sub(self.first)? as usize)
    }

    /// All faults so far.
    pub(crate) fn faults(&self) -> Faults {
        let mut all = Faults::default();
        for sequence in &self.sequences {
            all += sequence.faults();
        }
        all
    }

    /// QoS 2 messages whose PUBREL has not come.
    pub(crate) fn open_handshakes(&self) -> usize {
        self.unreleased.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::frame::{Split, split};
    use crate::load::packets::Template;

    const PEER: Peer = Peer::Subscriber(0);

    fn handle(incoming: &mut Incoming, packet: &[u8]) -> (Result<Option<Received>, Void>, Vec<u8>) {
        let mut output = Vec::new();
        let Split::Frame(frame, []) = split(packet) else { panic!("one whole packet") };
        (incoming.handle(PEER, frame, &mut output), output)
    }

    #[test]
    fn a_message_is_read_and_acknowledged() {
        for (version, qos, answer) in
            [(4, 0, &[][..]), (4, 1, &[0x40, 2, 0, 9]), (4, 2, &[0x50, 2, 0, 9]), (5, 1, &[0x40, 2, 0, 9])]
        {
            let mut packet = Vec::new();
            Template::new(version, "load/3", qos, 64, 3).put(5, 9, &mut packet);
            let (received, output) = handle(&mut Incoming::new(version, qos, 64, 3, 1), &packet);
            assert_eq!(received.ok().flatten(), Some(Received { publisher: 3, number: 5 }));
            assert_eq!(output, answer, "version {version}, QoS {qos}");
        }
    }

    #[test]
    fn a_message_of_another_size_or_quality_is_foreign() {
        let mut packet = Vec::new();
        Template::new(4, "t", 1, 64, 0).put(0, 1, &mut packet);
        for mut incoming in [Incoming::new(4, 1, 63, 0, 1), Incoming::new(4, 2, 64, 0, 1)] {
            assert!(matches!(handle(&mut incoming, &packet).0, Err(Void::Foreign(PEER))));
        }
    }

    #[test]
    fn pubrel_is_answered_once() {
        let mut incoming = Incoming::new(4, 2, 64, 0, 1);
        let mut packet = Vec::new();
        Template::new(4, "t", 2, 64, 0).put(0, 1, &mut packet);
        handle(&mut incoming, &packet).0.expect("the message is good");
        assert_eq!(incoming.open_handshakes(), 1);
        let release = acknowledgement(PUBREL, 1);
        assert_eq!(handle(&mut incoming, &release).1, acknowledgement(PUBCOMP, 1));
        assert_eq!(incoming.open_handshakes(), 0);
        assert!(matches!(handle(&mut incoming, &release).0, Err(Void::Unexpected(PEER, PUBREL))));
    }

    #[test]
    fn a_subscriber_knows_its_own_publishers_only() {
        let mut incoming = Incoming::new(4, 0, 64, 3, 2);
        let known: Vec<u32> = (0..7).filter(|&number| incoming.sequence(number).is_some()).collect();
        assert_eq!(known, [3, 4]);
    }
}
