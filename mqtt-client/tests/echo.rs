//! The promise that nothing which reads and publishes in one task can deadlock, with every buffer at its smallest.

mod common;

use std::num::NonZeroU16;

use common::broker::Broker;
use common::{each, options, start, within};
use mqtt_client::{Client, ConnectOptions, QoS, QueueLimits, SlowReader, StreamLimits, Version};
use mqtt_session::ServerConfig;

const ONE: NonZeroU16 = NonZeroU16::MIN;

/// Everything that has a size has the size 1.
fn narrow(version: Version, client_id: &str) -> ConnectOptions {
    let queue = QueueLimits { messages: 1, bytes: 1 << 20, window: ONE, ..QueueLimits::default() };
    let streams = StreamLimits { messages: 1, bytes: 1, slow_reader: SlowReader::DropNewest };
    options(version, client_id).receive_maximum(ONE).queue(queue).streams(streams)
}

fn narrow_broker() -> Broker {
    let mut config = ServerConfig { receive_maximum: ONE, ..ServerConfig::default() };
    config.queue.window = ONE;
    Broker::new(config)
}

/// Reads one stream and awaits a publish for each message on the same client.
async fn echo(client: Client, qos: QoS) {
    let mut requests = client.subscribe("request").qos(qos).await.unwrap();
    client.publish("ready", "yes").qos(qos).retain(true).await.unwrap();
    while let Some(message) = requests.next().await {
        client.publish("response", message.payload).qos(qos).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_echo_with_every_buffer_at_capacity_1_never_deadlocks_beside_a_stream_that_nobody_reads() {
    for (version, qos) in each() {
        let broker = narrow_broker();
        let (client, driver) = start(narrow(version, "echo"), broker.pipes(7));
        let unread = within(client.subscribe("#").qos(qos)).await.unwrap();
        let echo = tokio::spawn(echo(client.clone(), qos));
        let (other, _driver) = start(options(version, "other"), broker.pipes(7));
        let mut responses = within(other.subscribe("response").qos(qos)).await.unwrap();
        within(within(other.subscribe("ready")).await.unwrap().next()).await.unwrap();
        for number in 0..50 {
            within(other.publish("request", number.to_string()).qos(qos)).await.unwrap();
            let response = within(responses.next()).await.unwrap();
            assert_eq!(response.payload, number.to_string(), "{version} {qos:?}");
        }
        // of more than 100 messages the unread stream keeps its capacity and one acknowledgement
        assert!((1..=2).contains(&unread.waiting()), "{}", unread.waiting());
        assert!(unread.dropped() > 90, "{}", unread.dropped());
        echo.abort();
        driver.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_requests_is_answered_in_order_while_the_echo_publishes() {
    for (version, qos) in each().filter(|(_, qos)| *qos != QoS::AtMostOnce) {
        let broker = narrow_broker();
        let (client, _driver) = start(narrow(version, "echo"), broker.pipes(7));
        let _unread = within(client.subscribe("+").qos(qos)).await.unwrap();
        let echo = tokio::spawn(echo(client, qos));
        let (other, _driver) = start(options(version, "other"), broker.pipes(64));
        let mut responses = within(other.subscribe("response").qos(qos)).await.unwrap();
        within(within(other.subscribe("ready")).await.unwrap().next()).await.unwrap();
        let publisher = tokio::spawn(async move {
            for number in 0..200 {
                other.publish("request", number.to_string()).qos(qos).send().await.unwrap();
            }
            other
        });
        for number in 0..200 {
            let response = within(responses.next()).await.unwrap();
            assert_eq!(response.payload, number.to_string(), "{version} {qos:?}");
        }
        publisher.await.unwrap();
        echo.abort();
    }
}
