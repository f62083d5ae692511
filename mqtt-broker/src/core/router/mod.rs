//! Who gets a message: the subscription index, share groups, retained messages and the match cache.
//!
//! ```text
//!   topic ──> MatchCache ──(miss)──> Subscriptions ──┬─ exact filters:    one hash probe
//!               │                      │             └─ wildcard filters: a tree of Topic Levels
//!               └── Generations <──────┘                  each match: a Session or a share group
//!
//!   filter ─> Retained ── all topics in byte order, so a walk can stop and go on later
//! ```
//!
//! Everything here is a value that is changed by `&mut self` and read by `&self`; nothing blocks, and nothing
//! depends on the order of a hash table, so equal calls give equal results in equal order. Topics and filters
//! are taken as they are and must be valid; how long and how deep they may be is decided before. Any depth is
//! safe: no walk recurses.
//!
//! ```
//! use mqtt_broker::core::router::{Granted, Matched, SessionKey, Subscriptions};
//! use mqtt_codec::QoS;
//!
//! let seed = 7;
//! let mut subscriptions = Subscriptions::new(seed);
//! let session = SessionKey { shard: 0, generation: 1, slot: 42 };
//! let granted =
//!     Granted { qos: QoS::AtLeastOnce, no_local: false, retain_as_published: false, subscription_id: None };
//! subscriptions.subscribe("house/+/light", session, granted);
//! subscriptions.subscribe_shared("workers", "house/#", session, granted);
//!
//! let mut receivers = Vec::new();
//! subscriptions.matches("house/kitchen/light", |matched| match matched {
//!     Matched::Session(session, _) => receivers.push(session),
//!     Matched::Group(id) => {
//!         let group = subscriptions.group(id).expect("nobody has left since the match");
//!         receivers.extend(group.next_member(|_| true).map(|(session, _)| session));
//!     }
//! });
//! assert_eq!(receivers, [session, session]);
//! ```
//!
//! All keys are chosen by peers. Therefore each structure takes a seed: a random one in production, a fixed one
//! in a simulation.

mod exact_filters;
mod filter_tree;
mod generations;
mod hashing;
mod keyed_list;
mod levels;
mod match_cache;
mod matched;
mod retained;
mod share;
mod skip;
mod slab;
mod subscribers;
mod subscriptions;
mod walk;

#[cfg(test)]
mod tests;

pub use generations::{Generations, Stamp};
pub use match_cache::{CacheLimits, MatchCache};
pub use matched::{Granted, GroupId, Matched, SessionKey};
pub use retained::{Cursor, Progress, Retained};
pub use share::ShareGroup;
pub use subscriptions::Subscriptions;
