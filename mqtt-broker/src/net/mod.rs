//! The shell around the core: listeners, streams, one event loop per shard, and the handle that programs hold.

mod admission;
mod authenticators;
mod broker;
mod connections;
mod conversation;
mod door;
mod flush;
mod handle;
mod judges;
mod kept;
mod listen;
mod lobby;
pub mod proxy;
mod reading;
mod reauthentication;
mod reload;
mod seldom;
mod shard_loop;
mod stream;
mod traces;
#[cfg(feature = "websocket")]
pub mod websocket;

pub use broker::{Broker, BrokerBuilder, StartError};
pub use handle::{BrokerHandle, Busy, Subscriber};
#[cfg(feature = "tls")]
pub use listen::TlsError;
pub use traces::Trace;
