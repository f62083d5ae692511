//! The client against Debian's `mosquitto` broker, which each test starts for itself.

#[cfg(all(feature = "ring", feature = "websocket"))]
#[path = "../transports/certificates.rs"]
#[allow(dead_code, reason = "other tests use other parts")]
mod certificates;
mod delivery;
mod lasting;
mod mosquitto;
#[cfg(all(feature = "ring", feature = "websocket"))]
mod transports;
mod v5;

use std::future::IntoFuture;
use std::time::Duration;

use mosquitto::Mosquitto;
use mqtt_client::{Client, ConnectOptions, Message, QoS, Subscription, Version, connect};

/// Far beyond what anything here needs, so that only a hang reaches it.
const HANG: Duration = Duration::from_secs(60);

async fn within<T>(work: impl IntoFuture<Output = T>) -> T {
    tokio::time::timeout(HANG, work).await.expect("nothing moves any more")
}

fn options(broker: &Mosquitto, version: Version, client_id: &str) -> ConnectOptions {
    ConnectOptions::new(&broker.address()).unwrap().version(version).client_id(client_id)
}

async fn client(broker: &Mosquitto, version: Version, client_id: &str) -> Client {
    within(connect(options(broker, version, client_id))).await.unwrap()
}

async fn next(stream: &mut Subscription) -> Message {
    within(stream.next()).await.expect("the client has ended")
}

fn each() -> impl Iterator<Item = (Version, QoS)> {
    Version::ALL.into_iter().flat_map(|version| QoS::ALL.map(|qos| (version, qos)))
}
