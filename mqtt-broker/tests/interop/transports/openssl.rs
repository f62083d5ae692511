//! OpenSSL's `s_client`: what another TLS makes of the handshake.

use std::process::Command;

use mqtt_broker::config::Listener;
use mqtt_broker::core::Counter;
use rcgen::{SerialNumber, date_time_ymd};

use super::authority::{Authority, Leaf};
use super::peer::{Running, start};
use super::run;
use crate::program::{Finished, locate};

const REVOKED: u64 = 77;

fn s_client(broker: &Running, authority: &Authority, leaf: Option<&Leaf>, arguments: &[&str]) -> Finished {
    let mut command = Command::new(locate("openssl", "openssl"));
    command.args(["s_client", "-brief", "-verify_return_error", "-servername", "localhost"]);
    command.args(["-connect", &broker.address.to_string(), "-CAfile"]).arg(authority.ca()).args(arguments);
    if let Some((certificate, key)) = leaf.map(|leaf| authority.write_leaf("client", leaf)) {
        command.arg("-cert").arg(certificate).arg("-key").arg(key);
    }
    run(command)
}

#[test]
fn both_versions_are_spoken_and_older_ones_are_not() {
    let authority = Authority::new();
    let broker = start(1, |config| config.listeners = vec![authority.listener()]);
    for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let done = s_client(&broker, &authority, None, &[version, "-alpn", "mqtt"]);
        assert_eq!(done.code, Some(0), "{}", done.errors);
        for line in [&format!("Protocol version: {name}"), "Verification: OK"] {
            assert!(done.errors.contains(line), "{line} is not in\n{}", done.errors);
        }
    }
    let old = s_client(&broker, &authority, None, &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]);
    assert_ne!(old.code, Some(0));
    assert_eq!(broker.handle.count(Counter::TlsVersion), 1);
    broker.shut_down();
}

#[test]
fn a_bad_certificate_is_refused_with_the_alert_that_says_why() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let listener = Listener {
        client_ca: Some(authority.ca()),
        client_crl: Some(authority.revoke(&[REVOKED])),
        ..authority.listener()
    };
    let broker = start(1, |config| config.listeners = vec![listener]);
    let good = s_client(&broker, &authority, Some(&authority.leaf(|_| {})), &["-tls1_2"]);
    assert_eq!(good.code, Some(0), "{}", good.errors);
    let expired = authority.leaf(|leaf| leaf.not_after = date_time_ymd(2020, 1, 1));
    let revoked = authority.leaf(|leaf| leaf.serial_number = Some(SerialNumber::from(REVOKED)));
    for (leaf, alert, counter) in [
        (expired, "alert certificate expired", Counter::TlsCertificateExpired),
        (revoked, "alert certificate revoked", Counter::TlsCertificateRevoked),
        (stranger.leaf(|_| {}), "alert unknown ca", Counter::TlsCertificateUnknown),
    ] {
        // in TLS 1.2 the client learns of it within the handshake
        let refused = s_client(&broker, &authority, Some(&leaf), &["-tls1_2"]);
        assert_ne!(refused.code, Some(0));
        assert!(refused.errors.contains(alert), "{alert} is not in\n{}", refused.errors);
        assert_eq!(broker.handle.count(counter), 1, "{alert}");
    }
    broker.shut_down();
}
