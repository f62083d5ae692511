//! The sending side: fills its window and completes its handshakes.

use std::time::{Duration, Instant};

use super::connection::Connection;
use super::frame::Frame;
use super::handshakes::Handshakes;
use super::packets::{PINGRESP, PUBACK, PUBCOMP, PUBREC, PUBREL, Template, acknowledgement};
use super::void::{Peer, Void};
use super::window::Window;

/// A client that publishes as fast as its window opens, or at its pace.
#[derive(Debug)]
pub(crate) struct Publisher {
    pub(crate) connection: Connection,
    pub(crate) flow: Outgoing,
}

/// What a publisher knows of its messages.
#[derive(Debug)]
pub(crate) struct Outgoing {
    template: Template,
    qos: u8,
    pub(crate) window: Window,
    handshakes: Handshakes,
    pace: Option<Pace>,
    /// When the messages on their way were published; a ring of a power of two places.
    published: Vec<Instant>,
    pub(crate) pongs: u32,
}

/// One message in each interval.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    /// When the next message is due.
    pub(crate) next: Instant,
    /// Whether a message could not leave when it was due: what it waited for then counts as its own time.
    held_up: bool,
}

impl Pace {
    pub(crate) fn new(interval: Duration, first: Instant) -> Self {
        Self { interval, next: first, held_up: false }
    }
}

impl Publisher {
    /// Queues as many messages as the window, the open handshakes and the pace allow.
    pub(crate) fn fill(&mut self, now: Instant) {
        if !self.connection.is_blocked() {
            self.flow.fill(now, &mut self.connection.output);
        }
    }
}

impl Outgoing {
    pub(crate) fn new(template: Template, qos: u8, window: Window, handshakes: Handshakes) -> Self {
        let published = vec![Instant::now(); window.places()];
        Self { template, qos, window, handshakes, pace: None, published, pongs: 0 }
    }

    /// From now on messages are published at this pace.
    pub(crate) fn set_pace(&mut self, pace: Pace) {
        self.pace = Some(pace);
    }

    /// When the next message is due, if there is a pace.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.pace.as_ref().map(|pace| pace.next)
    }

    /// When a message that is on its way was published.
    pub(crate) fn published_at(&self, number: u64) -> Instant {
        self.published[number as usize & (self.published.len() - 1)]
    }

    fn fill(&mut self, now: Instant, output: &mut Vec<u8>) {
        loop {
            let mut published = now;
            if let Some(pace) = &mut self.pace {
                if pace.next > now {
                    pace.held_up = false;
                    break;
                }
                if std::mem::replace(&mut pace.held_up, true) {
                    published = pace.next;
                }
            }
            if self.qos > 0 && !self.handshakes.has_room() {
                break;
            }
            let Some(number) = self.window.publish() else { break };
            if let Some(pace) = &mut self.pace {
                pace.next += pace.interval;
                pace.held_up = false;
            }
            let place = number as usize & (self.published.len() - 1);
            self.published[place] = published;
            let id = if self.qos == 0 { 0 } else { self.handshakes.start(self.qos) };
            self.template.put(number, id, output);
        }
    }

    /// Takes a packet from the broker and queues its answer.
    pub(crate) fn handle(&mut self, peer: Peer, frame: Frame<'_>, output: &mut Vec<u8>) -> Result<(), Void> {
        let kind = frame.kind();
        match kind {
            PUBACK | PUBREC | PUBCOMP => {
                let id = frame.u16_at(0).ok_or(Void::Malformed(peer))?;
                match frame.body.get(2) {
                    Some(&code) if code >= FAILURE => {
                        return Err(Void::Refused(peer, "an acknowledgement", code));
                    }
                    _ => {}
                }
                if !self.handshakes.acknowledge(kind, id) {
                    return Err(Void::Unexpected(peer, kind));
                }
                if kind == PUBREC {
                    output.extend_from_slice(&acknowledgement(PUBREL, id));
                }
            }
            PINGRESP => self.pongs += 1,
            _ => return Err(Void::unexpected(peer, frame)),
        }
        Ok(())
    }

    /// Handshakes that are not complete.
    pub(crate) fn open_handshakes(&self) -> usize {
        self.handshakes.open()
    }
}

/// Reason codes from here on are errors.
const FAILURE: u8 = 0x80;
