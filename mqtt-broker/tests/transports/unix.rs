//! Unix sockets.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use mqtt_broker::Broker;
use mqtt_broker::config::{Address, Config, Listener};
use mqtt_codec::{Packet, QoS, Version};

use crate::authority::Authority;
use crate::peer::packets::{connect, publish};
use crate::peer::start;
use crate::secure::Secure;

fn client(path: &Path, id: &str) -> Secure<UnixStream> {
    Secure::over(UnixStream::connect(path).expect("it listens")).introduce(connect(Version::V5, id))
}

#[test]
fn clients_come_through_a_unix_socket_like_through_any_other() {
    let directory = Authority::new();
    let path = directory.directory.join("mqtt.sock");
    // left over from a broker that has ended without cleaning up
    drop(UnixListener::bind(&path).expect("a socket"));
    let listener = Listener { permissions: Some(0o600), ..Listener::new(Address::Unix(path.clone())) };
    let broker = start(3, |config| config.listeners.push(listener));
    assert_eq!(fs::symlink_metadata(&path).expect("a socket").mode() & 0o777, 0o600);
    assert_eq!(broker.handle.addresses().len(), 1);
    assert_eq!(broker.handle.listeners()[1].to_string(), format!("unix://{}", path.display()));

    let mut over_tcp = broker.connect(connect(Version::V5, "tcp"));
    over_tcp.subscribe(&["t"], QoS::AtMostOnce);
    for number in 0..10 {
        // some of them live on another shard
        let mut local = client(&path, &format!("local{number}"));
        local.subscribe("u", QoS::AtMostOnce);
        local.send(&[publish("t", "from here", QoS::AtMostOnce, 0)]).unwrap();
        assert_eq!(over_tcp.messages(1), ["from here"]);
        over_tcp.send(&[publish("u", "from there", QoS::AtMostOnce, 0)]);
        assert_eq!(local.messages(1), ["from there"]);
    }
    let mut last = client(&path, "last");
    broker.shut_down();
    assert!(matches!(last.next(), Packet::Disconnect(_)));
    assert!(!path.exists(), "the socket is removed");
}

#[test]
fn a_unix_socket_that_is_in_use_is_not_taken() {
    let directory = Authority::new();
    let path = directory.directory.join("mqtt.sock");
    let listener = Listener::new(Address::Unix(path.clone()));
    let broker = start(1, |config| config.listeners.push(listener.clone()));
    let config = Config { listeners: vec![listener], ..Config::default() };
    let error = broker.runtime.block_on(Broker::builder().config(config).start()).err().expect("in use");
    assert!(error.to_string().starts_with("cannot listen on unix:///"), "{error}");
    client(&path, "client").send(&[Packet::PingReq]).unwrap();
    broker.shut_down();
}
