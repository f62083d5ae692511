//! An MQTT 3.1, 3.1.1 and 5.0 broker: a program to run and a library to embed.

pub mod config;
pub mod core;
#[cfg(feature = "net")]
mod net;

#[cfg(feature = "net")]
pub use net::{Broker, BrokerBuilder, BrokerHandle, Busy, StartError, Subscriber};
