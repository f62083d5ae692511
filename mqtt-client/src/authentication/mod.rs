//! Enhanced authentication of 5.0: what a method is, and how the driver holds one.
//!
//! The session knows whose turn it is, `core/authentication.rs` brings the two together.

#[cfg(feature = "scram")]
pub(crate) mod scram;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use crate::options::ConnectOptions;

/// What goes wrong in a method.
type BoxError = Box<dyn Error + Send + Sync>;

/// The client's part in a method of enhanced authentication: one value for one exchange.
///
/// ```text
///   start  -->  CONNECT, or AUTH Re-authenticate
///               AUTH Continue       -->  step
///     step -->  AUTH Continue                       as often as the server asks
///               CONNACK, or AUTH Success  -->  finish
/// ```
///
/// `start` and `step` may take their time and wait for others: the connection is served meanwhile. They run in the
/// driver's task all the same, so that what keeps a processor busy belongs into [`tokio::task::spawn_blocking`]. Their
/// futures are dropped with the connection.
///
/// ```
/// use bytes::Bytes;
/// use mqtt_client::{Authentication, ConnectOptions, ConnectionError, Version};
///
/// type BoxError = Box<dyn std::error::Error + Send + Sync>;
///
/// /// Shows a token that is good for an hour.
/// struct Token;
///
/// impl Authentication for Token {
///     fn method(&self) -> &str {
///         "TOKEN"
///     }
///
///     async fn start(&mut self) -> Result<Option<Bytes>, BoxError> {
///         // the place to fetch a fresh one
///         Ok(Some(Bytes::from_static(b"token")))
///     }
///
///     async fn step(&mut self, _: Option<&[u8]>) -> Result<Option<Bytes>, BoxError> {
///         Err("a token is all there is".into())
///     }
///
///     fn finish(&mut self, _: Option<&[u8]>) -> Result<(), BoxError> {
///         Ok(())
///     }
/// }
///
/// # fn main() -> Result<(), ConnectionError> {
/// let options = ConnectOptions::new("mqtt://127.0.0.1")?.version(Version::V5).authentication(|| Token);
/// # Ok(())
/// # }
/// ```
pub trait Authentication: Send {
    /// The Authentication Method. It may not change from CONNECT to a re-authentication. [MQTT-4.12.1-1]
    fn method(&self) -> &str;

    /// The Authentication Data of CONNECT, or of the AUTH that begins a re-authentication.
    ///
    /// # Errors
    /// What the application lacks. The server has not heard of it, and another attempt may do better.
    fn start(&mut self) -> impl Future<Output = Result<Option<Bytes>, BoxError>> + Send;

    /// The answer to an AUTH of the server.
    ///
    /// # Errors
    /// Why the server does not get one. The connection ends.
    fn step(&mut self, data: Option<&[u8]>) -> impl Future<Output = Result<Option<Bytes>, BoxError>> + Send;

    /// Judges the server by what its CONNACK, or its last AUTH, says. The server is satisfied at this point, perhaps
    /// earlier than the method is.
    ///
    /// It may not block, and is no future: nothing goes to a server, and nothing is taken from it, before it is judged.
    ///
    /// # Errors
    /// Why the server is not to be trusted. The connection ends.
    fn finish(&mut self, data: Option<&[u8]>) -> Result<(), BoxError>;
}

impl ConnectOptions {
    /// The method of enhanced authentication. 5.0 only.
    ///
    /// `factory` makes a value for each attempt to connect, and for each [`Client::reauthenticate`]. User name and
    /// password of these options, if any, are sent beside it.
    ///
    /// [`Client::reauthenticate`]: crate::Client::reauthenticate
    pub fn authentication<F, A>(mut self, factory: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Authentication + 'static,
    {
        self.authentication = Some(Factory(Arc::new(move || Box::new(factory()))));
        self
    }
}

/// The application's function behind one type.
#[derive(Clone)]
pub(crate) struct Factory(Arc<dyn Fn() -> Box<dyn Method> + Send + Sync>);

impl Factory {
    pub(crate) fn make(&self) -> Box<dyn Method> {
        (self.0)()
    }
}

impl fmt::Debug for Factory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Factory")
    }
}

/// Any [`Authentication`].
pub(crate) trait Method: Send {
    fn name(&self) -> &str;

    /// Starts, and has the method back when that is done.
    fn into_start(self: Box<Self>) -> Work;

    fn into_step(self: Box<Self>, data: Option<Bytes>) -> Work;

    fn judge(&mut self, data: Option<&[u8]>) -> Result<(), BoxError>;
}

/// What a method is busy with.
pub(crate) type Work = Pin<Box<dyn Future<Output = Worked> + Send>>;

/// The method, and what it has to say.
pub(crate) struct Worked {
    pub(crate) method: Box<dyn Method>,
    pub(crate) said: Result<Option<Bytes>, BoxError>,
}

impl<A: Authentication + 'static> Method for A {
    fn name(&self) -> &str {
        self.method()
    }

    fn into_start(mut self: Box<Self>) -> Work {
        Box::pin(async move {
            let said = self.start().await;
            Worked { method: self, said }
        })
    }

    fn into_step(mut self: Box<Self>, data: Option<Bytes>) -> Work {
        Box::pin(async move {
            let said = self.step(data.as_deref()).await;
            Worked { method: self, said }
        })
    }

    fn judge(&mut self, data: Option<&[u8]>) -> Result<(), BoxError> {
        self.finish(data)
    }
}
