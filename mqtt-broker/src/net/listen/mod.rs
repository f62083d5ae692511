//! Where connections come in: sockets, and what a stream that comes through one begins with.

#[cfg(feature = "tls")]
mod certificates;
mod inherited;
mod served;
mod tcp;
#[cfg(feature = "tls")]
mod tls_error;
#[cfg(unix)]
mod unix;

use std::io;
use std::sync::Arc;

use mio::event::Source;
use mio::net::TcpListener;
#[cfg(unix)]
use mio::net::UnixListener;

use super::broker::StartError;
use super::stream::{Peer, Socket};
use crate::auth::Judge;
use crate::config::{Address, Config, Listener};

pub(super) use inherited::Inherited;
pub(super) use served::{Place, Renewable, Served};
#[cfg(feature = "tls")]
pub use tls_error::TlsError;

/// Connections that the kernel holds until they are accepted.
const BACKLOG: i32 = 1_024;

/// A listener that the system has agreed to.
#[derive(Debug)]
pub(super) struct Opened {
    door: Door,
    served: Served,
}

/// A listening socket.
#[derive(Debug)]
enum Door {
    Tcp(std::net::TcpListener),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener, unix::SocketFile),
}

/// A listener as the lobby has it.
#[derive(Debug)]
pub(super) enum Entrance {
    Tcp(TcpListener),
    /// The file is removed with the socket.
    #[cfg(unix)]
    Unix(UnixListener, #[expect(dead_code, reason = "dropping it is what counts")] unix::SocketFile),
}

impl Opened {
    /// Opens the socket and reads the files of a listener.
    pub(super) fn open(
        listener: &Listener,
        config: &Config,
        judges: &[Arc<Judge>],
        inherited: &Inherited,
    ) -> Result<Self, StartError> {
        let served = Served::new(listener, config, judges)?;
        let address = &listener.address;
        let refused = |error| StartError::Bind { address: address.clone(), error };
        let (door, address) = match address {
            Address::Tcp(socket) | Address::Tls(socket) | Address::Ws(socket) | Address::Wss(socket) => {
                let door = match inherited.find(*socket) {
                    Some(given) => given.try_clone().and_then(|given| tcp::take(given, &config.tcp)),
                    None => tcp::bind(*socket, &config.tcp),
                };
                let door = door.map_err(refused)?;
                let chosen = door.local_addr().map_err(refused)?;
                (Door::Tcp(door), address.with_socket(chosen))
            }
            #[cfg(unix)]
            Address::Unix(path) => {
                let permissions = listener.permissions.unwrap_or(Listener::PERMISSIONS);
                let (door, file) = unix::bind(path, permissions).map_err(refused)?;
                (Door::Unix(door, file), address.clone())
            }
            #[cfg(not(unix))]
            Address::Unix(_) => return Err(refused(io::ErrorKind::Unsupported.into())),
        };
        Ok(Self { door, served: served.at(address) })
    }

    /// Whoever listens on the way could read the passwords of clients, unless a proxy before it speaks TLS.
    pub(super) fn warn_of_plaintext(&self) {
        let Listener { address, proxy_protocol, .. } = self.listener();
        if self.served.chain().is_some() && !address.is_local() && !address.has_tls() && !proxy_protocol {
            tracing::warn!("passwords come in the clear through {address}: use tls:// or wss://");
        }
    }

    /// Where it listens, with the port that the system chose.
    pub(super) fn listener(&self) -> &Listener {
        self.served.listener()
    }

    /// The same for the event loop of the lobby, and what its connections have in common.
    pub(super) fn into_entrance(self) -> (Entrance, Renewable) {
        let served = Renewable::new(self.served);
        let entrance = match self.door {
            Door::Tcp(socket) => Entrance::Tcp(TcpListener::from_std(socket)),
            #[cfg(unix)]
            Door::Unix(socket, file) => Entrance::Unix(UnixListener::from_std(socket), file),
        };
        (entrance, served)
    }
}

impl Entrance {
    /// The next connection that waits.
    pub(super) fn accept(&self) -> io::Result<(Socket, Peer)> {
        match self {
            Self::Tcp(door) => {
                door.accept().map(|(socket, address)| (Socket::Tcp(socket), Peer::Address(address)))
            }
            #[cfg(unix)]
            Self::Unix(door, _) => door.accept().map(|(socket, _)| (Socket::Unix(socket), Peer::Local)),
        }
    }

    pub(super) fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(door) => door,
            #[cfg(unix)]
            Self::Unix(door, _) => door,
        }
    }
}
