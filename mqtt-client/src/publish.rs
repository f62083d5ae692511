//! Publishing one message: what it says, and what became of it.

use std::future::{Future, IntoFuture, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use mqtt_codec::{Message, MessageProperties, PayloadFormat, QoS, ReasonCode, Seconds, Text, Topic};
use tokio::sync::mpsc::error::TrySendError;

use crate::client::Client;
use crate::command::PublishCommand;
#[cfg(feature = "payload-encryption")]
use crate::envelope::Sealer;
use crate::error::PublishError;
use crate::options::seconds;
use crate::progress::{Progress, Stage, progress};

/// A message to publish. Awaiting it means that the server has acknowledged it; at QoS 0, which has no
/// acknowledgement, that it was written to the transport.
///
/// Cancel safety: if cancelled while the queue is full, the message is not sent; after that it is sent all the same.
#[derive(Debug)]
#[must_use = "a message is not sent unless it is awaited"]
pub struct Publish<'c> {
    client: &'c Client,
    message: Result<Message, PublishError>,
    qos: QoS,
    retain: bool,
    expiry: Option<Seconds>,
    timeout: Option<Duration>,
    #[cfg(feature = "payload-encryption")]
    sealer: Option<&'c Sealer>,
}

impl<'c> Publish<'c> {
    pub(crate) fn new(client: &'c Client, topic: Result<Topic, PublishError>, payload: Bytes) -> Self {
        let message = topic.map(|topic| Message::new(topic, payload));
        Self {
            client,
            message,
            qos: QoS::AtMostOnce,
            retain: false,
            expiry: None,
            timeout: None,
            #[cfg(feature = "payload-encryption")]
            sealer: None,
        }
    }

    /// The quality of service. Default 0.
    pub const fn qos(mut self, qos: QoS) -> Self {
        self.qos = qos;
        self
    }

    /// Whether it becomes the retained message of its topic; without a payload it removes that one.
    pub const fn retain(mut self, retain: bool) -> Self {
        self.retain = retain;
        self
    }

    /// How long the message lives, from now, in whole seconds. 5.0 only.
    pub fn expiry(mut self, expiry: Duration) -> Self {
        self.expiry = Some(seconds(expiry));
        self
    }

    /// The kind of the payload, a MIME type by convention. 5.0 only.
    pub fn content_type(self, content_type: &str) -> Self {
        self.with(|properties| {
            properties.content_type = Some(Text::new(content_type)?);
            Ok(())
        })
    }

    /// Says that the payload is UTF-8 text. 5.0 only.
    pub fn utf8(self) -> Self {
        self.with(|properties| {
            properties.payload_format = Some(PayloadFormat::Utf8);
            Ok(())
        })
    }

    /// Where an answer is expected. 5.0 only.
    pub fn response_topic(self, topic: &str) -> Self {
        self.with(|properties| {
            properties.response_topic = Some(Topic::new(topic)?);
            Ok(())
        })
    }

    /// What an answer must carry to be known as one. 5.0 only.
    pub fn correlation_data(self, data: impl Into<Bytes>) -> Self {
        self.with(|properties| {
            properties.correlation_data = Some(data.into());
            Ok(())
        })
    }

    /// Adds a User Property. 5.0 only.
    pub fn user_property(self, name: &str, value: &str) -> Self {
        self.with(|properties| {
            properties.user_properties.push((Text::new(name)?, Text::new(value)?));
            Ok(())
        })
    }

    /// How long awaiting may take. The message itself is not taken back when the time is over; for that see
    /// [`Publish::expiry`].
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Seals the payload when the message is sent, for those who have the key. Topic and properties stay readable; an
    /// empty payload is sealed as well, so it removes no retained message.
    #[cfg(feature = "payload-encryption")]
    pub const fn sealed(mut self, sealer: &'c Sealer) -> Self {
        self.sealer = Some(sealer);
        self
    }

    /// Waits until the client has taken the message, be there a connection or not, and returns a handle to follow it.
    ///
    /// Cancel safety: if cancelled, the message is not sent.
    ///
    /// # Errors
    /// An invalid topic or property, a client that has ended, a timeout.
    pub async fn send(self) -> Result<Delivery, PublishError> {
        let (client, timeout) = (self.client, self.timeout);
        let (command, delivery) = self.into_command()?;
        let sent = client.inner.publishes.send(command);
        within(timeout, async { sent.await.map_err(|_| PublishError::Closed) }).await?;
        Ok(delivery)
    }

    /// Hands the message to the client if there is room for it now.
    ///
    /// # Errors
    /// As [`Publish::send`], and [`PublishError::QueueFull`].
    pub fn try_send(self) -> Result<Delivery, PublishError> {
        let client = self.client;
        let (command, delivery) = self.into_command()?;
        client.inner.publishes.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => PublishError::QueueFull,
            TrySendError::Closed(_) => PublishError::Closed,
        })?;
        Ok(delivery)
    }

    fn with(mut self, set: impl FnOnce(&mut MessageProperties) -> Result<(), PublishError>) -> Self {
        if let Ok(message) = &mut self.message {
            let properties = message.properties.get_or_insert_default();
            if let Err(error) = set(properties) {
                self.message = Err(error);
            }
        }
        self
    }

    fn into_command(self) -> Result<(PublishCommand, Delivery), PublishError> {
        #[cfg_attr(
            not(feature = "payload-encryption"),
            expect(unused_mut, reason = "nothing changes it then")
        )]
        let mut message = self.message?;
        #[cfg(feature = "payload-encryption")]
        if let Some(sealer) = self.sealer {
            let properties = message.properties.as_deref();
            let content_type = properties.and_then(|properties| properties.content_type.as_deref());
            message.payload = sealer.seal(message.topic.as_str(), content_type, &message.payload)?;
        }
        let message = Arc::new(message);
        let (reporter, progress) = progress();
        let command =
            PublishCommand { message, qos: self.qos, retain: self.retain, expiry: self.expiry, reporter };
        Ok((command, Delivery { progress }))
    }
}

impl<'c> IntoFuture for Publish<'c> {
    type Output = Result<ReasonCode, PublishError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'c>>;

    fn into_future(mut self) -> Self::IntoFuture {
        let timeout = self.timeout.take();
        Box::pin(within(timeout, async move { self.send().await?.await }))
    }
}

/// A message on its way. Awaiting it means acknowledged; dropping it changes nothing for the message, which outlives
/// lost connections.
///
/// The stages come in order, and a later one includes those before it:
///
/// | stage | means | QoS |
/// |---|---|---|
/// | accepted | the client has it: `send` has returned | all |
/// | written | it is on its way to the server | all; the last of QoS 0 |
/// | taken | PUBREC: the server has it, and will not be sent it again | 2 |
/// | acknowledged | PUBACK or PUBCOMP, with the server's reason code | 1 and 2 |
///
/// Cancel safety: all of it; nothing is lost by not waiting any more.
#[derive(Debug)]
pub struct Delivery {
    progress: Progress,
}

impl Delivery {
    /// Waits until the message has been handed to a connection.
    ///
    /// # Errors
    /// Why it will not be sent.
    pub async fn written(&mut self) -> Result<(), PublishError> {
        self.reached(Stage::Written).await
    }

    /// Waits until the server has the message: PUBREC at QoS 2, else the same as awaiting the handle.
    ///
    /// # Errors
    /// Why the server does not have it, or not for certain.
    pub async fn taken(&mut self) -> Result<(), PublishError> {
        self.reached(Stage::Taken).await
    }

    async fn reached(&self, stage: Stage) -> Result<(), PublishError> {
        match poll_fn(|cx| self.progress.poll_reached(stage, cx)).await {
            Stage::Over(Err(error)) => Err(error),
            Stage::Over(Ok(_)) | Stage::Accepted | Stage::Written | Stage::Taken => Ok(()),
        }
    }
}

impl Future for Delivery {
    type Output = Result<ReasonCode, PublishError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // the stage asked for is the last, whatever it holds
        match self.progress.poll_reached(Stage::Over(Ok(ReasonCode::Success)), cx) {
            Poll::Ready(Stage::Over(outcome)) => Poll::Ready(outcome),
            Poll::Ready(_) | Poll::Pending => Poll::Pending,
        }
    }
}

async fn within<T>(
    timeout: Option<Duration>,
    work: impl Future<Output = Result<T, PublishError>>,
) -> Result<T, PublishError> {
    match timeout {
        Some(timeout) => tokio::time::timeout(timeout, work).await.map_err(|_| PublishError::Timeout)?,
        None => work.await,
    }
}
