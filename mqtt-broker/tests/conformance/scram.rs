//! 4.12 with SCRAM-SHA-256 of RFC 5802 and RFC 7677.

use mqtt_broker::config::{Config, Listener, ScramSettings};
use mqtt_broker::core::Counter;
use mqtt_codec::Version::V5;

use crate::support::broker::{TestBroker, clean};
use crate::support::client::Client;
use crate::support::scram::{Asked, File, auth, connect, users};
use crate::support::{ALL, V3};

const ANN: &str = "n,,n=ann,r=rOprNGfwEbeRWgbNEkqO";
const BOB: &str = "n,,n=bob,r=rOprNGfwEbeRWgbNEkqO";
const EVE: &str = "n,,n=eve,r=rOprNGfwEbeRWgbNEkqO";
const REFUSED: &str = "20: 00 86 []";

fn settings(file: &File) -> Option<ScramSettings> {
    Some(ScramSettings { file: file.0.clone(), ..ScramSettings::default() })
}

/// With the users ann and bob, who have the passwords pencil and crayon.
fn broker(name: &str, change: impl FnOnce(&mut Config)) -> (TestBroker, File) {
    let file = File::new(name, &users(&[("ann", "pencil"), ("bob", "crayon")]));
    let broker = TestBroker::with(|config| {
        config.auth.scram = settings(&file);
        change(config);
    });
    (broker, file)
}

/// A client that was asked for its proof.
#[track_caller]
fn asked(broker: &TestBroker, connect: &str, first: &str) -> (Client, Asked) {
    let mut client = broker.send(V5, connect);
    let asked = Asked::receive(&mut client, first);
    (client, asked)
}

/// Goes on with a CONNECT up to the server's proof.
#[track_caller]
fn connected_by(broker: &TestBroker, connect: &str, first: &str, password: &str, present: &str) -> Client {
    let (mut client, asked) = asked(broker, connect, first);
    let (answer, proof) = asked.answer(password);
    client.send(&auth("18", &answer));
    client.expect(&format!("20: {present} 00 [21 0400 27 00100000 22 000A 15 <SCRAM-SHA-256> 16 <{proof}>]"));
    client
}

#[track_caller]
fn connected(broker: &TestBroker, first: &str, password: &str) -> Client {
    connected_by(broker, &connect(first), first, password, "00")
}

/// What becomes of a CONNECT that the broker refuses after the proof.
#[track_caller]
fn refused(broker: &TestBroker, connect: &str, first: &str, password: &str, answer: &str) {
    let (mut client, asked) = asked(broker, connect, first);
    client.send(&auth("18", &asked.answer(password).0));
    client.expect(answer);
    client.expect_end();
}

#[test]
fn mqtt_5_0__4_12_0_2_and_mqtt_5_0__4_12_0_5_client_and_server_prove_to_know_the_password() {
    let (broker, _file) = broker("proof", |_| {});
    connected(&broker, ANN, "pencil").quiet();
    connected(&broker, BOB, "crayon").quiet();
    // it would bind to a channel if the server did
    connected(&broker, "y,,n=bob,r=abc", "crayon").quiet();
    let judged = broker.handle.judged();
    assert_eq!((judged[0].name.as_str(), judged[0].admitted, judged[0].refused), ("scram", 3, 0));
}

#[test]
fn mqtt_5_0__4_12_0_4_a_wrong_password_and_an_unknown_user_get_the_same_answers() {
    let (broker, _file) = broker("same", |_| {});
    let mut shapes = Vec::new();
    let mut salts = Vec::new();
    for first in [ANN, EVE, EVE] {
        let (mut client, asked) = asked(&broker, &connect(first), first);
        assert!(asked.nonce().starts_with("rOprNGfwEbeRWgbNEkqO"));
        client.send(&auth("18", &asked.answer("wrong").0));
        client.expect(REFUSED);
        client.expect_end();
        let parts: Vec<String> = asked.challenge.split(',').map(str::to_owned).collect();
        shapes.push((parts.iter().map(String::len).collect::<Vec<_>>(), parts[2].clone()));
        salts.push(parts[1].clone());
    }
    assert!(shapes.iter().all(|shape| *shape == shapes[0]), "{shapes:?}");
    assert!(salts[0] != salts[1] && salts[1] == salts[2], "{salts:?}");
    assert_eq!(broker.handle.judged()[0].refused, 3);
    assert_eq!(broker.count(Counter::RefusedCredentials), 3);
}

#[test]
fn mqtt_5_0__4_12_0_4_what_is_no_message_of_scram_is_refused() {
    let (broker, _file) = broker("malformed", |_| {});
    for first in ["", "n,,", "ann", "n,,n=ann", "n,,n=a=nn,r=abc", "n,,n=,r=abc", "x,,n=ann,r=abc"] {
        broker.refuses(V5, &connect(first), REFUSED);
    }
    broker.refuses(V5, "10: <MQTT> 05 02 0000 [15 <SCRAM-SHA-256>] <c>", REFUSED);
    broker.refuses(V5, "10: <MQTT> 05 02 0000 [15 <SCRAM-SHA-256> 16 0002 FFFE] <c>", REFUSED);
    broker.refuses(V5, &connect(&format!("n,,n=ann,r={}", "x".repeat(4_096))), REFUSED);

    let proof = "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    for last in
        ["", "c=biws", "c=biws,r=NONCE", "c=biws,r=NONCE,p=AAAA", "c=eSws,r=NONCE,", "c=biws,r=NONCEx,"]
    {
        let (mut client, asked) = asked(&broker, &connect(ANN), ANN);
        let last = last.replace("NONCE", asked.nonce());
        let last = if last.ends_with(',') { format!("{last}{proof}") } else { last };
        client.send(&auth("18", &last));
        client.expect(REFUSED);
        client.expect_end();
    }
    // a proof for another conversation, with its nonce and without
    let (_, earlier) = asked(&broker, &connect(ANN), ANN);
    let (mut client, now) = asked(&broker, &connect(ANN), ANN);
    client.send(&auth("18", &earlier.answer("pencil").0));
    client.expect(REFUSED);
    client.expect_end();
    let (mut client, asked) = asked(&broker, &connect(ANN), ANN);
    client.send(&auth("18", &now.answer("pencil").0.replace(now.nonce(), asked.nonce())));
    client.expect(REFUSED);
    client.expect_end();
}

#[test]
fn mqtt_5_0__4_12_0_1_channel_binding_and_extensions_are_another_method() {
    let (broker, _file) = broker("binding", |_| {});
    let bad_method = "20: 00 8C []";
    for first in ["p=tls-exporter,,n=ann,r=abc", "n,,m=x,n=ann,r=abc", "n,,n=ann,r=abc,m=x"] {
        broker.refuses(V5, &connect(first), bad_method);
    }
    for method in ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1", "scram-sha-256"] {
        broker.refuses(V5, &connect(ANN).replace("SCRAM-SHA-256", method), bad_method);
    }
}

#[test]
fn who_does_not_speak_scram_is_refused() {
    let (broker, _file) = broker("silent", |_| {});
    for version in ALL {
        let code = if version.is_v5() { REFUSED } else { "20: 00 04" };
        broker.refuses(version, &clean(version, "c"), code);
    }
    // a password that is shown
    for version in V3 {
        let connect = clean(version, "c").replace(" 02 ", " C2 ") + " <ann> <pencil>";
        broker.refuses(version, &connect, "20: 00 04");
    }
}

#[test]
fn a_session_belongs_to_the_user_of_scram_whatever_connect_says() {
    let (broker, _file) = broker("session", |_| {});
    let kept = |first: &str| {
        format!("10: <MQTT> 05 80 0000 [11 FFFFFFFF 15 <SCRAM-SHA-256> 16 <{first}>] <c> <ann>")
    };
    connected_by(&broker, &kept(ANN), ANN, "pencil", "00").disconnect();
    refused(&broker, &kept(BOB), BOB, "crayon", "20: 00 85 []");
    connected_by(&broker, &kept(ANN).replace("<ann>", "<bob>"), ANN, "pencil", "01").disconnect();
}

#[test]
fn the_user_of_scram_has_to_be_that_of_connect_if_the_settings_say_so() {
    let (broker, _file) = broker("match", |config| {
        config.auth.scram.as_mut().expect("it is set").match_user_name = true;
    });
    let named = |user: &str| format!("10: <MQTT> 05 82 0000 [15 <SCRAM-SHA-256> 16 <{ANN}>] <c> <{user}>");
    connected_by(&broker, &named("ann"), ANN, "pencil", "00").quiet();
    connected(&broker, ANN, "pencil").quiet();
    refused(&broker, &named("bob"), ANN, "pencil", REFUSED);
}

#[test]
fn who_may_not_act_for_another_is_told_so_only_after_its_proof() {
    let (broker, _file) = broker("authorization", |_| {});
    let (own, other) = ("n,a=ann,n=ann,r=abc", "n,a=bob,n=ann,r=abc");
    connected(&broker, own, "pencil").quiet();
    refused(&broker, &connect(other), other, "pencil", "20: 00 87 []");
    refused(&broker, &connect(other), other, "wrong", REFUSED);
}

#[test]
fn mqtt_5_0__4_12_1_1_a_client_proves_anew_that_it_knows_the_password() {
    let (broker, _file) = broker("anew", |_| {});
    let mut client = connected(&broker, ANN, "pencil");
    for _ in 0..3 {
        client.send(&auth("19", ANN));
        let asked = Asked::receive(&mut client, ANN);
        client.ask("82: 0001 [] <t> 00", "90: 0001 [] 00");
        let (answer, proof) = asked.answer("pencil");
        client.send(&auth("18", &answer));
        client.expect(&auth("00", &proof));
    }
    client.quiet();
    assert_eq!(broker.handle.judged()[0].admitted, 4);
}

#[test]
fn mqtt_5_0__4_12_1_2_who_does_not_prove_anew_who_it_was_is_disconnected() {
    let (broker, _file) = broker("otherwise", |_| {});
    for (first, password) in [(ANN, "wrong"), (EVE, "wrong"), (BOB, "crayon")] {
        let mut client = connected(&broker, ANN, "pencil");
        client.send(&auth("19", first));
        let (answer, _) = Asked::receive(&mut client, first).answer(password);
        client.send(&auth("18", &answer));
        client.expect("E0: 87");
        client.expect_end();
    }
    for first in ["n,,n=ann", ""] {
        let mut client = connected(&broker, ANN, "pencil");
        client.send(&auth("19", first));
        client.expect("E0: 87");
        client.expect_end();
    }
}

#[test]
fn a_name_with_many_wrong_proofs_has_to_wait_whether_it_is_known_or_not() {
    let (broker, _file) = broker("guesses", |config| {
        let hour = std::time::Duration::from_secs(3_600);
        config.auth.guesses.per_address = 2;
        (config.auth.guesses.delay, config.auth.guesses.delay_maximum) = (hour, hour);
    });
    let mut client = connected(&broker, ANN, "pencil");
    for first in [ANN, EVE] {
        for _ in 0..3 {
            refused(&broker, &connect(first).replace("<c>", "<d>"), first, "wrong", REFUSED);
        }
        broker.refuses(V5, &connect(first), "20: 00 9F []");
    }
    assert_eq!(broker.count(Counter::RefusedGuessing), 2);
    // nor is it held up less for being a client already
    client.send(&auth("19", ANN));
    client.expect("E0: 80");
    client.expect_end();
    connected(&broker, BOB, "crayon").quiet();
}

#[test]
fn other_passwords_count_after_a_reload_and_connections_stay() {
    let (broker, file) = broker("reload", |_| {});
    let mut before = connected(&broker, ANN, "pencil");
    let reload = |text: &str| {
        std::fs::write(&file.0, text).expect("written");
        let mut config = Config { listeners: vec![Listener::loopback()], ..Config::default() };
        config.auth.scram = settings(&file);
        config.listeners[0].address = "tcp://127.0.0.1:0".parse::<Listener>().expect("a URL").address;
        broker.handle.reload(config).map_err(|error| error.to_string())
    };
    let changed = users(&[("ann", "brush"), ("eve", "pencil")]);
    reload(&changed).expect("a configuration");
    let elsewhere = |first| connect(first).replace("<c>", "<d>");
    refused(&broker, &elsewhere(ANN), ANN, "pencil", REFUSED);
    refused(&broker, &elsewhere(BOB), BOB, "crayon", REFUSED);
    connected_by(&broker, &elsewhere(ANN), ANN, "brush", "00").disconnect();
    connected_by(&broker, &elsewhere(EVE), EVE, "pencil", "00").disconnect();

    let error = reload(&format!("{changed}bob:crayon\n")).expect_err("a password that all can read");
    let place = format!("auth.scram: {}, line 4: the password stands there", file.0.display());
    assert!(error.starts_with(&place), "{error}");
    connected_by(&broker, &elsewhere(ANN), ANN, "brush", "00").disconnect();

    // what it proves anew is judged by the new passwords
    before.quiet();
    before.send(&auth("19", ANN));
    let (answer, proof) = Asked::receive(&mut before, ANN).answer("brush");
    before.send(&auth("18", &answer));
    before.expect(&auth("00", &proof));
}
