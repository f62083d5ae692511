//! The broker is killed again and again while clients publish and subscribe: nothing that it has acknowledged is lost.
//!
//! ```text
//! cargo test -p mqtt-broker --test crash                                          # a few rounds
//! ROUNDS=200 cargo test --release -p mqtt-broker --test crash -- --nocapture      # as many as one likes
//! ```
//!
//! Publishers and subscribers are client sessions over TCP, with sessions that outlive connections. After so many
//! acknowledgements, a number that the seed gives, the broker is killed with SIGKILL and started again on its directory.
//! In the end everybody gets what is owed, one who subscribes only then gets what was retained, and what came is compared with
//! what was acknowledged.
#![cfg(all(unix, feature = "disk"))]

mod peer;
#[path = "../running/mod.rs"]
mod running;

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mqtt_codec::{QoS, Version};
use peer::{Peer, Plan, RETAINED, Record, Stage};
use running::{Data, Program, broker};
use rustix::process::Signal;

/// Rounds of the plain test.
const ROUNDS: u64 = 4;
/// How long anybody is waited for before the test is taken to hang.
const PATIENCE: Duration = Duration::from_secs(120);

/// The numbers that came of each publisher, in the order in which they came.
fn by_publisher(records: &[Record]) -> BTreeMap<&str, Vec<u64>> {
    let mut came: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (publisher, number) in records {
        came.entry(publisher).or_default().push(*number);
    }
    came
}

/// The first deliveries in their order; how many there were besides them.
fn firsts(numbers: &[u64]) -> (Vec<u64>, usize) {
    let mut seen = HashSet::new();
    let firsts: Vec<u64> = numbers.iter().copied().filter(|number| seen.insert(*number)).collect();
    let again = numbers.len() - firsts.len();
    (firsts, again)
}

/// Those that were to be retained.
fn retained(records: &[Record]) -> HashSet<Record> {
    records.iter().filter(|(_, number)| number.is_multiple_of(RETAINED)).cloned().collect()
}

/// Starts the program on a data directory.
fn start(data: &Data, durability: &str) -> Program {
    fs::create_dir_all(&data.0).expect("a directory");
    let config = data.0.join("mqtt-broker.toml");
    let directory = data.0.join("data");
    let text = format!("[store]\ndirectory = {directory:?}\ndurability = \"{durability}\"\n");
    fs::write(&config, text).expect("a file");
    Program::start(broker().args(["--shards", "2", "--config"]).arg(&config))
}

/// What came to each, in its order and as often as it may.
fn judge(durability: &str, stage: &Stage) {
    for name in ["online", "offline"] {
        let records = stage.records(name);
        for (publisher, numbers) in by_publisher(&records) {
            let (firsts, again) = firsts(&numbers);
            let expected: Vec<u64> = (0..firsts.len() as u64).collect();
            assert_eq!(firsts, expected, "{name} got what {publisher} sent out of order, or not all of it");
            assert!(
                publisher == "one" || again == 0,
                "{again} of QoS 2 from {publisher} came twice to {name}"
            );
            println!("{durability}: {name} got {} from {publisher}, {again} of them again", firsts.len());
        }
    }
}

fn crash(durability: &str, rounds: u64, seed: u64) {
    let data = Data::new(&format!("crash-{durability}"));
    let stage = Arc::new(Stage::default());
    let publisher =
        |name: &'static str, version, qos| Plan { publishes: Some(qos), ..Plan::new(name, version) };
    let subscriber =
        |name, version, filter, qos| Plan { filter: Some((filter, qos)), ..Plan::new(name, version) };
    let member = |name| Plan {
        group: Some("group"),
        ..subscriber(name, Version::V5, "$share/g/t/#", QoS::AtLeastOnce)
    };
    let plans = [
        publisher("one", Version::V5, QoS::AtLeastOnce),
        publisher("two", Version::V3_1_1, QoS::ExactlyOnce),
        publisher("three", Version::V5, QoS::ExactlyOnce),
        subscriber("online", Version::V5, "t/#", QoS::ExactlyOnce),
        Plan { only_odd: true, ..subscriber("offline", Version::V3_1_1, "t/#", QoS::ExactlyOnce) },
        member("left"),
        member("right"),
    ];
    let run = |plan: Plan| {
        let stage = Arc::clone(&stage);
        thread::spawn(move || Peer::new(plan).run(&stage))
    };
    let mut peers: Vec<_> = plans.into_iter().map(run).collect();
    let mut random = seed;
    for round in 1..=rounds {
        let program = start(&data, durability);
        stage.open(program.address(), round);
        if round == 1 {
            stage.wait("subscriptions", PATIENCE, |state| state.subscribed == 4);
        }
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let more = 20 + (random >> 33) % 400;
        let from = stage.acknowledged();
        stage.wait("acknowledgements", PATIENCE, |state| state.acknowledged >= from + more);
        program.end(Signal::KILL);
    }
    let program = start(&data, durability);
    stage.finish();
    stage.open(program.address(), (rounds + 1) | 1);
    stage.wait("publishers", PATIENCE, |state| state.finished == 3);
    let total = stage.acknowledged();
    stage.wait("subscribers", PATIENCE, |state| {
        ["online", "offline", "group"].iter().all(|name| state.came(name) >= total)
    });
    let retained = retained(&stage.records("online"));
    peers.push(run(subscriber("late", Version::V5, "t/#", QoS::AtLeastOnce)));
    stage.wait("retained messages", PATIENCE, |state| state.came("late") >= retained.len() as u64);
    stage.close();
    peers.into_iter().for_each(|peer| peer.join().expect("no peer panics"));
    drop(program);

    let late = stage.records("late");
    assert_eq!(late.len(), retained.len(), "retained messages that nobody asked for");
    assert_eq!(late.into_iter().collect::<HashSet<_>>(), retained);
    judge(durability, &stage);
    let retained = retained.len();
    println!(
        "{durability}: {rounds} rounds, {total} messages acknowledged, none lost; {retained} of them retained"
    );
}

#[test]
fn what_was_acknowledged_is_never_lost_and_qos_2_never_comes_twice_however_often_the_broker_is_killed() {
    let number = |name: &str, or| std::env::var(name).map_or(or, |text| text.parse().expect("a number"));
    let (rounds, seed) = (number("ROUNDS", ROUNDS), number("SEED", 1));
    for durability in ["fsync", "os"] {
        crash(durability, rounds, seed);
    }
}
