//! Credentials that are asked for at each attempt, and who can read them on the way.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use mqtt_client::{ConnectionError, Credentials, Proxy};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::servers::{Server, serve};
use crate::{accepted, leave, options, refused};

#[tokio::test]
async fn each_attempt_has_the_password_of_its_time() {
    let mut server = Server::start(serve).await;
    let asked = AtomicUsize::new(0);
    let options = options(&format!("mqtt://old:old@{}", server.address)).credentials(move || {
        let count = asked.fetch_add(1, Ordering::Relaxed);
        async move {
            match count {
                2 => Err(io::Error::other("the vault is closed")),
                _ => Ok(Credentials::new().password(format!("token-{count}"))),
            }
        }
    });
    for attempt in 0..2 {
        leave(accepted(options.clone()).await).await;
        let (connect, _) = server.seen().await.unwrap();
        let login = format!("\0\x03old\0\x07token-{attempt}");
        assert!(connect.ends_with(login.as_bytes()), "{connect:?}");
    }
    let error = refused(options).await;
    assert_eq!(error.to_string(), "no credentials: the vault is closed");
    assert!(!error.is_permanent());
}

#[tokio::test]
async fn a_provider_cannot_say_what_mqtt_cannot_carry() {
    let options = options("mqtt://127.0.0.1:1");
    let silent = options.clone().credentials(async || Ok::<_, io::Error>(Credentials::new().password("x")));
    let error = refused(silent).await;
    assert!(matches!(error, ConnectionError::Option { option: "credentials", .. }), "{error}");
    let zero = options.credentials(async || Ok::<_, io::Error>(Credentials::new().user_name("a\0")));
    let error = refused(zero).await;
    assert!(matches!(error, ConnectionError::Option { option: "user_name", .. }), "{error}");
}

#[tokio::test]
async fn a_password_that_others_can_read_is_warned_of() {
    // 0.0.0.0 is this machine as well, but a host of any other address is treated alike
    for (address, is_warned) in [
        ("mqtt://me:pw@0.0.0.0:1", true),
        ("ws://me:pw@0.0.0.0:1", true),
        ("mqtt://me@0.0.0.0:1", false),
        ("mqtts://me:pw@0.0.0.0:1", false),
        ("wss://me:pw@0.0.0.0:1", false),
        ("mqtt://me:pw@localhost:1", false),
        ("mqtt://me:pw@127.1.2.3:1", false),
        ("ws://me:pw@[::1]:1", false),
        #[cfg(unix)]
        ("unix://me:pw@/nowhere/at/all", false),
    ] {
        assert_eq!(warnings(options(address)).await, usize::from(is_warned), "{address}");
    }
    let through_proxy = options("mqtt://me:pw@localhost").proxy(Proxy::socks5("127.0.0.1", 1));
    assert_eq!(warnings(through_proxy).await, 1);
}

/// Warnings of the first turn of two attempts.
async fn warnings(options: mqtt_client::ConnectOptions) -> usize {
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    let (_client, mut connection) = mqtt_client::Client::new(options).unwrap();
    for _ in 0..2 {
        // the attempt is given up where it first has to wait
        tokio::select! {
            biased;
            _ = connection.open() => {}
            () = std::future::ready(()) => {}
        }
    }
    drop(guard);
    let lines = log.0.lock().unwrap();
    assert!(lines.iter().all(|line| !line.contains("pw")), "{lines:?}");
    lines.iter().filter(|line| line.contains("the password is sent without TLS")).count()
}

/// Keeps warnings.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.0.lock().unwrap().push(String::from_utf8(line.0).unwrap());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Line(Vec<u8>);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}
