//! The core of the broker without sockets, in virtual time: for statements about time.

use std::sync::Arc;
use std::time::Duration;

use mqtt_broker::config::Config;
use mqtt_broker::core::{
    Admission, Closed, ConnectionId, Hub, Lobby, NewConnection, Output, ShardCore, Slot, Verdict,
};
use mqtt_codec::Version;
use mqtt_session::Time;

use super::wire;

/// One shard, with clients that the test names by number.
pub(crate) struct World {
    core: ShardCore,
    now: Time,
    peers: Vec<Peer>,
}

struct Peer {
    version: Version,
    slot: Slot,
    received: Vec<u8>,
    open: bool,
}

/// The number of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerId(usize);

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config { sys_interval: Duration::ZERO, ..Config::default() };
        change(&mut config);
        let core = ShardCore::new(0, Arc::new(Hub::new(config, 1)));
        Self { core, now: Time::ZERO, peers: Vec::new() }
    }

    /// A connection whose CONNECT is accepted with CONNACK as given.
    #[track_caller]
    pub(crate) fn connect(&mut self, version: Version, connect: &str, connack: &str) -> PeerId {
        let bytes = wire::bytes(version, connect);
        let verdict = Lobby::new(&self.core.hub().config().lobby).handle_bytes(&bytes);
        let Verdict::Connect { connect, decoder, unread } = verdict else { panic!("{verdict:?}") };
        let id = PeerId(self.peers.len());
        let connection = ConnectionId(id.0 as u64);
        let new = NewConnection {
            connection,
            connect,
            assigned: false,
            decoder,
            unread,
            admission: Admission::default(),
            terms: Arc::default(),
        };
        let slot = self.core.connect(self.now, new).expect("room for a session");
        self.peers.push(Peer { version, slot, received: Vec::new(), open: true });
        self.turn();
        self.expect(id, connack);
        id
    }

    #[track_caller]
    pub(crate) fn send(&mut self, id: PeerId, text: &str) {
        let peer = &self.peers[id.0];
        assert!(peer.open, "the connection has ended");
        let bytes = wire::bytes(peer.version, text);
        self.core.handle_bytes(self.now, peer.slot, &bytes);
        self.turn();
    }

    /// Everything that came since the last look is exactly this.
    #[track_caller]
    pub(crate) fn expect(&mut self, id: PeerId, text: &str) {
        let peer = &mut self.peers[id.0];
        let expected = wire::bytes(peer.version, text);
        let received = std::mem::take(&mut peer.received);
        assert!(received == expected, "\n got {}\nwant {}", wire::show(&received), wire::show(&expected));
    }

    #[track_caller]
    pub(crate) fn ask(&mut self, id: PeerId, request: &str, answer: &str) {
        self.send(id, request);
        self.expect(id, answer);
    }

    /// The transport of a connection ends.
    pub(crate) fn cut(&mut self, id: PeerId) {
        self.peers[id.0].open = false;
        self.core.handle_closed(self.now, self.peers[id.0].slot);
        self.turn();
    }

    pub(crate) fn is_open(&self, id: PeerId) -> bool {
        self.peers[id.0].open
    }

    /// Time passes, deadline by deadline.
    #[track_caller]
    pub(crate) fn advance(&mut self, time: Duration) {
        let end = self.now.after(time);
        let mut turns = 0;
        while let Some(deadline) = self.core.poll_timeout().filter(|deadline| *deadline <= end) {
            self.now = self.now.max(deadline);
            self.core.handle_timeout(self.now);
            self.turn();
            turns += 1;
            assert!(turns < 1_000, "the core asks for the same time again and again");
        }
        self.now = end;
    }

    pub(crate) fn sessions(&self) -> u64 {
        self.core.hub().sessions()
    }

    fn turn(&mut self) {
        loop {
            self.core.end_turn(self.now);
            while let Some((slot, connection)) = self.core.poll_flush() {
                let output = self.core.output(slot).expect("it is to be written");
                let written = drain(output, &mut self.peers[connection.0 as usize].received);
                self.core.handle_written(self.now, slot, written);
            }
            while let Some(Closed { connection, mut output }) = self.core.poll_closed() {
                let peer = &mut self.peers[connection.0 as usize];
                drain(&mut output, &mut peer.received);
                peer.open = false;
            }
            if !self.core.has_work() {
                return;
            }
        }
    }
}

fn drain(output: &mut Output, received: &mut Vec<u8>) -> usize {
    let before = received.len();
    while !output.is_empty() {
        output.write_to(received).expect("memory takes everything");
    }
    received.len() - before
}
