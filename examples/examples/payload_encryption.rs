//! Sends messages that the broker cannot read: with a key that both sides have, and with the public key of the reader.
//!
//! `cargo run -p mqtt-examples --example payload_encryption -- [ADDRESS]`

use std::env;
use std::error::Error;
use std::time::Duration;

use mqtt_client::envelope::{Cipher, Opener, PrivateKey, Sealer, SharedKey};
use mqtt_client::{QoS, connect};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or_else(|| "mqtt://127.0.0.1:1883".to_owned());

    // a real key comes out of a file that only this program can read; its identifier travels with each message
    let shared = SharedKey::new("2026-11", Cipher::Aes256Gcm, *b"32 bytes that nobody can guess..")?;
    let reader = PrivateKey::generate("reader")?;
    let sealers = [Sealer::shared(&shared)?, Sealer::public(&reader.public())?];
    let mut opener = Opener::new().shared(shared).private(reader);

    let client = connect(address.as_str()).await?;
    let mut messages = client.subscribe("house/door").qos(QoS::AtLeastOnce).await?;
    for sealer in &sealers {
        client.publish("house/door", "open").qos(QoS::AtLeastOnce).sealed(sealer).await?;
    }
    for _ in &sealers {
        let Some(message) = messages.next().await else { break };
        let opened = opener.open(&message)?;
        let (sealed, text) = (message.payload.len(), String::from_utf8_lossy(&opened.payload));
        println!("{sealed} bytes that the broker saw, with the key {}: {text}", opened.key_id);
        // the same bytes again, whoever sends them, are refused
        println!(
            "once more: {}",
            opener.open(&message).map_or_else(|error| error.to_string(), |_| "opened".into())
        );
    }
    client.disconnect(Duration::from_secs(5)).await?;
    Ok(())
}
