//! Files of keys.

use super::*;

fn error(settings: JwtSettings) -> JwtError {
    Jwt::new(&settings).expect_err("no usable key")
}

fn of_set(set: &Value) -> JwtError {
    error(JwtSettings { key_set: Some(file(set.to_string())), ..JwtSettings::default() })
}

fn of_pem(text: &str) -> JwtError {
    error(JwtSettings { public_keys: Some(file(text)), ..JwtSettings::default() })
}

fn of_secret(secret: &[u8]) -> JwtError {
    error(JwtSettings { secret: Some(file(secret)), ..JwtSettings::default() })
}

#[test]
fn a_mistake_in_a_file_has_a_name() {
    assert!(matches!(error(JwtSettings::default()), JwtError::NoKey));
    let missing = JwtSettings { secret: Some("/nowhere/secret".into()), ..JwtSettings::default() };
    assert!(matches!(error(missing), JwtError::Read { .. }));

    assert!(matches!(of_secret(&[7; 31]), JwtError::Unusable { reason: Unusable::ShortSecret, .. }));
    assert!(matches!(of_secret(&[b'7'; (1 << 20) + 1]), JwtError::Size { .. }));
    assert!(matches!(of_secret(signer::RSA_PEM.as_bytes()), JwtError::PublicSecret { .. }));

    assert!(matches!(of_pem("a key"), JwtError::Pem { .. }));
    let private = rcgen::KeyPair::generate().expect("a key").serialize_pem();
    assert!(matches!(of_pem(&private), JwtError::Pem { .. }));
    let p384 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).expect("a key");
    assert!(matches!(of_pem(&p384.public_key_pem()), JwtError::Unusable { reason: Unusable::Curve, .. }));

    assert!(matches!(of_set(&json!([])), JwtError::KeySet { .. }));
    assert!(matches!(of_set(&json!({ "keys": [] })), JwtError::Empty { .. }));
    let short = json!({ "keys": [{ "kty": "RSA", "n": "AQAB", "e": "AQAB" }] });
    assert!(matches!(of_set(&short), JwtError::Unusable { reason: Unusable::Modulus, .. }));
    let half = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": "AQAB", "y": "AQAB" }] });
    assert!(matches!(of_set(&half), JwtError::Unusable { reason: Unusable::Curve, .. }));
    let many = vec![Signer::Hs256(vec![1; 32]).jwk(None); 33];
    assert!(matches!(of_set(&json!({ "keys": many })), JwtError::Keys { limit: 32 }));
}

#[test]
fn a_set_may_have_keys_for_something_else() {
    let signer = Signer::es256();
    let mut encrypting = Signer::es256().jwk(None);
    encrypting["use"] = json!("enc");
    let mut longer = Signer::Rs256.jwk(None);
    longer["alg"] = json!("RS512");
    let unknown = json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AQAB" });
    let p384 = json!({ "kty": "EC", "crv": "P-384", "x": "AQAB", "y": "AQAB" });
    let set = json!({ "keys": [encrypting, longer, unknown, p384, signer.jwk(Some("1"))] });
    let settings = JwtSettings { key_set: Some(file(set.to_string())), ..JwtSettings::default() };
    assert_eq!(judge(&settings, &signer, &good()).err(), None);
    assert_eq!(judge(&settings, &Signer::Rs256, &good()).err(), Some(Doubt::Key));
}

#[test]
fn several_public_keys_may_stand_in_one_file() {
    let signers = [Signer::es256(), Signer::ed_dsa(), Signer::es256()];
    let text: String = signers.iter().map(Signer::pem).collect();
    let settings = JwtSettings { public_keys: Some(file(text)), ..JwtSettings::default() };
    for signer in &signers {
        assert_eq!(judge(&settings, signer, &good()).err(), None);
    }
}

#[test]
fn a_secret_is_not_printed() {
    let jwt = jwt(&JwtSettings { secret: Some(file([b'p'; 40])), ..JwtSettings::default() });
    let text = format!("{jwt:?}");
    assert!(text.contains("HS256"));
    // neither as numbers nor as text; a single number may stand in the name of the file
    assert!(!text.contains("112, 112") && !text.contains("ppp"), "{text}");
}
