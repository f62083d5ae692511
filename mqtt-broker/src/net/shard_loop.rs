//! The event loop of one shard: a turn is one poll, all reads, the mail, then one write per connection.

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, Waker};
use mqtt_session::Time;
use tokio::sync::mpsc::WeakSender;

use super::admission::Knock;
use super::connections::{Connections, Deadlines, FIRST_TOKEN};
use super::door::Door;
use super::judges::{Case, Finding, Judges};
use super::listen::{Entrance, Renewable};
use super::reauthentication::Reauthentications;
use super::seldom::SeldomEach;
use super::stream::{Spare, Stream};
use super::traces::Watchers;
use crate::auth::Attempt;
use crate::core::access::Action;
use crate::core::{Admission, ConnectionId, Counter, Hub, Notice, ShardCore};

/// Events taken from one poll.
const EVENTS: usize = 1_024;
/// Bytes read at once, into a buffer that all connections of the shard share.
const READ_BUFFER: usize = 64 << 10;
/// Connections taken from the lobby in a turn: those that are there already are not to wait for many that come.
const ARRIVALS: usize = 64;
const WAKER: Token = Token(FIRST_TOKEN - 1);

/// A connection on its way to the shard where its client lives.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) stream: Stream,
    pub(super) knock: Knock,
    pub(super) admission: Admission,
    /// What is known of a client that may authenticate anew.
    pub(super) attempt: Option<Box<Attempt>>,
}

/// What the threads of a broker share besides the hub.
pub(super) struct Shared {
    pub(super) hub: Arc<Hub>,
    /// Connections that move, by the shard that they move to; `None` once that has ended.
    pub(super) arrivals: Box<[Mutex<Option<Vec<Arrival>>>]>,
    /// What the connections of each listener have in common.
    pub(super) served: Box<[Renewable]>,
    /// What was found out about connections of each shard, the lobby's among them.
    pub(super) findings: Box<[Mutex<Vec<Finding>>]>,
    /// Where clients are judged that authenticate anew, once the lobby has somebody judged.
    pub(super) cases: OnceLock<WeakSender<Case>>,
    /// Who wants to see packets of single clients.
    pub(super) watchers: Watchers,
    pub(super) start: Instant,
}

/// One shard with its sockets.
pub(super) struct ShardLoop {
    pub(super) shared: Arc<Shared>,
    pub(super) shard: u16,
    pub(super) core: ShardCore,
    pub(super) poll: Poll,
    pub(super) listeners: Vec<Entrance>,
    pub(super) connections: Connections,
    pub(super) door: Door,
    /// Where strangers are judged, once the first has to be.
    pub(super) judges: Option<Judges>,
    /// Clients that may authenticate anew.
    pub(super) reauthentications: Reauthentications,
    /// When connections that are being closed are closed at the latest.
    pub(super) linger_deadlines: Deadlines,
    /// Clients with bytes to read that this turn did not read.
    pub(super) unread: Vec<ConnectionId>,
    pub(super) buffer: Box<[u8]>,
    pub(super) spare: Spare,
    /// Connections whose layers have something to say to those of the peer.
    pub(super) answers: Vec<ConnectionId>,
    pub(super) assigned_ids: u64,
    pub(super) failure_logs: SeldomEach<Counter>,
    /// When a broker that stops no longer waits for its clients.
    stop_at: Option<Time>,
}

impl ShardLoop {
    pub(super) fn new(shared: Arc<Shared>, shard: u16, mut listeners: Vec<Entrance>) -> io::Result<Self> {
        let poll = Poll::new()?;
        for (index, listener) in listeners.iter_mut().enumerate() {
            poll.registry().register(listener.source(), Token(index), Interest::READABLE)?;
        }
        let waker = Waker::new(poll.registry(), WAKER)?;
        // a waker that fails leaves mail until the next event; there is nobody to tell
        shared.hub.set_wake(shard, Box::new(move || drop(waker.wake())));
        Ok(Self {
            core: ShardCore::new(shard, Arc::clone(&shared.hub)),
            shared,
            shard,
            poll,
            listeners,
            connections: Connections::default(),
            door: Door::default(),
            judges: None,
            reauthentications: Reauthentications::default(),
            linger_deadlines: Deadlines::default(),
            unread: Vec::new(),
            buffer: vec![0; READ_BUFFER].into(),
            spare: Spare::default(),
            answers: Vec::new(),
            assigned_ids: 0,
            failure_logs: SeldomEach::default(),
            stop_at: None,
        })
    }

    /// Runs until the broker stops.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            let timeout = self.timeout(self.now());
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            let now = self.now();
            self.turn(now, &events);
            if self.is_finished(now) {
                return Ok(());
            }
        }
    }

    fn turn(&mut self, now: Time, events: &Events) {
        self.count(Counter::Turns);
        self.connections.recycle();
        self.read_scheduled(now);
        for event in events {
            match event.token() {
                WAKER => {}
                Token(index) if index < FIRST_TOKEN => self.door.accept = true,
                token => self.handle_event(now, token, event),
            }
        }
        self.receive(now);
        self.core.handle_mail(now);
        self.core.handle_timeout(now);
        self.receive_findings(now);
        self.serve_strangers(now);
        self.reauthenticate(now);
        self.core.end_turn(now);
        self.settle(now);
        self.flush(now);
        self.settle(now);
        self.log(now);
    }

    fn handle_event(&mut self, now: Time, token: Token, event: &mio::event::Event) {
        let Some(connection) = self.connections.by_token(token) else { return };
        let id = connection.id;
        connection.read_closed |= event.is_read_closed() || event.is_error();
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            connection.readable = true;
        }
        let readable = connection.readable && !connection.scheduled;
        let is_client = connection.is_client();
        // every event says that a socket can be written to, also those of reading
        if event.is_writable() && !connection.writable {
            connection.writable = true;
            self.write(now, id);
        }
        match readable {
            true if is_client => self.read(now, id),
            true => self.schedule(id),
            false => {}
        }
    }

    /// Takes connections that other shards have sent here.
    fn receive(&mut self, now: Time) {
        let Some(arrivals) = self.shared.arrivals.get(usize::from(self.shard)) else { return };
        let mut arrived = Vec::new();
        if let Some(waiting) = arrivals.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            arrived.extend(waiting.drain(..waiting.len().min(ARRIVALS)));
            if !waiting.is_empty() {
                self.shared.hub.wake(self.shard);
            }
        }
        for arrival in arrived {
            self.connect(now, arrival);
        }
    }

    fn log(&mut self, now: Time) {
        while let Some(notice) = self.core.poll_notice() {
            match notice {
                Notice::Connected { client_id, user_name, version, session_present } => {
                    let user_name = user_name.as_deref();
                    tracing::debug!(?client_id, user_name, %version, session_present, "client connected");
                }
                Notice::Disconnected { client_id, cause } => {
                    tracing::debug!(?client_id, "client disconnected: {cause}");
                }
                Notice::Packet(packet) => self.pass_on(&packet),
                Notice::NotAuthorized { client_id, user_name, action, topic, rule } => {
                    let counter = match action {
                        Action::Publish | Action::Retain => Counter::PublishNotAuthorized,
                        Action::Subscribe => Counter::SubscriptionsNotAuthorized,
                    };
                    // how many more there were is not known here, but counted
                    if self.failure_logs.speak(now, counter).is_some() {
                        let (user_name, action) = (user_name.as_deref(), action.name());
                        let by = rule
                            .as_deref()
                            .unwrap_or("no rule allows it, or what it has shown of itself does not");
                        tracing::info!(?client_id, ?user_name, action, ?topic, "not authorized: {by}");
                    }
                }
            }
        }
    }

    /// How long the next poll may wait.
    fn timeout(&self, now: Time) -> Option<Duration> {
        // the shard that ends a congestion wakes the others
        if self.core.has_work()
            || self.door.has_work()
            || (!self.unread.is_empty() && !self.shared.hub.is_congested())
        {
            return Some(Duration::ZERO);
        }
        let deadlines =
            [self.core.poll_timeout(), self.door.next_deadline(), self.linger_deadlines.next(), self.stop_at];
        deadlines.into_iter().flatten().min().map(|deadline| round_up(deadline.since(now)))
    }

    fn is_finished(&mut self, now: Time) -> bool {
        if !self.core.is_stopped() {
            return false;
        }
        if self.stop_at.is_none() {
            self.stop_at = Some(now.after(self.core.config().limits.linger));
            self.listeners.clear();
            self.connections.strangers().into_iter().for_each(|id| self.drop_connection(now, id));
        }
        self.connections.len() == 0 || self.stop_at.is_some_and(|stop_at| stop_at <= now)
    }

    /// How its thread is called.
    pub(super) fn name(&self) -> String {
        match self.shard {
            lobby if lobby == self.shared.hub.lobby() => "mqtt-lobby".to_owned(),
            shard => format!("mqtt-shard-{shard}"),
        }
    }

    fn now(&self) -> Time {
        Time::ZERO.after(self.shared.start.elapsed())
    }

    pub(super) fn count(&self, counter: Counter) {
        self.core.counters().add(counter, 1);
    }
}

impl Drop for ShardLoop {
    /// A shard that ends, for whatever reason, ends the broker: nobody else can serve its clients.
    fn drop(&mut self) {
        if let Some(arrivals) = self.shared.arrivals.get(usize::from(self.shard)) {
            *arrivals.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        if !self.shared.hub.is_stopping() {
            self.shared.hub.stop();
        }
    }
}

/// Poll has a resolution of milliseconds and rounds down: a deadline would be polled for in a busy loop.
fn round_up(wait: Duration) -> Duration {
    Duration::from_millis(u64::try_from(wait.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX))
}
