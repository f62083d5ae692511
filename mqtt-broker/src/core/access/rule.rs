//! One rule: who may, or may not, do what, and where.

use std::fmt;

use thiserror::Error;

use super::pattern::{Pattern, PatternError};

/// What a client wants to do with a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Publish to it.
    Publish,
    /// Subscribe to it, and receive what is published to it.
    Subscribe,
    /// Set or remove its retained message; that needs [`Action::Publish`] as well.
    Retain,
}

impl Action {
    /// All actions, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Publish, Self::Subscribe, Self::Retain];

    /// The word for it in rules and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
            Self::Retain => "retain",
        }
    }
}

/// Some actions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Actions(u8);

impl Actions {
    /// Every action.
    pub const ALL: Self = Self(7);

    /// Whether `action` is one of them.
    pub const fn contains(self, action: Action) -> bool {
        self.0 & (1 << action as u8) != 0
    }

    /// These and one more.
    #[must_use]
    pub const fn and(self, action: Action) -> Self {
        Self(self.0 | (1 << action as u8))
    }
}

/// Whom a rule is about: everybody who is named in one way or another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Every client.
    Everyone,
    /// Those named here, in any of these ways.
    Named {
        /// Clients without a user name.
        anonymous: bool,
        /// User names.
        users: Vec<Box<str>>,
        /// Groups that the user belongs to.
        groups: Vec<Box<str>>,
        /// Client identifiers.
        clients: Vec<Box<str>>,
    },
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The line on which it begins, counted from 1.
    pub line: usize,
    /// Whether it allows or refuses.
    pub allow: bool,
    /// What.
    pub actions: Actions,
    /// To whom.
    pub audience: Audience,
    /// With which topics.
    pub topics: Vec<Pattern>,
    /// The line of a file whose rules are lines; else the rule is told in words.
    pub text: Option<Box<str>>,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = &self.text {
            return f.write_str(text);
        }
        let actions = Action::ALL.into_iter().filter(|action| self.actions.contains(*action));
        f.write_str(if self.allow { "allow " } else { "deny " })?;
        list(f, actions.map(Action::name))?;
        f.write_str(" on ")?;
        list(f, self.topics.iter().map(Pattern::as_str))?;
        let Audience::Named { anonymous, users, groups, clients } = &self.audience else {
            return f.write_str(" for everyone");
        };
        f.write_str(" for ")?;
        let anonymous = anonymous.then(|| "anonymous clients".to_owned());
        let names = [("user", users), ("group", groups), ("client", clients)];
        let names =
            names.into_iter().flat_map(|(kind, all)| all.iter().map(move |name| format!("{kind} {name}")));
        list(f, anonymous.into_iter().chain(names))
    }
}

fn list(f: &mut fmt::Formatter<'_>, items: impl Iterator<Item = impl fmt::Display>) -> fmt::Result {
    for (index, item) in items.enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(f, "{comma}{item}")?;
    }
    Ok(())
}

/// What is wrong with a text of rules, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {fault}")]
pub struct RuleError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub fault: RuleFault,
}

/// What can be wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RuleFault {
    /// An access that does not exist.
    #[error(
        "\"{0}\" is no access: write read, write, readwrite or deny before the topic, or nothing for readwrite"
    )]
    Access(Box<str>),
    /// A group that nobody has heard of.
    #[error("there is no group \"{0}\": add it to [groups], as {0} = [] if only tokens name its members")]
    Group(Box<str>),
    /// A filter that is none.
    #[error("\"{filter}\" is no topic filter: {error}")]
    Pattern {
        /// The text.
        filter: Box<str>,
        /// Why.
        error: PatternError,
    },
    /// A Shared Subscription.
    #[error("\"{0}\" names a shared subscription: name only the filter in it, rules hold for both")]
    Shared(Box<str>),
    /// `topic` or `pattern` with nothing behind it.
    #[error("a topic is missing")]
    TopicMissing,
    /// `user` with nothing behind it.
    #[error("a user name is missing")]
    UserMissing,
    /// A line that begins otherwise.
    #[error("\"{0}\" begins no rule: a line is a comment (#), or begins with user, topic or pattern")]
    Word(Box<str>),
}

impl RuleFault {
    pub(super) fn pattern(filter: &str, error: PatternError) -> Self {
        Self::Pattern { filter: filter.into(), error }
    }
}
