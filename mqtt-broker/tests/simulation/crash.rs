//! The broker dies and comes back: what it had acknowledged is owed on, the rest is as its disk has it.
//!
//! Of what nobody was told the disk may have more or less than the reference, which takes it over from there. What
//! somebody was told must be there, and what is there must have been said.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mqtt_broker::core::{Counter, Hub, ShardCore};
use mqtt_broker::store::{Image, Restored, RestoredSession, Store, StoredDelivery};
use mqtt_codec::QoS;
use mqtt_session::Time;

use super::client::{EMPTY, number};
use super::ledger::Due;
use super::link::ServerEnd;
use super::model::{Granted, Heard, Kept, Model, Session};
use super::store::{BrokerDisk, time_of, wall};
use super::world::{World, config};

/// A message that the disk has for a session.
struct OnDisk {
    number: u32,
    /// The identifier that it was sent with.
    id: Option<u16>,
    qos: QoS,
    retain: bool,
    ids: Vec<u32>,
    expires: Option<Time>,
}

impl OnDisk {
    fn is(&self, due: &Due) -> bool {
        let mut ids = self.ids.clone();
        ids.sort_unstable();
        (self.number, self.qos, self.retain) == (due.number, due.qos, due.retain) && ids == due.ids
    }
}

impl World {
    /// The broker dies from one moment to the next and is back after `down`.
    pub(crate) fn crash_broker(&mut self, down: Duration, lucky: usize) {
        let Some(disk) = self.disk.clone() else { return };
        self.report.broker_crashes += 1;
        self.dropped_before += self.hub.total(Counter::PublishDropped);
        self.struck.extend(self.model.sessions.iter().flatten().map(|session| session.number));
        self.cores.clear();
        for link in self.links.values_mut() {
            link.server = ServerEnd::Closed;
            let hears = link.client_open.then_some(self.step + 3);
            link.cut(hears, None);
        }
        let image = disk.crash(lucky);
        let restored = image.restored(wall(self.now));
        if let Err(error) = self.model.adopt(self.now, &image, &restored) {
            return self.fail(format!("after a crash of the broker: {error}"));
        }
        self.advance(self.now.after(down));
        self.start_broker(&disk, restored);
        for client in 0..self.clients.len() {
            self.model.pass(self.now, client);
        }
        for shard in 0..self.cores.len() {
            self.settle(shard);
        }
    }

    fn start_broker(&mut self, disk: &Arc<BrokerDisk>, restored: Restored) {
        let store = Arc::clone(disk) as Arc<dyn Store>;
        let hub = Hub::with_store(config(&self.plan), self.plan.seed, store, wall(Time::ZERO), &restored);
        (self.hub, self.cores, self.woken) = shards(hub, Some(disk));
        for session in restored.sessions {
            let home = usize::from(self.hub.home(&session.client_id));
            self.cores[home].restore(self.now, restored.alive, session);
        }
        self.hub.restore_retained(self.now, restored.retained);
        self.cores.iter_mut().for_each(|core| core.begin(self.now));
    }
}

/// What wakes each shard.
type Woken = Vec<Arc<AtomicBool>>;

/// The shards of a broker, and what wakes each.
pub(crate) fn shards(hub: Hub, disk: Option<&Arc<BrokerDisk>>) -> (Arc<Hub>, Vec<ShardCore>, Woken) {
    let (shards, hub) = (hub.shards() as u16, Arc::new(hub));
    let woken: Woken = (0..shards).map(|_| Arc::new(AtomicBool::new(true))).collect();
    for (shard, woken) in (0..).zip(&woken) {
        let woken = Arc::clone(woken);
        let wake = Arc::new(move || woken.store(true, Ordering::Relaxed));
        if let Some(disk) = disk {
            disk.set_wake(shard, wake.clone());
        }
        hub.set_wake(shard, Box::new(move || wake()));
    }
    let cores = (0..shards).map(|shard| ShardCore::new(shard, Arc::clone(&hub))).collect();
    (hub, cores, woken)
}

impl Model {
    /// The broker has died, and this is what it goes on with.
    fn adopt(&mut self, crash: Time, image: &Image, restored: &Restored) -> Result<(), String> {
        self.has_crashed = true;
        // another broker counts from the beginning
        self.published = 0;
        let mut on_disk: BTreeMap<u32, Vec<OnDisk>> = BTreeMap::new();
        for client in 0..self.sessions.len() {
            let id = format!("c{client}");
            let stored = restored.sessions.iter().find(|stored| *stored.client_id == id);
            self.adopt_session(client, crash, stored).map_err(|error| format!("c{client}: {error}"))?;
            if let (Some(stored), Some(session)) = (stored, &self.sessions[client]) {
                on_disk.insert(session.number, owed(image, stored));
            }
        }
        self.adopt_groups();
        for (session, on_disk) in on_disk {
            self.adopt_dues(session, &on_disk);
        }
        self.adopt_retained(crash, restored)
    }

    fn adopt_session(
        &mut self,
        client: usize,
        crash: Time,
        stored: Option<&RestoredSession>,
    ) -> Result<(), String> {
        let current = self.sessions[client].take();
        let Some(stored) = stored else {
            if let Some(current) = current {
                self.ledgers[current.number as usize].has_ended = true;
                if current.must_be_stored() {
                    return Err("the broker said that it has a session, which its disk has not".to_owned());
                }
            }
            return Ok(());
        };
        let name = stored.user.as_ref().and_then(|user| user.name.clone()).ok_or("a session of nobody")?;
        let attached: u64 = name.parse().map_err(|_| "a session of somebody else".to_owned())?;
        let mut session = match current {
            Some(current) if current.attached == attached => current,
            Some(current)
                if current.must_be_stored() || (current.is_acknowledged && stored.state.expiry > 0) =>
            {
                return Err(format!("a session of connection {attached} instead of {}", current.attached));
            }
            current => {
                if let Some(current) = current {
                    self.ledgers[current.number as usize].has_ended = true;
                }
                self.history.remove(&attached).ok_or("a session that nobody has had")?
            }
        };
        let ledger = &mut self.ledgers[session.number as usize];
        ledger.has_ended = false;
        // those of QoS 2 have theirs; where none is left for one of QoS 1 between them, that has to wait [MQTT-4.6.0-6]
        ledger.apart |= self.is_short_of_ids;
        session.adopt_life(crash, stored)?;
        // one that ends with its connection is only there for its Will, or for the end of one before it
        if stored.state.expiry > 0 {
            session.adopt_subscriptions(stored)?;
            let acknowledged = &self.acknowledged;
            session.adopt_held(stored, |(number, routed)| {
                acknowledged.get(&number).is_some_and(|seq| *seq >= routed)
            })?;
        }
        let in_flight = &stored.in_flight;
        let is_that = |ticket, wanted| {
            let sent = in_flight.iter().find(|sent| sent.ticket == ticket);
            sent.is_some_and(|sent| number_of(sent) == wanted)
        };
        // identifiers of QoS 1 are not stored: a message with one of them is another
        ledger.opened.retain(|_, opened| opened.qos == QoS::ExactlyOnce);
        ledger.flights.restart(
            |id, number| {
                stored.state.exchanges().sent.iter().any(|(sent, t)| sent.get() == id && is_that(*t, number))
            },
            |id| stored.state.exchanges().taken.iter().any(|taken| taken.get() == id),
        );
        // what a subscription had not got yet of the retained messages is not stored
        ledger.replays.iter_mut().for_each(|replay| replay.is_live = false);
        self.sessions[client] = Some(session);
        Ok(())
    }

    /// Messages that were not acknowledged to their publishers are owed as far as the disk has them; those of QoS 1 that
    /// came, but whose end it does not know, may come again.
    fn adopt_dues(&mut self, session: u32, on_disk: &[OnDisk]) {
        let Self { ledgers, acknowledged, .. } = self;
        let ledger = &mut ledgers[session as usize];
        // of one that the client has, only a repetition is to come: it is no other time that the same was published
        let has_come = |owed: &OnDisk| {
            let opened = owed.id.and_then(|id| ledger.opened.get(&id));
            opened.is_some_and(|opened| (opened.qos, opened.number) == (QoS::ExactlyOnce, owed.number))
        };
        let mut left: Vec<&OnDisk> = on_disk.iter().filter(|owed| !has_come(owed)).collect();
        let is_open = |due: &&mut Due| !due.done && !due.is_optional && due.qos > QoS::AtMostOnce;
        for due in ledger.dues.iter_mut().filter(is_open) {
            let is_acknowledged = acknowledged.get(&due.number).is_some_and(|seq| *seq >= due.seq);
            let found = left.iter().position(|owed| owed.is(due));
            due.done = found.is_none() && !is_acknowledged;
            found.map(|index| left.remove(index));
        }
        for owed in left {
            // at one moment a Will may come to a session before that ends, or after
            if owed.qos == QoS::ExactlyOnce && ledger.by_number.contains_key(&owed.number) {
                continue;
            }
            ledger.owe(Due {
                number: owed.number,
                publisher: usize::MAX,
                seq: 0,
                qos: owed.qos,
                retain: owed.retain,
                ids: owed.ids.clone(),
                expires: owed.expires,
                connection: None,
                done: false,
                is_optional: true,
            });
        }
    }

    /// Nothing says of a message that came to a member of a share group whether it is the group's, and what may come again
    /// looks the same: only one that has no other way to any member is still known to be owed.
    fn adopt_groups(&mut self) {
        let mut times: BTreeMap<u32, usize> = BTreeMap::new();
        self.shared.iter().for_each(|due| *times.entry(due.number).or_default() += 1);
        for due in &mut self.shared {
            let is_acknowledged = self.acknowledged.get(&due.number).is_some_and(|seq| *seq >= due.seq);
            let ledgers = due.members.keys().map(|session| &self.ledgers[*session as usize]);
            let is_only_way = times[&due.number] == 1
                && ledgers.into_iter().all(|ledger| !ledger.by_number.contains_key(&due.number));
            due.is_optional |= !is_acknowledged || !is_only_way;
        }
    }

    /// A topic retains what was acknowledged last, or what came after that.
    fn adopt_retained(&mut self, crash: Time, restored: &Restored) -> Result<(), String> {
        self.seq += 1;
        let mut on_disk: BTreeMap<&str, &mqtt_broker::store::Kept> = BTreeMap::new();
        on_disk.extend(restored.retained.iter().map(|kept| (kept.message.topic.as_str(), kept)));
        let topics: Vec<String> = self.changes.keys().cloned().collect();
        for topic in topics {
            let kept = on_disk.remove(topic.as_str());
            let wanted = kept.and_then(|kept| number(&topic, &kept.message.payload));
            let is_it = |kept: &&mut Kept| kept.to.is_none() && kept.heard.topic == topic;
            let current = self.kept.iter_mut().find(is_it);
            if current.as_ref().map(|current| current.heard.number) == wanted {
                continue;
            }
            if let Some(current) = current {
                current.to = Some(self.seq);
            }
            let changes = self.changes.get(&topic).map(Vec::as_slice).unwrap_or_default();
            let told =
                |seq: u64, number: u32| self.acknowledged.get(&number).is_some_and(|up_to| *up_to >= seq);
            // the last change that somebody was told of, and all behind it, are what may be
            let from = changes.iter().rposition(|(seq, heard)| told(*seq, heard.number)).unwrap_or(0);
            let is_gone = |heard: &Heard| heard.empty || heard.expires.is_some_and(|at| at <= crash);
            let is_wanted =
                |heard: &Heard| Some(heard.number) == wanted || (wanted.is_none() && is_gone(heard));
            let may_be = changes[from..].iter().rev().find(|(_, heard)| is_wanted(heard));
            let never = !changes.iter().any(|(seq, heard)| told(*seq, heard.number)) && wanted.is_none();
            match may_be {
                Some((_, heard)) if wanted.is_some() => {
                    let heard = heard.clone();
                    self.kept.push(Kept { heard, from: self.seq, to: None });
                }
                Some(_) => {}
                None if never => {}
                None => return Err(format!("{topic} retains {wanted:?}, which was replaced or removed")),
            }
        }
        on_disk.keys().next().map_or(Ok(()), |topic| Err(format!("{topic} retains what nobody has said")))
    }
}

impl Session {
    /// Whether somebody was told of it, and something of it outlasts its connection. The disk need not know of another one,
    /// nor that the one before it has ended if that was no different.
    const fn must_be_stored(&self) -> bool {
        self.is_acknowledged && (self.expiry > 0 || self.will.is_some())
    }

    /// When the connection ended, and with it what is due.
    fn adopt_life(&mut self, crash: Time, stored: &RestoredSession) -> Result<(), String> {
        let ended = if stored.state.connected { crash } else { time_of(stored.detached) };
        self.connection = None;
        self.expiry = stored.state.expiry;
        self.ends_at = (self.expiry != u32::MAX).then(|| ended.after_secs(self.expiry));
        let before = self.will.take();
        self.will = match &stored.state.will {
            None if before.is_some() && self.is_acknowledged => {
                return Err("its Will is lost".to_owned());
            }
            None => None,
            Some(will) => {
                let stored = number(will.message.topic.as_str(), &will.message.payload);
                // it may have been published before the crash, or taken back: who would know?
                let last = self.last_will.clone().filter(|(number, _)| Some(*number) == stored);
                Some(last.ok_or("a Will that it has not had")?)
            }
        };
        let delay = |(_, will): &(u32, Box<mqtt_codec::Will>)| will.delay.map_or(0, |delay| delay.0);
        self.will_at = self.will.as_ref().map(|will| ended.after_secs(delay(will)));
        Ok(())
    }

    fn adopt_subscriptions(&mut self, stored: &RestoredSession) -> Result<(), String> {
        let mut on_disk: BTreeMap<String, Granted> = BTreeMap::new();
        for (filter, granted) in &stored.subscriptions {
            let granted = Granted {
                qos: granted.qos,
                no_local: granted.no_local,
                retain_as_published: granted.retain_as_published,
                id: granted.subscription_id.map(|id| id.get()),
            };
            on_disk.insert(filter.as_str().to_owned(), granted);
        }
        let unsure = std::mem::take(&mut self.unsure);
        for (filter, granted) in &self.subscriptions {
            if on_disk.get(filter) != Some(granted) && !unsure.contains_key(filter) {
                return Err(format!("its subscription to {filter} is lost or another one"));
            }
        }
        let invented = on_disk
            .keys()
            .find(|filter| !self.subscriptions.contains_key(*filter) && !unsure.contains_key(*filter));
        if let Some(filter) = invented {
            return Err(format!("its subscription to {filter} has come back"));
        }
        self.subscriptions = on_disk;
        Ok(())
    }

    /// Identifiers of QoS 2 that came in.
    fn adopt_held(
        &mut self,
        stored: &RestoredSession,
        is_acknowledged: impl Fn((u32, u64)) -> bool,
    ) -> Result<(), String> {
        let received: Vec<u16> = stored.state.exchanges().received.iter().map(|id| id.get()).collect();
        for (id, number) in std::mem::take(&mut self.held) {
            if received.contains(&id) {
                self.held.insert(id, number);
            } else if self.held_once.get(&id).is_some_and(|once| is_acknowledged(*once)) {
                return Err(format!("the identifier {id} of {number} is lost, which PUBREC was sent for"));
            } else {
                self.taken.remove(&number);
            }
        }
        for id in received {
            // released, but nobody was told
            let (number, _) =
                *self.held_once.get(&id).ok_or_else(|| format!("identifier {id} never came"))?;
            self.held.entry(id).or_insert(number);
        }
        Ok(())
    }
}

/// What the disk has for a session.
fn owed(image: &Image, stored: &RestoredSession) -> Vec<OnDisk> {
    let behind = stored.waiting.iter().filter_map(|waiting| image.delivery(stored.number, waiting.ticket));
    let all = stored.in_flight.iter().cloned().chain(behind);
    let on_disk = |delivery: StoredDelivery| OnDisk {
        number: number_of(&delivery),
        id: stored
            .state
            .exchanges()
            .sent
            .iter()
            .find(|(_, ticket)| *ticket == delivery.ticket)
            .map(|(id, _)| id.get()),
        qos: delivery.qos,
        retain: delivery.retain,
        ids: delivery.subscription_ids.iter().map(|id| id.get()).collect(),
        expires: delivery.kept.expires.map(time_of),
    };
    all.map(on_disk).collect()
}

fn number_of(stored: &StoredDelivery) -> u32 {
    let message = &stored.kept.message;
    number(message.topic.as_str(), &message.payload).unwrap_or(EMPTY)
}
