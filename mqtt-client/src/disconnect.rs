//! The end of a client, and what it says to the server.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use mqtt_codec::{ReasonCode, Text};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::client::Client;
use crate::command::{Command, Left};
use crate::error::DisconnectError;
use crate::options::seconds;

/// The end of a client. Awaiting it returns what was not finished in time.
///
/// Cancel safety: once begun it goes on, with or without somebody to report to.
///
/// ```no_run
/// # use std::time::Duration;
/// # async fn example(client: mqtt_client::Client) -> Result<(), mqtt_client::DisconnectError> {
/// // until next week, and the others shall take this for a loss
/// client.disconnect(Duration::from_secs(5)).with_will().session_expiry(Duration::from_secs(604_800)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "the client does not end unless it is awaited"]
pub struct Disconnect<'c> {
    client: &'c Client,
    deadline: Duration,
    reason: ReasonCode,
    session_expiry: Option<Duration>,
    properties: Result<Properties, DisconnectError>,
}

#[derive(Debug)]
struct Properties {
    reason_string: Option<Text>,
    user_properties: Vec<(Text, Text)>,
}

impl<'c> Disconnect<'c> {
    pub(crate) const fn new(client: &'c Client, deadline: Duration) -> Self {
        let properties = Ok(Properties { reason_string: None, user_properties: Vec::new() });
        Self { client, deadline, reason: ReasonCode::Success, session_expiry: None, properties }
    }

    /// Has the server publish the Will. In 3.x the connection ends without DISCONNECT for that.
    pub const fn with_will(self) -> Self {
        self.reason(ReasonCode::DisconnectWithWillMessage)
    }

    /// Why the client goes. Default: [`ReasonCode::Success`], which stands for a normal disconnection; with any other
    /// one the server publishes the Will. In 3.x, which has no codes, it is not said.
    pub const fn reason(mut self, reason: ReasonCode) -> Self {
        self.reason = reason;
        self
    }

    /// How long the server keeps the session from now on, in place of what was said when connecting; a session that was
    /// to end with its connection cannot be kept. 5.0 only.
    pub const fn session_expiry(mut self, session_expiry: Duration) -> Self {
        self.session_expiry = Some(session_expiry);
        self
    }

    /// The reason in words, for people. Left out where it does not fit into the server's Maximum Packet Size. 5.0 only.
    pub fn reason_string(self, reason: &str) -> Self {
        self.with(|properties| {
            properties.reason_string = Some(Text::new(reason)?);
            Ok(())
        })
    }

    /// Adds a User Property. They are left out where they do not fit into the server's Maximum Packet Size. 5.0 only.
    pub fn user_property(self, name: &str, value: &str) -> Self {
        self.with(|properties| {
            properties.user_properties.push((Text::new(name)?, Text::new(value)?));
            Ok(())
        })
    }

    fn with(mut self, set: impl FnOnce(&mut Properties) -> Result<(), DisconnectError>) -> Self {
        if let Ok(properties) = &mut self.properties
            && let Err(error) = set(properties)
        {
            self.properties = Err(error);
        }
        self
    }

    async fn disconnect(self) -> Result<Left, DisconnectError> {
        let Properties { reason_string, user_properties } = self.properties?;
        let disconnect = Box::new(mqtt_codec::Disconnect {
            reason: self.reason,
            session_expiry: self.session_expiry.map(seconds),
            reason_string,
            user_properties,
            server_reference: None,
        });
        let (answer, left) = oneshot::channel();
        let command = Command::Disconnect { deadline: Instant::now() + self.deadline, disconnect, answer };
        self.client.inner.commands.send(command).await.map_err(|_| DisconnectError::Closed)?;
        left.await.map_err(|_| DisconnectError::Closed)?
    }
}

impl<'c> IntoFuture for Disconnect<'c> {
    type Output = Result<Left, DisconnectError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'c>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.disconnect())
    }
}
