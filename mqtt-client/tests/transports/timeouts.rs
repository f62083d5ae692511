//! A connect timeout names the step at which it ran out.

use std::future::pending;
use std::time::Duration;

use mqtt_client::{ConnectOptions, ConnectionError, Credentials, Proxy, Step};

use crate::servers::Server;
use crate::{options, refused};

/// Long enough for what is at hand, and no more: nothing else ends these attempts.
const SHORT: Duration = Duration::from_millis(500);

async fn step(options: ConnectOptions) -> Step {
    match refused(options.connect_timeout(SHORT)).await {
        ConnectionError::Timeout(step) => step,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_server_or_proxy_that_is_silent_is_given_up_at_the_step_it_is_silent_at() {
    let server = Server::start(|stream| async move {
        let _open = stream;
        pending::<()>().await;
    });
    let address = server.await.address;
    for (scheme, expected) in
        [("mqtt", Step::ConnAck), ("mqtts", Step::Tls), ("ws", Step::Upgrade), ("wss", Step::Tls)]
    {
        assert_eq!(step(options(&format!("{scheme}://{address}"))).await, expected, "{scheme}");
    }
    for proxy in [Proxy::socks5("127.0.0.1", address.port()), Proxy::http("127.0.0.1", address.port())] {
        assert_eq!(step(options("mqtt://broker.invalid").proxy(proxy)).await, Step::Proxy);
    }
    let unanswered = options("mqtt://127.0.0.1").credentials(pending::<Result<Credentials, std::io::Error>>);
    assert_eq!(step(unanswered).await, Step::Credentials);
}
