//! A broker without threads: shard cores, virtual time, and sockets that take as many bytes as a test says.
#![allow(dead_code, reason = "no test file uses everything")]

pub(crate) mod packets;

use std::collections::HashMap;
use std::io::{self, IoSlice, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mqtt_broker::config::{Config, Terms};
use mqtt_broker::core::{
    Admission, Closed, ConnectionId, Counter, Hooks, Hub, Lobby, NewConnection, Notice, Output, Refusal,
    ShardCore, Slot, Verdict,
};
use mqtt_broker::store::{MemoryStore, Store, WallTime};
use mqtt_codec::{Connect, Decoder, Packet, Version};
use mqtt_session::Time;

/// Rounds after which a broker that still finds something to do is taken to be in a busy loop.
const ROUNDS: usize = 10_000;

/// The broker with the clients of a test.
pub(crate) struct Sim {
    pub(crate) hub: Arc<Hub>,
    pub(crate) now: Time,
    pub(crate) cores: Vec<ShardCore>,
    /// What wakes each shard; a shard that is not woken does not look into its mailbox.
    woken: Vec<Arc<AtomicBool>>,
    peers: HashMap<ConnectionId, Peer>,
    connections: u64,
    /// Whether the store keeps what those publish that connect from now on.
    pub(crate) terms: Arc<Terms>,
    /// Packets that were traced.
    pub(crate) traced: Vec<String>,
    /// Where large payloads were found when they were written.
    pub(crate) large: Vec<*const u8>,
}

/// The other end of a connection.
struct Peer {
    shard: usize,
    slot: Slot,
    version: Version,
    decoder: Decoder,
    received: Vec<u8>,
    /// Bytes that the socket still takes.
    room: usize,
    ended: bool,
}

/// A socket for one write.
struct Socket<'p> {
    room: &'p mut usize,
    received: &'p mut Vec<u8>,
    large: &'p mut Vec<*const u8>,
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(*self.room);
        if taken == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        *self.room -= taken;
        self.received.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut total = 0;
        for slice in slices.iter().filter(|slice| !slice.is_empty()) {
            if slice.len() >= 1 << 20 {
                self.large.push(slice.as_ptr());
            }
            match self.write(slice) {
                Ok(taken) => total += taken,
                Err(error) if total == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(total)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sim {
    pub(crate) fn new(shards: u16) -> Self {
        Self::with(shards, |_| {})
    }

    /// A broker without `$SYS` topics unless `change` switches them on again.
    pub(crate) fn with(shards: u16, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config { sys_interval: Duration::ZERO, ..Config::default() };
        config.shards = shards.try_into().unwrap();
        change(&mut config);
        Self::of(Hub::new(config, 7))
    }

    /// A broker of one shard whose program has something to say.
    pub(crate) fn hooked(hooks: Arc<dyn Hooks>) -> Self {
        let config = Config { sys_interval: Duration::ZERO, ..Config::default() };
        Self::of(Hub::new(config, 7).with_hooks(Some(hooks)))
    }

    /// A broker that goes on with what a store has, at this time by the clock on the wall.
    pub(crate) fn restored(
        shards: u16,
        store: &Arc<MemoryStore>,
        wall: WallTime,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = Config { sys_interval: Duration::ZERO, ..Config::default() };
        config.shards = shards.try_into().unwrap();
        config.session.store = true;
        change(&mut config);
        let restored = store.restored(wall);
        let hub = Hub::with_store(config, wall.0, Arc::clone(store) as _, wall, &restored);
        let mut sim = Self { now: Time::ZERO, ..Self::of(hub) };
        for session in restored.sessions {
            let home = usize::from(sim.hub.home(&session.client_id));
            sim.cores[home].restore(sim.now, restored.alive, session);
        }
        sim.hub.restore_retained(sim.now, restored.retained);
        sim.cores.iter_mut().for_each(|core| core.begin(sim.now));
        for (shard, woken) in sim.woken.iter().enumerate() {
            let woken = Arc::clone(woken);
            store.set_wake(shard as u16, Arc::new(move || woken.store(true, Ordering::Relaxed)));
        }
        sim.run();
        sim
    }

    fn of(hub: Hub) -> Self {
        let (shards, hub) = (hub.shards() as u16, Arc::new(hub));
        let woken: Vec<_> = (0..shards).map(|_| Arc::new(AtomicBool::new(true))).collect();
        for (shard, woken) in woken.iter().enumerate() {
            let woken = Arc::clone(woken);
            hub.set_wake(shard as u16, Box::new(move || woken.store(true, Ordering::Relaxed)));
        }
        let cores = (0..shards).map(|shard| ShardCore::new(shard, Arc::clone(&hub))).collect();
        let (now, peers) = (Time::from_secs(1), HashMap::new());
        Self {
            hub,
            now,
            cores,
            woken,
            peers,
            connections: 0,
            terms: Arc::default(),
            traced: Vec::new(),
            large: Vec::new(),
        }
    }

    /// Connects and runs until CONNACK is there.
    pub(crate) fn connect(&mut self, connect: Connect) -> ConnectionId {
        let id = self.connect_with(connect, &[]);
        self.run();
        id
    }

    /// Connects with bytes behind CONNECT, in the shard where the client lives.
    pub(crate) fn connect_with(&mut self, connect: Connect, behind: &[u8]) -> ConnectionId {
        self.try_connect(connect, behind).expect("room for a session")
    }

    pub(crate) fn try_connect(&mut self, connect: Connect, behind: &[u8]) -> Result<ConnectionId, Refusal> {
        let (version, aliases) = (connect.version, connect.properties.topic_alias_maximum);
        let mut bytes = Vec::new();
        Packet::Connect(connect).encode(version, &mut bytes).unwrap();
        bytes.extend_from_slice(behind);
        let Verdict::Connect { connect, decoder, unread } =
            Lobby::new(&self.hub.config().lobby).handle_bytes(&bytes)
        else {
            panic!("CONNECT is refused");
        };
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        let shard = usize::from(self.hub.home(&connect.client_id));
        let new = NewConnection {
            connection,
            connect,
            assigned: false,
            decoder,
            unread,
            admission: Admission::default(),
            terms: Arc::clone(&self.terms),
        };
        let slot = self.cores[shard].connect(self.now, new)?;
        let mut decoder = Decoder::client(version, u32::MAX);
        decoder.set_topic_alias_maximum(aliases.unwrap_or_default());
        let peer =
            Peer { shard, slot, version, decoder, received: Vec::new(), room: usize::MAX, ended: false };
        self.peers.insert(connection, peer);
        Ok(connection)
    }

    /// Sends packets in one piece, without a turn.
    pub(crate) fn post(&mut self, id: ConnectionId, packets: &[Packet]) {
        let mut bytes = Vec::new();
        let version = self.peers[&id].version;
        packets.iter().for_each(|packet| packet.encode(version, &mut bytes).unwrap());
        self.post_bytes(id, &bytes);
    }

    pub(crate) fn post_bytes(&mut self, id: ConnectionId, bytes: &[u8]) {
        let peer = &self.peers[&id];
        self.cores[peer.shard].handle_bytes(self.now, peer.slot, bytes);
    }

    pub(crate) fn send(&mut self, id: ConnectionId, packets: &[Packet]) {
        self.post(id, packets);
        self.run();
    }

    /// The connection breaks.
    pub(crate) fn cut(&mut self, id: ConnectionId) {
        let peer = self.peers.get_mut(&id).unwrap();
        peer.ended = true;
        let (shard, slot) = (peer.shard, peer.slot);
        self.cores[shard].handle_closed(self.now, slot);
    }

    /// From now on the client's socket takes `room` more bytes.
    pub(crate) fn set_room(&mut self, id: ConnectionId, room: usize) {
        self.peers.get_mut(&id).unwrap().room = room;
        self.write(id);
    }

    /// The client's socket takes anything, but the broker has not been told.
    pub(crate) fn open_unseen(&mut self, id: ConnectionId) {
        self.peers.get_mut(&id).unwrap().room = usize::MAX;
    }

    pub(crate) fn advance(&mut self, span: Duration) {
        self.now = self.now.after(span);
        self.run();
    }

    /// Turns of all shards until nobody has anything to do.
    pub(crate) fn run(&mut self) {
        for shard in 0..self.cores.len() {
            self.turn(shard);
        }
        self.run_without_events();
    }

    /// Only the turns that shards take by themselves.
    pub(crate) fn run_without_events(&mut self) {
        for _ in 0..ROUNDS {
            let busy: Vec<usize> = (0..self.cores.len())
                .filter(|&shard| self.woken[shard].load(Ordering::Relaxed) || self.cores[shard].has_work())
                .collect();
            if busy.is_empty() {
                return;
            }
            busy.into_iter().for_each(|shard| self.turn(shard));
        }
        panic!("the broker is in a busy loop");
    }

    /// One turn of one shard, in the order of the event loop.
    pub(crate) fn turn(&mut self, shard: usize) {
        self.woken[shard].store(false, Ordering::Relaxed);
        let core = &mut self.cores[shard];
        core.handle_mail(self.now);
        core.handle_timeout(self.now);
        core.end_turn(self.now);
        self.settle(shard);
        while let Some((_, id)) = self.cores[shard].poll_flush() {
            self.write(id);
        }
        self.settle(shard);
        while let Some(notice) = self.cores[shard].poll_notice() {
            if let Notice::Packet(packet) = notice {
                self.traced.push(packet.to_string());
            }
        }
    }

    pub(crate) fn is_woken(&self, shard: usize) -> bool {
        self.woken[shard].load(Ordering::Relaxed)
    }

    fn write(&mut self, id: ConnectionId) {
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| !peer.ended) else { return };
        let core = &mut self.cores[peer.shard];
        let Some(output) = core.output(peer.slot) else { return };
        let before = output.len();
        peer.drain(output, &mut self.large);
        let written = before - output.len();
        core.handle_written(self.now, peer.slot, written);
    }

    fn settle(&mut self, shard: usize) {
        while let Some(Closed { connection, mut output }) = self.cores[shard].poll_closed() {
            let peer = self.peers.get_mut(&connection).unwrap();
            if !peer.ended {
                peer.drain(&mut output, &mut self.large);
            }
            peer.ended = true;
        }
    }

    /// Whether the broker has ended the connection, or the test.
    pub(crate) fn is_ended(&self, id: ConnectionId) -> bool {
        self.peers[&id].ended
    }

    /// Bytes that the broker holds for the connection.
    pub(crate) fn unsent(&mut self, id: ConnectionId) -> usize {
        let peer = &self.peers[&id];
        self.cores[peer.shard].output(peer.slot).map_or(0, |output| output.len())
    }

    pub(crate) fn output_capacity(&mut self, id: ConnectionId) -> usize {
        let peer = &self.peers[&id];
        self.cores[peer.shard].output(peer.slot).map_or(0, |output| output.capacity())
    }

    /// When some shard wants to be called.
    pub(crate) fn next_timeout(&self) -> Option<Time> {
        self.cores.iter().filter_map(ShardCore::poll_timeout).min()
    }

    /// Goes from deadline to deadline up to `seconds` after the start.
    pub(crate) fn run_until(&mut self, seconds: u64) {
        let end = Time::from_secs(seconds);
        while let Some(next) = self.next_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.run();
        }
        self.now = self.now.max(end);
        self.run();
    }

    pub(crate) fn wants_read(&mut self, id: ConnectionId) -> bool {
        let peer = &self.peers[&id];
        self.cores[peer.shard].wants_read(peer.slot)
    }

    /// Whole packets that the client has received since the last call.
    pub(crate) fn receive(&mut self, id: ConnectionId) -> Vec<Packet> {
        let peer = self.peers.get_mut(&id).unwrap();
        let mut packets = Vec::new();
        let mut consumed = 0;
        while let Some((packet, len)) = peer.decoder.decode_next(&peer.received[consumed..]).unwrap() {
            packets.push(packet.to_packet());
            consumed += len;
        }
        peer.received.drain(..consumed);
        packets
    }

    /// The next whole packet that the client has received.
    pub(crate) fn receive_one(&mut self, id: ConnectionId) -> Option<Packet> {
        let peer = self.peers.get_mut(&id).unwrap();
        let (packet, len) = peer.decoder.decode_next(&peer.received).unwrap()?;
        let packet = packet.to_packet();
        peer.received.drain(..len);
        Some(packet)
    }

    /// Runs, receives and acknowledges until nothing more comes; payloads of the messages, in order.
    pub(crate) fn take_all(&mut self, id: ConnectionId) -> Vec<String> {
        let mut payloads = Vec::new();
        loop {
            self.run();
            let received = self.receive(id);
            if received.is_empty() {
                return payloads;
            }
            payloads.extend(packets::payloads(&received));
            self.post(id, &packets::answers(&received));
        }
    }

    pub(crate) fn count(&self, counter: Counter) -> u64 {
        self.hub.total(counter)
    }
}

impl Peer {
    fn drain(&mut self, output: &mut Output, large: &mut Vec<*const u8>) {
        let mut socket = Socket { room: &mut self.room, received: &mut self.received, large };
        while !output.is_empty() && output.write_to(&mut socket).is_ok() {}
    }
}
