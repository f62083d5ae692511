//! A Will: what the broker says for a client that is lost, and does not say for one that takes its leave.
//!
//! `cargo run -p mqtt-examples --example will -- [ADDRESS]`

use std::env;
use std::error::Error;
use std::time::Duration;

use mqtt_client::{Client, ConnectOptions, QoS, Will, connect};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or_else(|| "mqtt://127.0.0.1:1883".to_owned());

    let watcher = connect(address.as_str()).await?;
    let mut states = watcher.subscribe("pump/+/state").qos(QoS::AtLeastOnce).await?;

    let pump = |name: &str| -> Result<ConnectOptions, Box<dyn Error>> {
        let will = Will::new(format!("pump/{name}/state"), "lost").qos(QoS::AtLeastOnce);
        Ok(ConnectOptions::new(&address)?.will(will))
    };

    // this one takes its leave: DISCONNECT takes the Will back
    let polite = connect(pump("polite")?).await?;
    polite.disconnect(Duration::from_secs(5)).await?;

    // this one is cut off: whoever drives a connection by hand can also drop it
    let (_client, mut connection) = Client::new(pump("unlucky")?)?;
    connection.open().await?;
    drop(connection);

    if let Some(message) = states.next().await {
        println!("{}: {}", message.topic, String::from_utf8_lossy(&message.payload));
    }
    watcher.disconnect(Duration::from_secs(5)).await?;
    Ok(())
}
