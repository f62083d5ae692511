//! Messages in both directions.

use std::sync::Arc;

use bytes::Bytes;
use mqtt_codec::PublishRef;
use mqtt_session::{Receipt, Time};

use super::Core;
use crate::command::PublishCommand;
use crate::message::Message;
use crate::stream::{Entry, Owed};

impl Core {
    /// Gives a message to the session, or keeps it until there is room.
    pub(super) fn publish(&mut self, now: Time, command: PublishCommand) {
        let PublishCommand { message, qos, retain, expiry, reporter } = command;
        match self.session.publish(now, Arc::clone(&message), qos, retain, expiry) {
            Ok(ticket) => {
                self.publishes.insert(ticket, (qos, reporter));
            }
            // it would not fit into an empty queue either
            Err(mqtt_session::PublishError::QueueFull) if self.session.queued() > 0 => {
                self.waiting = Some(PublishCommand { message, qos, retain, expiry, reporter });
            }
            Err(error) => reporter.over(Err(error.into())),
        }
    }

    /// A message of the server: to its streams.
    ///
    /// `frame` has the bytes of the packet where they may be shared.
    pub(crate) fn handle_message(
        &mut self,
        publish: &PublishRef<'_>,
        receipt: Option<Receipt>,
        frame: Option<&Bytes>,
    ) {
        self.shared.received();
        let owed = receipt.map(|receipt| Arc::new(Owed::new(receipt, Arc::clone(&self.signals))));
        let mut message = None;
        let shared = &self.shared;
        self.router.route(publish, |buffer| {
            let message = message.get_or_insert_with(|| Message::new(publish, frame));
            shared.dropped(buffer.push(Entry::new(message.clone(), owed.clone())));
        });
        if message.is_none() {
            self.shared.unmatched();
        }
        if let (Some(receipt), Some(owed)) = (receipt, &owed) {
            self.held.push(receipt, owed, message.as_ref().map_or(0, Message::bytes));
        }
        // without a stream this is the last of `owed`, and the acknowledgement is due
        drop(owed);
        self.settle_held();
    }
}
