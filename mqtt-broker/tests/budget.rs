//! Memory stays within its budget whoever does not read and however much is published.

mod sim;

use allocation_counter::measure;
use mqtt_broker::core::{ConnectionId, Counter};
use mqtt_codec::{QoS, Version};
use sim::Sim;
use sim::packets::{connect, publish, subscribe};

const KIB: usize = 1 << 10;
/// `limits.session_bytes` of these tests.
const BUDGET: usize = 32 << 20;
/// `limits.output` of these tests.
const OUTPUT: usize = 4 * KIB;
const PAYLOAD: usize = KIB;
/// What a message takes beside its topic and payload, or an idle client beside what it is sent; in bytes.
const OVERHEAD: usize = 256;
const CLIENT: usize = 4 * KIB;

fn broker() -> Sim {
    Sim::with(1, |config| {
        config.limits.session_bytes = BUDGET;
        config.limits.output = OUTPUT;
        config.session.queue.bytes = BUDGET;
    })
}

/// Readers, each of its own topic, who do not read.
fn stopped_readers(sim: &mut Sim, count: usize, qos: QoS) -> Vec<ConnectionId> {
    let reader = |number| {
        let reader = sim.connect(connect(Version::V5, &format!("reader {number}")));
        sim.send(reader, &[subscribe(&[&format!("t/{number}")], qos)]);
        sim.receive(reader);
        sim.set_room(reader, 0);
        reader
    };
    (0..count).map(reader).collect()
}

/// Publishes `bytes` in messages of a KiB, to one reader after the other.
fn flood(sim: &mut Sim, readers: usize, bytes: usize, qos: QoS) {
    let publisher = sim.connect(connect(Version::V5, "publisher"));
    for number in 0..bytes / PAYLOAD {
        let topic = format!("t/{}", number % readers);
        sim.send(publisher, &[publish(&topic, vec![b'x'; PAYLOAD], qos, (number % 60_000 + 1) as u16)]);
        sim.receive(publisher);
    }
}

/// The most that `readers` readers who do not read may make the broker hold.
fn most(readers: usize) -> i64 {
    let messages = BUDGET + BUDGET / PAYLOAD * OVERHEAD;
    // a queue of messages grows by doubling, of which half may be unused
    (messages + BUDGET / 8 + readers * (2 * OUTPUT + CLIENT)) as i64
}

#[test]
fn readers_who_do_not_read_leave_memory_within_its_budget() {
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
        for readers in [1, 1_000] {
            let mut sim = broker();
            let readers_ids = stopped_readers(&mut sim, readers, qos);
            let used = measure(|| flood(&mut sim, readers, 2 * BUDGET, qos));
            let held = sim.hub.held_bytes() as usize;
            assert!(held <= BUDGET && held > BUDGET / 4, "{held} bytes, {readers} readers");
            assert!(used.bytes_current <= most(readers), "{} bytes, {readers} readers", used.bytes_current);
            assert!(sim.count(Counter::DroppedQueueFull) > 0);
            // who reads again has what was kept, and is served as before
            let reader = readers_ids[0];
            sim.set_room(reader, usize::MAX);
            sim.take_all(reader);
            let publisher = sim.connect(connect(Version::V5, "another"));
            sim.send(publisher, &[publish("t/0", "after", qos, 1)]);
            assert_eq!(sim.take_all(reader), ["after"]);
        }
    }
}

#[test]
fn a_reader_who_reads_loses_nothing_to_those_who_do_not() {
    let mut sim = broker();
    let quick = sim.connect(connect(Version::V5, "quick"));
    sim.send(quick, &[subscribe(&["t/#"], QoS::AtLeastOnce)]);
    sim.receive(quick);
    stopped_readers(&mut sim, 100, QoS::AtLeastOnce);
    let publisher = sim.connect(connect(Version::V5, "publisher"));
    let messages = 2 * BUDGET / PAYLOAD;
    for number in 0..messages {
        let topic = format!("t/{}", number % 100);
        sim.send(publisher, &[publish(&topic, vec![b'x'; PAYLOAD], QoS::AtLeastOnce, 1)]);
        sim.receive(publisher);
        assert_eq!(sim.take_all(quick).len(), 1, "message {number}");
    }
}

#[test]
fn what_sessions_hold_is_given_back_when_they_end() {
    let mut sim = broker();
    let readers = stopped_readers(&mut sim, 10, QoS::AtLeastOnce);
    flood(&mut sim, 10, BUDGET / 4, QoS::AtLeastOnce);
    assert!(sim.hub.held_bytes() > 0);
    readers.into_iter().for_each(|reader| sim.cut(reader));
    assert_eq!(sim.hub.held_bytes(), 0);
}
