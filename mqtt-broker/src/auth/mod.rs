//! Who a client is: what it shows, those who judge that, and what they answer.
//!
//! ```text
//!  CONNECT ---> Attempt ---> Authenticator 1 ---> Authenticator 2 ---> ... ---> anonymous?
//!                              | Admit, Refuse       | Admit, Refuse
//!                              v                     v          Pass: the next is asked
//! ```
//!
//! Authenticators are asked in order, on threads of their own and never on one that serves clients. The first that admits or
//! refuses decides. If all pass, a client that claims nothing is let in where `allow_anonymous` says so; everybody else is
//! refused, with the same answer as for a wrong password.

mod attempt;
#[cfg(feature = "tls")]
mod certificate;
#[cfg(feature = "net")]
mod chain;
#[cfg(feature = "http-auth")]
mod cryptography;
#[cfg(feature = "net")]
mod error;
mod exchange;
#[cfg(feature = "http-auth")]
mod http;
#[cfg(feature = "jwt")]
mod jwt;
#[cfg(feature = "net")]
pub mod password;
mod permissions;
#[cfg(feature = "scram")]
pub mod scram;
#[cfg(feature = "net")]
mod turns;

use std::fmt::Debug;
use std::pin::Pin;
use std::time::SystemTime;

use mqtt_codec::{ReasonCode, Text};

pub use attempt::{Attempt, Secret};
#[cfg(feature = "tls")]
pub use certificate::{Certificate, CertificateError};
#[cfg(feature = "net")]
pub use chain::Judged;
#[cfg(feature = "net")]
pub(crate) use chain::{Chain, Judge, Rejected};
#[cfg(feature = "net")]
pub use error::AuthError;
pub use exchange::{AuthStep, Exchange};
#[cfg(feature = "http-auth")]
pub use http::{Http, HttpError};
#[cfg(feature = "jwt")]
pub use jwt::{Jwt, JwtError, Unusable};
pub use permissions::Permissions;

/// The future of a judgement.
pub type Judging<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Judges who a client is, by one kind of evidence.
///
/// It runs in a tokio runtime of the broker that serves no clients. It may wait there, but work that takes longer than some
/// 100 microseconds without waiting (hashing a password) belongs into `tokio::task::spawn_blocking`, of which only a few run at
/// once, four more than `[auth] workers` says. What waits for it is a connection in the lobby, with a deadline: at its end, or when
/// the client goes away, the future is dropped.
pub trait Authenticator: Debug + Send + Sync {
    /// What it is called in logs and counters: `password_file`, `jwt`.
    fn name(&self) -> &str;

    /// Judges what a client shows in CONNECT.
    ///
    /// # Cancel safety
    /// The future is dropped at a deadline, or when the client goes away; work that was given to `spawn_blocking` goes on.
    ///
    /// It takes as long, and answers the same, for somebody whom it does not know as for a wrong password.
    fn authenticate<'a>(&'a self, attempt: &'a Attempt) -> Judging<'a, Decision>;

    /// Hears that a client about whom it has said [`Decision::Pass`] was refused for its credentials, by one that was asked
    /// later or because nobody knows it. Default: that is nothing to it.
    fn note_refused(&self, attempt: &Attempt) {
        let _ = attempt;
    }

    /// Begins enhanced authentication (5.0) by the Authentication Method, for a CONNECT as for a re-authentication.
    /// Default: none is known by this authenticator, and the next is asked.
    fn exchange(&self, method: &str, attempt: &Attempt) -> Option<Box<dyn Exchange>> {
        let _ = (method, attempt);
        None
    }
}

/// What an authenticator says of a client.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// This is who it is.
    Admit(Identity),
    /// It is not who it says, and nobody else needs to be asked.
    Refuse(Refused),
    /// There is nothing here to judge by, or nobody of that name is known: others may be asked.
    Pass,
}

/// Why a client is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Unknown, or wrong credentials, which a client is never told apart: Bad User Name or Password, 0x86 (4 in 3.x).
    #[error("its credentials are missing or wrong")]
    Credentials,
    /// Known, and not allowed to connect: Not authorized, 0x87 (5 in 3.x).
    #[error("it is not authorized to connect")]
    NotAuthorized,
    /// An Authentication Method that nobody here speaks: Bad authentication method, 0x8C.
    #[error("nobody here speaks its authentication method")]
    Method,
    /// Wrong passwords for its user name were too many, so that this one was not even looked at: Connection rate exceeded,
    /// 0x9F (3 in 3.x).
    #[error("its user name had too many wrong passwords, and has to wait; raise auth.guesses to allow more")]
    Guessing,
    /// What has to be asked does not answer: Server unavailable, 0x88 (3 in 3.x).
    #[error("what has to judge it gives no answer")]
    Unavailable,
}

impl Refused {
    /// What CONNACK says; versions before 5.0 have fewer codes, onto which the codec maps it.
    pub const fn reason_code(self) -> ReasonCode {
        match self {
            Self::Credentials => ReasonCode::BadUserNameOrPassword,
            Self::NotAuthorized => ReasonCode::NotAuthorized,
            Self::Method => ReasonCode::BadAuthenticationMethod,
            Self::Guessing => ReasonCode::ConnectionRateExceeded,
            Self::Unavailable => ReasonCode::ServerUnavailable,
        }
    }

    /// What DISCONNECT says to a client that authenticates anew.
    #[cfg(feature = "net")]
    pub(crate) const fn disconnect_code(self) -> ReasonCode {
        match self {
            Self::Credentials | Self::NotAuthorized => ReasonCode::NotAuthorized,
            Self::Method => ReasonCode::BadAuthenticationMethod,
            Self::Guessing | Self::Unavailable => ReasonCode::UnspecifiedError,
        }
    }
}

/// Who a client is, as far as permissions go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The name that permissions go by. None: anonymous.
    pub user_name: Option<Text>,
    /// Groups that the evidence itself names.
    pub groups: Vec<Text>,
    /// When the evidence ceases to hold: the connection ends then with Not authorized, unless it was renewed by
    /// re-authentication.
    pub expires: Option<SystemTime>,
    /// What the evidence itself allows; none if it says nothing of that.
    pub permissions: Option<Permissions>,
}
