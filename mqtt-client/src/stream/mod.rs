//! Between driver and reader: the bounded buffer of each subscription, and which buffers a message belongs to.

mod buffer;
mod owed;
mod router;
#[cfg(test)]
mod tests;

pub(crate) use buffer::{Buffer, Entry};
pub use buffer::{SlowReader, StreamLimits};
pub(crate) use owed::{Owed, Signals};
pub(crate) use router::{Router, StreamKey};
