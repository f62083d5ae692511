//! The broker as plain values: no socket, no thread, no clock.
//!
//! ```text
//!   bytes ──> Lobby ──CONNECT──> ShardCore ──> Output ──> bytes
//!                                 │     ^
//!                              Mail     │ matches, retained messages
//!                                 v     │
//!                       other shards   Hub
//! ```
//!
//! A [`ShardCore`] owns the sessions of its clients and everything that happens to them. What belongs to all
//! shards (subscriptions, retained messages, mailboxes, counters) is in one [`Hub`]. Time and random seeds are
//! arguments, so that several shards can be run in one thread and the same inputs give the same outputs.

pub mod access;
mod backlog;
mod clients;
mod connect;
mod connection;
mod delayed;
mod delivery;
mod durable;
mod explain;
mod failures;
mod filters;
mod guesses;
mod holding;
mod hooks;
mod hub;
mod journal;
mod lobby;
mod local;
mod mail;
mod names;
mod output;
mod pace;
mod permission;
mod presence;
mod publish;
mod reauthentication;
mod replay;
mod restore;
mod retain;
pub mod router;
mod settings;
mod shard;
mod stats;
mod strangers;
mod subscribe;
mod sweep;
mod sys;
mod timers;
mod trace;
mod turn;
mod user;

pub use connect::NewConnection;
pub use explain::{Explanation, Fate, SessionState, WaitsFor};
pub use guesses::Guesses;
pub use hooks::{HookedClient, Hooks, Incoming};
pub use hub::{Hub, RetainedMessage};
pub use lobby::{Lobby, Refusal, RefusalReason, Verdict};
pub use local::{LocalId, LocalMessage, LocalSink};
pub use mail::{Forwarded, Mail};
pub use output::Output;
pub use reauthentication::Reauthentication;
pub use shard::{Closed, ConnectionId, Notice, ShardCore, Slot};
pub use stats::{Counter, Counters};
pub use strangers::{Budget, Departure, Guest, Limit, Stage, Strangers, Visit};
#[cfg(feature = "net")]
pub(crate) use timers::Timers;
pub use trace::{Direction, TracedPacket};
pub use user::{Admission, User};
