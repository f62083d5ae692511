//! Keeps what the broker has acknowledged: sessions, what they are owed, retained messages, Wills.
//!
//! ```text
//!   shard 0 --ops--+                              +-- stored up to position n --> what waited leaves
//!   shard 1 --ops--+--> Store (one row of positions)
//!   shard n --ops--+                              +-- fetched messages ---------> sessions that are back
//! ```
//!
//! A shard gathers the [`Op`]s of a turn and appends them at once. They have one [`Position`], and everything in the
//! store of a position is safe together or not at all. Answers that depend on them leave once [`Store::stored`] has
//! come that far. A message is stored once, with the sessions that are owed it, as they were when it was published;
//! their sessions keep only its number, and fetch it when they can send it.
//!
//! Two stores are here. [`MemoryStore`] has everything in one value, an [`Image`], which says in the shortest form
//! what a store is and which other stores are compared with. `DiskStore` (feature `disk`) keeps files, and `StoppedStore` looks into those
//! of a broker that is not running.
//!
//! Without a store sessions and retained messages live as long as the process, and nothing waits.

#[cfg(feature = "disk")]
mod disk;
mod image;
mod memory;
mod op;
mod restored;

use std::sync::Arc;

use mqtt_session::Ticket;

#[cfg(feature = "disk")]
pub use disk::{Content, Damage, DiskSettings, DiskStore, Entry, OpenError, StoppedStore};
pub use image::Image;
pub use memory::MemoryStore;
pub use op::{Kept, Op, Owed, SessionNumber, StoredClient, StoredUser, WallTime};
pub use restored::{Restored, RestoredSession, StoredDelivery, Waiting};

use crate::core::router::SessionKey;

/// How far a store has taken operations. Positions rise over all shards, and begin anew with the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(pub u64);

/// Called when a shard should look at [`Store::stored`] and [`Store::poll_fetched`]; from any thread.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Remembers operations, and says when they are safe.
///
/// No method waits for a disk. All are called by the threads of the shards, each for its own shard.
pub trait Store: Send + Sync {
    /// Takes the operations of `shard` in their order, and leaves `ops` empty. Either all of them will be there after a
    /// crash, or none. Without any it answers how far the store has taken what others have appended.
    fn append(&self, shard: u16, ops: &mut Vec<Op>) -> Position;

    /// Up to which position everything is safe.
    fn stored(&self) -> Position;

    /// Whether so much waits to be stored that who publishes has to pause.
    fn is_full(&self) -> bool;

    /// Asks for messages that a session is owed. The answer comes from [`Store::poll_fetched`], in the order of requests.
    fn fetch(&self, shard: u16, request: Request);

    /// The next answer for `shard`.
    fn poll_fetched(&self, shard: u16) -> Option<Fetched>;

    /// Writes what waits and lets go of everything; what is appended later is lost. Waits for the disk.
    fn close(&self) {}

    /// Says how to wake a shard whose operations have become safe, or that is to have an answer.
    fn set_wake(&self, shard: u16, wake: Wake);
}

/// Messages that a session wants to send now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What the shard calls the session; it is in the answer.
    pub key: SessionKey,
    /// The session.
    pub session: SessionNumber,
    /// The numbers of the messages, whose operations may not be safe yet.
    pub tickets: Vec<Ticket>,
}

/// The answer to a [`Request`].
#[derive(Clone, Debug, PartialEq)]
pub struct Fetched {
    /// What the shard calls the session.
    pub key: SessionKey,
    /// The session.
    pub session: SessionNumber,
    /// What was asked for, in its order; `None` for a message that the store has lost or found damaged.
    pub messages: Vec<(Ticket, Option<StoredDelivery>)>,
}
