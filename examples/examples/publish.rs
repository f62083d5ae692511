//! Publishes one message and waits until the broker has acknowledged it.
//!
//! `cargo run -p mqtt-examples --example publish -- [TOPIC [PAYLOAD [ADDRESS]]]`

use std::env;
use std::error::Error;
use std::time::Duration;

use mqtt_client::{QoS, connect};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let topic = arguments.next().unwrap_or_else(|| "greetings/world".to_owned());
    let payload = arguments.next().unwrap_or_else(|| "hello".to_owned());
    let address = arguments.next().unwrap_or_else(|| "mqtt://127.0.0.1:1883".to_owned());

    let client = connect(address).await?;
    // awaiting means acknowledged: by PUBACK at QoS 1, by PUBCOMP at QoS 2
    client.publish(topic.as_str(), payload).qos(QoS::AtLeastOnce).await?;
    println!("published to {topic}");
    client.disconnect(Duration::from_secs(5)).await?;
    Ok(())
}
