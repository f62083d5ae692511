//! Runs seeds, and makes of one that fails a story that a person can read.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::plan::{Event, Plan};
use super::world::{Report, World};

/// Lines of the story, from its end.
const LINES: usize = 400;

/// Runs a plan; a panic of the broker is a failure like any other.
fn run(plan: Plan) -> Result<Report, String> {
    match catch_unwind(AssertUnwindSafe(|| World::new(plan, false).run().0)) {
        Ok(result) => result,
        Err(panic) => Err(format!("panicked: {}", text(&*panic))),
    }
}

fn text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref().copied())
        .unwrap_or("?")
}

/// What happens in the world of a seed.
pub(crate) fn trace(seed: u64) -> Vec<String> {
    World::new(Plan::new(seed), true).run().1.lines
}

/// Runs one seed; if it fails, the shortest story of it that was found is printed.
pub(crate) fn run_seed(seed: u64) -> Report {
    let plan = Plan::new(seed);
    match run(plan.clone()) {
        Ok(report) => report,
        Err(failure) => {
            let plan = shorten(plan, &failure);
            let again = run(plan.clone()).expect_err("a plan that fails does so again");
            tell(plan);
            panic!(
                "seed {seed}: {failure}\nin the story above: {again}\nagain: SEED={seed} cargo test --test simulation"
            );
        }
    }
}

/// `SEED=n` runs one, `SEEDS=from..to` many, `SIM_SECONDS=n` as many as there is time for; otherwise `seeds`.
pub(crate) fn run_seeds(seeds: Range<u64>) {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().expect(name));
    let mut total = Report::default();
    let begun = Instant::now();
    let until = number("SIM_SECONDS").map(|seconds| begun + Duration::from_secs(seconds));
    let seeds = match (number("SEED"), std::env::var("SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, Ok(range)) => {
            let (from, to) = range.split_once("..").expect("SEEDS=from..to");
            from.parse().expect("a number")..to.parse().expect("a number")
        }
        (None, Err(_)) if until.is_some() => 1_000..u64::MAX,
        (None, Err(_)) => seeds,
    };
    for seed in seeds {
        if until.is_some_and(|until| Instant::now() > until) {
            println!("stopped before seed {seed}");
            break;
        }
        total.add(&run_seed(seed));
    }
    println!("{total:?}");
}

/// A failure without its numbers: what stays when a plan is shortened.
fn kind(failure: &str) -> String {
    failure.chars().filter(|c| !c.is_ascii_digit()).take(60).collect()
}

/// Leaves out events as long as what is left fails in the same way.
fn shorten(mut plan: Plan, failure: &str) -> Plan {
    let fails = |plan: &Plan| run(plan.clone()).is_err_and(|other| kind(&other) == kind(failure));
    let mut size = plan.events.len().div_ceil(2).max(1);
    loop {
        let mut from = 0;
        while from < plan.events.len() {
            let mut shorter = plan.clone();
            shorter.events.drain(from..(from + size).min(plan.events.len()));
            if fails(&shorter) {
                plan = shorter;
            } else {
                from += size;
            }
        }
        if size == 1 {
            break;
        }
        size = size.div_ceil(2);
    }
    without_wills(plan, fails)
}

/// Wills are noise where they do not matter.
fn without_wills(mut plan: Plan, fails: impl Fn(&Plan) -> bool) -> Plan {
    for client in 1..plan.clients.len() {
        let mut quieter = plan.clone();
        quieter.clients[client].will = None;
        if fails(&quieter) {
            plan = quieter;
        }
    }
    plan
}

/// Prints what a plan does, and the end of what happens.
fn tell(plan: Plan) {
    println!("{:?} world of seed {}, {} shards, {:?}", plan.profile, plan.seed, plan.shards, plan.server);
    for (client, each) in plan.clients.iter().enumerate() {
        println!("  c{client}: {each:?}");
    }
    for Event { step, number, client, what } in &plan.events {
        println!("  step {step}, event {number}, c{client}: {what:?}");
    }
    let mut world = World::new(plan, true);
    let lines = catch_unwind(AssertUnwindSafe(move || {
        world.log.is_on = true;
        world.run().1.lines
    }));
    let Ok(lines) = lines else { return };
    let skipped = lines.len().saturating_sub(LINES);
    println!("what happens ({skipped} lines before these):");
    lines.iter().skip(skipped).for_each(|line| println!("{line}"));
}
