//! Enhanced authentication: evidence in several steps.

use bytes::Bytes;

use super::{Identity, Judging, Refused};

/// One enhanced authentication that is under way.
pub trait Exchange: Send {
    /// Takes Authentication Data of CONNECT, or of the next AUTH; none if the packet had none.
    fn step<'a>(&'a mut self, data: Option<&'a [u8]>) -> Judging<'a, AuthStep>;
}

/// What follows a step of an [`Exchange`].
#[derive(Clone, Debug, PartialEq)]
pub enum AuthStep {
    /// AUTH with Continue authentication and this data.
    Continue(Bytes),
    /// The client is who it says; CONNACK, or AUTH with Success, carries the data.
    Admit {
        /// Who it is.
        identity: Identity,
        /// The last data, by which the server may prove itself.
        data: Option<Bytes>,
    },
    /// The client is refused.
    Refuse(Refused),
}
