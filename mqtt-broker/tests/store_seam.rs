//! The seam to a store: with one that answers late, nothing leaves before what it depends on is safe.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use mqtt_broker::config::Config;
use mqtt_broker::core::router::SessionKey;
use mqtt_broker::core::{
    Admission, ConnectionId, Hub, Lobby, NewConnection, Record, ShardCore, Slot, Store, Verdict,
};
use mqtt_codec::Sink;
use mqtt_session::{StoreSeq, Time};

/// A store that keeps everything waiting until it is told otherwise.
#[derive(Clone, Default)]
struct Late(Arc<Mutex<LateState>>);

#[derive(Default)]
struct LateState {
    waiting: Vec<(SessionKey, StoreSeq)>,
    stored: VecDeque<(SessionKey, StoreSeq)>,
    records: Vec<String>,
}

impl Late {
    fn commit(&self) {
        let mut state = self.0.lock().unwrap();
        let waiting = std::mem::take(&mut state.waiting);
        state.stored.extend(waiting);
    }

    fn records(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().records)
    }
}

impl Store for Late {
    fn append(&mut self, session: SessionKey, record: Record) {
        let mut state = self.0.lock().unwrap();
        state.waiting.push((session, record.seq()));
        let name = match &record {
            Record::Effect(effect) => format!("{:?}", effect.op),
            Record::Message { .. } => "Message".to_owned(),
            Record::Subscribed { filter, .. } => format!("Subscribed {filter}"),
            Record::Unsubscribed { filter, .. } => format!("Unsubscribed {filter}"),
            _ => "?".to_owned(),
        };
        state.records.push(name);
    }

    fn poll_stored(&mut self) -> Option<(SessionKey, StoreSeq)> {
        self.0.lock().unwrap().stored.pop_front()
    }
}

/// One shard with one client of 3.1.1 that has a session.
struct Bench {
    core: ShardCore,
    store: Late,
    slot: Slot,
    now: Time,
}

/// CONNECT of 3.1.1 with Clean Session 0 and the client identifier `c`.
const CONNECT: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x00\x00\x00\x00\x01c";

impl Bench {
    fn new() -> Self {
        let mut config = Config::default();
        config.session.store = true;
        config.sys_interval = std::time::Duration::ZERO;
        let mut core = ShardCore::new(0, Arc::new(Hub::new(config, 1)));
        let store = Late::default();
        core.set_store(Box::new(store.clone()));
        let Verdict::Connect { connect, decoder, unread } =
            Lobby::new(&core.hub().config().lobby).handle_bytes(CONNECT)
        else {
            panic!("CONNECT conforms");
        };
        let connection = ConnectionId(1);
        let slot = core
            .connect(
                Time::ZERO,
                NewConnection {
                    connection,
                    connect,
                    assigned: false,
                    decoder,
                    unread,
                    admission: Admission::default(),
                },
            )
            .unwrap();
        Self { core, store, slot, now: Time::ZERO }
    }

    /// Bytes in, and what leaves in the same turn.
    fn send(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.core.handle_bytes(self.now, self.slot, bytes);
        self.turn()
    }

    fn commit(&mut self) -> Vec<u8> {
        self.store.commit();
        self.core.handle_stored();
        self.turn()
    }

    fn turn(&mut self) -> Vec<u8> {
        self.core.end_turn(self.now);
        let mut bytes = Vec::new();
        while let Some((slot, _)) = self.core.poll_flush() {
            let output = self.core.output(slot).unwrap();
            while !output.is_empty() {
                output.write_to(&mut bytes).unwrap();
            }
        }
        bytes
    }

    fn connected() -> Self {
        let mut bench = Self::new();
        bench.turn();
        assert_eq!(bench.commit(), [0x20, 2, 0, 0]);
        bench.store.records();
        bench
    }
}

#[test]
fn connack_waits_until_the_session_is_stored() {
    let mut bench = Bench::new();
    assert_eq!(bench.turn(), b"");
    assert_eq!(
        bench.store.records(),
        ["Attached { session_present: false, expiry: 4294967295, will: None }"]
    );
    assert_eq!(bench.commit(), [0x20, 2, 0, 0]);
}

#[test]
fn puback_waits_until_the_message_is_stored_and_holds_back_what_came_after() {
    let mut bench = Bench::connected();
    assert_eq!(bench.send(b"\x32\x05\x00\x01a\x00\x01"), b"");
    assert_eq!(bench.send(b"\x82\x06\x00\x02\x00\x01b\x00"), b"");
    assert_eq!(bench.store.records(), ["Message", "Subscribed b"]);
    assert_eq!(bench.commit(), [0x40, 2, 0, 1, 0x90, 3, 0, 2, 0]);
}

#[test]
fn pubrec_and_pubcomp_wait_for_the_identifier() {
    let mut bench = Bench::connected();
    assert_eq!(bench.send(b"\x34\x05\x00\x01a\x00\x07"), b"");
    assert_eq!(bench.store.records(), ["Message", "Received(PacketId(7))"]);
    assert_eq!(bench.commit(), [0x50, 2, 0, 7]);
    assert_eq!(bench.send(b"\x62\x02\x00\x07"), b"");
    assert_eq!(bench.store.records(), ["Released(PacketId(7))"]);
    assert_eq!(bench.commit(), [0x70, 2, 0, 7]);
}

#[test]
fn a_qos_2_message_is_sent_once_its_identifier_is_stored_and_released_once_its_pubrec_is() {
    let mut bench = Bench::connected();
    bench.send(b"\x82\x06\x00\x02\x00\x01a\x02");
    bench.commit();
    bench.store.records();
    // its own message comes back to it; QoS 0 here waits for nothing, QoS 2 for its identifier
    assert_eq!(bench.send(b"\x34\x06\x00\x01a\x00\x07x"), b"");
    assert_eq!(
        bench.store.records(),
        ["Message", "Received(PacketId(7))", "Sent { id: PacketId(1), message: Ticket(0) }"]
    );
    assert_eq!(bench.commit(), b"\x50\x02\x00\x07\x34\x06\x00\x01a\x00\x01x");
    assert_eq!(bench.send(b"\x50\x02\x00\x01"), b"");
    assert_eq!(bench.store.records(), ["Taken(PacketId(1))"]);
    assert_eq!(bench.commit(), [0x62, 2, 0, 1]);
}

#[test]
fn pingresp_and_qos_0_wait_for_nothing() {
    let mut bench = Bench::connected();
    bench.send(b"\x82\x06\x00\x02\x00\x01a\x00");
    bench.commit();
    let mut expected = Vec::new();
    expected.put(b"\x30\x04\x00\x01ax");
    assert_eq!(bench.send(b"\x30\x04\x00\x01ax"), expected);
    assert_eq!(bench.send(b"\x32\x05\x00\x01b\x00\x01"), b"");
    assert_eq!(bench.send(b"\xc0\x00"), [0xD0, 0]);
}
