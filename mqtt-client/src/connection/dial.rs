//! How a transport is opened.

use std::future::Future;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::credentials::Credentials;
use crate::error::ConnectionError;

/// Where a server sends its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirect<'r> {
    /// Use another server: to one of this Server Reference, for the next connection.
    ForNow(&'r str),
    /// Server moved: to one of this Server Reference, from now on.
    ForGood(&'r str),
    /// To where it began, or where that has moved.
    Back,
}

/// Opens the transport of each connection: [`Network`](crate::Network), or whatever an application brings.
pub trait Dial: Send + 'static {
    /// A reliable, ordered stream of bytes to the server.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Opens a stream. It is cancelled at `deadline`; a dialer that ends a little before can say at which step.
    ///
    /// Cancel safety: dropping the future has to give the attempt up; another one may follow.
    fn dial(
        &mut self,
        deadline: Instant,
    ) -> impl Future<Output = Result<Self::Stream, ConnectionError>> + Send;

    /// Takes what a provider of credentials has said for the attempt that follows. User name and password are sent in
    /// CONNECT anyway; this is for certificates. By default nothing is done.
    fn use_credentials(&mut self, credentials: &Credentials) {
        let _ = credentials;
    }

    /// Turns to another server for the attempts that follow; false if it cannot, as by default. Asked only where
    /// [`ConnectOptions::redirects`](crate::ConnectOptions::redirects) allows it.
    fn redirect(&mut self, redirect: Redirect<'_>) -> bool {
        let _ = redirect;
        false
    }
}
