//! Connecting: what CONNECT says, and every way in which an attempt can fail.

mod common;

use std::time::Duration;

use common::script::{Server, server, settle};
use common::{options, start, within};
use mqtt_client::{
    CleanStart, Client, CloseReason, ConnectOptions, ConnectionError, Dial, OptionProblem, QoS, ReasonCode,
    Status, Step, Version, Will, connect,
};
use mqtt_codec::{ConnAck, Disconnect, Packet, Seconds};
use tokio::io::DuplexStream;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn connect_says_what_the_options_say_in_every_version() {
    for version in Version::ALL {
        let (pipes, mut server) = server(version, 7);
        let options = ConnectOptions::new("mqtt://in%2Dmemory:secret@in-memory").unwrap();
        let options = options
            .version(version)
            .client_id("me")
            .clean_start(CleanStart::Never)
            .keep_alive(Duration::from_secs(17))
            .will(Will::new("gone", "oh").qos(QoS::AtLeastOnce).retain(true));
        let (client, mut connection) = Client::with_dialer(options, pipes).unwrap();
        let script = async {
            let (mut peer, connect) = server.accept().await;
            peer.send(Packet::ConnAck(ConnAck::new(false, ReasonCode::Success))).await;
            connect
        };
        let (opened, sent) = within(async { tokio::join!(connection.open(), script) }).await;
        opened.unwrap();
        assert_eq!(sent.version, version);
        assert_eq!(&*sent.client_id, "me");
        assert!(!sent.clean_start);
        assert_eq!(sent.keep_alive, 17);
        assert_eq!(sent.user_name.as_deref(), Some("in-memory"));
        assert_eq!(sent.password.as_deref(), Some(&b"secret"[..]));
        let will = sent.will.unwrap();
        assert_eq!((will.message.topic.as_str(), &will.message.payload[..]), ("gone", &b"oh"[..]));
        assert_eq!((will.qos, will.retain), (QoS::AtLeastOnce, true));
        // a session that is to be resumed must not end with its connection
        assert_eq!(sent.properties.session_expiry, version.is_v5().then_some(Seconds::NEVER));
        assert!(client.status().is_connected());
    }
}

#[tokio::test(start_paused = true)]
async fn v5_properties_of_the_options_are_in_connect() {
    let (pipes, mut server) = server(Version::V5, 4_096);
    let options = options(Version::V5, "me")
        .session_expiry(Duration::from_millis(1_500))
        .maximum_packet_size(1_000)
        .receive_maximum(9.try_into().unwrap())
        .user_property("a", "b")
        .will(Will::new("gone", "").delay(Duration::from_secs(3)).expiry(Duration::from_secs(4)));
    let (_client, _driver) = start(options, pipes);
    let (_, connect) = server.accept().await;
    let properties = connect.properties;
    assert_eq!(properties.session_expiry, Some(Seconds(2)));
    assert_eq!(properties.maximum_packet_size.map(u32::from), Some(1_000));
    assert_eq!(properties.receive_maximum.map(u16::from), Some(9));
    assert_eq!(properties.user_properties, [("a".try_into().unwrap(), "b".try_into().unwrap())]);
    let will = connect.will.unwrap();
    assert_eq!((will.delay, will.expiry), (Some(Seconds(3)), Some(Seconds(4))));
}

#[tokio::test(start_paused = true)]
async fn a_packet_above_16_mib_ends_the_connection_unless_the_options_allow_it() {
    for version in Version::ALL {
        for (options, is_taken) in
            [(options(version, "me"), false), (options(version, "me").maximum_packet_size(64 << 20), true)]
        {
            let (pipes, mut server) = server(version, 4_096);
            let (client, connection) =
                Client::with_dialer(options.reconnect_period(Duration::ZERO), pipes).unwrap();
            let driver = tokio::spawn(connection.run());
            let (mut peer, connect) = server.accept().await;
            let told = connect.properties.maximum_packet_size.map(u32::from);
            assert_eq!(told, version.is_v5().then_some(if is_taken { 64 << 20 } else { 16 << 20 }));
            peer.send(Packet::ConnAck(ConnAck::new(false, ReasonCode::Success))).await;
            // the fixed header of a PUBLISH with 16 MiB after it
            peer.send_bytes(&[0x30, 0x80, 0x80, 0x80, 0x08]).await;
            settle().await;
            assert_eq!(client.status().is_connected(), is_taken);
            if !is_taken {
                let error = within(driver).await.unwrap().unwrap_err().to_string();
                assert!(error.contains("the packet is larger than the limit"), "{error}");
            }
        }
    }
}

#[test]
fn options_that_a_version_cannot_say_are_errors_that_name_the_option() {
    let base = |version| options(version, "me");
    let long = "x".repeat(70_000);
    for (options, option, problem) in [
        (base(Version::V3_1_1).session_expiry(Duration::ZERO), "session_expiry", OptionProblem::OnlyInV5),
        (base(Version::V3_1).user_property("a", "b"), "user_property", OptionProblem::OnlyInV5),
        (base(Version::V3_1).will(Will::new("a", "").delay(Duration::ZERO)), "will", OptionProblem::OnlyInV5),
        (base(Version::V3_1_1).password("x"), "password", OptionProblem::PasswordWithoutUserName),
        (base(Version::V5).password(long.clone()), "password", OptionProblem::OutOfRange),
        (base(Version::V5).will(Will::new("a", long)), "will", OptionProblem::OutOfRange),
        (base(Version::V5).keep_alive(Duration::from_secs(65_536)), "keep_alive", OptionProblem::OutOfRange),
    ] {
        match Client::new(options).unwrap_err() {
            ConnectionError::Option { option: found, problem: why } => {
                assert_eq!((found, why), (option, problem));
            }
            other => panic!("{other}"),
        }
    }
    let error = Client::new(base(Version::V5).will(Will::new("a/#", ""))).unwrap_err();
    assert!(error.to_string().starts_with("option will: a topic name holds no wildcard"), "{error}");
    let error = Client::new(base(Version::V5).client_id("a\0")).unwrap_err();
    assert!(error.to_string().starts_with("option client_id: "), "{error}");
}

/// Opens a connection to a server that does what `script` does.
async fn open<F: Future>(version: Version, script: impl FnOnce(Server) -> F) -> ConnectionError {
    let (pipes, server) = server(version, 7);
    let (_client, mut connection) = Client::with_dialer(options(version, "me"), pipes).unwrap();
    let script = script(server);
    within(async {
        tokio::select! {
            result = connection.open() => result.unwrap_err(),
            _ = async { script.await; std::future::pending::<()>().await } => unreachable!(),
        }
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_an_error_with_the_servers_code() {
    for version in Version::ALL {
        for reason in [ReasonCode::BadUserNameOrPassword, ReasonCode::NotAuthorized] {
            let error = open(version, async |mut server: Server| {
                let (mut peer, _) = server.accept().await;
                peer.send(Packet::ConnAck(ConnAck::new(false, reason))).await;
                peer.closed().await;
            });
            let error = error.await;
            assert!(matches!(error, ConnectionError::Refused(ref said) if said.reason == reason), "{error}");
            assert!(error.is_permanent());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_connect_is_given_up_after_the_connect_timeout() {
    let before = Instant::now();
    let error = open(Version::V5, async |mut server: Server| {
        let _peer = server.accept().await;
        std::future::pending::<()>().await;
    });
    assert!(matches!(error.await, ConnectionError::Timeout(Step::ConnAck)));
    assert_eq!(before.elapsed(), Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_even_read_connect_is_given_up_after_the_connect_timeout() {
    let error = open(Version::V5, async |mut server: Server| {
        let _peer = server.accept_raw().await;
        std::future::pending::<()>().await;
    });
    assert!(matches!(error.await, ConnectionError::Timeout(Step::ConnAck)));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_closes_the_connection_instead_of_answering_is_named() {
    let error = open(Version::V5, async |mut server: Server| {
        let _ = server.accept().await;
    });
    assert!(matches!(error.await, ConnectionError::NoConnAck(_)));
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_no_packet_in_place_of_connack_end_the_attempt() {
    let error = open(Version::V3_1_1, async |mut server: Server| {
        let (mut peer, _) = server.accept().await;
        peer.send_bytes(b"SSH-2.0-OpenSSH\r\n").await;
        peer.closed().await;
    });
    let error = error.await;
    assert!(matches!(error, ConnectionError::Closed(CloseReason::Malformed(_))), "{error}");
}

/// A transport that never opens.
struct Silence;

impl Dial for Silence {
    type Stream = DuplexStream;

    async fn dial(&mut self, _: Instant) -> Result<DuplexStream, ConnectionError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_never_opens_is_given_up_after_the_connect_timeout() {
    let options = options(Version::V5, "me").connect_timeout(Duration::from_secs(3));
    let (_client, mut connection) = Client::with_dialer(options, Silence).unwrap();
    let before = Instant::now();
    let error = within(connection.open()).await.unwrap_err();
    assert!(matches!(error, ConnectionError::Timeout(Step::Transport)), "{error}");
    assert_eq!(before.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_attempt_may_be_followed_by_another() {
    let (pipes, mut server) = server(Version::V3_1_1, 7);
    let (client, mut connection) = Client::with_dialer(options(Version::V3_1_1, "me"), pipes).unwrap();
    tokio::time::timeout(Duration::from_secs(1), connection.open()).await.unwrap_err();
    let first = server.accept_raw();
    drop(first.await);
    let script = server.connected(false);
    let (opened, _peer) = within(async { tokio::join!(connection.open(), script) }).await;
    opened.unwrap();
    assert!(client.status().is_connected());
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_was_never_accepted_ends_with_a_refusal_for_good_but_outlasts_the_others() {
    let (pipes, mut server) = server(Version::V5, 64);
    let (client, driver) = start(options(Version::V5, "me"), pipes);
    for reason in [ReasonCode::ServerBusy, ReasonCode::ServerUnavailable, ReasonCode::NotAuthorized] {
        let (mut peer, _) = server.accept().await;
        peer.send(Packet::ConnAck(ConnAck::new(false, reason))).await;
    }
    let error = within(driver).await.unwrap().unwrap_err();
    assert!(error.starts_with("the server refused the connection: Not authorized (0x87); look at user name"));
    assert!(matches!(client.status(), Status::Closed { cause: Some(_) }));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_was_accepted_once_keeps_trying_whatever_the_server_says() {
    let (pipes, mut server) = server(Version::V5, 64);
    let (client, _driver) = start(options(Version::V5, "me"), pipes);
    let mut peer = server.connected(false).await;
    peer.send(Packet::Disconnect(Disconnect::new(ReasonCode::ServerShuttingDown))).await;
    let (mut peer, _) = server.accept().await;
    peer.send(Packet::ConnAck(ConnAck::new(false, ReasonCode::NotAuthorized))).await;
    let mut status = client.watch_status();
    let refused = |status: &Status| {
        matches!(status, Status::Disconnected { cause, .. }
            if matches!(&**cause, ConnectionError::Refused(said) if said.reason == ReasonCode::NotAuthorized))
    };
    within(status.wait_for(refused)).await.unwrap();
    let _peer = server.connected(false).await;
    within(status.wait_for(Status::is_connected)).await.unwrap();
}

#[tokio::test]
async fn connect_names_the_address_where_nobody_listens() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    match connect(format!("mqtt://{address}")).await.unwrap_err() {
        ConnectionError::Tcp(failures) => {
            let found: Vec<_> = failures.iter().map(|failure| failure.address).collect();
            assert_eq!(found, [address]);
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn connect_names_the_scheme_that_is_not_known() {
    let error = connect("amqp://127.0.0.1").await.unwrap_err();
    assert!(error.to_string().contains("amqp:// is not known; mqtt, tcp, mqtts"), "{error}");
}

#[tokio::test]
async fn connect_reaches_a_server_over_tcp() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = ConnectOptions::new("tcp://unused").unwrap().host("127.0.0.1").client_id("me");
    let options = options.port(listener.local_addr().unwrap().port());
    let server = async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut connect = [0; 16];
        stream.read_exact(&mut connect).await.unwrap();
        stream.write_all(&[0x20, 2, 0, 0]).await.unwrap();
        (stream, connect)
    };
    let (client, (mut stream, sent)) = tokio::join!(connect(options), server);
    assert_eq!(&sent[..], b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02me");
    let client = client.unwrap();
    assert!(client.disconnect(Duration::from_secs(5)).await.unwrap().is_empty());
    let mut rest = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await.unwrap();
    assert_eq!(rest, [0xE0, 0]);
}

#[test]
fn no_debug_output_shows_a_password() {
    let options = ConnectOptions::new("mqtt://me:tops3cret@house").unwrap().password("tops3cret");
    assert!(!format!("{options:?}").contains("tops3cret"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _guard = runtime.enter();
    let (client, connection) = Client::new(options).unwrap();
    assert!(!format!("{client:?} {connection:?}").contains("tops3cret"));
}
