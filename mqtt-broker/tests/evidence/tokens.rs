//! Tokens as passwords.

use std::time::{Duration, SystemTime};

use data_encoding::BASE64URL_NOPAD;
use mqtt_broker::config::JwtSettings;
use mqtt_broker::core::Counter;
use mqtt_codec::{Packet, QoS, ReasonCode, Version};
use ring::hmac;

use crate::peer::packets::{connect_kept, publish, subscribe};
use crate::peer::{Peer, Running, start};
use crate::{ALL, File, answer, named};

const SECRET: &[u8] = b"a secret that nobody would ever guess";

/// For a user, and for so long.
fn token(secret: &[u8], user: &str, lifetime: Duration) -> String {
    token_with(secret, user, lifetime, "")
}

/// The same with more claims, each with a comma before it.
fn token_with(secret: &[u8], user: &str, lifetime: Duration, more: &str) -> String {
    let end = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970") + lifetime;
    let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    let claims = format!(r#"{{"sub":"{user}","exp":{}{more}}}"#, end.as_secs());
    let message = format!("{}.{}", part(r#"{"alg":"HS256"}"#), part(&claims));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
}

fn serve(secret: &File) -> Running {
    let settings = JwtSettings { secret: secret.path(), leeway: Duration::ZERO, ..JwtSettings::default() };
    start(2, |config| config.auth.jwt = Some(settings))
}

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn a_client_shows_a_token_as_its_password() {
    let secret = File::new("password", SECRET);
    let broker = serve(&secret);
    for version in ALL {
        let good = named(version, "c", "whatever", &token(SECRET, "alice", HOUR));
        assert_eq!(answer(&broker, good), ReasonCode::Success);
        let forged = token(b"another secret that somebody has guessed", "alice", HOUR);
        for bad in [&*forged, "pencil", &forged[..20], ""] {
            let bad = named(version, "c", "alice", bad);
            assert_eq!(answer(&broker, bad), ReasonCode::BadUserNameOrPassword);
        }
        let silent = crate::peer::packets::connect(version, "c");
        assert_eq!(answer(&broker, silent), ReasonCode::BadUserNameOrPassword);
    }
    let judged = broker.handle.judged();
    assert_eq!((judged[0].name.as_str(), judged[0].admitted, judged[0].refused), ("jwt", 3, 3));
    assert_eq!(broker.handle.count(Counter::RefusedCredentials), 15);
    broker.shut_down();
}

#[test]
fn a_connection_ends_when_its_token_does() {
    let secret = File::new("end", SECRET);
    let broker = serve(&secret);
    for version in ALL {
        // an end is a whole second: this lies one to two of them ahead
        let short = token(SECRET, "alice", Duration::from_secs(2));
        let mut client = Peer::connect(broker.address, named(version, "c", "alice", &short));
        client.subscribe(&["t"], QoS::AtMostOnce);
        if version == Version::V5 {
            let Some(Packet::Disconnect(disconnect)) = client.next() else { panic!("no DISCONNECT") };
            assert_eq!(disconnect.reason, ReasonCode::NotAuthorized);
        }
        assert_eq!(client.next(), None);
        let again = answer(&broker, named(version, "c", "alice", &short));
        assert_eq!(again, ReasonCode::BadUserNameOrPassword, "it is expired");
    }
    broker.shut_down();
}

#[test]
fn a_session_belongs_to_the_user_of_the_token() {
    let secret = File::new("session", SECRET);
    let broker = serve(&secret);
    let kept = |user: &str| mqtt_codec::Connect {
        clean_start: false,
        properties: connect_kept(Version::V5, "c").properties,
        ..named(Version::V5, "c", "same for all", &token(SECRET, user, HOUR))
    };
    assert_eq!(answer(&broker, kept("alice")), ReasonCode::Success);
    assert_eq!(answer(&broker, kept("bob")), ReasonCode::ClientIdentifierNotValid);
    assert_eq!(answer(&broker, kept("alice")), ReasonCode::Success);
    broker.shut_down();
}

#[test]
fn a_client_may_do_what_its_token_allows_and_no_more() {
    let secret = File::new("acl", SECRET);
    let broker = serve(&secret);
    let acl = r#","acl":{"publish":["a/#"],"subscribe":["b/+"]}"#;
    let connect = || named(Version::V5, "c", "", &token_with(SECRET, "alice", HOUR, acl));
    let mut client = Peer::connect(broker.address, connect());
    for (topic, allowed) in [("a/x", true), ("b/x", false), ("ax", false)] {
        client.send(&[publish(topic, "x", QoS::AtLeastOnce, 1)]);
        let Some(Packet::PubAck(ack)) = client.next() else { panic!("no PUBACK") };
        assert_eq!(ack.reason == ReasonCode::NotAuthorized, !allowed, "{topic}: {:?}", ack.reason);
    }
    for (filter, allowed) in [("b/x", true), ("b/+", true), ("a/x", false), ("c", false)] {
        client.send(&[subscribe(&[filter], QoS::AtMostOnce)]);
        let Some(Packet::SubAck(ack)) = client.next() else { panic!("no SUBACK") };
        assert_eq!(ack.reasons[0] == ReasonCode::NotAuthorized, !allowed, "{filter}: {:?}", ack.reasons);
    }
    // a token that says nothing of it restricts nobody
    let mut free = Peer::connect(broker.address, named(Version::V5, "f", "", &token(SECRET, "alice", HOUR)));
    free.subscribe(&["a/x"], QoS::AtMostOnce);
    broker.shut_down();
}

#[test]
fn another_secret_counts_after_a_reload() {
    let (secret, other) = (File::new("old", SECRET), File::new("new", &[b'7'; 32]));
    let broker = serve(&secret);
    let [old, new] =
        [SECRET, &[b'7'; 32]].map(|secret| named(Version::V5, "c", "", &token(secret, "alice", HOUR)));
    assert_eq!(answer(&broker, old.clone()), ReasonCode::Success);
    assert_eq!(answer(&broker, new.clone()), ReasonCode::BadUserNameOrPassword);
    std::fs::copy(&other.0, &secret.0).expect("written");
    let mut config = mqtt_broker::config::Config::default();
    config.listeners.push(crate::peer::LOOPBACK.into());
    config.auth.jwt = Some(JwtSettings { secret: secret.path(), ..JwtSettings::default() });
    broker.handle.reload(config.clone()).expect("a configuration");
    assert_eq!(answer(&broker, old), ReasonCode::BadUserNameOrPassword);
    assert_eq!(answer(&broker, new.clone()), ReasonCode::Success);

    std::fs::write(&secret.0, "short").expect("written");
    broker.handle.reload(config).expect_err("a secret that is too short");
    assert_eq!(answer(&broker, new), ReasonCode::Success, "what was good stays");
    broker.shut_down();
}
