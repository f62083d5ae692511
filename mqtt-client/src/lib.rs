//! An MQTT 3.1, 3.1.1 and 5.0 client for tokio whose publish means acknowledged and whose streams never deadlock.
//!
//! ```text
//!   Client  Client  Delivery            Subscription     Subscription
//!      |       |       ^                     ^                ^          handles: any task
//!      v       v       | stages              | messages       |
//!   bounded channels   |              bounded buffer   bounded buffer
//!  ----|-------|-------|---------------------|----------------|-----------------------------
//!      v       v       |                     |                |          driver: one task,
//!   +----------------------------------------------------------------+   never waits for a reader
//!   | ClientSession: QoS, windows, retries, keep alive (mqtt-session) |
//!   +----------------------------------------------------------------+
//!        packets |  ^                    connects again after each loss, with pauses and jitter
//!                v  |
//!             transport: TCP, TLS, WebSocket, Unix socket, through a proxy or not;
//!                        or any AsyncRead + AsyncWrite through Dial
//! ```
//!
//! # Example
//!
//! ```no_run
//! use std::time::Duration;
//! use mqtt_client::{QoS, connect};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let client = connect("mqtt://127.0.0.1:1883").await?;
//!     let mut lights = client.subscribe("house/+/light").qos(QoS::AtLeastOnce).await?;
//!
//!     // awaiting means that the server has acknowledged it
//!     client.publish("house/kitchen/light", "on").qos(QoS::AtLeastOnce).await?;
//!
//!     // a handle tells of the stages; dropping it does not take the message back
//!     let mut delivery = client.publish("house/hall/light", "off").qos(QoS::ExactlyOnce).send().await?;
//!     delivery.taken().await?;
//!
//!     for _ in 0..2 {
//!         let Some(message) = lights.next().await else { break };
//!         // the same task may publish: nothing waits for this loop
//!         client.publish("log", message.payload).await?;
//!     }
//!
//!     let left = client.disconnect(Duration::from_secs(5)).await?;
//!     assert!(left.is_empty());
//!     Ok(())
//! }
//! ```
//!
//! [`connect`] starts the driver on the current runtime. [`Client::new`] gives the driver, a [`Connection`], to whoever
//! wants to run it; [`Client::with_dialer`] takes a transport of the application's own.
//!
//! # What holds
//!
//! * **Publishing never needs a reader to make progress**, nor does anything else: a stream that is full, or that
//!   nobody reads, stops neither the other streams nor acknowledgements, pings and answers. One task may read a stream
//!   and await a publish for each message, with every buffer at capacity 1.
//! * **A message of QoS 1 or 2 is acknowledged when it is taken from its stream**, in the order of arrival, so the
//!   server's window holds back a fast publisher. Only where that would stop another stream that has nothing to read,
//!   or take more bytes than one stream may keep, are the oldest acknowledged before they are taken; then the stream's
//!   limits apply, and what is dropped is counted in [`Subscription::dropped`] and [`Client::stats`]. [`SlowReader`]
//!   names the policies.
//! * **Everything is bounded**: what waits to be sent by [`ConnectOptions::queue`], which makes publishing wait; what
//!   waits to be read by [`ConnectOptions::streams`] and [`ConnectOptions::receive_maximum`]; what is being read by
//!   [`ConnectOptions::maximum_packet_size`].
//! * **A lost connection is made again**, unless [`ConnectOptions::reconnect_period`] is zero. What was not
//!   acknowledged is sent again, in order and before what is newer; where the server has no session any more,
//!   subscriptions are made again first. [`Client::watch_status`] shows it all.
//! * **A refusal that no waiting heals** (credentials, identifier, version) ends a client that was never accepted;
//!   later it is shown in the status, and tried again.
//! * **Two clients with one identifier** throw each other out. The pauses grow, since only a connection that has held
//!   for long makes them short again, and a warning is logged.
//!
//! # Ways to a server
//!
//! The address says which: `mqtt://`, `mqtts://`, `ws://`, `wss://`, `unix://`; all of them are in the table at
//! [`ConnectOptions::new`]. TLS needs no further option where the system knows the server's CA; [`Tls`] is for a CA
//! and a client certificate of one's own:
//!
//! ```no_run
//! # #[cfg(feature = "tls")]
//! # async fn example() -> Result<(), mqtt_client::ConnectionError> {
//! use mqtt_client::{ConnectOptions, Tls, connect};
//!
//! let public = connect("mqtts://me:secret@broker.example").await?;
//!
//! let tls = Tls::new().ca_file("ca.pem").certificate_files("sensor-7.pem", "sensor-7.key");
//! let own = connect(ConnectOptions::new("wss://broker.local:8443/mqtt")?.tls(tls)).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Certificates and passwords may change while the client lives: files are read again at each attempt to connect, and
//! [`ConnectOptions::credentials`] asks the application. All addresses of a host are tried. Where nothing moves any
//! more, TCP finds out within two minutes, whether or not MQTT's own Keep Alive is on.
//!
//! # Enhanced authentication
//!
//! With 5.0, [`ConnectOptions::authentication`] takes a method that speaks in several steps and may judge the server as
//! well: `Scram` for SCRAM-SHA-256, or any [`Authentication`] of your own. Nothing is sent to a server, and nothing taken from it, before the
//! method trusts it. [`Client::reauthenticate`] does it again on the same connection, for what expires.
//!
//! # Features
//!
//! | feature | default | what it brings |
//! |---|---|---|
//! | `tls` | yes | `mqtts://` and `wss://`; trust as the system has it, by rustls-platform-verifier |
//! | `ring` | yes | `tls` with the cryptography of ring, which needs a C compiler only |
//! | `aws-lc-rs` | | `tls` with that of aws-lc-rs; with both, this one is taken |
//! | `websocket` | yes | `ws://`, and with `tls` `wss://` |
//! | `proxy` | | `ConnectOptions::proxy`: SOCKS5 and HTTP CONNECT |
//! | `scram` | | `Scram`: SCRAM-SHA-256 |
//! | `payload-encryption` | | `envelope`: payloads that the server cannot read |
//!
//! With `tls` alone, or before either of the two, the provider of cryptography that the application has installed in
//! rustls as the default of the process is taken. An address whose feature is missing is refused with its name.
//!
//! # When there is no connection
//!
//! [`ConnectionError`] names what failed, and its text says what to look at. Print it by `{}`: a `main` that returns it
//! shows `Debug` instead, which is for programs.
//!
//! | variant | the failing part |
//! |---|---|
//! | `Address`, `Option` | what was written in the program |
//! | `Credentials` | the application's own provider |
//! | `Authentication` | [`AuthenticationError`]: the method here, or a server that has not proved who it is |
//! | `Resolve` | the name |
//! | `Tcp`, `Unix` | each address, with what the system says |
//! | `Proxy` | the proxy: whether it is there, login, rules, or the server behind it |
//! | `Tls` | [`TlsError`]: a file or key here; the server's certificate (expired, not valid yet, wrong name, unknown CA, self-signed, revoked); the server's refusal of ours; no TLS at all |
//! | `Upgrade` | the WebSocket: a status, no subprotocol `mqtt`, no WebSocket at all |
//! | `NotMqtt`, `NoConnAck` | a port of another protocol, or with TLS where the address has none |
//! | `Refused` | the code of CONNACK |
//! | `Closed`, `Lost` | a connection that was there: what its end was, or what the transport said |
//! | `Timeout` | the step at which [`ConnectOptions::connect_timeout`] ran out |
//!
//! # Cancel safety
//!
//! Every future may be dropped at any await, in `select!` or by a timeout:
//!
//! | future | when dropped |
//! |---|---|
//! | [`connect`], [`Connection::open`], [`Dial::dial`] of [`Network`] | the attempt is given up, and its socket is closed |
//! | [`Connection::run`] | the client ends; everybody who waits is told |
//! | [`Publish`] (awaited), [`Publish::send`] | while there is no room the message is not sent; later it is sent all the same |
//! | [`Delivery`] and its stages | nothing happens to the message |
//! | [`Subscribe`] (awaited) | the subscription is removed again |
//! | [`Subscription::next`] | nothing is lost |
//! | [`Subscription::unsubscribe`] | the stream ends as if dropped |
//! | [`Unsubscribe`] (awaited) | the request is sent or not |
//! | [`Client::reauthenticate`] | once begun it goes on |
//! | [`Disconnect`] (awaited) | once begun it goes on |
//!
//! # Where to read next
//!
//! [`ConnectOptions`] for what can be chosen, [`Publish`] and [`Delivery`] for sending, [`Subscribe`] and
//! [`Subscription`] for receiving, [`Status`] for the connection. In the source: `connection/carry.rs` is the loop,
//! `core/held.rs` decides when acknowledgements are given, `stream/router.rs` which stream a message belongs to. The
//! protocol itself is in `mqtt-session`.

mod address;
mod authentication;
mod client;
mod command;
mod connection;
mod core;
mod credentials;
mod disconnect;
#[cfg(feature = "payload-encryption")]
pub mod envelope;
mod error;
mod message;
mod options;
mod progress;
mod publish;
mod random;
mod status;
mod stream;
mod subscribe;
mod transport;
mod unsubscribe;
mod will;

pub use address::{AddressError, Transport};
pub use authentication::Authentication;
#[cfg(feature = "scram")]
pub use authentication::scram::{Scram, ScramError};
pub use client::{Client, connect};
pub use command::Left;
pub use connection::{Connection, Dial, Redirect};
pub use credentials::Credentials;
pub use disconnect::Disconnect;
pub use error::{
    AuthenticationError, ConnectionError, DisconnectError, OptionProblem, ProxyError, PublishError,
    ReauthenticationError, ServerReason, Speaks, Step, SubscribeError, TcpFailure, UpgradeError,
};
pub use message::Message;
pub use options::ConnectOptions;
pub use publish::{Delivery, Publish};
pub use status::{Stats, Status};
pub use stream::{SlowReader, StreamLimits};
pub use subscribe::{Subscribe, Subscription};
#[cfg(feature = "proxy")]
pub use transport::proxy::Proxy;
#[cfg(feature = "tls")]
pub use transport::tls::{Tls, TlsError};
pub use transport::{Network, NetworkStream};
pub use unsubscribe::Unsubscribe;
pub use will::Will;

pub use mqtt_codec::{
    ConnAck, ConnAckProperties, MessageProperties, PayloadFormat, QoS, ReasonCode, RetainHandling, Seconds,
    Text, Topic, TopicFilter, Version,
};
pub use mqtt_session::{CleanStart, CloseReason, Overflow, QueueLimits, Violation};

/// The programs in the README, which have to compile.
#[cfg(all(doctest, feature = "tls"))]
#[doc = include_str!("../README.md")]
pub struct Readme;
