//! What may be done to a client and a server, in any order, and what two bytes say to do.

use mqtt_codec::{Packet, QoS, Version};
use mqtt_session::{CleanStart, ClientConfig, CloseReason, QueueLimits, ServerConfig};

use super::common::{
    Got, Pair, Side, VERSIONS, client_config, id, message, nonzero, server_config, subscription,
};
use super::reference::Reference;

/// Messages in flight, as each side wants it.
const WINDOW: u16 = 4;
/// Packet identifiers of each side: few, so that they come round.
const PACKET_IDS: u16 = 6;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    /// A message from this side; its expiry in seconds, which 3.x ignores.
    Send(Side, QoS, Option<u32>),
    Subscribe,
    /// One turn of both sides, with so many bytes carried at once.
    Step(usize),
    Drive,
    /// The connection breaks after so many more bytes towards this side.
    CutAfter(Side, usize),
    Cut,
    Reconnect,
    /// This side stops acknowledging.
    Hold(Side),
    /// This side acknowledges one of its last messages, counted from the end.
    Take(Side, usize),
    /// This side acknowledges all that it has, and what comes.
    TakeAll(Side),
    Sleep(u32),
    /// The store of the server's session stops, or goes on.
    Store(bool),
    /// The server begins without the session.
    LoseServer,
    /// The client begins without the session, and says so.
    LoseClient,
    /// This side crashes and begins with what its store has.
    Crash(Side),
}

impl Op {
    pub(crate) fn of([kind, argument]: [u8; 2]) -> Self {
        let side = if argument & 1 == 0 { Side::Client } else { Side::Server };
        let number = usize::from(argument >> 1);
        match kind % 32 {
            0..8 => {
                let expiry = (argument >> 5 == 7).then_some(u32::from(argument >> 3 & 3) * 5 + 1);
                Self::Send(side, QoS::ALL[number % 3], expiry)
            }
            8..14 => Self::Step(1 + number % 40),
            14..17 => Self::Drive,
            17..19 => Self::CutAfter(side, number),
            19 => Self::Cut,
            20..23 => Self::Reconnect,
            23 => Self::Hold(side),
            24..26 => Self::Take(side, number % 8),
            26 => Self::TakeAll(side),
            27 => Self::Sleep(1 + u32::from(argument) % 30),
            28 => Self::Subscribe,
            29 => Self::Store(argument & 1 == 0),
            30 if number % 2 == 0 => Self::Crash(side),
            30 => Self::LoseServer,
            31 if number % 2 == 0 => Self::Crash(side),
            _ => Self::LoseClient,
        }
    }
}

/// How the two begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) version: Version,
    /// Whether the server's session has a store.
    pub(crate) server_store: bool,
    /// Whether the client's session has one.
    pub(crate) client_store: bool,
    pub(crate) aliases: bool,
    /// Whether a side may forget. Not in 3.1, whose client is not told.
    pub(crate) losses: bool,
}

impl Setup {
    pub(crate) fn of(byte: u8) -> Self {
        let version = VERSIONS[usize::from(byte >> 3) % 3];
        let losses = byte & 4 != 0 && version != Version::V3_1;
        let (server_store, client_store) = (byte & 1 != 0, byte & 0x20 == 0);
        Self { version, server_store, client_store, aliases: byte & 2 != 0, losses }
    }

    fn queue() -> QueueLimits {
        QueueLimits { window: nonzero(WINDOW), packet_ids: id(PACKET_IDS), ..QueueLimits::default() }
    }

    fn client(self, clean_start: CleanStart) -> ClientConfig {
        ClientConfig {
            receive_maximum: nonzero(3),
            outgoing_topic_aliases: if self.aliases { 2 } else { 0 },
            queue: Self::queue(),
            clean_start,
            store: self.client_store,
            ..client_config()
        }
    }

    fn server(self) -> ServerConfig {
        ServerConfig {
            receive_maximum: nonzero(2),
            outgoing_topic_aliases: if self.aliases { 2 } else { 0 },
            queue: Self::queue(),
            store: self.server_store,
            ..server_config()
        }
    }
}

/// A pair and what must be so of it.
pub(crate) struct Run {
    setup: Setup,
    pair: Pair,
    up: Reference,
    down: Reference,
    /// Events of the client and packets that were looked at.
    seen: (usize, usize),
    /// The first delivery that the applications of client and server know of, since they began.
    known: (usize, usize),
}

impl Run {
    /// A session that both know.
    pub(crate) fn new(setup: Setup) -> Self {
        let mut pair = Pair::with(setup.version, setup.client(CleanStart::Never), setup.server());
        pair.connect.keep_alive = 20;
        pair.keep_server_disk();
        pair.reconnect();
        Self {
            setup,
            pair,
            up: Reference::default(),
            down: Reference::default(),
            seen: (0, 0),
            known: (0, 0),
        }
    }

    pub(crate) fn apply(&mut self, op: Op) {
        let pair = &mut self.pair;
        match op {
            Op::Send(side, qos, expiry) => self.send(side, qos, expiry),
            Op::Subscribe => {
                let subscribed = pair.client.subscribe(vec![subscription("f", QoS::AtMostOnce)], None);
                assert!(subscribed.is_ok() || pair.client.pending_requests() >= 1_024, "{subscribed:?}");
            }
            Op::Step(chunk) => {
                (pair.to_client.chunk, pair.to_server.chunk) = (chunk, chunk);
                pair.step();
                (pair.to_client.chunk, pair.to_server.chunk) = (usize::MAX, usize::MAX);
            }
            Op::Drive => pair.drive(),
            Op::CutAfter(side, bytes) => pair.drop_bytes_after(side, bytes),
            Op::Cut => pair.cut(),
            Op::Reconnect => pair.open(),
            Op::Crash(side) => self.crash(side),
            Op::Hold(Side::Client) => pair.client_takes = false,
            Op::Hold(Side::Server) => pair.server_takes = false,
            Op::Take(side, back) => self.take(side, back, 1),
            Op::TakeAll(side) => self.take_all(side),
            Op::Sleep(seconds) => pair.sleep(seconds),
            Op::Store(stores) => {
                pair.stores = stores;
                pair.store();
            }
            Op::LoseServer | Op::LoseClient if !self.setup.losses => {}
            Op::LoseServer => {
                pair.lose_server();
                pair.effects.clear();
                self.known.1 = pair.at_server.len();
                // what the client has been told by now is over
                self.look();
                self.up.receiver_lost();
                self.begin_again();
            }
            Op::LoseClient => {
                pair.lose_client(self.setup.client(CleanStart::First));
                self.look();
                self.known.0 = self.pair.at_client.len();
                self.up.sender_lost();
                self.begin_again();
            }
        }
        self.look();
    }

    /// A side begins with what its store has, if it has one.
    fn crash(&mut self, side: Side) {
        let Self { setup, pair, up, down, known, .. } = self;
        let (stores, sent, received) = match side {
            Side::Client => (setup.client_store, up, down),
            Side::Server => (setup.server_store, down, up),
        };
        if !stores {
            return;
        }
        pair.crash(side);
        let disk = match side {
            Side::Client => {
                known.0 = pair.at_client.len();
                pair.client_disk.as_ref().unwrap()
            }
            Side::Server => {
                known.1 = pair.at_server.len();
                pair.server_disk.as_ref().unwrap()
            }
        };
        sent.sender_crashed(|message| disk.needs(message));
        received.receiver_crashed(|message| disk.durable.contains(&message));
    }

    /// A connection after a loss. Were its CONNACK lost as well, the next would tell the client that there is a session,
    /// and nobody that it is another one: no rule of the standard helps against that.
    fn begin_again(&mut self) {
        self.pair.stores = true;
        self.pair.reconnect();
        self.look();
        if !self.pair.server.is_persistent() {
            // in 3.1.1 a clean session ends with its connection
            self.pair.reconnect();
        }
    }

    fn send(&mut self, side: Side, qos: QoS, expiry: Option<u32>) {
        let (pair, expiry) = (&mut self.pair, expiry.filter(|_| self.setup.version.is_v5()));
        let now = pair.now;
        match side {
            Side::Client => {
                let payload = self.up.next();
                let ticket = match expiry {
                    Some(seconds) => pair.publish_expiring(&payload, qos, seconds),
                    None => pair.publish(&payload, qos),
                };
                self.up.sent(now, qos, expiry, Some(ticket));
            }
            Side::Server => {
                let expires = expiry.map(|seconds| now.after_secs(seconds));
                pair.deliver_message(&message(&self.down.next()), qos, expires);
                self.down.sent(now, qos, expiry, None);
            }
        }
    }

    /// Acknowledges `count` messages that end `back` from the last.
    fn take(&mut self, side: Side, back: usize, count: usize) {
        let (got, known): (&[Got], usize) = match side {
            Side::Client => (&self.pair.at_client, self.known.0),
            Side::Server => (&self.pair.at_server, self.known.1),
        };
        let chosen: Vec<Got> = got[known..].iter().rev().skip(back).take(count).cloned().collect();
        for got in chosen.iter().rev() {
            match side {
                Side::Client => self.pair.take_at_client(got),
                Side::Server => self.pair.take_at_server(got),
            }
        }
    }

    fn take_all(&mut self, side: Side) {
        match side {
            Side::Client => self.pair.client_takes = true,
            Side::Server => self.pair.server_takes = true,
        }
        self.take(side, 0, usize::MAX);
    }

    /// Looks at all that has become visible.
    fn look(&mut self) {
        let Self { setup, pair, up, down, seen, .. } = self;
        up.observe(&pair.at_server);
        down.observe(&pair.at_client);
        pair.events[seen.0..].iter().for_each(|event| up.told(pair.now, event));
        let starts_clean =
            |packet: &Packet| matches!(packet, Packet::Connect(connect) if connect.clean_start);
        let clean = pair.trace[seen.1..].iter().any(|(_, packet)| starts_clean(packet));
        *seen = (pair.events.len(), pair.trace.len());
        if clean || !pair.server.is_persistent() {
            assert!(setup.losses, "the server has no session");
            down.sender_lost();
            up.receiver_lost();
        }
        for closed in
            [pair.client_closed, pair.server_closed, pair.client.close_reason(), pair.server.close_reason()]
        {
            let blamed = matches!(closed, Some(CloseReason::Violation(_) | CloseReason::Malformed(_)));
            assert!(!blamed, "{closed:?}");
        }
        let most = usize::from(WINDOW);
        assert!(pair.client.in_flight() <= most && pair.server.in_flight() <= most);
    }

    /// Everything comes to an end: both sides take and store what they have, over a connection that holds.
    pub(crate) fn settle(mut self) {
        self.take_all(Side::Client);
        self.take_all(Side::Server);
        self.pair.stores = true;
        self.pair.reconnect();
        self.look();
        let Pair { client, server, client_disk, server_disk, .. } = &self.pair;
        assert!(self.pair.is_at_rest(), "{client:?}\n{server:?}\n{client_disk:?}\n{server_disk:?}");
        self.up.settled(self.pair.now);
        self.down.settled(self.pair.now);
        assert!(self.setup.losses || self.pair.server_events.is_empty(), "{:?}", self.pair.server_events);
    }
}
