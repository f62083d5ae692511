//! An MQTT 3.1, 3.1.1 and 5.0 client for tokio whose publish means acknowledged and whose streams never deadlock.

mod address;
mod client;
mod command;
mod connection;
mod core;
mod error;
mod message;
mod options;
mod progress;
mod publish;
mod random;
mod status;
mod stream;
mod subscribe;
mod will;

pub use address::AddressError;
pub use client::{Client, Closed, connect};
pub use command::Left;
pub use connection::{Connection, Dial, Tcp};
pub use error::{ConnectionError, OptionProblem, PublishError, Step, SubscribeError};
pub use message::Message;
pub use options::ConnectOptions;
pub use publish::{Delivery, Publish};
pub use status::{Stats, Status};
pub use stream::{SlowReader, StreamLimits};
pub use subscribe::{Subscribe, Subscription};
pub use will::Will;

pub use mqtt_codec::{
    MessageProperties, PayloadFormat, QoS, ReasonCode, RetainHandling, Seconds, Topic, TopicFilter, Version,
};
pub use mqtt_session::{CleanStart, CloseReason, Overflow, QueueLimits};
