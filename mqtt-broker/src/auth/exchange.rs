//! Enhanced authentication: evidence in several steps.

use bytes::Bytes;

use super::{Identity, Judging, Refused};

/// One enhanced authentication that is under way.
pub trait Exchange: Send {
    /// Takes Authentication Data of CONNECT, or of the next AUTH; none if the packet had none. After [`AuthStep::Admit`] or
    /// [`AuthStep::Refuse`] it is not called again.
    ///
    /// # Cancel safety
    /// The exchange is dropped, in the middle of a step or between two, at its deadline or when the client goes away. What a
    /// step holds beyond the exchange has to be let go by its destructor.
    fn step<'a>(&'a mut self, data: Option<&'a [u8]>) -> Judging<'a, AuthStep>;
}

/// What follows a step of an [`Exchange`].
#[derive(Clone, Debug, PartialEq)]
pub enum AuthStep {
    /// AUTH with Continue authentication and this data. A client whose Maximum Packet Size is smaller is refused.
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
