//! What happens in one world: who the clients are, what they do and when, and which faults there are.
//!
//! A plan is made from the seed before anything runs, so that a failing one can be cut down event by event.

use mqtt_codec::{QoS, RetainHandling, Version};
use mqtt_session::CleanStart;

use super::rng::Rng;

/// Topics that clients publish to; each has a Will topic besides.
pub(crate) const TOPICS: [&str; 8] = ["a", "a/b", "a/c", "a/b/d", "b", "/b", "b/", "c/b"];
const FILTERS: [&str; 16] = [
    "a", "a/b", "a/c", "b", "/b", "#", "+", "a/#", "a/+", "+/b", "+/b/#", "/+", "+/+", "b/#", "will/#",
    "a/b/d",
];
const SHARED: [&str; 5] = ["$share/g/a/#", "$share/g/+/b", "$share/h/a/#", "$share/g/#", "$share/h/b"];

/// How hard a world is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// No faults: links are only slow.
    Calm,
    /// Everything that can happen to links, clients and shards, and limits that are never reached.
    Rough,
    /// The same with limits so narrow that messages are dropped, which must be counted.
    Tight,
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) profile: Profile,
    pub(crate) shards: u16,
    pub(crate) clients: Vec<ClientPlan>,
    pub(crate) server: ServerPlan,
    pub(crate) steps: u32,
    /// In the order of their steps.
    pub(crate) events: Vec<Event>,
}

/// What the broker is configured with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerPlan {
    pub(crate) receive_maximum: u16,
    pub(crate) window: u16,
    /// The largest Packet Identifier, of broker and clients.
    pub(crate) packet_ids: u16,
    pub(crate) aliases: u16,
    pub(crate) output: usize,
    /// Answers that may wait for a client that does not read.
    pub(crate) replies: usize,
    /// Seconds in which a client must read something.
    pub(crate) stall: u64,
    pub(crate) keep_alive_maximum: Option<u16>,
    /// The longest Session Expiry Interval, and that of 3.x.
    pub(crate) expiry_maximum: u32,
    pub(crate) expiry_v3: u32,
    /// Whether the broker has a disk.
    pub(crate) has_disk: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct ClientPlan {
    pub(crate) version: Version,
    pub(crate) clean_start: CleanStart,
    /// Session Expiry Interval in 5.0.
    pub(crate) expiry: u32,
    pub(crate) keep_alive: u16,
    pub(crate) receive_maximum: u16,
    pub(crate) aliases: u16,
    /// Maximum Packet Size, where messages may be dropped.
    pub(crate) packet_size: u32,
    pub(crate) will: Option<WillPlan>,
    /// Whether the application takes its time to acknowledge.
    pub(crate) hesitates: bool,
    /// Whether the program keeps its session on a disk.
    pub(crate) has_disk: bool,
    /// Bytes that each direction of its links holds.
    pub(crate) capacity: usize,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct WillPlan {
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) delay: u32,
    pub(crate) expiry: Option<u32>,
}

#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) step: u32,
    /// Names the event, and the message that it publishes.
    pub(crate) number: u32,
    pub(crate) client: usize,
    pub(crate) what: What,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Publish {
        topic: &'static str,
        qos: QoS,
        retain: bool,
        expiry: Option<u32>,
        size: usize,
        empty: bool,
    },
    Subscribe {
        filters: Vec<(&'static str, Options)>,
        id: Option<u32>,
    },
    Unsubscribe {
        filters: Vec<&'static str>,
    },
    Fault(Fault),
    /// Time passes, in milliseconds.
    Wait(u32),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) qos: QoS,
    pub(crate) no_local: bool,
    pub(crate) retain_as_published: bool,
    pub(crate) handling: RetainHandling,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The connection breaks; each side hears of it within so many steps.
    Cut { client: u32, server: u32 },
    /// Nothing gets through any more, and nobody is told.
    BlackHole,
    /// Nothing moves for so many steps.
    Stall(u32),
    /// The client does not read for so many steps.
    Deaf(u32),
    /// The client connects again without a word to its old connection, which the server does not see broken.
    TakeOver,
    /// The program ends without a word, and the next one knows nothing: it starts clean, or resumes with empty state.
    Crash { clean: bool, told: bool },
    /// The program ends without a word, and the next one goes on with its disk; without a disk it starts clean.
    Restart { told: bool },
    /// The program says goodbye, and the next one knows nothing.
    Leave { clean: bool, with_will: bool },
    /// A shard has no turn for so many steps.
    Busy(u32),
    /// The broker dies and is back after so many milliseconds; so many appends that nobody was told of are on its disk.
    Broker { down: u32, lucky: usize },
}

impl Plan {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let profile = match seed % 8 {
            0 => Profile::Calm,
            7 => Profile::Tight,
            _ => Profile::Rough,
        };
        let count = rng.between(2, 7);
        // the first client is the watcher: 5.0, never disturbed
        let clients: Vec<_> = (0..=count).map(|index| ClientPlan::new(&mut rng, index == 0)).collect();
        let server = ServerPlan {
            receive_maximum: *rng.pick(&[1, 2, 5, 50, 1_024]),
            window: *rng.pick(&[1, 2, 7, 1_024]),
            packet_ids: *rng.pick(&[1, 3, 10, u16::MAX, u16::MAX]),
            aliases: *rng.pick(&[0, 0, 1, 3]),
            output: *rng.pick(&[1, 64, 512, 128 << 10]),
            replies: *rng.pick(&[1, 4, 256]),
            stall: *rng.pick(&[2, 20, 60]),
            keep_alive_maximum: *rng.pick(&[None, None, Some(3), Some(30)]),
            expiry_maximum: *rng.pick(&[10, 1_000, u32::MAX]),
            expiry_v3: *rng.pick(&[5, 100, u32::MAX]),
            has_disk: rng.once_in(2),
        };
        let steps = rng.between(600, 2_000) as u32;
        let shards = rng.between(1, 4) as u16;
        let mut plan = Self { seed, profile, shards, clients, server, steps, events: Vec::new() };
        plan.fill(&mut rng);
        plan
    }

    fn fill(&mut self, rng: &mut Rng) {
        let count = self.steps / rng.between(5, 15) as u32;
        let mut steps: Vec<u32> = (0..count).map(|_| rng.below(self.steps as usize) as u32).collect();
        steps.sort_unstable();
        let fault_in = if self.profile == Profile::Calm { 0 } else { rng.between(6, 20) };
        for (number, step) in (1..).zip(steps) {
            let client = rng.between(1, self.clients.len() - 1);
            let version = self.clients[client].version;
            let what = match fault_in {
                1.. if rng.once_in(fault_in) => What::Fault(self.fault(rng)),
                _ => operation(rng, version),
            };
            self.events.push(Event { step, number, client, what });
        }
    }

    fn fault(&self, rng: &mut Rng) -> Fault {
        if !self.server.has_disk || !rng.once_in(5) {
            return fault(rng);
        }
        Fault::Broker { down: *rng.pick(&[0, 100, 2_000, 30_000]), lucky: rng.below(5) }
    }

    pub(crate) fn faults(&self) -> usize {
        self.events.iter().filter(|event| matches!(event.what, What::Fault(_))).count()
    }
}

impl ClientPlan {
    fn new(rng: &mut Rng, is_watcher: bool) -> Self {
        let version = if is_watcher || rng.once_in(2) { Version::V5 } else { Version::V3_1_1 };
        let v5 = version == Version::V5;
        let will = WillPlan {
            qos: *rng.pick(&QOS),
            retain: rng.once_in(3),
            delay: if v5 { *rng.pick(&[0, 0, 1, 5, 40]) } else { 0 },
            expiry: if v5 && rng.once_in(4) { Some(rng.between(1, 60) as u32) } else { None },
        };
        let plan = Self {
            version,
            clean_start: *rng.pick(&[
                CleanStart::Always,
                CleanStart::First,
                CleanStart::Never,
                CleanStart::Never,
            ]),
            expiry: *rng.pick(&[0, 3, 20, 3_600, 3_600, u32::MAX]),
            keep_alive: *rng.pick(&[0, 0, 5, 20]),
            receive_maximum: *rng.pick(&[1, 2, 3, 10, 256]),
            aliases: *rng.pick(&[0, 0, 2, 20]),
            packet_size: *rng.pick(&[100, 1_000, 1 << 20]),
            will: rng.once_in(2).then_some(will),
            hesitates: rng.once_in(3),
            capacity: *rng.pick(&[40, 200, 1_000, 64 << 10]),
            has_disk: rng.once_in(2),
        };
        if !is_watcher {
            return plan;
        }
        let (expiry, keep_alive, receive_maximum) = (u32::MAX, 0, 1_000);
        let (clean_start, capacity) = (CleanStart::First, WATCHER_CAPACITY);
        Self {
            expiry,
            keep_alive,
            receive_maximum,
            clean_start,
            capacity,
            will: None,
            hesitates: false,
            has_disk: false,
            ..plan
        }
    }
}

impl ClientPlan {
    /// Whether this is the client that is never disturbed.
    pub(crate) const fn is_watcher(&self) -> bool {
        self.capacity == WATCHER_CAPACITY
    }
}

/// No other client has as much.
const WATCHER_CAPACITY: usize = 1 << 20;

pub(crate) const QOS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

fn operation(rng: &mut Rng, version: Version) -> What {
    let v5 = version == Version::V5;
    match rng.below(20) {
        0..=3 => {
            let filters = (0..rng.between(1, 3)).map(|_| (filter(rng), options(rng, v5)));
            let filters = filters.map(|(filter, options)| {
                // [MQTT-3.8.3-4]
                let no_local = options.no_local && !filter.starts_with("$share");
                (filter, Options { no_local, ..options })
            });
            let filters = filters.collect();
            What::Subscribe { filters, id: (v5 && rng.once_in(2)).then(|| rng.between(1, 300) as u32) }
        }
        4 => What::Unsubscribe { filters: (0..rng.between(1, 2)).map(|_| filter(rng)).collect() },
        5 => What::Wait(*rng.pick(&[100, 1_000, 1_000, 4_000, 25_000])),
        _ => {
            let retain = rng.once_in(4);
            What::Publish {
                topic: TOPICS[rng.below(TOPICS.len())],
                qos: *rng.pick(&QOS),
                retain,
                expiry: (v5 && rng.once_in(6)).then(|| rng.between(1, 30) as u32),
                size: if rng.once_in(40) { 5_000 } else { rng.below(60) },
                empty: retain && rng.once_in(4),
            }
        }
    }
}

const fn filter(rng: &mut Rng) -> &'static str {
    let from: &[&str] = if rng.once_in(4) { &SHARED } else { &FILTERS };
    from[rng.below(from.len())]
}

const fn options(rng: &mut Rng, v5: bool) -> Options {
    let handlings = [RetainHandling::OnSubscribe, RetainHandling::OnNewSubscription, RetainHandling::Never];
    Options {
        qos: *rng.pick(&QOS),
        no_local: v5 && rng.once_in(4),
        retain_as_published: v5 && rng.once_in(3),
        handling: if v5 { *rng.pick(&handlings) } else { RetainHandling::OnSubscribe },
    }
}

const fn fault(rng: &mut Rng) -> Fault {
    let span = rng.between(1, 200) as u32;
    match rng.below(14) {
        0..=3 => Fault::Cut { client: rng.between(0, 30) as u32, server: span },
        4 => Fault::BlackHole,
        5 => Fault::Stall(span),
        6 => Fault::Deaf(span),
        7 | 8 => Fault::TakeOver,
        9 => Fault::Crash { clean: rng.once_in(2), told: rng.once_in(2) },
        12 | 13 => Fault::Restart { told: rng.once_in(2) },
        10 => Fault::Leave { clean: rng.once_in(2), with_will: rng.once_in(3) },
        _ => Fault::Busy(span),
    }
}
