//! Credentials that are asked for before each attempt to connect.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::error::ConnectionError;

/// Who a client says it is, for one attempt to connect. See [`ConnectOptions::credentials`].
///
/// `Debug` shows no secret.
///
/// [`ConnectOptions::credentials`]: crate::ConnectOptions::credentials
#[derive(Clone, Default)]
#[must_use]
pub struct Credentials {
    pub(crate) user_name: Option<String>,
    pub(crate) password: Option<Vec<u8>>,
    #[cfg(feature = "tls")]
    tls: Option<crate::transport::tls::Tls>,
}

impl Credentials {
    /// Nothing new: what the options say.
    pub fn new() -> Self {
        Self::default()
    }

    /// The User Name.
    pub fn user_name(mut self, user_name: impl Into<String>) -> Self {
        self.user_name = Some(user_name.into());
        self
    }

    /// The Password, any bytes.
    pub fn password(mut self, password: impl Into<Vec<u8>>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// TLS with this certificate and trust. Give clones of one value as long as nothing changes, so that TLS sessions
    /// are resumed. Needs the feature `tls`.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: crate::transport::tls::Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// For dialers of the application's own.
    #[cfg(feature = "tls")]
    pub const fn tls_options(&self) -> Option<&crate::transport::tls::Tls> {
        self.tls.as_ref()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user_name", &self.user_name)
            .field("password", &self.password.as_ref().map(|_| "..."))
            .finish_non_exhaustive()
    }
}

type Answer = Result<Credentials, Box<dyn Error + Send + Sync>>;

/// The application's function behind one type.
#[derive(Clone)]
pub(crate) struct Provider(Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync>);

impl Provider {
    pub(crate) fn new<P, F, E>(provider: P) -> Self
    where
        P: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<Credentials, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self(Arc::new(move || {
            let answer = provider();
            Box::pin(async { answer.await.map_err(Into::into) })
        }))
    }

    pub(crate) async fn ask(&self) -> Result<Credentials, ConnectionError> {
        (self.0)().await.map_err(ConnectionError::Credentials)
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Provider")
    }
}
