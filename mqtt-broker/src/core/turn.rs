//! The end of a turn: outputs are filled, mail is posted.

use mqtt_session::{DropReason, Time, Transmit};

use super::clients::Client;
use super::mail::Mail;
use super::shard::{ShardCore, Slot};
use super::stats::{Counter, Counters};
use super::trace::trace_written;

impl ShardCore {
    /// Fills the output of every client that has something to get, and posts mail to other shards.
    ///
    /// Afterwards pull `poll_flush`, `poll_closed` and `poll_notice`.
    pub fn end_turn(&mut self, now: Time) {
        self.share_memory();
        self.follow_rules();
        self.hear_store(now);
        self.store_turn(now);
        let mut again = Vec::new();
        while let Some(slot) = self.work.dirty.pop() {
            if let Some(client) = self.clients.get(slot) {
                client.dirty = false;
                client.follow(&self.rules, &self.hub);
            }
            self.fill(now, slot);
            if self.fetch_backlog(slot) {
                self.fill(now, slot);
            }
            if self.replay(now, slot) {
                again.push(slot);
            }
            self.filled(now, slot);
            // what was filled may have effects of its own: the identifiers of QoS 2
            self.store_effects(now, slot);
        }
        for slot in again {
            self.mark(slot);
        }
        self.append_journal();
        self.post(1);
    }

    /// Hands to the store what the turn has brought: one that answers at once lets its answers leave with it.
    fn store_turn(&mut self, now: Time) {
        if self.hub.durable().is_none() {
            return;
        }
        for index in 0..self.work.dirty.len() {
            if let Some(slot) = self.work.dirty.get(index) {
                self.store_effects(now, *slot);
            }
        }
        self.append_journal();
    }

    /// Moves what the session has to send into the output.
    pub(super) fn fill(&mut self, now: Time, slot: Slot) {
        let Some(client) = self.clients.get(slot) else { return };
        let Some(link) = client.link.as_deref_mut() else { return };
        self.work.prepare(&mut link.output);
        client.session.poll_transmit(now, &mut link.output);
    }

    /// Notes what has come of filling an output: bytes to write, or a buffer that was not needed.
    fn filled(&mut self, now: Time, slot: Slot) {
        let Some(client) = self.clients.get(slot) else { return };
        count_messages(client, self.hub.counters(self.shard));
        if client.session.close_reason().is_some() {
            // what was to be sent does not fit, or is too much for its queue
            return self.handle_session(now, slot);
        }
        let Some(link) = client.link.as_deref_mut() else { return };
        trace_written(&client.id, link, &mut self.work.notices);
        link.starved = !link.output.has_room();
        if link.output.is_empty() {
            self.work.give_back(&mut link.output);
        } else {
            self.work.flush.push(slot);
        }
    }

    /// Whether there is something to send, to a client or to another shard, for which [`ShardCore::end_turn`] has
    /// to be called again.
    pub fn has_work(&self) -> bool {
        !self.work.dirty.is_empty() || self.work.outboxes.iter().any(|outbox| !outbox.is_empty())
    }

    /// The driver has written some or all of a client's output.
    pub fn handle_written(&mut self, now: Time, slot: Slot, bytes: usize) {
        self.counters().add(Counter::BytesSent, bytes as u64);
        let Some(client) = self.clients.get(slot) else { return };
        let Some(link) = client.link.as_deref_mut() else { return };
        self.work.give_back(&mut link.output);
        link.note_taken(now, bytes);
        let has_room = link.output.has_room();
        let throttled = link.throttled;
        // what waits for something else than room, such as an acknowledgement, is not looked at again and again
        let starved = has_room && std::mem::take(&mut link.starved);
        let stalled = client.stalled_at(self.config.limits.stall);
        self.timers.arm(slot.0, stalled, &mut client.armed);
        if !has_room {
            return;
        }
        if starved {
            self.mark(slot);
        }
        if throttled {
            // the packets that had to wait for the client to read
            self.handle_bytes(now, slot, &[]);
        }
    }

    /// The driver has written as much of a client's output as the client takes now, and keeps some of it itself: the
    /// client has not taken everything although the output may be empty.
    pub fn handle_kept(&mut self, now: Time, slot: Slot) {
        let Some(client) = self.clients.get(slot) else { return };
        let Some(link) = client.link.as_deref_mut() else { return };
        link.stalled = Some(now);
        let stalled = client.stalled_at(self.config.limits.stall);
        self.timers.arm(slot.0, stalled, &mut client.armed);
    }

    /// Takes the mail of this shard.
    pub fn handle_mail(&mut self, now: Time) {
        self.follow_rules();
        let empty = std::mem::take(&mut self.mail);
        let mut mail = self.hub.take_mail(self.shard, empty);
        for mail in mail.drain(..) {
            match mail {
                Mail::Deliver(forwarded) => self.handle_forwarded(now, &forwarded),
                Mail::Publish { message, qos, retain, expiry } => {
                    self.publish_for_program(now, &message, qos, retain, expiry);
                }
                Mail::Subscribe { id, filter, qos, sink, ready } => {
                    self.subscribe_local(now, id, filter, qos, sink);
                    ready();
                }
                Mail::Unsubscribe(id) => self.unsubscribe_local(id),
                Mail::Explain { client_id, topic, qos, answer } => {
                    answer(self.explain(&client_id, &topic, qos))
                }
                Mail::Trace(client_id) => self.look_at_trace(&client_id),
                Mail::Reload => self.handle_reload(),
                Mail::Shutdown => self.handle_shutdown(now),
            }
        }
        self.mail = mail;
    }

    /// Posts the mail of each shard that is to get at least `many`.
    pub(super) fn post(&mut self, many: usize) {
        for (shard, outbox) in self.work.outboxes.iter_mut().enumerate() {
            if outbox.len() >= many {
                self.hub.post(shard as u16, outbox);
            }
        }
    }
}

/// Adds what the session has written and dropped since the last call to the counters of the shard.
pub(super) fn count_messages(client: &mut Client, counters: &Counters) {
    counters.add(Counter::PublishSent, u64::from(client.session.take_written()));
    client.count_held(counters);
    let drops = client.session.drops();
    if drops == client.dropped {
        return;
    }
    for reason in DropReason::ALL {
        let new = u64::from(drops.get(reason).wrapping_sub(client.dropped.get(reason)));
        counters.add(Counter::PublishDropped, new);
        if let Some(counter) = Counter::of_drop(reason) {
            counters.add(counter, new);
        }
    }
    client.dropped = drops;
}
