//! What only MQTT 5.0 has.

use std::time::Duration;

use mqtt_client::{QoS, ReasonCode, RetainHandling, Version, connect};

use crate::mosquitto::Mosquitto;
use crate::{client, next, options, within};

#[tokio::test]
async fn properties_travel_with_the_message() {
    let broker = Mosquitto::start();
    let client = client(&broker, Version::V5, "me").await;
    let mut stream = within(client.subscribe("a").qos(QoS::AtLeastOnce)).await.unwrap();
    let publish = client
        .publish("a", "{}")
        .qos(QoS::AtLeastOnce)
        .content_type("application/json")
        .utf8()
        .response_topic("answers/7")
        .correlation_data(vec![0, 1, 2])
        .user_property("one", "1")
        .user_property("one", "2")
        .expiry(Duration::from_secs(1_000));
    within(publish).await.unwrap();
    let message = next(&mut stream).await;
    let properties = message.properties.unwrap();
    assert_eq!(properties.content_type.as_deref(), Some("application/json"));
    assert_eq!(properties.payload_format, Some(mqtt_client::PayloadFormat::Utf8));
    assert_eq!(properties.response_topic.as_ref().map(AsRef::as_ref), Some("answers/7"));
    assert_eq!(properties.correlation_data.as_deref(), Some(&[0, 1, 2][..]));
    let pairs: Vec<_> =
        properties.user_properties.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(pairs, [("one", "1"), ("one", "2")]);
    assert!(message.expiry.is_some_and(|expiry| (990..=1_000).contains(&expiry.0)));
}

#[tokio::test]
async fn subscriptions_that_overlap_are_told_apart_by_their_identifiers() {
    let broker = Mosquitto::start();
    let client = client(&broker, Version::V5, "me").await;
    let mut wide = within(client.subscribe("a/#").qos(QoS::AtLeastOnce)).await.unwrap();
    let mut narrow = within(client.subscribe("a/b").qos(QoS::ExactlyOnce)).await.unwrap();
    let mut shared = within(client.subscribe("$share/group/a/b").qos(QoS::AtLeastOnce)).await.unwrap();
    for number in 0..20 {
        within(client.publish("a/b", number.to_string()).qos(QoS::ExactlyOnce)).await.unwrap();
    }
    within(client.publish("a/end", "end").qos(QoS::ExactlyOnce)).await.unwrap();
    for number in 0..20 {
        for stream in [&mut wide, &mut narrow, &mut shared] {
            assert_eq!(next(stream).await.payload, number.to_string());
        }
    }
    assert_eq!(next(&mut wide).await.payload, "end");
    assert!(narrow.try_next().is_none() && shared.try_next().is_none());
    assert_eq!(client.stats().unmatched, 0);
}

#[tokio::test]
async fn subscription_options_reach_the_server() {
    let broker = Mosquitto::start();
    let client = client(&broker, Version::V5, "me").await;
    within(client.publish("kept", "old").qos(QoS::AtLeastOnce).retain(true)).await.unwrap();
    let subscribe = client.subscribe("#").no_local(true).retain_handling(RetainHandling::Never);
    let mut stream = within(subscribe.retain_as_published(true)).await.unwrap();
    within(client.publish("own", "").qos(QoS::AtLeastOnce)).await.unwrap();
    let other = crate::client(&broker, Version::V5, "other").await;
    within(other.publish("other", "x").qos(QoS::AtLeastOnce).retain(true)).await.unwrap();
    let message = next(&mut stream).await;
    assert_eq!((message.topic.as_str(), message.retain), ("other", true));
}

#[tokio::test]
async fn the_limits_of_the_server_are_kept_and_what_nobody_gets_is_told() {
    let broker = Mosquitto::start_with("allow_anonymous true\nmax_packet_size 1000\nmaximum_qos 1\n");
    let client = client(&broker, Version::V5, "me").await;
    let large = within(client.publish("a", vec![0; 2_000]).qos(QoS::AtLeastOnce)).await;
    assert_eq!(large.unwrap_err().to_string(), "the packet is larger than the server takes");
    let qos2 = within(client.publish("a", "").qos(QoS::ExactlyOnce)).await;
    assert_eq!(qos2.unwrap_err().to_string(), "the server does not support this QoS");
    let nobody = within(client.publish("nobody", "x").qos(QoS::AtLeastOnce)).await;
    assert_eq!(nobody, Ok(ReasonCode::NoMatchingSubscribers));
    assert!(client.status().is_connected());
}

#[tokio::test]
async fn topic_aliases_change_nothing_that_the_reader_sees() {
    let broker = Mosquitto::start();
    let aliased = options(&broker, Version::V5, "me").topic_aliases(2);
    let client = within(connect(aliased)).await.unwrap();
    let mut stream = within(client.subscribe("t/+").qos(QoS::AtLeastOnce)).await.unwrap();
    for number in 0..30 {
        let topic = format!("t/{}", number % 3);
        within(client.publish(topic, number.to_string()).qos(QoS::AtLeastOnce)).await.unwrap();
        let message = next(&mut stream).await;
        assert_eq!(message.topic.as_str(), format!("t/{}", number % 3));
        assert_eq!(message.payload, number.to_string());
    }
}
