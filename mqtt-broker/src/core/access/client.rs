//! What the rules say of one client.

use std::borrow::Cow;
use std::sync::Arc;

use mqtt_codec::Text;

use super::evidence::Evidence;
use super::pattern::{Names, Pattern};
use super::relation::{covers, intersection, overlap};
use super::rule::{Action, Rule};
use super::rules::{RuleId, Rules};
use super::tree::{First, NONE, Tree};
use crate::core::User;

/// The rules as they are for one client. It costs no more than the names and two pointers.
#[derive(Clone, Debug)]
pub struct ClientAccess {
    pub(super) rules: Arc<Rules>,
    /// Whether the rules for everyone are for this client too.
    pub(super) general: bool,
    /// The rules beside those, shared by all who have the same.
    pub(super) own: Option<Arc<Tree>>,
    /// What is allowed at most, whatever the rules say.
    pub(super) evidence: Option<Arc<Evidence>>,
    pub(super) client_id: Text,
    pub(super) user: Option<Arc<User>>,
}

/// Whether something is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// Whether it is.
    pub allowed: bool,
    /// The rule that says so; `None` if none is about it, or the client's own evidence does not allow it.
    pub rule: Option<RuleId>,
}

/// How a topic filter stands to what a client may receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All that it matches is allowed.
    Inside,
    /// Some of what it matches is allowed.
    Overlaps,
    /// Nothing is.
    Disjoint,
}

/// What becomes of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterRuling {
    /// How much of it is allowed.
    pub extent: Extent,
    /// The rule that decides; `None` if nothing allows any of it.
    pub rule: Option<RuleId>,
}

impl ClientAccess {
    /// Whether the client may publish to a topic. A retained message needs both actions.
    #[inline]
    pub fn may_publish(&self, topic: &str, retain: bool) -> Ruling {
        let first = self.first(topic);
        let publish = self.ruling(first, Action::Publish, topic);
        if retain && publish.allowed { self.ruling(first, Action::Retain, topic) } else { publish }
    }

    /// Whether the client may receive what is published to a topic.
    #[inline]
    pub fn may_receive(&self, topic: &str) -> Ruling {
        self.may(Action::Subscribe, topic)
    }

    /// Whether the client may do one thing with a topic.
    #[inline]
    pub fn may(&self, action: Action, topic: &str) -> Ruling {
        self.ruling(self.first(topic), action, topic)
    }

    /// Whether the client may subscribe; of a Shared Subscription the filter behind the ShareName is meant.
    pub fn may_subscribe(&self, filter: &str) -> FilterRuling {
        let ruling = if self.rules.restricts() {
            self.judge(filter)
        } else {
            FilterRuling { extent: Extent::Inside, rule: None }
        };
        match (ruling.extent, self.evidence.as_ref().map(|evidence| evidence.extent(filter))) {
            (_, None | Some(Extent::Inside)) | (Extent::Disjoint, _) => ruling,
            (_, Some(Extent::Disjoint)) => FilterRuling { extent: Extent::Disjoint, rule: None },
            (_, Some(Extent::Overlaps)) => FilterRuling { extent: Extent::Overlaps, ..ruling },
        }
    }

    /// The rules by which this was decided.
    pub const fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// What the rules say of a filter. Anybody may ask that of any number of filters, so most rules cost no allocation.
    fn judge(&self, filter: &str) -> FilterRuling {
        let names = self.names();
        // filters of rules that refuse some of it
        let mut refused: Vec<Cow<'_, str>> = Vec::new();
        let mut allowed = None;
        let about = self.numbers().filter_map(|number| Some((number, self.rules.rule(RuleId(number))?)));
        let about = about.filter(|(_, rule)| rule.actions.contains(Action::Subscribe));
        for (number, rule) in about {
            let id = Some(RuleId(number));
            for topic in overlapping(rule, names, filter) {
                match rule.allow {
                    true if is_refused(&refused, &topic, filter) => {}
                    true if refused.is_empty() && covers(&topic, filter) => {
                        return FilterRuling { extent: Extent::Inside, rule: id };
                    }
                    true => allowed = allowed.or(id),
                    false if allowed.is_none() && covers(&topic, filter) => {
                        return FilterRuling { extent: Extent::Disjoint, rule: id };
                    }
                    false => refused.push(topic),
                }
                if allowed.is_some() && !refused.is_empty() {
                    return FilterRuling { extent: Extent::Overlaps, rule: allowed };
                }
            }
        }
        let extent = if allowed.is_some() { Extent::Overlaps } else { Extent::Disjoint };
        FilterRuling { extent, rule: allowed }
    }

    #[inline]
    fn first(&self, topic: &str) -> First {
        let mut first = [NONE; 3];
        if self.general {
            self.rules.everyone().look_up(topic, self.names(), &mut first);
        }
        if let Some(own) = &self.own {
            own.look_up(topic, self.names(), &mut first);
        }
        first
    }

    fn ruling(&self, first: First, action: Action, topic: &str) -> Ruling {
        if self.evidence.as_ref().is_some_and(|evidence| !evidence.allows(action, topic)) {
            return Ruling { allowed: false, rule: None };
        }
        let id = RuleId(first[action as usize]);
        match self.rules.rule(id) {
            Some(rule) => Ruling { allowed: rule.allow, rule: Some(id) },
            None => Ruling { allowed: !self.rules.restricts(), rule: None },
        }
    }

    fn names(&self) -> Names<'_> {
        let user_name = self.user.as_deref().and_then(|user| user.name.as_deref());
        Names { client_id: &self.client_id, user_name }
    }

    /// The numbers of all rules for this client, in their order.
    fn numbers(&self) -> impl Iterator<Item = u32> {
        let general = if self.general { self.rules.everyone().rules() } else { &[] };
        let own = self.own.as_deref().map(Tree::rules).unwrap_or_default();
        let (mut general, mut own) = (general.iter().copied().peekable(), own.iter().copied().peekable());
        std::iter::from_fn(move || match (general.peek(), own.peek()) {
            (Some(one), Some(other)) if one > other => own.next(),
            (Some(_), _) => general.next(),
            (None, _) => own.next(),
        })
    }
}

/// The filters of a rule, as they are for one client, that have something in common with `filter`.
fn overlapping<'r>(rule: &'r Rule, names: Names<'_>, filter: &str) -> impl Iterator<Item = Cow<'r, str>> {
    let resolved = rule.topics.iter().filter_map(move |topic: &Pattern| topic.resolve(names));
    resolved.filter(move |topic| overlap(topic, filter))
}

/// Whether one of `refused` takes all that `topic` and `filter` have in common.
fn is_refused(refused: &[Cow<'_, str>], topic: &str, filter: &str) -> bool {
    if refused.is_empty() {
        return false;
    }
    let common = intersection(topic, filter);
    common.is_some_and(|common| refused.iter().any(|refused| covers(refused, &common)))
}
