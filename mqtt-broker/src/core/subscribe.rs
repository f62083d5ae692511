//! SUBSCRIBE and UNSUBSCRIBE of a client.

use mqtt_codec::{
    ReasonCode, RetainHandling, SubscribeRef, SubscriptionId, SubscriptionOptions, SubscriptionRef,
    TopicFilterRef, UnsubscribeRef,
};
use mqtt_session::Time;

use super::access::Action;
use super::clients::Client;
use super::hooks::Hooks;
use super::hub::Hub;
use super::replay::{Replay, Replays};
use super::router::{Granted, SessionKey};
use super::shard::{ShardCore, Slot};
use super::stats::Counter;
use crate::config::{Limits, Terms};
use crate::store::Op;

/// Filters of one SUBSCRIBE, or as many as a session may have if those are more: each is compared with all rules of
/// permission, while all other clients wait.
const FILTERS_AT_ONCE: usize = 10_000;

impl ShardCore {
    /// Subscribes filter by filter, in order, answers once, then begins to send retained messages.
    pub(super) fn handle_subscribe(&mut self, now: Time, slot: Slot, subscribe: &SubscribeRef<'_>) {
        let Some(client) = self.clients.get(slot) else { return };
        let names = client.link.as_deref().and_then(|link| link.names.clone());
        let mut granted = 0;
        let mut reasons = Vec::new();
        for SubscriptionRef { filter, options } in subscribe.filters {
            let reason = match names.as_ref().map(|names| names.filter(filter)) {
                None => self.subscribe(slot, reasons.len(), filter, options, subscribe.subscription_id),
                Some(Some(named)) => {
                    self.subscribe(slot, reasons.len(), named.view(), options, subscribe.subscription_id)
                }
                Some(None) => self.refuse_subscription(ReasonCode::TopicFilterInvalid),
            };
            granted += usize::from(!reason.is_error());
            reasons.push(reason);
        }
        let owed = self.clients.get(slot).is_some_and(|client| client.owed_as().is_some());
        let wait = if owed && granted > 0 { self.wait_for_store(now, slot) } else { None };
        let Some(client) = self.clients.get(slot) else { return };
        client.session.answer_subscribe(subscribe.id, reasons, wait);
        client.replays.wait_for(wait);
        if let Some(link) = client.link.as_deref_mut() {
            // SUBACK before the first retained message: many clients wait for it
            self.work.prepare(&mut link.output);
            client.session.poll_transmit(now, &mut link.output);
        }
    }

    /// Subscribes a client that has connected to what it did not ask for, unless it is subscribed to that.
    pub(super) fn subscribe_unasked(&mut self, slot: Slot, terms: &Terms) {
        for (index, wanted) in terms.subscribe.iter().enumerate() {
            let Some(client) = self.clients.get(slot) else { return };
            let Some(link) = client.link.as_deref() else { return };
            let user_name = client.user.as_ref().and_then(|user| user.name.as_deref());
            let Some(filter) = wanted.filter.resolve_for(&client.id, user_name) else { continue };
            let Ok(filter) = TopicFilterRef::new(&filter) else { continue };
            let named = match &link.names {
                Some(names) => names.filter(filter),
                None => Some(filter.to_topic_filter()),
            };
            if let Some(filter) = named.filter(|filter| !client.filters.contains(filter.as_str())) {
                self.subscribe(slot, index, filter.view(), wanted.options, None);
            }
        }
    }

    /// Subscribes a client to one filter, the `index`th at once; the code for SUBACK.
    fn subscribe(
        &mut self,
        slot: Slot,
        index: usize,
        filter: TopicFilterRef<'_>,
        options: SubscriptionOptions,
        subscription_id: Option<SubscriptionId>,
    ) -> ReasonCode {
        let limits = &self.config.limits;
        let Some(client) = self.clients.get(slot) else { return ReasonCode::UnspecifiedError };
        let granted = Granted {
            qos: options.qos,
            no_local: options.no_local,
            retain_as_published: options.retain_as_published,
            subscription_id,
        };
        let (reason, existed) = if index < FILTERS_AT_ONCE.max(limits.subscriptions) {
            subscribe_one(&self.hub, limits, client, filter, granted)
        } else {
            (ReasonCode::QuotaExceeded, false)
        };
        if reason.is_error() {
            if reason == ReasonCode::NotAuthorized {
                self.hub.counters(self.shard).add(Counter::SubscriptionsNotAuthorized, 1);
                let who = (client.id.as_str(), client.user.as_ref());
                let rule = || client.refuses(filter);
                self.work.note_not_authorized(who, Action::Subscribe, filter.as_str(), rule);
            }
            return self.refuse_subscription(reason);
        }
        if let Some(session) = client.owed_as() {
            self.journal.note(Op::Subscribed { session, filter: filter.to_topic_filter(), granted });
        }
        if wants_retained(options.retain_handling, existed) && is_plain(filter) {
            client.replays.push(Replay::new(filter, options.qos, subscription_id));
        }
        reason
    }

    fn refuse_subscription(&self, reason: ReasonCode) -> ReasonCode {
        self.counters().add(Counter::SubscriptionsRefused, 1);
        reason
    }

    /// Unsubscribes filter by filter, compared as texts. [MQTT-3.10.4-1]
    pub(super) fn handle_unsubscribe(&mut self, now: Time, slot: Slot, unsubscribe: &UnsubscribeRef<'_>) {
        let mut reasons = Vec::new();
        let mut stored = false;
        let names = self.clients.get(slot).and_then(|client| client.link.as_deref()?.names.clone());
        for filter in unsubscribe.filters {
            let Some(client) = self.clients.get(slot) else { return };
            let named = names.as_ref().map(|names| names.filter(filter));
            let filter = match &named {
                Some(Some(named)) => named.view(),
                // it cannot have been subscribed to
                Some(None) => {
                    reasons.push(ReasonCode::NoSubscriptionExisted);
                    continue;
                }
                None => filter,
            };
            let existed = client.filters.remove(filter.as_str());
            if existed {
                unsubscribe_key(&self.hub, client.key, filter);
                client.replays.remove(filter.as_str());
                if let Some(session) = client.owed_as() {
                    let filter = filter.to_topic_filter();
                    self.journal.note(Op::Unsubscribed { session, filter });
                    stored = true;
                }
            }
            reasons.push(if existed { ReasonCode::Success } else { ReasonCode::NoSubscriptionExisted });
        }
        let wait = if stored { self.wait_for_store(now, slot) } else { None };
        let Some(client) = self.clients.get(slot) else { return };
        client.session.answer_unsubscribe(unsubscribe.id, reasons, wait);
    }

    /// Ends all subscriptions of a session.
    pub(super) fn remove_subscriptions(hub: &Hub, client: &mut Client) {
        client.replays = Replays::default();
        for filter in std::mem::take(&mut client.filters) {
            unsubscribe_key(hub, client.key, filter.view());
        }
    }
}

/// Subscribes one filter: the code for SUBACK, and whether the session had the subscription before.
fn subscribe_one(
    hub: &Hub,
    limits: &Limits,
    client: &mut Client,
    filter: TopicFilterRef<'_>,
    granted: Granted,
) -> (ReasonCode, bool) {
    if filter.share().is_err() {
        return (ReasonCode::TopicFilterInvalid, false);
    }
    let levels = filter.as_str().bytes().filter(|byte| *byte == b'/').count() + 1;
    if levels > limits.topic_levels || filter.as_str().len() > limits.topic_length {
        return (ReasonCode::TopicFilterInvalid, false);
    }
    let existed = client.filters.contains(filter.as_str());
    if !existed && client.filters.len() >= limits.subscriptions {
        return (ReasonCode::QuotaExceeded, false);
    }
    let is_refused =
        |hooks: &dyn Hooks| !hooks.authorize(&client.hooked(), Action::Subscribe, filter.as_str());
    if hub.hooks().is_some_and(is_refused) || !client.may_subscribe(hub, filter) {
        return (ReasonCode::NotAuthorized, existed);
    }
    subscribe_key(hub, client.key, filter, granted);
    if !existed {
        client.filters.insert(filter.to_topic_filter());
    }
    (ReasonCode::granted(granted.qos), existed)
}

/// Whether the subscription is a plain one; a Shared Subscription gets no retained messages.
pub(super) fn subscribe_key(
    hub: &Hub,
    key: SessionKey,
    filter: TopicFilterRef<'_>,
    granted: Granted,
) -> bool {
    let mut subscriptions = hub.change_subscriptions();
    match filter.share() {
        Ok(Some(share)) => {
            subscriptions.subscribe_shared(share.name, share.filter.as_str(), key, granted);
            false
        }
        _ => {
            subscriptions.subscribe(filter.as_str(), key, granted);
            true
        }
    }
}

pub(super) fn unsubscribe_key(hub: &Hub, key: SessionKey, filter: TopicFilterRef<'_>) {
    let mut subscriptions = hub.change_subscriptions();
    match filter.share() {
        Ok(Some(share)) => {
            subscriptions.unsubscribe_shared(share.name, share.filter.as_str(), key);
        }
        _ => {
            subscriptions.unsubscribe(filter.as_str(), key);
        }
    }
}

/// [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]
const fn wants_retained(handling: RetainHandling, existed: bool) -> bool {
    match handling {
        RetainHandling::OnSubscribe => true,
        RetainHandling::OnNewSubscription => !existed,
        RetainHandling::Never => false,
    }
}

/// Shared Subscriptions get no retained messages.
fn is_plain(filter: TopicFilterRef<'_>) -> bool {
    matches!(filter.share(), Ok(None))
}
