//! TCP: all addresses of a host, each with a head start before the next.

use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::options::TcpOptions;
use super::within;
use crate::error::{ConnectionError, Step, TcpFailure};

/// How long one address is tried alone before the next is tried as well: what RFC 8305 recommends.
const HEAD_START: Duration = Duration::from_millis(250);

/// Questions without an answer, after which a silent connection is given up.
const PROBES: u32 = 4;

pub(super) async fn connect(
    host: &str,
    port: u16,
    options: &TcpOptions,
    deadline: Instant,
) -> Result<TcpStream, ConnectionError> {
    let failed = |error| ConnectionError::Resolve { host: host.to_owned(), error };
    let found = within(deadline, Step::Resolve, lookup_host((host, port))).await?.map_err(failed)?;
    let addresses = by_turns(found);
    if addresses.is_empty() {
        return Err(failed(io::Error::new(io::ErrorKind::NotFound, "the name has no address")));
    }
    let connected = within(deadline, Step::Transport, race(addresses, TcpStream::connect)).await?;
    let stream = connected.map_err(ConnectionError::Tcp)?;
    // what a system cannot do is no reason to be without a connection
    if let Err(error) = configure(&stream, options) {
        tracing::debug!(%error, "socket options");
    }
    Ok(stream)
}

/// IPv6 and IPv4 in turn, in the order of the system otherwise: a family that leads nowhere delays by one head start.
fn by_turns(found: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let (mut first, mut second): (Vec<_>, Vec<_>) = (Vec::new(), Vec::new());
    for address in found {
        let is_first = first.first().is_none_or(|other: &SocketAddr| other.is_ipv4() == address.is_ipv4());
        if is_first { first.push(address) } else { second.push(address) }
    }
    let mut second = second.into_iter();
    let mut turns = Vec::new();
    for address in first {
        turns.push(address);
        turns.extend(second.next());
    }
    turns.extend(second);
    turns
}

/// The first connection that comes about; an address that fails makes room for the next at once.
async fn race<T, F>(
    addresses: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> Result<T, Vec<TcpFailure>>
where
    T: Send + 'static,
    F: Future<Output = io::Result<T>> + Send + 'static,
{
    let mut waiting = addresses.into_iter();
    let mut attempts = JoinSet::new();
    let mut failures = Vec::new();
    loop {
        if let Some(address) = waiting.next() {
            let attempt = connect(address);
            attempts.spawn(async move { attempt.await.map_err(|error| TcpFailure { address, error }) });
        }
        let head_start = async { if waiting.len() > 0 { sleep(HEAD_START).await } else { pending().await } };
        tokio::select! {
            ended = attempts.join_next() => match ended {
                Some(Ok(Ok(stream))) => return Ok(stream),
                Some(Ok(Err(failure))) => failures.push(failure),
                // only a runtime that shuts down ends tasks of ours
                Some(Err(_)) => {}
                None => return Err(failures),
            },
            () = head_start => {}
        }
    }
}

fn configure(stream: &TcpStream, options: &TcpOptions) -> io::Result<()> {
    // packets are collected before they are written: there is nothing to wait for
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    if let Some(idle) = options.keep_alive {
        // systems count in seconds, and take none for an error
        let idle = idle.max(Duration::from_secs(1));
        let interval = (idle / PROBES).max(Duration::from_secs(1));
        let keep_alive = TcpKeepalive::new().with_time(idle).with_interval(interval);
        #[cfg(not(windows))]
        let keep_alive = keep_alive.with_retries(PROBES);
        socket.set_tcp_keepalive(&keep_alive)?;
    }
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    socket.set_tcp_user_timeout(options.user_timeout)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn refused() -> io::Error {
        io::ErrorKind::ConnectionRefused.into()
    }

    #[test]
    fn families_take_turns() {
        let found = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "1.1.1.2:1"]);
        let turns = addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1", "[::3]:1"]);
        assert_eq!(by_turns(found.into_iter()), turns);
        let found = addresses(&["1.1.1.1:1", "[::1]:1", "[::2]:1"]);
        assert_eq!(by_turns(found.clone().into_iter()), found);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_leads_nowhere_delays_the_next_by_a_head_start() {
        let found = addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1"]);
        let before = Instant::now();
        let connect = |address: SocketAddr| async move {
            if address.is_ipv6() { pending().await } else { Ok(address) }
        };
        assert_eq!(race(found, connect).await.unwrap(), "1.1.1.1:1".parse().unwrap());
        assert_eq!(before.elapsed(), HEAD_START);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_refuses_makes_room_for_the_next_at_once() {
        let found = addresses(&["1.1.1.1:1", "1.1.1.2:1", "1.1.1.3:1"]);
        let before = Instant::now();
        let connect =
            |address: SocketAddr| ready(if address.ip().is_loopback() { Ok(()) } else { Err(refused()) });
        let failures = race(found.clone(), connect).await.unwrap_err();
        let failed: Vec<_> = failures.iter().map(|failure| failure.address).collect();
        assert_eq!(failed, found);
        assert_eq!(before.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_may_answer_after_others_have_begun() {
        let found = addresses(&["1.1.1.1:1", "1.1.1.2:1"]);
        let others_have_begun = std::sync::Arc::new(tokio::sync::Notify::new());
        let connect = |address: SocketAddr| {
            let (others_have_begun, is_first) = (others_have_begun.clone(), address == found[0]);
            async move {
                if is_first {
                    others_have_begun.notified().await;
                    return Ok(address);
                }
                others_have_begun.notify_one();
                Err(refused())
            }
        };
        assert_eq!(race(found.clone(), connect).await.unwrap(), found[0]);
    }

    #[tokio::test]
    async fn a_connection_is_watched_by_the_system_unless_told_otherwise() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let deadline = Instant::now() + Duration::from_secs(60);
        let stream = connect("127.0.0.1", port, &TcpOptions::default(), deadline).await.unwrap();
        let socket = SockRef::from(&stream);
        assert!(stream.nodelay().unwrap() && socket.keepalive().unwrap());
        #[cfg(target_os = "linux")]
        {
            assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(60));
            assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(15));
            assert_eq!(socket.tcp_keepalive_retries().unwrap(), 4);
            assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(60)));
        }
        let options = TcpOptions { keep_alive: None, user_timeout: None };
        let stream = connect("127.0.0.1", port, &options, deadline).await.unwrap();
        let socket = SockRef::from(&stream);
        assert!(!socket.keepalive().unwrap());
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), None);
    }
}
