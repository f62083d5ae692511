//! MQTT sessions as pure state machines for client and server: QoS 0/1/2, flow control, keep alive, expiry, wills.
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
mod ids;
mod incoming;
mod keep_alive;
mod outgoing;
mod server;
mod store;
mod time;
mod transmit;
mod window;

pub use backoff::Backoff;
pub use client::ClientSession;
pub use config::{CleanStart, ClientConfig, Overflow, QueueLimits, ServerConfig};
pub use error::{CloseReason, DropReason, PublishError, SubscribeError, Violation};
pub use event::{ClientEvent, Receipt, Received, ServerEvent, Ticket};
pub use server::{Attached, Delivered, Drops, Matched, ServerSession};
pub use store::{StoreEffect, StoreOp, StoreSeq};
pub use time::Time;
pub use transmit::{COPY_LIMIT, Outbound, Transmit};
