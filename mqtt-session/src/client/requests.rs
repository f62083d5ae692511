//! SUBSCRIBE and UNSUBSCRIBE: sent in order, matched with their answers, sent again on the next connection.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use mqtt_codec::{
    List, PacketId, PacketRef, PacketType, ReasonCode, SubscribeRef, Subscription, SubscriptionId,
    SubscriptionOptions, Text, TopicFilter, UnsubscribeRef, UserProperties,
};

use super::ServerLimits;
use crate::error::{SubscribeError, Violation};
use crate::event::{ClientEvent, Ticket};
use crate::ids::PacketIds;
use crate::transmit::Transmit;
use crate::window::Window;

/// Filters in one SUBSCRIBE that the session makes by itself.
const FILTERS_PER_SUBSCRIBE: usize = 32;

/// What a request asks for.
#[derive(Clone, Debug)]
pub(super) enum Request {
    Subscribe {
        filters: Vec<Subscription>,
        subscription_id: Option<SubscriptionId>,
        user_properties: Arc<[(Text, Text)]>,
    },
    Unsubscribe {
        filters: Vec<TopicFilter>,
        user_properties: Vec<(Text, Text)>,
    },
}

/// How a filter was subscribed to, to say it again.
#[derive(Clone, Debug)]
struct Granted {
    options: SubscriptionOptions,
    subscription_id: Option<SubscriptionId>,
    user_properties: Arc<[(Text, Text)]>,
}

#[derive(Clone, Debug)]
struct Pending {
    /// `None` for a request that the session made by itself.
    ticket: Option<Ticket>,
    request: Request,
    /// The identifier on this connection, once it is sent.
    id: Option<PacketId>,
}

/// Requests that the server has not answered, oldest first, and the subscriptions that it has granted.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests {
    pending: VecDeque<Pending>,
    granted: BTreeMap<TopicFilter, Granted>,
}

impl Requests {
    pub(super) fn push(&mut self, ticket: Ticket, request: Request) {
        self.pending.push_back(Pending { ticket: Some(ticket), request, id: None });
    }

    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn tickets(&self) -> impl Iterator<Item = Ticket> {
        self.pending.iter().filter_map(|pending| pending.ticket)
    }

    /// Identifiers are free again: the requests are sent anew, with new ones.
    pub(super) fn handle_disconnected(&mut self, ids: &mut PacketIds) {
        for pending in &mut self.pending {
            if let Some(id) = pending.id.take() {
                ids.give_back(id);
            }
        }
        self.pending.retain(|pending| pending.ticket.is_some());
    }

    /// The server has forgotten the session: asks for every subscription that it had granted, before all else.
    pub(super) fn subscribe_again(&mut self) {
        let mut alike = BTreeMap::<_, Vec<Subscription>>::new();
        for (filter, Granted { options, subscription_id, user_properties }) in &self.granted {
            let subscription = Subscription { filter: filter.clone(), options: *options };
            let said = (subscription_id.map(SubscriptionId::get), Arc::clone(user_properties));
            alike.entry(said).or_default().push(subscription);
        }
        for ((id, user_properties), filters) in alike.into_iter().rev() {
            for filters in filters.chunks(FILTERS_PER_SUBSCRIBE).rev() {
                let request = Request::Subscribe {
                    filters: filters.to_vec(),
                    subscription_id: id.and_then(SubscriptionId::new),
                    user_properties: Arc::clone(&user_properties),
                };
                self.pending.push_front(Pending { ticket: None, request, id: None });
            }
        }
    }

    /// Sends what was not sent on this connection.
    pub(super) fn transmit(
        &mut self,
        window: &Window,
        server: &ServerLimits,
        ids: &mut PacketIds,
        out: &mut impl Transmit,
        events: &mut VecDeque<ClientEvent>,
    ) {
        // requests are sent in order: with the last one all are
        if self.pending.back().is_none_or(|last| last.id.is_some()) {
            return;
        }
        let mut index = 0;
        while let Some(pending) = self.pending.get_mut(index) {
            if pending.id.is_some() {
                index += 1;
                continue;
            }
            if !out.has_room() {
                return;
            }
            let Some(id) = ids.take() else { return };
            match send(&pending.request, id, window, server, out) {
                Ok(()) => {
                    pending.id = Some(id);
                    index += 1;
                }
                Err(error) => {
                    ids.give_back(id);
                    self.give_up(index, error, events);
                }
            }
        }
    }

    /// The request at `index` cannot be sent. One that the session made by itself is tried in parts first.
    fn give_up(&mut self, index: usize, error: SubscribeError, events: &mut VecDeque<ClientEvent>) {
        match self.pending.remove(index) {
            Some(Pending { ticket: Some(ticket), .. }) => {
                events.push_back(ClientEvent::RequestFailed(ticket, error));
            }
            Some(Pending {
                request: Request::Subscribe { mut filters, subscription_id, user_properties },
                ..
            }) => {
                if filters.len() == 1 {
                    for Subscription { filter, .. } in filters {
                        self.granted.remove(&filter);
                        events.push_back(ClientEvent::SubscriptionLost(filter, error.reason_code()));
                    }
                    return;
                }
                for filters in [filters.split_off(filters.len() / 2), filters] {
                    let user_properties = Arc::clone(&user_properties);
                    let request = Request::Subscribe { filters, subscription_id, user_properties };
                    self.pending.insert(index, Pending { ticket: None, request, id: None });
                }
            }
            Some(Pending { request: Request::Unsubscribe { .. }, .. }) | None => {}
        }
    }

    pub(super) fn handle_suback(
        &mut self,
        id: PacketId,
        reasons: Vec<ReasonCode>,
        ids: &mut PacketIds,
        events: &mut VecDeque<ClientEvent>,
    ) -> Result<(), Violation> {
        match self.find(id) {
            Some(Request::Subscribe { filters, .. }) if filters.len() == reasons.len() => {}
            Some(Request::Subscribe { .. }) => return Err(Violation::ReasonCount(PacketType::SubAck)),
            Some(Request::Unsubscribe { .. }) => return Err(Violation::AckMismatch(PacketType::SubAck)),
            None => return Ok(()),
        }
        let Some(pending) = self.take(id, ids) else { return Ok(()) };
        let Request::Subscribe { filters, subscription_id, user_properties } = pending.request else {
            return Ok(());
        };
        for (subscription, reason) in filters.into_iter().zip(&reasons) {
            if reason.is_error() {
                self.granted.remove(&subscription.filter);
                if pending.ticket.is_none() {
                    events.push_back(ClientEvent::SubscriptionLost(subscription.filter, *reason));
                }
            } else {
                let user_properties = Arc::clone(&user_properties);
                let granted = Granted { options: subscription.options, subscription_id, user_properties };
                self.granted.insert(subscription.filter, granted);
            }
        }
        if let Some(ticket) = pending.ticket {
            events.push_back(ClientEvent::Subscribed(ticket, reasons));
        }
        Ok(())
    }

    pub(super) fn handle_unsuback(
        &mut self,
        id: PacketId,
        reasons: Vec<ReasonCode>,
        ids: &mut PacketIds,
        events: &mut VecDeque<ClientEvent>,
    ) -> Result<(), Violation> {
        match self.find(id) {
            // 3.x has no codes
            Some(Request::Unsubscribe { filters, .. })
                if reasons.is_empty() || filters.len() == reasons.len() => {}
            Some(Request::Unsubscribe { .. }) => return Err(Violation::ReasonCount(PacketType::UnsubAck)),
            Some(Request::Subscribe { .. }) => return Err(Violation::AckMismatch(PacketType::UnsubAck)),
            None => return Ok(()),
        }
        let Some(pending) = self.take(id, ids) else { return Ok(()) };
        let Request::Unsubscribe { filters, .. } = pending.request else { return Ok(()) };
        for (index, filter) in filters.iter().enumerate() {
            // what the server refuses to end goes on
            if reasons.get(index).is_none_or(|reason| !reason.is_error()) {
                self.granted.remove(filter);
            }
        }
        if let Some(ticket) = pending.ticket {
            events.push_back(ClientEvent::Unsubscribed(ticket, reasons));
        }
        Ok(())
    }

    fn find(&self, id: PacketId) -> Option<&Request> {
        self.pending.iter().find(|pending| pending.id == Some(id)).map(|pending| &pending.request)
    }

    fn take(&mut self, id: PacketId, ids: &mut PacketIds) -> Option<Pending> {
        let index = self.pending.iter().position(|pending| pending.id == Some(id))?;
        ids.give_back(id);
        self.pending.remove(index)
    }
}

/// Writes the request, unless this server does not take it.
fn send(
    request: &Request,
    id: PacketId,
    window: &Window,
    server: &ServerLimits,
    out: &mut impl Transmit,
) -> Result<(), SubscribeError> {
    let packet = match request {
        Request::Subscribe { filters, subscription_id, user_properties } => {
            let refused = filters.iter().any(|subscription| {
                let filter = subscription.filter.view();
                (filter.has_wildcard() && !server.wildcards)
                    || (!matches!(filter.share(), Ok(None)) && !server.shared)
            });
            if refused || (subscription_id.is_some() && !server.subscription_ids) {
                return Err(SubscribeError::NotSupported);
            }
            PacketRef::Subscribe(SubscribeRef {
                id,
                subscription_id: *subscription_id,
                user_properties: UserProperties::new(user_properties),
                filters: List::new(filters),
            })
        }
        Request::Unsubscribe { filters, user_properties } => PacketRef::Unsubscribe(UnsubscribeRef {
            id,
            user_properties: UserProperties::new(user_properties),
            filters: List::new(filters),
        }),
    };
    // what a version or a combination forbids was refused before, and filters are short: only the sum can be long
    let len = packet.encoded_len(window.version).map_err(|_| SubscribeError::PacketTooLarge)?;
    if len > window.maximum_packet_size as usize {
        return Err(SubscribeError::PacketTooLarge);
    }
    packet.encode(window.version, out).map_err(|_| SubscribeError::PacketTooLarge)
}
