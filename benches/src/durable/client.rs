//! A client with a blocking connection and a thread of its own.

use std::time::Instant;

use crate::load::frame::{Frame, Split, split};
use crate::load::packets::{Afterwards, DISCONNECT_PACKET, PUBACK, PUBLISH, Template, acknowledgement};
use crate::load::setup::{Accepted, io_void};
use crate::load::void::{Peer, Void};
use crate::load::wire::Target;

const READ_SIZE: usize = 64 << 10;
/// MQTT 3.1.1.
const VERSION: u8 = 4;
pub(super) const PAYLOAD: usize = 64;

pub(super) struct Client {
    accepted: Accepted,
    buffer: Vec<u8>,
    filled: usize,
}

impl Client {
    pub(super) fn connect(target: &Target, peer: Peer, session: Afterwards) -> Result<Self, Void> {
        let accepted = Accepted::connect(target, peer, VERSION, session)?;
        Ok(Self { accepted, buffer: vec![0; READ_SIZE], filled: 0 })
    }

    /// Comes back to its session; what waits there follows the CONNACK.
    pub(super) fn come_back(target: &Target, peer: Peer) -> Result<Self, Void> {
        let accepted = Accepted::returning(target, peer, VERSION)?;
        Ok(Self { accepted, buffer: vec![0; READ_SIZE], filled: 0 })
    }

    pub(super) fn subscribe(mut self, filter: &str, qos: u8) -> Result<Self, Void> {
        self.accepted = self.accepted.subscribe(filter, qos)?;
        Ok(self)
    }

    /// Ends the connection; returns when the broker has closed it.
    pub(super) fn disconnect(mut self) -> Result<(), Void> {
        self.send(&DISCONNECT_PACKET)?;
        match self.turn(|_, _| {}) {
            Err(Void::Closed(_)) => Ok(()),
            other => other,
        }
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), Void> {
        self.accepted.send(bytes)
    }

    /// Waits for bytes and hands over every packet that is whole; what it has to answer is sent after them.
    pub(super) fn turn(&mut self, mut each: impl FnMut(Frame<'_>, &mut Vec<u8>)) -> Result<(), Void> {
        let peer = self.accepted.peer;
        let read = std::io::Read::read(&mut self.accepted.wire, &mut self.buffer[self.filled..]);
        match read.map_err(|error| io_void(peer, error))? {
            0 => return Err(Void::Closed(peer)),
            count => self.filled += count,
        }
        let (mut rest, mut answers) = (&self.buffer[..self.filled], Vec::new());
        loop {
            match split(rest) {
                Split::Frame(frame, after) => {
                    each(frame, &mut answers);
                    rest = after;
                }
                Split::Partial => break,
                Split::Malformed => return Err(Void::Malformed(peer)),
            }
        }
        let left = rest.len();
        self.buffer.copy_within(self.filled - left..self.filled, 0);
        self.filled = left;
        if answers.is_empty() { Ok(()) } else { self.send(&answers) }
    }
}

/// The answer to a PUBLISH of QoS 1; `None` for what is not one.
pub(super) fn answer(frame: Frame<'_>) -> Option<[u8; 4]> {
    let topic = usize::from(frame.u16_at(0)?);
    (frame.kind() == PUBLISH).then(|| frame.u16_at(2 + topic)).flatten().map(|id| acknowledgement(PUBACK, id))
}

/// Publishes QoS 1 with at most `window` messages in flight.
pub(super) struct Publisher {
    client: Client,
    template: Template,
    /// When each message in flight was sent, by identifier.
    sent: Vec<Option<Instant>>,
    in_flight: usize,
    next: u64,
}

impl Publisher {
    pub(super) fn new(client: Client, topic: &str, window: usize, retain: bool, number: u32) -> Self {
        let template = Template::new(VERSION, topic, 1, PAYLOAD, number);
        let template = if retain { template.retained() } else { template };
        Self { client, template, sent: vec![None; window], in_flight: 0, next: 0 }
    }

    /// Fills the window up to `last` messages in all, waits for acknowledgements, and says for each when its message was sent.
    pub(super) fn turn(&mut self, last: u64, mut acknowledged: impl FnMut(Instant)) -> Result<(), Void> {
        let mut bytes = Vec::new();
        let now = Instant::now();
        for (index, slot) in self.sent.iter_mut().enumerate() {
            if slot.is_none() && self.next < last {
                *slot = Some(now);
                self.template.put(self.next, index as u16 + 1, &mut bytes);
                self.next += 1;
                self.in_flight += 1;
            }
        }
        self.client.send(&bytes)?;
        let (sent, in_flight) = (&mut self.sent, &mut self.in_flight);
        self.client.turn(|frame, _| {
            let id = frame.u16_at(0).filter(|_| frame.kind() == PUBACK);
            let slot = id.and_then(|id| sent.get_mut(usize::from(id) - 1));
            if let Some(at) = slot.and_then(Option::take) {
                *in_flight -= 1;
                acknowledged(at);
            }
        })
    }

    pub(super) fn is_idle(&self) -> bool {
        self.in_flight == 0
    }

    pub(super) fn published(&self) -> u64 {
        self.next
    }
}
