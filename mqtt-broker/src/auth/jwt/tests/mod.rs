//! Tokens, good and bad, with keys of each kind.

mod claims;
mod files;
mod lies;
mod signer;

use std::time::Duration;

use mqtt_codec::{Text, Version};
use serde_json::{Value, json};

use super::*;
use crate::auth::Secret;
use crate::config::Listener;
use signer::{Signer, at, file};

fn attempt(password: &str) -> Attempt {
    Attempt {
        listener: Listener::loopback().address,
        peer: None,
        version: Version::V5,
        client_id: Text::new("thermometer").expect("text"),
        user_name: None,
        password: Some(Secret::new(password.to_owned().into())),
        certificates: Vec::new(),
    }
}

/// With the keys of `signers`, in one set.
fn settings(signers: &[Signer]) -> JwtSettings {
    let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk(None)).collect();
    JwtSettings { key_set: Some(file(json!({ "keys": keys }).to_string())), ..JwtSettings::default() }
}

fn jwt(settings: &JwtSettings) -> Jwt {
    Jwt::new(settings).expect("usable keys")
}

fn decide(jwt: &Jwt, attempt: &Attempt) -> Decision {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(jwt.authenticate(attempt))
}

/// What is thought of claims with a good signature.
fn judge(settings: &JwtSettings, signer: &Signer, claims: &Value) -> Result<Identity, Doubt> {
    let token = signer.token(claims);
    jwt(settings).judge(&token, &attempt(&token))
}

fn good() -> Value {
    json!({ "sub": "alice", "exp": at(600) })
}

#[test]
fn a_token_of_each_kind_of_key_is_admitted() {
    for signer in Signer::all(1) {
        let in_pem = match &signer {
            Signer::Hs256(secret) => {
                JwtSettings { secret: Some(file([&secret[..], b"\r\n"].concat())), ..JwtSettings::default() }
            }
            other => JwtSettings { public_keys: Some(file(other.pem())), ..JwtSettings::default() },
        };
        let token = signer.token(&good());
        let in_set = settings(&[signer]);
        for settings in [in_pem, in_set] {
            let decision = decide(&jwt(&settings), &attempt(&token));
            let Decision::Admit(identity) = decision else { panic!("{decision:?} of {token}") };
            assert_eq!(identity.user_name, Text::new("alice").ok());
        }
    }
}

#[test]
fn rfc_7515_a_the_examples_are_verified() {
    let set = json!({ "keys": [
        {
            "kty": "oct",
            "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
        },
        {
            "kty": "RSA",
            "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SF\
                  d2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo\
                  7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkM\
                  Ls91kzk2PAcDTW9gb54h4FRWyuXpoQ",
            "e": "AQAB",
        },
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        },
    ] });
    let settings = JwtSettings { key_set: Some(file(set.to_string())), ..JwtSettings::default() };
    let jwt = jwt(&settings);
    let claims =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    for (header, signature) in [
        ("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        (
            "eyJhbGciOiJSUzI1NiJ9",
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CU\
             Ar7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_d\
             O--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0ig\
             cN_IoypGlUPQGe77Rw",
        ),
        (
            "eyJhbGciOiJFUzI1NiJ9",
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
    ] {
        // signed well, and expired in 2011
        assert_eq!(jwt.believe(&format!("{header}.{claims}.{signature}")), Err(Doubt::Expired), "{header}");
        let other = claims.replacen("joe", "jim", 1).replacen('L', "K", 1);
        assert_eq!(jwt.believe(&format!("{header}.{other}.{signature}")), Err(Doubt::Signature), "{header}");
    }
}

#[test]
fn what_is_no_token_is_for_others_to_judge() {
    let jwt = jwt(&settings(&Signer::all(1)));
    for password in ["", "pencil", "a.b.c", "eyJ", "eyJ.e", "eyJ.e.e.e", "eyJ.ü.e", "eyJ.e e.e", "eyJ.e=.e"]
    {
        assert_eq!(decide(&jwt, &attempt(password)), Decision::Pass, "{password}");
    }
    let silent = Attempt { password: None, ..attempt("") };
    assert_eq!(decide(&jwt, &silent), Decision::Pass);
    let binary = Attempt { password: Some(Secret::new(vec![0xFF; 9].into())), ..silent };
    assert_eq!(decide(&jwt, &binary), Decision::Pass);
}

#[test]
fn one_answer_for_every_token_that_is_not_believed() {
    let [signer, ..] = Signer::all(1);
    let jwt = jwt(&settings(&[signer]));
    let [stranger, ..] = Signer::all(2);
    let refused = Decision::Refuse(Refused::Credentials);
    assert_eq!(decide(&jwt, &attempt(&stranger.token(&good()))), refused);
    assert_eq!(decide(&jwt, &attempt(&stranger.token(&json!({})))), refused);
    assert_eq!(decide(&jwt, &attempt("eyJ.e.e")), refused);
    assert_eq!(decide(&jwt, &attempt("ey..")), refused);
}

#[test]
fn the_time_between_nbf_and_exp_is_that_of_a_token() {
    let [signer, ..] = Signer::all(1);
    let settings = JwtSettings { leeway: Duration::from_secs(60), ..settings(std::slice::from_ref(&signer)) };
    for (claims, doubt) in [
        (json!({ "sub": "a", "exp": at(600) }), None),
        (json!({ "sub": "a", "exp": at(-30) }), None),
        (json!({ "sub": "a", "exp": at(-600) }), Some(Doubt::Expired)),
        (json!({ "sub": "a", "exp": at(600) as f64 + 0.5 }), None),
        (json!({ "sub": "a", "exp": at(600), "nbf": at(-600) }), None),
        (json!({ "sub": "a", "exp": at(600), "nbf": at(30) }), None),
        (json!({ "sub": "a", "exp": at(600), "nbf": at(600) }), Some(Doubt::Immature)),
        (json!({ "sub": "a", "exp": at(600), "nbf": "tomorrow" }), Some(Doubt::Claims)),
        (json!({ "sub": "a" }), Some(Doubt::Missing)),
        (json!({ "sub": "a", "exp": null }), Some(Doubt::Missing)),
        (json!({ "sub": "a", "exp": "never" }), Some(Doubt::Missing)),
        (json!({ "sub": "a", "exp": -1 }), Some(Doubt::Missing)),
        (json!({ "sub": "a", "exp": u64::MAX }), Some(Doubt::Expiry)),
        (json!({ "sub": "a", "exp": 1e300 }), Some(Doubt::Missing)),
    ] {
        assert_eq!(judge(&settings, &signer, &claims).err(), doubt, "{claims}");
    }
    let lasting = JwtSettings { require_expiry: false, ..settings };
    let identity = judge(&lasting, &signer, &json!({ "sub": "a" })).expect("admitted");
    assert_eq!(identity.expires, None);
    let expired = judge(&lasting, &signer, &json!({ "sub": "a", "exp": at(-600) }));
    assert_eq!(expired, Err(Doubt::Expired), "an end that is there holds, required or not");
}

#[test]
fn issuer_and_audience_are_those_that_are_set() {
    let [signer, ..] = Signer::all(1);
    let anybody = settings(std::slice::from_ref(&signer));
    let claims = |more: Value| {
        let mut claims = good();
        claims.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        claims
    };
    let judge = |settings: &JwtSettings, more: Value| judge(settings, &signer, &claims(more)).err();
    assert_eq!(judge(&anybody, json!({ "iss": "somebody" })), None);
    for audience in [json!("another service"), json!([]), json!(5), json!({ "mqtt": true })] {
        assert_eq!(judge(&anybody, json!({ "aud": audience })), Some(Doubt::Audience), "{audience}");
    }
    assert_eq!(judge(&anybody, json!({ "aud": null })), None);

    let known = JwtSettings { issuers: vec!["https://id".to_owned()], ..anybody.clone() };
    assert_eq!(judge(&known, json!({ "iss": "https://id" })), None);
    assert_eq!(judge(&known, json!({ "iss": "https://id/" })), Some(Doubt::Issuer));
    assert_eq!(judge(&known, json!({})), Some(Doubt::Missing));

    let ours = JwtSettings { audiences: vec!["mqtt".to_owned()], ..anybody };
    assert_eq!(judge(&ours, json!({ "aud": "mqtt" })), None);
    assert_eq!(judge(&ours, json!({ "aud": ["http", "mqtt"] })), None);
    assert_eq!(judge(&ours, json!({ "aud": ["http"] })), Some(Doubt::Audience));
    assert_eq!(judge(&ours, json!({})), Some(Doubt::Missing));
}
