//! Every option of a connection.
//!
//! `cargo run -p mqtt-examples --example connect_options -- [ADDRESS]`

use std::env;
use std::error::Error;
use std::num::NonZeroU16;
use std::time::Duration;

use mqtt_client::{
    CleanStart, ConnectOptions, Overflow, QoS, QueueLimits, SlowReader, Status, StreamLimits, Tls, Version,
    Will, connect,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or_else(|| "mqtt://127.0.0.1:1883".to_owned());

    let options = ConnectOptions::new(&address)?
        // scheme, host, port and path may also be set apart from the address: transport, host, port, path
        .version(Version::V5)
        .client_id("every-option")
        .user_name("me")
        .password("a secret that Debug does not show")
        // an idle connection is tested this often; zero switches it off
        .keep_alive(Duration::from_secs(60))
        // from name resolution to CONNACK
        .connect_timeout(Duration::from_secs(10))
        // whom to trust, and who we are, where the address asks for TLS; trust as the system has it is the default
        .tls(Tls::new().alpn(["mqtt"]))
        // a dead path is found even without pings
        .tcp_keep_alive(Some(Duration::from_secs(60)))
        .tcp_user_timeout(Some(Duration::from_secs(60)))
        // pauses double from the first to the longest, with jitter; zero switches reconnecting off
        .reconnect_period(Duration::from_secs(1))
        .reconnect_longest(Duration::from_secs(30))
        // false in other clients' `clean`: the broker keeps the session while we are away
        .clean_start(CleanStart::First)
        .session_expiry(Duration::from_secs(600))
        .resubscribe(true)
        .will(
            Will::new("clients/every-option", "lost")
                .qos(QoS::AtLeastOnce)
                .retain(true)
                .delay(Duration::from_secs(5))
                .expiry(Duration::from_secs(3_600)),
        )
        // what may be on its way to us, and from us
        .receive_maximum(NonZeroU16::MIN.saturating_add(99))
        .maximum_packet_size(1 << 20)
        .topic_aliases(10)
        .queue(QueueLimits { messages: 10_000, overflow: Overflow::DropOldest, ..QueueLimits::default() })
        .streams(StreamLimits { messages: 100, slow_reader: SlowReader::HoldBack, ..StreamLimits::default() })
        .topic_alias_maximum(10)
        .request_response_information(true)
        .request_problem_information(true)
        // a server that names another one is followed once
        .redirects(1)
        .user_property("site", "home");

    println!("{options:?}");
    let client = connect(options).await?;
    if let Status::Connected { session_present, connack } = client.status() {
        println!(
            "connected; a session was there: {session_present}; the server says {:?}",
            connack.properties
        );
    }
    let left = client.disconnect(Duration::from_secs(5)).await?;
    println!("everything finished: {}", left.is_empty());
    Ok(())
}
