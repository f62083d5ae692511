//! All rules, and which of them are about a client.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use mqtt_codec::Text;

use super::client::ClientAccess;
use super::evidence::Evidence;
use super::pattern::Pattern;
use super::rule::{Audience, Rule, RuleError, RuleFault};
use super::tree::Tree;
use crate::core::User;

/// Names a rule among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RuleId(pub(super) u32);

/// Groups with the user names of their members.
pub(super) type Groups = BTreeMap<Box<str>, Vec<Box<str>>>;

/// The rules of a broker; immutable, shared by all clients.
#[derive(Debug)]
pub struct Rules {
    /// What the rules were read from, for messages.
    source: Box<str>,
    /// Whether anything is refused at all.
    restricts: bool,
    rules: Box<[Rule]>,
    everyone: Arc<Tree>,
    /// Whether rules for everyone are for those only whose names have no wildcard: so it is in mosquitto's files.
    plain_names: bool,
    /// The rules of each other audience.
    named: Vec<Arc<Tree>>,
    anonymous: Vec<u32>,
    by_user: Index,
    by_group: Index,
    by_client: Index,
    /// Trees for clients that belong to several audiences, as long as there is such a client.
    merged: Mutex<HashMap<Box<[u32]>, Weak<Tree>>>,
}

/// From a name to the numbers of the audiences in which it is.
type Index = HashMap<Box<str>, Vec<u32>>;

/// Merged trees beyond which those that nobody uses any more are looked for.
const MERGED: usize = 64;

impl Rules {
    /// Everything is allowed.
    pub fn open() -> Self {
        let rules = Self::build("", Vec::new(), &Groups::new(), false);
        Self { restricts: false, ..rules }
    }

    /// What these rules do not allow is refused: with none at all, everything. `source` is what they were read from.
    ///
    /// # Errors
    /// The first rule that names a group which is not in `groups`, or a Shared Subscription.
    pub fn new(
        source: &str,
        rules: Vec<Rule>,
        groups: &BTreeMap<Box<str>, Vec<Box<str>>>,
    ) -> Result<Self, RuleError> {
        for rule in &rules {
            if let Some(fault) = fault(rule, groups) {
                return Err(RuleError { line: rule.line, fault });
            }
        }
        Ok(Self::build(source, rules, groups, false))
    }

    pub(super) fn build(source: &str, rules: Vec<Rule>, groups: &Groups, plain_names: bool) -> Self {
        let mut audiences: Vec<(&Audience, Vec<u32>)> = Vec::new();
        let mut known: HashMap<&Audience, usize> = HashMap::new();
        for (number, rule) in (0..).zip(&rules) {
            let place = *known.entry(&rule.audience).or_insert_with(|| {
                audiences.push((&rule.audience, Vec::new()));
                audiences.len() - 1
            });
            audiences[place].1.push(number);
        }
        let mut built = Self {
            source: source.into(),
            restricts: true,
            everyone: Arc::new(Tree::new(&[], Vec::new())),
            rules: Box::default(),
            plain_names,
            named: Vec::new(),
            anonymous: Vec::new(),
            by_user: Index::new(),
            by_group: Index::new(),
            by_client: Index::new(),
            merged: Mutex::default(),
        };
        for (audience, numbers) in audiences {
            built.add(audience, Arc::new(Tree::new(&rules, numbers)), groups);
        }
        built.rules = rules.into();
        built
    }

    fn add(&mut self, audience: &Audience, tree: Arc<Tree>, members: &Groups) {
        let Audience::Named { anonymous, users, groups, clients } = audience else {
            self.everyone = tree;
            return;
        };
        let number = u32::try_from(self.named.len()).expect("memory ends before the numbers do");
        self.named.push(tree);
        self.anonymous.extend(anonymous.then_some(number));
        let members = groups.iter().filter_map(|group| members.get(group)).flatten();
        for (index, names) in [
            (&mut self.by_user, users.iter().chain(members).collect::<Vec<_>>()),
            (&mut self.by_group, groups.iter().collect()),
            (&mut self.by_client, clients.iter().collect()),
        ] {
            names.into_iter().for_each(|name| index.entry(name.clone()).or_default().push(number));
        }
    }

    /// What a client may do; `None` if neither the rules nor its own evidence restrict it.
    pub fn of(self: &Arc<Self>, client_id: &Text, user: Option<&Arc<User>>) -> Option<ClientAccess> {
        let permissions = user.and_then(|user| user.permissions.as_ref());
        if !self.restricts && permissions.is_none() {
            return None;
        }
        let user_name = user.and_then(|user| user.name.as_deref());
        let groups = user.map(|user| user.groups.as_slice()).unwrap_or_default();
        let mut audiences: Vec<u32> = match user_name {
            Some(name) => self.by_user.get(name).cloned().unwrap_or_default(),
            None => self.anonymous.clone(),
        };
        audiences.extend(groups.iter().filter_map(|group| self.by_group.get(&**group)).flatten());
        audiences.extend(self.by_client.get(&**client_id).into_iter().flatten());
        audiences.sort_unstable();
        audiences.dedup();
        let is_plain = |name: &str| !name.contains(['+', '#']);
        let general = !self.plain_names || (is_plain(client_id) && user_name.is_none_or(is_plain));
        Some(ClientAccess {
            rules: Arc::clone(self),
            general,
            own: self.tree(audiences),
            evidence: permissions.map(|permissions| Arc::new(Evidence::new(permissions))),
            client_id: client_id.clone(),
            user: user.cloned(),
        })
    }

    /// The tree of several audiences, which those who belong to the same share.
    fn tree(&self, audiences: Vec<u32>) -> Option<Arc<Tree>> {
        let mut trees = audiences.iter().filter_map(|number| self.named.get(*number as usize));
        if audiences.len() < 2 {
            return trees.next().cloned();
        }
        let mut merged = self.merged.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tree) = merged.get(&*audiences).and_then(Weak::upgrade) {
            return Some(tree);
        }
        let mut numbers: Vec<u32> = trees.flat_map(|tree| tree.rules()).copied().collect();
        numbers.sort_unstable();
        let tree = Arc::new(Tree::new(&self.rules, numbers));
        if merged.len() >= MERGED && merged.len() == merged.capacity() {
            merged.retain(|_, tree| tree.strong_count() > 0);
        }
        merged.insert(audiences.into(), Arc::downgrade(&tree));
        Some(tree)
    }

    pub(super) fn everyone(&self) -> &Tree {
        &self.everyone
    }

    /// Whether there is anything that somebody may not do.
    pub const fn restricts(&self) -> bool {
        self.restricts
    }

    /// A rule that has decided something.
    pub fn rule(&self, id: RuleId) -> Option<&Rule> {
        self.rules.get(id.0 as usize)
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    #[cfg(test)]
    pub(super) fn merged_trees(&self) -> usize {
        self.merged.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// A rule with the place at which it stands: `acl.toml:3: allow publish on a/# for user ann`. None for no rule.
    pub fn citation(&self, id: Option<RuleId>) -> Option<String> {
        let rule = self.rule(id?)?;
        Some(format!("{}:{}: {rule}", self.source, rule.line))
    }

    /// What the rules were read from.
    pub fn source(&self) -> &str {
        &self.source
    }
}

fn fault(rule: &Rule, groups: &Groups) -> Option<RuleFault> {
    if let Audience::Named { groups: named, .. } = &rule.audience
        && let Some(unknown) = named.iter().find(|name| !groups.contains_key(*name))
    {
        return Some(RuleFault::Group(unknown.clone()));
    }
    let is_shared = |topic: &&Pattern| topic.as_str() == "$share" || topic.as_str().starts_with("$share/");
    rule.topics.iter().find(is_shared).map(|topic| RuleFault::Shared(topic.as_str().into()))
}
