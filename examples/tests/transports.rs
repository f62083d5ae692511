//! Our client with our broker: whatever the transport, messages are the same.

mod support;

use std::future::IntoFuture;
use std::time::Duration;

use mqtt_client::{Client, ConnectOptions, QoS, Tls, Version, connect};
use support::{Files, address, broker, urls};

/// Far beyond what anything here needs, so that only a hang reaches it.
const HANG: Duration = Duration::from_secs(60);

async fn within<T>(work: impl IntoFuture<Output = T>) -> T {
    tokio::time::timeout(HANG, work).await.expect("nothing moves any more")
}

/// Messages of each size that a layer may cut or join, in a burst, to oneself.
async fn burst(client: &Client, qos: QoS) {
    let mut stream = within(client.subscribe("burst/+").qos(qos)).await.unwrap();
    let sizes = [0, 1, 125, 126, 127, 16_383, 16_384, 16_385, 65_535, 65_536, 300_000];
    let payload = |size: usize| (0..size).map(|index| (index % 251) as u8).collect::<Vec<u8>>();
    let mut sent = Vec::new();
    for size in sizes {
        let publish = client.publish(format!("burst/{size}"), payload(size)).qos(qos).send();
        sent.push(within(publish).await.unwrap());
    }
    for size in sizes {
        let message = within(stream.next()).await.expect("the client has ended");
        assert_eq!(message.topic.as_str(), format!("burst/{size}"));
        assert!(message.payload == payload(size), "{size} bytes come back changed");
    }
    for delivery in sent {
        within(delivery).await.unwrap();
    }
    within(stream.unsubscribe()).await.unwrap();
}

#[tokio::test]
async fn every_transport_carries_every_version_and_qos() {
    let files = Files::make("carries");
    for url in urls("carries") {
        let broker = broker(files.listener(&url)).await;
        let options = ConnectOptions::new(&address(&broker)).unwrap().tls(Tls::new().ca_file(&files.ca));
        for version in Version::ALL {
            let client = within(connect(options.clone().version(version))).await.unwrap();
            for qos in QoS::ALL {
                burst(&client, qos).await;
            }
            assert!(within(client.disconnect(HANG)).await.unwrap().is_empty(), "{url} {version}");
        }
        broker.shutdown().await;
    }
}

#[tokio::test]
async fn clients_of_different_transports_talk_to_each_other() {
    let files = Files::make("different");
    let listeners = urls("different").iter().map(|url| files.listener(url)).collect();
    let config = mqtt_broker::config::Config { listeners, ..Default::default() };
    let broker = mqtt_broker::Broker::builder().config(config).start().await.unwrap();
    let mut clients = Vec::new();
    for listener in broker.listeners() {
        let address = listener.address.to_string().replace("127.0.0.1", "localhost");
        let options = ConnectOptions::new(&address).unwrap().tls(Tls::new().ca_file(&files.ca));
        let client = within(connect(options)).await.unwrap();
        let stream = within(client.subscribe("all/#").qos(QoS::AtLeastOnce)).await.unwrap();
        clients.push((client, stream, address));
    }
    for (from, _, address) in &clients {
        within(from.publish("all/hello", address.clone()).qos(QoS::AtLeastOnce)).await.unwrap();
    }
    let said: Vec<_> = clients.iter().map(|(.., address)| address.clone()).collect();
    for (client, mut stream, _) in clients {
        for address in &said {
            assert_eq!(within(stream.next()).await.unwrap().payload, *address);
        }
        within(client.disconnect(HANG)).await.unwrap();
    }
}
