//! What a client's own evidence allows.

use super::client::Extent;
use super::pattern::{Names, Pattern};
use super::relation::{covers, overlap};
use super::rule::{Action, Actions, Audience, Rule};
use super::tree::{NONE, Tree};
use crate::auth::Permissions;

/// The filters of a [`Permissions`], to be looked up.
#[derive(Debug)]
pub(super) struct Evidence {
    subscribe: Box<[Pattern]>,
    tree: Tree,
}

impl Evidence {
    /// A filter with more levels than rules may have allows nothing.
    pub(super) fn new(permissions: &Permissions) -> Self {
        let publish = Actions::default().and(Action::Publish).and(Action::Retain);
        let subscribe = Actions::default().and(Action::Subscribe);
        let [publish, subscribe] = [(publish, &permissions.publish), (subscribe, &permissions.subscribe)]
            .map(|(actions, filters)| {
                let topics =
                    filters.iter().filter_map(|filter| Pattern::literal(filter.as_str()).ok()).collect();
                Rule { line: 0, allow: true, actions, audience: Audience::Everyone, topics, text: None }
            });
        let rules = [publish, subscribe];
        let tree = Tree::new(&rules, vec![0, 1]);
        let [_, subscribe] = rules;
        Self { subscribe: subscribe.topics.into(), tree }
    }

    pub(super) fn allows(&self, action: Action, topic: &str) -> bool {
        let mut first = [NONE; 3];
        // nothing is substituted in filters of evidence
        self.tree.look_up(topic, Names { client_id: "", user_name: None }, &mut first);
        first[action as usize] != NONE
    }

    pub(super) fn extent(&self, filter: &str) -> Extent {
        let mut allowed =
            self.subscribe.iter().map(Pattern::as_str).filter(|allowed| overlap(allowed, filter));
        match allowed.next() {
            None => Extent::Disjoint,
            Some(first) if covers(first, filter) || allowed.any(|allowed| covers(allowed, filter)) => {
                Extent::Inside
            }
            Some(_) => Extent::Overlaps,
        }
    }
}
