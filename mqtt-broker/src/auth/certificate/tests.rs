//! Certificates with names of all kinds.

use std::time::Duration;

use mqtt_codec::Version;
use rcgen::{CertificateParams, CustomExtension, DnType, DnValue, KeyPair, SanType, date_time_ymd};

use super::*;
use crate::config::{CertificateName, Listener};

/// A certificate that signs itself; TLS would have refused it, and nobody here asks who has signed.
fn certificate(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.distinguished_name = rcgen::DistinguishedName::new();
    change(&mut params);
    let key = KeyPair::generate().expect("a key");
    params.self_signed(&key).expect("a certificate").der().to_vec()
}

fn common(name: &str) -> Vec<u8> {
    certificate(|params| params.distinguished_name.push(DnType::CommonName, name))
}

fn attempt(certificates: Vec<Vec<u8>>) -> Attempt {
    Attempt {
        listener: Listener::loopback().address,
        peer: None,
        version: Version::V5,
        client_id: Text::new("c").expect("text"),
        user_name: None,
        password: None,
        certificates,
    }
}

fn by(name: CertificateName) -> CertificateSettings {
    CertificateSettings { name, ..CertificateSettings::default() }
}

fn judge(settings: &CertificateSettings, der: Vec<u8>) -> Result<String, Doubt> {
    let attempt = attempt(vec![der]);
    let judge = Certificate::new(settings).expect("settings");
    let identity = judge.judge(&attempt.certificates[0], &attempt)?;
    Ok(identity.user_name.expect("a name").as_str().to_owned())
}

fn decide(judge: &Certificate, attempt: &Attempt) -> Decision {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(judge.authenticate(attempt))
}

/// Two common names, of which the library that writes certificates takes one for something else.
fn twice(first: &str, second: &str) -> Vec<u8> {
    certificate(|params| {
        params.distinguished_name.push(DnType::CommonName, first);
        params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 3]), second);
    })
}

#[test]
fn a_client_without_a_certificate_is_for_others_to_judge() {
    let judge = Certificate::new(&CertificateSettings::default()).expect("settings");
    assert_eq!(decide(&judge, &attempt(Vec::new())), Decision::Pass);
}

#[test]
fn each_kind_of_name_is_found() {
    let der = certificate(|params| {
        params.distinguished_name.push(DnType::CountryName, "SE");
        params.distinguished_name.push(DnType::OrganizationName, "Snow, Ice + Sons");
        params.distinguished_name.push(DnType::CommonName, "thermometer");
        params.subject_alt_names = vec![
            SanType::DnsName("t.example".try_into().expect("a name")),
            SanType::Rfc822Name("t@example".try_into().expect("an address")),
            SanType::URI("spiffe://example/t".try_into().expect("a URI")),
            SanType::IpAddress(std::net::Ipv4Addr::LOCALHOST.into()),
        ];
    });
    for (kind, name) in [
        (CertificateName::CommonName, "thermometer"),
        (CertificateName::Subject, "CN=thermometer,O=Snow\\, Ice \\+ Sons,C=SE"),
        (CertificateName::Dns, "t.example"),
        (CertificateName::Email, "t@example"),
        (CertificateName::Uri, "spiffe://example/t"),
    ] {
        assert_eq!(judge(&by(kind), der.clone()), Ok(name.to_owned()));
    }
}

#[test]
fn the_encoding_of_a_name_does_not_matter() {
    let value =
        |value: DnValue| certificate(|params| params.distinguished_name.push(DnType::CommonName, value));
    for der in [
        value(DnValue::Utf8String("meter".to_owned())),
        value(DnValue::PrintableString("meter".try_into().expect("text"))),
        value(DnValue::TeletexString("meter".try_into().expect("text"))),
        value(DnValue::BmpString("meter".try_into().expect("text"))),
    ] {
        assert_eq!(judge(&by(CertificateName::CommonName), der), Ok("meter".to_owned()));
    }
}

#[test]
fn a_name_that_is_not_there_is_nobody() {
    let kinds = [
        CertificateName::CommonName,
        CertificateName::Subject,
        CertificateName::Dns,
        CertificateName::Email,
        CertificateName::Uri,
    ];
    for kind in kinds {
        assert_eq!(judge(&by(kind), certificate(|_| {})), Err(Doubt::NoName), "{kind:?}");
    }
    assert_eq!(judge(&by(CertificateName::CommonName), common("")), Err(Doubt::NoName));
}

#[test]
fn of_several_names_none_counts() {
    assert_eq!(judge(&by(CertificateName::CommonName), twice("a", "b")), Err(Doubt::Names));
    assert_eq!(judge(&by(CertificateName::CommonName), twice("a", "a")), Err(Doubt::Names));
    assert_eq!(judge(&by(CertificateName::Subject), twice("a", "b")), Ok("CN=b,CN=a".to_owned()));
    let names = ["a.example", "b.example"].map(|name| SanType::DnsName(name.try_into().expect("a name")));
    let der = certificate(|params| params.subject_alt_names = names.to_vec());
    assert_eq!(judge(&by(CertificateName::Dns), der), Err(Doubt::Names));
}

#[test]
fn a_name_with_a_nul_is_nobodys() {
    assert_eq!(judge(&by(CertificateName::CommonName), common("admin\0.example")), Err(Doubt::Characters));
    let whole = judge(&by(CertificateName::Subject), common("admin\0.example"));
    assert_eq!(whole, Ok("CN=admin\\00.example".to_owned()), "RFC 4514 has a way to write it");
    // DNS name "admin\0.example", which the library that writes certificates refuses
    let content = [&[0x30, 16, 0x82, 14][..], b"admin\0.example"].concat();
    let der = certificate(|params| {
        params.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 17], content)];
    });
    assert_eq!(judge(&by(CertificateName::Dns), der), Err(Doubt::Characters));
}

#[test]
fn names_become_user_names() {
    let names = [("gate".to_owned(), "porter".to_owned())];
    let settings = CertificateSettings {
        user_name: Some("device-{name}".to_owned()),
        user_names: names.into(),
        ..CertificateSettings::default()
    };
    assert_eq!(judge(&settings, common("gate")), Ok("porter".to_owned()));
    assert_eq!(judge(&settings, common("door")), Ok("device-door".to_owned()));
    let closed = CertificateSettings { user_name: None, ..settings };
    assert_eq!(judge(&closed, common("gate")), Ok("porter".to_owned()));
    assert_eq!(judge(&closed, common("door")), Err(Doubt::Unknown));
}

#[test]
fn settings_that_tell_nobody_apart_are_refused() {
    let refused = |settings: CertificateSettings| Certificate::new(&settings).expect_err("no settings");
    let default = CertificateSettings::default;
    let same = CertificateSettings { user_name: Some("everybody".to_owned()), ..default() };
    assert_eq!(refused(same), CertificateError::SameUser);
    assert_eq!(refused(CertificateSettings { user_name: None, ..default() }), CertificateError::Nobody);
    for bad in ["", "a\0b"] {
        let names = [("gate".to_owned(), bad.to_owned())];
        let error = refused(CertificateSettings { user_names: names.into(), ..default() });
        assert_eq!(error, CertificateError::UserName { name: "gate".to_owned() });
    }
}

#[test]
fn the_user_name_of_connect_may_have_to_be_the_same() {
    let decide = |match_user_name, said: Option<&str>| {
        let settings = CertificateSettings { match_user_name, ..CertificateSettings::default() };
        let user_name = said.map(|said| Text::new(said).expect("text"));
        let attempt = Attempt { user_name, ..attempt(vec![common("alice")]) };
        decide(&Certificate::new(&settings).expect("settings"), &attempt)
    };
    assert!(matches!(decide(false, Some("bob")), Decision::Admit(_)));
    assert_eq!(decide(true, Some("bob")), Decision::Refuse(Refused::Credentials));
    assert!(matches!(decide(true, Some("alice")), Decision::Admit(_)));
    assert!(matches!(decide(true, None), Decision::Admit(_)));
}

#[test]
fn what_a_certificate_says_holds_until_its_end() {
    let der = certificate(|params| {
        params.distinguished_name.push(DnType::CommonName, "alice");
        params.not_after = date_time_ymd(2040, 1, 1);
    });
    let judge = Certificate::new(&CertificateSettings::default()).expect("settings");
    let Decision::Admit(identity) = decide(&judge, &attempt(vec![der])) else { panic!("not admitted") };
    assert_eq!(identity.expires, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(2_208_988_800)));
}

#[test]
fn what_is_no_certificate_is_refused() {
    let judge = Certificate::new(&CertificateSettings::default()).expect("settings");
    let refused = Decision::Refuse(Refused::NotAuthorized);
    let der = common("alice");
    for length in (0..der.len()).step_by(5) {
        assert_eq!(decide(&judge, &attempt(vec![der[..length].to_vec()])), refused, "{length} bytes");
    }
}
