//! A program that decides about its clients, sees the packets of one of them, and asks why another gets nothing.
//!
//! `cargo run -p mqtt-examples --example hooks`

use std::error::Error;
use std::time::Duration;

use mqtt_broker::Broker;
use mqtt_broker::core::access::Action;
use mqtt_broker::core::{HookedClient, Hooks, Incoming};
use mqtt_client::{ConnectOptions, QoS, connect};
use mqtt_codec::{Message, PublishRef, Text, Topic};

/// Readings come in Fahrenheit from the old sensors, and the cellar is nobody's business.
#[derive(Debug)]
struct House;

impl Hooks for House {
    fn authorize(&self, _client: &HookedClient<'_>, action: Action, topic: &str) -> bool {
        action != Action::Subscribe || !topic.starts_with("house/cellar")
    }

    fn publish(&self, client: &HookedClient<'_>, publish: &PublishRef<'_>) -> Incoming {
        let reading = str::from_utf8(publish.message.payload).ok().and_then(|text| text.parse::<f64>().ok());
        match reading {
            Some(fahrenheit) if client.client_id.starts_with("old-") => {
                let topic = publish.message.topic.to_topic();
                Incoming::Replace(Message::new(topic, format!("{:.1}", (fahrenheit - 32.0) / 1.8)))
            }
            _ => Incoming::Take,
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let broker = Broker::builder().hooks(House).listen("127.0.0.1:0".parse()?).start().await?;
    let address = broker.addresses()[0];
    let client = |id: &str| {
        let options = ConnectOptions::new(&format!("mqtt://{address}")).map(|options| options.client_id(id));
        async { connect(options?).await.map_err(Box::<dyn Error>::from) }
    };
    let mut trace = broker.trace(Text::new("old-sensor")?, 100);

    let reader = client("reader").await?;
    let mut kitchen = reader.subscribe("house/kitchen").await?;
    let refused = reader.subscribe("house/cellar").await.err();
    println!("the cellar: {}", refused.map_or_else(|| "granted".to_owned(), |error| error.to_string()));

    let sensor = client("old-sensor").await?;
    sensor.publish("house/kitchen", "68").qos(QoS::AtLeastOnce).await?;
    if let Some(message) = kitchen.next().await {
        println!("the kitchen: {} degrees", String::from_utf8_lossy(&message.payload));
    }
    let explanation = broker.explain("reader", &Topic::new("house/cellar")?, QoS::AtLeastOnce).await;
    println!(
        "the reader: {}",
        explanation.map(|explanation| explanation.fate.to_string()).unwrap_or_default()
    );

    sensor.disconnect(Duration::from_secs(5)).await?;
    reader.disconnect(Duration::from_secs(5)).await?;
    broker.shutdown().await;
    while let Some((_when, packet)) = trace.recv().await {
        println!("{packet}");
    }
    Ok(())
}
