//! Transports other than plain TCP: TLS with certificates of a test CA, unix sockets, the PROXY protocol; and
//! files that change while the broker runs.

mod authority;
#[path = "../peer/mod.rs"]
mod peer;
mod secure;

mod certificates;
mod files;
mod handshake;
mod proxy;
mod refusals;
mod reload;
mod strangers;
mod tls;
#[cfg(unix)]
mod unix;
