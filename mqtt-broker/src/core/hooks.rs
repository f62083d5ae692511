//! What an embedding program may say to all that happens.

use std::fmt::Debug;

use mqtt_codec::{Message, MessageRef, PublishRef, ReasonCode};
use mqtt_session::CloseReason;

use super::access::Action;
use super::clients::Client;
use super::hub::Hub;

/// What a program that embeds the broker hears of its clients, and decides about them, beside the rules of permission and
/// authenticators. Each method has a default that changes nothing.
///
/// They are called on the thread of the client's shard, in the middle of its turn: they must not block, and while one works no
/// client of that shard is served. A panic ends the broker.
///
/// ```
/// use mqtt_broker::Broker;
/// use mqtt_broker::core::{HookedClient, Hooks, Incoming};
/// use mqtt_codec::{Message, PublishRef, ReasonCode};
///
/// /// Devices may only say what is no longer than a text message.
/// #[derive(Debug)]
/// struct Short;
///
/// impl Hooks for Short {
///     fn publish(&self, client: &HookedClient<'_>, publish: &PublishRef<'_>) -> Incoming {
///         if publish.message.payload.len() > 160 {
///             println!("{} says too much", client.client_id);
///             return Incoming::Refuse(ReasonCode::QuotaExceeded);
///         }
///         Incoming::Take
///     }
/// }
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let broker = Broker::builder().hooks(Short).listen("127.0.0.1:1883".parse()?).start().await?;
/// # Ok(())
/// # }
/// ```
pub trait Hooks: Debug + Send + Sync {
    /// A client wants to connect, and everybody else lets it. With an error its connection is refused; 3.x has a code for few reasons
    /// and else is not told why.
    ///
    /// # Errors
    /// What the client is told. A reason that is no error counts as Unspecified error.
    fn connect(&self, client: &HookedClient<'_>) -> Result<(), ReasonCode> {
        let _ = client;
        Ok(())
    }

    /// Whether a client may do something that the rules of permission allow. `topic` is the filter where `action` is to subscribe,
    /// `$share` included.
    fn authorize(&self, client: &HookedClient<'_>, action: Action, topic: &str) -> bool {
        let _ = (client, action, topic);
        true
    }

    /// What becomes of a message that a client publishes and may publish.
    fn publish(&self, client: &HookedClient<'_>, publish: &PublishRef<'_>) -> Incoming {
        let _ = (client, publish);
        Incoming::Take
    }

    /// Whether a client gets a message that its subscriptions match; asked before the message is queued or sent, and once more when it
    /// comes back from the store.
    fn deliver(&self, client: &HookedClient<'_>, message: &MessageRef<'_>) -> bool {
        let _ = (client, message);
        true
    }

    /// The connection of a client has ended.
    fn disconnected(&self, client: &HookedClient<'_>, cause: CloseReason) {
        let _ = (client, cause);
    }
}

/// A client, as [`Hooks`] know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HookedClient<'a> {
    /// Its identifier.
    pub client_id: &'a str,
    /// Its user name, if somebody has judged it.
    pub user_name: Option<&'a str>,
}

/// What becomes of a message that a client publishes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Incoming {
    /// It is taken as it is.
    Take,
    /// This one is taken in its place, with its QoS, RETAIN and expiry. Nobody is asked whether the client may publish to its
    /// topic.
    Replace(Message),
    /// It is refused, and counted. The client of 5.0 is told at QoS 1 and 2; a reason that is no error counts as Unspecified error.
    Refuse(ReasonCode),
}

impl<'a> HookedClient<'a> {
    pub(super) const fn new(client_id: &'a str, user_name: Option<&'a str>) -> Self {
        Self { client_id, user_name }
    }
}

impl Client {
    pub(super) fn hooked(&self) -> HookedClient<'_> {
        HookedClient::new(&self.id, self.user.as_ref().and_then(|user| user.name.as_deref()))
    }

    /// Whether a message that matches is withheld from the client: by rules of permission, its mount point or the program.
    #[inline]
    pub(super) fn is_withheld(&self, hub: &Hub, message: &MessageRef<'_>) -> bool {
        self.is_barred(message.topic.as_str())
            || hub.hooks().is_some_and(|hooks| !hooks.deliver(&self.hooked(), message))
    }
}

/// A reason that says so.
pub(super) const fn error(reason: ReasonCode) -> ReasonCode {
    if reason.is_error() { reason } else { ReasonCode::UnspecifiedError }
}
