//! One world: shards, clients, links and a clock, moved step by step by what the seed says.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use mqtt_broker::config::Config;
use mqtt_broker::core::{Hub, ShardCore};
use mqtt_broker::store::Restored;
use mqtt_codec::PacketId;
use mqtt_session::Time;

use super::client::Client;
use super::crash::shards;
use super::link::{Link, ServerEnd};
use super::log::Log;
use super::model::Model;
use super::plan::{Plan, Profile, What};
use super::rng::Rng;
use super::store::{BrokerDisk, wall};

/// Rounds after which somebody who still finds something to do is taken to be in a busy loop.
const ROUNDS: u32 = 20_000;

pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) now: Time,
    pub(crate) step: u32,
    pub(crate) hub: Arc<Hub>,
    pub(crate) cores: Vec<ShardCore>,
    pub(crate) woken: Vec<Arc<AtomicBool>>,
    /// The disk of the broker, if it has one.
    pub(crate) disk: Option<Arc<BrokerDisk>>,
    /// What brokers have dropped that have died since.
    pub(crate) dropped_before: u64,
    /// Until which step each shard has no turn.
    pub(crate) busy_until: Vec<u32>,
    pub(crate) clients: Vec<Client>,
    pub(crate) links: BTreeMap<u64, Link>,
    pub(crate) connections: u64,
    pub(crate) model: Model,
    /// Topic and size of each message.
    pub(crate) said: BTreeMap<u32, (String, usize)>,
    pub(crate) log: Log,
    pub(crate) report: Report,
    /// Sessions that a fault has met.
    pub(crate) struck: BTreeSet<u32>,
    /// The first rule that was broken.
    pub(crate) failure: Option<String>,
}

/// What a world has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) worlds: u64,
    pub(crate) events: u64,
    pub(crate) faults: u64,
    /// Sessions of the broker, and those of which a fault met the client, its connection or its shard.
    pub(crate) sessions: u64,
    pub(crate) sessions_with_faults: u64,
    /// Programs that went on with what was on their disks.
    pub(crate) restarts: u64,
    /// Brokers that went on with what was on theirs.
    pub(crate) broker_crashes: u64,
    pub(crate) connections: u64,
    pub(crate) packets: u64,
    pub(crate) deliveries: u64,
    /// Messages of QoS 2 that a client which had lost its state sent with an identifier of its earlier life.
    pub(crate) swallowed: u64,
    /// Clients that could not know that the session of the broker is another one.
    pub(crate) gaps: u64,
    /// Messages that limits have dropped, each counted by the broker.
    pub(crate) dropped: u64,
}

impl Report {
    pub(crate) const fn add(&mut self, other: &Self) {
        self.worlds += other.worlds;
        self.events += other.events;
        self.faults += other.faults;
        self.sessions += other.sessions;
        self.sessions_with_faults += other.sessions_with_faults;
        self.restarts += other.restarts;
        self.broker_crashes += other.broker_crashes;
        self.connections += other.connections;
        self.packets += other.packets;
        self.deliveries += other.deliveries;
        self.swallowed += other.swallowed;
        self.gaps += other.gaps;
        self.dropped += other.dropped;
    }
}

impl World {
    pub(crate) fn new(plan: Plan, is_traced: bool) -> Self {
        let disk = plan.server.has_disk.then(Arc::<BrokerDisk>::default);
        let hub = match disk.clone() {
            None => Hub::new(config(&plan), plan.seed),
            Some(disk) => {
                Hub::with_store(config(&plan), plan.seed, disk, wall(Time::ZERO), &Restored::default())
            }
        };
        let (hub, cores, woken) = shards(hub, disk.as_ref());
        let report = Report {
            worlds: 1,
            events: plan.events.len() as u64,
            faults: plan.faults() as u64,
            ..Report::default()
        };
        Self {
            now: Time::from_secs(1),
            step: 0,
            busy_until: vec![0; cores.len()],
            cores,
            hub,
            woken,
            disk,
            dropped_before: 0,
            clients: plan.clients.iter().map(|each| Client::new(each.clone(), &plan)).collect(),
            links: BTreeMap::new(),
            connections: 0,
            model: Model::new(plan.clients.len(), plan.server),
            said: BTreeMap::new(),
            log: Log { is_on: is_traced, ..Log::default() },
            report,
            struck: BTreeSet::new(),
            failure: None,
            plan,
        }
    }

    /// Notes that a rule was broken.
    pub(crate) fn fail(&mut self, what: String) {
        self.log.say(|| format!("*** {what}"));
        self.log.has_ended = true;
        self.failure.get_or_insert(what);
    }

    /// Runs the plan, then lets everything come to rest.
    pub(crate) fn run(mut self) -> (Result<Report, String>, Log) {
        self.begin();
        let events = std::mem::take(&mut self.plan.events);
        let mut next = 0;
        while self.step < self.plan.steps && self.failure.is_none() {
            self.step += 1;
            self.log.moment = (self.step, self.now);
            while let Some(event) = events.get(next).filter(|event| event.step < self.step) {
                next += 1;
                self.happen(event.client, event.number, &event.what);
            }
            let mut rng = Rng::at(self.plan.seed, self.step);
            for _ in 0..4 {
                self.act(&mut rng);
            }
            if rng.once_in(3) {
                let span = Duration::from_millis(rng.below(20) as u64);
                self.advance(self.now.after(span));
            }
        }
        if self.failure.is_none() {
            self.rest();
        }
        self.report.sessions = self.model.ledgers.len() as u64;
        self.report.sessions_with_faults = self.struck.len() as u64;
        (self.failure.map_or(Ok(self.report), Err), self.log)
    }

    /// The watcher is there before anybody else.
    fn begin(&mut self) {
        self.open(0);
        let options = super::plan::Options {
            qos: mqtt_codec::QoS::ExactlyOnce,
            no_local: false,
            retain_as_published: true,
            handling: mqtt_codec::RetainHandling::OnSubscribe,
        };
        self.subscribe(0, &[("#", options)], None);
        self.settle_down();
    }

    fn happen(&mut self, client: usize, number: u32, what: &What) {
        match what {
            What::Publish { topic, qos, retain, expiry, size, empty } => {
                let size = (!empty).then_some(*size);
                self.publish(client, number, (topic, *qos, *retain), *expiry, size);
            }
            What::Subscribe { filters, id } => self.subscribe(client, filters, *id),
            What::Unsubscribe { filters } => self.unsubscribe(client, filters),
            What::Fault(fault) => self.strike(client, *fault),
            What::Wait(millis) => self.advance(self.now.after(Duration::from_millis(u64::from(*millis)))),
        }
    }

    /// Something moves: a link, a shard, a client.
    fn act(&mut self, rng: &mut Rng) {
        if self.failure.is_some() {
            return;
        }
        if let Some(disk) = &self.disk
            && rng.once_in(3)
        {
            disk.sync(rng.between(1, 4));
        }
        match rng.below(10) {
            0..=5 => {
                let count = self.links.len();
                let Some(id) = self.links.keys().nth(rng.below(count.max(1))).copied() else { return };
                self.carry(id, rng);
            }
            6 | 7 => {
                let shard = rng.below(self.cores.len());
                if self.busy_until[shard] <= self.step {
                    let whole = !rng.once_in(4);
                    let (mail, timeout, end) = (rng.once_in(2), rng.once_in(2), rng.once_in(2));
                    self.turn(shard, whole || mail, whole || timeout, whole || end);
                }
            }
            _ => {
                let client = rng.below(self.clients.len());
                let this = &self.clients[client];
                if this.link.is_none() && this.away_until <= self.step {
                    self.open(client);
                } else {
                    self.clients[client].sync(rng.below(5));
                    if rng.once_in(2) {
                        self.acknowledge(client);
                    }
                    self.write_client(client);
                }
            }
        }
    }

    /// A link carries some bytes, or word of its end.
    fn carry(&mut self, id: u64, rng: &mut Rng) {
        let Some(link) = self.links.get(&id) else { return };
        let client = link.client;
        if link.is_over() {
            self.links.remove(&id);
            return;
        }
        if link.is_cut {
            if link.client_open && link.client_hears.is_some_and(|step| step <= self.step) {
                self.lose_client(client, rng);
            } else if link.server_hears.is_some_and(|step| step <= self.step) {
                self.lose_server(id);
            }
            return;
        }
        if link.stalled_until > self.step {
            return;
        }
        if let ServerEnd::Arriving(_) = link.server {
            return if rng.once_in(2) {
                self.arrive(id)
            };
        }
        if rng.once_in(2) { self.carry_up(id, rng) } else { self.carry_down(id, rng) }
    }

    fn carry_up(&mut self, id: u64, rng: &mut Rng) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let reads = match link.server {
            ServerEnd::Attached(shard, slot) => {
                self.busy_until[shard] <= self.step
                    && self.cores[shard].wants_read(slot)
                    && !self.hub.is_congested()
            }
            ServerEnd::Lobby(_) => true,
            ServerEnd::Arriving(_) | ServerEnd::Closed => false,
        };
        if !reads {
            return;
        }
        if link.up.is_empty() {
            if !link.client_open {
                self.lose_server(id);
            }
            return;
        }
        let count = part(link.up.len(), rng);
        let bytes: Vec<u8> = link.up.drain(..count).collect();
        self.give(id, &bytes);
    }

    fn carry_down(&mut self, id: u64, rng: &mut Rng) {
        let Some(link) = self.links.get(&id) else { return };
        let client = link.client;
        if !link.client_open || link.deaf_until > self.step {
            return;
        }
        if link.down.is_empty() {
            if matches!(link.server, ServerEnd::Closed) {
                self.lose_client(client, rng);
            }
            return;
        }
        let count = part(link.down.len(), rng);
        self.read_client(client, count);
        self.drain(id);
    }

    /// Time passes; everybody is called when they want to be.
    pub(crate) fn advance(&mut self, to: Time) {
        for _ in 0..ROUNDS {
            self.check_deadlines();
            let shard_at = |shard: usize| {
                let is_free = self.busy_until[shard] <= self.step;
                self.cores[shard].poll_timeout().filter(|_| is_free)
            };
            let shards = (0..self.cores.len()).filter_map(shard_at);
            let clients = self.clients.iter().filter_map(|client| client.session.poll_timeout());
            let Some(next) = shards.chain(clients).min().filter(|next| *next <= to && self.failure.is_none())
            else {
                self.now = self.now.max(to);
                return;
            };
            self.now = self.now.max(next);
            self.log.moment.1 = self.now;
            for shard in 0..self.cores.len() {
                let due = self.cores[shard].poll_timeout().is_some_and(|at| at <= self.now);
                if due && self.busy_until[shard] <= self.step {
                    self.turn(shard, true, true, true);
                }
            }
            for client in 0..self.clients.len() {
                if self.clients[client].session.poll_timeout().is_some_and(|at| at <= self.now) {
                    self.clients[client].session.handle_timeout(self.now);
                    self.write_client(client);
                }
            }
        }
        self.fail("a deadline does not move".to_owned());
    }

    /// No shard may sleep longer than its sessions allow.
    fn check_deadlines(&mut self) {
        if self.cores.is_empty() {
            return;
        }
        for client in 0..self.clients.len() {
            let Some(deadline) = self.model.deadline(client) else { continue };
            let shard = usize::from(self.hub.home(&format!("c{client}")));
            if self.cores[shard].poll_timeout().is_none_or(|at| at > deadline) {
                self.fail(format!("shard {shard} would sleep longer than the session of c{client} allows"));
            }
        }
    }
}

/// How much of `len` bytes arrives: all, a few or some.
const fn part(len: usize, rng: &mut Rng) -> usize {
    match rng.below(3) {
        0 => len,
        1 if len > 3 => rng.between(1, 3),
        _ => rng.between(1, len),
    }
}

pub(crate) fn config(plan: &Plan) -> Config {
    let mut config = Config { sys_interval: Duration::ZERO, ..Config::default() };
    let server = plan.server;
    config.shards = NonZeroU16::new(plan.shards).unwrap();
    config.limits.output = server.output;
    config.session.receive_maximum = NonZeroU16::new(server.receive_maximum).unwrap();
    config.session.queue.window = NonZeroU16::new(server.window).unwrap();
    config.session.queue.packet_ids = PacketId::new(server.packet_ids).unwrap();
    config.session.outgoing_topic_aliases = server.aliases;
    config.session.topic_alias_maximum = 20;
    config.session.replies = server.replies;
    config.session.keep_alive_maximum = server.keep_alive_maximum.and_then(NonZeroU16::new);
    config.session.session_expiry_maximum = server.expiry_maximum;
    config.session.session_expiry_v3 = server.expiry_v3;
    config.session.store = server.has_disk;
    // the user of each connection is its number
    config.auth.sessions_have_owners = false;
    config.limits.stall = Duration::from_secs(server.stall);
    if plan.profile == Profile::Tight {
        let mut rng = Rng::new(plan.seed ^ 1);
        config.session.queue.messages = rng.between(1, 20);
        config.session.queue.bytes = rng.between(100, 10_000);
        config.limits.mailbox = rng.between(1, 50);
        config.limits.match_cache = rng.between(1, 4);
        if rng.once_in(2) {
            config.session.queue.overflow = mqtt_session::Overflow::DropOldest;
        }
    }
    config
}
