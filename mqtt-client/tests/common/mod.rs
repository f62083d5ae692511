//! Servers for tests: one that follows a script, and a small broker; both over in-memory pipes.
#![allow(dead_code, reason = "each test program uses a part")]

pub(crate) mod broker;
pub(crate) mod script;

use std::future::IntoFuture;
use std::time::Duration;

use mqtt_client::{Client, ConnectOptions, Connection, Dial, QoS, Version};
use tokio::task::JoinHandle;

/// Options of a client for tests, with an identifier of its own.
pub(crate) fn options(version: Version, client_id: &str) -> ConnectOptions {
    ConnectOptions::new("mqtt://in-memory").unwrap().version(version).client_id(client_id)
}

/// Starts a client's driver.
pub(crate) fn start<D: Dial>(options: ConnectOptions, dialer: D) -> (Client, Driver) {
    let (client, connection) = Client::with_dialer(options, dialer).unwrap();
    (client, tokio::spawn(run(connection)))
}

pub(crate) type Driver = JoinHandle<Result<(), String>>;

async fn run<D: Dial>(connection: Connection<D>) -> Result<(), String> {
    connection.run().await.map_err(|error| error.to_string())
}

/// Awaits `work`; with paused time a deadlock ends here at once instead of never.
pub(crate) async fn within<T>(work: impl IntoFuture<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(3_600), work).await.expect("nothing moves any more")
}

/// Each version with each QoS.
pub(crate) fn each() -> impl Iterator<Item = (Version, QoS)> {
    Version::ALL.into_iter().flat_map(|version| QoS::ALL.map(|qos| (version, qos)))
}
