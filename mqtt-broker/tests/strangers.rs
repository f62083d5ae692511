//! Strangers over sockets: whatever they do, they meet a limit that is counted by its name, and clients go on.
#![cfg(feature = "net")]

mod peer;

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use mqtt_broker::config::{Config, Listener, StageLimits};
use mqtt_broker::core::Counter;
use mqtt_codec::{Packet, Version};
use peer::packets::connect;
use peer::{LOOPBACK, Peer, Running, start};
use socket2::{Domain, Socket, Type};

/// Long enough that no test waits for it.
const NEVER: Duration = Duration::from_secs(3_600);
const SHORT: Duration = Duration::from_millis(50);

/// A broker that treats loopback addresses like all others, with a client of it.
fn strict(change: impl FnOnce(&mut Config)) -> (Running, Peer) {
    let broker = start(1, |config| {
        config.lobby.exempt = vec!["127.0.0.1".parse().unwrap()];
        change(config);
    });
    let client = broker.connect(connect(Version::V5, "client"));
    (broker, client)
}

/// A connection of another of this machine's addresses.
fn open_from(source: u8, target: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, source), 0)).into()).unwrap();
    socket.connect(&target.into()).unwrap();
    let stream: TcpStream = socket.into();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// Whether the broker has ended the connection; waits until it has, or has answered.
fn is_ended(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 64]) {
        Ok(len) => len == 0,
        Err(error) => matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
    }
}

/// Whether a CONNECT is answered.
fn is_served(mut stream: TcpStream, id: &str) -> bool {
    let mut bytes = Vec::new();
    Packet::Connect(connect(Version::V5, id)).encode(Version::V5, &mut bytes).unwrap();
    stream.write_all(&bytes).is_ok() && matches!(stream.read(&mut [0; 64]), Ok(1..))
}

/// A CONNECT of 16 KiB that does not end.
fn endless_connect() -> Vec<u8> {
    let mut bytes = vec![0x10, 0x80, 0x80, 0x01];
    bytes.resize(16_000, 0);
    bytes
}

#[test]
fn a_connect_that_comes_byte_by_byte_is_not_waited_for() {
    let (broker, mut client) = strict(|config| config.lobby.connect_timeout = Duration::from_millis(300));
    let mut slow = open_from(2, broker.address);
    slow.set_nonblocking(true).unwrap();
    for byte in endless_connect() {
        client.ping();
        let ended = slow.write_all(&[byte]).is_err();
        match slow.read(&mut [0]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock && !ended => {}
            _ => break,
        }
    }
    assert_eq!(broker.handle.count(Counter::LateConnect), 1);
    assert_eq!(broker.handle.count(Counter::ClientsRefused), 1);
    broker.shut_down();
}

#[test]
fn a_listener_may_be_stricter_than_the_others() {
    let (broker, mut client) = strict(|config| {
        (config.lobby.connect_timeout, config.lobby.timeout) = (NEVER, NEVER);
        let lobby =
            StageLimits { timeout: Some(SHORT), connect_packet_size: Some(1_000), ..StageLimits::default() };
        config.listeners.push(Listener { lobby, ..Listener::from(LOOPBACK) });
    });
    let strict = broker.handle.addresses()[1];
    let mut patient = open_from(2, broker.address);
    patient.write_all(&endless_connect()).unwrap();
    assert!(is_ended(&mut open_from(2, strict)));
    assert_eq!(broker.handle.count(Counter::LateInAll), 1);
    let mut large = open_from(2, strict);
    large.write_all(&endless_connect()[..5]).unwrap();
    assert!(is_ended(&mut large));
    assert_eq!(broker.handle.count(Counter::RefusedMalformed), 1);
    assert!(is_served(open_from(2, strict), "small"));
    client.ping();
    // the others are as before
    patient.write_all(&[0]).unwrap();
    client.ping();
    assert_eq!(broker.handle.count(Counter::ClientsRefused), 2);
    broker.shut_down();
}

#[test]
fn all_stages_together_have_a_limit_of_their_own() {
    let (broker, mut client) = strict(|config| {
        config.lobby.timeout = SHORT;
        config.lobby.connect_timeout = NEVER;
    });
    let mut half = open_from(2, broker.address);
    half.write_all(&[0x10, 20, 0, 4]).unwrap();
    assert!(is_ended(&mut half));
    assert_eq!(broker.handle.count(Counter::LateInAll), 1);
    client.ping();
    broker.shut_down();
}

#[test]
fn garbage_is_refused_at_once() {
    let (broker, mut client) = strict(|config| {
        (config.lobby.connect_timeout, config.lobby.timeout) = (NEVER, NEVER);
    });
    let garbage = [&[0, 0][..], &[0x20, 2], b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00\x01", &[0xFF]];
    for bytes in garbage {
        let mut stream = open_from(2, broker.address);
        stream.write_all(bytes).unwrap();
        assert!(is_ended(&mut stream), "{bytes:?}");
    }
    assert_eq!(broker.handle.count(Counter::RefusedMalformed), 5);
    client.ping();
    broker.shut_down();
}

#[test]
fn thousands_that_say_nothing_make_room_for_each_other_and_for_clients() {
    const STRANGERS: usize = 2_000;
    let (broker, mut client) = strict(|config| {
        config.lobby.half_open = 100;
        config.lobby.connect_timeout = NEVER;
    });
    let mut silent = Vec::new();
    for number in 0..STRANGERS {
        silent.push(open_from(2, broker.address));
        if number % 100 == 99 {
            client.ping();
            assert!(is_served(open_from(3, broker.address), "newcomer"));
        }
    }
    assert!(broker.handle.count(Counter::RefusedHalfOpen) >= (STRANGERS - 100) as u64);
    // those that came first have gone first
    assert!(silent.iter_mut().take(STRANGERS - 100).all(is_ended));
    client.ping();
    broker.shut_down();
}

#[test]
fn an_address_has_so_many_strangers_and_others_have_theirs() {
    let (broker, mut client) = strict(|config| config.lobby.half_open_per_address = 2);
    let one = open_from(2, broker.address);
    let _two = open_from(2, broker.address);
    assert!(is_ended(&mut open_from(2, broker.address)));
    assert_eq!(broker.handle.count(Counter::RefusedHalfOpenPerAddress), 1);
    assert!(is_served(open_from(3, broker.address), "other"));
    // one of them becomes a client: there is a place again
    assert!(is_served(one, "one"));
    assert!(is_served(open_from(2, broker.address), "three"));
    client.ping();
    broker.shut_down();
}

#[test]
fn an_address_that_connects_too_often_has_to_wait_and_others_have_not() {
    let (broker, mut client) = strict(|config| (config.lobby.rate, config.lobby.burst) = (1, 3));
    let burst: Vec<TcpStream> = (0..3).map(|_| open_from(2, broker.address)).collect();
    for (number, stream) in burst.into_iter().enumerate() {
        assert!(is_served(stream, &format!("burst{number}")));
    }
    // more than one a second
    let more = (0..1_000).find(|number| !is_served(open_from(2, broker.address), &format!("more{number}")));
    assert!(more.is_some());
    assert_eq!(broker.handle.count(Counter::RefusedRate), 1);
    assert!(is_served(open_from(3, broker.address), "other"));
    client.ping();
    broker.shut_down();
}

#[test]
fn an_address_that_fails_too_often_is_turned_away_at_the_door() {
    let (broker, mut client) = strict(|config| {
        config.lobby.failures = 2;
        (config.lobby.delay, config.lobby.delay_maximum) = (NEVER, NEVER);
    });
    for _ in 0..3 {
        let mut stream = open_from(2, broker.address);
        stream.write_all(&[0xFF, 0xFF]).unwrap();
        assert!(is_ended(&mut stream));
    }
    assert!(!is_served(open_from(2, broker.address), "offender"));
    assert_eq!(broker.handle.count(Counter::RefusedDelay), 1);
    assert!(is_served(open_from(3, broker.address), "other"));
    // and exempt addresses may fail as often as they like
    for _ in 0..20 {
        let mut stream = open_from(1, broker.address);
        stream.write_all(&[0xFF, 0xFF]).unwrap();
        assert!(is_ended(&mut stream));
    }
    client.ping();
    broker.shut_down();
}

#[test]
fn connections_that_give_up_by_themselves_are_no_failures() {
    let (broker, mut client) = strict(|config| {
        config.lobby.failures = 0;
        (config.lobby.delay, config.lobby.delay_maximum) = (NEVER, NEVER);
    });
    for _ in 0..50 {
        // as programs do that look whether a port is open
        drop(open_from(2, broker.address));
    }
    client.ping();
    assert!(is_served(open_from(2, broker.address), "one"));
    assert_eq!(broker.handle.count(Counter::RefusedDelay), 0);
    broker.shut_down();
}

#[test]
fn nobody_holds_much_of_the_memory_of_strangers() {
    let (broker, mut client) = strict(|config| {
        config.lobby.bytes = 64 << 10;
        config.lobby.connect_timeout = NEVER;
    });
    let mut large = open_from(2, broker.address);
    large.write_all(&endless_connect()).unwrap();
    assert!(is_ended(&mut large));
    assert_eq!(broker.handle.count(Counter::RefusedBytes), 1);
    let mut small = open_from(2, broker.address);
    small.write_all(&[0x10, 20, 0]).unwrap();
    client.ping();
    assert!(is_served(open_from(3, broker.address), "other"));
    assert_eq!(broker.handle.count(Counter::RefusedBytes), 1);
    broker.shut_down();
}

#[test]
fn who_is_refused_and_reads_nothing_does_not_stay() {
    let (broker, mut client) = strict(|config| {
        config.limits.connections = 20;
        config.limits.linger = SHORT;
    });
    let level = [&[0x10, 12, 0, 4][..], b"MQTT", &[9, 2, 0, 0, 0, 0]].concat();
    for _ in 0..200 {
        let mut refused = open_from(2, broker.address);
        refused.write_all(&level).unwrap();
        // it neither reads nor closes, and all connections have a place one after the other
        while broker.handle.count(Counter::RefusedConnections) == 0 && !is_answered(&refused) {
            client.ping();
        }
        std::mem::forget(refused);
        if broker.handle.count(Counter::RefusedConnections) > 0 {
            break;
        }
    }
    // the places were taken, and become free again
    while !is_served(open_from(3, broker.address), "other") {
        client.ping();
    }
    broker.shut_down();
}

fn is_answered(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    matches!(stream.peek(&mut [0; 8]), Ok(1..))
}

#[test]
fn behind_a_proxy_the_addresses_that_it_names_are_limited() {
    let (broker, mut client) = strict(|config| {
        config.lobby.half_open_per_address = 1;
        config.lobby.proxy_timeout = SHORT;
        config.lobby.connect_timeout = NEVER;
        let mut listener = Listener::from(LOOPBACK);
        listener.proxy_protocol = true;
        listener.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        config.listeners.push(listener);
    });
    let address = proxied(&broker);
    let named = |client: u8| {
        let mut stream = open_from(9, address);
        write!(stream, "PROXY TCP4 192.0.2.{client} 127.0.0.1 4660 1883\r\n").unwrap();
        stream
    };
    let mut one = named(1);
    one.write_all(&[0x10]).unwrap();
    while broker.handle.count(Counter::RefusedHalfOpenPerAddress) == 0 {
        let mut again = named(1);
        let _ = again.write_all(&[0x10]);
        client.ping();
    }
    assert!(is_served(named(2), "other"));
    // who does not even send the header in time
    assert!(is_ended(&mut open_from(9, address)));
    assert_eq!(broker.handle.count(Counter::LateProxy), 1);
    broker.shut_down();
}

#[test]
fn a_header_of_a_proxy_has_a_size() {
    let (broker, mut client) = strict(|config| {
        config.lobby.proxy_bytes = 64;
        let mut listener = Listener::from(LOOPBACK);
        listener.proxy_protocol = true;
        listener.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        config.listeners.push(listener);
    });
    let mut stream = open_from(9, proxied(&broker));
    let header = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x02\0"[..], &[0; 100]].concat();
    stream.write_all(&header).unwrap();
    assert!(is_ended(&mut stream));
    assert_eq!(broker.handle.count(Counter::LongProxy), 1);
    client.ping();
    broker.shut_down();
}

/// The address of the second listener.
fn proxied(broker: &Running) -> SocketAddr {
    broker.handle.addresses()[1]
}
