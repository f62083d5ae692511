//! The rules for one audience, by the levels of their filters.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::levels::Template;
use super::pattern::{Names, Pattern};
use super::rule::{Action, Rule};

/// For each action the number of the first rule that is about it; [`NONE`] if there is no such rule.
pub(super) type First = [u32; Action::ALL.len()];

/// No rule.
pub(super) const NONE: u32 = u32::MAX;

const ROOT: u32 = 0;

/// The first rules for every topic.
///
/// A path from the root spells the levels of filters. A topic is looked up along all paths that match it; their number
/// and depth are the operator's choice, not that of clients.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    children: HashTable<u32>,
    hasher: FixedState,
    rules: Box<[u32]>,
}

#[derive(Debug)]
struct Node {
    parent: u32,
    level: Box<str>,
    /// How many children are for one text each, and the first of them.
    literals: u32,
    only: u32,
    plus: u32,
    templates: Vec<(Template, u32)>,
    /// Of filters that end here.
    here: First,
    /// Of filters that go on with `#`: they match this level too.
    below: First,
}

impl Tree {
    /// The tree of the rules with these numbers, which rise.
    pub(super) fn new(rules: &[Rule], numbers: Vec<u32>) -> Self {
        let mut tree = Self {
            nodes: vec![Node::new(ROOT, "")],
            children: HashTable::new(),
            hasher: FixedState::with_seed(0),
            rules: numbers.into(),
        };
        for number in tree.rules.clone() {
            let Some(rule) = rules.get(number as usize) else { continue };
            rule.topics.iter().for_each(|topic| tree.insert(number, rule, topic));
        }
        tree
    }

    /// The numbers of the rules, rising.
    pub(super) fn rules(&self) -> &[u32] {
        &self.rules
    }

    /// Lowers `first` to the rules here that are about `topic`.
    pub(super) fn look_up(&self, topic: &str, names: Names<'_>, first: &mut First) {
        if self.nodes.len() > 1 || self.nodes[0].below != [NONE; 3] {
            self.visit(ROOT, Some(topic), names, topic.starts_with('$'), first);
        }
    }

    /// `hidden` at the root for a topic that begins with `$`. [MQTT-4.7.2-1]
    fn visit(&self, id: u32, rest: Option<&str>, names: Names<'_>, hidden: bool, first: &mut First) {
        let node = &self.nodes[id as usize];
        if !hidden {
            lower(first, &node.below);
        }
        let Some(rest) = rest else { return lower(first, &node.here) };
        if node.is_leaf() {
            return;
        }
        let (level, rest) = match rest.as_bytes().iter().position(|&byte| byte == b'/') {
            Some(end) => (&rest[..end], Some(&rest[end + 1..])),
            None => (rest, None),
        };
        if let Some(child) = self.literal(id, node, level) {
            self.visit(child, rest, names, false, first);
        }
        for (template, child) in &node.templates {
            if template.matches(level, names, hidden) {
                self.visit(*child, rest, names, false, first);
            }
        }
        if node.plus != ROOT && !hidden {
            self.visit(node.plus, rest, names, false, first);
        }
    }

    fn literal(&self, id: u32, node: &Node, level: &str) -> Option<u32> {
        match node.literals {
            0 => None,
            1 => (*self.nodes[node.only as usize].level == *level).then_some(node.only),
            _ => self.child(id, level),
        }
    }

    fn child(&self, parent: u32, level: &str) -> Option<u32> {
        let is_it = |node: &Node| node.parent == parent && *node.level == *level;
        self.children.find(self.hash(parent, level), |&id| is_it(&self.nodes[id as usize])).copied()
    }

    fn hash(&self, parent: u32, level: &str) -> u64 {
        self.hasher.hash_one((parent, level))
    }

    fn insert(&mut self, number: u32, rule: &Rule, topic: &Pattern) {
        let mut id = ROOT;
        for (level, template) in topic.levels() {
            id = match (level, template) {
                ("#", _) => return note(&mut self.nodes[id as usize].below, number, rule),
                ("+", _) => self.plus(id),
                (_, Some(template)) => self.template(id, template),
                (_, None) => self.grow(id, level),
            };
        }
        note(&mut self.nodes[id as usize].here, number, rule);
    }

    fn add(&mut self, parent: u32, level: &str) -> u32 {
        self.nodes.push(Node::new(parent, level));
        u32::try_from(self.nodes.len() - 1).expect("memory ends before the numbers do")
    }

    fn plus(&mut self, parent: u32) -> u32 {
        if self.nodes[parent as usize].plus == ROOT {
            self.nodes[parent as usize].plus = self.add(parent, "+");
        }
        self.nodes[parent as usize].plus
    }

    fn template(&mut self, parent: u32, template: Template) -> u32 {
        let known = self.nodes[parent as usize].templates.iter().find(|(known, _)| *known == template);
        if let Some((_, id)) = known {
            return *id;
        }
        let id = self.add(parent, "");
        self.nodes[parent as usize].templates.push((template, id));
        id
    }

    fn grow(&mut self, parent: u32, level: &str) -> u32 {
        if let Some(id) = self.child(parent, level) {
            return id;
        }
        let id = self.add(parent, level);
        let hash = self.hash(parent, level);
        let Self { nodes, children, hasher, .. } = self;
        let hash_of = |&id: &u32| hasher.hash_one((nodes[id as usize].parent, &*nodes[id as usize].level));
        children.insert_unique(hash, id, hash_of);
        let parent = &mut self.nodes[parent as usize];
        if parent.literals == 0 {
            parent.only = id;
        }
        parent.literals += 1;
        id
    }
}

impl Node {
    fn new(parent: u32, level: &str) -> Self {
        Self {
            parent,
            level: level.into(),
            literals: 0,
            only: ROOT,
            plus: ROOT,
            templates: Vec::new(),
            here: [NONE; 3],
            below: [NONE; 3],
        }
    }

    fn is_leaf(&self) -> bool {
        self.literals == 0 && self.plus == ROOT && self.templates.is_empty()
    }
}

#[inline]
fn lower(first: &mut First, found: &First) {
    for (first, found) in first.iter_mut().zip(found) {
        *first = (*first).min(*found);
    }
}

fn note(first: &mut First, number: u32, rule: &Rule) {
    for action in Action::ALL.into_iter().filter(|action| rule.actions.contains(*action)) {
        first[action as usize] = first[action as usize].min(number);
    }
}
