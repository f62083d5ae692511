//! What outlives a connection: sessions, Wills, the client itself.

use std::time::Duration;

use mqtt_client::{CleanStart, Client, ConnectionError, QoS, ReasonCode, Status, Version, Will, connect};

use crate::mosquitto::Mosquitto;
use crate::{client, each, next, options, within};

#[tokio::test]
async fn a_session_keeps_messages_of_qos_1_and_2_for_a_client_that_is_away() {
    let broker = Mosquitto::start();
    for version in Version::ALL {
        let kept = || options(&broker, version, "sleeper").clean_start(CleanStart::Never);
        let sleeper = within(connect(kept())).await.unwrap();
        let stream = within(sleeper.subscribe("night/#").qos(QoS::ExactlyOnce)).await.unwrap();
        within(sleeper.disconnect(crate::HANG)).await.unwrap();
        drop(stream);

        let publisher = client(&broker, version, "publisher").await;
        for number in 0..60_u32 {
            let qos = if number % 2 == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
            within(publisher.publish("night/a", number.to_string()).qos(qos)).await.unwrap();
        }

        let sleeper = within(connect(kept())).await.unwrap();
        let present = version != Version::V3_1;
        match sleeper.status() {
            Status::Connected { session_present, .. } => assert_eq!(session_present, present, "{version}"),
            other => panic!("{other:?}"),
        }
        let mut stream = within(sleeper.subscribe("night/#").qos(QoS::ExactlyOnce)).await.unwrap();
        for number in 0..60 {
            assert_eq!(next(&mut stream).await.payload, number.to_string(), "{version}");
        }
        assert_eq!((stream.dropped(), sleeper.stats().unmatched), (0, 0));
        within(stream.unsubscribe()).await.unwrap();
        within(sleeper.disconnect(crate::HANG)).await.unwrap();
    }
}

#[tokio::test]
async fn the_will_of_a_client_that_vanishes_is_published_and_that_of_one_that_says_goodbye_is_not() {
    let broker = Mosquitto::start();
    for (version, qos) in each() {
        let watcher = client(&broker, version, "watcher").await;
        let mut stream = within(watcher.subscribe("will/#").qos(qos)).await.unwrap();
        let mortal = |name: &str| {
            options(&broker, version, name).will(Will::new(format!("will/{name}"), "gone").qos(qos))
        };
        let polite = within(connect(mortal("polite"))).await.unwrap();
        within(polite.disconnect(crate::HANG)).await.unwrap();
        let (rude, mut connection) = Client::new(mortal("rude")).unwrap();
        within(connection.open()).await.unwrap();
        drop((rude, connection));
        let message = next(&mut stream).await;
        assert_eq!((message.topic.as_str(), &message.payload[..]), ("will/rude", &b"gone"[..]));
        assert_eq!(message.qos, qos);
    }
}

#[tokio::test]
async fn a_broker_that_comes_back_without_memory_is_told_everything_again() {
    let mut broker = Mosquitto::start();
    for version in Version::ALL {
        let again = options(&broker, version, "me").reconnect_period(Duration::from_millis(10));
        let client = within(connect(again)).await.unwrap();
        let mut stream = within(client.subscribe("a/+").qos(QoS::AtLeastOnce)).await.unwrap();
        let mut status = client.watch_status();
        broker.restart();
        within(status.wait_for(|status| !status.is_connected())).await.unwrap();
        within(client.publish("a/b", "still here").qos(QoS::AtLeastOnce)).await.unwrap();
        assert_eq!(next(&mut stream).await.payload, "still here");
        assert_eq!(client.stats().connections, 2);
    }
}

#[tokio::test]
async fn a_client_without_credentials_is_refused_with_the_reason() {
    let broker = Mosquitto::start_with("allow_anonymous false\n");
    for version in Version::ALL {
        match within(connect(options(&broker, version, "me"))).await.unwrap_err() {
            ConnectionError::Refused(said) => assert_eq!(said.reason, ReasonCode::NotAuthorized, "{version}"),
            other => panic!("{other}"),
        }
    }
}
