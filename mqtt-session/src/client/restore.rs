//! A session after a crash of the client.

use mqtt_codec::Version;

use super::{ClientSession, State};
use crate::config::ClientConfig;
use crate::incoming::Incoming;
use crate::stored::{StoredMessage, StoredSession};

impl ClientSession {
    /// The session that a store has, without a connection: what was not over goes on with the next one.
    ///
    /// `messages` are those that were published at QoS 1 and 2 and that none of the effects ended, in the order of
    /// publishing, under their tickets; new tickets are higher. All identifiers are in their places before the first
    /// of them. A message of QoS 1 whose end is not stored is sent again; one of QoS 2 reaches a server that has the
    /// session once.
    ///
    /// Subscriptions and requests are not stored: a client whose server has no session subscribes anew.
    pub fn restore(
        version: Version,
        config: ClientConfig,
        stored: &StoredSession,
        messages: impl IntoIterator<Item = StoredMessage>,
    ) -> Self {
        let mut session = Self::new(version, config);
        let next_ticket = &mut session.next_ticket;
        let messages = messages.into_iter().inspect(|message| {
            *next_ticket = message.ticket.0.saturating_add(1).max(*next_ticket);
        });
        let State { outgoing, incoming, effects } = &mut session.state;
        outgoing.restore(stored, messages, effects);
        *incoming = Incoming::restored(stored.exchanges().received.iter().copied());
        session.connected_before = stored.exists;
        session.ended_with_connection = stored.exists && stored.expiry == 0;
        session
    }
}
