//! HAProxy in front of the broker, with both versions of the PROXY protocol.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;

use mqtt_broker::config::Listener;
use mqtt_broker::core::Counter;
use mqtt_codec::{QoS, Version};
use rustix::process::{Pid, Signal, kill_process};

use super::authority::Authority;
use super::peer::packets::{connect, publish};
use super::peer::{LOOPBACK, Peer, Running, start};
use super::run;
use crate::program::locate;

/// A running HAProxy. Dropping it ends it.
struct Proxy {
    process: Pid,
    address: SocketAddr,
}

impl Proxy {
    /// Starts one that passes connections on to the broker. It goes to the background when it listens.
    fn start(directory: &Authority, broker: &Running, header: &str) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = free.local_addr().expect("bound");
        drop(free);
        let settings = format!(
            "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n\
             listen mqtt\n  bind {address}\n  server broker {} {header}\n",
            broker.address
        );
        let file = directory.write("haproxy.cfg", &settings);
        let process = directory.directory.join("haproxy.pid");
        let mut command = Command::new(locate("haproxy", "haproxy"));
        command.arg("-D").arg("-p").arg(&process).arg("-f").arg(file);
        let started = run(command);
        assert_eq!(started.code, Some(0), "{}", started.errors);
        let process = fs::read_to_string(process).expect("the number of a process");
        let process = process.trim().parse().ok().and_then(Pid::from_raw).expect("the number of a process");
        Self { process, address }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // it may have ended by itself
        let _ = kill_process(self.process, Signal::KILL);
    }
}

#[test]
fn clients_come_through_it_with_both_versions_of_its_header() {
    let directory = Authority::new();
    let listener = Listener {
        proxy_protocol: true,
        trusted_proxies: vec!["127.0.0.0/8".parse().expect("a network")],
        ..Listener::from(LOOPBACK)
    };
    let broker = start(2, |config| config.listeners = vec![listener]);
    for header in ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options unique-id,authority"] {
        let proxy = Proxy::start(&directory, &broker, header);
        let mut one = Peer::connect(proxy.address, connect(Version::V5, "one"));
        let mut other = Peer::connect(proxy.address, connect(Version::V3_1_1, "other"));
        one.subscribe(&["t"], QoS::AtLeastOnce);
        other.send(&[publish("t", header, QoS::AtMostOnce, 0)]);
        assert_eq!(one.messages(1), [header]);
    }
    assert_eq!(broker.handle.count(Counter::ProxyMalformed), 0);
    broker.shut_down();
}
