//! TCP sockets.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use super::BACKLOG;
use crate::config::TcpSettings;

/// Opens a listening socket. What is set on it, accepted sockets inherit.
pub(super) fn bind(address: SocketAddr, settings: &TcpSettings) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // a restart must not wait for connections of the run before; on Windows it need not, and there two programs could
    // share the port
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    set(&socket, settings)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Takes a socket that listens already.
pub(super) fn take(listener: TcpListener, settings: &TcpSettings) -> io::Result<TcpListener> {
    let socket = Socket::from(listener);
    set(&socket, settings)?;
    Ok(socket.into())
}

fn set(socket: &Socket, settings: &TcpSettings) -> io::Result<()> {
    socket.set_tcp_nodelay(settings.no_delay)?;
    if !settings.keep_alive.is_zero() {
        let keep_alive = TcpKeepalive::new().with_time(settings.keep_alive);
        socket.set_tcp_keepalive(&keep_alive.with_interval(settings.keep_alive_interval))?;
    }
    #[cfg(target_os = "linux")]
    if !settings.user_timeout.is_zero() {
        socket.set_tcp_user_timeout(Some(settings.user_timeout))?;
    }
    socket.set_nonblocking(true)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpStream};
    use std::time::Duration;

    use socket2::SockRef;

    use super::*;

    fn accepted(settings: &TcpSettings) -> TcpStream {
        let listener = bind((Ipv4Addr::LOCALHOST, 0).into(), settings).expect("a port");
        listener.set_nonblocking(false).expect("a socket");
        let _client = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        listener.accept().expect("a connection").0
    }

    #[test]
    fn accepted_sockets_have_what_the_settings_say() {
        let settings = TcpSettings {
            no_delay: true,
            keep_alive: Duration::from_secs(77),
            keep_alive_interval: Duration::from_secs(7),
            user_timeout: Duration::from_secs(33),
        };
        let stream = accepted(&settings);
        let socket = SockRef::from(&stream);
        assert!(socket.tcp_nodelay().expect("known"));
        assert!(socket.keepalive().expect("known"));
        assert_eq!(socket.tcp_keepalive_time().expect("known"), settings.keep_alive);
        assert_eq!(socket.tcp_keepalive_interval().expect("known"), settings.keep_alive_interval);
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().expect("known"), Some(settings.user_timeout));
    }

    #[test]
    fn half_open_connections_are_looked_for_unless_that_is_switched_off() {
        let stream = accepted(&TcpSettings::default());
        let socket = SockRef::from(&stream);
        assert!(socket.tcp_nodelay().expect("known") && socket.keepalive().expect("known"));
        #[cfg(target_os = "linux")]
        assert!(socket.tcp_user_timeout().expect("known").is_some());

        let off = Duration::ZERO;
        let settings =
            TcpSettings { no_delay: false, keep_alive: off, user_timeout: off, ..TcpSettings::default() };
        let stream = accepted(&settings);
        let socket = SockRef::from(&stream);
        assert!(!socket.tcp_nodelay().expect("known") && !socket.keepalive().expect("known"));
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().expect("known"), None);
    }
}
