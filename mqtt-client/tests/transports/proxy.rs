//! Servers behind proxies.

use mqtt_client::{ConnectionError, Proxy, ProxyError, Tls};
use rustls::ALL_VERSIONS;

use crate::certificates::Ca;
use crate::proxies::{http, socks5};
use crate::servers::{DISCONNECT, Server, config, serve, tls};
use crate::websocket::Peer;
use crate::{accepted, leave, options, refused};

/// Names that no resolver knows, so that only the proxy can have found them.
const HOST: &str = "broker.invalid";

fn at(proxy: &Server<String>, scheme: &str) -> Proxy {
    format!("{scheme}127.0.0.1:{}", proxy.port()).parse().unwrap()
}

#[tokio::test]
async fn a_socks5_proxy_looks_the_server_up_itself() {
    let mut server = Server::start(serve).await;
    let mut open = socks5(server.address, None, 0).await;
    let mut locked = socks5(server.address, Some("me:a b"), 0).await;
    let address = format!("mqtt://{HOST}");
    leave(accepted(options(&address).proxy(at(&open, "socks5://"))).await).await;
    assert_eq!(open.seen().await, "broker.invalid:1883");
    leave(accepted(options("tcp://192.0.2.7:99").proxy(at(&open, "socks5h://"))).await).await;
    assert_eq!(open.seen().await, "192.0.2.7:99");
    leave(accepted(options(&address).proxy(at(&locked, "socks5://me:a%20b@"))).await).await;
    assert_eq!(locked.seen().await, "me:a b@broker.invalid:1883");
    for _ in 0..3 {
        assert_eq!(server.seen().await.unwrap().1, DISCONNECT);
    }
}

#[tokio::test]
async fn an_http_proxy_looks_the_server_up_itself() {
    let mut server = Server::start(serve).await;
    let answer = "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n";
    let mut proxy = http(server.address, answer).await;
    let address = format!("mqtt://{HOST}");
    leave(accepted(options(&address).proxy(at(&proxy, "http://"))).await).await;
    let request = "CONNECT broker.invalid:1883 HTTP/1.1\r\nHost: broker.invalid:1883\r\n";
    assert_eq!(proxy.seen().await, format!("{request}\r\n"));
    leave(accepted(options(&address).proxy(at(&proxy, "http://Aladdin:open%20sesame@"))).await).await;
    // the example of RFC 7617
    let login = "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n";
    assert_eq!(proxy.seen().await, format!("{request}{login}\r\n"));
    leave(accepted(options("mqtt://[2001:db8::1]").proxy(at(&proxy, "http://"))).await).await;
    assert!(proxy.seen().await.starts_with("CONNECT [2001:db8::1]:1883 HTTP/1.1\r\n"));
    assert_eq!(server.seen().await.unwrap().1, DISCONNECT);
}

#[tokio::test]
async fn tls_and_websockets_go_through_a_proxy_as_well() {
    let ca = Ca::new("the CA");
    let leaf = ca.server(|params| {
        params.subject_alt_names =
            rcgen::CertificateParams::new([HOST.to_owned()]).unwrap().subject_alt_names;
    });
    let mut secured = tls(config(&leaf, None, ALL_VERSIONS)).await;
    let proxy = socks5(secured.address, None, 0).await;
    let options_of = |scheme: &str| options(&format!("{scheme}://{HOST}"));
    let options = options_of("mqtts").tls(Tls::new().ca(ca.pem()));
    leave(accepted(options.proxy(at(&proxy, "socks5://"))).await).await;
    assert_eq!(secured.seen().await.unwrap().server_name.as_deref(), Some(HOST));

    let mut web = Server::start(|stream| async move {
        let peer = Peer::accept(stream).await.unwrap().connected().await;
        peer.request.headers()["Host"].to_str().unwrap().to_owned()
    })
    .await;
    let proxy = http(web.address, "HTTP/1.1 200 OK\r\n\r\n").await;
    let client = accepted(options_of("ws").proxy(at(&proxy, "http://"))).await;
    assert_eq!(web.seen().await, HOST);
    drop(client);
}

#[tokio::test]
async fn what_an_http_proxy_refuses_is_named() {
    let server = Server::start(serve).await;
    for (answer, login, text) in [
        ("HTTP/1.1 403 Forbidden\r\n\r\n", "", "its rules forbid a tunnel"),
        ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\nbody", "", "it wants a user name and password"),
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            "a:b@",
            "it refuses the user name and password",
        ),
        ("HTTP/1.0 502 Bad Gateway\r\n\r\n", "", "it answered with status 502"),
        ("\u{5}\u{0}", "", "its answer is not one of this protocol"),
        ("HTTP/1.1 200 OK\r\n\r\nmore", "", "its answer is not one of this protocol"),
        ("", "", "it ended the connection without an answer"),
        ("HTTP/1.1 200 O", "", "it ended the connection without an answer"),
    ] {
        let proxy = http(server.address, answer).await;
        let at = at(&proxy, &format!("http://{login}"));
        let error = refused(options("mqtt://broker.invalid").proxy(at)).await.to_string();
        assert!(
            error.starts_with(&format!("the proxy http://127.0.0.1:{}: {text}", proxy.port())),
            "{error}"
        );
    }
}

#[tokio::test]
async fn an_answer_of_an_http_proxy_has_an_end() {
    let endless = Server::start(|mut stream| async move {
        use tokio::io::AsyncWriteExt;
        stream.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
        while stream
            .write_all(b"X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")
            .await
            .is_ok()
        {}
    });
    let proxy = Proxy::http("127.0.0.1", endless.await.port());
    match refused(options("mqtt://broker.invalid").proxy(proxy)).await {
        ConnectionError::Proxy { error: ProxyError::NotAProxy, .. } => {}
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn what_a_socks5_proxy_refuses_is_named() {
    let server = Server::start(serve).await;
    for (reply, text) in [
        (1, "it cannot reach the server (general failure)"),
        (2, "its rules forbid a tunnel"),
        (3, "it cannot reach the server (network unreachable)"),
        (4, "it cannot reach the server (host unreachable)"),
        (5, "it cannot reach the server (connection refused)"),
        (6, "it cannot reach the server (TTL expired)"),
        (7, "it cannot reach the server (command not supported)"),
        (8, "it cannot reach the server (address type not supported)"),
    ] {
        let proxy = socks5(server.address, None, reply).await;
        let error =
            refused(options("mqtt://broker.invalid").proxy(at(&proxy, "socks5://"))).await.to_string();
        assert!(error.contains(text), "{error}");
    }
    let locked = socks5(server.address, Some("me:secret"), 0).await;
    for (login, text) in [
        ("", "it wants a user name and password"),
        ("me:wrong@", "it refuses the user name"),
        ("me@", "have 1 to 255 bytes each"),
    ] {
        let error =
            refused(options("mqtt://broker.invalid").proxy(at(&locked, &format!("socks5://{login}")))).await;
        assert!(error.to_string().contains(text) && error.is_permanent(), "{error}");
    }
    let closed = Server::start(|stream| async move { drop(stream) }).await;
    let proxy = Proxy::socks5("127.0.0.1", closed.port());
    match refused(options("mqtt://broker.invalid").proxy(proxy)).await {
        ConnectionError::Proxy { error: ProxyError::Closed | ProxyError::Io(_), .. } => {}
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named_by_its_address() {
    let error = refused(options("mqtt://broker.invalid").proxy(Proxy::socks5("127.0.0.1", 1))).await;
    let start = "the proxy socks5://127.0.0.1:1: cannot connect to 127.0.0.1:1: ";
    assert!(error.to_string().starts_with(start), "{error}");
}
