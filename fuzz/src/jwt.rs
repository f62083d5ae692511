//! Passwords that are JSON Web Tokens, or look like ones.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use mqtt_broker::auth::{Attempt, Authenticator, Decision, Jwt, Secret};
use mqtt_broker::config::{JwtSettings, Listener};
use mqtt_codec::{Text, Version};
use ring::hmac::{HMAC_SHA256, Key, sign};
use serde_json::Value;

/// The secret that counts, and that of somebody else.
const OURS: &[u8; 32] = b"0123456789abcdef0123456789abcdef";
const THEIRS: &[u8; 32] = b"0123456789abcdef0123456789abcdeF";

/// Keys of all four algorithms; nobody has the private halves any more.
const KEYS: &str = include_str!("jwt.jwks");

/// Finds passwords that are admitted without the signature of somebody who is trusted, and tokens with a good signature that
/// are admitted although their header demands something else, or as somebody or until a time that they do not say. The first
/// byte chooses:
///
/// * the rest is the password as it stands;
/// * the rest is a header and claims, divided by a line break, signed by a stranger;
/// * the same, signed by somebody who is trusted.
pub fn jwt(data: &[u8]) {
    let Some((&kind, rest)) = data.split_first() else { return };
    match kind % 3 {
        0 => refused(rest),
        1 => refused(&token(rest, THEIRS)),
        _ => believed(rest),
    }
}

fn refused(password: &[u8]) {
    let decision = judge(password);
    assert!(!matches!(decision, Decision::Admit(_)), "{decision:?}");
}

fn believed(text: &[u8]) {
    let Decision::Admit(identity) = judge(&token(text, OURS)) else { return };
    let [header, claims] =
        halves(text).map(|half| serde_json::from_slice::<Value>(half).expect("it was understood"));
    assert_eq!((&header["alg"], &header["crit"]), (&Value::from("HS256"), &Value::Null));
    let name = identity.user_name.expect("somebody");
    assert!(!name.is_empty() && claims["sub"] == *name);
    let groups = match &claims["groups"] {
        Value::Array(groups) => groups.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    };
    assert!(
        groups.iter().all(|group| **group != *"")
            && identity
                .groups
                .iter()
                .map(|name| &**name)
                .eq(groups.iter().filter_map(|group| group.as_str()))
    );
    // none that is nobody's, and no end that was overlooked
    assert!(claims["aud"].is_null());
    assert_eq!(claims.get("exp").is_some(), identity.expires.is_some());
    let now = SystemTime::now();
    assert!(identity.expires.is_none_or(|end| end > now));
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).expect("a clock that was set").as_secs_f64();
    assert!(claims["nbf"].is_null() || claims["nbf"].as_f64().is_some_and(|begin| begin < seconds + 60.0));
    let permissions = identity.permissions.unwrap_or_default();
    for (filters, said) in [(permissions.publish, "publish"), (permissions.subscribe, "subscribe")] {
        let said = claims["acl"][said].as_array().map(Vec::as_slice).unwrap_or_default();
        assert!(filters.iter().map(|filter| filter.as_str()).eq(said.iter().filter_map(Value::as_str)));
    }
}

/// Header and claims.
fn halves(text: &[u8]) -> [&[u8]; 2] {
    let cut = text.iter().position(|&byte| byte == b'\n').unwrap_or(text.len());
    let (header, claims) = text.split_at(cut);
    [header, claims.get(1..).unwrap_or_default()]
}

fn token(text: &[u8], secret: &[u8]) -> Vec<u8> {
    let [header, claims] = halves(text);
    let part = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
    let message = format!("{}.{}", part(header), part(claims));
    let signature = sign(&Key::new(HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", part(signature.as_ref())).into_bytes()
}

fn judge(password: &[u8]) -> Decision {
    static JWT: OnceLock<Jwt> = OnceLock::new();
    let jwt = JWT.get_or_init(authenticator);
    let attempt = Attempt {
        listener: Listener::from(SocketAddr::from((Ipv4Addr::LOCALHOST, 1883))).address,
        peer: None,
        version: Version::V5,
        client_id: Text::new("c").expect("text"),
        user_name: None,
        password: Some(Secret::new(Bytes::copy_from_slice(password))),
        certificates: Vec::new(),
    };
    let mut decision = jwt.authenticate(&attempt);
    match decision.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(decision) => decision,
        Poll::Pending => panic!("nothing is waited for"),
    }
}

/// Tokens need not expire, so that inputs are worth as much tomorrow.
fn authenticator() -> Jwt {
    let file = |name: &str, content: &[u8]| {
        let path = std::env::temp_dir().join(format!("mqtt-fuzz-jwt-{}-{name}", std::process::id()));
        std::fs::write(&path, content).expect("a directory for temporary files");
        path
    };
    let (secret, key_set) = (file("secret", OURS), file("set", KEYS.as_bytes()));
    let jwt = Jwt::new(&JwtSettings {
        secret: Some(secret.clone()),
        key_set: Some(key_set.clone()),
        require_expiry: false,
        ..JwtSettings::default()
    });
    for path in [secret, key_set] {
        std::fs::remove_file(path).expect("it was written");
    }
    jwt.expect("the keys are good")
}
