//! MQTT sessions as pure state machines for client and server: packets and time in, packets and events out.
//!
//! ```text
//!             handle_packet      +---------------+     publish, subscribe ...
//!  socket --> Decoder ---------> |               | <---------------- application (client)
//!  (yours)                       |    session    |     deliver, acknowledge ...
//!         <-- your buffer <----- |               | <---------------- router (broker)
//!             poll_transmit      +---------------+
//!  clock  --> now, handle_timeout   |         |  poll_event, poll_store
//!         <-- poll_timeout          v         v
//!                                 events    effects on a store
//! ```
//!
//! A session has no socket, no clock, no thread and no lock. Whoever drives it does the I/O, in the same loop for
//! both roles:
//!
//! ```
//! use mqtt_codec::{Connect, Decoder, Message, PacketRef, QoS, ReasonCode, Text, Topic, Version};
//! use mqtt_session::{
//!     ClientConfig, ClientEvent, ClientSession, Received, ServerConfig, ServerEvent, ServerSession, Time,
//! };
//! use std::sync::Arc;
//!
//! /// The client's half: reads what came, writes what is to be sent.
//! fn drive_client(
//!     session: &mut ClientSession,
//!     decoder: &mut Decoder,
//!     now: Time,
//!     mut input: &[u8],
//!     output: &mut Vec<u8>,
//! ) -> usize {
//!     let given = input.len();
//!     loop {
//!         match decoder.decode_next(input) {
//!             Ok(Some((packet, len))) => {
//!                 if let Some(Received::Message { publish, receipt }) = session.handle_packet(now, &packet) {
//!                     println!("{}: {:?}", publish.message.topic, publish.message.payload);
//!                     if let Some(receipt) = receipt {
//!                         session.acknowledge(receipt, ReasonCode::Success); // now, or once it is worked off
//!                     }
//!                 }
//!                 input = &input[len..];
//!             }
//!             Ok(None) => break, // the rest is no whole packet: keep it
//!             Err(error) => {
//!                 session.handle_malformed(error);
//!                 break;
//!             }
//!         }
//!     }
//!     if session.poll_timeout().is_some_and(|deadline| deadline <= now) {
//!         session.handle_timeout(now);
//!     }
//!     session.poll_transmit(now, output);
//!     given - input.len()
//! }
//!
//! /// The server's half. The first packet is CONNECT; authentication and the choice of the session go before.
//! fn drive_server(
//!     session: &mut ServerSession,
//!     decoder: &mut Decoder,
//!     config: &ServerConfig,
//!     now: Time,
//!     mut input: &[u8],
//!     output: &mut Vec<u8>,
//! ) -> usize {
//!     let given = input.len();
//!     while !session.is_connected() || session.wants_read() {
//!         let (packet, len) = match decoder.decode_next(input) {
//!             Ok(Some(read)) => read,
//!             Ok(None) => break,
//!             Err(error) => {
//!                 session.handle_malformed(error);
//!                 break;
//!             }
//!         };
//!         match packet {
//!             PacketRef::Connect(connect) if !session.is_connected() => {
//!                 session.attach(now, &connect, None, config);
//!             }
//!             packet => match session.handle_packet(now, &packet) {
//!                 // a broker routes the message here: `ServerSession::deliver` of every session that matches
//!                 Some(Received::Message { receipt: Some(receipt), .. }) => {
//!                     session.acknowledge(receipt, ReasonCode::Success, None);
//!                 }
//!                 Some(Received::Subscribe(subscribe)) => {
//!                     let granted = |s: mqtt_codec::SubscriptionRef<'_>| ReasonCode::granted(s.options.qos);
//!                     let reasons = subscribe.filters.iter().map(granted).collect();
//!                     session.answer_subscribe(subscribe.id, reasons, None);
//!                 }
//!                 _ => {}
//!             },
//!         }
//!         input = &input[len..];
//!     }
//!     if session.poll_timeout().is_some_and(|deadline| deadline <= now) {
//!         session.handle_timeout(now);
//!     }
//!     session.poll_transmit(now, output);
//!     while let Some(event) = session.poll_event() {
//!         match event {
//!             ServerEvent::Will(will) => println!("publish {}", will.message.topic),
//!             _ => println!("remove the session"),
//!         }
//!     }
//!     given - input.len()
//! }
//!
//! let (mut now, config) = (Time::ZERO, ServerConfig::default());
//! let mut client = ClientSession::new(Version::V5, ClientConfig::default());
//! let mut server = ServerSession::new(&config);
//! let mut at_client = Decoder::client(Version::V5, u32::MAX);
//! let mut at_server = Decoder::server(config.maximum_packet_size);
//!
//! client.handle_connected(now, Connect::new(Version::V5, Text::new("sensor")?));
//! let message = Arc::new(Message::new(Topic::new("room/temperature")?, "21.5"));
//! let ticket = client.publish(now, message, QoS::ExactlyOnce, false, None)?;
//!
//! let (mut up, mut down) = (Vec::new(), Vec::new()); // what two sockets would carry
//! loop {
//!     let read = drive_client(&mut client, &mut at_client, now, &down, &mut up);
//!     down.drain(..read);
//!     let read = drive_server(&mut server, &mut at_server, &config, now, &up, &mut down);
//!     up.drain(..read);
//!     if up.is_empty() && down.is_empty() {
//!         break;
//!     }
//!     now = now.after(std::time::Duration::from_millis(10));
//! }
//! let last = std::iter::from_fn(|| client.poll_event()).last();
//! assert_eq!(last, Some(ClientEvent::Acknowledged(ticket, ReasonCode::Success)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The contract
//!
//! * **Inputs** (`attach`, `handle_*`) say what happened. They cannot fail: a peer that breaks a rule is answered by
//!   the session, which then has a `close_reason`.
//! * **Commands** (`publish`, `subscribe`, `deliver`, `acknowledge`, `disconnect` ...) say what is wanted. What is
//!   not possible is refused there.
//! * **Outputs** (`poll_*`) are pulled, after any of the two, until there is nothing more, or until there is no
//!   room: nothing is lost by stopping early. A packet is made when it is fetched. So a slow socket leaves messages
//!   in the queue, in order and under its limits; identifier, quota and what is left of a message's life are decided
//!   at the last moment.
//! * **Questions** (`&self`) change nothing.
//!
//! Any order of calls is allowed. `handle_packet` is the one input that gives something back: at most one borrowed
//! [`Received`]. A message is a view into the driver's read buffer, and a view cannot be queued without a copy; one
//! packet never means more than one thing; so it is handed over at once, and a broker routes it without allocating.
//!
//! The session decides *that* a connection ends; the driver carries it out: when `close_reason` is there, write what
//! `poll_transmit` gives, close, and call `handle_disconnected`. After that nothing of the connection is left, and
//! all of the session is.
//!
//! # Time
//!
//! [`Time`] is nanoseconds since any start that the driver chooses, and the first argument of what depends on it. It
//! should not run backwards; if it does, deadlines are seen later. `poll_timeout` says when `handle_timeout` wants
//! to be called next. Calling it too early or too often does nothing, and a packet moves the deadline without the
//! timer being set again: a driver asks at the old time, and hears of the new one.
//!
//! # QoS 1 and 2
//!
//! ```text
//! sending     queue --PUBLISH--> published --PUBACK--> done                          QoS 1
//!             queue --PUBLISH--> published --PUBREC--> released --PUBCOMP--> done    QoS 2
//!                                    |                 (PUBREL)
//!                                    +--PUBACK or PUBREC >= 0x80--> done, refused
//!
//! receiving   PUBLISH --> Received::Message --acknowledge--> PUBACK                  QoS 1
//!             PUBLISH --> Received::Message --acknowledge--> PUBREC, PUBREL --> PUBCOMP    QoS 2
//!             the same identifier before PUBREL: PUBREC again, no second message
//! ```
//! On the next connection PUBRELs go out first, then what is published, with DUP and in order, then the queue. A
//! client that finds no session at the server begins again: the same messages, in the same order, as new ones.
//!
//! # Held outputs
//!
//! With [`ServerConfig::store`] the session names what must survive a crash as [`StoreEffect`]s with rising numbers.
//! What would promise it is held until [`ServerSession::handle_stored`] has the number: CONNACK of a session that is
//! kept, PUBREC, PUBCOMP, the first PUBLISH of QoS 2, PUBREL; and what the broker itself stores, with a number from
//! [`ServerSession::reserve_store_seq`]: PUBACK, SUBACK, UNSUBACK. Answers keep their order, so one with nothing to
//! store waits behind one that has. Without a store nothing waits. [`ClientConfig::store`] does the same for a client.
//!
//! # After a crash
//!
//! ```text
//!  session --poll_store--> StoreEffect --apply--> StoredSession --restore--> session
//!  deliver, publish  ----> messages, by ticket ------------------------------^
//! ```
//! The driver keeps a [`StoredSession`] for each session by applying effects to it in their order, and the messages of
//! QoS 1 and 2 under numbers that it gives ([`Outbound::ticket`]; at a client [`ClientSession::publish`] gives them).
//! [`StoredSession::apply`] says which message is no longer needed. [`ServerSession::restore`] and
//! [`ClientSession::restore`] begin with what was stored: identifiers first, then messages, in flight or waiting. What
//! was said is so: a message of QoS 2 that was taken is not taken again, one that was sent keeps its identifier, and one
//! of QoS 1 may come again.
//!
//! ```
//! # use mqtt_codec::{Connect, Message, QoS, Seconds, Text, Topic, Version};
//! # use mqtt_session::*;
//! # use std::{sync::Arc, time::Duration};
//! # let (now, mut scratch) = (Time::ZERO, Vec::new());
//! # let mut connect = Connect::new(Version::V5, Text::new("sensor")?);
//! # connect.properties.session_expiry = Some(Seconds(3_600));
//! let config = ServerConfig { store: true, ..ServerConfig::default() };
//! let mut session = ServerSession::new(&config);
//! let mut stored = StoredSession::default(); // a database has the bytes of this
//! let mut messages = Vec::new(); // and these, under their tickets
//!
//! session.attach(now, &connect.view(), None, &config);
//! let message = Arc::new(Message::new(Topic::new("room/light")?, "on"));
//! let mut outbound = Outbound::kept(&message, QoS::ExactlyOnce, false, None, &mut scratch);
//! outbound.ticket = Ticket(1);
//! let matched = Matched { qos: QoS::ExactlyOnce, retain: false, subscription_ids: &[] };
//! session.deliver(now, &mut outbound, &matched, None::<&mut Vec<u8>>);
//! messages.push(StoredMessage::new(Ticket(1), Arc::clone(&message), QoS::ExactlyOnce));
//! while let Some(effect) = session.poll_store() {
//!     if let Some(done) = stored.apply(&effect.op) {
//!         messages.retain(|message| message.ticket != done);
//!     }
//!     session.handle_stored(effect.seq); // once the disk has it
//! }
//!
//! // the process dies; the next one begins a minute later
//! let session = ServerSession::restore(now, &config, stored, Duration::from_secs(60), messages);
//! assert_eq!(session.queued(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Enhanced authentication
//!
//! The steps of a method are opaque here; what is kept is whose turn it is, and the one method of a connection. A server
//! keeps an [`Exchange`] from CONNECT until it knows the client, and attaches the session then. A client answers
//! [`Received::Authentication`] with [`ClientSession::continue_authentication`], when it connects as well as later, and begins
//! anew with [`ClientSession::reauthenticate`].
//!
//! # What is bounded
//!
//! | what waits | limit | default | beyond it |
//! |---|---|---|---|
//! | messages to be sent | [`QueueLimits::messages`] | 100,000 | expired ones go, then [`QueueLimits::overflow`]: [`DropReason::QueueFull`], or [`PublishError::QueueFull`] to a client |
//! | their bytes, and those of what is in flight | [`QueueLimits::bytes`] | 64 MiB | the same; what is in flight is never touched |
//! | messages in flight | [`QueueLimits::window`] and the peer's Receive Maximum | 1,024 | the queue waits |
//! | identifiers in use | [`QueueLimits::packet_ids`] | 65,535 | the queue waits |
//! | messages that a client sent and that are not completed | [`ServerConfig::receive_maximum`] | 1,024 | 5.0: DISCONNECT 0x93; 3.x: `wants_read` is false |
//! | messages that a server sent and that are not completed | [`ClientConfig::receive_maximum`] | 256 | 5.0: DISCONNECT 0x93; 3.x: `is_receive_window_full` |
//! | answers to a client that does not read | [`ServerConfig::replies`] | 256 | `wants_read` is false |
//! | answers to a server that does not read | two for each identifier | 131,070 | [`Violation::AnswersUnread`], DISCONNECT 0x97 |
//! | a client's requests | [`ClientConfig::requests`] | 1,024 | [`SubscribeError::QueueFull`] |
//! | aliases that the peer may use | `topic_alias_maximum` | 10, client 32 | the decoder refuses |
//! | aliases of this side | `outgoing_topic_aliases` | 0 | the topic is written out |
//! | a packet | `maximum_packet_size` | 1 MiB, client 256 MiB | the decoder refuses |
//!
//! A message that cannot be delivered for another reason is counted as [`DropReason::Expired`], [`DropReason::Offline`]
//! (QoS 0 for nobody), [`DropReason::TooLarge`] or [`DropReason::Replaced`]. Events and effects are as many as commands and packets since the driver
//! last fetched them.
//!
//! # What always holds
//!
//! * An identifier in use is given to no other PUBLISH, SUBSCRIBE or UNSUBSCRIBE. [MQTT-2.2.1-3]
//! * Never more messages are open than the peer's Receive Maximum, and no place is lost. [MQTT-4.9.0-2]
//! * A message of QoS 2 is passed on once, also over reconnects; one of QoS 1 at least once. First deliveries keep
//!   the order of sending.
//! * No packet is larger than the peer takes, and 3.x hears nothing of 5.0.
//! * Nothing is dropped without being counted or told, and no queue grows beyond its limit.
//! * A session without a connection and without messages holds nothing on the heap, and one with a connection gives
//!   back what a burst took. What an idle one does not need is not made.
//!
//! # Where to read next
//!
//! [`ClientSession`] and [`ServerSession`], then [`ClientConfig`] and [`ServerConfig`] for every limit. In the source:
//! `outgoing` for the sending side, `incoming` for the receiving side, both the same for the two roles; `window` for
//! what one connection allows; `tests/session` for each rule of the standard by its id.
#![no_std]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]
#![cfg_attr(test, allow(non_snake_case, reason = "tests carry statement ids"))]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod backoff;
mod client;
mod config;
mod error;
mod event;
mod exchange;
mod ids;
mod incoming;
mod keep_alive;
mod lazy;
mod outgoing;
mod server;
mod store;
mod stored;
mod time;
mod transmit;
mod window;

pub use backoff::Backoff;
pub use client::ClientSession;
pub use config::{CleanStart, ClientConfig, Overflow, QueueLimits, ServerConfig};
pub use error::{
    AuthenticationError, CloseReason, DisconnectError, DropReason, PublishError, SubscribeError, Violation,
};
pub use event::{ClientEvent, Receipt, Received, ServerEvent, Ticket};
pub use exchange::Exchange;
pub use server::{Attached, Delivered, Drops, Matched, ServerSession};
pub use store::{StoreEffect, StoreOp, StoreSeq};
pub use stored::{StoredExchanges, StoredMessage, StoredSession};
pub use time::Time;
pub use transmit::{COPY_LIMIT, Outbound, Transmit};

/// The example of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
