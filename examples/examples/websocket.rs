//! Connects by WebSocket, as browsers do; with `wss://` over TLS.
//!
//! `cargo run -p mqtt-examples --example websocket -- [ADDRESS]`, for a broker with `--listen ws://127.0.0.1:8080`

use std::env;
use std::error::Error;
use std::time::Duration;

use mqtt_client::{QoS, connect};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // the path is that of the broker's listener, /mqtt where nobody says otherwise
    let address = env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:8080/mqtt".to_owned());
    let client = connect(address).await?;
    let mut messages = client.subscribe("page/#").qos(QoS::AtLeastOnce).await?;
    client.publish("page/title", "from a program").qos(QoS::AtLeastOnce).await?;
    if let Some(message) = messages.next().await {
        println!("{}: {}", message.topic, String::from_utf8_lossy(&message.payload));
    }
    client.disconnect(Duration::from_secs(5)).await?;
    Ok(())
}
