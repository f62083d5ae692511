//! SCRAM-SHA-256: files of users, and what clients say.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};

use data_encoding::BASE64;
use mqtt_broker::auth::scram::{Scram, Users};
use mqtt_broker::auth::{Attempt, AuthStep, Authenticator, Exchange};
use mqtt_broker::config::{GuessLimits, Listener, ScramSettings};
use mqtt_codec::{Text, Version};
use ring::hmac::{HMAC_SHA256, Key, sign};
use ring::{digest, pbkdf2};

const USER: &str = "user";
const PASSWORD: &str = "pencil";
const SALT: [u8; 16] = *b"0123456789abcdef";
const ITERATIONS: u32 = 4_096;

/// Finds files that cannot be read without a panic, or lose more than the user who is removed; clients that are admitted without
/// the password; and some that know it and are not. The first byte chooses:
///
/// * the rest is a file;
/// * the rest is what a client says, divided by a line break;
/// * the rest is what a client says first and, after a line break, what it says before a proof that is right.
pub fn scram(data: &[u8]) {
    let Some((&kind, rest)) = data.split_first() else { return };
    let cut = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
    let (first, more) = rest.split_at(cut);
    let more = more.get(1..).unwrap_or_default();
    match kind % 3 {
        0 => file(rest),
        1 => strange(first, more),
        _ => known(first, more),
    }
}

fn file(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let users = match text.parse::<Users>() {
        Ok(users) => users,
        Err(error) => {
            assert!((1..=text.lines().count()).contains(&error.line), "{error}");
            return;
        }
    };
    assert_eq!(Users::with_secret(text, [7; 32]).parse::<Users>().map(|users| users.len()), Ok(users.len()));
    let names = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(':'));
    for (name, _) in names.filter(|(name, _)| !name.is_empty()).take(20) {
        assert!(users.contains(name), "{name:?}");
        let without = Users::without(text, name).expect("the user is there");
        let others: Users = without.parse().expect("what was good stays good");
        assert!(!others.contains(name) && others.len() + 1 == users.len(), "{name:?}");
    }
}

fn strange(first: &[u8], last: &[u8]) {
    let mut exchange = begin();
    if let AuthStep::Continue(_) = step(&mut *exchange, first) {
        assert!(matches!(step(&mut *exchange, last), AuthStep::Refuse(_)));
    }
    assert!(matches!(step(&mut *exchange, last), AuthStep::Refuse(_)), "it is over");
}

fn known(first: &[u8], more: &[u8]) {
    let mut exchange = begin();
    let AuthStep::Continue(challenge) = step(&mut *exchange, first) else { return };
    let [first, more, challenge] = [first, more, &*challenge].map(String::from_utf8_lossy);
    let bare = first.match_indices(',').nth(1).map_or(0, |(comma, _)| comma + 1);
    let (header, bare) = first.split_at(bare);
    let nonce = challenge.split(',').next().expect("a nonce");
    let without_proof = format!("c={},{nonce}{more}", BASE64.encode(header.as_bytes()));
    let message = format!("{bare},{challenge},{without_proof}");
    let (proof, signature) = prove(&message);
    let is_user = challenge.contains(&format!(",s={},i={ITERATIONS}", BASE64.encode(&SALT)));
    let last = format!("{without_proof},p={}", BASE64.encode(&proof));
    match step(&mut *exchange, last.as_bytes()) {
        AuthStep::Admit { identity, data } => {
            assert!(is_user && identity.user_name.as_deref() == Some(USER));
            assert_eq!(data, Some(format!("v={}", BASE64.encode(&signature)).into()));
        }
        AuthStep::Refuse(_) => assert!(!is_user || !more.is_empty() || header.len() > 3, "{first}"),
        AuthStep::Continue(_) => panic!("there is nothing more to ask"),
    }
}

/// ClientProof and ServerSignature.
fn prove(message: &str) -> (Vec<u8>, Vec<u8>) {
    static SALTED: OnceLock<[u8; 32]> = OnceLock::new();
    let salted = SALTED.get_or_init(|| {
        let (mut key, iterations) = ([0; 32], ITERATIONS.try_into().expect("not zero"));
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, &SALT, PASSWORD.as_bytes(), &mut key);
        key
    });
    let mac = |key: &[u8], text: &str| sign(&Key::new(HMAC_SHA256, key), text.as_bytes());
    let client = mac(salted, "Client Key");
    let signature = mac(digest::digest(&digest::SHA256, client.as_ref()).as_ref(), message);
    let proof = client.as_ref().iter().zip(signature.as_ref()).map(|(byte, other)| byte ^ other).collect();
    (proof, mac(mac(salted, "Server Key").as_ref(), message).as_ref().to_vec())
}

fn begin() -> Box<dyn Exchange> {
    static SCRAM: OnceLock<Scram> = OnceLock::new();
    let scram = SCRAM.get_or_init(authenticator);
    let attempt = Attempt {
        listener: Listener::from(SocketAddr::from((Ipv4Addr::LOCALHOST, 1883))).address,
        peer: None,
        version: Version::V5,
        client_id: Text::new("c").expect("text"),
        user_name: None,
        password: None,
        certificates: Vec::new(),
    };
    scram.exchange(Scram::METHOD, &attempt).expect("its method")
}

fn step(exchange: &mut dyn Exchange, data: &[u8]) -> AuthStep {
    let mut judging = exchange.step(Some(data));
    match judging.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(step) => step,
        Poll::Pending => panic!("nothing is waited for"),
    }
}

fn authenticator() -> Scram {
    let path = std::env::temp_dir().join(format!("mqtt-fuzz-scram-{}", std::process::id()));
    let text = Users::with_password("", USER, PASSWORD, SALT, ITERATIONS).expect("a user");
    std::fs::write(&path, text).expect("a directory for temporary files");
    // each input is a guess
    let guesses = GuessLimits { per_address: u32::MAX, in_all: u32::MAX, ..GuessLimits::default() };
    let scram = Scram::new(&ScramSettings { file: path.clone(), ..ScramSettings::default() }, &guesses);
    std::fs::remove_file(path).expect("it was written");
    scram.expect("the file is good")
}
