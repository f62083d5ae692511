//! What can go wrong with enhanced authentication on this side.

use std::error::Error;
use std::sync::Arc;

use mqtt_session::CloseReason;

/// Why this client did not go on with an enhanced authentication. What the server did not like, it says itself: by
/// [`ConnectionError::Refused`](crate::ConnectionError::Refused), or the end of the connection.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthenticationError {
    /// The server accepted the client before it had heard its answer.
    #[error("the server did not wait for this client's answer")]
    NotAwaited,
    /// What the method has to say is larger than the server takes.
    #[error("the method's data is larger than the server takes")]
    PacketTooLarge,
    /// [`Authentication::start`](crate::Authentication::start) failed.
    #[error("the method could not start: {0}")]
    Start(Arc<dyn Error + Send + Sync>),
    /// What the server said did not satisfy [`Authentication::step`](crate::Authentication::step).
    #[error("the server's challenge cannot be answered: {0}")]
    Step(Arc<dyn Error + Send + Sync>),
    /// The server has not proved to [`Authentication::finish`](crate::Authentication::finish) who it is.
    #[error("the server has not proved who it is: {0}")]
    Server(Arc<dyn Error + Send + Sync>),
}

impl AuthenticationError {
    /// Whether another attempt would end alike.
    pub(super) const fn is_permanent(&self) -> bool {
        !matches!(self, Self::Start(_))
    }
}

/// Why [`Client::reauthenticate`](crate::Client::reauthenticate) did not succeed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReauthenticationError {
    /// The client has ended; see its status.
    #[error("the client has ended")]
    Closed,
    /// The connection ended during it: by [`CloseReason::Peer`] if the server was not convinced.
    #[error("the connection ended before the server was convinced: {0}")]
    Disconnected(CloseReason),
    /// This client did not go on. Except for [`AuthenticationError::Start`], and for a first AUTH that is too large, the
    /// connection ends with it.
    #[error(transparent)]
    Failed(AuthenticationError),
    /// There is no [`ConnectOptions::authentication`](crate::ConnectOptions::authentication). [MQTT-4.12.0-7]
    #[error("[MQTT-4.12.0-7] the options name no method of authentication")]
    NoMethod,
    /// There is no connection now. The next one authenticates anyway.
    #[error("there is no connection to authenticate on")]
    NotConnected,
    /// The value that was made for it has another method than CONNECT had. [MQTT-4.12.1-1]
    #[error("[MQTT-4.12.1-1] the method is another than that of CONNECT")]
    OtherMethod,
    /// Another one is under way.
    #[error("a re-authentication is under way")]
    UnderWay,
}
