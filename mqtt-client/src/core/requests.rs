//! SUBSCRIBE and UNSUBSCRIBE: asked, answered, and what they mean to the streams.

use std::sync::Arc;

use mqtt_codec::{ReasonCode, Subscription, SubscriptionId, Text, TopicFilter};
use mqtt_session::Ticket;

use super::Core;
use crate::command::{SubscribeAnswer, UnsubscribeAnswer};
use crate::error::SubscribeError;
use crate::stream::{Buffer, StreamKey};

/// A request whose answer somebody waits for.
pub(super) enum PendingRequest {
    Subscribe {
        key: StreamKey,
        filters: Vec<Subscription>,
        user_properties: Vec<(Text, Text)>,
        id: Option<SubscriptionId>,
        answer: SubscribeAnswer,
    },
    Unsubscribe {
        filters: Vec<TopicFilter>,
        answer: UnsubscribeAnswer,
    },
}

impl Core {
    pub(super) fn subscribe(
        &mut self,
        filters: Vec<Subscription>,
        user_properties: Vec<(Text, Text)>,
        buffer: Arc<Buffer>,
        answer: SubscribeAnswer,
    ) {
        if buffer.is_abandoned() {
            return;
        }
        let id = if self.subscription_ids { self.router.next_subscription_id() } else { None };
        match self.session.subscribe_with(filters.clone(), id, user_properties.clone()) {
            Ok(ticket) => {
                // retained messages may come before SUBACK [MQTT-3.8.4-4]
                let names = filters.iter().map(|subscription| subscription.filter.clone()).collect();
                let key = self.router.add(names, id, buffer);
                let pending = PendingRequest::Subscribe { key, filters, user_properties, id, answer };
                self.requests.insert(ticket, pending);
            }
            Err(error) => {
                let _ = answer.send(Err(error.into()));
            }
        }
    }

    pub(super) fn leave(&mut self, key: StreamKey, answer: UnsubscribeAnswer) {
        let filters = self.router.remove(key, true);
        if filters.is_empty() {
            let _ = answer.send(Ok(Vec::new()));
        } else {
            self.unsubscribe(filters, Vec::new(), answer);
        }
    }

    pub(super) fn unsubscribe(
        &mut self,
        filters: Vec<TopicFilter>,
        user_properties: Vec<(Text, Text)>,
        answer: UnsubscribeAnswer,
    ) {
        match self.session.unsubscribe_with(filters.clone(), user_properties) {
            Ok(ticket) => {
                self.requests.insert(ticket, PendingRequest::Unsubscribe { filters, answer });
            }
            Err(error) => {
                let _ = answer.send(Err(error.into()));
            }
        }
    }

    pub(super) fn handle_subscribed(&mut self, ticket: Ticket, reasons: Vec<ReasonCode>) {
        let Some(PendingRequest::Subscribe { key, filters, answer, .. }) = self.requests.remove(&ticket)
        else {
            return;
        };
        for (subscription, reason) in filters.iter().zip(&reasons) {
            if reason.is_error() {
                self.router.refuse(key, &subscription.filter);
            }
        }
        let refusal = reasons.first().filter(|_| reasons.iter().all(|reason| reason.is_error()));
        let result = match refusal {
            Some(reason) => {
                self.router.remove(key, true);
                Err(SubscribeError::Refused(*reason))
            }
            None => Ok((key, reasons)),
        };
        let _ = answer.send(result);
    }

    pub(super) fn handle_unsubscribed(&mut self, ticket: Ticket, reasons: Vec<ReasonCode>) {
        let Some(PendingRequest::Unsubscribe { filters, answer }) = self.requests.remove(&ticket) else {
            return;
        };
        for (index, filter) in filters.iter().enumerate() {
            if !reasons.get(index).is_some_and(|reason| reason.is_error()) {
                self.router.remove_filter(filter);
            }
        }
        let _ = answer.send(Ok(reasons));
    }

    pub(super) fn handle_request_failed(&mut self, ticket: Ticket, error: mqtt_session::SubscribeError) {
        match self.requests.remove(&ticket) {
            // asked before the server could say that it has no identifiers
            Some(PendingRequest::Subscribe { key, filters, user_properties, id: Some(_), answer })
                if error == mqtt_session::SubscribeError::NotSupported && !self.subscription_ids =>
            {
                self.router.set_id(key, None);
                match self.session.subscribe_with(filters.clone(), None, user_properties.clone()) {
                    Ok(ticket) => {
                        let pending =
                            PendingRequest::Subscribe { key, filters, user_properties, id: None, answer };
                        self.requests.insert(ticket, pending);
                    }
                    Err(error) => self.fail_subscribe(key, answer, error),
                }
            }
            Some(PendingRequest::Subscribe { key, answer, .. }) => self.fail_subscribe(key, answer, error),
            Some(PendingRequest::Unsubscribe { answer, .. }) => {
                let _ = answer.send(Err(error.into()));
            }
            None => {}
        }
    }

    fn fail_subscribe(
        &mut self,
        key: StreamKey,
        answer: SubscribeAnswer,
        error: mqtt_session::SubscribeError,
    ) {
        self.router.remove(key, true);
        let _ = answer.send(Err(error.into()));
    }
}
