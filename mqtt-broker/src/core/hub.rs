//! What belongs to all shards: subscriptions, retained messages, mailboxes, counters, and who lives where.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use mqtt_codec::{Message, QoS};
use mqtt_session::Time;

use super::access::Rules;
use super::delayed::Delays;
use super::durable::Durable;
use super::hooks::Hooks;
use super::mail::{Mail, Mailbox};
use super::presence::Presences;
use super::router::{Generations, Retained, Subscriptions};
use super::settings::Settings;
use super::stats::{Counter, Counters};
use super::strangers::{Budget, Strangers};
use super::sweep::Sweep;
use super::trace::Traces;
use crate::config::Config;
use crate::store::{Restored, Store, WallTime};

/// A retained message, shared by all who are sent it.
#[derive(Clone, Debug)]
pub struct RetainedMessage {
    /// The message.
    pub message: Arc<Message>,
    /// The QoS it was published with.
    pub qos: QoS,
    /// When it expires.
    pub expires: Option<Time>,
    /// When it ceases to be retained: that time, or an earlier one that `limits.retained_expiry` sets. The largest time for one that
    /// stays.
    pub until: Time,
}

/// Later than all that happens.
pub(super) const NEVER: Time = Time::from_nanos(u64::MAX);

impl RetainedMessage {
    /// Retained since `since`, and at most for `limit`.
    pub(super) fn new(
        message: Arc<Message>,
        qos: QoS,
        expires: Option<Time>,
        since: Time,
        limit: Option<Duration>,
    ) -> Self {
        let limit = limit.map_or(NEVER, |limit| since.after(limit));
        Self { message, qos, expires, until: expires.map_or(limit, |expires| expires.min(limit)) }
    }

    /// Whether subscribers still get it.
    pub(super) fn is_retained(&self, now: Time) -> bool {
        self.until > now
    }
}

/// The one value that all shards of a broker share.
///
/// Locks are held for one lookup or one change, never while bytes are read or written. Where two are
/// held, that of the subscriptions comes first.
pub struct Hub {
    settings: Settings,
    rules: RwLock<Arc<Rules>>,
    /// Counts changes of the rules.
    rules_generation: AtomicU64,
    /// Shards on which clients live.
    homes: u16,
    seed: u64,
    hasher: foldhash::fast::FixedState,
    subscriptions: RwLock<Subscriptions>,
    generations: Arc<Generations>,
    retained: RwLock<Retained<RetainedMessage>>,
    pub(super) sweep: Sweep,
    pub(super) delays: Delays,
    pub(super) traces: Traces,
    hooks: Option<Arc<dyn Hooks>>,
    pub(super) durable: Option<Box<Durable>>,
    mailboxes: Box<[Mailbox]>,
    counters: Box<[Counters]>,
    pub(super) presences: Presences,
    connections: AtomicUsize,
    strangers: Mutex<Strangers>,
    lobby_bytes: Budget,
    /// The most clients that were connected at once.
    maximum: AtomicU64,
    stopping: AtomicBool,
}

impl Hub {
    /// The shared part of a broker with `config.shards` shards. Every seed gives the same broker with another
    /// placement of clients; it should not be guessed by clients.
    pub fn new(config: Config, seed: u64) -> Self {
        let homes = config.shards.get();
        // one more has no clients: the lobby
        let shards = usize::from(homes) + 1;
        let subscriptions = Subscriptions::new(seed);
        let generations = Arc::clone(subscriptions.generations());
        Self {
            homes,
            seed,
            hasher: foldhash::fast::FixedState::with_seed(seed),
            subscriptions: RwLock::new(subscriptions),
            generations,
            retained: RwLock::new(Retained::new(|retained| retained.message.bytes(), seed)),
            sweep: Sweep::default(),
            delays: Delays::default(),
            traces: Traces::default(),
            hooks: None,
            durable: None,
            mailboxes: (0..shards).map(|_| Mailbox::default()).collect(),
            counters: (0..shards).map(|_| Counters::default()).collect(),
            presences: Presences::new(shards),
            connections: AtomicUsize::new(0),
            strangers: Mutex::new(Strangers::new(config.lobby.clone(), seed)),
            lobby_bytes: Budget::new(config.lobby.bytes),
            maximum: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            settings: Settings::new(config),
            rules: RwLock::new(Arc::new(Rules::open())),
            rules_generation: AtomicU64::new(0),
        }
    }

    /// The same with a store, which has given back `restored`; `began` is the wall clock at `Time::ZERO`.
    ///
    /// Sessions use it if `config.session.store` is set. What was restored goes to [`Hub::restore_retained`] and, session
    /// by session, to [`ShardCore::restore`](super::ShardCore::restore) of their homes.
    pub fn with_store(
        config: Config,
        seed: u64,
        store: Arc<dyn Store>,
        began: WallTime,
        restored: &Restored,
    ) -> Self {
        let durable = config.session.store.then(|| Box::new(Durable::new(store, began, restored)));
        Self { durable, ..Self::new(config, seed) }
    }

    /// The same with a program that has something to say.
    #[must_use]
    pub fn with_hooks(self, hooks: Option<Arc<dyn Hooks>>) -> Self {
        Self { hooks, ..self }
    }

    #[inline]
    pub(super) fn hooks(&self) -> Option<&dyn Hooks> {
        self.hooks.as_deref()
    }

    /// Has each shard woken when the store has something for it.
    pub fn hear_store(self: &Arc<Self>) {
        let Some(durable) = self.durable() else { return };
        for shard in 0..self.homes {
            // the store belongs to the hub, and must not keep it
            let hub = Arc::downgrade(self);
            let wake = move || {
                if let Some(hub) = hub.upgrade() {
                    hub.wake(shard);
                }
            };
            durable.store.set_wake(shard, Arc::new(wake));
        }
    }

    /// Lets the store write what waits; to be called when no shard runs any more. Waits for the disk.
    pub fn close_store(&self) {
        if let Some(durable) = self.durable() {
            durable.store.close();
        }
    }

    /// The configuration of the broker as it is now; see [`Hub::reload`].
    pub fn config(&self) -> Arc<Config> {
        self.settings.config()
    }

    /// Replaces the configuration: at once for strangers and whoever connects, from its next turn on in each shard. What
    /// [`Config::renewed`] names as fixed is only read when the broker starts.
    pub fn reload(&self, config: Config) {
        self.strangers().set_limits(config.lobby.clone());
        self.lobby_bytes.set_limit(config.lobby.bytes);
        self.settings.replace(config);
        for mailbox in &self.mailboxes {
            mailbox.post(&mut vec![Mail::Reload]);
        }
    }

    /// Replaces the rules of permission: whatever a shard is given later goes by them. Subscriptions stay and are judged anew.
    /// A broker begins with [`Rules::open`].
    pub fn set_rules(&self, rules: Rules) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
        self.rules_generation.fetch_add(1, Ordering::Release);
        for mailbox in &self.mailboxes {
            mailbox.post(&mut vec![Mail::Reload]);
        }
    }

    /// Tells apart the rules of permission of different times.
    #[inline]
    pub(super) fn rules_generation(&self) -> u64 {
        self.rules_generation.load(Ordering::Acquire)
    }

    /// The rules of permission as they are now.
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) const fn seed(&self) -> u64 {
        self.seed
    }

    /// The number of shards on which clients live.
    pub const fn shards(&self) -> usize {
        self.homes as usize
    }

    /// The number of the shard on which no client lives. A thread of its own may take strangers in there.
    pub const fn lobby(&self) -> u16 {
        self.homes
    }

    /// The shard on which a client with this identifier lives, whenever it connects.
    pub fn home(&self, client_id: &str) -> u16 {
        (self.hasher.hash_one(client_id) % u64::from(self.homes)) as u16
    }

    /// Says how to wake a shard that waits for sockets.
    pub fn set_wake(&self, shard: u16, wake: Box<dyn Fn() + Send + Sync>) {
        if let Some(mailbox) = self.mailboxes.get(usize::from(shard)) {
            mailbox.set_wake(wake);
        }
    }

    /// Wakes a shard, because something else than mail waits for it.
    pub fn wake(&self, shard: u16) {
        if let Some(mailbox) = self.mailboxes.get(usize::from(shard)) {
            mailbox.wake();
        }
    }

    /// Sends mail to a shard.
    pub fn post(&self, shard: u16, mail: &mut Vec<Mail>) {
        if let Some(mailbox) = self.mailboxes.get(usize::from(shard)) {
            mailbox.post(mail);
        }
    }

    /// Whether as much mail waits for a shard as `limits.mailbox` allows.
    pub fn is_full(&self, shard: u16) -> bool {
        let limit = self.mailbox_limit();
        self.mailboxes.get(usize::from(shard)).is_some_and(|mailbox| mailbox.weight() >= limit)
    }

    /// Whether messages on their way to some shard are so many that their senders should pause. When that is over,
    /// every shard is woken.
    pub fn is_congested(&self) -> bool {
        let limit = self.mailbox_limit();
        self.homes > 1 && self.mailboxes.iter().any(|mailbox| mailbox.weight() >= limit)
    }

    /// A limit of zero would let nobody send.
    fn mailbox_limit(&self) -> usize {
        self.settings.mailbox().max(1)
    }

    pub(super) fn take_mail(&self, shard: u16, empty: Vec<Mail>) -> Vec<Mail> {
        let Some(mailbox) = self.mailboxes.get(usize::from(shard)) else { return empty };
        let (mail, weight) = mailbox.take(empty);
        if weight >= self.mailbox_limit() {
            self.wake_others(shard);
        }
        mail
    }

    /// Nobody reads a shard's mail any more.
    pub(super) fn close_mailbox(&self, shard: u16) {
        if let Some(mailbox) = self.mailboxes.get(usize::from(shard)) {
            mailbox.close();
        }
        self.wake_others(shard);
    }

    fn wake_others(&self, shard: u16) {
        let others = self.mailboxes.iter().enumerate().filter(|(index, _)| *index != usize::from(shard));
        others.for_each(|(_, mailbox)| mailbox.wake());
    }

    /// The counters of one shard; shard 0 always exists.
    #[inline]
    pub fn counters(&self, shard: u16) -> &Counters {
        self.counters.get(usize::from(shard)).unwrap_or(&self.counters[0])
    }

    pub(super) fn all_counters(&self) -> impl Iterator<Item = &Counters> {
        self.counters.iter()
    }

    /// A counter over all shards.
    pub fn total(&self, counter: Counter) -> u64 {
        self.counters.iter().map(|counters| counters.get(counter)).sum()
    }

    /// Clients that are connected.
    pub fn connected(&self) -> u64 {
        self.counters.iter().map(Counters::connected).sum()
    }

    /// The most clients that were connected at once.
    pub fn maximum(&self) -> u64 {
        self.maximum.load(Ordering::Relaxed)
    }

    pub(super) fn note_maximum(&self) {
        self.maximum.fetch_max(self.connected(), Ordering::Relaxed);
    }

    /// Sessions, connected or not.
    pub fn sessions(&self) -> u64 {
        self.counters.iter().map(Counters::sessions).sum()
    }

    /// Retained messages, expired ones that are not removed yet included.
    pub fn retained_messages(&self) -> usize {
        self.retained().len()
    }

    /// Subscriptions of all sessions, shared ones included.
    pub fn subscription_count(&self) -> usize {
        let subscriptions = self.subscriptions();
        subscriptions.subscriptions() + subscriptions.shared_subscriptions()
    }

    /// Takes a place among the connections; false if all are taken.
    pub fn take_connection(&self) -> bool {
        let free = self.connections.fetch_add(1, Ordering::Relaxed) < self.settings.connections();
        if !free {
            self.give_connection();
        }
        free
    }

    /// Gives a place among the connections back.
    pub fn give_connection(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// The connections whose client is not known yet.
    pub fn strangers(&self) -> MutexGuard<'_, Strangers> {
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The memory that these may hold.
    pub const fn lobby_bytes(&self) -> &Budget {
        &self.lobby_bytes
    }

    /// Whether the broker is being shut down.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Tells every shard to stop.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        for mailbox in &self.mailboxes {
            mailbox.post(&mut vec![Mail::Shutdown]);
        }
    }

    pub(super) fn generations(&self) -> &Generations {
        &self.generations
    }

    pub(super) fn subscriptions(&self) -> RwLockReadGuard<'_, Subscriptions> {
        self.subscriptions.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change_subscriptions(&self) -> RwLockWriteGuard<'_, Subscriptions> {
        self.subscriptions.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn retained(&self) -> RwLockReadGuard<'_, Retained<RetainedMessage>> {
        self.retained.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change_retained(&self) -> RwLockWriteGuard<'_, Retained<RetainedMessage>> {
        self.retained.write().unwrap_or_else(PoisonError::into_inner)
    }
}
