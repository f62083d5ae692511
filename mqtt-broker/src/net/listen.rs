//! Listening sockets, and the connections that they take in.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpListener;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

/// Connections that the kernel holds until they are accepted.
const BACKLOG: i32 = 1_024;
/// Silence after which the kernel asks the other end whether it is there.
const KEEPALIVE: Duration = Duration::from_secs(120);

/// Opens a listening socket. What is set on it, accepted sockets inherit.
pub(super) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // a restart must not wait for connections of the run before
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    // a client without keep alive whose machine is gone would stay for ever
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The same sockets for one more shard.
pub(super) fn share(listeners: &[std::net::TcpListener]) -> io::Result<Vec<TcpListener>> {
    listeners.iter().map(|listener| listener.try_clone().map(TcpListener::from_std)).collect()
}
