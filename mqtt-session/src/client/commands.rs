//! What the application wants: publish, subscribe, unsubscribe, acknowledge.

use alloc::sync::Arc;
use alloc::vec::Vec;

use mqtt_codec::{
    Message, QoS, ReasonCode, Seconds, Subscription, SubscriptionId, SubscriptionOptions, Text, TopicFilter,
};

use super::requests::Request;
use super::{ClientSession, ServerLimits, State};
use crate::error::{PublishError, SubscribeError};
use crate::event::{Receipt, Ticket};
use crate::outgoing::Queued;
use crate::time::Time;

impl ClientSession {
    /// Takes a message to be sent now or on the next connection. It is heard of again by its ticket.
    ///
    /// `expiry` is the Message Expiry Interval, which counts from now.
    pub fn publish(
        &mut self,
        now: Time,
        message: Arc<Message>,
        qos: QoS,
        retain: bool,
        expiry: Option<Seconds>,
    ) -> Result<Ticket, PublishError> {
        if self.finished {
            return Err(PublishError::Disconnected);
        }
        if !self.version.is_v5() && (message.properties.is_some() || expiry.is_some()) {
            return Err(PublishError::NotInVersion);
        }
        if self.is_connected()
            && let Some(link) = &self.link
            && let Some(error) = unsupported(&link.server, qos, retain)
        {
            return Err(error);
        }
        let ticket = self.ticket();
        let queued = Queued {
            message,
            qos,
            retain,
            expires: expiry.map(|seconds| now.after_secs(seconds.0)),
            subscription_ids: [].into(),
            ticket,
        };
        let events = &mut self.events;
        let State { outgoing, effects, .. } = &mut self.state;
        outgoing
            .enqueue(now, queued, effects, |ticket, progress| {
                events.push_back(super::progress_event(ticket, progress))
            })
            .map_err(|_| PublishError::QueueFull)?;
        Ok(ticket)
    }

    /// Takes a SUBSCRIBE to be sent now or on the next connection.
    ///
    /// `subscription_id` comes back with each message that these filters cause; 5.0 only.
    pub fn subscribe(
        &mut self,
        filters: Vec<Subscription>,
        subscription_id: Option<SubscriptionId>,
    ) -> Result<Ticket, SubscribeError> {
        self.subscribe_with(filters, subscription_id, Vec::new())
    }

    /// As [`ClientSession::subscribe`], with User Properties; 5.0 only. They are said again when the session makes the
    /// subscription anew at a server that has forgotten it.
    ///
    /// If they do not fit into the server's Maximum Packet Size, nothing is sent:
    /// [`ClientEvent::RequestFailed`](crate::ClientEvent::RequestFailed) says so once the server is known.
    pub fn subscribe_with(
        &mut self,
        filters: Vec<Subscription>,
        subscription_id: Option<SubscriptionId>,
        user_properties: Vec<(Text, Text)>,
    ) -> Result<Ticket, SubscribeError> {
        let v5_only = subscription_id.is_some()
            || !user_properties.is_empty()
            || filters.iter().any(|filter| filter.options != SubscriptionOptions::new(filter.options.qos));
        let shared_no_local = filters
            .iter()
            .any(|filter| filter.options.no_local && !matches!(filter.filter.view().share(), Ok(None)));
        if v5_only && !self.version.is_v5() {
            return Err(SubscribeError::NotInVersion);
        }
        // [MQTT-3.8.3-4]
        if shared_no_local {
            return Err(SubscribeError::NoLocalShared);
        }
        let empty = filters.is_empty();
        let user_properties = user_properties.into();
        self.request(Request::Subscribe { filters, subscription_id, user_properties }, empty)
    }

    /// Takes an UNSUBSCRIBE to be sent now or on the next connection.
    pub fn unsubscribe(&mut self, filters: Vec<TopicFilter>) -> Result<Ticket, SubscribeError> {
        self.unsubscribe_with(filters, Vec::new())
    }

    /// As [`ClientSession::unsubscribe`], with User Properties; 5.0 only. What does not fit into the server's Maximum
    /// Packet Size is refused as by [`ClientSession::subscribe_with`].
    pub fn unsubscribe_with(
        &mut self,
        filters: Vec<TopicFilter>,
        user_properties: Vec<(Text, Text)>,
    ) -> Result<Ticket, SubscribeError> {
        if !user_properties.is_empty() && !self.version.is_v5() {
            return Err(SubscribeError::NotInVersion);
        }
        let empty = filters.is_empty();
        self.request(Request::Unsubscribe { filters, user_properties }, empty)
    }

    fn request(&mut self, request: Request, empty: bool) -> Result<Ticket, SubscribeError> {
        if self.finished {
            return Err(SubscribeError::Disconnected);
        }
        if empty {
            return Err(SubscribeError::Empty);
        }
        if self.requests.len() >= self.config.requests {
            return Err(SubscribeError::QueueFull);
        }
        let ticket = self.ticket();
        self.requests.push(ticket, request);
        Ok(ticket)
    }

    /// The application has taken the message of `receipt`, or refuses it with `reason` (5.0 only).
    ///
    /// Answers leave in the order of their messages: one that is not acknowledged holds back those behind it. The
    /// receipt of a message of QoS 2 outlives its connection; at QoS 1 the message comes again, with another one.
    pub fn acknowledge(&mut self, receipt: Receipt, reason: ReasonCode) {
        let answers = self.link.as_mut().map(|link| &mut link.answers);
        let State { incoming, effects, .. } = &mut self.state;
        incoming.acknowledge(receipt, reason, None, answers, effects);
    }

    fn ticket(&mut self) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        ticket
    }
}

/// Why the server would not take such a message. [MQTT-3.2.2-11] [MQTT-3.2.2-14]
pub(super) fn unsupported(server: &ServerLimits, qos: QoS, retain: bool) -> Option<PublishError> {
    if qos > server.maximum_qos {
        Some(PublishError::QoSNotSupported)
    } else if retain && !server.retain_available {
        Some(PublishError::RetainNotSupported)
    } else {
        None
    }
}
