//! A client that is offline for a while and misses nothing: the broker keeps its session.
//!
//! `cargo run -p mqtt-examples --example persistent_session -- [ADDRESS]`

use std::env;
use std::error::Error;
use std::time::Duration;

use mqtt_client::{CleanStart, ConnectOptions, QoS, Status, Version, connect};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or_else(|| "mqtt://127.0.0.1:1883".to_owned());

    // a session belongs to a client identifier, so it needs a fixed one
    let logger = ConnectOptions::new(&address)?
        .version(Version::V5)
        .client_id("night-logger")
        .clean_start(CleanStart::Never)
        .session_expiry(Duration::from_secs(3_600));

    let client = connect(logger.clone()).await?;
    let _subscription = client.subscribe("house/#").qos(QoS::AtLeastOnce).await?;
    client.disconnect(Duration::from_secs(5)).await?;

    // while it is away, others go on
    let sensor = connect(address.as_str()).await?;
    for hour in 0..5 {
        sensor.publish("house/door", format!("closed at {hour}:00")).qos(QoS::AtLeastOnce).await?;
    }
    sensor.disconnect(Duration::from_secs(5)).await?;

    // back again: what has come meanwhile waits for the stream that asks for it
    let client = connect(logger).await?;
    if let Status::Connected { session_present, .. } = client.status() {
        println!("session present: {session_present}");
    }
    let mut messages = client.subscribe("house/#").qos(QoS::AtLeastOnce).await?;
    for _ in 0..5 {
        let Some(message) = messages.next().await else { break };
        println!("{}: {}", message.topic, String::from_utf8_lossy(&message.payload));
    }
    messages.unsubscribe().await?;
    client.disconnect(Duration::from_secs(5)).await?;
    Ok(())
}
