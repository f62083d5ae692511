//! Finding the filters of the tree that match a topic.

use super::filter_tree::{FilterTree, ROOT};
use super::hashing::Hashing;
use super::levels::Levels;
use super::matched::Matched;

impl FilterTree {
    /// Visits the subscribers of each filter that matches the topic.
    ///
    /// Depth first: down the topic's own level, back up, down `+`. The way back is read from the nodes, so there is no
    /// stack to overflow. Each node is entered at most once, so the cost is bounded by the filters that
    /// exist, whatever the topic is.
    pub(super) fn visit(&self, topic: &str, hashing: &Hashing, visit: &mut impl FnMut(Matched)) {
        let mut path = Path::new(topic);
        let (mut node, mut depth) = (ROOT, 0);
        loop {
            self.report(node, path.ends_at(depth), path.hides_from_wildcards(depth), visit);
            let Some(next) = self
                .down(node, depth, &mut path, hashing)
                .or_else(|| self.back(&mut node, &mut depth, &path))
            else {
                return;
            };
            node = next;
            depth += 1;
        }
    }

    fn report(&self, node: u32, ends: bool, hidden: bool, visit: &mut impl FnMut(Matched)) {
        let node = &self.nodes[node];
        if !hidden {
            node.below.visit(visit);
        }
        if ends {
            node.here.visit(visit);
        }
    }

    /// The child for the topic's level at this depth, or else the one for `+`.
    fn down(&self, node: u32, depth: usize, path: &mut Path<'_>, hashing: &Hashing) -> Option<u32> {
        if self.nodes[node].is_leaf() {
            return None;
        }
        let level = path.level(depth, &self.levels, hashing)?;
        let literal = match level {
            Some(level) if self.nodes[node].literals > 0 => self.literal(node, level, hashing),
            _ => None,
        };
        literal.or_else(|| self.plus(node, depth, path))
    }

    /// Goes up to the nearest node whose `+` child has not been entered yet, and names that child.
    fn back(&self, node: &mut u32, depth: &mut usize, path: &Path<'_>) -> Option<u32> {
        while *node != ROOT {
            let left = std::mem::replace(node, self.nodes[*node].parent);
            *depth -= 1;
            if let Some(plus) = self.plus(*node, *depth, path).filter(|&plus| plus != left) {
                return Some(plus);
            }
        }
        None
    }

    fn plus(&self, node: u32, depth: usize, path: &Path<'_>) -> Option<u32> {
        let plus = self.nodes[node].plus;
        (plus != ROOT && !path.hides_from_wildcards(depth)).then_some(plus)
    }
}

/// The levels of a topic, each looked up when the walk first gets there.
struct Path<'t> {
    /// What follows the levels looked up so far, if anything does.
    rest: Option<&'t str>,
    known: usize,
    /// Numbers of the first levels; `None` if no filter has such a level.
    first: [Option<u32>; INLINE],
    /// Numbers of the levels after those: only a topic and a filter that are both deeper than `INLINE` allocate.
    later: Vec<Option<u32>>,
    starts_with_dollar: bool,
}

impl<'t> Path<'t> {
    fn new(topic: &'t str) -> Self {
        Self {
            rest: Some(topic),
            known: 0,
            first: [None; INLINE],
            later: Vec::new(),
            starts_with_dollar: topic.starts_with('$'),
        }
    }

    /// The number of the level at a depth, or `None` where the topic has ended.
    ///
    /// The depth is at most one more than the largest one asked for before.
    fn level(&mut self, depth: usize, levels: &Levels, hashing: &Hashing) -> Option<Option<u32>> {
        if depth == self.known {
            let (text, rest) = match self.rest?.split_once('/') {
                Some((text, rest)) => (text, Some(rest)),
                None => (self.rest?, None),
            };
            self.rest = rest;
            self.known += 1;
            let level = levels.find(text, hashing);
            match self.first.get_mut(depth) {
                Some(place) => *place = level,
                None => self.later.push(level),
            }
        }
        Some(self.first.get(depth).copied().unwrap_or_else(|| self.later[depth - INLINE]))
    }

    fn ends_at(&self, depth: usize) -> bool {
        depth == self.known && self.rest.is_none()
    }

    /// [MQTT-4.7.2-1]: a wildcard in the first level does not match a topic that begins with `$`.
    fn hides_from_wildcards(&self, depth: usize) -> bool {
        depth == 0 && self.starts_with_dollar
    }
}

const INLINE: usize = 16;
