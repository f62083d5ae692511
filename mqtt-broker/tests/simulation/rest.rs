//! The end of a world: faults stop, everybody gets what is owed, everybody leaves, and nothing is left.

use mqtt_broker::core::{Counter, ShardCore};
use mqtt_codec::{QoS, RetainHandling};
use mqtt_session::CleanStart;

use super::link::ServerEnd;
use super::plan::{Options, Profile, TOPICS};
use super::rng::Rng;
use super::world::World;

/// Rounds in which everything moves as far as it can.
const ROUNDS: u32 = 20_000;

impl World {
    pub(crate) fn rest(&mut self) {
        self.step += 1_000_000;
        self.log.moment = (self.step, self.now);
        self.log.say(|| "--- the faults end".to_owned());
        self.end_faults();
        self.settle_down();
        self.check_settled();
        self.log.say(|| "--- a stranger asks for everything".to_owned());
        self.ask_for_everything();
        self.settle_down();
        self.check_settled();
        self.leave();
        self.check_empty();
    }

    /// Broken links are seen to be broken, and everybody connects.
    fn end_faults(&mut self) {
        let mut rng = Rng::at(self.plan.seed, self.step);
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            let Some(link) = self.links.get(&id) else { continue };
            let (client, is_cut, client_open) = (link.client, link.is_cut, link.client_open);
            if is_cut {
                if client_open {
                    self.lose_client(client, &mut rng);
                }
                self.lose_server(id);
            }
        }
        for client in 0..self.clients.len() {
            if self.clients[client].link.is_none() && self.failure.is_none() {
                self.open(client);
            }
        }
    }

    /// Moves everything until nothing moves; who loses a connection gets another.
    pub(crate) fn settle_down(&mut self) {
        let mut rng = Rng::at(self.plan.seed, self.step);
        for _ in 0..ROUNDS {
            if self.failure.is_some() || !self.move_all(&mut rng) {
                return;
            }
        }
        self.fail("the world does not come to rest".to_owned());
    }

    /// One round; whether anything moved.
    fn move_all(&mut self, rng: &mut Rng) -> bool {
        let mut moved = self.disk.as_ref().is_some_and(|disk| disk.sync(usize::MAX));
        for shard in 0..self.cores.len() {
            moved |=
                self.cores[shard].has_work() || self.woken[shard].load(std::sync::atomic::Ordering::Relaxed);
            self.turn(shard, true, true, true);
        }
        for client in 0..self.clients.len() {
            self.acknowledge(client);
            moved |= self.clients[client].sync(usize::MAX);
            self.write_client(client);
            if self.clients[client].link.is_none() {
                self.open(client);
                moved = true;
            }
        }
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            let Some(link) = self.links.get_mut(&id) else { continue };
            moved |= !link.up.is_empty() || !link.down.is_empty();
            (link.stalled_until, link.deaf_until) = (0, 0);
            let client = link.client;
            if link.is_over() {
                self.links.remove(&id);
                continue;
            }
            if let ServerEnd::Arriving(_) = link.server {
                self.arrive(id);
                moved = true;
            }
            self.move_up(id);
            if self.links.get(&id).is_some_and(|link| link.client_open) {
                self.read_client(client, usize::MAX);
                self.drain(id);
                let link = self.links.get(&id).filter(|link| link.client_open && link.down.is_empty());
                if link.is_some_and(|link| matches!(link.server, ServerEnd::Closed)) {
                    self.lose_client(client, rng);
                    moved = true;
                }
            }
        }
        moved
    }

    fn move_up(&mut self, id: u64) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let reads = match link.server {
            ServerEnd::Attached(shard, slot) => {
                self.cores[shard].wants_read(slot) && !self.hub.is_congested()
            }
            ServerEnd::Lobby(_) => true,
            ServerEnd::Arriving(_) | ServerEnd::Closed => false,
        };
        if reads && !link.up.is_empty() {
            let bytes = std::mem::take(&mut link.up);
            self.give(id, &bytes);
        } else if !link.client_open && (link.is_cut || link.up.is_empty()) {
            self.lose_server(id);
        } else if !link.client_open && matches!(link.server, ServerEnd::Closed) {
            link.up.clear();
        }
    }

    /// Everything that was promised has come.
    fn check_settled(&mut self) {
        if self.failure.is_some() {
            return;
        }
        for client in 0..self.clients.len() {
            if !self.clients[client].is_at_rest() {
                let session = &self.clients[client].session;
                let (queued, in_flight, unreleased) =
                    (session.queued(), session.in_flight(), session.unreleased());
                let requests = session.pending_requests();
                return self.fail(format!(
                    "c{client} is not at rest: {queued} queued, {in_flight} in flight, {unreleased} unreleased, {requests} requests"
                ));
            }
        }
        let missing = self.model.missing(self.now);
        let dropped = self.dropped_before + self.hub.total(Counter::PublishDropped);
        let kept = missing.iter().filter(|missing| missing.qos > QoS::AtMostOnce).count() as u64;
        self.report.dropped = self.hub.total(Counter::DroppedQueueFull);
        if self.plan.profile == Profile::Tight {
            if kept > dropped {
                let missing: Vec<_> = missing.iter().map(ToString::to_string).collect();
                self.fail(format!("{kept} messages did not come, and {dropped} were counted: {missing:?}"));
            }
        } else if let Some(first) = missing.first() {
            self.fail(format!("a message did not come: {first}"));
        } else if self.report.dropped > 0 || self.hub.total(Counter::DroppedTooLarge) > 0 {
            self.fail("the broker has dropped messages although there was room".to_owned());
        }
        self.check_counters();
    }

    fn check_counters(&mut self) {
        let subscriptions = (self.hub.subscription_count(), self.model.subscription_count());
        let sessions = (self.hub.sessions(), self.model.sessions.iter().flatten().count() as u64);
        let received = (self.hub.total(Counter::PublishReceived), self.model.published);
        if subscriptions.0 != subscriptions.1 {
            self.fail(format!("subscriptions of broker and reference: {subscriptions:?}"));
        }
        if sessions.0 != sessions.1 {
            self.fail(format!("sessions of broker and reference: {sessions:?}"));
        }
        if received.0 != received.1 {
            self.fail(format!("messages that came to broker and reference: {received:?}"));
        }
        if self.hub.retained_messages() < self.model.retained(self.now) {
            self.fail("retained messages are missing".to_owned());
        }
    }

    /// The watcher asks for all retained messages again; the reference knows which these are.
    fn ask_for_everything(&mut self) {
        let handling = RetainHandling::OnSubscribe;
        let options =
            Options { qos: QoS::ExactlyOnce, no_local: false, retain_as_published: false, handling };
        self.subscribe(0, &[("#", options)], Some(7));
    }

    /// Retained messages are removed, every client starts clean and leaves for good, and time passes.
    fn leave(&mut self) {
        if self.failure.is_some() {
            return;
        }
        let mut topics: Vec<String> = TOPICS.iter().map(|topic| (*topic).to_owned()).collect();
        topics.extend((0..self.clients.len()).map(|client| format!("will/{client}")));
        for client in (0..self.clients.len()).rev() {
            self.step += 100;
            let this = &mut self.clients[client];
            (this.plan.expiry, this.plan.clean_start, this.plan.will) = (0, CleanStart::Always, None);
            self.strike(client, super::plan::Fault::Leave { clean: true, with_will: false });
            self.settle_down();
        }
        for (number, topic) in (900_000..).zip(&topics) {
            self.publish(0, number, (topic, QoS::AtLeastOnce, true), None, None);
        }
        self.settle_down();
        for client in 0..self.clients.len() {
            self.clients[client].session.disconnect(mqtt_codec::ReasonCode::Success);
            self.write_client(client);
        }
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            self.move_up(id);
            self.move_up(id);
        }
        for shard in 0..self.cores.len() {
            self.turn(shard, true, true, true);
        }
        self.advance(self.now.after_secs(100_000));
    }

    fn check_empty(&mut self) {
        if self.failure.is_some() {
            return;
        }
        let hub = &self.hub;
        let on_disk = self.disk.as_ref().map_or((0, 0), |disk| {
            disk.sync(usize::MAX);
            disk.counts()
        });
        let left = [
            ("sessions on the disk", on_disk.0),
            ("messages on the disk", on_disk.1),
            ("sessions", hub.sessions() as usize),
            ("connections", hub.connected() as usize),
            ("subscriptions", hub.subscription_count()),
            ("retained messages", hub.retained_messages()),
            ("deadlines", self.cores.iter().filter_map(ShardCore::poll_timeout).count()),
            ("shards with work", self.cores.iter().filter(|core| core.has_work()).count()),
        ];
        let left: Vec<_> = left.into_iter().filter(|(_, count)| *count > 0).collect();
        if !left.is_empty() {
            self.fail(format!("something is left at the end: {left:?}"));
        }
    }
}
