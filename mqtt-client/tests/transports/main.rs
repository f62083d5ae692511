//! Every way to a server, right and wrong, against servers and proxies that do what the test says.

#![expect(non_snake_case, reason = "tests begin with the id of their statement")]

mod certificates;
mod credentials;
mod proxies;
mod proxy;
mod servers;
mod timeouts;
mod tls;
mod tls_client_certificates;
mod tls_refusals;
mod unix;
mod websocket;
mod websocket_refusals;

use std::future::IntoFuture;
use std::time::Duration;

use mqtt_client::{Client, ConnectOptions, ConnectionError, connect};

/// Far beyond what anything here needs, so that only a hang reaches it.
const HANG: Duration = Duration::from_secs(60);

async fn within<T>(work: impl IntoFuture<Output = T>) -> T {
    tokio::time::timeout(HANG, work).await.expect("nothing moves any more")
}

fn options(address: &str) -> ConnectOptions {
    ConnectOptions::new(address).unwrap().client_id("me")
}

async fn accepted(options: ConnectOptions) -> Client {
    within(connect(options)).await.unwrap()
}

async fn refused(options: ConnectOptions) -> ConnectionError {
    within(connect(options)).await.unwrap_err()
}

/// Disconnects, so that the server sees the end.
async fn leave(client: Client) {
    assert!(within(client.disconnect(HANG)).await.unwrap().is_empty());
}
