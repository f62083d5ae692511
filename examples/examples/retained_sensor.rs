//! A sensor whose last value is there for whoever subscribes later: a retained message.
//!
//! `cargo run -p mqtt-examples --example retained_sensor -- [ADDRESS]`

use std::env;
use std::error::Error;
use std::time::Duration;

use mqtt_client::{QoS, connect};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or_else(|| "mqtt://127.0.0.1:1883".to_owned());

    let sensor = connect(address.as_str()).await?;
    for celsius in ["19.5", "20.0", "20.5"] {
        sensor.publish("house/kitchen/temperature", celsius).qos(QoS::AtLeastOnce).retain(true).await?;
    }
    sensor.disconnect(Duration::from_secs(5)).await?;

    // the sensor is gone, its last value is not
    let display = connect(address.as_str()).await?;
    let mut temperatures = display.subscribe("house/+/temperature").qos(QoS::AtLeastOnce).await?;
    if let Some(message) = temperatures.next().await {
        let celsius = String::from_utf8_lossy(&message.payload);
        println!("{}: {celsius} (retained: {})", message.topic, message.retain);
    }

    // an empty payload removes a retained message
    display.publish("house/kitchen/temperature", "").qos(QoS::AtLeastOnce).retain(true).await?;
    display.disconnect(Duration::from_secs(5)).await?;
    Ok(())
}
