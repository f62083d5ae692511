//! The command line.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use super::flood::Fault;
use super::packets::{Afterwards, SMALLEST_PAYLOAD};

/// Compares MQTT brokers under the same load in one run.
///
/// Starts each broker itself on a free loopback port, alternates between them round by round, and prints medians of
/// messages per second, of the broker's CPU time per message and of its own. Any loss, duplicate or reordering, and
/// any standstill, voids a row.
#[derive(Debug, Clone, Parser)]
#[command(name = "load")]
pub struct Options {
    /// What is measured.
    #[arg(long, value_enum, default_value_t = Scenario::Pairs)]
    pub scenario: Scenario,

    /// What clients and brokers speak. Over TLS each handshake is a full one, with the same kind of certificate.
    #[arg(long, value_enum, default_value_t = Transport::Tcp)]
    pub transport: Transport,

    /// Rounds; each measures every broker once with every QoS.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,

    /// Qualities of service to measure, of messages and subscriptions.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "0,1,2",
          value_parser = clap::value_parser!(u8).range(0..=2))]
    pub qos: Vec<u8>,

    /// Pairs; subscribers of fanout, publishers of fanin, connections at a time of connect, connections of idle
    /// [default: 50 for pairs and connect, 500 for fanout and fanin, 10000 for idle].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub pairs: Option<u32>,

    /// Bytes of payload in each message.
    #[arg(long, value_name = "BYTES", default_value_t = 64,
          value_parser = clap::value_parser!(u32).range(SMALLEST_PAYLOAD as i64..=16 << 20))]
    pub payload: u32,

    /// How many messages a publisher may be ahead of its slowest subscriber.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=16_384))]
    pub window: u32,

    /// Measure for this long after the warm-up.
    #[arg(long, value_name = "S", default_value = "2", value_parser = seconds)]
    pub seconds: Duration,

    /// Measure this many messages per pair instead of a time; per subscriber of fanout, per publisher of fanin,
    /// connections in all for connect.
    #[arg(long, value_name = "N", conflicts_with = "seconds", value_parser = clap::value_parser!(u64).range(1..))]
    pub messages: Option<u64>,

    /// Run for this long before measuring.
    #[arg(long, value_name = "S", default_value = "0.5", value_parser = seconds)]
    pub warm_up: Duration,

    /// Void a row that takes longer than this in all.
    #[arg(long, value_name = "S", default_value = "120", value_parser = seconds)]
    pub limit: Duration,

    /// Protocol level: 4 is MQTT 3.1.1, 5 is MQTT 5.0.
    #[arg(long, value_name = "LEVEL", default_value_t = 4, value_parser = clap::value_parser!(u8).range(4..=5))]
    pub version: u8,

    /// Subscribers have sessions that outlive their connections, so that a broker with a store stores their messages.
    #[arg(long)]
    pub keep_sessions: bool,

    /// Our broker [default: the `mqtt-broker` beside this program, if there is one].
    #[arg(long, value_name = "PATH")]
    pub broker: Option<PathBuf>,

    /// Passed to our broker as `--shards N`.
    #[arg(long, value_name = "N")]
    pub shards: Option<u32>,

    /// One more argument for our broker; may be repeated.
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    pub broker_arg: Vec<String>,

    /// Mosquitto [default: `mosquitto` in PATH or in the usual places of a system program].
    #[arg(long, value_name = "PATH")]
    pub mosquitto: Option<PathBuf>,

    /// One more line for mosquitto's configuration file; may be repeated.
    #[arg(long, value_name = "LINE")]
    pub mosquitto_line: Vec<String>,

    /// What the strangers of flood do wrong; each is measured apart.
    #[arg(long, value_enum, value_name = "LIST", value_delimiter = ',', default_value = "all")]
    pub flood: Vec<Fault>,

    /// Connections of strangers at a time, for flood.
    #[arg(long, value_name = "N", default_value_t = 4_000, value_parser = clap::value_parser!(u32).range(1..=15_000))]
    pub strangers: u32,

    /// The first address that strangers come from, for flood.
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    pub flood_from: Ipv4Addr,

    /// How many addresses from there on strangers come from, for flood.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub flood_addresses: u32,

    /// Messages of each pair in a second, for flood.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rate: u32,

    /// Measure this broker alone, for work with a profiler.
    #[arg(long, value_enum, value_name = "NAME")]
    pub only: Option<Name>,
}

impl Options {
    /// What becomes of the sessions of subscribers.
    pub(crate) const fn afterwards(&self) -> Afterwards {
        if self.keep_sessions { Afterwards::Stays } else { Afterwards::Ends }
    }

    /// The number of pairs, or of what the scenario has instead.
    pub(crate) fn pairs(&self) -> u32 {
        self.pairs.unwrap_or(match self.scenario {
            Scenario::Pairs | Scenario::Connect => 50,
            Scenario::Fanout | Scenario::Fanin => 500,
            Scenario::Idle => 10_000,
            Scenario::Flood => 20,
        })
    }
}

/// What the load consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Publishers with one subscriber each, on a topic of their own.
    Pairs,
    /// One publisher, many subscribers to its topic.
    Fanout,
    /// Many publishers on topics of their own, one subscriber to all of them by a wildcard.
    Fanin,
    /// Network connections that are opened and closed: TCP, CONNECT, CONNACK, DISCONNECT.
    Connect,
    /// Resident memory of connections with one subscription each and no traffic.
    Idle,
    /// Latency of pairs with a fixed rate while strangers flood their broker, and while they flood another one.
    Flood,
}

/// What carries MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// TLS, with a certificate of an elliptic curve.
    Tls,
    /// WebSocket; clients send each packet in a frame of its own.
    Ws,
    /// WebSocket over TLS.
    Wss,
}

impl Transport {
    pub(crate) const fn has_tls(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }

    pub(crate) const fn is_websocket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }

    /// As addresses begin.
    pub(crate) const fn scheme(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }
}

/// The brokers that can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// The broker of this workspace.
    MqttBroker,
    /// Eclipse Mosquitto, the yardstick.
    Mosquitto,
}

impl Name {
    /// As the program is called.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::MqttBroker => "mqtt-broker",
            Self::Mosquitto => "mosquitto",
        }
    }
}

/// A span of at most ten minutes, so that every run ends.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(span) if span <= Duration::from_secs(600) => Ok(span),
        _ => Err("must be between 0 and 600".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        <Options as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn spans_are_bounded() {
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        for text in ["-1", "601", "NaN", "x", ""] {
            assert!(seconds(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_number_of_pairs_depends_on_the_scenario_unless_given() {
        let given = |arguments: &[&str]| {
            Options::try_parse_from([&["load"], arguments].concat()).map(|options| options.pairs()).ok()
        };
        assert_eq!(given(&[]), Some(50));
        assert_eq!(given(&["--scenario", "fanout"]), Some(500));
        assert_eq!(given(&["--scenario", "idle", "--pairs", "3"]), Some(3));
        assert_eq!(given(&["--qos", "0,3"]), None);
        assert_eq!(given(&["--seconds", "1", "--messages", "5"]), None);
    }
}
