//! Our client with our broker, by SCRAM-SHA-256.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mqtt_broker::auth::scram::Users;
use mqtt_broker::config::{Config, Listener, ScramSettings};
use mqtt_broker::{Broker, BrokerHandle};
use mqtt_client::{
    Client, CloseReason, ConnectOptions, ConnectionError, QoS, ReasonCode, ReauthenticationError, Scram,
    Version, connect,
};

const PATIENCE: Duration = Duration::from_secs(20);

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()))
}

fn config(file: &Path, users: &[(&str, &str)]) -> Config {
    let text = users.iter().fold(String::new(), |text, (user, password)| {
        Users::with_password(&text, user, password, [7; 16], 4_096).unwrap()
    });
    fs::write(file, text).unwrap();
    let listener: Listener = "tcp://127.0.0.1:0".parse().unwrap();
    let mut config = Config { listeners: vec![listener], ..Config::default() };
    config.auth.scram = Some(ScramSettings { file: file.to_owned(), ..ScramSettings::default() });
    config
}

async fn start(config: Config) -> BrokerHandle {
    Broker::builder().config(config).start().await.unwrap()
}

fn options(broker: &BrokerHandle, user: &str, password: &str) -> ConnectOptions {
    let scram = Scram::new(user, password).unwrap();
    let options = ConnectOptions::new(&support::address(broker)).unwrap().version(Version::V5);
    options.authentication(move || scram.clone())
}

async fn echo(client: &Client, topic: &str) {
    let mut messages = client.subscribe(topic).await.unwrap();
    client.publish(topic, "hello").qos(QoS::AtLeastOnce).await.unwrap();
    assert_eq!(messages.next().await.unwrap().payload, "hello");
}

#[tokio::test]
async fn our_client_and_our_broker_prove_to_each_other_that_they_know_the_password_and_do_so_again() {
    let path = file("both-prove");
    let broker = start(config(&path, &[("ann", "pencil"), ("a,b=c", "\u{2168}")])).await;
    // as a keyboard may compose them
    for (user, password) in [("ann", "pencil"), ("\u{ff41}nn", "pencil"), ("a,b=c", "IX")] {
        let client = connect(options(&broker, user, password)).await.unwrap();
        echo(&client, "a").await;
        for _ in 0..2 {
            client.reauthenticate().await.unwrap();
        }
        echo(&client, "b").await;
        client.disconnect(PATIENCE).await.unwrap();
    }
    let judged = broker.judged();
    assert_eq!((judged[0].name.as_str(), judged[0].admitted, judged[0].refused), ("scram", 9, 0));
    for (user, password) in [("ann", "pen"), ("eve", "pencil")] {
        let outcome = connect(options(&broker, user, password)).await.map(|_| ());
        let is_told = matches!(&outcome, Err(ConnectionError::Refused(said)) if said.reason == ReasonCode::BadUserNameOrPassword);
        assert!(is_told, "{outcome:?}");
    }
    let shown = ConnectOptions::new(&support::address(&broker)).unwrap().user_name("ann").password("pencil");
    assert!(connect(shown).await.is_err(), "a password that is shown proves nothing here");
    broker.shutdown().await;
    fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn a_client_whose_password_was_changed_meanwhile_ends_when_it_authenticates_anew() {
    let path = file("changed");
    let broker = start(config(&path, &[("ann", "pencil")])).await;
    let client = connect(options(&broker, "ann", "pencil")).await.unwrap();
    broker.reload(config(&path, &[("ann", "brush")])).unwrap();
    echo(&client, "a").await;
    let error = client.reauthenticate().await.unwrap_err();
    let ReauthenticationError::Disconnected(CloseReason::Peer(reason)) = error else { panic!("{error}") };
    assert_eq!(reason, ReasonCode::NotAuthorized);
    let again = connect(options(&broker, "ann", "brush")).await.unwrap();
    again.disconnect(PATIENCE).await.unwrap();
    broker.shutdown().await;
    fs::remove_file(path).unwrap();
}
