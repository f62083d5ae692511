//! Our client with our broker, which asks for a password.

mod support;

use std::time::Duration;

use mqtt_broker::Broker;
use mqtt_broker::auth::password::Users;
use mqtt_broker::config::Config;
use mqtt_client::{ConnectOptions, ConnectionError, ReasonCode};
use support::address;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn our_client_comes_in_with_the_right_password_only() {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("credentials");
    let users = Users::with_password("", "ann", b"open sesame", [7; 16]).expect("a user name");
    std::fs::write(&file, users).expect("a temporary file");
    let mut config = Config::default();
    config.listeners.push("tcp://127.0.0.1:0".parse().expect("a URL"));
    config.auth.password_file = Some(file);
    let broker = Broker::builder().config(config).start().await.expect("a broker");
    let address = address(&broker);
    for (user, password, refused) in [
        ("ann", "open sesame", None),
        ("ann", "open sesam", Some(ReasonCode::BadUserNameOrPassword)),
        ("bob", "open sesame", Some(ReasonCode::BadUserNameOrPassword)),
    ] {
        let options = ConnectOptions::new(&address).expect("an address").user_name(user).password(password);
        match (mqtt_client::connect(options).await, refused) {
            (Ok(client), None) => {
                client.disconnect(PATIENCE).await.expect("an end");
            }
            (Err(ConnectionError::Refused(said)), Some(expected)) => {
                assert_eq!(said.reason, expected, "{user}")
            }
            (result, _) => panic!("{user} {password}: {:?}", result.err()),
        }
    }
    assert_eq!(broker.judged()[0].admitted, 1);
    broker.shutdown().await;
}
