//! TLS that works: whom the client trusts, what it says, what it keeps.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use mqtt_client::{ConnectionError, Tls, TlsError};
use rustls::{ALL_VERSIONS, ClientConfig, HandshakeKind, RootCertStore};
use tokio_rustls::TlsAcceptor;

use crate::certificates::{Ca, Leaf};
use crate::servers::{DISCONNECT, Secured, Server, accept_and_cut, config, serve, tls};
use crate::{accepted, leave, options, refused};

async fn server(ca: &Ca) -> Server<Result<Secured, String>> {
    tls(config(&ca.server(|_| {}), None, ALL_VERSIONS)).await
}

#[tokio::test]
async fn guide_tls_reaches_a_server_whose_ca_is_given_in_any_form() {
    let ca = Ca::new("the CA");
    let mut server = server(&ca).await;
    let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = directory.join(format!("ca-{}.pem", server.port()));
    std::fs::write(&file, ca.pem()).unwrap();
    let forms = [
        Tls::new().ca(ca.pem()),
        Tls::new().ca(ca.der().to_vec()),
        Tls::new().ca_file(&file),
        Tls::new().ca(Ca::new("another").pem()).ca(ca.pem()),
    ];
    for form in forms {
        for scheme in ["mqtts", "tls", "ssl"] {
            let address = format!("{scheme}://localhost:{}", server.port());
            leave(accepted(options(&address).tls(form.clone())).await).await;
            let seen = server.seen().await.unwrap();
            assert_eq!(seen.packets, DISCONNECT);
            assert_eq!(seen.alpn.as_deref(), Some("mqtt"));
            assert_eq!(seen.server_name.as_deref(), Some("localhost"));
        }
    }
}

#[tokio::test]
async fn an_ip_address_is_a_name_that_a_certificate_can_have() {
    let ca = Ca::new("the CA");
    let mut server = server(&ca).await;
    let options = options(&format!("mqtts://{}", server.address)).tls(Tls::new().ca(ca.pem()));
    leave(accepted(options).await).await;
    assert_eq!(server.seen().await.unwrap().server_name, None);
}

#[tokio::test]
async fn a_self_signed_certificate_can_be_trusted_by_itself() {
    let leaf = Leaf::self_signed(|_| {});
    let server = tls(config(&leaf, None, ALL_VERSIONS)).await;
    let options = options(&format!("mqtts://localhost:{}", server.port()));
    leave(accepted(options.tls(Tls::new().ca(leaf.pem))).await).await;
}

#[tokio::test]
async fn another_name_may_be_looked_for_than_the_host() {
    let ca = Ca::new("the CA");
    let mut server = server(&ca).await;
    let options = options(&format!("mqtts://[::ffff:127.0.0.1]:{}", server.port()));
    let trust = Tls::new().ca(ca.pem());
    let error = refused(options.clone().tls(trust.clone())).await;
    assert!(matches!(error, ConnectionError::Tls(TlsError::WrongName { .. })), "{error}");
    assert!(server.seen().await.is_err());
    leave(accepted(options.tls(trust.server_name("localhost"))).await).await;
    assert_eq!(server.seen().await.unwrap().server_name.as_deref(), Some("localhost"));
}

#[tokio::test]
async fn protocols_offered_can_be_chosen() {
    let ca = Ca::new("the CA");
    let mut server = server(&ca).await;
    let options = options(&format!("mqtts://localhost:{}", server.port()));
    let trust = Tls::new().ca(ca.pem());
    leave(accepted(options.clone().tls(trust.clone().alpn(["x", "http/1.1"]))).await).await;
    assert_eq!(server.seen().await.unwrap().alpn.as_deref(), Some("http/1.1"));
    leave(accepted(options.clone().tls(trust.clone().alpn([""; 0]))).await).await;
    assert_eq!(server.seen().await.unwrap().alpn, None);
    let error = refused(options.tls(trust.alpn(["x"]))).await.to_string();
    assert!(error.contains("NoApplicationProtocol") && error.contains("set `Tls::alpn`"), "{error}");
}

#[tokio::test]
async fn a_configuration_of_the_applications_own_is_taken_as_it_is() {
    let ca = Ca::new("the CA");
    let mut server = server(&ca).await;
    let mut roots = RootCertStore::empty();
    roots.add(ca.der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let own = builder.with_root_certificates(roots).with_no_client_auth();
    let own = Tls::from_config(Arc::new(own));
    let options = options(&format!("mqtts://localhost:{}", server.port()));
    for (tls, alpn) in [(own.clone(), None), (own.alpn(["mqtt"]), Some("mqtt"))] {
        leave(accepted(options.clone().tls(tls)).await).await;
        assert_eq!(server.seen().await.unwrap().alpn.as_deref(), alpn);
    }
}

#[tokio::test]
async fn a_session_of_tls_is_resumed_by_later_connections() {
    for versions in [[&rustls::version::TLS12], [&rustls::version::TLS13]] {
        let ca = Ca::new("the CA");
        let mut server = tls(config(&ca.server(|_| {}), None, &versions)).await;
        let trust = Tls::new().ca(ca.pem());
        let options = options(&format!("mqtts://localhost:{}", server.port())).tls(trust);
        let mut kinds = Vec::new();
        for _ in 0..3 {
            leave(accepted(options.clone()).await).await;
            kinds.push(server.seen().await.unwrap().kind);
        }
        assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed]);
    }
}

#[tokio::test]
async fn a_client_that_connects_again_resumes_the_session_of_tls() {
    let ca = Ca::new("the CA");
    let acceptor = TlsAcceptor::from(Arc::new(config(&ca.server(|_| {}), None, ALL_VERSIONS)));
    let mut server = Server::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let stream = acceptor.accept(stream).await.unwrap();
            let kind = stream.get_ref().1.handshake_kind().unwrap();
            // cut as soon as the client is there
            let served = match kind {
                HandshakeKind::Full => accept_and_cut(stream).await,
                _ => serve(stream).await.map(|_| ()),
            };
            served.unwrap();
            kind
        }
    })
    .await;
    let options = options(&format!("mqtts://localhost:{}", server.port())).tls(Tls::new().ca(ca.pem()));
    let client = accepted(options.reconnect_period(Duration::from_millis(1))).await;
    assert_eq!(server.seen().await, HandshakeKind::Full);
    let mut status = client.watch_status();
    while client.stats().connections < 2 {
        crate::within(status.changed()).await.unwrap();
    }
    leave(client).await;
    assert_eq!(server.seen().await, HandshakeKind::Resumed);
}

/// The system's CAs are taken from where an environment variable says, which only another process can have.
#[tokio::test]
async fn guide_mqtts_needs_no_further_option_where_the_system_knows_the_ca() {
    let ca = Ca::new("the CA");
    let mut server = server(&ca).await;
    let file =
        std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("system-{}.pem", server.port()));
    std::fs::write(&file, ca.pem()).unwrap();
    let address = format!("mqtts://localhost:{}", server.port());
    let child = tokio::task::spawn_blocking(move || {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "tls::child_that_only_has_an_address", "--ignored"]);
        child.env("SSL_CERT_FILE", file).env_remove("SSL_CERT_DIR").env(ADDRESS, address);
        child.output().unwrap()
    });
    let output = child.await.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(server.seen().await.unwrap().packets, DISCONNECT);
}

/// For the test above to hand on.
const ADDRESS: &str = "TEST_ADDRESS";

#[tokio::test]
#[ignore = "another test runs it, in an environment of its own"]
async fn child_that_only_has_an_address() {
    let address = std::env::var(ADDRESS).expect("only the test that starts this has the address");
    leave(accepted(options(&address)).await).await;
}
