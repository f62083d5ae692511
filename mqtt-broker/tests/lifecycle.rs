//! Connections from accept to close, and the broker from start to stop, over sockets.
#![cfg(feature = "net")]

mod peer;

use std::io::{Read, Write};
use std::net::{Ipv6Addr, Shutdown, SocketAddr, TcpStream};
use std::num::NonZeroU16;
use std::time::Duration;

use mqtt_broker::Broker;
use mqtt_broker::config::{Config, Listener};
use mqtt_broker::core::Counter;
use mqtt_codec::{Connect, Packet, QoS, ReasonCode, Version};
use peer::packets::{connect, connect_kept, disconnect_reason, publish, subscribe, will};
use peer::{LOOPBACK, Peer, Running, start};

fn watcher(broker: &Running) -> Peer {
    let mut watcher = broker.connect(connect(Version::V5, "watcher"));
    watcher.subscribe(&["#"], QoS::AtMostOnce);
    watcher
}

fn with_will(id: &str) -> Connect {
    Connect { will: Some(will("will", id, 0)), ..connect(Version::V5, id) }
}

#[tokio::test]
async fn threads_that_do_not_hang_have_worked_whenever_they_are_asked() {
    for listeners in [vec![], vec!["tcp://127.0.0.1:0".parse().unwrap()]] {
        let config = Config { listeners, shards: NonZeroU16::new(3).unwrap(), ..Config::default() };
        let mut broker = Broker::builder().config(config).start().await.unwrap();
        assert!(broker.has_worked(), "the first time there is nothing to compare with");
        for _ in 0..5 {
            while !broker.has_worked() {
                tokio::task::yield_now().await;
            }
        }
        broker.shutdown().await;
    }
}

#[test]
fn a_client_that_closes_its_half_is_heard_out_and_lost() {
    let broker = start(2, |_| {});
    let mut watcher = watcher(&broker);
    for number in 0..20 {
        let mut peer = Peer::open(broker.address);
        let id = format!("client{number}");
        let bytes =
            peer.encode(&[Packet::Connect(with_will(&id)), publish("t", "last words", QoS::AtLeastOnce, 1)]);
        peer.stream.write_all(&bytes).unwrap();
        peer.stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(watcher.messages(2), ["last words".to_owned(), id]);
    }
    broker.wait_for_connected(&mut watcher, 1);
    broker.shut_down();
}

#[test]
fn a_client_that_is_reset_is_lost_wherever_it_stood() {
    let broker = start(2, |_| {});
    let mut watcher = watcher(&broker);
    for number in 0..20 {
        let mut peer = broker.connect(with_will(&format!("client{number}")));
        // in the middle of a packet
        peer.stream.write_all(&[0x30, 100, 0, 1, b'a']).unwrap();
        peer.reset();
        assert_eq!(watcher.messages(1), [format!("client{number}")]);

        let mut stranger = Peer::open(broker.address);
        stranger.stream.write_all(&[0x10, 20]).unwrap();
        stranger.reset();
    }
    broker.wait_for_connected(&mut watcher, 1);
    broker.shut_down();
}

#[test]
fn a_stranger_that_says_nothing_or_half_a_connect_is_sent_away() {
    let broker = start(1, |config| config.lobby.connect_timeout = Duration::from_millis(50));
    let mut client = broker.connect(connect(Version::V5, "client"));
    let mut silent = Peer::open(broker.address);
    let mut half = Peer::open(broker.address);
    half.stream.write_all(&[0x10, 20, 0]).unwrap();
    assert_eq!(silent.next(), None);
    assert_eq!(half.next(), None);
    assert_eq!(broker.handle.count(Counter::ClientsRefused), 2);
    client.ping();
    broker.shut_down();
}

#[test]
fn a_stranger_beyond_the_limit_takes_the_place_of_the_oldest_until_one_is_known() {
    let broker = start(1, |config| config.lobby.half_open = 3);
    let mut oldest = Peer::open(broker.address);
    let mut strangers: Vec<Peer> = (0..3).map(|_| Peer::open(broker.address)).collect();
    assert_eq!(oldest.next(), None);
    // one becomes a client, one is refused, one goes: three places are free again
    let client = strangers.pop().unwrap().introduce(connect(Version::V5, "client"));
    let mut wrong = strangers.pop().unwrap();
    wrong.stream.write_all(&[0xC0, 0]).unwrap();
    assert_eq!(wrong.next(), None);
    let mut gone = strangers.pop().unwrap();
    gone.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(gone.next(), None);
    let again: Vec<Peer> = (0..3).map(|_| Peer::open(broker.address)).collect();
    assert_eq!(broker.handle.count(Counter::RefusedHalfOpen), 1);
    for (number, stranger) in again.into_iter().enumerate() {
        stranger.introduce(connect(Version::V5, &format!("client{number}"))).ping();
    }
    drop(client);
    broker.shut_down();
}

#[test]
fn connections_beyond_the_limit_are_turned_away_until_one_ends() {
    let broker = start(2, |config| config.limits.connections = 2);
    let mut one = broker.connect(connect(Version::V5, "one"));
    let two = broker.connect(connect(Version::V5, "two"));
    assert_eq!(Peer::open(broker.address).next(), None);
    drop(two);
    broker.wait_for_connected(&mut one, 1);
    // its place is given back before it is counted out
    broker.connect(connect(Version::V5, "three")).ping();
    broker.shut_down();
}

#[test]
fn every_listener_serves_the_same_broker() {
    let broker = start(2, |config| {
        config.listeners.push(Listener::from(LOOPBACK));
        // a machine without IPv6 has two listeners
        let address = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
        if std::net::TcpListener::bind(address).is_ok() {
            config.listeners.push(Listener::from(address));
        }
    });
    let addresses = broker.handle.addresses().to_vec();
    let mut peers: Vec<Peer> = addresses
        .iter()
        .map(|address| Peer::connect(*address, connect(Version::V5, &address.to_string())))
        .collect();
    peers.iter_mut().for_each(|peer| peer.subscribe(&["t"], QoS::AtMostOnce));
    for index in 0..peers.len() {
        peers[index].send(&[publish("t", index.to_string(), QoS::AtMostOnce, 0)]);
        for peer in &mut peers {
            assert_eq!(peer.messages(1), [index.to_string()]);
        }
    }
    broker.shut_down();
}

#[test]
fn a_port_can_be_served_again_at_once() {
    let first = start(2, |_| {});
    let address = first.address;
    let mut client = first.connect(connect(Version::V5, "client"));
    first.shut_down();
    while client.next().is_some() {}
    let second = start(1, |config| config.listeners = vec![Listener::from(address)]);
    assert_eq!(second.address, address);
    second.connect(connect(Version::V5, "client")).ping();
    second.shut_down();
}

#[test]
fn a_port_in_use_is_an_error_and_nothing_runs() {
    let first = start(1, |_| {});
    let listeners = vec![Listener::from(LOOPBACK), Listener::from(first.address)];
    let config = Config { listeners, ..Config::default() };
    let error = first.runtime.block_on(Broker::builder().config(config).start()).err().expect("in use");
    assert!(error.to_string().starts_with(&format!("cannot listen on tcp://{}: ", first.address)), "{error}");
    first.shut_down();
}

#[test]
fn shutting_down_tells_clients_and_does_not_wait_for_those_who_do_not_read() {
    let broker = start(3, |config| config.limits.linger = Duration::from_millis(100));
    let mut new: Vec<Peer> =
        (0..10).map(|number| broker.connect(connect(Version::V5, &format!("new{number}")))).collect();
    let mut old: Vec<Peer> =
        (0..10).map(|number| broker.connect(connect(Version::V3_1_1, &format!("old{number}")))).collect();
    let mut stranger = Peer::open(broker.address);
    let mut slow = Peer::narrow(broker.address, connect_kept(Version::V5, "slow"));
    slow.subscribe(&["t"], QoS::AtMostOnce);
    for _ in 0..1_000 {
        new[0].send(&[publish("t", "x".repeat(10_000), QoS::AtMostOnce, 0)]);
    }
    new[0].ping();
    broker.shut_down();
    for peer in &mut new {
        let last: Vec<Packet> = std::iter::from_fn(|| peer.next()).collect();
        assert_eq!(disconnect_reason(&last), Some(ReasonCode::ServerShuttingDown));
    }
    for peer in &mut old {
        assert_eq!(peer.next(), None);
    }
    assert_eq!(stranger.next(), None);
}

#[test]
fn dropping_the_handle_stops_the_broker() {
    let Running { handle, runtime: _runtime, address } = start(2, |_| {});
    let mut client = Peer::connect(address, connect(Version::V5, "client"));
    drop(handle);
    let last: Vec<Packet> = std::iter::from_fn(|| client.next()).collect();
    assert_eq!(disconnect_reason(&last), Some(ReasonCode::ServerShuttingDown));
    drop(client);
    // its threads close the listeners on their own time
    while TcpStream::connect(address).is_ok() {}
}

/// A random sequence of steps, the same for each seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound) as usize
    }
}

#[test]
fn after_any_ends_of_connections_all_places_are_free() {
    const PLACES: usize = 12;
    let broker = start(3, |config| {
        config.lobby.half_open = PLACES;
        config.limits.connections = PLACES + 1;
        config.limits.linger = Duration::from_millis(1);
    });
    let mut watcher = watcher(&broker);
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    let mut peers: Vec<TcpStream> = Vec::new();
    for step in 0..3_000 {
        if peers.len() < PLACES && random.below(3) > 0 {
            let stream = TcpStream::connect(broker.address).unwrap();
            stream.set_nodelay(true).unwrap();
            peers.push(stream);
            continue;
        }
        let Some(index) = (!peers.is_empty()).then(|| random.below(peers.len() as u64)) else { continue };
        let mut bytes = Vec::new();
        let id = format!("client{}", random.below(5));
        Packet::Connect(with_will(&id)).encode(Version::V5, &mut bytes).unwrap();
        match random.below(8) {
            0 => bytes.truncate(random.below(bytes.len() as u64)),
            1 => bytes.extend_from_slice(&[0xE0, 0]),
            2 => bytes.extend_from_slice(&[0xFF, 0xFF]),
            3 => subscribe(&["t"], QoS::AtLeastOnce).encode(Version::V5, &mut bytes).unwrap(),
            4 => bytes = vec![0xC0, 0],
            _ => publish("t", step.to_string(), QoS::ExactlyOnce, 1).encode(Version::V5, &mut bytes).unwrap(),
        }
        // the broker may have closed it already, for any of these
        let _ = peers[index].write_all(&bytes);
        match random.below(6) {
            0 => drop(peers.swap_remove(index)),
            1 => {
                let socket = socket2::Socket::from(peers.swap_remove(index));
                socket.set_linger(Some(Duration::ZERO)).unwrap();
            }
            2 => drop(peers[index].shutdown(Shutdown::Write)),
            3 => {
                peers[index].set_nonblocking(true).unwrap();
                let _ = peers[index].read(&mut [0; 1_000]);
                peers[index].set_nonblocking(false).unwrap();
            }
            _ => {}
        }
        if step % 50 == 0 {
            watcher.ping();
        }
    }
    peers.clear();
    broker.wait_for_connected(&mut watcher, 1);
    // every place can be taken, half open and as a client
    for _ in 0..1_000_000 {
        watcher.ping();
        let mut strangers: Vec<Peer> = (0..PLACES).map(|_| Peer::open(broker.address)).collect();
        let known: Vec<bool> = strangers
            .iter_mut()
            .enumerate()
            .map(|(number, stranger)| {
                let bytes =
                    stranger.encode(&[Packet::Connect(connect(Version::V5, &format!("last{number}")))]);
                stranger.stream.write_all(&bytes).is_ok() && stranger.next().is_some()
            })
            .collect();
        // strangers of before may still be on their way out
        if known.iter().all(|known| *known) {
            return broker.shut_down();
        }
    }
    panic!("places are lost");
}

#[cfg(target_os = "linux")]
#[test]
fn a_broker_out_of_files_accepts_again_when_it_has_some() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    let mut program = Command::new("sh")
        .args(["-c", "ulimit -n 24; exec \"$0\" --memory --listen tcp://127.0.0.1:0"])
        .arg(env!("CARGO_BIN_EXE_mqtt-broker"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let (_, rest) = line.split_once("tcp://").expect("an address");
    let address = rest.split([',', ';']).next().unwrap().parse().unwrap();
    let waiting: Vec<Peer> = (0..40)
        .map(|number| {
            let mut peer = Peer::open(address);
            let bytes = peer.encode(&[Packet::Connect(connect(Version::V5, &format!("client{number}")))]);
            peer.stream.write_all(&bytes).unwrap();
            peer
        })
        .collect();
    for (number, mut peer) in waiting.into_iter().enumerate() {
        // each is accepted at the latest when those before it have gone
        assert!(matches!(peer.next(), Some(Packet::ConnAck(_))), "client {number}");
    }
    program.kill().unwrap();
    program.wait().unwrap();
}

#[test]
fn a_flood_of_strangers_is_taken_in_by_all_listeners() {
    const STRANGERS: usize = 300;
    let broker = start(1, |config| config.listeners.push(Listener::from(LOOPBACK)));
    let mut client = broker.connect(connect(Version::V5, "client"));
    let addresses = broker.handle.addresses().to_vec();
    let mut strangers: Vec<Peer> =
        (0..STRANGERS).map(|number| Peer::open(addresses[number % addresses.len()])).collect();
    client.ping();
    for (number, stranger) in strangers.drain(..).enumerate() {
        stranger.introduce(connect(Version::V5, &format!("stranger{number}"))).ping();
    }
    broker.wait_for_connected(&mut client, 1);
    broker.shut_down();
}

#[test]
fn a_client_that_finds_no_room_for_a_session_is_told_and_gives_its_place_back() {
    let broker = start(2, |config| {
        config.limits.sessions = 1;
        config.lobby.half_open = 1;
    });
    let mut first = broker.connect(connect(Version::V5, "first"));
    for number in 0..20 {
        let mut refused = Peer::open(broker.address);
        refused.send(&[Packet::Connect(connect(Version::V5, &format!("c{number}")))]);
        let answer = refused.next();
        assert!(
            matches!(&answer, Some(Packet::ConnAck(connack)) if connack.reason == ReasonCode::QuotaExceeded),
            "{answer:?}"
        );
        assert_eq!(refused.next(), None);
    }
    assert_eq!(broker.handle.count(Counter::ClientsRefused), 20);
    first.ping();
    broker.shut_down();
}
