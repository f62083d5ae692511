//! Subscribes to filters with wildcards and shows which topics each of them takes.
//!
//! `cargo run -p mqtt-examples --example wildcards -- [ADDRESS]`

use std::env;
use std::error::Error;
use std::time::Duration;

use mqtt_client::{QoS, connect};

/// `+` stands for one level, `#` for all that follow, and neither for a topic that begins with `$`.
const FILTERS: [&str; 4] = ["house/+/temperature", "house/#", "+/+/temperature", "#"];
const TOPICS: [&str; 4] = ["house", "house/kitchen/temperature", "house/kitchen/door", "barn/1/temperature"];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or_else(|| "mqtt://127.0.0.1:1883".to_owned());
    let client = connect(address.as_str()).await?;
    for filter in FILTERS {
        // a stream for each filter, of messages that match it
        let mut messages = client.subscribe(filter).qos(QoS::AtLeastOnce).await?;
        for topic in TOPICS {
            client.publish(topic, "here").qos(QoS::AtLeastOnce).await?;
        }
        // the last one ends the list: it matches whatever the filter is
        client.publish(filter.replace('#', "x/temperature").replace('+', "end"), "end").await?;
        let mut matching = Vec::new();
        while let Some(message) = messages.next().await
            && message.payload != "end"
        {
            matching.push(message.topic.to_string());
        }
        println!("{filter}: {}", matching.join(", "));
        messages.unsubscribe().await?;
    }
    client.disconnect(Duration::from_secs(5)).await?;
    Ok(())
}
