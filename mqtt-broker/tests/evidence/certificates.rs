//! Certificates as names.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mqtt_broker::config::{CertificateName, CertificateSettings, ClientCertificate, Config, Listener};
use mqtt_codec::{Packet, ReasonCode, Version};
use rcgen::{DnType, SanType, SerialNumber, date_time_ymd};

use crate::authority::{Authority, Leaf};
use crate::peer::packets::{connect, connect_kept};
use crate::peer::{Running, start};
use crate::secure::{SecureTcp, TLS_1_2, TLS_1_3, config};

fn serve(authority: &Authority, asked: ClientCertificate, change: impl FnOnce(&mut Config)) -> Running {
    let listener = Listener {
        client_ca: Some(authority.ca()),
        client_crl: Some(authority.revoke(&[77])),
        client_certificate: Some(asked),
        ..authority.listener()
    };
    start(2, |config| {
        config.listeners = vec![listener];
        config.auth.certificate = Some(CertificateSettings::default());
        change(config);
    })
}

fn leaf(authority: &Authority, name: &str) -> Leaf {
    authority.leaf(|params| params.distinguished_name.push(DnType::CommonName, name))
}

/// The code of CONNACK; None if TLS has refused the client before.
fn answer(
    broker: &Running,
    authority: &Authority,
    leaf: Option<&Leaf>,
    connect: mqtt_codec::Connect,
) -> Option<ReasonCode> {
    let answers = [TLS_1_2, TLS_1_3].map(|version| {
        let mut client = SecureTcp::open(broker.address, &Arc::new(config(authority, version, leaf)));
        client.send(&[Packet::Connect(connect.clone())]).ok()?;
        match client.receive().ok()?? {
            Packet::ConnAck(connack) => Some(connack.reason),
            other => panic!("{other:?}"),
        }
    });
    assert_eq!(answers[0], answers[1]);
    answers[0]
}

#[test]
fn a_session_belongs_to_the_name_in_the_certificate() {
    let authority = Authority::new();
    let broker = serve(&authority, ClientCertificate::Required, |_| {});
    let [alice, bob] = ["alice", "bob"].map(|name| leaf(&authority, name));
    let kept = || connect_kept(Version::V5, "c");
    assert_eq!(answer(&broker, &authority, Some(&alice), kept()), Some(ReasonCode::Success));
    assert_eq!(answer(&broker, &authority, Some(&bob), kept()), Some(ReasonCode::ClientIdentifierNotValid));
    // a second certificate of the same name
    let renewed = leaf(&authority, "alice");
    assert_eq!(answer(&broker, &authority, Some(&renewed), kept()), Some(ReasonCode::Success));
    assert_eq!(answer(&broker, &authority, None, kept()), None, "TLS asks for a certificate");
    broker.shut_down();
}

#[test]
fn what_tls_refuses_is_nobody_whatever_its_name() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let broker = serve(&authority, ClientCertificate::Optional, |_| {});
    let revoked = authority.leaf(|params| {
        params.distinguished_name.push(DnType::CommonName, "alice");
        params.serial_number = Some(SerialNumber::from(77));
    });
    let expired = authority.leaf(|params| {
        params.distinguished_name.push(DnType::CommonName, "alice");
        params.not_after = date_time_ymd(2020, 1, 1);
    });
    for bad in [revoked, expired, leaf(&stranger, "alice")] {
        assert_eq!(answer(&broker, &authority, Some(&bad), connect(Version::V5, "c")), None);
    }
    assert_eq!(broker.handle.judged()[0].refused, 0, "nobody was asked");
    broker.shut_down();
}

#[test]
fn without_a_certificate_a_client_is_anonymous_where_that_is_allowed() {
    let authority = Authority::new();
    for (allow_anonymous, expected) in
        [(false, ReasonCode::BadUserNameOrPassword), (true, ReasonCode::Success)]
    {
        let broker = serve(&authority, ClientCertificate::Optional, |config| {
            config.auth.allow_anonymous = allow_anonymous;
        });
        assert_eq!(answer(&broker, &authority, None, connect(Version::V5, "c")), Some(expected));
        let alice = leaf(&authority, "alice");
        let known = answer(&broker, &authority, Some(&alice), connect(Version::V5, "c"));
        assert_eq!(known, Some(ReasonCode::Success));
        broker.shut_down();
    }
}

#[test]
fn only_names_that_are_mapped_may_connect_if_the_settings_say_so() {
    let authority = Authority::new();
    let broker = serve(&authority, ClientCertificate::Required, |config| {
        config.auth.certificate = Some(CertificateSettings {
            name: CertificateName::Uri,
            user_name: None,
            user_names: [("spiffe://example/gate".to_owned(), "gate".to_owned())].into(),
            match_user_name: true,
        });
    });
    let of = |uri: &str| {
        authority.leaf(|params| params.subject_alt_names.push(SanType::URI(uri.try_into().expect("a URI"))))
    };
    let (gate, door) = (of("spiffe://example/gate"), of("spiffe://example/door"));
    let answer = |leaf, connect| answer(&broker, &authority, Some(leaf), connect).expect("TLS lets it in");
    assert_eq!(answer(&gate, connect(Version::V5, "c")), ReasonCode::Success);
    assert_eq!(answer(&door, connect(Version::V5, "c")), ReasonCode::NotAuthorized);
    assert_eq!(answer(&gate, crate::named(Version::V5, "c", "gate", "")), ReasonCode::Success);
    assert_eq!(answer(&gate, crate::named(Version::V5, "c", "door", "")), ReasonCode::BadUserNameOrPassword);
    broker.shut_down();
}

#[test]
fn a_connection_ends_when_its_certificate_does() {
    let authority = Authority::new();
    let broker = serve(&authority, ClientCertificate::Required, |_| {});
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    // an end is a whole second: this lies two to three of them ahead
    let end = Duration::from_secs(now.as_secs() + 3);
    let short = authority.leaf(|params| {
        params.distinguished_name.push(DnType::CommonName, "alice");
        params.not_after = date_time_ymd(1970, 1, 1) + end;
    });
    let config = Arc::new(config(&authority, TLS_1_3, Some(&short)));
    let mut client = SecureTcp::connect(broker.address, &config, connect(Version::V5, "c"));
    let Packet::Disconnect(disconnect) = client.next() else { panic!("no DISCONNECT") };
    assert_eq!(disconnect.reason, ReasonCode::NotAuthorized);
    broker.shut_down();
}
