//! Matching: from a topic to its subscriptions, by the shape of the tree; and the cache in front of it.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use mqtt_broker::core::router::{CacheLimits, Granted, MatchCache, Retained, SessionKey, Subscriptions};
use mqtt_codec::QoS;

const SEED: u64 = 7;
const GRANTED: Granted =
    Granted { qos: QoS::AtLeastOnce, no_local: false, retain_as_published: false, subscription_id: None };

fn session(slot: u32) -> SessionKey {
    SessionKey { shard: 0, generation: 1, slot }
}

/// `count` subscriptions of one client each: half exact, three tenths with `+`, the rest with `#`.
fn mixed(count: u32) -> Subscriptions {
    let mut subscriptions = Subscriptions::new(SEED);
    for number in 0..count {
        let (site, device) = (number % 1_000, number / 1_000);
        let filter = match number % 10 {
            0..5 => format!("site/{site}/device/{device}/temperature"),
            5..8 => format!("site/{site}/+/{device}/temperature"),
            _ => format!("site/{site}/device/{device}/#"),
        };
        subscriptions.subscribe(&filter, session(number), GRANTED);
    }
    subscriptions
}

fn count(subscriptions: &Subscriptions, topic: &str) -> usize {
    let mut matches = 0;
    subscriptions.matches(topic, |matched| {
        black_box(matched);
        matches += 1;
    });
    matches
}

fn tree_shapes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("match");
    for size in [100, 10_000, 100_000] {
        let subscriptions = mixed(size);
        let topics: Vec<String> = (0..1_000)
            .map(|site| format!("site/{site}/device/{}/temperature", site * size / 1_000_000))
            .collect();
        let mut next = topics.iter().cycle();
        group.bench_function(BenchmarkId::new("mixed", size), |bencher| {
            bencher.iter(|| count(&subscriptions, next.next().map_or("", String::as_str)));
        });
    }
    group.finish();
}

fn fan_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fan_out");
    for size in [1, 10, 1_000] {
        let mut subscriptions = Subscriptions::new(SEED);
        for slot in 0..size {
            subscriptions.subscribe("news/+/today", session(slot), GRANTED);
        }
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| count(&subscriptions, "news/sport/today"));
        });
    }
    group.finish();
}

fn cache(criterion: &mut Criterion) {
    let subscriptions = mixed(10_000);
    let limits = CacheLimits { entries: 1_024, bytes: 1 << 20 };
    let mut cache = MatchCache::new(limits, |_: &usize| 8, SEED);
    let topic = "site/7/device/3/temperature";
    cache.insert(topic, subscriptions.generations().stamp(topic), count(&subscriptions, topic));
    criterion.bench_function("cache_hit", |bencher| {
        bencher.iter(|| cache.get(black_box(topic), subscriptions.generations()).copied());
    });
}

fn retained(criterion: &mut Criterion) {
    let mut retained = Retained::new(|_: &u32| 4, SEED);
    for number in 0..100_000 {
        retained.set(&format!("site/{}/device/{}/temperature", number % 1_000, number / 1_000), number);
    }
    criterion.bench_function("retained/site_of_100", |bencher| {
        bencher.iter(|| {
            let mut found = 0;
            retained.matching("site/7/#", |_, message| found += message);
            found
        });
    });
    criterion.bench_function("retained/set", |bencher| {
        bencher.iter(|| retained.set(black_box("site/7/device/3/temperature"), 1));
    });
}

criterion_group!(benches, tree_shapes, fan_out, cache, retained);
criterion_main!(benches);
