//! The handle that applications hold.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mqtt_codec::{Topic, TopicFilter};
use mqtt_session::QueueLimits;
use tokio::sync::{mpsc, oneshot, watch};

use crate::command::{Command, Inbox, PublishCommand};
use crate::connection::{Connection, Dial};
use crate::core::Core;
use crate::disconnect::Disconnect;
use crate::error::{ConnectionError, PublishError, ReauthenticationError, SubscribeError};
use crate::options::ConnectOptions;
use crate::publish::Publish;
use crate::status::{Shared, Stats, Status};
use crate::stream::{Signals, StreamLimits};
use crate::subscribe::Subscribe;
use crate::transport::Network;
use crate::unsubscribe::Unsubscribe;

/// Messages on their way from handles to the driver, which takes them at its next turn.
const PUBLISHES: usize = 64;

/// Requests on their way to the driver.
const COMMANDS: usize = 16;

/// Connects, and starts a driver for the connection on the current tokio runtime.
///
/// `options` is an address like `mqtt://127.0.0.1:1883`, or [`ConnectOptions`]. The first attempt must succeed; after
/// that the driver connects again by itself whenever the connection is lost.
///
/// Cancel safety: a cancelled attempt leaves nothing behind.
///
/// # Errors
/// What was wrong with the options, or at which step the attempt failed.
///
/// # Panics
/// Outside of a tokio runtime.
pub async fn connect<O>(options: O) -> Result<Client, ConnectionError>
where
    O: TryInto<ConnectOptions>,
    ConnectionError: From<O::Error>,
{
    let (client, mut connection) = Client::new(options)?;
    connection.open().await?;
    tokio::spawn(async move {
        if let Err(cause) = connection.run().await {
            tracing::error!(%cause, "the client has ended");
        }
    });
    Ok(client)
}

/// Publishes, subscribes, disconnects. Clones are handles of the same connection.
///
/// When the last handle is gone, subscriptions included, what was published is still sent, for a few seconds at most;
/// then the client disconnects.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) publishes: mpsc::Sender<PublishCommand>,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) signals: Arc<Signals>,
    pub(crate) streams: StreamLimits,
    shared: Arc<Shared>,
}

impl Client {
    /// A client and its driver, which nobody has started yet. See [`connect`] for both in one.
    ///
    /// Until [`Connection::run`] is awaited, what is published and subscribed waits.
    ///
    /// # Errors
    /// What is wrong with the options.
    pub fn new<O>(options: O) -> Result<(Self, Connection), ConnectionError>
    where
        O: TryInto<ConnectOptions>,
        ConnectionError: From<O::Error>,
    {
        let options = options.try_into()?;
        options.address.check()?;
        let (dialer, is_plain) = (Network::new(&options), options.is_plain());
        Self::assemble(options, dialer, is_plain)
    }

    /// As [`Client::new`], over a transport of the application's own.
    ///
    /// # Errors
    /// What is wrong with the options.
    pub fn with_dialer<D: Dial>(
        options: ConnectOptions,
        dialer: D,
    ) -> Result<(Self, Connection<D>), ConnectionError> {
        // what that transport hides is not known here
        Self::assemble(options, dialer, false)
    }

    fn assemble<D: Dial>(
        options: ConnectOptions,
        dialer: D,
        is_plain: bool,
    ) -> Result<(Self, Connection<D>), ConnectionError> {
        let connect = options.to_connect()?;
        let QueueLimits { messages, .. } = options.session_config().queue;
        let (publishes, publish_receiver) = mpsc::channel(messages.clamp(1, PUBLISHES));
        let (commands, command_receiver) = mpsc::channel(COMMANDS);
        let inbox = Inbox { publishes: publish_receiver, commands: command_receiver };
        let (shared, signals) = (Arc::new(Shared::default()), Arc::new(Signals::default()));
        let core = Core::new(&options, Arc::clone(&shared), Arc::clone(&signals), inbox);
        let connection = Connection::new(core, dialer, connect, &options, is_plain);
        let inner = Inner { publishes, commands, signals, streams: options.streams, shared };
        Ok((Self { inner: Arc::new(inner) }, connection))
    }

    /// A message to publish: set what it needs, then await it.
    ///
    /// ```no_run
    /// # use mqtt_client::{Client, QoS};
    /// # async fn example(client: Client) -> Result<(), mqtt_client::PublishError> {
    /// client.publish("house/kitchen/light", "on").qos(QoS::AtLeastOnce).retain(true).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn publish<T>(&self, topic: T, payload: impl Into<Bytes>) -> Publish<'_>
    where
        T: TryInto<Topic>,
        PublishError: From<T::Error>,
    {
        Publish::new(self, topic.try_into().map_err(PublishError::from), payload.into())
    }

    /// A subscription to make: set what it needs, then await it.
    ///
    /// ```no_run
    /// # use mqtt_client::{Client, QoS};
    /// # async fn example(client: Client) -> Result<(), mqtt_client::SubscribeError> {
    /// let mut lights = client.subscribe("house/+/light").qos(QoS::AtLeastOnce).await?;
    /// while let Some(message) = lights.next().await {
    ///     println!("{}: {:?}", message.topic, message.payload);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn subscribe<F>(&self, filter: F) -> Subscribe<'_>
    where
        F: TryInto<TopicFilter>,
        SubscribeError: From<F::Error>,
    {
        Subscribe::new(self, filter.try_into().map_err(SubscribeError::from))
    }

    /// A filter to unsubscribe from, whichever streams have it: for subscriptions that an earlier run of the program has
    /// left at the server. Streams without a filter left end. Set what it needs, then await it.
    ///
    /// ```no_run
    /// # async fn example(client: mqtt_client::Client) -> Result<(), mqtt_client::SubscribeError> {
    /// client.unsubscribe("house/+/light").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn unsubscribe<F>(&self, filter: F) -> Unsubscribe<'_>
    where
        F: TryInto<TopicFilter>,
        SubscribeError: From<F::Error>,
    {
        Unsubscribe::new(self, filter.try_into().map_err(SubscribeError::from))
    }

    /// Authenticates anew on this connection, by the method of [`ConnectOptions::authentication`], and returns once both
    /// sides are convinced. Everything else goes on meanwhile.
    ///
    /// There is no timeout of its own: a server that never answers is waited for as long as it is connected.
    ///
    /// Cancel safety: once begun it goes on; another one can begin when it is over.
    ///
    /// # Errors
    /// Why it was not begun, or did not succeed.
    pub async fn reauthenticate(&self) -> Result<(), ReauthenticationError> {
        let (answer, result) = oneshot::channel();
        let command = Command::Reauthenticate { answer };
        self.inner.commands.send(command).await.map_err(|_| ReauthenticationError::Closed)?;
        result.await.map_err(|_| ReauthenticationError::Closed)?
    }

    /// Ends the client: nothing new is taken, what was published is finished, then comes DISCONNECT, which takes the
    /// Will back. What is not finished within `deadline` is given up and reported. Set what 5.0 can say besides, then
    /// await it.
    pub const fn disconnect(&self, deadline: Duration) -> Disconnect<'_> {
        Disconnect::new(self, deadline)
    }

    /// How the connection stands now.
    pub fn status(&self) -> Status {
        self.inner.shared.status.borrow().clone()
    }

    /// How the connection stands, to wait for changes.
    pub fn watch_status(&self) -> watch::Receiver<Status> {
        self.inner.shared.status.subscribe()
    }

    /// What was counted since the client began.
    pub fn stats(&self) -> Stats {
        self.inner.shared.stats()
    }

    /// Sends a command and waits for its answer.
    pub(crate) async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, SubscribeError>>) -> Command,
    ) -> Result<T, SubscribeError> {
        let (answer, result) = oneshot::channel();
        self.inner.commands.send(command(answer)).await.map_err(|_| SubscribeError::Closed)?;
        result.await.map_err(|_| SubscribeError::Closed)?
    }
}
