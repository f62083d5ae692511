//! Certificates of clients: needed, wanted or not asked for.

use std::sync::Arc;

use mqtt_broker::config::{ClientCertificate, Listener};
use mqtt_broker::core::Counter;
use mqtt_codec::Version;
use rcgen::{BasicConstraints, IsCa, SerialNumber, date_time_ymd};

use crate::authority::{Authority, Leaf};
use crate::peer::packets::connect;
use crate::peer::{Running, start};
use crate::secure::{SecureTcp, TLS_1_2, TLS_1_3, config};

const REVOKED: u64 = 77;

fn serve(authority: &Authority, asked: ClientCertificate) -> Running {
    let listener = Listener {
        client_ca: Some(authority.ca()),
        client_crl: Some(authority.revoke(&[REVOKED])),
        client_certificate: Some(asked),
        ..authority.listener()
    };
    start(1, |config| config.listeners = vec![listener])
}

/// Whether both versions of TLS let a client with this certificate in; if so, both do.
fn is_welcome(broker: &Running, authority: &Authority, leaf: Option<&Leaf>) -> bool {
    let welcome = [TLS_1_2, TLS_1_3].map(|version| {
        let mut client = SecureTcp::open(broker.address, &Arc::new(config(authority, version, leaf)));
        client.try_introduce(connect(Version::V5, "client")).is_ok()
    });
    assert_eq!(welcome[0], welcome[1]);
    welcome[0]
}

#[test]
fn a_listener_that_needs_certificates_says_apart_what_is_wrong_with_one() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let broker = serve(&authority, ClientCertificate::Required);
    let good = authority.leaf(|_| {});
    assert!(is_welcome(&broker, &authority, Some(&good)));

    let expired = authority.leaf(|leaf| leaf.not_after = date_time_ymd(2020, 1, 1));
    let early = authority.leaf(|leaf| leaf.not_before = date_time_ymd(2100, 1, 1));
    let revoked = authority.leaf(|leaf| leaf.serial_number = Some(SerialNumber::from(REVOKED)));
    let unknown = stranger.leaf(|_| {});
    let of_ca = authority.leaf(|leaf| leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    for (leaf, counter) in [
        (None, Counter::TlsCertificateMissing),
        (Some(expired), Counter::TlsCertificateExpired),
        (Some(early), Counter::TlsCertificateExpired),
        (Some(revoked), Counter::TlsCertificateRevoked),
        (Some(unknown), Counter::TlsCertificateUnknown),
        (Some(of_ca), Counter::TlsCertificateUnknown),
    ] {
        let before = broker.handle.count(counter);
        assert!(!is_welcome(&broker, &authority, leaf.as_ref()), "{counter:?}");
        assert_eq!(broker.handle.count(counter), before + 2, "{counter:?}");
    }
    assert!(is_welcome(&broker, &authority, Some(&good)));
    broker.shut_down();
}

#[test]
fn where_certificates_are_optional_none_is_better_than_a_bad_one() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let broker = serve(&authority, ClientCertificate::Optional);
    assert!(is_welcome(&broker, &authority, None));
    assert!(is_welcome(&broker, &authority, Some(&authority.leaf(|_| {}))));
    assert!(!is_welcome(&broker, &authority, Some(&stranger.leaf(|_| {}))));
    assert_eq!(broker.handle.count(Counter::TlsCertificateUnknown), 2);
    broker.shut_down();
}

#[test]
fn where_certificates_are_not_asked_for_any_client_is_welcome() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let broker = start(1, |config| config.listeners = vec![authority.listener()]);
    assert!(is_welcome(&broker, &authority, Some(&stranger.leaf(|_| {}))));
    broker.shut_down();
}
