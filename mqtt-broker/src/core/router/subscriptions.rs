//! All subscriptions of all Sessions.

use std::sync::Arc;

use super::exact_filters::ExactFilters;
use super::filter_tree::FilterTree;
use super::generations::Generations;
use super::hashing::Hashing;
use super::matched::{Granted, GroupId, Matched, SessionKey, Target};
use super::share::{Joined, ShareGroup, ShareGroups};

/// The index from Topic Filters to subscribers.
///
/// A change is complete when the call returns: every later `matches` sees it.
#[derive(Debug)]
pub struct Subscriptions {
    hashing: Hashing,
    exact: ExactFilters,
    tree: FilterTree,
    groups: ShareGroups,
    generations: Arc<Generations>,
    subscriptions: usize,
    shared_subscriptions: usize,
}

impl Subscriptions {
    /// An empty index whose tables hash with the seed.
    pub fn new(seed: u64) -> Self {
        let hashing = Hashing::new(seed);
        Self {
            exact: ExactFilters::default(),
            tree: FilterTree::new(),
            groups: ShareGroups::new(),
            generations: Arc::new(Generations::new(hashing.clone())),
            hashing,
            subscriptions: 0,
            shared_subscriptions: 0,
        }
    }

    /// Adds a subscription, or replaces the Session's one with the identical filter and returns what that had.
    pub fn subscribe(&mut self, filter: &str, session: SessionKey, granted: Granted) -> Option<Granted> {
        // [MQTT-3.8.4-3]: one entry for each filter and Session, the latest.
        let previous = self.insert(filter, Matched::Session(session, granted)).map(granted_of);
        self.subscriptions += usize::from(previous.is_none());
        previous
    }

    /// Removes the Session's subscription with exactly this filter, if there is one.
    pub fn unsubscribe(&mut self, filter: &str, session: SessionKey) -> Option<Granted> {
        // [MQTT-3.10.4-1]: filters are compared as texts.
        let removed = self.remove(filter, Target::Session(session)).map(granted_of)?;
        self.subscriptions -= 1;
        Some(removed)
    }

    /// Makes the Session a member of the share group, or replaces what the member had and returns that.
    pub fn subscribe_shared(
        &mut self,
        group: &str,
        filter: &str,
        session: SessionKey,
        granted: Granted,
    ) -> Option<Granted> {
        match self.groups.join(group, filter, (session, granted), &self.hashing) {
            Joined::Replaced(previous) => return Some(previous),
            Joined::Created(id) => {
                self.insert(filter, Matched::Group(id));
            }
            Joined::Added => {}
        }
        self.shared_subscriptions += 1;
        None
    }

    /// Takes the Session out of the share group, if it is a member.
    pub fn unsubscribe_shared(&mut self, group: &str, filter: &str, session: SessionKey) -> Option<Granted> {
        let left = self.groups.leave(group, filter, session, &self.hashing)?;
        if let Some(id) = left.dissolved {
            self.remove(filter, Target::Group(id));
        }
        self.shared_subscriptions -= 1;
        Some(left.granted)
    }

    /// Visits each match of the topic: every subscription whose filter matches, and every share group whose filter
    /// does. Allocates nothing unless the topic and some filter are more than 16 levels deep.
    pub fn matches(&self, topic: &str, mut visit: impl FnMut(Matched)) {
        self.exact.visit(topic, &self.hashing, &mut visit);
        self.tree.visit(topic, &self.hashing, &mut visit);
    }

    /// The share group of a match, or `None` if it has lost its last member since.
    pub fn group(&self, id: GroupId) -> Option<&ShareGroup> {
        self.groups.get(id)
    }

    /// What tells a [`MatchCache`](super::MatchCache) whether an earlier match is still true.
    pub fn generations(&self) -> &Arc<Generations> {
        &self.generations
    }

    /// Number of subscriptions that are not shared.
    pub fn subscriptions(&self) -> usize {
        self.subscriptions
    }

    /// Number of Shared Subscriptions: the members of all groups.
    pub fn shared_subscriptions(&self) -> usize {
        self.shared_subscriptions
    }

    /// Number of share groups.
    pub fn share_groups(&self) -> usize {
        self.groups.len()
    }

    /// What the index is made of: filters without wildcards, nodes of the tree of the others, and level texts.
    ///
    /// 0 exactly when there are no subscriptions.
    pub fn nodes(&self) -> usize {
        self.exact.len() + self.tree.len() + self.tree.levels.len()
    }

    fn insert(&mut self, filter: &str, new: Matched) -> Option<Matched> {
        let previous = if has_wildcard(filter) {
            self.tree.insert(filter, new, &self.hashing)
        } else {
            self.exact.insert(filter, new, &self.hashing)
        };
        if previous != Some(new) {
            self.generations.change(filter);
        }
        previous
    }

    fn remove(&mut self, filter: &str, target: Target) -> Option<Matched> {
        let removed = if has_wildcard(filter) {
            self.tree.remove(filter, target, &self.hashing)
        } else {
            self.exact.remove(filter, target, &self.hashing)
        }?;
        self.generations.change(filter);
        Some(removed)
    }
}

fn granted_of(matched: Matched) -> Granted {
    match matched {
        Matched::Session(_, granted) => granted,
        Matched::Group(_) => unreachable!("a Session's entry was asked for"),
    }
}

/// In a valid filter these characters are always a whole level.
pub(super) fn has_wildcard(filter: &str) -> bool {
    filter.bytes().any(|byte| matches!(byte, b'+' | b'#'))
}
