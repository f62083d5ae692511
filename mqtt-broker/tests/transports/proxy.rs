//! Listeners behind proxies that speak the PROXY protocol.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;

use mqtt_broker::config::Listener;
use mqtt_broker::core::Counter;
use mqtt_codec::{Packet, Version};

use crate::authority::Authority;
use crate::peer::packets::connect;
use crate::peer::{LOOPBACK, Peer, Running, start};
use crate::secure::{Secure, TLS_1_3, config, connection};

const V1: &[u8] = b"PROXY TCP4 192.0.2.7 127.0.0.1 4660 1883\r\n";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\xc0\0\x02\x07\x7f\0\0\x01\x12\x34\x07\x5b\x04\0\0";
/// The proxy asks for itself whether the broker is there.
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

fn behind_proxies(listener: Listener, trusted: &str) -> Listener {
    Listener { proxy_protocol: true, trusted_proxies: vec![trusted.parse().expect(trusted)], ..listener }
}

fn serve(trusted: &str) -> Running {
    start(2, |config| config.listeners = vec![behind_proxies(Listener::from(LOOPBACK), trusted)])
}

fn through_proxy(broker: &Running, header: &[u8]) -> Peer {
    let mut peer = Peer::open(broker.address);
    peer.stream.write_all(header).unwrap();
    peer
}

#[test]
fn a_header_of_either_version_comes_before_connect() {
    let broker = serve("127.0.0.0/8");
    for (number, header) in [V1, V2, LOCAL, b"PROXY UNKNOWN\r\n"].into_iter().enumerate() {
        let id = format!("client{number}");
        through_proxy(&broker, header).introduce(connect(Version::V5, &id)).ping();
        // in one piece with CONNECT
        let mut peer = Peer::open(broker.address);
        let connect = peer.encode(&[Packet::Connect(connect(Version::V5, &id))]);
        peer.stream.write_all(&[header, &connect].concat()).unwrap();
        assert!(matches!(peer.next(), Some(Packet::ConnAck(_))));
    }
    broker.shut_down();
}

#[test]
fn a_header_may_come_byte_by_byte() {
    let broker = serve("127.0.0.1");
    for header in [V1, V2] {
        let mut peer = Peer::open(broker.address);
        peer.stream.set_nodelay(true).unwrap();
        header.iter().for_each(|&byte| peer.stream.write_all(&[byte]).unwrap());
        peer.introduce(connect(Version::V5, "client")).ping();
    }
    broker.shut_down();
}

#[test]
fn connections_that_do_not_come_through_a_trusted_proxy_are_refused() {
    let broker = serve("192.0.2.0/24");
    assert_eq!(through_proxy(&broker, V1).next(), None);
    assert_eq!(broker.handle.count(Counter::ProxyUntrusted), 1);
    broker.shut_down();

    let broker = serve("127.0.0.1");
    let mut direct = Peer::open(broker.address);
    direct.send(&[Packet::Connect(connect(Version::V5, "direct"))]);
    assert_eq!(direct.next(), None);
    assert_eq!(broker.handle.count(Counter::ProxyMalformed), 1);
    through_proxy(&broker, V2).introduce(connect(Version::V5, "client")).ping();
    broker.shut_down();
}

#[test]
fn the_limits_of_an_address_are_those_of_the_client_behind_the_proxy() {
    let broker = start(1, |config| {
        config.listeners = vec![behind_proxies(Listener::from(LOOPBACK), "127.0.0.1")];
        config.lobby.half_open_per_address = 2;
    });
    // each says where it is from, and then nothing
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut peer = through_proxy(&broker, V1);
        peer.stream.write_all(&[0x10]).unwrap();
        held.push(peer);
    }
    let header = |port: u16| format!("PROXY TCP4 192.0.2.7 127.0.0.1 {port} 1883\r\n");
    assert_eq!(through_proxy(&broker, header(1).as_bytes()).next(), None);
    assert_eq!(broker.handle.count(Counter::RefusedHalfOpenPerAddress), 1);
    let other = b"PROXY TCP4 192.0.2.8 127.0.0.1 4660 1883\r\n";
    through_proxy(&broker, other).introduce(connect(Version::V5, "other")).ping();
    broker.shut_down();
}

#[test]
fn a_proxy_passes_tls_on_behind_its_header() {
    let authority = Authority::new();
    let listener = behind_proxies(authority.listener(), "127.0.0.1");
    let broker = start(2, |config| config.listeners = vec![listener]);
    let config = Arc::new(config(&authority, TLS_1_3, None));
    for (number, header) in [V1, V2].into_iter().enumerate() {
        let mut socket = TcpStream::connect(broker.address).unwrap();
        let mut client = connection(&config);
        // in one piece with the beginning of the handshake
        let mut bytes = header.to_vec();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        socket.write_all(&bytes).unwrap();
        let stream = rustls::StreamOwned::new(client, socket);
        let mut client = Secure::over(stream).introduce(connect(Version::V5, &format!("client{number}")));
        client.send(&[Packet::PingReq]).unwrap();
        assert_eq!(client.next(), Packet::PingResp);
    }
    broker.shut_down();
}

#[test]
fn a_listener_may_have_fewer_connections_than_the_broker() {
    let listener = Listener { connections: Some(2), ..Listener::from(LOOPBACK) };
    let broker = start(2, |config| config.listeners = vec![listener, Listener::from(LOOPBACK)]);
    let mut one = broker.connect(connect(Version::V5, "one"));
    let two = broker.connect(connect(Version::V5, "two"));
    assert_eq!(Peer::open(broker.address).next(), None);
    assert_eq!(broker.handle.count(Counter::ListenerFull), 1);
    Peer::connect(broker.handle.addresses()[1], connect(Version::V5, "elsewhere")).ping();
    drop(two);
    broker.wait_for_connected(&mut one, 1);
    broker.connect(connect(Version::V5, "three")).ping();
    broker.shut_down();
}
