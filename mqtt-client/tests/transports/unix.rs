//! Sockets in the file system.
#![cfg(unix)]

use mqtt_client::{AddressError, ConnectionError, Transport};
use tokio::net::UnixListener;

use crate::servers::{DISCONNECT, serve};
use crate::{accepted, leave, options, refused, within};

#[tokio::test]
async fn guide_a_unix_socket_is_reached_by_its_path() {
    let path = std::env::temp_dir().join(format!("mqtt-client-{}.sock", std::process::id()));
    let path = path.to_str().unwrap();
    let listener = UnixListener::bind(path).unwrap();
    let served = tokio::spawn(async move {
        let mut packets = Vec::new();
        for _ in 0..2 {
            let (stream, _) = listener.accept().await.unwrap();
            packets.push(serve(stream).await.unwrap().1);
        }
        packets
    });
    leave(accepted(options(&format!("unix://{path}"))).await).await;
    leave(accepted(options("mqtt://unused").transport(Transport::Unix).path(path)).await).await;
    assert_eq!(within(served).await.unwrap(), [DISCONNECT, DISCONNECT]);
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn a_unix_socket_that_is_not_there_is_named() {
    let error = refused(options("unix:///nowhere/mqtt.sock")).await;
    assert!(matches!(error, ConnectionError::Unix { .. }), "{error}");
    assert!(error.to_string().starts_with("cannot connect to /nowhere/mqtt.sock: "), "{error}");
    let error = refused(options("mqtt://unused").transport(Transport::Unix)).await;
    assert!(matches!(error, ConnectionError::Address(AddressError::UnixPath)), "{error}");
}
