//! A whole world of one seed: broker, clients and network without threads, and an oracle. See README.md.

mod application;
mod broker;
mod client;
mod crash;
mod disk;
mod faults;
mod ledger;
mod link;
mod log;
mod model;
mod plan;
mod rest;
mod rng;
mod runner;
mod store;
mod verdict;
mod wire;
mod world;

use runner::run_seeds;

/// Seeds of the plain test.
const SEEDS: std::ops::Range<u64> = 0..400;

#[test]
fn nothing_is_lost_doubled_or_invented_whatever_happens() {
    run_seeds(SEEDS);
}

#[test]
fn a_seed_decides_everything() {
    for seed in [3, 7, 8] {
        let (first, second) = (runner::trace(seed), runner::trace(seed));
        assert!(first.len() > 100 && first == second, "seed {seed}");
    }
}
