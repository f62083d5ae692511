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

mod answers;

use alloc::vec::Vec;

use mqtt_codec::{Delivery, PacketId, PacketType, PublishRef, ReasonCode};

use crate::error::Violation;
use crate::event::{Receipt, Received};
use crate::ids::IdSet;
use crate::lazy::Lazy;
use crate::store::{Effects, StoreOp, StoreSeq};

use answers::Answer;
pub(crate) use answers::Answers;

/// Identifiers of QoS 2 that were received and not released: session state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Incoming {
    ids: IdSet,
    /// What earlier connections left unanswered.
    unanswered: Lazy<Vec<Unanswered>>,
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
                answers.owed.open_qos1 += 1;
                Some(answers.owe(Answer::PubAck(id, ReasonCode::Success), false, None))
            }
            Delivery::ExactlyOnce { id, .. } => {
                if !answers.owed.open_qos2.contains(id) && answers.open() >= receive_maximum {
                    return Err(Violation::ReceiveMaximumExceeded);
                }
                answers.owed.open_qos2.insert(id);
                if !self.ids.insert(id) {
                    self.answer_again(id, answers, effects);
                    answers.advance(effects);
                    return Ok(None);
                }
                Some(answers.owe(Answer::PubRec(id, ReasonCode::Success), false, None))
            }
        };
        Ok(Some(Received::Message { publish: *publish, receipt }))
    }

    /// A message that came before gets another PUBREC, but is not passed on. [MQTT-4.3.3-10]
    fn answer_again(&mut self, id: PacketId, answers: &mut Answers, effects: &mut Effects) {
        let unanswered = self.unanswered.iter().position(|unanswered| unanswered.id == id);
        let refusal = unanswered.and_then(|index| self.unanswered.get(index)?.refusal);
        if let (Some(_), Some(index)) = (refusal, unanswered) {
            self.unanswered.swap_remove(index);
        }
        let taken = unanswered.is_none() || refusal.is_some();
        if refusal.is_some_and(|reason| !answers.refuses(reason)) {
            effects.push(StoreOp::Received(id));
        }
        // the application may have taken the message just now: what that waits for is among all that is not stored
        answers.owe(Answer::PubRec(id, refusal.unwrap_or(ReasonCode::Success)), taken, effects.last());
    }

    /// The application has taken the message of `receipt`, or refuses it, once `wait` is stored.
    pub(crate) fn acknowledge(
        &mut self,
        receipt: Receipt,
        code: ReasonCode,
        wait: Option<StoreSeq>,
        mut answers: Option<&mut Answers>,
        effects: &mut Effects,
    ) {
        let code = match code {
            code if code.allowed_in(PacketType::PubAck) => code,
            code if code.is_error() => ReasonCode::UnspecifiedError,
            _ => ReasonCode::Success,
        };
        let refuses = code.is_error() && answers.as_ref().is_none_or(|answers| answers.refuses(code));
        if let Some(slot) = answers.as_deref_mut().and_then(|answers| answers.owed(receipt)) {
            if let Some(id) = slot.take(code) {
                slot.wait = self.note_taken(id, refuses, wait, effects);
                self.forget_unanswered(id);
            } else {
                slot.wait = wait;
            }
            return;
        }
        let of_receipt =
            |unanswered: &Unanswered| unanswered.receipt == receipt && unanswered.refusal.is_none();
        let Some(index) = self.unanswered.iter().position(of_receipt) else { return };
        let Unanswered { id, .. } = self.unanswered.swap_remove(index);
        let wait = self.note_taken(id, refuses, wait, effects);
        if let Some(slot) = answers.and_then(|answers| answers.owed_pubrec(id)) {
            slot.take(code);
            slot.wait = wait;
        } else if code.is_error() {
            self.unanswered.push(Unanswered { id, receipt, refusal: Some(code) });
        }
    }

    /// The application has spoken about the message of QoS 2 with `id`: what its PUBREC waits for.
    ///
    /// A message is known as received only with what the driver stores of it: known earlier, a crash in between
    /// would lose the message; later, deliver it twice.
    fn note_taken(
        &self,
        id: PacketId,
        refused: bool,
        wait: Option<StoreSeq>,
        effects: &mut Effects,
    ) -> Option<StoreSeq> {
        if refused || !self.ids.contains(id) || !effects.is_enabled() {
            return wait;
        }
        effects.push_with(wait, StoreOp::Received(id))
    }

    /// PUBREL is always answered by PUBCOMP [MQTT-4.3.3-11], with 0x92 where nothing was to release.
    pub(crate) fn handle_pubrel(&mut self, id: PacketId, answers: &mut Answers, effects: &mut Effects) {
        let known = self.ids.remove(id);
        self.forget_unanswered(id);
        if let Some(owed) = answers.owed.made() {
            owed.open_qos2.remove(id);
        }
        // a repeated PUBREL is not answered before what the first has released is stored
        let wait = if known { effects.push(StoreOp::Released(id)) } else { effects.last() };
        let reason = if known { ReasonCode::Success } else { ReasonCode::PacketIdentifierNotFound };
        answers.complete(id, reason, wait);
    }

    /// A connection has ended: keeps what its PUBRECs would have said, where that is not plain success.
    pub(crate) fn handle_disconnected(&mut self, answers: &Answers) {
        for (slot, number) in answers.owed.slots.iter().zip(answers.first..) {
            let Answer::PubRec(id, reason) = slot.answer else { continue };
            let refused = slot.ready && reason.is_error();
            let known = self.unanswered.iter().any(|unanswered| unanswered.id == id);
            if (!slot.ready || refused) && !known && self.ids.contains(id) {
                let receipt = Receipt { generation: answers.generation, number };
                self.unanswered.push(Unanswered { id, receipt, refusal: refused.then_some(reason) });
            }
        }
        self.ids.shrink();
        if self.unanswered.is_empty() {
            self.unanswered.take();
        }
    }

    fn forget_unanswered(&mut self, id: PacketId) {
        if let Some(unanswered) = self.unanswered.made() {
            unanswered.retain(|unanswered| unanswered.id != id);
        }
    }

    /// Forgets an identifier whose message was refused: no store has heard of it.
    fn forget(&mut self, id: PacketId) {
        self.ids.remove(id);
    }

    /// What a store has: identifiers whose messages the application took, and that are not released.
    pub(crate) fn restored(received: impl IntoIterator<Item = PacketId>) -> Self {
        let mut ids = IdSet::default();
        received.into_iter().for_each(|id| _ = ids.insert(id));
        Self { ids, unanswered: Lazy::default() }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Identifiers that are not released.
    pub(crate) fn unreleased(&self) -> usize {
        self.ids.len()
    }
}
