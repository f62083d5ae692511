//! All connections of one measurement and the event loop that drives them.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use super::connection::{Connection, READ_SIZE};
use super::handshakes::Handshakes;
use super::latency::Latency;
use super::options::Options;
use super::packets::{Afterwards, PINGREQ_PACKET, Template};
use super::publisher::{Outgoing, Pace, Publisher};
use super::sequence::Faults;
use super::setup::Accepted;
use super::shape::{Shape, topic};
use super::subscriber::{Incoming, Subscriber};
use super::void::{Peer, Void};
use super::window::Window;
use super::wire::Target;

/// Publishers, subscribers, and one turn after the other.
///
/// A turn polls once, reads each ready connection once, then writes each connection with output once. Publishers come
/// first in the numbering of tokens, subscribers after them.
#[derive(Debug)]
pub(crate) struct Traffic {
    poll: Poll,
    events: Events,
    publishers: Vec<Publisher>,
    subscribers: Vec<Subscriber>,
    buffer: Vec<u8>,
    /// Connections whose last read was not short: no further event will announce the rest.
    unread: Vec<usize>,
    dirty: Dirty,
    publishing: bool,
    received: u64,
    /// From the turn in which a message was published to the turn in which it was received.
    latency: Latency,
    progress: u64,
    irregular: bool,
}

impl Traffic {
    /// Connects and subscribes everybody; nothing is published yet.
    pub(crate) fn connect(options: &Options, qos: u8, target: &Target) -> Result<Self, Void> {
        let shape = Shape::new(options);
        let version = options.version;
        let payload = options.payload as usize;
        let largest = payload + SLACK;
        let poll = Poll::new().map_err(Void::Poll)?;
        let mut subscribers = Vec::new();
        for number in 0..shape.subscribers {
            let token = Token((shape.publishers + number) as usize);
            let (filter, first, publishers) = shape.subscription(number);
            let accepted =
                Accepted::connect(target, Peer::Subscriber(number), version, options.afterwards())?;
            let accepted = accepted.subscribe(&filter, qos)?;
            let connection = Connection::new(accepted, token, poll.registry(), largest)?;
            let flow = Incoming::new(version, qos, payload, first, publishers);
            subscribers.push(Subscriber { connection, flow });
        }
        let mut publishers = Vec::new();
        for number in 0..shape.publishers {
            let accepted = Accepted::connect(target, Peer::Publisher(number), version, Afterwards::Ends)?;
            let handshakes = Handshakes::new(options.window, accepted.receive_maximum);
            let connection = Connection::new(accepted, Token(number as usize), poll.registry(), largest)?;
            let template = Template::new(version, &topic(number), qos, payload, number);
            let window = Window::new(options.window, shape.receivers);
            let flow = Outgoing::new(template, qos, window, handshakes);
            publishers.push(Publisher { connection, flow });
        }
        Ok(Self {
            poll,
            events: Events::with_capacity(1024),
            dirty: Dirty::new(publishers.len() + subscribers.len()),
            publishers,
            subscribers,
            buffer: vec![0; READ_SIZE],
            unread: Vec::new(),
            publishing: false,
            received: 0,
            latency: Latency::default(),
            progress: 0,
            irregular: false,
        })
    }

    /// From the next turn on publishers keep their windows full.
    pub(crate) fn start(&mut self) {
        self.publishing = true;
        (0..self.publishers.len()).for_each(|index| self.dirty.mark(index));
    }

    /// Like `start`, with one message of each publisher in each interval. They do not publish at the same moment.
    pub(crate) fn start_paced(&mut self, interval: Duration) {
        let now = Instant::now();
        let share = interval / self.publishers.len() as u32;
        for (publisher, number) in self.publishers.iter_mut().zip(0..) {
            publisher.flow.set_pace(Pace::new(interval, now + share * number));
        }
        self.start();
    }

    /// No new messages from now on.
    pub(crate) fn stop(&mut self) {
        self.publishing = false;
    }

    /// Queues a PINGREQ on each publisher, whose answer comes after all it has published is taken.
    pub(crate) fn ping_publishers(&mut self) {
        for (index, publisher) in self.publishers.iter_mut().enumerate() {
            publisher.connection.output.extend_from_slice(&PINGREQ_PACKET);
            self.dirty.mark(index);
        }
    }

    /// Queues a PINGREQ on each subscriber, whose answer comes after all that was already sent to it.
    pub(crate) fn ping_subscribers(&mut self) {
        for (index, subscriber) in self.subscribers.iter_mut().enumerate() {
            subscriber.connection.output.extend_from_slice(&PINGREQ_PACKET);
            self.dirty.mark(self.publishers.len() + index);
        }
    }

    /// One turn, which waits for events no longer than `wait`.
    pub(crate) fn turn(&mut self, wait: Duration) -> Result<(), Void> {
        let wait = if self.unread.is_empty() && self.dirty.is_empty() { wait } else { Duration::ZERO };
        let wait =
            self.next_due().map_or(wait, |due| wait.min(due.saturating_duration_since(Instant::now())));
        match self.poll.poll(&mut self.events, Some(wait)) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Void::Poll(error)),
        }
        let now = Instant::now();
        for index in self.take_ready() {
            if self.read(now, index)? {
                self.unread.push(index);
            }
        }
        self.mark_due(now);
        self.write_dirty()
    }

    /// When some publisher has to publish, if they have a pace.
    fn next_due(&self) -> Option<Instant> {
        let publishers = self.publishing.then_some(&self.publishers);
        publishers?.iter().filter_map(|publisher| publisher.flow.next_due()).min()
    }

    fn mark_due(&mut self, now: Instant) {
        for (index, publisher) in self.publishers.iter().enumerate() {
            match publisher.flow.next_due() {
                Some(due) if due <= now => self.dirty.mark(index),
                Some(_) => {}
                None => return,
            }
        }
    }

    /// The connections to read from in this turn; those that take output again become dirty.
    fn take_ready(&mut self) -> Vec<usize> {
        let Self { events, publishers, subscribers, unread, dirty, .. } = self;
        let mut ready = std::mem::take(unread);
        for event in &*events {
            let Token(index) = event.token();
            let connection = match index.checked_sub(publishers.len()) {
                None => &mut publishers[index].connection,
                Some(index) => &mut subscribers[index].connection,
            };
            if event.is_writable() && connection.unblock() {
                dirty.mark(index);
            }
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                ready.push(index);
            }
        }
        ready
    }

    fn read(&mut self, now: Instant, index: usize) -> Result<bool, Void> {
        match index.checked_sub(self.publishers.len()) {
            None => self.read_publisher(index),
            Some(index) => self.read_subscriber(now, index),
        }
    }

    fn read_publisher(&mut self, index: usize) -> Result<bool, Void> {
        let Publisher { connection, flow } = &mut self.publishers[index];
        let peer = connection.peer;
        let progress = &mut self.progress;
        self.dirty.mark(index);
        connection.read(&mut self.buffer, |frame, output| {
            *progress += 1;
            flow.handle(peer, frame, output)
        })
    }

    fn read_subscriber(&mut self, now: Instant, index: usize) -> Result<bool, Void> {
        let Self { publishers, subscribers, buffer, dirty, received, latency, progress, irregular, .. } =
            self;
        let Subscriber { connection, flow } = &mut subscribers[index];
        let peer = connection.peer;
        let more = connection.read(buffer, |frame, output| {
            *progress += 1;
            let Some(message) = flow.handle(peer, frame, output)? else { return Ok(()) };
            let from = message.publisher as usize;
            let publisher =
                publishers.get_mut(from).filter(|from| from.flow.window.has_published(message.number));
            let (Some(publisher), Some(sequence)) = (publisher, flow.sequence(message.publisher)) else {
                return Err(Void::Foreign(peer));
            };
            let settled = sequence.accept(message.number);
            *irregular |= settled != (message.number..message.number + 1);
            latency.record(now.saturating_duration_since(publisher.flow.published_at(message.number)));
            publisher.flow.window.receive(settled);
            dirty.mark(from);
            *received += 1;
            Ok(())
        })?;
        if connection.has_output() {
            dirty.mark(publishers.len() + index);
        }
        Ok(more)
    }

    fn write_dirty(&mut self) -> Result<(), Void> {
        let now = Instant::now();
        while let Some(index) = self.dirty.take() {
            match index.checked_sub(self.publishers.len()) {
                None => {
                    let publisher = &mut self.publishers[index];
                    if self.publishing {
                        publisher.fill(now);
                    }
                    publisher.connection.write()?;
                }
                Some(index) => self.subscribers[index].connection.write()?,
            }
        }
        Ok(())
    }

    /// Messages that subscribers have received so far.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// How long messages took since this was cleared.
    pub(crate) fn latency(&mut self) -> &mut Latency {
        &mut self.latency
    }

    /// Packets that came in so far, of any type.
    pub(crate) fn progress(&self) -> u64 {
        self.progress
    }

    /// Whether some message did not follow its predecessor.
    pub(crate) fn is_irregular(&self) -> bool {
        self.irregular
    }

    /// Messages that some subscriber has not received.
    pub(crate) fn outstanding(&self) -> u64 {
        self.publishers.iter().map(|publisher| publisher.flow.window.outstanding()).sum()
    }

    /// Handshakes of either side that are not complete.
    pub(crate) fn open_handshakes(&self) -> usize {
        let publishers = self.publishers.iter().map(|publisher| publisher.flow.open_handshakes());
        let subscribers = self.subscribers.iter().map(|subscriber| subscriber.flow.open_handshakes());
        publishers.chain(subscribers).sum()
    }

    /// Whether each publisher has got its PINGRESP.
    pub(crate) fn publishers_answered(&self) -> bool {
        self.publishers.iter().all(|publisher| publisher.flow.pongs > 0)
    }

    /// Whether each subscriber has got its PINGRESP.
    pub(crate) fn subscribers_answered(&self) -> bool {
        self.subscribers.iter().all(|subscriber| subscriber.flow.pongs > 0)
    }

    /// What went wrong with messages so far.
    pub(crate) fn faults(&self) -> Faults {
        let mut all = Faults::default();
        for subscriber in &self.subscribers {
            all += subscriber.flow.faults();
        }
        all
    }
}

/// The connections with something to write in this turn, each once.
#[derive(Debug)]
struct Dirty {
    marked: Vec<bool>,
    list: Vec<usize>,
}

impl Dirty {
    fn new(connections: usize) -> Self {
        Self { marked: vec![false; connections], list: Vec::with_capacity(connections) }
    }

    fn mark(&mut self, index: usize) {
        if !self.marked[index] {
            self.marked[index] = true;
            self.list.push(index);
        }
    }

    fn take(&mut self) -> Option<usize> {
        let index = self.list.pop()?;
        self.marked[index] = false;
        Some(index)
    }

    fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// Room for what surrounds the payload, with the properties a broker may add.
const SLACK: usize = 1024;
