//! The receiving side of QoS 1 and 2, the same for client and server.
//!
//! ```text
//! QoS 1   PUBLISH --> taken by the application --> PUBACK
//! QoS 2   PUBLISH --> taken by the application --> PUBREC ... PUBREL --> PUBCOMP
//!         \__ the same identifier again before PUBREL: PUBREC, but no message __/
//! ```
//! Answers leave in the order in which their messages came. [MQTT-4.6.0-2] [MQTT-4.6.0-3]
//!
//! A connection may end before the application has taken a message. At QoS 1 the sender sends it again, as another
//! message. At QoS 2 it is the same message: the application is not given it twice, its receipt stays good, and the
//! repeated PUBLISH is answered when the receipt is used.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use mqtt_codec::{
    AckRef, Delivery, PacketId, PacketRef, PacketType, PublishRef, ReasonCode, SubAckRef, UnsubAckRef,
    Version,
};

use crate::error::Violation;
use crate::event::{Receipt, Received};
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
    /// The peer's Maximum Packet Size.
    maximum_packet_size: u32,
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
    pub(crate) fn new(version: Version, generation: u32, maximum_packet_size: u32) -> Self {
        Self {
            version,
            maximum_packet_size,
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

    /// The answer for `receipt` that the application owes.
    fn owed(&mut self, receipt: Receipt) -> Option<&mut Slot> {
        if receipt.generation != self.generation {
            return None;
        }
        let index = usize::try_from(receipt.number.checked_sub(self.first)?).ok()?;
        self.slots.get_mut(index).filter(|slot| !slot.ready)
    }

    /// The PUBREC for `id` that the application owes.
    fn owed_pubrec(&mut self, id: PacketId) -> Option<&mut Slot> {
        self.slots
            .iter_mut()
            .find(|slot| !slot.ready && matches!(slot.answer, Answer::PubRec(other, _) if other == id))
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

    /// PUBREL for a PUBREC that came twice, or belongs to nothing.
    pub(crate) fn release(&mut self, id: PacketId, reason: ReasonCode) {
        self.handshakes.push_back(Handshake { packet: HandshakePacket::PubRel, id, reason, wait: None });
    }

    fn expect(&mut self, answer: Answer, ready: bool, wait: Option<StoreSeq>) -> Receipt {
        self.slots.push_back(Slot { answer, ready, wait });
        Receipt { generation: self.generation, number: self.first + self.slots.len() as u64 - 1 }
    }

    /// Writes the answers that wait for nothing; false if one is larger than the peer takes.
    pub(crate) fn transmit(
        &mut self,
        incoming: &mut Incoming,
        effects: &mut Effects,
        out: &mut impl Transmit,
    ) -> bool {
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
            if !self.transmit_slot(&slot.answer, incoming, effects, out) {
                return false;
            }
        }
        self.give_back_memory();
        true
    }

    fn transmit_slot(
        &mut self,
        answer: &Answer,
        incoming: &mut Incoming,
        effects: &mut Effects,
        out: &mut impl Transmit,
    ) -> bool {
        match answer {
            Answer::PubAck(id, reason) => {
                self.open_qos1 = self.open_qos1.saturating_sub(1);
                self.write(PacketRef::PubAck(AckRef::new(*id, *reason)), out);
            }
            Answer::PubRec(id, reason) => {
                // 3.x cannot refuse: there the exchange goes on
                if reason.is_error() && self.version.is_v5() {
                    // [MQTT-4.3.3-9]
                    incoming.forget(*id, effects);
                    self.open_qos2.remove(*id);
                }
                self.write(PacketRef::PubRec(AckRef::new(*id, *reason)), out);
            }
            Answer::SubAck(id, reasons) => {
                return self.write_list(PacketRef::SubAck(SubAckRef::new(*id, reasons)), out);
            }
            Answer::UnsubAck(id, reasons) => {
                return self.write_list(PacketRef::UnsubAck(UnsubAckRef::new(*id, reasons)), out);
            }
        }
        true
    }

    /// Writes an answer that is as long as its request, if the peer takes it. [MQTT-3.1.2-24]
    fn write_list(&self, packet: PacketRef<'_>, out: &mut impl Transmit) -> bool {
        let fits = packet.encoded_len(self.version).is_ok_and(|len| len <= self.maximum_packet_size as usize);
        if fits {
            self.write(packet, out);
        }
        fits
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
    /// What earlier connections left unanswered.
    unanswered: Vec<Unanswered>,
}

/// A message of QoS 2 whose PUBREC an earlier connection did not send, and that cannot simply be sent now.
#[derive(Clone, Copy, Debug)]
struct Unanswered {
    id: PacketId,
    receipt: Receipt,
    /// The refusal that the sender has not heard; `None` while the application has not taken the message.
    refusal: Option<ReasonCode>,
}

impl Incoming {
    /// Takes note of a PUBLISH and of the answer that it will get.
    #[inline]
    pub(crate) fn handle_publish<'p>(
        &mut self,
        publish: &PublishRef<'p>,
        receive_maximum: usize,
        answers: &mut Answers,
        effects: &mut Effects,
    ) -> Result<Option<Received<'p>>, Violation> {
        // DUP says nothing about what this receiver has seen, so nothing depends on it
        let receipt = match publish.delivery {
            Delivery::AtMostOnce => None,
            Delivery::AtLeastOnce { id, .. } => {
                if answers.open() >= receive_maximum {
                    return Err(Violation::ReceiveMaximumExceeded);
                }
                answers.open_qos1 += 1;
                Some(answers.expect(Answer::PubAck(id, ReasonCode::Success), false, None))
            }
            Delivery::ExactlyOnce { id, .. } => {
                if !answers.open_qos2.contains(id) && answers.open() >= receive_maximum {
                    return Err(Violation::ReceiveMaximumExceeded);
                }
                answers.open_qos2.insert(id);
                if !self.ids.insert(id) {
                    self.answer_again(id, answers, effects);
                    return Ok(None);
                }
                let wait = effects.push(StoreOp::Received(id));
                Some(answers.expect(Answer::PubRec(id, ReasonCode::Success), false, wait))
            }
        };
        Ok(Some(Received::Message { publish: *publish, receipt }))
    }

    /// A message that came before gets another PUBREC, but is not passed on. [MQTT-4.3.3-10]
    fn answer_again(&mut self, id: PacketId, answers: &mut Answers, effects: &Effects) {
        let unanswered = self.unanswered.iter().position(|unanswered| unanswered.id == id);
        let refusal = unanswered.and_then(|index| self.unanswered.get(index)?.refusal);
        if let (Some(_), Some(index)) = (refusal, unanswered) {
            self.unanswered.swap_remove(index);
        }
        let taken = unanswered.is_none() || refusal.is_some();
        // what the first PUBLISH had to wait for may not be stored yet
        answers.expect(Answer::PubRec(id, refusal.unwrap_or(ReasonCode::Success)), taken, effects.barrier());
    }

    /// The application has taken the message of `receipt`, or refuses it, once `wait` is stored.
    pub(crate) fn acknowledge(
        &mut self,
        receipt: Receipt,
        code: ReasonCode,
        wait: Option<StoreSeq>,
        mut answers: Option<&mut Answers>,
    ) {
        let code = match code {
            code if code.allowed_in(PacketType::PubAck) => code,
            code if code.is_error() => ReasonCode::UnspecifiedError,
            _ => ReasonCode::Success,
        };
        if let Some(slot) = answers.as_deref_mut().and_then(|answers| answers.owed(receipt)) {
            let answered = slot.take(code, wait);
            if let Some(id) = answered
                && !self.unanswered.is_empty()
            {
                self.unanswered.retain(|unanswered| unanswered.id != id);
            }
            return;
        }
        let of_receipt =
            |unanswered: &Unanswered| unanswered.receipt == receipt && unanswered.refusal.is_none();
        let Some(index) = self.unanswered.iter().position(of_receipt) else { return };
        let Unanswered { id, .. } = self.unanswered.swap_remove(index);
        if let Some(slot) = answers.and_then(|answers| answers.owed_pubrec(id)) {
            slot.take(code, wait);
        } else if code.is_error() {
            self.unanswered.push(Unanswered { id, receipt, refusal: Some(code) });
        }
    }

    /// PUBREL is always answered by PUBCOMP [MQTT-4.3.3-11], with 0x92 where nothing was to release.
    pub(crate) fn handle_pubrel(&mut self, id: PacketId, answers: &mut Answers, effects: &mut Effects) {
        let known = self.ids.remove(id);
        self.unanswered.retain(|unanswered| unanswered.id != id);
        answers.open_qos2.remove(id);
        let wait = if known { effects.push(StoreOp::Released(id)) } else { None };
        let reason = if known { ReasonCode::Success } else { ReasonCode::PacketIdentifierNotFound };
        answers.handshakes.push_back(Handshake { packet: HandshakePacket::PubComp, id, reason, wait });
    }

    /// A connection has ended: keeps what its PUBRECs would have said, where that is not plain success.
    pub(crate) fn handle_disconnected(&mut self, answers: &Answers) {
        for (slot, number) in answers.slots.iter().zip(answers.first..) {
            let Answer::PubRec(id, reason) = slot.answer else { continue };
            let refused = slot.ready && reason.is_error();
            let known = self.unanswered.iter().any(|unanswered| unanswered.id == id);
            if (!slot.ready || refused) && !known && self.ids.contains(id) {
                let receipt = Receipt { generation: answers.generation, number };
                self.unanswered.push(Unanswered { id, receipt, refusal: refused.then_some(reason) });
            }
        }
    }

    /// Forgets an identifier whose message was refused.
    fn forget(&mut self, id: PacketId, effects: &mut Effects) {
        self.ids.remove(id);
        effects.push(StoreOp::Released(id));
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Identifiers that are not released.
    pub(crate) const fn unreleased(&self) -> usize {
        self.ids.len()
    }
}

impl Slot {
    /// The application has spoken: the identifier, if the answer is a PUBREC.
    fn take(&mut self, code: ReasonCode, wait: Option<StoreSeq>) -> Option<PacketId> {
        self.ready = true;
        self.wait = self.wait.max(wait);
        match &mut self.answer {
            Answer::PubAck(_, reason) => *reason = code,
            Answer::PubRec(id, reason) => {
                *reason = code;
                return Some(*id);
            }
            Answer::SubAck(..) | Answer::UnsubAck(..) => {}
        }
        None
    }
}
