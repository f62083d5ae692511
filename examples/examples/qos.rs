//! Publishes a message of each QoS and prints every packet between client and broker, as a proxy between them sees it.
//!
//! `cargo run -p mqtt-examples --example qos -- [HOST:PORT]`

use std::env;
use std::error::Error;
use std::time::Duration;

use mqtt_client::{ConnectOptions, QoS, Version, connect};
use mqtt_codec::{Decoder, PacketRef};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Carries bytes from one end to the other and prints the packets in them.
async fn carry(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    arrow: &str,
    mut decoder: Decoder,
) {
    let (mut bytes, mut start) = (Vec::new(), 0);
    while let Ok(1..) = from.read_buf(&mut bytes).await {
        while let Ok(Some((packet, length))) = decoder.decode_next(&bytes[start..]) {
            start += length;
            println!("{arrow} {}", describe(&packet));
        }
        if to.write_all(&bytes).await.is_err() {
            return;
        }
        bytes.drain(..start);
        start = 0;
    }
}

fn describe(packet: &PacketRef<'_>) -> String {
    match packet {
        PacketRef::Publish(publish) => {
            let (qos, id) = (publish.delivery.qos() as u8, publish.delivery.id());
            format!("PUBLISH QoS {qos}{}", id.map_or(String::new(), |id| format!(", identifier {id}")))
        }
        PacketRef::PubAck(ack) => format!("PUBACK {}", ack.id),
        PacketRef::PubRec(ack) => format!("PUBREC {}", ack.id),
        PacketRef::PubRel(ack) => format!("PUBREL {}", ack.id),
        PacketRef::PubComp(ack) => format!("PUBCOMP {}", ack.id),
        other => format!("{:?}", other.packet_type()).to_uppercase(),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let broker = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:1883".to_owned());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("mqtt://{}", listener.local_addr()?);
    let proxy = tokio::spawn(async move {
        let (client, _) = listener.accept().await?;
        let (from_client, to_client) = client.into_split();
        let (from_broker, to_broker) = TcpStream::connect(broker).await?.into_split();
        let up = carry(from_client, to_broker, "-->", Decoder::server(u32::MAX));
        let down = carry(from_broker, to_client, "<--", Decoder::client(Version::V3_1_1, u32::MAX));
        tokio::join!(up, down);
        Ok::<_, std::io::Error>(())
    });

    let client = connect(ConnectOptions::new(&address)?.version(Version::V3_1_1)).await?;
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        client.publish("qos", "hello").qos(qos).await?;
    }
    client.disconnect(Duration::from_secs(5)).await?;
    proxy.await??;
    Ok(())
}
