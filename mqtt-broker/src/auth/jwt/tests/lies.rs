//! Tokens that nobody has signed who is trusted.

use super::signer::RSA_PEM;
use super::*;

fn believe(settings: &JwtSettings, token: &str) -> Option<Doubt> {
    jwt(settings).believe(token).err()
}

#[test]
fn no_algorithm_is_none() {
    let settings = settings(&Signer::all(1));
    let [signer, ..] = Signer::all(1);
    for name in ["none", "None", "NONE", "nOnE", ""] {
        let token = signer.token_with(&json!({ "alg": name }), &good());
        assert_eq!(believe(&settings, &token), Some(Doubt::Header), "{name}");
        let (message, _) = token.rsplit_once('.').expect("three parts");
        assert_eq!(believe(&settings, &format!("{message}.")), Some(Doubt::Header), "{name}");
    }
    let (message, _) =
        signer.token(&good()).rsplit_once('.').map(|(m, s)| (m.to_owned(), s.len())).expect("parts");
    assert_eq!(believe(&settings, &format!("{message}.")), Some(Doubt::Signature), "no signature");
}

#[test]
fn a_public_key_is_no_secret() {
    let settings = JwtSettings { public_keys: Some(file(RSA_PEM)), ..JwtSettings::default() };
    let keys = Keys::read(&settings).expect("a key");
    let key = keys.fitting(jsonwebtoken::Algorithm::RS256, None).next().expect("a key");
    let jsonwebtoken::DecodingKeyKind::RsaModulusExponent { n, .. } = key.material.kind() else {
        panic!("a modulus")
    };
    let der = rustls::pki_types::pem::PemObject::from_pem_slice(RSA_PEM.as_bytes());
    let der: rustls::pki_types::SubjectPublicKeyInfoDer<'_> = der.expect("a key");
    for guess in [RSA_PEM.as_bytes(), RSA_PEM.trim_end().as_bytes(), n, &der] {
        let liar = Signer::Hs256(guess.to_vec());
        assert_eq!(believe(&settings, &liar.token(&good())), Some(Doubt::Key));
        let says_rsa = liar.token_with(&json!({ "alg": "RS256" }), &good());
        assert_eq!(believe(&settings, &says_rsa), Some(Doubt::Signature));
    }
}

#[test]
fn a_key_verifies_its_own_algorithm_only() {
    for (index, signer) in Signer::all(1).into_iter().enumerate() {
        let settings = settings(std::slice::from_ref(&signer));
        for name in ["HS256", "HS384", "HS512", "RS256", "RS512", "PS256", "ES256", "ES384", "EdDSA"] {
            let token = signer.token_with(&json!({ "alg": name }), &good());
            let doubt = (name != signer.algorithm()).then_some(Doubt::Key);
            assert_eq!(believe(&settings, &token), doubt, "key {index} and {name}");
        }
    }
}

#[test]
fn a_key_of_somebody_else_is_refused() {
    let ours = [Signer::Hs256(vec![1; 32]), Signer::es256(), Signer::ed_dsa()];
    let settings = settings(&ours);
    for stranger in [Signer::Hs256(vec![2; 32]), Signer::es256(), Signer::ed_dsa()] {
        assert_eq!(believe(&settings, &stranger.token(&good())), Some(Doubt::Signature));
        // the header's own key is no reason to believe it
        let header = json!({ "alg": stranger.algorithm(), "jwk": stranger.jwk(None) });
        assert_eq!(believe(&settings, &stranger.token_with(&header, &good())), Some(Doubt::Signature));
    }
}

#[test]
fn no_byte_of_a_token_can_be_changed() {
    for signer in Signer::all(1) {
        let token = signer.token(&good());
        let jwt = jwt(&settings(&[signer]));
        assert_eq!(jwt.believe(&token).err(), None);
        for at in (0..token.len()).step_by(7).chain(token.len() - 1..token.len()) {
            let mut other = token.clone().into_bytes();
            // another letter, and not one that differs only in bits that nobody reads
            other[at] = if other[at] == b'A' { b'z' } else { b'A' };
            let other = String::from_utf8(other).expect("letters");
            assert!(jwt.believe(&other).is_err(), "byte {at} of {token}");
        }
        for length in 0..token.len() {
            assert!(jwt.believe(&token[..length]).is_err(), "{length} bytes of {token}");
        }
    }
}

#[test]
fn the_identifier_chooses_the_key() {
    let [first, second] = [Signer::es256(), Signer::es256()];
    let keys = [first.jwk(Some("1")), second.jwk(Some("2"))];
    let settings =
        JwtSettings { key_set: Some(file(json!({ "keys": keys }).to_string())), ..JwtSettings::default() };
    let named = |id: &str| first.token_with(&json!({ "alg": "ES256", "kid": id }), &good());
    assert_eq!(believe(&settings, &named("1")), None);
    assert_eq!(believe(&settings, &named("2")), Some(Doubt::Signature));
    assert_eq!(believe(&settings, &named("3")), Some(Doubt::Key));
    assert_eq!(believe(&settings, &first.token(&good())), None, "all are tried");
    assert_eq!(believe(&settings, &second.token(&good())), None, "all are tried");

    // a key without an identifier is anybody's, a key with another is not
    let both = JwtSettings { public_keys: Some(file(first.pem())), ..settings };
    assert_eq!(believe(&both, &named("3")), None);
    assert_eq!(believe(&both, &named("2")), Some(Doubt::Signature));
}

#[test]
fn what_a_header_demands_has_to_be_known() {
    let [signer, ..] = Signer::all(1);
    let settings = settings(std::slice::from_ref(&signer));
    let header = json!({ "alg": "HS256", "crit": ["b64"], "b64": false });
    assert_eq!(believe(&settings, &signer.token_with(&header, &good())), Some(Doubt::Header));
    let nothing = json!({ "alg": "HS256", "crit": [] });
    assert_eq!(believe(&settings, &signer.token_with(&nothing, &good())), Some(Doubt::Header));
    let other = json!({ "alg": "HS256", "colour": "red" });
    assert_eq!(believe(&settings, &signer.token_with(&other, &good())), None);
}

#[test]
fn a_token_has_a_longest_length() {
    let [signer, ..] = Signer::all(1);
    let token = signer.token(&good());
    let limited = |token_size| JwtSettings { token_size, ..settings(std::slice::from_ref(&signer)) };
    assert_eq!(believe(&limited(token.len()), &token), None);
    assert_eq!(believe(&limited(token.len() - 1), &token), Some(Doubt::Size));
}
