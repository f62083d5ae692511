//! The rules for one audience, by the levels of their filters.

use std::hash::{BuildHasher, Hasher};

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
/// and depth are the operator's choice, not that of clients. A node is small, and what a look needs of it lies together:
/// the cost is in the memory that a topic leads to.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// The levels of all nodes, one after the other.
    texts: String,
    children: HashTable<u32>,
    templates: Vec<TemplateNode>,
    hasher: FixedState,
    rules: Box<[u32]>,
}

#[derive(Debug)]
struct Node {
    parent: u32,
    /// Where its level is among the texts.
    start: u32,
    end: u32,
    /// How many children are for one text each, and the first of them.
    literals: u32,
    only: u32,
    plus: u32,
    /// The first child for a template, or [`NONE`].
    template: u32,
    /// Of filters that end here.
    here: First,
    /// Of filters that go on with `#`: they match this level too.
    below: First,
}

/// A child for a template, and the next of the same parent.
#[derive(Debug)]
struct TemplateNode {
    template: Template,
    id: u32,
    next: u32,
}

/// A look at one topic.
struct Look<'a> {
    tree: &'a Tree,
    names: Names<'a>,
    first: &'a mut First,
}

impl Look<'_> {
    /// `hidden` at the root for a topic that begins with `$`. [MQTT-4.7.2-1]
    fn visit(&mut self, id: u32, rest: Option<&str>, hidden: bool) {
        let tree = self.tree;
        let node = &tree.nodes[id as usize];
        if !hidden {
            lower(self.first, &node.below);
        }
        let Some(rest) = rest else { return lower(self.first, &node.here) };
        if node.is_leaf() {
            return;
        }
        let (level, rest) = match rest.as_bytes().iter().position(|&byte| byte == b'/') {
            Some(end) => (&rest[..end], Some(&rest[end + 1..])),
            None => (rest, None),
        };
        if let Some(child) = tree.literal(id, node, level) {
            self.visit(child, rest, false);
        }
        let mut next = node.template;
        while let Some(TemplateNode { template, id, next: after }) = tree.templates.get(next as usize) {
            if template.matches(level, self.names, hidden) {
                self.visit(*id, rest, false);
            }
            next = *after;
        }
        if node.plus != ROOT && !hidden {
            self.visit(node.plus, rest, false);
        }
    }
}

impl Tree {
    /// The tree of the rules with these numbers, which rise.
    pub(super) fn new(rules: &[Rule], numbers: Vec<u32>) -> Self {
        let mut tree = Self {
            nodes: vec![Node::new(ROOT, 0, 0)],
            texts: String::new(),
            children: HashTable::new(),
            templates: Vec::new(),
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
    #[inline]
    pub(super) fn look_up(&self, topic: &str, names: Names<'_>, first: &mut First) {
        if !self.rules.is_empty() {
            Look { tree: self, names, first }.visit(ROOT, Some(topic), topic.starts_with('$'));
        }
    }

    fn literal(&self, id: u32, node: &Node, level: &str) -> Option<u32> {
        match node.literals {
            0 => None,
            1 => (self.level(node.only) == level).then_some(node.only),
            _ => self.child(id, level),
        }
    }

    fn level(&self, id: u32) -> &str {
        let Node { start, end, .. } = self.nodes[id as usize];
        &self.texts[start as usize..end as usize]
    }

    fn child(&self, parent: u32, level: &str) -> Option<u32> {
        let is_it = |&id: &u32| self.nodes[id as usize].parent == parent && self.level(id) == level;
        self.children.find(hash(&self.hasher, parent, level), is_it).copied()
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
        let start = number(self.texts.len());
        self.texts.push_str(level);
        self.nodes.push(Node::new(parent, start, number(self.texts.len())));
        number(self.nodes.len() - 1)
    }

    fn plus(&mut self, parent: u32) -> u32 {
        if self.nodes[parent as usize].plus == ROOT {
            self.nodes[parent as usize].plus = self.add(parent, "");
        }
        self.nodes[parent as usize].plus
    }

    fn template(&mut self, parent: u32, template: Template) -> u32 {
        let first = self.nodes[parent as usize].template;
        let mut next = first;
        while let Some(known) = self.templates.get(next as usize) {
            if known.template == template {
                return known.id;
            }
            next = known.next;
        }
        let id = self.add(parent, "");
        self.nodes[parent as usize].template = number(self.templates.len());
        self.templates.push(TemplateNode { template, id, next: first });
        id
    }

    fn grow(&mut self, parent: u32, level: &str) -> u32 {
        if let Some(id) = self.child(parent, level) {
            return id;
        }
        let id = self.add(parent, level);
        let Self { nodes, texts, children, hasher, .. } = self;
        let hash_of = |&id: &u32| {
            let Node { parent, start, end, .. } = nodes[id as usize];
            hash(hasher, parent, &texts[start as usize..end as usize])
        };
        children.insert_unique(hash(hasher, parent, level), id, hash_of);
        let parent = &mut self.nodes[parent as usize];
        if parent.literals == 0 {
            parent.only = id;
        }
        parent.literals += 1;
        id
    }
}

impl Node {
    const fn new(parent: u32, start: u32, end: u32) -> Self {
        let (here, below) = ([NONE; 3], [NONE; 3]);
        Self { parent, start, end, literals: 0, only: ROOT, plus: ROOT, template: NONE, here, below }
    }

    const fn is_leaf(&self) -> bool {
        self.literals == 0 && self.plus == ROOT && self.template == NONE
    }
}

fn hash(hasher: &FixedState, parent: u32, level: &str) -> u64 {
    let mut state = hasher.build_hasher();
    state.write_u32(parent);
    state.write(level.as_bytes());
    state.finish()
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("a file of rules is smaller than 4 GiB")
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
