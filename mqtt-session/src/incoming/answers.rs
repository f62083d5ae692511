//! Answers of one connection, in the order of what they answer.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use mqtt_codec::{AckRef, PacketId, PacketRef, ReasonCode, SubAckRef, UnsubAckRef, Version};

use super::Incoming;
use crate::event::Receipt;
use crate::ids::IdSet;
use crate::lazy::{Lazy, Untouched};
use crate::store::{Effects, StoreSeq};
use crate::transmit::Transmit;

/// What an answer says.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    PubAck(PacketId, ReasonCode),
    PubRec(PacketId, ReasonCode),
    SubAck(PacketId, Box<[ReasonCode]>),
    UnsubAck(PacketId, Box<[ReasonCode]>),
}

/// An answer that is owed, in the order of what it answers.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) answer: Answer,
    /// Whether the application has taken the message.
    pub(super) ready: bool,
    pub(super) wait: Option<StoreSeq>,
}

/// A packet of a QoS 2 handshake that waits for nothing but its effect.
#[derive(Clone, Debug)]
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
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    version: Version,
    /// The peer's Maximum Packet Size.
    maximum_packet_size: u32,
    /// Distinguishes receipts of this connection from those of earlier ones.
    pub(super) generation: u32,
    /// The receipt of the first slot.
    pub(super) first: u64,
    pub(super) owed: Lazy<Owed>,
}

/// What is owed on a connection, and what is open because of it. Many connections never owe anything.
#[derive(Clone, Debug, Default)]
pub(super) struct Owed {
    pub(super) slots: VecDeque<Slot>,
    handshakes: VecDeque<Handshake>,
    /// From the front of `slots` and `handshakes`: those that wait for nothing but room in the output.
    ready_slots: usize,
    ready_handshakes: usize,
    /// Messages of QoS 1 that this connection has not answered.
    pub(super) open_qos1: usize,
    /// Messages of QoS 2 that came on this connection and are not completed.
    pub(super) open_qos2: IdSet,
}

impl Untouched for Owed {
    const UNTOUCHED: &'static Self = &Self {
        slots: VecDeque::new(),
        handshakes: VecDeque::new(),
        ready_slots: 0,
        ready_handshakes: 0,
        open_qos1: 0,
        open_qos2: IdSet::NONE,
    };
}

impl Owed {
    /// Takes note of answers that have nothing more to wait for: the application has spoken, or the store.
    fn advance(&mut self, effects: &Effects) {
        while let Some(slot) = self.slots.get(self.ready_slots)
            && slot.ready
            && effects.is_stored(slot.wait)
        {
            self.ready_slots += 1;
        }
        while let Some(handshake) = self.handshakes.get(self.ready_handshakes)
            && effects.is_stored(handshake.wait)
        {
            self.ready_handshakes += 1;
        }
    }

    fn pop_ready_handshake(&mut self) -> Option<Handshake> {
        self.ready_handshakes = self.ready_handshakes.checked_sub(1)?;
        self.handshakes.pop_front()
    }

    fn pop_ready_slot(&mut self) -> Option<Slot> {
        self.ready_slots = self.ready_slots.checked_sub(1)?;
        self.slots.pop_front()
    }

    fn open(&self) -> usize {
        self.open_qos1 + self.open_qos2.len()
    }

    fn waiting(&self) -> usize {
        self.slots.len() + self.handshakes.len()
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

impl Answers {
    pub(crate) fn new(version: Version, generation: u32, maximum_packet_size: u32) -> Self {
        Self { version, maximum_packet_size, generation, first: 0, owed: Lazy::NONE }
    }

    /// Messages of QoS 1 and 2 that count against the Receive Maximum.
    #[inline]
    pub(crate) fn open(&self) -> usize {
        self.owed.open()
    }

    /// Answers that wait, ready or not.
    #[inline]
    pub(crate) fn waiting(&self) -> usize {
        self.owed.waiting()
    }

    /// Answers that wait only for the peer to read.
    #[inline]
    pub(crate) fn unread(&self) -> usize {
        self.owed.ready_slots + self.owed.ready_handshakes
    }

    /// Takes note of answers that have nothing more to wait for.
    #[inline]
    pub(crate) fn advance(&mut self, effects: &Effects) {
        if let Some(owed) = self.owed.made() {
            owed.advance(effects);
        }
    }

    /// Whether PUBREC with `reason` ends the exchange. 3.x cannot refuse: there it goes on.
    pub(super) const fn refuses(&self, reason: ReasonCode) -> bool {
        reason.is_error() && self.version.is_v5()
    }

    /// The answer for `receipt` that the application owes.
    pub(super) fn owed(&mut self, receipt: Receipt) -> Option<&mut Slot> {
        if receipt.generation != self.generation {
            return None;
        }
        let index = usize::try_from(receipt.number.checked_sub(self.first)?).ok()?;
        self.owed.made()?.slots.get_mut(index).filter(|slot| !slot.ready)
    }

    /// The PUBREC for `id` that the application owes.
    pub(super) fn owed_pubrec(&mut self, id: PacketId) -> Option<&mut Slot> {
        let slots = &mut self.owed.made()?.slots;
        slots
            .iter_mut()
            .find(|slot| !slot.ready && matches!(slot.answer, Answer::PubRec(other, _) if other == id))
    }

    /// The receipt of the oldest message that the application has not taken.
    pub(crate) fn oldest_waiting(&self) -> Option<Receipt> {
        let index = self.owed.slots.iter().position(|slot| !slot.ready)?;
        Some(Receipt { generation: self.generation, number: self.first + index as u64 })
    }

    pub(crate) fn answer_subscribe(
        &mut self,
        id: PacketId,
        reasons: Box<[ReasonCode]>,
        wait: Option<StoreSeq>,
    ) {
        self.owed.slots.push_back(Slot { answer: Answer::SubAck(id, reasons), ready: true, wait });
    }

    pub(crate) fn answer_unsubscribe(
        &mut self,
        id: PacketId,
        reasons: Box<[ReasonCode]>,
        wait: Option<StoreSeq>,
    ) {
        self.owed.slots.push_back(Slot { answer: Answer::UnsubAck(id, reasons), ready: true, wait });
    }

    /// PUBREL for a PUBREC that came twice, or belongs to nothing.
    pub(crate) fn release(&mut self, id: PacketId, reason: ReasonCode) {
        self.owed.handshakes.push_back(Handshake { packet: HandshakePacket::PubRel, id, reason, wait: None });
    }

    /// PUBCOMP, which nothing but its effect holds back.
    pub(super) fn complete(&mut self, id: PacketId, reason: ReasonCode, wait: Option<StoreSeq>) {
        self.owed.handshakes.push_back(Handshake { packet: HandshakePacket::PubComp, id, reason, wait });
    }

    /// An answer whose message the application has (`ready`) or has not taken.
    pub(super) fn owe(&mut self, answer: Answer, ready: bool, wait: Option<StoreSeq>) -> Receipt {
        self.owed.slots.push_back(Slot { answer, ready, wait });
        Receipt { generation: self.generation, number: self.first + self.owed.slots.len() as u64 - 1 }
    }

    /// Writes the answers that wait for nothing; false if one is larger than the peer takes.
    pub(crate) fn transmit(
        &mut self,
        incoming: &mut Incoming,
        effects: &Effects,
        out: &mut impl Transmit,
    ) -> bool {
        self.advance(effects);
        while out.has_room()
            && let Some(Handshake { packet, id, reason, .. }) =
                self.owed.made().and_then(Owed::pop_ready_handshake)
        {
            let ack = AckRef::new(id, reason);
            self.write(
                match packet {
                    HandshakePacket::PubRel => PacketRef::PubRel(ack),
                    HandshakePacket::PubComp => PacketRef::PubComp(ack),
                },
                out,
            );
        }
        let mut answered_request = false;
        while out.has_room()
            && let Some(slot) = self.owed.made().and_then(Owed::pop_ready_slot)
        {
            self.first += 1;
            answered_request |= matches!(slot.answer, Answer::SubAck(..) | Answer::UnsubAck(..));
            if !self.transmit_slot(&slot.answer, incoming, out) {
                return false;
            }
        }
        self.give_back_memory(answered_request);
        true
    }

    /// A burst leaves little behind; a request, after which often nothing more comes, leaves nothing.
    fn give_back_memory(&mut self, answered_request: bool) {
        if answered_request && self.open() == 0 && self.waiting() == 0 {
            self.owed.take();
        } else if let Some(owed) = self.owed.made() {
            owed.give_back_memory();
        }
    }

    fn transmit_slot(&mut self, answer: &Answer, incoming: &mut Incoming, out: &mut impl Transmit) -> bool {
        match answer {
            Answer::PubAck(id, reason) => {
                self.owed.open_qos1 = self.owed.open_qos1.saturating_sub(1);
                self.write(PacketRef::PubAck(AckRef::new(*id, *reason)), out);
            }
            Answer::PubRec(id, reason) => {
                if self.refuses(*reason) {
                    // [MQTT-4.3.3-9]
                    incoming.forget(*id);
                    self.owed.open_qos2.remove(*id);
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
}

impl Slot {
    /// The application has spoken: the identifier, if the answer is a PUBREC.
    pub(super) fn take(&mut self, code: ReasonCode) -> Option<PacketId> {
        self.ready = true;
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
