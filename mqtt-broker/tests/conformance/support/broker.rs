//! A broker on a port of its own, for one test.

use std::sync::Arc;
use std::time::Duration;

use mqtt_broker::auth::Authenticator;
use mqtt_broker::config::Config;
use mqtt_broker::core::Counter;
use mqtt_broker::{Broker, BrokerBuilder, BrokerHandle};
use mqtt_codec::Version;

use super::client::Client;

/// CONNACK with its Session Present flag, as the default configuration writes it.
pub(crate) fn connack(version: Version, session_present: bool) -> String {
    let flag = u8::from(session_present);
    match version {
        // Receive Maximum 1024, Maximum Packet Size 1 MiB, Topic Alias Maximum 10
        Version::V5 => format!("20: {flag:02X} 00 [21 0400 27 00100000 22 000A]"),
        Version::V3_1_1 => format!("20: {flag:02X} 00"),
        // 3.1 has no Session Present
        Version::V3_1 => "20: 00 00".to_owned(),
    }
}

/// The protocol name and level of a version, as CONNECT begins with them.
pub(crate) const fn protocol(version: Version) -> &'static str {
    match version {
        Version::V3_1 => "<MQIsdp> 03",
        Version::V3_1_1 => "<MQTT> 04",
        Version::V5 => "<MQTT> 05",
    }
}

/// CONNECT with a clean start and no keep alive.
pub(crate) fn clean(version: Version, client_id: &str) -> String {
    format!("10: {} 02 0000 ~ <{client_id}>", protocol(version))
}

/// CONNECT that resumes a session, or begins one that stays.
pub(crate) fn resuming(version: Version, client_id: &str) -> String {
    let properties = if version.is_v5() { "[11 FFFFFFFF]" } else { "" };
    format!("10: {} 00 0000 {properties} <{client_id}>", protocol(version))
}

/// A running broker; it stops with the test.
pub(crate) struct TestBroker {
    pub(crate) handle: BrokerHandle,
}

impl TestBroker {
    /// With the default configuration, without `$SYS` topics.
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_with(Broker::builder(), change)
    }

    /// One that asks this authenticator who its clients are.
    pub(crate) fn judged(judge: Arc<dyn Authenticator>, change: impl FnOnce(&mut Config)) -> Self {
        Self::start_with(Broker::builder().authenticator(judge), change)
    }

    fn start_with(builder: BrokerBuilder, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config { sys_interval: Duration::ZERO, ..Config::default() };
        config.listeners.push("tcp://127.0.0.1:0".parse().expect("a URL"));
        change(&mut config);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let handle = runtime.block_on(builder.config(config).start()).expect("a port");
        Self { handle }
    }

    /// Where a listener is, by its place in the configuration.
    #[cfg(feature = "websocket")]
    pub(crate) fn address(&self, listener: usize) -> std::net::SocketAddr {
        self.handle.addresses()[listener]
    }

    /// A connection on which nothing was sent. The version is the one of the notation.
    pub(crate) fn open(&self, version: Version) -> Client {
        self.open_at(0, version)
    }

    /// The same at a listener, by its place in the configuration.
    pub(crate) fn open_at(&self, listener: usize, version: Version) -> Client {
        Client::open(self.handle.addresses()[listener], version)
    }

    /// A connection on which CONNECT was sent.
    pub(crate) fn send(&self, version: Version, connect: &str) -> Client {
        let mut client = self.open(version);
        client.send(connect);
        client
    }

    /// A client with a clean start.
    #[track_caller]
    pub(crate) fn client(&self, version: Version, client_id: &str) -> Client {
        let mut client = self.send(version, &clean(version, client_id));
        client.expect(&connack(version, false));
        client
    }

    /// A client with a session that stays; whether there was one is checked.
    #[track_caller]
    pub(crate) fn resume(&self, version: Version, client_id: &str, session_present: bool) -> Client {
        let mut client = self.send(version, &resuming(version, client_id));
        client.expect(&connack(version, session_present));
        client
    }

    /// The connection is refused with exactly this, which may be nothing, and closed.
    #[track_caller]
    pub(crate) fn refuses(&self, version: Version, connect: &str, answer: &str) {
        let mut client = self.send(version, connect);
        client.expect(answer);
        client.expect_end();
    }

    pub(crate) fn count(&self, counter: Counter) -> u64 {
        self.handle.count(counter)
    }
}
