//! A broker inside a program: clients reach it over TCP, the program itself without a socket.
//!
//! `cargo run -p mqtt-examples --example embedded_broker`

use std::error::Error;
use std::time::Duration;

use mqtt_broker::Broker;
use mqtt_client::{QoS, TopicFilter, connect};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // port 0 lets the system choose
    let broker = Broker::builder().listen("127.0.0.1:0".parse()?).start().await?;
    let address = broker.addresses()[0];
    println!("serving mqtt://127.0.0.1");

    let mut requests = broker.subscribe(TopicFilter::new("request/+")?, QoS::AtLeastOnce, 100).await;
    let client = connect(format!("mqtt://{address}")).await?;
    client.publish("request/time", "now?").qos(QoS::AtLeastOnce).await?;
    if let Some(request) = requests.recv().await {
        println!("{}: {}", request.message.topic, String::from_utf8_lossy(&request.message.payload));
    }

    client.disconnect(Duration::from_secs(5)).await?;
    broker.shutdown().await;
    Ok(())
}
