use std::collections::HashSet;
use std::time::Duration;

use proptest::prelude::*;

use super::seal::now;
use super::{Cipher, KeyError, OpenError, Opener, PrivateKey, ReplayLimits, Sealer, SharedKey};

const CIPHERS: [Cipher; 2] = [Cipher::ChaCha20Poly1305, Cipher::Aes256Gcm];

fn key(id: &str, cipher: Cipher, secret: u8) -> SharedKey {
    SharedKey::new(id, cipher, [secret; 32]).unwrap()
}

fn private(id: &str) -> PrivateKey {
    PrivateKey::generate(id).unwrap()
}

/// A sealer and an opener of each kind.
fn pairs() -> Vec<(Sealer, Opener)> {
    let shared = CIPHERS.map(|cipher| {
        let key = key("k", cipher, 1);
        (Sealer::shared(&key).unwrap(), Opener::new().shared(key))
    });
    let private = private("p");
    let public = (Sealer::public(&private.public()).unwrap(), Opener::new().private(private));
    shared.into_iter().chain([public]).collect()
}

#[test]
fn what_was_sealed_is_opened_once() {
    for (sealer, mut opener) in pairs() {
        for payload in [&b""[..], b"x", &[7; 10_000]] {
            let envelope = sealer.seal("a/b", Some("text/plain"), payload).unwrap();
            let longer = envelope.len() - payload.len();
            assert!([52, 84].contains(&longer), "{longer}");
            let opened = opener.open_parts("a/b", Some("text/plain"), false, &envelope).unwrap();
            assert_eq!(opened.payload, payload);
            assert!(opened.sealed.elapsed().unwrap_or_default() < Duration::from_secs(60));
            let again = opener.open_parts("a/b", Some("text/plain"), false, &envelope);
            assert_eq!(again, Err(OpenError::Replayed));
            let retained = opener.open_parts("a/b", Some("text/plain"), true, &envelope).unwrap();
            assert_eq!(retained.payload, payload, "the server may give a retained message again");
        }
    }
}

#[test]
fn no_other_topic_content_type_or_key_opens_it() {
    for (sealer, mut opener) in pairs() {
        let envelope = sealer.seal("a/b", Some("c"), b"secret").unwrap();
        for (topic, content_type) in [("a/c", Some("c")), ("a/b", Some("d")), ("a/b", None), ("a/bc", None)] {
            let moved = opener.open_parts(topic, content_type, false, &envelope);
            assert_eq!(moved, Err(OpenError::Forged));
        }
        let strangers =
            [Opener::new().shared(key("k", Cipher::Aes256Gcm, 2)), Opener::new().private(private("p"))];
        for mut stranger in strangers {
            let refused = stranger.open_parts("a/b", Some("c"), false, &envelope).unwrap_err();
            assert!(matches!(refused, OpenError::Forged | OpenError::UnknownKey(_)), "{refused}");
        }
        assert!(
            opener.open_parts("a/b", Some("c"), false, &envelope).is_ok(),
            "what failed has used nothing up"
        );
    }
}

#[test]
fn a_key_that_is_rotated_out_opens_nothing() {
    let (old, new) = (key("old", Cipher::Aes256Gcm, 1), key("new", Cipher::Aes256Gcm, 2));
    let sealers = [&old, &new].map(|key| Sealer::shared(key).unwrap());
    let mut opener = Opener::new().shared(old);
    opener.add_shared(new);
    for sealer in &sealers {
        assert!(opener.open_parts("t", None, false, &sealer.seal("t", None, b"m").unwrap()).is_ok());
    }
    assert!(opener.forget("old"));
    assert!(!opener.forget("old"));
    let refused = opener.open_parts("t", None, false, &sealers[0].seal("t", None, b"m").unwrap());
    assert_eq!(refused, Err(OpenError::UnknownKey("old".into())));
}

#[test]
fn sealers_of_one_key_never_use_a_nonce_twice_whatever_restarts() {
    let key = key("k", Cipher::ChaCha20Poly1305, 1);
    let mut seen = HashSet::new();
    for _ in 0..50 {
        let sealer = Sealer::shared(&key).unwrap();
        for _ in 0..50 {
            // sender and number, from which key and nonce come
            let envelope = sealer.seal("t", None, b"").unwrap();
            assert!(seen.insert(envelope[12..36].to_vec()));
        }
    }
}

#[test]
fn messages_come_late_and_out_of_order_and_from_many_senders() {
    let key = key("k", Cipher::Aes256Gcm, 1);
    let limits = ReplayLimits { senders: 3, ..ReplayLimits::default() };
    let mut opener = Opener::new().shared(key.clone()).replay(limits);
    let sealer = Sealer::shared(&key).unwrap();
    let at = |sealer: &Sealer, time| sealer.seal_at(time, "t", None, b"m").unwrap();
    let mut envelopes: Vec<_> = (0..100).map(|_| at(&sealer, 10)).collect();
    envelopes.reverse();
    for envelope in &envelopes {
        assert!(opener.open_at(20, "t", None, false, envelope).is_ok());
        assert_eq!(opener.open_at(20, "t", None, false, envelope), Err(OpenError::Replayed));
    }
    for time in 11..=13 {
        let other = Sealer::shared(&key).unwrap();
        assert!(opener.open_at(20, "t", None, false, &at(&other, time)).is_ok());
    }
    let forgotten = opener.open_at(20, "t", None, false, &envelopes[0]);
    assert_eq!(forgotten, Err(OpenError::TooOld(Duration::from_millis(10))));
}

#[test]
fn age_is_limited_where_that_is_asked_for() {
    let key = key("k", Cipher::Aes256Gcm, 1);
    let sealer = Sealer::shared(&key).unwrap();
    let limits = ReplayLimits { max_age: Some(Duration::from_secs(10)), ..ReplayLimits::default() };
    let mut strict = Opener::new().shared(key.clone()).replay(limits);
    let envelope = sealer.seal_at(1_000_000, "t", None, b"m").unwrap();
    let mut open = |now| strict.open_at(now, "t", None, true, &envelope);
    assert!(open(1_010_000).is_ok());
    assert_eq!(open(1_010_001), Err(OpenError::TooOld(Duration::from_millis(10_001))));
    assert!(open(700_000).is_ok());
    assert_eq!(open(699_999), Err(OpenError::FromTheFuture(Duration::from_millis(300_001))));
    assert!(Opener::new().shared(key).open_at(now(), "t", None, false, &envelope).is_ok());
}

#[test]
fn keys_have_identifiers_and_show_nothing_else() {
    for id in [String::new(), "x".repeat(65)] {
        assert_eq!(
            SharedKey::new(&id, Cipher::Aes256Gcm, [1; 32]).unwrap_err(),
            KeyError::Identifier(id.len())
        );
    }
    let secret = SharedKey::new("id", Cipher::Aes256Gcm, [0xAB; 32]).unwrap();
    let owner = PrivateKey::new("id", &[0xAB; 32]).unwrap();
    let sealer = Sealer::shared(&secret).unwrap();
    let opener = Opener::new().shared(secret.clone()).private(owner.clone());
    for text in [format!("{secret:?}"), format!("{owner:?}"), format!("{sealer:?}"), format!("{opener:?}")] {
        assert!(text.contains("id") && !text.contains("171") && !text.contains("ab"), "{text}");
    }
    let again = PrivateKey::new("id", &owner.to_bytes()).unwrap();
    assert_eq!(again.public().to_bytes(), owner.public().to_bytes());
}

/// The stanzas of the file of test vectors, each of lines `name = value`.
fn vectors() -> Vec<std::collections::HashMap<&'static str, &'static str>> {
    let stanzas = include_str!("../../tests/envelope_vectors.txt").split("\n\n");
    stanzas
        .map(|stanza| stanza.lines().filter_map(|line| line.split_once(" = ")).collect())
        .filter(|stanza: &std::collections::HashMap<_, _>| !stanza.is_empty())
        .collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn the_test_vectors_are_as_they_were() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 4);
    for vector in vectors {
        let secret: [u8; 32] = bytes(vector["secret"]).try_into().unwrap();
        let (topic, payload, envelope) =
            (vector["topic"], bytes(vector["payload"]), bytes(vector["envelope"]));
        let content_type = vector.get("content type").copied();
        let mut opener = match vector["kind"] {
            "11" => Opener::new().private(PrivateKey::new(vector["key"], &secret).unwrap()),
            kind => {
                let cipher = if kind == "01" { Cipher::ChaCha20Poly1305 } else { Cipher::Aes256Gcm };
                let key = SharedKey::new(vector["key"], cipher, secret).unwrap();
                let sender: [u8; 16] = bytes(vector["sender"]).try_into().unwrap();
                let sealer = Sealer::shared_as(&key, sender);
                let number: u64 = vector["number"].parse().unwrap();
                let time = vector["time"].parse().unwrap();
                (0..number).for_each(|_| _ = sealer.seal_at(0, "", None, b"").unwrap());
                assert_eq!(sealer.seal_at(time, topic, content_type, &payload).unwrap(), envelope);
                Opener::new().shared(key)
            }
        };
        let opened = opener.open_parts(topic, content_type, false, &envelope).unwrap();
        assert_eq!(opened.payload, payload);
        assert_eq!(&*opened.key_id, vector["key"]);
    }
}

proptest! {
    #[test]
    fn a_bit_that_changes_anywhere_is_noticed(kind in 0_usize..3, at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let (sealer, mut opener) = pairs().swap_remove(kind);
        let mut envelope = sealer.seal("t", Some("c"), b"payload").unwrap().to_vec();
        *at.get_mut(&mut envelope) ^= 1 << bit;
        prop_assert!(opener.open_parts("t", Some("c"), false, &envelope).is_err());
    }

    #[test]
    fn any_bytes_are_refused_without_harm(mut envelope in prop::collection::vec(any::<u8>(), 0..200), kind in 0_u8..0x13) {
        if let [first, second, ..] = &mut envelope[..] {
            (*first, *second) = (0xC1, kind);
        }
        for (_, mut opener) in pairs() {
            prop_assert!(opener.open_parts("t", None, false, &envelope).is_err());
        }
    }
}
