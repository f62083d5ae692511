//! What a message costs inside a shard: at QoS 0 no allocation, once buffers and caches are warm.

use std::sync::Arc;
use std::time::Duration;

use allocation_counter::measure;
use mqtt_broker::config::Config;
use mqtt_broker::core::access::parse_mosquitto;
use mqtt_broker::core::{Admission, ConnectionId, Hub, Lobby, NewConnection, ShardCore, Slot, Verdict};
use mqtt_session::Time;

/// A socket that takes everything and keeps nothing.
struct Sink(usize);

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn shard() -> ShardCore {
    let config = Config { sys_interval: Duration::ZERO, ..Config::default() };
    ShardCore::new(0, Arc::new(Hub::new(config, 1)))
}

/// A client of 3.1.1 with Clean Session 1 and an identifier of one letter.
fn connect(core: &mut ShardCore, client_id: u8) -> Slot {
    let mut bytes = *b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01?";
    bytes[14] = client_id;
    let Verdict::Connect { connect, decoder, unread } =
        Lobby::new(&core.hub().config().lobby).handle_bytes(&bytes)
    else {
        panic!("CONNECT conforms");
    };
    let connection = ConnectionId(u64::from(client_id));
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
                terms: Arc::default(),
            },
        )
        .unwrap();
    turn(core);
    slot
}

/// The end of a turn, as the event loop does it; how many bytes left.
fn turn(core: &mut ShardCore) -> usize {
    core.end_turn(Time::ZERO);
    let mut sink = Sink(0);
    while let Some((slot, _)) = core.poll_flush() {
        let Some(output) = core.output(slot) else { continue };
        let written = output.write_to(&mut sink).expect("the sink takes everything");
        core.handle_written(Time::ZERO, slot, written);
    }
    sink.0
}

#[test]
fn a_qos_0_message_from_publisher_to_subscriber_allocates_nothing() {
    let mut core = shard();
    let (publisher, subscriber) = (connect(&mut core, b'p'), connect(&mut core, b's'));
    core.handle_bytes(Time::ZERO, subscriber, b"\x82\x08\x00\x01\x00\x03a/b\x00");
    turn(&mut core);
    let publish = b"\x30\x0a\x00\x03a/bhello";
    let mut round = |messages: usize| {
        for _ in 0..messages {
            core.handle_bytes(Time::ZERO, publisher, publish);
        }
        turn(&mut core)
    };
    assert_eq!(round(16), 16 * publish.len());
    let mut sent = 0;
    let cost = measure(|| {
        for _ in 0..100 {
            sent += round(16);
        }
    });
    assert_eq!(sent, 1_600 * publish.len());
    assert_eq!(cost.count_total, 0, "{cost:?}");
}

#[test]
fn a_qos_0_message_to_many_subscribers_allocates_nothing() {
    let mut core = shard();
    let publisher = connect(&mut core, b'p');
    for client_id in b'A'..=b'Z' {
        let subscriber = connect(&mut core, client_id);
        core.handle_bytes(Time::ZERO, subscriber, b"\x82\x08\x00\x01\x00\x03a/+\x00");
    }
    turn(&mut core);
    let publish = b"\x30\x0a\x00\x03a/bhello";
    let mut round = || {
        core.handle_bytes(Time::ZERO, publisher, publish);
        turn(&mut core)
    };
    assert_eq!(round(), 26 * publish.len());
    let cost = measure(|| {
        for _ in 0..10 {
            round();
        }
    });
    assert_eq!(cost.count_total, 0, "{cost:?}");
}

#[test]
fn a_qos_0_message_that_rules_are_asked_about_allocates_nothing() {
    let mut core = shard();
    let rules = "pattern write a/+\npattern read %c/#\npattern read +/b\n";
    core.hub().set_rules(parse_mosquitto("acl", rules).expect("rules"));
    let (publisher, subscriber) = (connect(&mut core, b'p'), connect(&mut core, b's'));
    // a filter that is wider than what is allowed, so that each message is looked at
    core.handle_bytes(Time::ZERO, subscriber, b"\x82\x06\x00\x01\x00\x01#\x00");
    turn(&mut core);
    let publish = b"\x30\x0a\x00\x03a/bhello";
    let mut round = || {
        core.handle_bytes(Time::ZERO, publisher, publish);
        // not allowed to anybody
        core.handle_bytes(Time::ZERO, publisher, b"\x30\x0a\x00\x03$/xhello");
        turn(&mut core)
    };
    assert_eq!(round(), publish.len());
    let cost = measure(|| {
        for _ in 0..10 {
            round();
        }
    });
    assert_eq!(cost.count_total, 0, "{cost:?}");
}
