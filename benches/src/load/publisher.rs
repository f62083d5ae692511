//! The sending side: fills its window and completes its handshakes.

use super::connection::Connection;
use super::frame::Frame;
use super::handshakes::Handshakes;
use super::packets::{PINGRESP, PUBACK, PUBCOMP, PUBREC, PUBREL, Template, acknowledgement};
use super::void::{Peer, Void};
use super::window::Window;

/// A client that publishes as fast as its window opens.
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
    pub(crate) pongs: u32,
}

impl Publisher {
    /// Queues as many messages as the window and the open handshakes allow.
    pub(crate) fn fill(&mut self) {
        if !self.connection.is_blocked() {
            self.flow.fill(&mut self.connection.output);
        }
    }
}

impl Outgoing {
    pub(crate) fn new(template: Template, qos: u8, window: Window, handshakes: Handshakes) -> Self {
        Self { template, qos, window, handshakes, pongs: 0 }
    }

    fn fill(&mut self, output: &mut Vec<u8>) {
        while self.qos == 0 || self.handshakes.has_room() {
            let Some(number) = self.window.publish() else { break };
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
