//! The same client by every transport that Debian's broker has: WebSockets are not among them.

use std::fs;
use std::path::{Path, PathBuf};

use mqtt_client::{Client, ConnectOptions, ConnectionError, Tls, TlsError, Version, connect};
use rustls::AlertDescription;

use crate::certificates::{Ca, FUTURE, Leaf};
use crate::mosquitto::Mosquitto;
use crate::{each, next, within};

/// Where a broker finds what it needs; each test has its own.
fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&path).unwrap();
    path
}

fn write(directory: &Path, name: &str, text: impl AsRef<[u8]>) -> String {
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Settings of a listener with TLS.
fn tls_settings(directory: &Path, ca: &Ca, leaf: &Leaf) -> String {
    let ca = write(directory, "ca.pem", ca.pem());
    let certificate = write(directory, "server.pem", &leaf.pem);
    let key = write(directory, "server.key", leaf.key.serialize_pem());
    format!("allow_anonymous true\ncafile {ca}\ncertfile {certificate}\nkeyfile {key}\n")
}

/// A message of each version and QoS there and back, one of them larger than any buffer.
async fn carries(options: ConnectOptions) {
    let large = vec![b'x'; 300_000];
    for (version, qos) in each() {
        let client = within(connect(options.clone().version(version))).await.unwrap();
        let mut stream = within(client.subscribe("a/+").qos(qos)).await.unwrap();
        for payload in [&b"small"[..], &large, b"last"] {
            within(client.publish("a/b", payload.to_vec()).qos(qos)).await.unwrap();
            assert!(next(&mut stream).await.payload == payload, "{version} {qos:?}");
        }
        leave(client).await;
    }
}

async fn leave(client: Client) {
    assert!(within(client.disconnect(crate::HANG)).await.unwrap().is_empty());
}

#[tokio::test]
async fn messages_go_over_tls() {
    let (ca, directory) = (Ca::new("the CA"), directory("mosquitto-tls"));
    let broker = Mosquitto::start_with(&tls_settings(&directory, &ca, &ca.server(|_| {})));
    let options = ConnectOptions::new(&broker.address_of("mqtts", "localhost")).unwrap();
    carries(options.clone().tls(Tls::new().ca(ca.pem()))).await;

    let error = within(connect(options)).await.unwrap_err();
    assert!(matches!(error, ConnectionError::Tls(TlsError::UnknownIssuer)), "{error}");
}

#[tokio::test]
async fn a_client_is_known_by_its_certificate() {
    let (ca, directory) = (Ca::new("the CA"), directory("mosquitto-certificates"));
    let (known, revoked, strange) = (ca.client(), ca.client(), Ca::new("another").client());
    let list = write(&directory, "revoked.pem", ca.crl(&[&revoked], FUTURE));
    let settings = tls_settings(&directory, &ca, &ca.server(|_| {}));
    let settings =
        format!("{settings}require_certificate true\nuse_identity_as_username true\ncrlfile {list}\n");
    for tls_version in ["tlsv1.2", "tlsv1.3"] {
        let broker = Mosquitto::start_with(&format!("{settings}tls_version {tls_version}\n"));
        let options = ConnectOptions::new(&broker.address_of("mqtts", "localhost")).unwrap();
        let trust = Tls::new().ca(ca.pem());
        let identity = |leaf: &Leaf| trust.clone().certificate(leaf.pem.clone(), leaf.key.serialize_pem());
        carries(options.clone().tls(identity(&known))).await;
        for (tls, expected) in [
            (trust.clone(), [AlertDescription::CertificateRequired, AlertDescription::HandshakeFailure]),
            (identity(&strange), [AlertDescription::UnknownCA; 2]),
            (identity(&revoked), [AlertDescription::CertificateRevoked; 2]),
        ] {
            let error = within(connect(options.clone().tls(tls))).await.unwrap_err();
            match error {
                ConnectionError::Tls(TlsError::Alert(alert)) => {
                    assert!(expected.contains(&alert), "{tls_version}: {alert:?}");
                }
                other => panic!("{tls_version}: {other}"),
            }
        }
    }
}

#[tokio::test]
async fn messages_go_over_a_unix_socket() {
    let path = std::env::temp_dir().join(format!("mosquitto-{}.sock", std::process::id()));
    let path = path.to_str().unwrap();
    let _broker = Mosquitto::start_with(&format!("allow_anonymous true\nlistener 0 {path}\n"));
    carries(ConnectOptions::new(&format!("unix://{path}")).unwrap()).await;
    fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn a_wrong_transport_is_told_from_a_server_that_is_down() {
    let (ca, directory) = (Ca::new("the CA"), directory("mosquitto-wrong"));
    let plain = Mosquitto::start();
    let secured = Mosquitto::start_with(&tls_settings(&directory, &ca, &ca.server(|_| {})));
    for (address, text) in [
        (
            plain.address_of("mqtts", "localhost"),
            "TLS: the server ended the connection during the TLS handshake",
        ),
        (plain.address_of("ws", "localhost"), "WebSocket: the server ended the connection without an answer"),
        (secured.address_of("mqtt", "localhost"), "the server ended the connection instead of accepting it"),
    ] {
        let options = ConnectOptions::new(&address).unwrap().version(Version::V5);
        let error = within(connect(options)).await.unwrap_err().to_string();
        assert!(error.starts_with(text), "{address}: {error}");
    }
}
