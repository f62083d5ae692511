//! Sockets that listened before the broker started.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use super::super::broker::StartError;
use crate::config::Listener;

/// What was handed over, by address.
#[derive(Debug, Default)]
pub(in crate::net) struct Inherited(Vec<(SocketAddr, Arc<TcpListener>)>);

impl Inherited {
    pub(in crate::net) fn of(sockets: &[Arc<TcpListener>]) -> Result<Self, StartError> {
        let addressed = |socket: &Arc<TcpListener>| Ok((socket.local_addr()?, Arc::clone(socket)));
        sockets.iter().map(addressed).collect::<io::Result<_>>().map(Self).map_err(StartError::Shard)
    }

    /// Each is for some listener.
    pub(in crate::net) fn check(&self, listeners: &[Listener]) -> Result<(), StartError> {
        let is_known = |address| listeners.iter().any(|listener| listener.address.socket() == Some(address));
        match self.0.iter().find(|(address, _)| !is_known(*address)) {
            Some((address, _)) => Err(StartError::Inherited { address: *address }),
            None => Ok(()),
        }
    }

    pub(super) fn find(&self, address: SocketAddr) -> Option<&TcpListener> {
        self.0.iter().find(|(own, _)| *own == address).map(|(_, socket)| &**socket)
    }
}
