//! Clients with a thread each, whose sessions outlive every broker.

use std::collections::{BTreeMap, HashSet};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mqtt_codec::{
    Connect, Decoder, Message, QoS, ReasonCode, Seconds, Subscription, Text, Topic, TopicFilter, Version,
};
use mqtt_session::{CleanStart, ClientConfig, ClientEvent, ClientSession, Received, Time};

/// One in so many messages is retained, on a topic of its own.
pub(crate) const RETAINED: u64 = 50;
/// Messages of a publisher that are not acknowledged.
const OPEN: usize = 20;
/// How long a client reads before it looks whether it has something to say.
const PAUSE: Duration = Duration::from_millis(5);

/// Whose message, and which.
pub(crate) type Record = (String, u64);

/// What a client does.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) version: Version,
    pub(crate) publishes: Option<QoS>,
    pub(crate) filter: Option<(&'static str, QoS)>,
    /// The share group that it is a member of.
    pub(crate) group: Option<&'static str>,
    /// Whether it connects to every second broker only.
    pub(crate) only_odd: bool,
}

impl Plan {
    pub(crate) const fn new(name: &'static str, version: Version) -> Self {
        Self { name, version, publishes: None, filter: None, group: None, only_odd: false }
    }
}

/// What all threads know.
#[derive(Default)]
pub(crate) struct Stage {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
pub(crate) struct State {
    /// The broker that runs now, and its round.
    address: Option<(SocketAddr, u64)>,
    is_finishing: bool,
    is_closed: bool,
    pub(crate) acknowledged: u64,
    pub(crate) subscribed: usize,
    /// Publishers of which everything is acknowledged.
    pub(crate) finished: usize,
    records: BTreeMap<&'static str, Vec<Record>>,
    /// Different messages that have come to each client, and to members of the share group together.
    distinct: BTreeMap<&'static str, HashSet<Record>>,
}

impl State {
    /// How many different messages have come to a client, or to a share group.
    pub(crate) fn came(&self, name: &str) -> u64 {
        self.distinct.get(name).map_or(0, HashSet::len) as u64
    }

    fn note(&mut self, plan: &Plan, came: Vec<Record>) {
        let together = plan.group.unwrap_or(plan.name);
        self.distinct.entry(together).or_default().extend(came.iter().cloned());
        self.records.entry(plan.name).or_default().extend(came);
    }
}

impl Stage {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    pub(crate) fn open(&self, address: SocketAddr, round: u64) {
        self.change(|state| state.address = Some((address, round)));
    }

    /// Publishers begin nothing new.
    pub(crate) fn finish(&self) {
        self.change(|state| state.is_finishing = true);
    }

    /// Everybody ends.
    pub(crate) fn close(&self) {
        self.change(|state| state.is_closed = true);
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        self.lock().acknowledged
    }

    pub(crate) fn records(&self, name: &str) -> Vec<Record> {
        self.lock().records.get(name).cloned().unwrap_or_default()
    }

    pub(crate) fn wait(&self, what: &str, patience: Duration, is_so: impl Fn(&State) -> bool) {
        let waited = self.changed.wait_timeout_while(self.lock(), patience, |state| !is_so(state));
        let (state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            let came: Vec<_> = state.distinct.keys().map(|name| (name, state.came(name))).collect();
            panic!(
                "no more {what}: {} acknowledged, {} finished, {came:?}",
                state.acknowledged, state.finished
            );
        }
    }

    /// The next broker that `plan` connects to; `None` in the end.
    fn next(&self, plan: &Plan, after: Option<SocketAddr>) -> Option<SocketAddr> {
        let is_new = |state: &State| {
            state
                .address
                .filter(|(address, round)| Some(*address) != after && (!plan.only_odd || round % 2 == 1))
        };
        let waits = |state: &mut State| !state.is_closed && is_new(state).is_none();
        let state = self.changed.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner);
        if state.is_closed { None } else { is_new(&state).map(|(address, _)| address) }
    }
}

pub(crate) struct Peer {
    plan: Plan,
    session: ClientSession,
    began: Instant,
    next: u64,
    is_subscribed: bool,
    is_finished: bool,
}

impl Peer {
    pub(crate) fn new(plan: Plan) -> Self {
        let config = ClientConfig { clean_start: CleanStart::Never, ..ClientConfig::default() };
        let session = ClientSession::new(plan.version, config);
        Self { plan, session, began: Instant::now(), next: 0, is_subscribed: false, is_finished: false }
    }

    /// Until the stage is closed.
    pub(crate) fn run(mut self, stage: &Arc<Stage>) {
        let mut last = None;
        while let Some(address) = stage.next(&self.plan, last) {
            last = Some(address);
            if let Ok(stream) = TcpStream::connect(address) {
                // a broker that is killed ends the conversation
                let _ = self.converse(stream, stage);
            }
            self.session.handle_disconnected();
        }
    }

    fn now(&self) -> Time {
        Time::ZERO.after(self.began.elapsed())
    }

    fn converse(&mut self, mut stream: TcpStream, stage: &Stage) -> std::io::Result<()> {
        stream.set_read_timeout(Some(PAUSE))?;
        stream.set_nodelay(true)?;
        let mut connect = Connect::new(self.plan.version, Text::new(self.plan.name).expect("a text"));
        if self.plan.version.is_v5() {
            connect.properties.session_expiry = Some(Seconds(3_600));
        }
        self.session.handle_connected(self.now(), connect);
        let (mut decoder, mut bytes) = (Decoder::client(self.plan.version, u32::MAX), Vec::new());
        while !stage.lock().is_closed && self.session.close_reason().is_none() {
            self.say(stage);
            let mut out = Vec::new();
            self.session.poll_transmit(self.now(), &mut out);
            stream.write_all(&out)?;
            let mut buffer = [0; 16 << 10];
            match stream.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => bytes.extend_from_slice(&buffer[..read]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error),
            }
            self.hear(&mut decoder, &mut bytes, stage);
        }
        Ok(())
    }

    /// Subscribes once, and publishes as long as there is room.
    fn say(&mut self, stage: &Stage) {
        if let Some((filter, qos)) = self.plan.filter.filter(|_| !self.is_subscribed) {
            self.is_subscribed = true;
            let filter = Subscription::new(TopicFilter::new(filter).expect("a filter"), qos);
            self.session.subscribe(vec![filter], None).expect("room for it");
        }
        let Some(qos) = self.plan.publishes else { return };
        let (subscribed, is_finishing) = {
            let state = stage.lock();
            (state.subscribed == 4, state.is_finishing)
        };
        while subscribed && !is_finishing && self.session.unfinished().len() < OPEN {
            let (name, number) = (self.plan.name, self.next);
            let retain = number.is_multiple_of(RETAINED);
            let topic = if retain { format!("t/{name}/{number}") } else { format!("t/{name}") };
            let message = Message::new(Topic::new(&topic).expect("a topic"), format!("{name} {number}"));
            self.session.publish(self.now(), Arc::new(message), qos, retain, None).expect("room for it");
            self.next += 1;
        }
        if is_finishing && !self.is_finished && self.session.unfinished().is_empty() {
            self.is_finished = true;
            stage.change(|state| state.finished += 1);
        }
    }

    fn hear(&mut self, decoder: &mut Decoder, bytes: &mut Vec<u8>, stage: &Stage) {
        let mut consumed = 0;
        let mut came = Vec::new();
        while let Some((packet, len)) = decoder.decode_next(&bytes[consumed..]).expect("packets") {
            let now = self.now();
            if let Some(Received::Message { publish, receipt }) = self.session.handle_packet(now, &packet) {
                let text = std::str::from_utf8(publish.message.payload).expect("text");
                let (publisher, number) = text.split_once(' ').expect("two words");
                came.push((publisher.to_owned(), number.parse().expect("a number")));
                if let Some(receipt) = receipt {
                    self.session.acknowledge(receipt, ReasonCode::Success);
                }
            }
            consumed += len;
        }
        bytes.drain(..consumed);
        let (mut acknowledged, mut subscribed) = (0, 0);
        while let Some(event) = self.session.poll_event() {
            match event {
                ClientEvent::Acknowledged(_, reason) => {
                    assert!(!reason.is_error(), "{}: {reason:?}", self.plan.name);
                    acknowledged += 1;
                }
                ClientEvent::Subscribed(..) => subscribed += 1,
                ClientEvent::Dropped(_, error) => panic!("{}: {error}", self.plan.name),
                _ => {}
            }
        }
        if !came.is_empty() || acknowledged + subscribed > 0 {
            stage.change(|state| {
                state.acknowledged += acknowledged as u64;
                state.subscribed += subscribed;
                state.note(&self.plan, came);
            });
        }
    }
}
