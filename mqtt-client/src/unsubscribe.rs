//! Unsubscribing from a filter, whoever has subscribed to it.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use mqtt_codec::{ReasonCode, Text, TopicFilter};

use crate::client::Client;
use crate::command::Command;
use crate::error::SubscribeError;
use crate::subscribe::user_property;

/// A filter to unsubscribe from. Awaiting it returns the server's code, which 3.x has not.
///
/// Cancel safety: if cancelled, the request may or may not be sent.
#[derive(Debug)]
#[must_use = "nothing is unsubscribed unless it is awaited"]
pub struct Unsubscribe<'c> {
    client: &'c Client,
    filter: Result<TopicFilter, SubscribeError>,
    user_properties: Vec<(Text, Text)>,
    timeout: Option<Duration>,
}

impl<'c> Unsubscribe<'c> {
    pub(crate) const fn new(client: &'c Client, filter: Result<TopicFilter, SubscribeError>) -> Self {
        Self { client, filter, user_properties: Vec::new(), timeout: None }
    }

    /// Adds a User Property. 5.0 only.
    ///
    /// All of the request has to fit into the server's Maximum Packet Size; otherwise nothing is sent, and the error
    /// is [`PacketTooLarge`](mqtt_session::SubscribeError::PacketTooLarge).
    pub fn user_property(mut self, name: &str, value: &str) -> Self {
        match user_property(name, value) {
            Ok(property) => self.user_properties.push(property),
            Err(error) => self.filter = self.filter.and(Err(error)),
        }
        self
    }

    /// How long the server's answer may take, a missing connection included. The request is not taken back.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    async fn unsubscribe(self) -> Result<Option<ReasonCode>, SubscribeError> {
        let filters = vec![self.filter?];
        let user_properties = self.user_properties;
        let reasons =
            self.client.ask(|answer| Command::Unsubscribe { filters, user_properties, answer }).await?;
        Ok(reasons.first().copied())
    }
}

impl<'c> IntoFuture for Unsubscribe<'c> {
    type Output = Result<Option<ReasonCode>, SubscribeError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'c>>;

    fn into_future(self) -> Self::IntoFuture {
        let timeout = self.timeout;
        Box::pin(async move {
            match timeout {
                Some(timeout) => tokio::time::timeout(timeout, self.unsubscribe())
                    .await
                    .map_err(|_| SubscribeError::Timeout)?,
                None => self.unsubscribe().await,
            }
        })
    }
}
