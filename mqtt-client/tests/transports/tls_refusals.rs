//! TLS that must not work: each reason has its own error here, and reaches the server.

use mqtt_client::{ConnectionError, Speaks, Tls, TlsError};
use rcgen::{BasicConstraints, CertificateParams, IsCa, date_time_ymd};
use rustls::ALL_VERSIONS;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::certificates::{Ca, FUTURE, Leaf, PAST};
use crate::servers::{Server, config, tls};
use crate::{accepted, leave, options, refused};

/// How a client that has these options fails with a server of this certificate, and what the server sees.
async fn refusal(leaf: &Leaf, trust: Tls) -> (TlsError, String, String) {
    let mut server = tls(config(leaf, None, ALL_VERSIONS)).await;
    let error = refused(options(&format!("mqtts://localhost:{}", server.port())).tls(trust)).await;
    let text = error.to_string();
    let ConnectionError::Tls(error) = error else { panic!("{text}") };
    (error, text, server.seen().await.unwrap_err())
}

#[tokio::test]
async fn each_fault_of_a_servers_certificate_is_told_apart_on_both_sides() {
    let ca = Ca::new("the CA");
    let expire = |params: &mut CertificateParams| params.not_after = date_time_ymd(PAST + 1, 1, 1);
    let postpone = |params: &mut CertificateParams| params.not_before = date_time_ymd(FUTURE - 1, 1, 1);
    let rename = |params: &mut CertificateParams| {
        params.subject_alt_names =
            CertificateParams::new(["other.example".to_owned()]).unwrap().subject_alt_names;
    };
    let promote = |params: &mut CertificateParams| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    for (leaf, text, alert) in [
        (ca.server(expire), "the server's certificate has expired ", "CertificateExpired"),
        (ca.server(postpone), "the server's certificate is not valid yet, but in ", "CertificateExpired"),
        (ca.server(rename), "is not for localhost but for other.example: ", "BadCertificate"),
        (Ca::new("unknown").server(|_| {}), "is from an unknown CA: give the CA", "UnknownCA"),
        (Ca::new("the CA").server(|_| {}), "is from another CA of the same name", "DecryptError"),
        (Leaf::self_signed(|_| {}), "is self-signed: if it is the right one", "CertificateUnknown"),
        (Leaf::self_signed(promote), "is that of a CA and cannot be a server's", "CertificateUnknown"),
    ] {
        let (_, found, seen) = refusal(&leaf, Tls::new().ca(ca.pem())).await;
        assert!(found.starts_with("TLS: the server's certificate ") && found.contains(text), "{found}");
        assert!(seen.contains(alert), "{text}: {seen}");
    }
}

#[tokio::test]
async fn a_servers_certificate_that_only_this_test_knows_is_not_trusted_by_the_system() {
    let (error, ..) = refusal(&Ca::new("the CA").server(|_| {}), Tls::new()).await;
    assert!(matches!(error, TlsError::UnknownIssuer), "{error}");
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_and_the_others_of_the_ca_are_not() {
    let (ca, other) = (Ca::new("the CA"), Ca::new("another"));
    let (good, bad) = (ca.server(|_| {}), ca.server(|_| {}));
    let trust = Tls::new().ca(ca.pem());
    let (error, _, seen) = refusal(&bad, trust.clone().crl(ca.crl(&[&bad], FUTURE))).await;
    assert!(matches!(error, TlsError::Revoked), "{error}");
    assert!(seen.contains("CertificateRevoked"), "{seen}");
    let (error, ..) = refusal(&good, trust.clone().crl(ca.crl(&[&bad], PAST + 1))).await;
    assert!(matches!(error, TlsError::RevocationListExpired), "{error}");
    let (error, ..) = refusal(&good, trust.clone().crl(other.crl(&[], FUTURE))).await;
    assert!(matches!(error, TlsError::RevocationUnknown), "{error}");

    let server = tls(config(&good, None, ALL_VERSIONS)).await;
    let trust = trust.crl(ca.crl(&[&bad], FUTURE));
    leave(accepted(options(&format!("mqtts://localhost:{}", server.port())).tls(trust)).await).await;
}

#[tokio::test]
async fn a_server_without_tls_on_the_port_is_named() {
    let speaks = Server::start(|mut stream| async move {
        let mut hello = [0; 16];
        stream.read_exact(&mut hello).await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    let closes = Server::start(|mut stream| async move {
        let mut hello = [0; 16];
        stream.read_exact(&mut hello).await.unwrap();
    });
    let (speaks, closes) = tokio::join!(speaks, closes);
    let error = refused(options(&format!("mqtts://{}", speaks.address))).await;
    assert!(matches!(error, ConnectionError::Tls(TlsError::NotTls)), "{error}");
    let error = refused(options(&format!("mqtts://{}", closes.address))).await;
    assert!(matches!(error, ConnectionError::Tls(TlsError::Closed)), "{error}");
}

#[tokio::test]
async fn a_port_that_speaks_something_else_than_plain_mqtt_is_named() {
    let secured = tls(config(&Leaf::self_signed(|_| {}), None, ALL_VERSIONS)).await;
    let error = refused(options(&format!("mqtt://{}", secured.address))).await;
    assert!(matches!(error, ConnectionError::NotMqtt(Speaks::Tls)), "{error}");
    assert!(error.to_string().contains("write mqtts://"), "{error}");
    let web = Server::start(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream.read_to_end(&mut Vec::new()).await
    });
    let error = refused(options(&format!("mqtt://{}", web.await.address))).await;
    assert!(matches!(error, ConnectionError::NotMqtt(Speaks::Http)), "{error}");
    let closes = Server::start(|mut stream| async move { stream.read(&mut [0; 64]).await });
    let error = refused(options(&format!("mqtt://{}", closes.await.address))).await;
    assert!(matches!(error, ConnectionError::NoConnAck(_)), "{error}");
}

#[tokio::test]
async fn what_cannot_be_used_is_named_before_a_byte_is_sent() {
    let (ca, other) = (Ca::new("the CA"), Ca::new("another"));
    let (client, key) = (ca.client(), other.client().key.serialize_pem());
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let server = tls(config(&ca.server(|_| {}), None, ALL_VERSIONS)).await;
    let address = format!("mqtts://localhost:{}", server.port());
    let own_key = client.key.serialize_pem();
    for (tls, text) in [
        (Tls::new().ca_file("/nowhere/ca.pem"), "cannot read /nowhere/ca.pem: "),
        (Tls::new().ca("nonsense"), "there is no certificate in what was given"),
        (
            Tls::new().ca("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"),
            "a PEM text is damaged",
        ),
        (Tls::new().ca(own_key.clone()), "there is no certificate in what was given"),
        (Tls::new().ca(&b"\x30\x01x"[..]), "a certificate given as a CA cannot be used"),
        (Tls::new().crl(ca.crl(&[], FUTURE)), "a revocation list needs a CA"),
        (Tls::new().ca(ca.pem()).crl(ca.pem()), "there is no valid revocation list"),
        (Tls::new().certificate(client.pem.clone(), key), "the private key does not belong to"),
        (Tls::new().certificate(client.pem.clone(), encrypted), "the private key is encrypted: decrypt it"),
        (Tls::new().certificate(client.pem.clone(), client.pem.clone()), "there is no private key"),
        (Tls::new().certificate(own_key.clone(), own_key), "there is no certificate in what was given"),
        (Tls::new().server_name("a b"), "a b is no name that a certificate can have"),
    ] {
        let error = refused(options(&address).tls(tls)).await;
        assert!(error.to_string().starts_with(&format!("TLS: {text}")), "{error}");
        assert!(error.is_permanent(), "{error}");
    }
}
