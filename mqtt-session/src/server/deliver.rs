//! A message for this client: written at once if nothing stands in its way, else queued.

use mqtt_codec::{Delivery, List, Message, PacketId, PublishRef, QoS, ReasonCode, SubscriptionId};

use super::{Link, ServerSession, State};
use crate::config::Overflow;
use crate::error::DropReason;
use crate::outgoing::{Progress, Queued, delivery, remaining};
use crate::stored::StoredMessage;
use crate::time::Time;
use crate::transmit::{Outbound, Transmit};

/// What the matching subscriptions of one client say of a message.
#[derive(Clone, Copy, Debug)]
pub struct Matched<'m> {
    /// The highest QoS that was granted. [MQTT-3.3.4-2]
    pub qos: QoS,
    /// RETAIN towards this client: of a retained message that a SUBSCRIBE asked for, or as published.
    pub retain: bool,
    /// The identifiers of the subscriptions that have one. [MQTT-3.3.4-4]
    pub subscription_ids: &'m [SubscriptionId],
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// Its PUBLISH is in the client's output.
    Written,
    /// It waits in the session.
    Queued,
    /// It was dropped, and counted.
    Dropped(DropReason),
}

impl ServerSession {
    /// Delivers a message that matched, at the lower of its own and the granted QoS. [MQTT-3.8.4-8]
    ///
    /// `out` is the client's output, `None` if it has no connection. At QoS 0 a message that can be written now
    /// costs no allocation.
    #[inline]
    pub fn deliver<O: Transmit>(
        &mut self,
        now: Time,
        message: &mut Outbound<'_>,
        matched: &Matched<'_>,
        out: Option<&mut O>,
    ) -> Delivered {
        let qos = message.qos.min(matched.qos);
        if let (Some(link), Some(out)) = (self.link.as_deref_mut(), out)
            && link.takes_directly(&self.state)
            && out.has_room()
            && let Some(delivered) = write_now(now, &mut self.state, link, message, matched, qos, out)
        {
            match delivered {
                Delivered::Dropped(reason) => {
                    self.drops.count(reason, 1);
                    self.end_if_full(reason);
                }
                Delivered::Written => self.written = self.written.saturating_add(1),
                Delivered::Queued => {}
            }
            return delivered;
        }
        self.queue(now, message, matched, qos)
    }

    /// The same for a session that may hold no more than `ceiling` bytes, whatever [`QueueLimits::bytes`] allows beyond them: for a
    /// driver whose sessions hold too much together. What it holds stays; what comes is treated as its overflow says.
    ///
    /// [`QueueLimits::bytes`]: crate::QueueLimits::bytes
    pub fn deliver_within<O: Transmit>(
        &mut self,
        ceiling: usize,
        now: Time,
        message: &mut Outbound<'_>,
        matched: &Matched<'_>,
        out: Option<&mut O>,
    ) -> Delivered {
        let outgoing = &mut self.state.outgoing;
        let bytes = outgoing.limits().bytes;
        outgoing.replace_bytes(bytes.min(ceiling));
        let delivered = self.deliver(now, message, matched, out);
        self.state.outgoing.replace_bytes(bytes);
        delivered
    }

    /// A message that was left in the store comes from there: it waits here from now on, behind those that do.
    ///
    /// The limits of the queue do not apply, because it was accepted before: who fetches messages fetches as many as
    /// the client can take. One of QoS 0 may have had to wait for those before it, and is as welcome.
    pub fn deliver_stored(&mut self, message: StoredMessage) {
        let State { outgoing, effects, .. } = &mut self.state;
        let drops = &mut self.drops;
        outgoing.accept(message.into(), effects, |_, progress| {
            if let Progress::Dropped(reason) = progress {
                drops.count(reason, 1);
            }
        });
    }

    /// Forgets messages that the client may no longer have, as far as they wait. Returns how many.
    ///
    /// An exchange that has begun goes on, over connections as well: the client may have its message. [MQTT-4.4.0-1]
    pub fn withdraw(&mut self, may_have: impl FnMut(&Message) -> bool) -> usize {
        let State { outgoing, effects, .. } = &mut self.state;
        outgoing.withdraw(may_have, effects)
    }

    fn queue(&mut self, now: Time, message: &mut Outbound<'_>, matched: &Matched<'_>, qos: QoS) -> Delivered {
        let connected = self.link.as_ref().is_some_and(|link| link.closing.is_none());
        let drops = &mut self.drops;
        let kept = if qos == QoS::AtMostOnce && !connected {
            Err(DropReason::Offline)
        } else {
            let queued = to_queue(message, matched, qos);
            let State { outgoing, effects, .. } = &mut self.state;
            outgoing.enqueue(now, queued, effects, |_, progress| {
                if let Progress::Dropped(reason) = progress {
                    drops.count(reason, 1);
                }
            })
        };
        match kept {
            Ok(()) => Delivered::Queued,
            Err(reason) => {
                drops.count(reason, 1);
                self.end_if_full(reason);
                Delivered::Dropped(reason)
            }
        }
    }

    /// Ends the connection of a client whose queue is full, if that is what its overflow asks for.
    fn end_if_full(&mut self, reason: DropReason) {
        if reason == DropReason::QueueFull && self.queue_limits().overflow == Overflow::Disconnect {
            self.disconnect(ReasonCode::QuotaExceeded);
        }
    }
}

impl Link {
    /// Whether a message written now overtakes nothing.
    fn takes_directly(&self, state: &State) -> bool {
        self.closing.is_none() && self.welcome.is_none() && state.outgoing.is_clear(&self.window)
    }
}

/// Writes the PUBLISH; `None` if it has to wait after all.
fn write_now(
    now: Time,
    state: &mut State,
    link: &mut Link,
    message: &mut Outbound<'_>,
    matched: &Matched<'_>,
    qos: QoS,
    out: &mut impl Transmit,
) -> Option<Delivered> {
    // aliases change with each packet, and a QoS 2 identifier may have to be stored first: the queue knows how
    if link.window.aliases.is_some() || (qos == QoS::ExactlyOnce && state.effects.is_enabled()) {
        return None;
    }
    if message.expires.is_some_and(|expires| expires <= now) {
        return Some(Delivered::Dropped(DropReason::Expired));
    }
    let (id, kept) = match qos {
        QoS::AtMostOnce => (PacketId::MIN, None),
        _ if link.window.is_full() => return None,
        _ => {
            let kept = to_queue(message, matched, qos);
            // the queue is empty: nothing in it could make room
            if !state.outgoing.holds(&kept) {
                return Some(Delivered::Dropped(DropReason::QueueFull));
            }
            (state.outgoing.ids.take()?, Some(kept))
        }
    };
    let publish = PublishRef {
        message: link.window.seen(*message.message()),
        delivery: delivery(qos, id, false),
        retain: matched.retain,
        expiry: remaining(message.expires, now),
        alias: None,
        subscription_ids: List::new(matched.subscription_ids),
    };
    let written = link.window.fits(&publish) && message.write(&publish, link.window.version, out);
    if !written {
        if publish.delivery != Delivery::AtMostOnce {
            state.outgoing.ids.give_back(id);
        }
        return Some(Delivered::Dropped(DropReason::TooLarge));
    }
    if let Some(kept) = kept {
        state.outgoing.began(id, kept, &mut link.window);
    }
    Some(Delivered::Written)
}

fn to_queue(message: &mut Outbound<'_>, matched: &Matched<'_>, qos: QoS) -> Queued {
    Queued {
        message: message.share(),
        qos,
        retain: matched.retain,
        expires: message.expires,
        subscription_ids: matched.subscription_ids.into(),
        ticket: message.ticket,
    }
}
