//! Clients that read nothing: they end after a named time, whatever their keep alive, and nobody else does.

mod sim;

use std::time::Duration;

use mqtt_broker::core::Counter;
use mqtt_codec::{Connect, Packet, QoS, ReasonCode, Version};
use sim::Sim;
use sim::packets::{connect, disconnect_reason, payloads, publish, subscribe, will};

const STALL: u64 = 60;

fn keeping_alive(seconds: u16) -> Connect {
    Connect { keep_alive: seconds, ..connect(Version::V5, "stopped") }
}

/// A broker of which a client is sent more than its socket takes.
fn with_blocked_reader(keep_alive: u16) -> (Sim, mqtt_broker::core::ConnectionId) {
    let mut sim = Sim::new(1);
    let reader = sim.connect(keeping_alive(keep_alive));
    let publisher = sim.connect(connect(Version::V5, "publisher"));
    sim.send(reader, &[subscribe(&["t"], QoS::AtMostOnce)]);
    sim.receive(reader);
    sim.set_room(reader, 3);
    sim.send(publisher, &[publish("t", "message", QoS::AtMostOnce, 1)]);
    (sim, reader)
}

#[test]
fn a_publisher_that_reads_no_acknowledgement_ends_although_its_keep_alive_stands_still() {
    let mut sim = Sim::with(1, |config| config.limits.output = 200);
    let watcher = sim.connect(connect(Version::V5, "watcher"));
    sim.send(watcher, &[subscribe(&["will"], QoS::AtMostOnce)]);
    let publisher = sim.connect(Connect { will: Some(will("will", "gone", 0)), ..keeping_alive(10) });
    sim.receive(publisher);
    sim.set_room(publisher, 0);
    let all: Vec<Packet> = (1..1_000).map(|number| publish("t", "x", QoS::AtLeastOnce, number)).collect();
    sim.send(publisher, &all);
    assert!(!sim.wants_read(publisher));
    sim.advance(Duration::from_secs(STALL) - Duration::from_millis(1));
    assert!(!sim.is_ended(publisher), "its keep alive does not count while it is not read from");
    sim.advance(Duration::from_millis(1));
    assert!(sim.is_ended(publisher));
    assert_eq!(sim.count(Counter::DisconnectedStalled), 1);
    assert_eq!(payloads(&sim.receive(watcher)), ["gone"]);
    assert!(!sim.is_ended(watcher));
}

#[test]
fn a_reader_without_keep_alive_that_stops_ends_and_its_deadline_is_known() {
    let (mut sim, reader) = with_blocked_reader(0);
    let deadline = sim.now.after(Duration::from_secs(STALL));
    assert_eq!(sim.next_timeout(), Some(deadline));
    sim.advance(Duration::from_secs(STALL));
    assert!(sim.is_ended(reader));
    assert_eq!(sim.next_timeout(), None, "nothing is left behind");
}

#[test]
fn a_reader_that_takes_a_byte_now_and_then_stays() {
    let (mut sim, reader) = with_blocked_reader(0);
    for _ in 0..5 {
        sim.advance(Duration::from_secs(STALL - 1));
        sim.set_room(reader, 1);
    }
    assert!(!sim.is_ended(reader));
    sim.advance(Duration::from_secs(STALL));
    assert!(sim.is_ended(reader));
}

#[test]
fn a_reader_that_has_read_everything_may_be_idle_for_ever() {
    let (mut sim, reader) = with_blocked_reader(0);
    sim.advance(Duration::from_secs(STALL - 1));
    sim.set_room(reader, usize::MAX);
    sim.run_until(100 * STALL);
    assert!(!sim.is_ended(reader));
    assert_eq!(sim.take_all(reader), ["message"]);
    assert_eq!(sim.count(Counter::DisconnectedStalled), 0);
}

#[test]
fn a_keep_alive_that_is_longer_or_shorter_keeps_its_own_deadline() {
    let (mut sim, reader) = with_blocked_reader(10);
    sim.advance(Duration::from_secs(15));
    assert!(sim.is_ended(reader), "a client that is read from has to speak");
    assert_eq!(sim.count(Counter::DisconnectedKeepAlive), 1);
    let (mut sim, reader) = with_blocked_reader(600);
    sim.advance(Duration::from_secs(STALL));
    assert!(sim.is_ended(reader));
    assert_eq!(sim.count(Counter::DisconnectedStalled), 1);
}

#[test]
fn who_reads_again_too_late_is_told_why() {
    let (mut sim, reader) = with_blocked_reader(0);
    sim.now = sim.now.after(Duration::from_secs(STALL));
    // the socket opens in the turn in which time runs out
    sim.open_unseen(reader);
    sim.run();
    let received = sim.receive(reader);
    assert_eq!(disconnect_reason(&received), Some(ReasonCode::QuotaExceeded));
}
