//! An MQTT 3.1, 3.1.1 and 5.0 broker: a program to run and a library to embed.
//!
//! The program is `mqtt-broker` (`mqtt-broker --help` teaches it). This page is about the library.
//!
//! ```text
//!    sockets                      one thread and one event loop per shard, and one for the lobby
//!       |
//!  +---------+   CONNECT   +-----------+   mailbox    +-----------+
//!  |  lobby  | ----------> |  shard 0  | <----------> |  shard 1  | ...  sessions, timers, outputs
//!  +---------+             +-----------+              +-----------+      no lock of their own
//!                                \                          /
//!                                 hub: subscriptions, retained messages, counters
//! ```
//!
//! # Embedding
//!
//! A broker inside a program, which it can publish through and subscribe with, beside its TCP clients:
//!
//! ```
//! # #[cfg(feature = "net")]
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     use mqtt_broker::Broker;
//!     use mqtt_codec::{Message, QoS, Topic, TopicFilter};
//!
//!     let broker = Broker::builder().listen("127.0.0.1:0".parse()?).start().await?;
//!     println!("clients connect to {}", broker.addresses()[0]);
//!
//!     let mut readings = broker.subscribe(TopicFilter::new("sensor/+")?, QoS::AtMostOnce, 100).await;
//!     let reading = Message::new(Topic::new("sensor/7")?, "21.5");
//!     broker.publish(reading.clone(), QoS::AtLeastOnce, true, None)?;
//!     assert_eq!(readings.recv().await.map(|received| received.message), Some(reading.into()));
//!
//!     broker.shutdown().await;
//!     Ok(())
//! }
//! # #[cfg(not(feature = "net"))]
//! # fn main() {}
//! ```
//!
//! `BrokerBuilder::listen` is for TCP; `BrokerBuilder::listener` has an example with TLS and WebSocket. Several brokers
//! can live in one process. Everything that can be set is in [`config::Config`], with its default
//! and the reason for it.
//!
//! # The parts
//!
//! * [`core`] is the broker as a value: bytes and time in, bytes and deadlines out. It has no socket, thread or
//!   clock, and is what remains without the default feature `net`.
//! * The shell around it (feature `net`) has the sockets. A turn of a shard is one poll, all reads, the mail of
//!   other shards, then one write for each connection that has something to get.
//! * A client identifier always lives on the same shard, so taking over its session is local and sequential. A
//!   connection moves once: from the lobby, where strangers are, to the shard of the client that its CONNECT names.
//!
//! # What holds
//!
//! * A QoS 0 message that a subscriber of the same shard can take now is written into its output in the turn in
//!   which it was read: no task, no channel, no allocation.
//! * A subscriber that does not read holds nobody up: its messages wait in its session, up to limits, and what the
//!   limits drop is counted by reason.
//! * After SUBACK every message that anybody publishes is matched with the subscription.
//! * Sessions and retained messages outlive connections; with a [`store`] they outlive the process, and what was
//!   acknowledged survives its being killed.
//!
//! Read next: [`core::ShardCore`], then `core/connection.rs`, `core/publish.rs`, `core/delivery.rs` for the life of
//! a PUBLISH.

pub mod auth;
pub mod config;
pub mod core;
#[cfg(feature = "net")]
mod files;
#[cfg(feature = "net")]
mod net;
pub mod store;

#[cfg(feature = "net")]
#[doc(hidden)]
pub use net::proxy;
#[cfg(feature = "websocket")]
#[doc(hidden)]
pub use net::websocket;
#[cfg(feature = "net")]
pub use net::{Broker, BrokerBuilder, BrokerHandle, Busy, StartError, Subscriber, Trace};

#[cfg(feature = "tls")]
pub use net::TlsError;

#[cfg(all(doctest, feature = "net"))]
#[doc = include_str!("../README.md")]
mod readme {}
