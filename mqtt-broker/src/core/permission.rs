//! What clients may do, as the rules of permission are now.
//!
//! A client keeps what the rules say of it until they are replaced; then it is looked at again when something happens to it
//! next. Of a client whose subscriptions are all inside what it may receive, no message needs a look.

use std::ops::Bound;
use std::sync::Arc;

use mqtt_codec::{Connect, ReasonCode, TopicFilterRef};

use super::access::{Action, ClientAccess, Extent, Rules};
use super::clients::Client;
use super::hub::Hub;
use super::lobby::Refusal;
use super::names::sees;
use super::shard::{ShardCore, Slot};
use super::stats::Counter;
use super::user::User;
use crate::config::RefusedPublish;

impl ShardCore {
    /// Takes on new rules, if there are any: before anything that a client has done is judged.
    #[inline]
    pub(super) fn follow_rules(&mut self) {
        let generation = self.hub.rules_generation();
        if generation != self.rules_generation {
            self.rules_generation = generation;
            self.take_rules();
        }
    }

    /// Members of share groups are judged at once, because other shards choose among them.
    fn take_rules(&mut self) {
        self.rules = self.hub.rules();
        for slot in self.clients.slots() {
            if let Some(client) = self.clients.get(slot).filter(|client| client.is_member()) {
                client.follow(&self.rules, &self.hub);
            }
        }
    }

    /// What a client that connects may do.
    ///
    /// # Errors
    /// If it has a Will that could not be published. [MQTT-3.1.4-2]
    pub(super) fn access_of(
        &mut self,
        connect: &Connect,
        user: Option<&Arc<User>>,
    ) -> Result<Option<Arc<ClientAccess>>, Refusal> {
        self.follow_rules();
        let access = self.rules.of(&connect.client_id, user);
        if let Some(will) = &connect.will {
            let topic = will.message.topic.as_str();
            let ruling = access.as_ref().map(|access| (access, access.may_publish(topic, will.retain)));
            if let Some((access, ruling)) = ruling.filter(|(_, ruling)| !ruling.allowed) {
                let action = if will.retain { Action::Retain } else { Action::Publish };
                let rule = || access.rules().citation(ruling.rule);
                self.work.note_not_authorized((&connect.client_id, user), action, topic, rule);
                return Err(Refusal::will(connect.version));
            }
        }
        Ok(access.map(Arc::new))
    }

    /// Ends the connection of a client whose PUBLISH was refused, if it has no way to be told and the configuration wants it.
    /// [MQTT-3.3.5-2]
    pub(super) fn ends_refused(&mut self, slot: Slot) -> bool {
        let wanted = self.config.acl.refused_publish == RefusedPublish::Disconnect;
        let Some(client) = self.clients.get(slot).filter(|_| wanted) else { return false };
        let untold = client.session.version().is_some_and(|version| !version.is_v5());
        if untold {
            client.session.disconnect(ReasonCode::NotAuthorized);
        }
        untold
    }
}

impl Client {
    /// Looks at the rules again if they are others than before.
    #[inline]
    pub(super) fn follow(&mut self, rules: &Arc<Rules>, hub: &Hub) {
        let is_current = match &self.access {
            Some(access) => Arc::ptr_eq(access.rules(), rules),
            None => !rules.restricts(),
        };
        if !is_current {
            let access = rules.of(&self.id, self.user.as_ref()).map(Arc::new);
            self.take_access(access, hub);
        }
    }

    /// From now on the client may do this. What waits for it and is no longer for it is forgotten.
    pub(super) fn take_access(&mut self, access: Option<Arc<ClientAccess>>, hub: &Hub) {
        self.access = access;
        if self.is_member() {
            hub.presences.set_access(self.key, self.access.clone());
        }
        self.guarded = false;
        let Some(access) = &self.access else { return };
        self.guarded = self.filters.iter().any(|filter| extent(access, filter.view()) != Extent::Inside);
        if self.session.queued() > 0 {
            let withdrawn =
                self.session.withdraw(|message| access.may_receive(message.topic.as_str()).allowed);
            hub.counters(self.key.shard).add(Counter::PublishWithheld, withdrawn as u64);
        }
    }

    /// Whether some of what a filter matches is for the client. If not all is, its messages are looked at from now on.
    pub(super) fn may_subscribe(&mut self, hub: &Hub, filter: TopicFilterRef<'_>) -> bool {
        let extent = self.access.as_deref().map_or(Extent::Inside, |access| extent(access, filter));
        self.guarded |= extent == Extent::Overlaps;
        if extent != Extent::Disjoint && is_shared(filter.as_str()) {
            hub.presences.set_access(self.key, self.access.clone());
        }
        extent != Extent::Disjoint
    }

    /// Which rule refuses a filter, for the log.
    pub(super) fn refuses(&self, filter: TopicFilterRef<'_>) -> Option<String> {
        let access = self.access.as_ref()?;
        access.rules().citation(access.may_subscribe(inner(filter)).rule)
    }

    /// Whether the client is not to have what its subscriptions match.
    #[inline]
    pub(super) fn is_barred(&self, topic: &str) -> bool {
        (self.guarded && !self.may_receive(topic)) || !sees(self.hidden, topic)
    }

    /// Whether the client may have what is published to a topic.
    fn may_receive(&self, topic: &str) -> bool {
        self.access.as_ref().is_none_or(|access| access.may_receive(topic).allowed)
    }

    /// Whether rules withhold what is published to a topic, and the one that does if there is one.
    pub(super) fn withholds(&self, topic: &str) -> Option<Option<String>> {
        let access = self.access.as_ref()?;
        let ruling = access.may_receive(topic);
        (!ruling.allowed).then(|| access.rules().citation(ruling.rule))
    }

    /// Whether it is a member of a share group.
    fn is_member(&self) -> bool {
        let mut next = self.filters.range::<str, _>((Bound::Included(SHARED), Bound::Unbounded));
        next.next().is_some_and(|filter| is_shared(filter.as_str()))
    }
}

/// Before all filters of Shared Subscriptions, in the order of texts.
const SHARED: &str = "$share/";

fn is_shared(filter: &str) -> bool {
    filter.starts_with(SHARED)
}

/// How a filter stands to what a client may receive; of a Shared Subscription the filter behind the ShareName.
fn extent(access: &ClientAccess, filter: TopicFilterRef<'_>) -> Extent {
    access.may_subscribe(inner(filter)).extent
}

fn inner(filter: TopicFilterRef<'_>) -> &str {
    match filter.share() {
        Ok(Some(share)) => share.filter.as_str(),
        _ => filter.as_str(),
    }
}
