//! Our client with our broker by every transport, as the example `connect` uses it.

mod support;

use std::path::Path;
use std::process::{Command, Output};

use support::{Files, address, broker, urls};

/// Runs the example; trusts what the system would if that had this CA.
async fn run(arguments: &[&str], system_ca: &Path) -> Output {
    let test = std::env::current_exe().unwrap();
    let directory = test.parent().and_then(Path::parent).unwrap().join("examples");
    let mut command = Command::new(directory.join("connect").with_extension(std::env::consts::EXE_EXTENSION));
    command.args(arguments).env("SSL_CERT_FILE", system_ca).env_remove("SSL_CERT_DIR");
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn assert_greeted(output: &Output, address: &str) {
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said, format!("connected to {address}\nexamples/connect: hello\n"), "{output:?}");
    assert!(output.status.success());
}

#[tokio::test]
async fn guide_every_address_reaches_our_broker() {
    let files = Files::make("every-address");
    for url in urls("connect") {
        let broker = broker(files.listener(&url)).await;
        let address = address(&broker);
        // mqtts and wss need no further option where the system knows the CA
        assert_greeted(&run(&[&address], &files.ca).await, &address);
        let ca = files.ca.to_str().unwrap();
        assert_greeted(&run(&[&address, ca], &files.strange_ca).await, &address);
        broker.shutdown().await;
    }
}

#[tokio::test]
async fn guide_a_websocket_is_reached_by_the_address_that_browsers_write() {
    let files = Files::make("browser");
    let broker = broker(files.listener("ws://127.0.0.1:0/mqtt")).await;
    let address = format!("{}/mqtt", address(&broker));
    assert_greeted(&run(&[&address], &files.ca).await, &address);
    let with_login = address.replace("ws://", "ws://me:secret@");
    assert_greeted(&run(&[&with_login], &files.ca).await, address.trim_start_matches("ws://"));
    let elsewhere = address.replace("/mqtt", "/chat");
    let output = run(&[&elsewhere], &files.ca).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with("WebSocket: the server refused with status 404: look at the path"), "{said}");
    assert!(!output.status.success());
}

#[tokio::test]
async fn our_broker_knows_clients_by_their_certificates() {
    let files = Files::make("certificates");
    let mut listener = files.listener("tls://127.0.0.1:0");
    listener.client_ca = Some(files.ca.clone());
    let broker = broker(listener).await;
    let address = address(&broker);
    let [ca, certificate, key] =
        [&files.ca, &files.client[0], &files.client[1]].map(|path| path.to_str().unwrap());
    assert_greeted(&run(&[&address, ca, certificate, key], &files.ca).await, &address);
    for (arguments, text) in [
        (
            vec![&*address, ca],
            "TLS: the server refuses TLS: CertificateRequired; it wants a client certificate",
        ),
        (
            vec![&*address, files.strange_ca.to_str().unwrap()],
            "TLS: the server's certificate is from an unknown CA",
        ),
        (vec![&*address, certificate], "TLS: the server's certificate is from an unknown CA"),
        (vec![&*address, key], "TLS: there is no certificate in what was given as one"),
    ] {
        let output = run(&arguments, &files.ca).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.starts_with(text), "{said}");
    }
    let plain = address.replace("tls://", "mqtt://");
    let output = run(&[&plain], &files.ca).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with("the server ended the connection instead of accepting it"), "{said}");
}
