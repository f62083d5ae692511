//! Payloads, order and counts.

use mqtt_client::{QoS, ReasonCode, SlowReader, StreamLimits};

use crate::mosquitto::Mosquitto;
use crate::{client, each, next, options, within};

/// Messages of one run: more than every window on the way.
const MESSAGES: u32 = 300;

#[tokio::test]
async fn every_message_arrives_once_and_in_order_at_the_lower_qos() {
    let broker = Mosquitto::start();
    for (version, published) in each() {
        for subscribed in QoS::ALL {
            let reader = client(&broker, version, "reader").await;
            let publisher = client(&broker, version, "publisher").await;
            let mut stream = within(reader.subscribe("numbers/+").qos(subscribed)).await.unwrap();
            assert_eq!(stream.granted(), [ReasonCode::granted(subscribed)]);
            let mut deliveries = Vec::new();
            for number in 0..MESSAGES {
                let payload = number.to_string().repeat(number as usize % 50 + 1);
                let publish = publisher.publish("numbers/a", payload).qos(published);
                deliveries.push(within(publish.send()).await.unwrap());
                if number % 50 == 49 {
                    // at QoS 0 mosquitto drops what a reader has not taken in time
                    for past in number - 49..=number {
                        let message = next(&mut stream).await;
                        assert_eq!(message.payload, past.to_string().repeat(past as usize % 50 + 1));
                        assert_eq!(message.qos, published.min(subscribed), "{version}");
                        assert_eq!(message.topic.as_str(), "numbers/a");
                        assert!(!message.retain && !message.dup);
                    }
                }
            }
            for delivery in deliveries {
                within(delivery).await.unwrap();
            }
            assert_eq!(stream.dropped(), 0);
            assert!(stream.try_next().is_none());
            for client in [reader, publisher] {
                assert!(within(client.disconnect(crate::HANG)).await.unwrap().is_empty());
            }
        }
    }
}

#[tokio::test]
async fn payloads_of_a_megabyte_arrive_unchanged() {
    let broker = Mosquitto::start();
    for (version, qos) in each() {
        let client = client(&broker, version, "me").await;
        let mut stream = within(client.subscribe("big").qos(qos)).await.unwrap();
        let payload: Vec<u8> = (0..1_000_000_u32).map(|index| (index ^ index >> 8) as u8).collect();
        within(client.publish("big", payload.clone()).qos(qos)).await.unwrap();
        assert!(next(&mut stream).await.payload == payload, "{version} {qos:?}");
    }
}

#[tokio::test]
async fn a_retained_message_comes_with_the_subscription_and_goes_with_an_empty_payload() {
    let broker = Mosquitto::start();
    for (version, qos) in each() {
        let client = client(&broker, version, "me").await;
        within(client.publish("state", "on").qos(qos).retain(true)).await.unwrap();
        let mut stream = within(client.subscribe("state").qos(qos)).await.unwrap();
        let message = next(&mut stream).await;
        assert_eq!((&message.payload[..], message.retain, message.qos), (&b"on"[..], true, qos));
        within(client.publish("state", "off").qos(qos).retain(true)).await.unwrap();
        let message = next(&mut stream).await;
        assert_eq!((&message.payload[..], message.retain), (&b"off"[..], false));
        within(client.publish("state", "").qos(qos).retain(true)).await.unwrap();
        assert!(next(&mut stream).await.payload.is_empty());
        within(stream.unsubscribe()).await.unwrap();
        let mut stream = within(client.subscribe("state").and("end").qos(qos)).await.unwrap();
        within(client.publish("end", "").qos(qos)).await.unwrap();
        assert_eq!(next(&mut stream).await.topic.as_str(), "end");
    }
}

#[tokio::test]
async fn an_echo_with_small_buffers_goes_on_beside_a_stream_that_nobody_reads() {
    let broker = Mosquitto::start();
    for (version, qos) in each() {
        let limits = StreamLimits { messages: 1, bytes: 1, slow_reader: SlowReader::DropNewest };
        let narrow = options(&broker, version, "echo").receive_maximum(1.try_into().unwrap()).streams(limits);
        let echo = within(mqtt_client::connect(narrow)).await.unwrap();
        let unread = within(echo.subscribe("noise").qos(qos)).await.unwrap();
        let mut requests = within(echo.subscribe("request").qos(qos)).await.unwrap();
        let echoing = tokio::spawn(async move {
            while let Some(message) = requests.next().await {
                echo.publish("response", message.payload).qos(qos).await.unwrap();
            }
        });
        let other = client(&broker, version, "other").await;
        let mut responses = within(other.subscribe("response").qos(qos)).await.unwrap();
        for number in 0..100 {
            within(other.publish("noise", "!").qos(qos)).await.unwrap();
            within(other.publish("request", number.to_string()).qos(qos)).await.unwrap();
            assert_eq!(next(&mut responses).await.payload, number.to_string(), "{version} {qos:?}");
        }
        // 3.x servers may send a copy for each subscription that matches, so only here all can be accounted for
        assert_eq!(unread.dropped() as usize + unread.waiting(), 100);
        echoing.abort();
    }
}
