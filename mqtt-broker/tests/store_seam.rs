//! The seam to a store: with one that answers late, nothing leaves before what it depends on is safe.

use std::sync::{Arc, Mutex};

use mqtt_broker::config::Config;
use mqtt_broker::core::{
    Admission, ConnectionId, Hub, Lobby, NewConnection, Refusal, ShardCore, Slot, Verdict,
};
use mqtt_broker::store::{Fetched, Op, Position, Request, Restored, Store, Wake, WallTime};
use mqtt_session::Time;

/// A store that keeps everything waiting until it is told otherwise.
#[derive(Default)]
struct Late(Mutex<LateState>);

#[derive(Default)]
struct LateState {
    appended: Position,
    stored: Position,
    ops: Vec<String>,
    is_full: bool,
}

impl Late {
    fn commit(&self) {
        let mut state = self.0.lock().unwrap();
        state.stored = state.appended;
    }

    /// What was appended since the last call, without who and when.
    fn ops(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().ops)
    }
}

impl Store for Late {
    fn append(&self, _shard: u16, ops: &mut Vec<Op>) -> Position {
        let mut state = self.0.lock().unwrap();
        state.appended.0 += 1;
        for op in ops.drain(..) {
            let name = match op {
                Op::Effect { op, .. } => format!("{op:?}"),
                Op::Message { ticket, owed, .. } => format!("Message {} for {}", ticket.0, owed.len()),
                Op::Retained(_) => "Retained".to_owned(),
                Op::RetainedGone(_) => "RetainedGone".to_owned(),
                Op::Client { .. } => "Client".to_owned(),
                Op::Subscribed { filter, .. } => format!("Subscribed {filter}"),
                Op::Unsubscribed { filter, .. } => format!("Unsubscribed {filter}"),
                _ => "?".to_owned(),
            };
            state.ops.push(name);
        }
        state.appended
    }

    fn stored(&self) -> Position {
        self.0.lock().unwrap().stored
    }

    fn is_full(&self) -> bool {
        self.0.lock().unwrap().is_full
    }

    fn fetch(&self, _shard: u16, _request: Request) {}

    fn poll_fetched(&self, _shard: u16) -> Option<Fetched> {
        None
    }

    fn set_wake(&self, _shard: u16, _wake: Wake) {}
}

/// One shard with one client of 3.1.1 that has a session.
struct Bench {
    core: ShardCore,
    store: Arc<Late>,
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
        let store = Arc::new(Late::default());
        let hub = Hub::with_store(config, 1, store.clone(), WallTime(1_000_000), &Restored::default());
        let core = ShardCore::new(0, Arc::new(hub));
        let mut bench = Self { core, store, slot: Slot(0), now: Time::ZERO };
        bench.slot = bench.connect(CONNECT);
        bench
    }

    fn connect(&mut self, bytes: &[u8]) -> Slot {
        self.try_connect(bytes).unwrap()
    }

    fn try_connect(&mut self, bytes: &[u8]) -> Result<Slot, Refusal> {
        let Verdict::Connect { connect, decoder, unread } =
            Lobby::new(&self.core.hub().config().lobby).handle_bytes(bytes)
        else {
            panic!("CONNECT conforms");
        };
        let new = NewConnection {
            connection: ConnectionId(1),
            connect,
            assigned: false,
            decoder,
            unread,
            admission: Admission::default(),
            terms: Arc::default(),
        };
        self.core.connect(self.now, new)
    }

    /// One that has subscribed to `a`.
    fn subscribed(qos: u8) -> Self {
        let mut bench = Self::connected();
        bench.send(&[0x82, 6, 0, 2, 0, 1, b'a', qos]);
        assert_eq!(bench.commit(), [0x90, 3, 0, 2, qos]);
        assert_eq!(bench.store.ops(), ["Subscribed a"]);
        bench
    }

    /// Bytes in, and what leaves in the same turn.
    fn send(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.core.handle_bytes(self.now, self.slot, bytes);
        self.turn()
    }

    fn commit(&mut self) -> Vec<u8> {
        self.store.commit();
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
        bench.store.ops();
        bench
    }
}

#[test]
fn connack_waits_until_the_session_is_stored() {
    let mut bench = Bench::new();
    assert_eq!(bench.turn(), b"");
    assert_eq!(
        bench.store.ops(),
        ["Client", "Attached { session_present: false, expiry: 4294967295, will: None }"]
    );
    assert_eq!(bench.commit(), [0x20, 2, 0, 0]);
}

#[test]
fn puback_waits_until_the_message_is_stored_and_holds_back_what_came_after() {
    let mut bench = Bench::subscribed(1);
    // PINGREQ behind it waits for nothing
    assert_eq!(bench.send(b"\x32\x06\x00\x01a\x00\x01x\xc0\x00"), b"\x32\x06\x00\x01a\x00\x01x\xd0\x00");
    assert_eq!(bench.send(b"\x82\x06\x00\x02\x00\x01b\x00"), b"");
    assert_eq!(bench.store.ops(), ["Message 1 for 1", "Subscribed b"]);
    assert_eq!(bench.commit(), [0x40, 2, 0, 1, 0x90, 3, 0, 2, 0]);
}

#[test]
fn a_message_that_no_session_is_owed_costs_the_store_nothing() {
    let mut bench = Bench::subscribed(0);
    // QoS 0 to its subscriber, then QoS 1 to a subscriber of QoS 0, then QoS 1 to nobody
    assert_eq!(bench.send(b"\x30\x04\x00\x01ax"), b"\x30\x04\x00\x01ax");
    assert_eq!(bench.send(b"\x32\x06\x00\x01a\x00\x01x"), b"\x30\x04\x00\x01ax\x40\x02\x00\x01");
    assert_eq!(bench.send(b"\x32\x06\x00\x01b\x00\x02x"), b"\x40\x02\x00\x02");
    assert_eq!(bench.store.ops(), [""; 0]);
}

#[test]
fn a_retained_message_is_stored_at_any_qos_and_waited_for_where_that_can_be_said() {
    let mut bench = Bench::connected();
    assert_eq!(bench.send(b"\x31\x04\x00\x01ax"), b"");
    assert_eq!(bench.store.ops(), ["Retained"]);
    assert_eq!(bench.send(b"\x33\x06\x00\x01a\x00\x01y"), b"");
    assert_eq!(bench.store.ops(), ["Retained"]);
    assert_eq!(bench.commit(), [0x40, 2, 0, 1]);
    bench.send(b"\x31\x03\x00\x01a");
    assert_eq!(bench.store.ops(), ["RetainedGone"]);
    // there is none any more
    bench.send(b"\x31\x03\x00\x01a");
    assert_eq!(bench.store.ops(), [""; 0]);
}

#[test]
fn pubrec_and_pubcomp_wait_for_the_identifier() {
    let mut bench = Bench::connected();
    assert_eq!(bench.send(b"\x34\x05\x00\x01a\x00\x07"), b"");
    assert_eq!(bench.store.ops(), ["Received(PacketId(7))"]);
    assert_eq!(bench.commit(), [0x50, 2, 0, 7]);
    assert_eq!(bench.send(b"\x62\x02\x00\x07"), b"");
    assert_eq!(bench.store.ops(), ["Released(PacketId(7))"]);
    assert_eq!(bench.commit(), [0x70, 2, 0, 7]);
}

#[test]
fn a_qos_2_message_is_sent_once_its_identifier_is_stored_and_released_once_its_pubrec_is() {
    let mut bench = Bench::subscribed(2);
    // its own message comes back to it
    assert_eq!(bench.send(b"\x34\x06\x00\x01a\x00\x07x"), b"");
    assert_eq!(
        bench.store.ops(),
        ["Message 1 for 1", "Received(PacketId(7))", "Sent { id: PacketId(1), message: Ticket(1) }"]
    );
    assert_eq!(bench.commit(), b"\x50\x02\x00\x07\x34\x06\x00\x01a\x00\x01x");
    assert_eq!(bench.send(b"\x50\x02\x00\x01"), b"");
    assert_eq!(bench.store.ops(), ["Taken(PacketId(1))"]);
    assert_eq!(bench.commit(), [0x62, 2, 0, 1]);
    // nothing waits for the end
    assert_eq!(bench.send(b"\x70\x02\x00\x01"), b"");
    assert_eq!(bench.store.ops(), ["Completed(PacketId(1))"]);
}

#[test]
fn a_message_of_qos_1_is_sent_at_once_and_settled_by_its_puback() {
    let mut bench = Bench::subscribed(1);
    assert_eq!(bench.send(b"\x32\x06\x00\x01a\x00\x01x"), b"\x32\x06\x00\x01a\x00\x01x");
    bench.commit();
    bench.store.ops();
    assert_eq!(bench.send(b"\x40\x02\x00\x01"), b"");
    assert_eq!(bench.store.ops(), ["Finished(Ticket(1))"]);
}

#[test]
fn the_end_of_a_connection_and_of_a_session_are_stored() {
    let mut bench = Bench::connected();
    bench.core.handle_closed(bench.now, bench.slot);
    bench.turn();
    assert_eq!(bench.store.ops(), ["Detached { expiry: 4294967295, will: false }"]);
    // it comes again, and wants a new session
    bench.slot = bench.connect(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01c");
    assert_eq!(bench.turn(), b"");
    assert_eq!(
        bench.store.ops(),
        ["Ended", "Client", "Attached { session_present: false, expiry: 0, will: None }"]
    );
    assert_eq!(bench.commit(), [0x20, 2, 0, 0]);
}

#[test]
fn retained_messages_come_behind_suback() {
    let mut bench = Bench::connected();
    bench.send(b"\x31\x04\x00\x01ax");
    bench.commit();
    assert_eq!(bench.send(b"\x82\x06\x00\x02\x00\x01a\x00"), b"");
    assert_eq!(bench.turn(), b"");
    assert_eq!(bench.commit(), b"\x90\x03\x00\x02\x00\x31\x04\x00\x01ax");
}

#[test]
fn what_would_be_stored_waits_while_the_store_is_full_and_qos_0_does_not() {
    let mut bench = Bench::subscribed(1);
    bench.store.0.lock().unwrap().is_full = true;
    assert_eq!(bench.send(b"\x30\x04\x00\x01a0\xc0\x00"), b"\x30\x04\x00\x01a0\xd0\x00");
    assert_eq!(bench.send(b"\x32\x06\x00\x01a\x00\x01x\xc0\x00"), b"");
    assert!(!bench.core.wants_read(bench.slot));
    // a minute later it is still connected, and waits
    for _ in 0..60 {
        bench.now = bench.now.after_secs(1);
        bench.core.handle_timeout(bench.now);
        assert_eq!(bench.turn(), b"");
    }
    assert_eq!(bench.store.ops(), [""; 0]);
    bench.store.0.lock().unwrap().is_full = false;
    bench.now = bench.now.after_secs(1);
    bench.core.handle_timeout(bench.now);
    assert_eq!(bench.turn(), b"\x32\x06\x00\x01a\x00\x01x\xd0\x00");
    assert!(bench.core.wants_read(bench.slot));
    assert_eq!(bench.commit(), [0x40, 2, 0, 1]);
}

#[test]
fn who_would_have_to_be_stored_is_refused_while_the_store_is_full() {
    let mut bench = Bench::connected();
    bench.core.handle_closed(bench.now, bench.slot);
    bench.turn();
    bench.store.0.lock().unwrap().is_full = true;
    // its session is there, or is to be kept, or it has a Will
    let refused: [&[u8]; 3] = [
        b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01c",
        b"\x10\x0d\x00\x04MQTT\x04\x00\x00\x00\x00\x01d",
        b"\x10\x12\x00\x04MQTT\x04\x06\x00\x00\x00\x01d\x00\x01w\x00\x00",
    ];
    for connect in refused {
        assert_eq!(bench.try_connect(connect).unwrap_err().reply, [0x20, 2, 0, 3]);
    }
    bench.slot = bench.connect(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01d");
    assert_eq!(bench.turn(), [0x20, 2, 0, 0]);
    bench.store.0.lock().unwrap().is_full = false;
    assert!(bench.try_connect(refused[0]).is_ok());
}
