//! Our client with our broker, by tokens.

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use mqtt_broker::config::{Config, JwtSettings, Listener};
use mqtt_broker::{Broker, BrokerHandle};
use mqtt_client::{ConnectOptions, ConnectionError, QoS, ReasonCode, SubscribeError, Version, connect};

const SECRET: &str = "a secret that stands in a test and nowhere else";

/// Of alice until 2100, with `a/#` to publish and subscribe; made by PyJWT, as the others.
const GOOD: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMCwiYWNsIjp7InB1Ymxpc2giOls\
                    iYS8jIl0sInN1YnNjcmliZSI6WyJhLyMiXX19.jAoYviKLnmWAsgS39w5uYJu0dMz7we8tKubPiLiESQY";
/// The same, signed with another secret.
const FORGED: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMCwiYWNsIjp7InB1Ymxpc2giO\
                      lsiYS8jIl0sInN1YnNjcmliZSI6WyJhLyMiXX19.WSSsCvEpbqc8hlMmF5_5cHaJ9iwK8LRnKJ9EZrY0yqU";
/// The same until 2001.
const EXPIRED: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6MTAwMDAwMDAwMCwiYWNsIjp7InB1Ymxpc2giO\
                       lsiYS8jIl0sInN1YnNjcmliZSI6WyJhLyMiXX19.vDYgZFzLwGGBRCO-VxHlCCrkYYIoTcqFefoVk3DWBCU";

async fn broker() -> BrokerHandle {
    let secret = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("secret-{}", std::process::id()));
    fs::write(&secret, SECRET).unwrap();
    let listener: Listener = "tcp://127.0.0.1:0".parse().unwrap();
    let mut config = Config { listeners: vec![listener], ..Config::default() };
    config.auth.jwt = Some(JwtSettings { secret: Some(secret.clone()), ..JwtSettings::default() });
    let broker = Broker::builder().config(config).start().await.unwrap();
    fs::remove_file(secret).unwrap();
    broker
}

fn options(broker: &BrokerHandle, version: Version, token: &str) -> ConnectOptions {
    ConnectOptions::new(&support::address(broker)).unwrap().version(version).user_name("any").password(token)
}

#[tokio::test]
async fn our_broker_lets_our_client_in_by_its_token_and_tells_it_why_not() {
    let broker = broker().await;
    for version in [Version::V3_1, Version::V3_1_1, Version::V5] {
        let client = connect(options(&broker, version, GOOD)).await.unwrap();
        let mut messages = client.subscribe("a/b").await.unwrap();
        client.publish("a/b", "hello").qos(QoS::AtLeastOnce).await.unwrap();
        assert_eq!(messages.next().await.unwrap().payload, "hello");
        let refused = client.subscribe("c").await.map(|_| ());
        if version != Version::V3_1 {
            assert!(matches!(refused, Err(SubscribeError::Refused(_))), "{refused:?}");
        }
        client.disconnect(Duration::from_secs(5)).await.unwrap();
        for bad in [FORGED, EXPIRED, "pencil"] {
            let outcome = connect(options(&broker, version, bad)).await.map(|_| ());
            let is_told = matches!(&outcome, Err(ConnectionError::Refused(said)) if said.reason == ReasonCode::BadUserNameOrPassword);
            assert!(is_told, "{outcome:?}");
        }
    }
    broker.shutdown().await;
}
