//! Servers that want to know who the client is.

use std::fs;
use std::path::Path;

use mqtt_client::{ConnectionError, Credentials, Tls, TlsError};
use rustls::AlertDescription;
use rustls::version::{TLS12, TLS13};

use crate::certificates::{Ca, Leaf};
use crate::servers::{Secured, Server, config, tls};
use crate::{accepted, leave, options, refused};

async fn server(ca: &Ca) -> Server<Result<Secured, String>> {
    tls(config(&ca.server(|_| {}), Some(ca), &[&TLS13])).await
}

fn identity(ca: &Ca, leaf: &Leaf) -> Tls {
    Tls::new().ca(ca.pem()).certificate(leaf.pem.clone(), leaf.key.serialize_pem())
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_a_server_that_wants_one() {
    let ca = Ca::new("the CA");
    let client = ca.client();
    for versions in [[&TLS12], [&TLS13]] {
        let mut server = tls(config(&ca.server(|_| {}), Some(&ca), &versions)).await;
        let address = format!("mqtts://localhost:{}", server.port());
        let der =
            Tls::new().ca(ca.pem()).certificate(client.certificate.to_vec(), client.key.serialize_der());
        for tls in [identity(&ca, &client), der] {
            leave(accepted(options(&address).tls(tls)).await).await;
            assert_eq!(server.seen().await.unwrap().certificate.unwrap(), &*client.certificate);
        }
    }
}

#[tokio::test]
async fn a_server_that_wants_a_client_certificate_and_gets_none_or_a_strange_one_is_understood() {
    let (ca, other) = (Ca::new("the CA"), Ca::new("another"));
    let trust = Tls::new().ca(ca.pem());
    let strange = identity(&ca, &other.client());
    for versions in [[&TLS12], [&TLS13]] {
        let server = tls(config(&ca.server(|_| {}), Some(&ca), &versions)).await;
        let address = format!("mqtts://localhost:{}", server.port());
        let required = AlertDescription::CertificateRequired;
        for (tls, alert, text) in [
            (&trust, required, "it wants a client certificate: set `Tls::certificate_files`"),
            (&strange, AlertDescription::UnknownCA, "it does not know the CA of the client's certificate"),
        ] {
            let error = refused(options(&address).tls(tls.clone())).await;
            assert!(error.to_string().ends_with(text), "{error}");
            assert!(
                matches!(error, ConnectionError::Tls(TlsError::Alert(found)) if found == alert),
                "{error:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_renewed_certificate_in_the_same_files_counts_from_the_next_connection_on() {
    let ca = Ca::new("the CA");
    let mut server = server(&ca).await;
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("renewed-{}", server.port()));
    fs::create_dir_all(&directory).unwrap();
    let (certificate, key) = (directory.join("client.pem"), directory.join("client.key"));
    let tls = Tls::new().ca(ca.pem()).certificate_files(&certificate, &key);
    let options = options(&format!("mqtts://localhost:{}", server.port())).tls(tls);
    for leaf in [ca.client(), ca.client()] {
        fs::write(&certificate, &leaf.pem).unwrap();
        fs::write(&key, leaf.key.serialize_pem()).unwrap();
        for _ in 0..2 {
            leave(accepted(options.clone()).await).await;
            assert_eq!(server.seen().await.unwrap().certificate.unwrap(), &*leaf.certificate);
        }
    }
}

#[tokio::test]
async fn a_provider_may_give_a_certificate_for_each_attempt() {
    let ca = Ca::new("the CA");
    let mut server = server(&ca).await;
    let leaf = ca.client();
    let tls = identity(&ca, &leaf);
    let options = options(&format!("mqtts://localhost:{}", server.port())).credentials(move || {
        let tls = tls.clone();
        async { Ok::<_, std::io::Error>(Credentials::new().tls(tls)) }
    });
    leave(accepted(options).await).await;
    assert_eq!(server.seen().await.unwrap().certificate.unwrap(), &*leaf.certificate);
}

#[test]
fn no_debug_output_shows_a_key() {
    let leaf = Ca::new("the CA").client();
    let key = leaf.key.serialize_pem();
    let tls = Tls::new().certificate(leaf.pem, key.clone());
    let options = options("mqtts://localhost").tls(tls.clone());
    let shown =
        format!("{tls:?} {options:?} {:?}", Credentials::new().password("tops3cret").tls(tls.clone()));
    let line = key.lines().nth(1).unwrap();
    assert!(!shown.contains(line) && !shown.contains("tops3cret"), "{shown}");
}
