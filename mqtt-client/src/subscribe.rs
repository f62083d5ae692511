//! Subscribing, and the stream of messages that comes of it.

use std::future::{Future, IntoFuture, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use mqtt_codec::{QoS, ReasonCode, RetainHandling, SubscriptionOptions, Text, TopicFilter};

use crate::client::Client;
use crate::command::Command;
use crate::error::SubscribeError;
use crate::message::Message;
use crate::stream::{Buffer, SlowReader, StreamKey, StreamLimits};

/// A subscription to make. Awaiting it means that the server has granted it.
///
/// The options hold for all its filters.
///
/// Cancel safety: if cancelled, the subscription is removed again.
#[derive(Debug)]
#[must_use = "nothing is subscribed unless it is awaited"]
pub struct Subscribe<'c> {
    client: &'c Client,
    filters: Result<Vec<TopicFilter>, SubscribeError>,
    options: SubscriptionOptions,
    user_properties: Vec<(Text, Text)>,
    limits: StreamLimits,
    timeout: Option<Duration>,
}

impl<'c> Subscribe<'c> {
    pub(crate) fn new(client: &'c Client, filter: Result<TopicFilter, SubscribeError>) -> Self {
        let filters = filter.map(|filter| vec![filter]);
        let options = SubscriptionOptions::default();
        let limits = client.inner.streams;
        Self { client, filters, options, user_properties: Vec::new(), limits, timeout: None }
    }

    /// One more filter whose messages come on the same stream.
    pub fn and<F>(mut self, filter: F) -> Self
    where
        F: TryInto<TopicFilter>,
        SubscribeError: From<F::Error>,
    {
        if let Ok(filters) = &mut self.filters {
            match filter.try_into() {
                Ok(filter) => filters.push(filter),
                Err(error) => self.filters = Err(error.into()),
            }
        }
        self
    }

    /// The highest QoS of deliveries. Default 0.
    pub const fn qos(mut self, qos: QoS) -> Self {
        self.options.qos = qos;
        self
    }

    /// Leaves out what this client publishes itself. 5.0 only.
    pub const fn no_local(mut self, no_local: bool) -> Self {
        self.options.no_local = no_local;
        self
    }

    /// Keeps the publisher's RETAIN flag. 5.0 only.
    pub const fn retain_as_published(mut self, keep: bool) -> Self {
        self.options.retain_as_published = keep;
        self
    }

    /// Whether retained messages are sent. Default: at each SUBSCRIBE. 5.0 only.
    pub const fn retain_handling(mut self, handling: RetainHandling) -> Self {
        self.options.retain_handling = handling;
        self
    }

    /// Adds a User Property. It is said again where the driver has to subscribe again. 5.0 only.
    ///
    /// All of the request has to fit into the server's Maximum Packet Size; otherwise nothing is sent, and the error
    /// is [`PacketTooLarge`](mqtt_session::SubscribeError::PacketTooLarge).
    pub fn user_property(mut self, name: &str, value: &str) -> Self {
        match user_property(name, value) {
            Ok(property) => self.user_properties.push(property),
            Err(error) => self.filters = self.filters.and(Err(error)),
        }
        self
    }

    /// How many messages the stream keeps; see [`StreamLimits::messages`].
    pub const fn capacity(mut self, messages: usize) -> Self {
        self.limits.messages = messages;
        self
    }

    /// What happens to messages beyond that.
    pub const fn slow_reader(mut self, policy: SlowReader) -> Self {
        self.limits.slow_reader = policy;
        self
    }

    /// How long the server's answer may take, a missing connection included.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    async fn subscribe(self) -> Result<Subscription, SubscribeError> {
        let filters = self.filters?;
        let buffer = Arc::new(Buffer::new(self.limits, Arc::clone(&self.client.inner.signals)));
        // from here on, whoever drops this future drops the reader, and the driver hears of it
        let reader = Reader { buffer: Arc::clone(&buffer) };
        let (options, user_properties) = (self.options, self.user_properties);
        let requested = filters
            .iter()
            .map(|filter| mqtt_codec::Subscription { filter: filter.clone(), options })
            .collect();
        let (key, granted) = self
            .client
            .ask(|answer| Command::Subscribe { filters: requested, user_properties, buffer, answer })
            .await?;
        Ok(Subscription { reader, client: self.client.clone(), key, filters, granted })
    }
}

impl<'c> IntoFuture for Subscribe<'c> {
    type Output = Result<Subscription, SubscribeError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'c>>;

    fn into_future(self) -> Self::IntoFuture {
        let timeout = self.timeout;
        Box::pin(async move {
            match timeout {
                Some(timeout) => tokio::time::timeout(timeout, self.subscribe())
                    .await
                    .map_err(|_| SubscribeError::Timeout)?,
                None => self.subscribe().await,
            }
        })
    }
}

pub(crate) fn user_property(name: &str, value: &str) -> Result<(Text, Text), SubscribeError> {
    Ok((Text::new(name)?, Text::new(value)?))
}

/// The messages of one subscription, in the order of their arrival.
///
/// A message of QoS 1 or 2 is acknowledged when it is taken from here. What waits is bounded by the limits of the
/// stream, and what has to be dropped is counted; a full stream stops neither publishing nor other streams.
///
/// Where subscriptions overlap, each stream gets a message once, as long as the server sends it once or says for which
/// subscription it sends it, as in 5.0. Servers of 3.x may send a copy for each subscription that matches, and cannot
/// say so: then each stream gets all the copies.
///
/// Lost connections do not end the stream; the driver subscribes again where the server has forgotten. It ends with
/// the client, or when the server does not take the subscription again.
///
/// Dropping it ends the delivery and unsubscribes in the background, unless the session is one that the server keeps
/// while the client is away: then the subscription stays, since outliving the program is its purpose, and messages
/// wait for the next stream with a filter that matches. [`Subscription::unsubscribe`] ends it in any case.
#[derive(Debug)]
pub struct Subscription {
    reader: Reader,
    client: Client,
    key: StreamKey,
    filters: Vec<TopicFilter>,
    granted: Vec<ReasonCode>,
}

/// The reader's end of a buffer: the driver learns when it is dropped.
#[derive(Debug)]
struct Reader {
    buffer: Arc<Buffer>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.buffer.abandon();
    }
}

impl Subscription {
    /// The next message; `None` when the stream has ended.
    ///
    /// Cancel safety: safe; a message is either returned or stays.
    pub async fn next(&mut self) -> Option<Message> {
        poll_fn(|cx| self.reader.buffer.poll_next(cx)).await
    }

    /// The next message if it has come already.
    pub fn try_next(&mut self) -> Option<Message> {
        self.reader.buffer.try_next()
    }

    /// Unsubscribes, and waits for the server's codes, one for each filter that no other stream has; 3.x has none.
    ///
    /// For an UNSUBSCRIBE with User Properties there is [`Client::unsubscribe`].
    ///
    /// Cancel safety: if cancelled, the subscription ends all the same, as if dropped.
    ///
    /// # Errors
    /// A client that has ended.
    pub async fn unsubscribe(self) -> Result<Vec<ReasonCode>, SubscribeError> {
        let key = self.key;
        self.client.ask(|answer| Command::Leave { key, answer }).await
    }

    /// The filters, in the order in which they were asked for.
    pub fn filters(&self) -> &[TopicFilter] {
        &self.filters
    }

    /// What the server granted for each filter: a QoS, or a refusal.
    pub fn granted(&self) -> &[ReasonCode] {
        &self.granted
    }

    /// Messages that wait to be taken.
    pub fn waiting(&self) -> usize {
        self.reader.buffer.len()
    }

    /// Messages dropped because this stream was read too slowly.
    pub fn dropped(&self) -> u64 {
        self.reader.buffer.dropped()
    }
}

impl Stream for Subscription {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.reader.buffer.poll_next(cx)
    }
}
