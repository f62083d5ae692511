//! What the session says, passed on to whoever waits for it.

use mqtt_codec::{QoS, ReasonCode};
use mqtt_session::{ClientEvent, Ticket};

use super::Core;
use crate::error::PublishError;

impl Core {
    /// Passes on what the session has to say; false if it had nothing. `end` is where the output ends now.
    pub(super) fn handle_events(&mut self, end: u64) -> bool {
        let mut any = false;
        while let Some(event) = self.session.poll_event() {
            any = true;
            self.handle_event(event, end);
        }
        any
    }

    pub(super) fn handle_event(&mut self, event: ClientEvent, end: u64) {
        match event {
            ClientEvent::Connected(connack) => {
                self.subscription_ids = self.session.version().is_v5()
                    && connack.properties.subscription_id_available.unwrap_or(true);
                self.accepted = true;
                self.shared.connected(connack);
            }
            ClientEvent::Written(ticket) => self.handle_written(ticket, end),
            ClientEvent::Taken(ticket) => {
                if let Some((_, reporter)) = self.publishes.get(&ticket) {
                    reporter.taken();
                }
            }
            ClientEvent::Acknowledged(ticket, reason) => {
                let outcome = if reason.is_error() { Err(PublishError::Refused(reason)) } else { Ok(reason) };
                self.over(ticket, outcome);
            }
            ClientEvent::Dropped(ticket, error) => self.over(ticket, Err(error.into())),
            ClientEvent::Subscribed(ticket, reasons) => self.handle_subscribed(ticket, reasons),
            ClientEvent::Unsubscribed(ticket, reasons) => self.handle_unsubscribed(ticket, reasons),
            ClientEvent::RequestFailed(ticket, error) => self.handle_request_failed(ticket, error),
            ClientEvent::SubscriptionLost(filter, reason) => {
                tracing::warn!(%filter, %reason, "the server does not take the subscription again");
                self.router.remove_filter(&filter);
            }
            // an event that this client knows nothing of changes nothing for it
            _ => {}
        }
    }

    /// The PUBLISH is in the output. At QoS 0 its last byte in the socket is all that will be known of it.
    fn handle_written(&mut self, ticket: Ticket, end: u64) {
        match self.publishes.get(&ticket) {
            Some((QoS::AtMostOnce, _)) => {
                if let Some((_, reporter)) = self.publishes.remove(&ticket) {
                    self.unwritten.push_back((end, reporter));
                }
            }
            Some((_, reporter)) => reporter.written(),
            None => {}
        }
    }

    fn over(&mut self, ticket: Ticket, outcome: Result<ReasonCode, PublishError>) {
        if let Some((_, reporter)) = self.publishes.remove(&ticket) {
            reporter.over(outcome);
        }
    }

    /// Tells of the QoS 0 messages that the socket has taken.
    pub(super) fn report_written(&mut self, written: u64) {
        while self.unwritten.front().is_some_and(|(end, _)| *end <= written) {
            if let Some((_, reporter)) = self.unwritten.pop_front() {
                reporter.over(Ok(ReasonCode::Success));
            }
        }
    }
}
