//! How a transport is opened.

use std::future::Future;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};

use crate::address::Address;
use crate::error::{ConnectionError, Step};

/// Opens the transport of each connection: TCP, or whatever an application brings.
pub trait Dial: Send + 'static {
    /// A reliable, ordered stream of bytes to the server.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Opens a stream. It is cancelled at `deadline`; a dialer that ends a little before can say at which step.
    fn dial(
        &mut self,
        deadline: Instant,
    ) -> impl Future<Output = Result<Self::Stream, ConnectionError>> + Send;
}

/// Dials the options' host and port over TCP, one address after the other.
#[derive(Clone, Debug)]
pub struct Tcp {
    host: String,
    port: u16,
}

impl Tcp {
    pub(crate) fn new(address: &Address) -> Self {
        Self { host: address.host.clone(), port: address.port }
    }
}

impl Dial for Tcp {
    type Stream = TcpStream;

    async fn dial(&mut self, deadline: Instant) -> Result<TcpStream, ConnectionError> {
        let found = timeout_at(deadline, lookup_host((self.host.as_str(), self.port))).await;
        let failed = |error| ConnectionError::Resolve { host: self.host.clone(), error };
        let addresses = found.map_err(|_| ConnectionError::Timeout(Step::Resolve))?.map_err(failed)?;
        let mut last = failed(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        for address in addresses {
            let connected = timeout_at(deadline, TcpStream::connect(address)).await;
            match connected.map_err(|_| ConnectionError::Timeout(Step::Transport))? {
                Ok(stream) => {
                    // packets are collected before they are written: there is nothing to wait for
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Err(error) => last = ConnectionError::Tcp { address, error },
            }
        }
        Err(last)
    }
}
