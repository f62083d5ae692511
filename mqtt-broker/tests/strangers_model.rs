//! Any sequence of strangers against a model that remembers everything and counts one by one.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use mqtt_broker::config::LobbyLimits;
use mqtt_broker::core::{Departure, Guest, Limit, Strangers};
use mqtt_session::Time;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

/// What a test does in a step.
#[derive(Clone, Debug)]
enum Step {
    /// A connection of an address.
    Come(u8),
    /// One of the connections that are there goes.
    Go(usize, Departure),
    /// One of the connections that are there is of another address.
    Turn(usize, u8),
    /// Time passes.
    Wait(u64),
}

/// One address, in milliseconds and whole numbers.
#[derive(Clone, Copy, Debug)]
struct Address {
    half_open: usize,
    /// Milliseconds of rest that have been saved up; a connection takes `INTERVAL` of them.
    rest: u64,
    failures: u32,
    /// Until when it is turned away, and from when on failures are forgotten.
    shut: u64,
    /// Milliseconds since the last failure was forgotten.
    calm: u64,
}

const INTERVAL: u64 = 100;
const BURST: u64 = 3;
const RECOVERY: u64 = 700;
const FREE: u32 = 2;
const DELAY: u64 = 500;
const LONGEST: u64 = 3_000;
const OF_ONE: usize = 4;
const OF_ALL: usize = 9;
const PLACES: usize = 4;

/// The last of the addresses is exempt.
const ADDRESSES: u8 = 8;

impl Address {
    const NEW: Self = Self { half_open: 0, rest: INTERVAL * BURST, failures: 0, shut: 0, calm: 0 };

    fn pass(&mut self, now: u64) {
        self.rest = (self.rest + 1).min(INTERVAL * BURST);
        if self.failures > 0 && now > self.shut {
            self.calm += 1;
            if self.calm == RECOVERY {
                (self.failures, self.calm) = (self.failures - 1, 0);
            }
        }
    }

    /// When nothing is held against it.
    fn idle_at(&self, now: u64) -> u64 {
        let rested = now + INTERVAL * BURST - self.rest;
        let forgotten = match self.failures {
            0 => self.shut,
            failures => self.shut.max(now) + u64::from(failures) * RECOVERY - self.calm,
        };
        rested.max(forgotten)
    }

    fn fail(&mut self, now: u64) {
        self.failures = (self.failures + 1).min(FREE + 32);
        if self.failures > FREE {
            let delay = (DELAY << (self.failures - FREE - 1).min(10)).min(LONGEST);
            if now + delay > self.shut {
                // what was waited of the next recovery is lost
                (self.shut, self.calm) = (now + delay, 0);
            }
        }
    }
}

#[derive(Default)]
struct Model {
    now: u64,
    half_open: usize,
    addresses: BTreeMap<u8, Address>,
}

impl Model {
    fn pass(&mut self, millis: u64) {
        for _ in 0..millis {
            self.now += 1;
            self.addresses.values_mut().for_each(|address| address.pass(self.now));
        }
    }

    fn check(&mut self, address: u8) -> Result<(), Limit> {
        if address == ADDRESSES - 1 {
            return Ok(());
        }
        let now = self.now;
        if let Some(known) = self.addresses.get(&address) {
            return match () {
                () if known.half_open >= OF_ONE => Err(Limit::HalfOpenPerAddress),
                () if known.shut > now => Err(Limit::Delay),
                () if known.rest < INTERVAL => Err(Limit::Rate),
                () => Ok(()),
            };
        }
        self.addresses.retain(|_, known| known.half_open > 0 || known.idle_at(now) > now);
        if self.addresses.len() >= PLACES {
            let idle = self.addresses.iter().filter(|(_, known)| known.half_open == 0);
            let first = idle.min_by_key(|(number, known)| (known.idle_at(now), **number));
            let Some((&first, _)) = first else { return Err(Limit::Addresses) };
            self.addresses.remove(&first);
        }
        Ok(())
    }

    fn enter(&mut self, address: u8) {
        if address < ADDRESSES - 1 {
            let known = self.addresses.entry(address).or_insert(Address::NEW);
            known.half_open += 1;
            known.rest -= INTERVAL;
        }
    }

    fn come(&mut self, address: u8) -> Result<(), Limit> {
        self.check(address)?;
        if self.half_open >= OF_ALL {
            return Err(Limit::HalfOpen);
        }
        self.half_open += 1;
        self.enter(address);
        Ok(())
    }

    fn go(&mut self, address: u8, departure: Departure) {
        self.half_open -= 1;
        if let Some(known) = self.addresses.get_mut(&address) {
            known.half_open -= 1;
            if departure == Departure::Failed {
                known.fail(self.now);
            }
        }
    }

    fn turn(&mut self, from: u8, to: u8) -> Result<(), Limit> {
        self.check(to)?;
        self.enter(to);
        if let Some(known) = self.addresses.get_mut(&from) {
            known.half_open -= 1;
        }
        Ok(())
    }
}

fn limits() -> LobbyLimits {
    LobbyLimits {
        half_open: OF_ALL,
        half_open_per_address: OF_ONE,
        rate: 1_000 / INTERVAL as u32,
        burst: BURST as u32,
        failures: FREE,
        failure_recovery: Duration::from_millis(RECOVERY),
        delay: Duration::from_millis(DELAY),
        delay_maximum: Duration::from_millis(LONGEST),
        addresses: PLACES,
        ipv4_prefix: 24,
        exempt: vec![format!("10.0.{}.0/24", ADDRESSES - 1).parse().expect("a range")],
        ..LobbyLimits::default()
    }
}

fn address(number: u8) -> IpAddr {
    IpAddr::from([10, 0, number, 77])
}

fn step() -> impl Strategy<Value = Step> {
    let departure = prop_oneof![
        2 => Just(Departure::Failed),
        1 => Just(Departure::Gone),
        1 => Just(Departure::Accepted),
    ];
    prop_oneof![
        6 => (0..ADDRESSES).prop_map(Step::Come),
        5 => (any::<usize>(), departure).prop_map(|(which, departure)| Step::Go(which, departure)),
        1 => (any::<usize>(), 0..ADDRESSES).prop_map(|(which, address)| Step::Turn(which, address)),
        2 => (1..150_u64).prop_map(Step::Wait),
        1 => (1..4_000_u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(Config {
        cases: 1_000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(4),
        ..Config::default()
    })]

    #[test]
    fn strangers_are_let_in_and_turned_away_like_in_the_model(steps in vec(step(), 1..200)) {
        let (mut strangers, mut model) = (Strangers::new(limits(), 1), Model::default());
        let mut guests: Vec<(u8, Guest)> = Vec::new();
        for step in steps {
            let now = Time::from_nanos(model.now * 1_000_000);
            match step {
                Step::Come(number) => {
                    let admitted = strangers.admit(now, Some(address(number)));
                    prop_assert_eq!(admitted.as_ref().err().copied(), model.come(number).err());
                    guests.extend(admitted.ok().map(|guest| (number, guest)));
                }
                Step::Go(which, departure) if !guests.is_empty() => {
                    let (number, guest) = guests.swap_remove(which % guests.len());
                    strangers.leave(now, guest, departure);
                    model.go(number, departure);
                }
                Step::Turn(which, to) if !guests.is_empty() => {
                    let which = which % guests.len();
                    let (number, guest) = &mut guests[which];
                    let turned = strangers.readdress(now, guest, address(to));
                    prop_assert_eq!(turned, model.turn(*number, to));
                    if turned.is_ok() {
                        *number = to;
                    }
                }
                Step::Wait(millis) => model.pass(millis),
                Step::Go(..) | Step::Turn(..) => {}
            }
            prop_assert_eq!(strangers.half_open(), model.half_open);
            prop_assert!(strangers.addresses() <= PLACES);
        }
    }
}
