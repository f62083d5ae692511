//! Another configuration, and other files, for a broker that runs.

use std::fs;
use std::sync::Arc;

use mqtt_broker::StartError;
use mqtt_broker::config::{ClientCertificate, Config, Listener};
use mqtt_broker::core::Counter;
use mqtt_codec::{Packet, QoS, ReasonCode, Version};
use rcgen::SerialNumber;
use rustls::pki_types::CertificateDer;

use crate::authority::Authority;
use crate::peer::packets::{connect, publish};
use crate::peer::{Peer, Running, start};
use crate::secure::{SecureTcp, TLS_1_2, TLS_1_3, config};

fn serve(listener: &Listener) -> (Running, Config) {
    let mut given = Config::default();
    let broker = start(1, |config| {
        config.listeners = vec![listener.clone()];
        given = config.clone();
    });
    (broker, given)
}

/// The certificate that the broker has shown to a client.
fn shown(client: &SecureTcp) -> CertificateDer<'static> {
    client.stream.conn.peer_certificates().expect("a server shows one")[0].clone()
}

#[test]
fn a_new_certificate_is_for_those_who_come_and_the_others_stay() {
    let authority = Authority::new();
    let listener = authority.listener();
    let (broker, given) = serve(&listener);
    let trusting = [TLS_1_2, TLS_1_3].map(|version| Arc::new(config(&authority, version, None)));
    let mut before = SecureTcp::connect(broker.address, &trusting[0], connect(Version::V5, "before"));
    before.subscribe("t", QoS::AtLeastOnce);

    let renewed = authority.leaf(|_| {});
    authority.write_leaf("server", &renewed);
    assert_eq!(broker.handle.reload(given).expect("all is well"), Vec::<String>::new());
    for (number, trusting) in trusting.iter().enumerate() {
        let id = format!("after{number}");
        let mut after = SecureTcp::connect(broker.address, trusting, connect(Version::V5, &id));
        assert_eq!(shown(&after), renewed.certificate);
        assert_ne!(shown(&before), renewed.certificate);
        after.send(&[publish("t", id.as_str(), QoS::AtLeastOnce, 1)]).unwrap();
        assert!(matches!(after.next(), Packet::PubAck(_)));
        assert_eq!(before.messages(1), [id]);
    }
    broker.shut_down();
}

#[test]
fn a_mistake_in_one_file_leaves_everything_as_it_was() {
    let (good, bad) = (Authority::new(), Authority::new());
    let (first, second) = (good.listener(), bad.listener());
    let mut given = Config::default();
    let broker = start(1, |config| {
        config.listeners = vec![first.clone(), second.clone()];
        given = config.clone();
    });
    let unused = good.leaf(|_| {});
    good.write_leaf("server", &unused);
    let key = second.key.as_ref().expect("a key");
    fs::write(key, "no key").unwrap();
    given.lobby.half_open = 1;
    let error = broker.handle.reload(given.clone()).expect_err("a key without a key in it");
    assert!(matches!(&error, StartError::Tls { address, .. } if *address == second.address), "{error}");
    assert!(error.to_string().contains(key.to_str().expect("text")), "{error}");

    given.lobby.half_open = 0;
    let error = broker.handle.reload(given).expect_err("nobody could connect");
    assert!(matches!(error, StartError::Config(_)), "{error}");

    // nothing of either: neither the certificate of the first listener nor the limit
    let trusting = Arc::new(config(&good, TLS_1_3, None));
    let silent: Vec<_> = (0..3).map(|_| Peer::open(broker.address)).collect();
    let mut client = SecureTcp::connect(broker.address, &trusting, connect(Version::V5, "a"));
    assert_ne!(shown(&client), unused.certificate);
    client.send(&[Packet::PingReq]).unwrap();
    assert_eq!(client.next(), Packet::PingResp);
    drop(silent);
    broker.shut_down();
}

#[test]
fn who_is_revoked_by_a_reload_stays_out_also_with_a_session_of_before() {
    let authority = Authority::new();
    let listener = Listener {
        client_ca: Some(authority.ca()),
        client_crl: Some(authority.revoke(&[])),
        client_certificate: Some(ClientCertificate::Required),
        ..authority.listener()
    };
    let (broker, given) = serve(&listener);
    let leaf = authority.leaf(|leaf| leaf.serial_number = Some(SerialNumber::from(7)));
    let trusting = [TLS_1_2, TLS_1_3].map(|version| Arc::new(config(&authority, version, Some(&leaf))));
    for trusting in &trusting {
        let mut client = SecureTcp::connect(broker.address, trusting, connect(Version::V5, "a"));
        // whoever answers has sent what a later connection could resume with
        client.send(&[Packet::PingReq]).unwrap();
        assert_eq!(client.next(), Packet::PingResp);
    }
    authority.revoke(&[7]);
    broker.handle.reload(given).expect("all is well");
    for (number, trusting) in trusting.iter().enumerate() {
        let mut client = SecureTcp::open(broker.address, trusting);
        assert!(client.try_introduce(connect(Version::V5, "a")).is_err());
        assert_eq!(broker.handle.count(Counter::TlsCertificateRevoked), number as u64 + 1);
    }
    broker.shut_down();
}

#[test]
fn a_limit_of_a_listener_counts_those_of_before() {
    let authority = Authority::new();
    let mut listener = Listener { connections: Some(2), ..authority.listener() };
    let (broker, mut given) = serve(&listener);
    let trusting = Arc::new(config(&authority, TLS_1_3, None));
    let _first = SecureTcp::connect(broker.address, &trusting, connect(Version::V5, "a"));
    listener.connections = Some(1);
    given.listeners = vec![listener.clone()];
    broker.handle.reload(given.clone()).expect("all is well");
    let mut second = SecureTcp::open(broker.address, &trusting);
    assert!(second.try_introduce(connect(Version::V5, "b")).is_err());
    listener.connections = Some(2);
    given.listeners = vec![listener];
    broker.handle.reload(given).expect("all is well");
    let _second = SecureTcp::connect(broker.address, &trusting, connect(Version::V5, "b"));
    broker.shut_down();
}

#[test]
fn new_limits_hold_for_who_connects_next() {
    let mut given = Config::default();
    let broker = start(2, |config| given = config.clone());
    let mut before = broker.connect(connect(Version::V5, "before"));
    given.session.maximum_packet_size = 2_000;
    given.limits.sessions = 2;
    given.shards = 1.try_into().expect("not zero");
    assert_eq!(broker.handle.reload(given).expect("all is well"), ["shards"]);
    let mut after = Peer::open(broker.address);
    after.send(&[Packet::Connect(connect(Version::V5, "after"))]);
    match after.next() {
        Some(Packet::ConnAck(accepted)) => {
            assert_eq!(accepted.properties.maximum_packet_size.map(u32::from), Some(2_000));
        }
        other => panic!("{other:?}"),
    }
    let mut third = Peer::open(broker.address);
    third.send(&[Packet::Connect(connect(Version::V5, "third"))]);
    match third.next() {
        Some(Packet::ConnAck(refused)) => assert_eq!(refused.reason, ReasonCode::QuotaExceeded),
        other => panic!("{other:?}"),
    }
    before.ping();
    broker.shut_down();
}
