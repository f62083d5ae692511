//! Reaches a broker in whatever way its address says, and sends itself a message.
//!
//! `cargo run -p mqtt-examples --example connect -- [ADDRESS [CA_FILE [CERTIFICATE_FILE KEY_FILE]]]`
//!
//! Addresses: `mqtt://HOST`, `mqtts://HOST`, `ws://HOST:PORT/mqtt`, `wss://HOST/mqtt`, `unix:///PATH`, each with
//! `USER:PASSWORD@` before the host if the broker wants it. Without a CA the system decides whom to trust.

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use mqtt_client::{ConnectOptions, QoS, Tls, connect};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        // the text says what failed, and what to look at
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "mqtt://127.0.0.1:1883".to_owned());
    let tls = match &arguments.collect::<Vec<_>>()[..] {
        [] => Tls::new(),
        [ca] => Tls::new().ca_file(ca),
        [ca, certificate, key] => Tls::new().ca_file(ca).certificate_files(certificate, key),
        _ => return Err("a certificate needs its key: ADDRESS CA_FILE CERTIFICATE_FILE KEY_FILE".into()),
    };

    let client = connect(ConnectOptions::new(&address)?.tls(tls)).await?;
    // what stands before it is a password, perhaps
    println!("connected to {}", address.rsplit('@').next().unwrap_or(&address));
    let mut greetings = client.subscribe("examples/connect").await?;
    client.publish("examples/connect", "hello").qos(QoS::AtLeastOnce).await?;
    if let Some(message) = greetings.next().await {
        println!("{}: {}", message.topic, String::from_utf8_lossy(&message.payload));
    }
    client.disconnect(Duration::from_secs(5)).await?;
    Ok(())
}
