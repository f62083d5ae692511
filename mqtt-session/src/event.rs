//! What a session tells its driver.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use mqtt_codec::{
    AuthRef, ConnAck, DisconnectRef, PublishRef, ReasonCode, SubscribeRef, TopicFilter, UnsubscribeRef, Will,
};

use crate::error::{PublishError, SubscribeError};

/// Names one operation of a client towards its caller, over any number of connections; at a server, a message
/// towards the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Names one received message of QoS 1 or 2 until it is acknowledged.
///
/// At QoS 1 it means nothing to a later connection, on which the message comes again as another one. At QoS 2 the
/// message is not given twice, and the receipt stays good: until it is used, the peer gets no PUBREC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Receipt {
    pub(crate) generation: u32,
    pub(crate) number: u64,
}

/// What a packet is to the driver, borrowed from it. At most one for each packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Received<'a> {
    /// A message. One with a receipt is owed an acknowledgement: call `acknowledge` once it is taken.
    Message {
        /// The packet, its topic filled in.
        publish: PublishRef<'a>,
        /// What to acknowledge; `None` at QoS 0.
        receipt: Option<Receipt>,
    },
    /// Server: a request to answer with `answer_subscribe`.
    Subscribe(SubscribeRef<'a>),
    /// Server: a request to answer with `answer_unsubscribe`.
    Unsubscribe(UnsubscribeRef<'a>),
    /// A step of enhanced authentication. At a server with Re-authenticate or Continue authentication: go on with
    /// `continue_authentication`, `complete_authentication` or `disconnect`. At a client with Continue authentication,
    /// which `continue_authentication` answers, or with Success, which ends a re-authentication.
    Authentication(AuthRef<'a>),
    /// The peer ends the connection on purpose.
    Disconnect(DisconnectRef<'a>),
}

/// What a client's session tells its driver besides messages.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// The server accepted the connection.
    Connected(Box<ConnAck>),
    /// The first byte of the PUBLISH is in the driver's buffer; at QoS 0 nothing more will be heard of it.
    Written(Ticket),
    /// QoS 2: the server has the message. It will not be sent again.
    Taken(Ticket),
    /// The message is acknowledged: PUBACK or PUBCOMP, or a refusal.
    Acknowledged(Ticket, ReasonCode),
    /// The message will not be delivered.
    Dropped(Ticket, PublishError),
    /// The server's answer to SUBSCRIBE: a code for each filter.
    Subscribed(Ticket, Vec<ReasonCode>),
    /// The server's answer to UNSUBSCRIBE: a code for each filter; none in 3.x.
    Unsubscribed(Ticket, Vec<ReasonCode>),
    /// The request cannot be sent to this server.
    RequestFailed(Ticket, SubscribeError),
    /// A server without the session did not take this subscription again.
    SubscriptionLost(TopicFilter, ReasonCode),
}

/// What a server's session tells its driver besides packets.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ServerEvent {
    /// The Will is due: publish it now.
    Will(Arc<Will>),
    /// The session has ended: remove its subscriptions and the session itself.
    Ended,
}
