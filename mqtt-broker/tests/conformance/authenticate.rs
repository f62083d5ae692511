//! 3.1.4 and 4.12: who is admitted, who is not, and what happens meanwhile.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use mqtt_broker::config::{Config, LobbyLimits};
use mqtt_broker::core::Counter;
use mqtt_codec::Version::{self, V3_1, V3_1_1, V5};

use crate::support::broker::{TestBroker, clean, connack, protocol, resuming};
use crate::support::judge::{ByName, Heard};
use crate::support::{ALL, V3};

/// CONNECT with a clean start and a user name.
fn by(version: Version, client_id: &str, user: &str) -> String {
    format!("10: {} C2 0000 ~ <{client_id}> <{user}> <pw>", protocol(version))
}

/// CONNECT with a session that stays and a user name.
fn staying(version: Version, client_id: &str, user: &str) -> String {
    let properties = if version.is_v5() { "[11 FFFFFFFF]" } else { "" };
    format!("10: {} C0 0000 {properties} <{client_id}> <{user}> <pw>", protocol(version))
}

/// CONNACK with a code of 5.0, and that of 3.x for the same.
fn refusal(version: Version, v5: &str, v3: &str) -> String {
    if version.is_v5() { format!("20: 00 {v5} []") } else { format!("20: 00 {v3}") }
}

fn judged() -> TestBroker {
    TestBroker::judged(ByName::new().0, |_| {})
}

#[test]
fn mqtt_5_0__3_1_4_2_and_mqtt_5_0__4_12_0_4_who_is_not_admitted_is_told_why_and_closed() {
    let broker = judged();
    for version in ALL {
        for (user, v5, v3) in
            [("wrong", "86", "04"), ("barred", "87", "05"), ("down", "88", "03"), ("expired", "87", "05")]
        {
            broker.refuses(version, &by(version, "c", user), &refusal(version, v5, v3));
        }
        // who shows nothing has no business here either
        broker.refuses(version, &clean(version, "c"), &refusal(version, "86", "04"));
        broker.send(version, &by(version, "c", "somebody")).expect(&connack(version, false));
    }
    let judged = broker.handle.judged();
    assert_eq!((judged[0].name.as_str(), judged[0].admitted, judged[0].refused), ("by_name", 6, 9));
    assert_eq!(broker.count(Counter::RefusedCredentials), 6);
    assert_eq!(broker.count(Counter::RefusedNotAuthorized), 6);
    assert_eq!(broker.count(Counter::RefusedUnavailable), 3);
    assert_eq!(broker.count(Counter::ClientsRefused), 15);
}

#[test]
fn mqtt_3_1_1__3_1_4_5_and_mqtt_5_0__3_1_4_6_what_stands_behind_a_connect_that_is_not_admitted_is_not_handled()
 {
    let broker = judged();
    for version in ALL {
        let packets = format!("{}; 31: <secret> ~ 'x'; C0:", by(version, "c", "wrong"));
        broker.refuses(version, &packets, &refusal(version, "86", "04"));
        let mut reader = broker.send(version, &by(version, "r", "reader"));
        reader.expect(&connack(version, false));
        reader.ask("82: 0001 ~ <#> 00", "90: 0001 ~ 00");
        reader.quiet();
    }
}

#[test]
fn what_stands_behind_a_connect_waits_until_its_client_is_admitted_and_holds_nobody_up() {
    let (judge, _) = ByName::new();
    let broker = TestBroker::judged(Arc::clone(&judge) as _, |_| {});
    for version in ALL {
        // more than the broker reads before it knows who this is
        let mut packets = format!("{}; 82: 0001 ~ <t> 00", by(version, "c", "gated"));
        for _ in 0..1_000 {
            write!(packets, "; 30: <t> ~ '{}'", "x".repeat(80)).expect("room");
        }
        let mut gated = broker.send(version, &packets);
        let mut other = broker.send(version, &by(version, "d", "other"));
        other.expect(&connack(version, false));
        other.quiet();
        judge.open_gate();
        gated.expect(&connack(version, false));
        gated.expect("90: 0001 ~ 00");
        for _ in 0..1_000 {
            gated.expect(&format!("30: <t> ~ '{}'", "x".repeat(80)));
        }
        gated.quiet();
        gated.disconnect();
    }
}

#[test]
fn a_judgement_that_takes_too_long_is_given_up_and_the_client_may_come_again() {
    let (judge, heard) = ByName::new();
    let broker = TestBroker::judged(judge, |config| {
        let authenticate_timeout = Duration::from_millis(100);
        config.lobby = LobbyLimits { authenticate_timeout, failures: 0, ..LobbyLimits::default() };
        config.lobby.exempt.clear();
    });
    for version in ALL {
        broker.refuses(version, &by(version, "c", "never"), &refusal(version, "88", "03"));
        assert_eq!([heard.recv(), heard.recv()], [Ok(Heard::Begun), Ok(Heard::Dropped)]);
    }
    assert_eq!(broker.count(Counter::LateAuthenticate), 3);
    assert_eq!(broker.count(Counter::RefusedDelay), 0);
}

#[test]
fn nobody_is_judged_who_has_gone_away() {
    let (judge, heard) = ByName::new();
    let broker = TestBroker::judged(judge, |_| {});
    let client = broker.send(V5, &by(V5, "c", "never"));
    assert_eq!(heard.recv(), Ok(Heard::Begun));
    client.cut();
    assert_eq!(heard.recv(), Ok(Heard::Dropped));
    assert_eq!(broker.count(Counter::ClientsRefused), 1);
}

#[test]
fn an_authenticator_that_panics_harms_only_who_it_judged() {
    let broker = judged();
    broker.refuses(V5, &by(V5, "c", "panic"), "20: 00 88 []");
    broker.send(V5, &by(V5, "c", "somebody")).expect(&connack(V5, false));
}

#[test]
fn a_connection_ends_when_it_no_longer_holds_who_the_client_is() {
    let broker = judged();
    let mut client = broker.send(V5, &by(V5, "c", "short"));
    client.expect(&connack(V5, false));
    client.expect("E0: 87");
    client.expect_end();
    for version in V3 {
        let mut client = broker.send(version, &by(version, "c", "short"));
        client.expect(&connack(version, false));
        client.expect_end();
    }
    assert_eq!(broker.count(Counter::DisconnectedNotAuthorized), 3);
}

#[test]
fn a_session_belongs_to_the_user_who_began_it() {
    let broker = judged();
    for version in ALL {
        let id = format!("{version:?}");
        let mut first = broker.send(version, &staying(version, &id, "ann"));
        first.expect(&connack(version, false));
        // neither while it is connected nor afterwards, and not to make an end of it either
        broker.refuses(version, &staying(version, &id, "bob"), &refusal(version, "85", "02"));
        first.quiet();
        first.cut();
        broker.refuses(version, &by(version, &id, "bob"), &refusal(version, "85", "02"));
        broker.send(version, &staying(version, &id, "ann")).expect(&connack(version, true));
    }
    assert_eq!(broker.count(Counter::RefusedForeignSession), 6);
}

#[test]
fn a_session_of_nobody_in_particular_is_anybodys_and_then_that_users() {
    let anonymous = |config: &mut Config| config.auth.allow_anonymous = true;
    let broker = TestBroker::judged(ByName::new().0, anonymous);
    broker.resume(V3_1_1, "c", false).cut();
    broker.send(V3_1_1, &staying(V3_1_1, "c", "ann")).expect(&connack(V3_1_1, true));
    broker.refuses(V3_1_1, &resuming(V3_1_1, "c"), "20: 00 02");
}

#[test]
fn sessions_without_owners_go_to_whoever_names_them() {
    let nobodys = |config: &mut Config| config.auth.sessions_have_owners = false;
    let broker = TestBroker::judged(ByName::new().0, nobodys);
    broker.send(V3_1, &staying(V3_1, "c", "ann")).expect(&connack(V3_1, false));
    broker.send(V3_1_1, &staying(V3_1_1, "c", "bob")).expect(&connack(V3_1_1, true));
}

#[test]
fn a_listener_may_ask_nobody_or_let_anonymous_clients_in_where_others_do_not() {
    let broker = TestBroker::judged(ByName::new().0, |config| {
        let mut open = config.listeners[0].clone();
        open.auth = Some(Vec::new());
        let mut lenient = config.listeners[0].clone();
        lenient.allow_anonymous = Some(true);
        config.listeners.extend([open, lenient]);
    });
    let at = |listener: usize, connect: &str| {
        let mut client = broker.open_at(listener, V5);
        client.send(connect);
        client.packet()[3]
    };
    assert_eq!([0, 1, 2].map(|listener| at(listener, &clean(V5, "c"))), [0x86, 0, 0]);
    assert_eq!([0, 1, 2].map(|listener| at(listener, &by(V5, "c", "wrong"))), [0x86, 0, 0x86]);
}
