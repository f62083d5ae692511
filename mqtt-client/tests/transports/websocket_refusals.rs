//! Servers that make no WebSocket for MQTT.

use mqtt_client::{AddressError, ConnectionError, OptionProblem, Transport, UpgradeError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::servers::Server;
use crate::{options, refused};

/// How a client fails with a server that answers the request with this. `KEY` stands for the key of the handshake.
async fn refusal(answer: &'static str) -> ConnectionError {
    let server = Server::start(move |mut stream| async move {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            assert!(stream.read_buf(&mut request).await.unwrap() > 0);
        }
        let request = String::from_utf8(request).unwrap();
        let (_, key) = request.split_once("Sec-WebSocket-Key: ").unwrap();
        let key = derive_accept_key(key.lines().next().unwrap().as_bytes());
        stream.write_all(answer.replace("KEY", &key).as_bytes()).await.unwrap();
    });
    refused(options(&format!("ws://{}", server.await.address))).await
}

#[tokio::test]
async fn a_status_is_named_with_what_it_asks_for() {
    for (answer, status, text) in [
        ("HTTP/1.1 401 Unauthorized\r\n\r\n", 401, "look at the headers"),
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
            404,
            "look at the path; many servers have /mqtt",
        ),
        ("HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n", 301, "it wants another address"),
        ("HTTP/1.1 503 Busy\r\n\r\n", 503, "look at its log"),
        ("HTTP/1.1 200 OK\r\n\r\n", 200, "is this its port and path for WebSockets?"),
    ] {
        let error = refusal(answer).await;
        assert!(error.to_string().contains(text), "{error}");
        match error {
            ConnectionError::Upgrade(UpgradeError::Status(found)) => assert_eq!(found, status),
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn mqtt_5_0__6_0_0_4_a_server_that_does_not_choose_mqtt_is_refused() {
    let upgraded = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                    Sec-WebSocket-Accept: KEY\r\n\r\n";
    let error = refusal(upgraded).await;
    assert!(matches!(error, ConnectionError::Upgrade(UpgradeError::NoSubprotocol)), "{error}");
    let error = refusal(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: KEY\r\nSec-WebSocket-Protocol: chat\r\n\r\n",
    )
    .await;
    assert!(matches!(error, ConnectionError::Upgrade(UpgradeError::OtherSubprotocol)), "{error}");
}

#[tokio::test]
async fn an_extension_that_was_not_offered_is_refused() {
    let error = refusal(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: KEY\r\nSec-WebSocket-Protocol: mqtt\r\n\
         Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
    )
    .await;
    assert!(matches!(error, ConnectionError::Upgrade(UpgradeError::Extension)), "{error}");
}

#[tokio::test]
async fn a_port_that_is_not_for_websockets_is_named() {
    for answer in [
        "\u{20}\u{2}\0\0",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ] {
        let error = refusal(answer).await;
        assert!(matches!(error, ConnectionError::Upgrade(UpgradeError::NotWebSocket(_))), "{error}");
        assert!(
            error.to_string().starts_with("WebSocket: the server's answer makes no WebSocket"),
            "{error}"
        );
    }
    for answer in ["", "HTTP/1.1 101 Sw"] {
        let error = refusal(answer).await;
        assert!(matches!(error, ConnectionError::Upgrade(UpgradeError::Closed)), "{error}");
    }
}

#[tokio::test]
async fn headers_and_paths_that_http_cannot_carry_are_refused_before_dialling() {
    for (name, value) in [
        ("a b", "x"),
        ("X", "a\r\nb"),
        ("", "x"),
        ("Host", "x"),
        ("sec-websocket-key", "x"),
        ("Sec-WebSocket-Extensions", "permessage-deflate"),
    ] {
        let error = refused(options("ws://127.0.0.1:1").header(name, value)).await;
        let is_header =
            matches!(error, ConnectionError::Option { option: "header", problem: OptionProblem::Header });
        assert!(is_header, "{name}: {error}");
    }
    let typed = options("mqtt://127.0.0.1:1").transport(Transport::WebSocket);
    for path in ["mqtt", "/a b", ""] {
        let error = refused(typed.clone().path(path)).await;
        assert!(matches!(error, ConnectionError::Address(AddressError::Path)), "{path}: {error}");
    }
}

#[test]
fn no_debug_output_shows_the_value_of_a_header_or_a_query() {
    let options = options("ws://house/mqtt?signature=s3cret").header("Authorization", "Bearer s3cret");
    let shown = format!("{options:?}");
    assert!(shown.contains("Authorization") && !shown.contains("s3cret"), "{shown}");
}
