//! Topic Filters with wildcards: a tree of Topic Levels.

use hashbrown::HashTable;

use super::hashing::Hashing;
use super::levels::Levels;
use super::matched::{Matched, Target};
use super::slab::Slab;
use super::subscribers::Subscribers;

/// The tree. A path from the root spells the levels of a filter.
///
/// Nodes have no containers of children: one table for the whole tree finds a child by its parent and level, so a
/// node with one child and a node with a million cost the same. Parents are kept, so that a walk needs no stack and
/// a removal can prune upward.
#[derive(Debug)]
pub(super) struct FilterTree {
    pub(super) nodes: Slab<Node>,
    pub(super) levels: Levels,
    children: HashTable<u32>,
}

#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) parent: u32,
    /// The text of the level that leads here; unused in the root and below `+`.
    level: u32,
    /// The child for `+`, or `ROOT` if there is none.
    pub(super) plus: u32,
    /// How many children there are beside that of `+`.
    pub(super) literals: u32,
    /// Filters that end with this level.
    pub(super) here: Subscribers,
    /// Filters that go on with `#`: they match this level too.
    pub(super) below: Subscribers,
}

/// The node where every walk begins; nobody's child.
pub(super) const ROOT: u32 = 0;

impl FilterTree {
    pub(super) fn new() -> Self {
        let mut nodes = Slab::new();
        nodes.insert(Node::default());
        Self { nodes, levels: Levels::new(), children: HashTable::new() }
    }

    pub(super) fn insert(&mut self, filter: &str, new: Matched, hashing: &Hashing) -> Option<Matched> {
        let mut node = ROOT;
        for level in filter.split('/') {
            node = match level {
                "#" => return self.nodes[node].below.insert(new, hashing),
                "+" => self.grow_plus(node),
                _ => self.grow_literal(node, level, hashing),
            };
        }
        self.nodes[node].here.insert(new, hashing)
    }

    pub(super) fn remove(&mut self, filter: &str, target: Target, hashing: &Hashing) -> Option<Matched> {
        let mut node = ROOT;
        let mut many_levels = false;
        for level in filter.split('/') {
            node = match level {
                "#" => {
                    many_levels = true;
                    break;
                }
                "+" => Some(self.nodes[node].plus).filter(|&plus| plus != ROOT)?,
                _ => self.literal(node, self.levels.find(level, hashing)?, hashing)?,
            };
        }
        let Node { here, below, .. } = &mut self.nodes[node];
        let removed = if many_levels { below } else { here }.remove(target, hashing);
        self.prune(node, hashing);
        removed
    }

    /// The child of a node for a level that is not a wildcard.
    pub(super) fn literal(&self, parent: u32, level: u32, hashing: &Hashing) -> Option<u32> {
        let is_it = |node: &Node| node.parent == parent && node.level == level;
        self.children.find(edge(parent, level, hashing), |&id| is_it(&self.nodes[id])).copied()
    }

    /// Nodes beside the root.
    pub(super) fn len(&self) -> usize {
        self.nodes.len() - 1
    }

    fn grow_plus(&mut self, parent: u32) -> u32 {
        let plus = self.nodes[parent].plus;
        if plus != ROOT {
            return plus;
        }
        let id = self.nodes.insert(Node { parent, ..Node::default() });
        self.nodes[parent].plus = id;
        id
    }

    fn grow_literal(&mut self, parent: u32, text: &str, hashing: &Hashing) -> u32 {
        let known = self.levels.find(text, hashing).and_then(|level| self.literal(parent, level, hashing));
        if let Some(id) = known {
            return id;
        }
        let level = self.levels.acquire(text, hashing);
        let id = self.nodes.insert(Node { parent, level, ..Node::default() });
        self.nodes[parent].literals += 1;
        let nodes = &self.nodes;
        self.children.insert_unique(edge(parent, level, hashing), id, |&id| {
            edge(nodes[id].parent, nodes[id].level, hashing)
        });
        id
    }

    /// Removes a node that nothing needs any more, then its parents as far as that is true of them.
    fn prune(&mut self, mut id: u32, hashing: &Hashing) {
        while id != ROOT && self.nodes[id].is_empty() {
            let Node { parent, level, .. } = self.nodes.remove(id);
            if self.nodes[parent].plus == id {
                self.nodes[parent].plus = ROOT;
            } else {
                let child = self.children.find_entry(edge(parent, level, hashing), |&each| each == id);
                child.expect("each literal node is in the table").remove();
                self.nodes[parent].literals -= 1;
                self.levels.release(level, hashing);
            }
            id = parent;
        }
    }
}

impl Node {
    /// Has no children.
    pub(super) fn is_leaf(&self) -> bool {
        self.literals == 0 && self.plus == ROOT
    }

    fn is_empty(&self) -> bool {
        self.is_leaf() && self.here.is_empty() && self.below.is_empty()
    }
}

fn edge(parent: u32, level: u32, hashing: &Hashing) -> u64 {
    hashing.number(u64::from(parent) << 32 | u64::from(level))
}
