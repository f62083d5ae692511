//! Prints the messages of a filter: so many, or all of them until Ctrl-C.
//!
//! `cargo run -p mqtt-examples --example subscribe -- [FILTER [COUNT [ADDRESS]]]`

use std::env;
use std::error::Error;
use std::time::Duration;

use mqtt_client::{QoS, connect};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let filter = arguments.next().unwrap_or_else(|| "greetings/#".to_owned());
    let count = arguments.next().map_or(Ok(usize::MAX), |count| count.parse())?;
    let address = arguments.next().unwrap_or_else(|| "mqtt://127.0.0.1:1883".to_owned());

    let client = connect(address).await?;
    let mut messages = client.subscribe(filter.as_str()).qos(QoS::ExactlyOnce).await?;
    println!("subscribed to {filter}");
    for _ in 0..count {
        tokio::select! {
            message = messages.next() => match message {
                // taking the message acknowledges it
                Some(message) => println!("{}: {}", message.topic, String::from_utf8_lossy(&message.payload)),
                None => break,
            },
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    client.disconnect(Duration::from_secs(5)).await?;
    Ok(())
}
