//! Random operations on a pair, against what each QoS promises.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use super::operations::{Op, Run, Setup};

/// How many cases there are: `PROPTEST_CASES` says so, of which the first 600 are always the same.
fn cases() -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    asked.unwrap_or(600)
}

proptest! {
    #![proptest_config(Config {
        cases: cases(),
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(5_0),
        ..Config::default()
    })]

    #[test]
    fn each_qos_keeps_its_promise_whatever_happens(
        setup in any::<u8>().prop_map(Setup::of),
        ops in prop::collection::vec(any::<[u8; 2]>().prop_map(Op::of), 1..120),
    ) {
        let mut run = Run::new(setup);
        ops.into_iter().for_each(|op| run.apply(op));
        run.settle();
    }
}
