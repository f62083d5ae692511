//! Everything that can happen to a client and a server with few messages and one fault: every interleaving, enumerated.
//!
//! In each case the two exchange a few messages with a window of two and two packet identifiers. A state is both
//! sessions, the packets between them, what the applications hold and what was seen so far; from each, every action
//! is tried that is possible there. `wire` judges each packet and each delivery, `world` each state in which nothing
//! more can happen. States are told apart by a hash of all that they show in `Debug`.
//!
//! Not optimised, some cases are left out, so that the test takes seconds: `--release` has all of them, for each version.
//!
//! `cargo test -p mqtt-session --test exhaustive -- --nocapture` prints how many states each case has. A case that has
//! become smaller no longer tries what it did, and fails.

#[path = "../session/common/disk.rs"]
mod disk;
mod search;
mod wire;
mod world;

use mqtt_codec::{QoS, Version};

use search::enumerate;
use wire::WINDOW;
use world::{Case, Fault, Side};

const Q0: QoS = QoS::AtMostOnce;
const Q1: QoS = QoS::AtLeastOnce;
const Q2: QoS = QoS::ExactlyOnce;

/// Two of each QoS, in an order that mixes them.
const ALL: &[QoS] = &[Q1, Q2, Q0, Q2, Q1, Q0];

/// Whether there is time for everything.
const OPTIMISED: bool = !cfg!(debug_assertions);

/// The versions to enumerate. They differ in what is encoded, and in what a receiver may hold against a sender.
const VERSIONS: &[Version] =
    if OPTIMISED { &[Version::V3_1, Version::V3_1_1, Version::V5] } else { &[Version::V5] };

/// Versions in which a client hears that the server has no session: 3.1 does not say.
fn knowing_of_sessions() -> impl Iterator<Item = Version> {
    VERSIONS.iter().copied().filter(|version| *version != Version::V3_1)
}

/// Runs a case, which must have at least so many states.
fn check(version: Version, up: &'static [QoS], down: &'static [QoS], fault: Fault, states: usize) {
    check_case(Case { version, up, down, fault, packet_ids: WINDOW, store: None }, states);
}

fn check_case(case: Case, states: usize) {
    let found = enumerate(case);
    println!("{found:8} states: {case:?}");
    assert!(found >= states, "{case:?} has {found} states and had {states}");
}

#[test]
fn two_messages_of_each_qos_from_the_client_survive_a_cut_anywhere() {
    for version in VERSIONS {
        check(*version, ALL, &[], Fault::Cut, 11_000);
    }
}

#[test]
fn two_messages_of_each_qos_from_the_server_survive_a_cut_anywhere() {
    for version in VERSIONS {
        check(*version, &[], ALL, Fault::Cut, 16_000);
    }
}

#[test]
fn what_both_sides_send_at_once_survives_a_cut_anywhere() {
    check(Version::V5, &[Q1, Q2], &[Q1, Q2], Fault::Cut, 52_000);
    if OPTIMISED {
        check(Version::V5, &[Q1, Q1], &[Q1, Q1], Fault::Cut, 61_000);
        check(Version::V5, &[Q2, Q1], &[Q2, Q1], Fault::Cut, 108_000);
        check(Version::V5, &[Q2, Q2], &[Q2, Q2], Fault::Cut, 88_000);
        check(Version::V3_1_1, &[Q2, Q2], &[Q2, Q2], Fault::Cut, 77_000);
    }
}

#[test]
fn a_cut_that_the_server_has_not_noticed_costs_nothing() {
    for version in VERSIONS {
        check(*version, &[Q1, Q2, Q2], &[], Fault::HalfOpen, 1_300);
        check(*version, &[], &[Q2, Q1, Q2], Fault::HalfOpen, 1_700);
        check(*version, &[Q1, Q2], &[Q2], Fault::HalfOpen, 7_000);
    }
}

#[test]
fn a_server_that_forgets_costs_no_message_of_the_client_and_delivers_none_of_its_own_twice() {
    for version in knowing_of_sessions() {
        check(version, ALL, &[], Fault::ServerLost, 9_800);
        check(version, &[], ALL, Fault::ServerLost, 10_300);
        check(version, &[Q1, Q2], &[Q2], Fault::ServerLost, 3_200);
    }
}

#[test]
fn a_client_that_forgets_and_starts_clean_leaves_nothing_that_its_next_messages_could_be_taken_for() {
    for version in knowing_of_sessions() {
        check(version, ALL, &[], Fault::ClientLost, 17_700);
        check(version, &[], ALL, Fault::ClientLost, 11_400);
    }
}

#[test]
fn nothing_is_said_before_a_slow_store_has_what_it_depends_on() {
    for version in VERSIONS {
        let (up, fault, packet_ids): (&[_], _, _) = (&[Q1, Q2, Q2], Fault::Cut, WINDOW);
        let case = Case { version: *version, up, down: &[], fault, packet_ids, store: Some(Side::Server) };
        check_case(case, 2_200);
        check_case(Case { up: &[], down: &[Q1, Q2, Q2], ..case }, 3_700);
        let case = Case { store: Some(Side::Client), ..case };
        check_case(case, 8_000);
        check_case(Case { up: &[], down: &[Q1, Q2, Q2], ..case }, 5_000);
    }
}

#[test]
fn a_crash_anywhere_of_a_client_with_a_store_breaks_no_promise() {
    crash_anywhere(Side::Client, [5_500, 5_400, 2_600, 3_100], [131_000, 31_900, 32_600, 17_000]);
}

#[test]
fn a_crash_anywhere_of_a_server_with_a_store_breaks_no_promise() {
    crash_anywhere(Side::Server, [1_900, 2_400, 4_000, 3_800], [20_700, 89_400, 12_700, 21_700]);
}

fn crash_anywhere(store: Side, few: [usize; 4], more: [usize; 4]) {
    for version in VERSIONS {
        let (fault, packet_ids, store) = (Fault::Crash, WINDOW, Some(store));
        let case = Case { version: *version, up: &[], down: &[], fault, packet_ids, store };
        check_case(Case { up: &[Q1, Q2, Q2], ..case }, few[0]);
        check_case(Case { up: &[Q2, Q1, Q2], ..case }, few[1]);
        check_case(Case { down: &[Q1, Q2, Q2], ..case }, few[2]);
        check_case(Case { down: &[Q2, Q1, Q2], ..case }, few[3]);
        if OPTIMISED {
            check_case(Case { up: ALL, ..case }, more[0]);
            check_case(Case { down: ALL, ..case }, more[1]);
            check_case(Case { up: &[Q1, Q2], down: &[Q2], ..case }, more[2]);
            check_case(Case { up: &[Q2], down: &[Q1, Q2], ..case }, more[3]);
        }
    }
}

#[test]
fn no_more_is_open_than_the_window_has_places_though_there_are_identifiers() {
    for version in VERSIONS {
        let (up, fault, packet_ids): (&[_], _, _) = (&[Q2, Q1, Q2, Q2], Fault::Cut, 2 * WINDOW);
        let case = Case { version: *version, up, down: &[], fault, packet_ids, store: None };
        check_case(case, 3_000);
        check_case(Case { up: &[], down: up, ..case }, 3_700);
    }
}
