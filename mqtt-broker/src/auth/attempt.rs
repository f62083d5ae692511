//! What a client shows of itself.

use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;
use mqtt_codec::{Text, Version};

use crate::config::Address;

/// What a client that wants to connect shows.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The listener that it came to.
    pub listener: Address,
    /// Its address, as the socket or a proxy that is believed names it. None for unix sockets.
    pub peer: Option<IpAddr>,
    /// The version of its CONNECT.
    pub version: Version,
    /// Its client identifier, or the one that it is given.
    pub client_id: Text,
    /// User Name of CONNECT.
    pub user_name: Option<Text>,
    /// Password of CONNECT.
    pub password: Option<Secret>,
    /// The certificate that the client has proved to own and the chain behind it, each in DER; the listener's client CA
    /// vouches for them. Empty without TLS or without a certificate.
    pub certificates: Vec<Vec<u8>>,
}

impl Attempt {
    /// Whether it claims nothing: no user name and no password. A certificate that nobody has judged is no claim.
    pub fn is_anonymous(&self) -> bool {
        self.user_name.is_none() && self.password.is_none()
    }
}

/// Bytes that appear in no log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Bytes);

impl Secret {
    /// Keeps `bytes` out of logs.
    pub const fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The bytes themselves.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_say_what_it_is() {
        let secret = Secret::new(Bytes::from_static(b"pencil"));
        assert_eq!(format!("{secret:?}"), "(secret)");
        assert_eq!(secret.expose(), b"pencil");
    }
}
