//! Prints what the broker says of itself below `$SYS/`.
//!
//! `cargo run -p mqtt-examples --example sys -- [ADDRESS [FILTER]]`

use std::env;
use std::error::Error;
use std::time::Duration;

use mqtt_client::connect;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "mqtt://127.0.0.1:1883".to_owned());
    // `#` alone does not match topics that begin with `$`: they have to be named
    let filter = arguments.next().unwrap_or_else(|| "$SYS/broker/#".to_owned());

    let client = connect(address).await?;
    let mut values = client.subscribe(filter.as_str()).await?;
    // they are retained, so all of them come at once; a second without any means that there are no more
    while let Ok(Some(value)) = tokio::time::timeout(Duration::from_secs(1), values.next()).await
        && value.retain
    {
        println!("{} = {}", value.topic, String::from_utf8_lossy(&value.payload));
    }
    client.disconnect(Duration::from_secs(5)).await?;
    Ok(())
}
