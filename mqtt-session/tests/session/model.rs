//! Random operations on a pair, against what each QoS promises.

use std::collections::BTreeSet;

use mqtt_codec::{Packet, QoS, ReasonCode, Version};
use mqtt_session::{ClientConfig, CloseReason, QueueLimits, ServerConfig};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use crate::common::{
    Got, Pair, Side, VERSIONS, client_config, nonzero, payloads, server_config, subscription,
};

#[derive(Clone, Copy, Debug)]
enum Op {
    /// A message from this side.
    Send(Side, QoS),
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
    /// This side acknowledges all that it has, and what comes.
    Take(Side),
    Sleep(u32),
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Client), Just(Side::Server)]
}

fn qos() -> impl Strategy<Value = QoS> {
    prop::sample::select(QoS::ALL.to_vec())
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (side(), qos()).prop_map(|(side, qos)| Op::Send(side, qos)),
        1 => Just(Op::Subscribe),
        6 => (1..40_usize).prop_map(Op::Step),
        3 => Just(Op::Drive),
        2 => (side(), 0..80_usize).prop_map(|(side, bytes)| Op::CutAfter(side, bytes)),
        1 => Just(Op::Cut),
        3 => Just(Op::Reconnect),
        1 => side().prop_map(Op::Hold),
        2 => side().prop_map(Op::Take),
        1 => (1..30_u32).prop_map(Op::Sleep),
    ]
}

/// What was sent in each direction, as payload and QoS, in order.
#[derive(Default)]
struct Model {
    from_client: Vec<(String, QoS)>,
    from_server: Vec<(String, QoS)>,
}

impl Model {
    fn apply(&mut self, pair: &mut Pair, op: Op) {
        match op {
            Op::Send(Side::Client, qos) => {
                let payload = self.from_client.len().to_string();
                pair.publish(&payload, qos);
                self.from_client.push((payload, qos));
            }
            Op::Send(Side::Server, qos) => {
                let payload = self.from_server.len().to_string();
                pair.deliver(&payload, qos);
                self.from_server.push((payload, qos));
            }
            Op::Subscribe => {
                pair.client.subscribe(vec![subscription("f", QoS::AtMostOnce)], None).unwrap();
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
            Op::Hold(Side::Client) => pair.client_takes = false,
            Op::Hold(Side::Server) => pair.server_takes = false,
            Op::Take(Side::Client) => take_at_client(pair),
            Op::Take(Side::Server) => take_at_server(pair),
            Op::Sleep(seconds) => pair.sleep(seconds),
        }
    }

    /// Everything comes to an end: both sides take what they have, over a connection that holds.
    fn settle(pair: &mut Pair) {
        take_at_client(pair);
        take_at_server(pair);
        pair.reconnect();
    }
}

fn take_at_client(pair: &mut Pair) {
    pair.client_takes = true;
    for receipt in pair.at_client.iter().filter_map(|got| got.receipt) {
        pair.client.acknowledge(receipt, ReasonCode::Success);
    }
}

fn take_at_server(pair: &mut Pair) {
    pair.server_takes = true;
    for receipt in pair.at_server.iter().filter_map(|got| got.receipt) {
        pair.server.acknowledge(receipt, ReasonCode::Success, None);
    }
}

/// A pair with small windows, so that they fill, and an established session.
fn pair(version: Version, store: bool, aliases: u16) -> Pair {
    let queue = QueueLimits { window: nonzero(4), ..QueueLimits::default() };
    let client = ClientConfig {
        receive_maximum: nonzero(3),
        outgoing_topic_aliases: aliases,
        queue,
        ..client_config()
    };
    let server = ServerConfig {
        receive_maximum: nonzero(2),
        outgoing_topic_aliases: aliases,
        queue,
        store,
        ..server_config()
    };
    let mut pair = Pair::with(version, client, server);
    pair.connect.keep_alive = 20;
    pair.reconnect();
    pair
}

/// Whether `got` keeps the promise of each QoS for what was `sent`.
fn check(sent: &[(String, QoS)], got: &[Got]) {
    let mut first = Vec::new();
    let mut seen = BTreeSet::new();
    let mut without_dup = BTreeSet::new();
    for message in got {
        if seen.insert(message.payload.as_str()) {
            first.push(message.payload.parse::<usize>().unwrap());
        } else {
            assert_eq!(message.qos, QoS::AtLeastOnce, "{message:?} came twice");
        }
        if message.qos != QoS::AtMostOnce && !message.dup {
            assert!(without_dup.insert(message.payload.as_str()), "{message:?} came again without DUP");
        }
        assert_eq!(message.qos, sent[message.payload.parse::<usize>().unwrap()].1);
    }
    assert!(first.is_sorted(), "first deliveries keep the order: {:?}", payloads(got));
    for (payload, qos) in sent {
        assert!(*qos == QoS::AtMostOnce || seen.contains(payload.as_str()), "{payload} at {qos:?} was lost");
    }
}

/// Neither side ever had to blame the other; quotas are among what they watch.
fn check_blameless(pair: &Pair) {
    for closed in
        [pair.client_closed, pair.server_closed, pair.client.close_reason(), pair.server.close_reason()]
    {
        let blamed = matches!(closed, Some(CloseReason::Violation(_) | CloseReason::Malformed(_)));
        assert!(!blamed, "{closed:?}");
    }
    assert!(pair.client.in_flight() <= 4 + pair.client.queued() && pair.server.in_flight() <= 4);
}

proptest! {
    #![proptest_config(Config {
        cases: 400,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(5_0),
        ..Config::default()
    })]

    #[test]
    fn each_qos_keeps_its_promise_whatever_happens(
        version in prop::sample::select(VERSIONS.to_vec()),
        store: bool,
        aliases in prop::sample::select(vec![0, 2]),
        ops in prop::collection::vec(op(), 1..80),
    ) {
        let mut pair = pair(version, store, aliases);
        let mut model = Model::default();
        for op in ops {
            model.apply(&mut pair, op);
            check_blameless(&pair);
        }
        Model::settle(&mut pair);
        check_blameless(&pair);
        prop_assert!(pair.is_at_rest(), "{:?} {:?}", pair.client, pair.server);
        check(&model.from_client, &pair.at_server);
        check(&model.from_server, &pair.at_client);
        prop_assert_eq!(pair.server_events, []);
    }

    #[test]
    fn a_server_that_forgets_costs_no_message_of_the_client(
        version in prop::sample::select(vec![Version::V3_1_1, Version::V5]),
        ops in prop::collection::vec(op(), 1..40),
        more in prop::collection::vec(op(), 1..40),
    ) {
        let mut pair = pair(version, false, 0);
        let mut model = Model::default();
        for op in ops {
            model.apply(&mut pair, op);
        }
        pair.lose_server();
        pair.reconnect();
        for op in more {
            model.apply(&mut pair, op);
            check_blameless(&pair);
        }
        Model::settle(&mut pair);
        prop_assert!(pair.is_at_rest());
        let seen: BTreeSet<_> = pair.at_server.iter().map(|got| got.payload.as_str()).collect();
        for (payload, qos) in &model.from_client {
            prop_assert!(*qos == QoS::AtMostOnce || seen.contains(payload.as_str()), "{} was lost", payload);
        }
        let publishes = pair.trace.iter().filter(|(_, packet)| matches!(packet, Packet::Publish(_))).count();
        prop_assert!(publishes >= pair.at_server.len());
    }
}
