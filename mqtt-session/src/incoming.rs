//! The receiving side of QoS 1 and 2, the same for client and server.
//!
//! ```text
//! QoS 1   PUBLISH --> taken by the application --> PUBACK
//! QoS 2   PUBLISH --> taken by the application --> PUBREC ... PUBREL --> PUBCOMP
//!         \__ the same identifier again before PUBREL: PUBREC, but no message __/
//! ```
//! Answers leave in the order in which their messages came. [MQTT-4.6.0-2] [MQTT-4.6.0-3]

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use mqtt_codec::{AckRef, Delivery, PacketId, PacketRef, ReasonCode, SubAckRef, UnsubAckRef, Version};

use crate::error::Violation;
use crate::event::Receipt;
use crate::ids::IdSet;
use crate::store::{Effects, StoreOp, StoreSeq};
use crate::transmit::Transmit;

/// What an answer says.
#[derive(Debug)]
enum Answer {
    PubAck(PacketId, ReasonCode),
    PubRec(PacketId, ReasonCode),
    SubAck(PacketId, Box<[ReasonCode]>),
    UnsubAck(PacketId, Box<[ReasonCode]>),
}

/// An answer that is owed, in the order of what it answers.
#[derive(Debug)]
struct Slot {
    answer: Answer,
    /// Whether the application has taken the message.
    ready: bool,
    wait: Option<StoreSeq>,
}

/// A packet of a QoS 2 handshake that waits for nothing but its effect.
#[derive(Debug)]
struct Handshake {
    packet: HandshakePacket,
    id: PacketId,
    reason: ReasonCode,
    wait: Option<StoreSeq>,
}

#[derive(Clone, Copy, Debug)]
enum HandshakePacket {
    PubRel,
    PubComp,
}

/// Answers of one connection; ends with it.
#[derive(Debug)]
pub(crate) struct Answers {
    version: Version,
    /// Distinguishes receipts of this connection from those of earlier ones.
    generation: u32,
    slots: VecDeque<Slot>,
    /// The receipt of the first slot.
    first: u64,
    handshakes: VecDeque<Handshake>,
    /// Messages of QoS 1 that this connection has not answered.
    open_qos1: usize,
    /// Messages of QoS 2 that came on this connection and are not completed.
    open_qos2: IdSet,
}

impl Answers {
    pub(crate) fn new(version: Version, generation: u32) -> Self {
        Self {
            version,
            generation,
            slots: VecDeque::new(),
            first: 0,
            handshakes: VecDeque::new(),
            open_qos1: 0,
            open_qos2: IdSet::default(),
        }
    }

    /// Messages of QoS 1 and 2 that count against the Receive Maximum.
    pub(crate) const fn open(&self) -> usize {
        self.open_qos1 + self.open_qos2.len()
    }

    /// Answers that wait, ready or not.
    pub(crate) fn waiting(&self) -> usize {
        self.slots.len() + self.handshakes.len()
    }

    /// Marks the message of `receipt` as taken; false if the receipt is of an earlier connection or was used.
    pub(crate) fn acknowledge(&mut self, receipt: Receipt, code: ReasonCode, wait: Option<StoreSeq>) -> bool {
        let index = receipt.number.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        let slot = index.and_then(|index| self.slots.get_mut(index));
        match slot {
            Some(slot) if receipt.generation == self.generation && !slot.ready => {
                slot.ready = true;
                slot.wait = slot.wait.max(wait);
                if let Answer::PubAck(_, reason) | Answer::PubRec(_, reason) = &mut slot.answer {
                    *reason = code;
                }
                true
            }
            _ => false,
        }
    }

    /// The receipt of the oldest message that the application has not taken.
    pub(crate) fn oldest_waiting(&self) -> Option<Receipt> {
        let index = self.slots.iter().position(|slot| !slot.ready)?;
        Some(Receipt { generation: self.generation, number: self.first + index as u64 })
    }

    pub(crate) fn answer_subscribe(
        &mut self,
        id: PacketId,
        reasons: Box<[ReasonCode]>,
        wait: Option<StoreSeq>,
    ) {
        self.slots.push_back(Slot { answer: Answer::SubAck(id, reasons), ready: true, wait });
    }

    pub(crate) fn answer_unsubscribe(
        &mut self,
        id: PacketId,
        reasons: Box<[ReasonCode]>,
        wait: Option<StoreSeq>,
    ) {
        self.slots.push_back(Slot { answer: Answer::UnsubAck(id, reasons), ready: true, wait });
    }

    /// PUBREL, in the order in which the PUBRECs came. [MQTT-4.6.0-4]
    pub(crate) fn release(&mut self, id: PacketId, reason: ReasonCode, wait: Option<StoreSeq>) {
        self.handshakes.push_back(Handshake { packet: HandshakePacket::PubRel, id, reason, wait });
    }

    fn expect(&mut self, answer: Answer, ready: bool, wait: Option<StoreSeq>) -> Receipt {
        self.slots.push_back(Slot { answer, ready, wait });
        Receipt { generation: self.generation, number: self.first + self.slots.len() as u64 - 1 }
    }

    /// Writes the answers that wait for nothing.
    pub(crate) fn transmit(&mut self, incoming: &mut Incoming, effects: &Effects, out: &mut impl Transmit) {
        while out.has_room() {
            match self.handshakes.front() {
                Some(handshake) if effects.is_stored(handshake.wait) => {}
                _ => break,
            }
            let Some(Handshake { packet, id, reason, .. }) = self.handshakes.pop_front() else { break };
            let ack = AckRef::new(id, reason);
            self.write(
                match packet {
                    HandshakePacket::PubRel => PacketRef::PubRel(ack),
                    HandshakePacket::PubComp => PacketRef::PubComp(ack),
                },
                out,
            );
        }
        while out.has_room() {
            match self.slots.front() {
                Some(slot) if slot.ready && effects.is_stored(slot.wait) => {}
                _ => break,
            }
            let Some(slot) = self.slots.pop_front() else { break };
            self.first += 1;
            self.transmit_slot(&slot.answer, incoming, out);
        }
        self.give_back_memory();
    }

    fn transmit_slot(&mut self, answer: &Answer, incoming: &mut Incoming, out: &mut impl Transmit) {
        match answer {
            Answer::PubAck(id, reason) => {
                self.open_qos1 = self.open_qos1.saturating_sub(1);
                self.write(PacketRef::PubAck(AckRef::new(*id, *reason)), out);
            }
            Answer::PubRec(id, reason) => {
                if reason.is_error() {
                    // [MQTT-4.3.3-9]
                    incoming.forget(*id);
                    self.open_qos2.remove(*id);
                }
                self.write(PacketRef::PubRec(AckRef::new(*id, *reason)), out);
            }
            Answer::SubAck(id, reasons) => self.write(PacketRef::SubAck(SubAckRef::new(*id, reasons)), out),
            Answer::UnsubAck(id, reasons) => {
                self.write(PacketRef::UnsubAck(UnsubAckRef::new(*id, reasons)), out)
            }
        }
    }

    fn write(&self, packet: PacketRef<'_>, out: &mut impl Transmit) {
        let written = packet.encode(self.version, out);
        debug_assert!(written.is_ok(), "{packet:?}: {written:?}");
    }

    fn give_back_memory(&mut self) {
        if self.slots.is_empty() {
            self.slots.shrink_to(8);
        }
        if self.handshakes.is_empty() {
            self.handshakes.shrink_to(8);
        }
    }
}

/// Identifiers of QoS 2 that were received and not released: session state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Incoming {
    ids: IdSet,
}

/// What a PUBLISH is to the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// A message, to be acknowledged if there is a receipt.
    New(Option<Receipt>),
    /// A message of QoS 2 that came before: already answered again.
    Repeated,
}

impl Incoming {
    /// Takes note of a PUBLISH and of the answer that it will get.
    pub(crate) fn handle_publish(
        &mut self,
        delivery: Delivery,
        receive_maximum: usize,
        answers: &mut Answers,
        effects: &mut Effects,
    ) -> Result<Arrival, Violation> {
        // DUP says nothing about what this receiver has seen, so nothing depends on it
        match delivery {
            Delivery::AtMostOnce => Ok(Arrival::New(None)),
            Delivery::AtLeastOnce { id, .. } => {
                if answers.open() >= receive_maximum {
                    return Err(Violation::ReceiveMaximumExceeded);
                }
                answers.open_qos1 += 1;
                let answer = Answer::PubAck(id, ReasonCode::Success);
                Ok(Arrival::New(Some(answers.expect(answer, false, None))))
            }
            Delivery::ExactlyOnce { id, .. } => {
                if !answers.open_qos2.contains(id) && answers.open() >= receive_maximum {
                    return Err(Violation::ReceiveMaximumExceeded);
                }
                answers.open_qos2.insert(id);
                let answer = Answer::PubRec(id, ReasonCode::Success);
                if !self.ids.insert(id) {
                    // [MQTT-4.3.3-10]
                    answers.expect(answer, true, None);
                    return Ok(Arrival::Repeated);
                }
                let wait = effects.push(StoreOp::Received(id));
                Ok(Arrival::New(Some(answers.expect(answer, false, wait))))
            }
        }
    }

    /// PUBREL is always answered by PUBCOMP [MQTT-4.3.3-11], with 0x92 where nothing was to release.
    pub(crate) fn handle_pubrel(&mut self, id: PacketId, answers: &mut Answers, effects: &mut Effects) {
        let known = self.ids.remove(id);
        answers.open_qos2.remove(id);
        let wait = if known { effects.push(StoreOp::Released(id)) } else { None };
        let reason = if known { ReasonCode::Success } else { ReasonCode::PacketIdentifierNotFound };
        answers.handshakes.push_back(Handshake { packet: HandshakePacket::PubComp, id, reason, wait });
    }

    /// Forgets an identifier whose message was refused.
    pub(crate) fn forget(&mut self, id: PacketId) {
        self.ids.remove(id);
    }

    pub(crate) fn clear(&mut self) {
        self.ids.clear();
    }

    /// Identifiers that are not released.
    pub(crate) const fn unreleased(&self) -> usize {
        self.ids.len()
    }
}
