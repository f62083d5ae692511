//! Rules as TOML, and the choice between that and mosquitto's form.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use thiserror::Error;
use toml::Spanned;

use super::{AclSettings, RefusedPublish};
use crate::config::file::{SyntaxError, line_of};
use crate::config::{Config, Place};
use crate::core::access::{Action, Actions, Audience, Pattern, Rule, RuleError, Rules, parse_mosquitto};
use crate::files;

/// Why there are no rules to go by.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AclError {
    /// There are two places for rules, and nothing says which come first.
    #[error("rules stand in [[acl.rule]] and in the file that auth.acl_file names: keep them in one place")]
    Both,
    /// The file cannot be read.
    #[error("cannot read the rules {}: {error}; they are a file in TOML, or as mosquitto has it", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A rule cannot be.
    #[error("{from}, {error}")]
    Rule {
        /// Where the rules are from.
        from: Box<str>,
        /// What is wrong.
        error: RuleError,
    },
    /// The TOML cannot be understood.
    #[error("{from}, {error}")]
    Syntax {
        /// Where the rules are from.
        from: Box<str>,
        /// What is wrong.
        error: SyntaxError,
    },
}

impl AclError {
    /// The setting to look at; none if the message names a line.
    pub const fn place(&self) -> Option<Place> {
        match self {
            Self::Both | Self::Read { .. } => Some(Place::setting("auth.acl_file")),
            Self::Rule { .. } | Self::Syntax { .. } => None,
        }
    }
}

impl Config {
    /// The rules of permission that the configuration holds, or that stand in the file that it names. `from` is what the
    /// configuration was read from, for messages.
    ///
    /// # Errors
    /// What keeps them from being used.
    pub fn rules(&self, from: &str) -> Result<Rules, AclError> {
        let AclSettings { rules, groups, .. } = &self.acl;
        let Some(path) = &self.auth.acl_file else {
            if rules.is_empty() {
                return Ok(Rules::open());
            }
            let built = Rules::new(from, rules.clone(), groups);
            return built.map_err(|error| AclError::Rule { from: from.into(), error });
        };
        if !rules.is_empty() {
            return Err(AclError::Both);
        }
        let text =
            files::read_to_string(path).map_err(|error| AclError::Read { path: path.clone(), error })?;
        parse_acl(&path.display().to_string(), &text)
    }
}

/// Reads a file of rules: TOML if it begins with a table or a key, else mosquitto's form. A file without rules allows
/// nothing.
///
/// # Errors
/// The first thing in it that cannot be, with its line.
pub fn parse_acl(from: &str, text: &str) -> Result<Rules, AclError> {
    let rule_error = |error| AclError::Rule { from: from.into(), error };
    if !is_toml(text) {
        return parse_mosquitto(from, text).map_err(rule_error);
    }
    let table: FileTable = toml::from_str(text)
        .map_err(|error| AclError::Syntax { from: from.into(), error: SyntaxError::new(text, &error) })?;
    let mut rules = table.rules.into_iter().map(RuleTable::into_rule).collect::<Vec<_>>();
    rules.iter_mut().for_each(|rule| rule.line = line_of(text, rule.line));
    Rules::new(from, rules, &table.groups).map_err(rule_error)
}

/// Whether the first line that says something is a table's or a key's.
fn is_toml(text: &str) -> bool {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let is_key = |key: &str| !key.trim().is_empty() && !key.trim().contains(' ');
    line.is_some_and(|line| line.starts_with('[') || line.split_once('=').is_some_and(|(key, _)| is_key(key)))
}

/// A file of rules.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct FileTable {
    #[serde(default)]
    groups: BTreeMap<Box<str>, Vec<Box<str>>>,
    #[serde(default, rename = "rule")]
    rules: Vec<Spanned<RuleTable>>,
}

/// The same in a configuration, with what else is set there.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct AclTable {
    #[serde(default)]
    refused_publish: RefusedPublishText,
    #[serde(default)]
    groups: BTreeMap<Box<str>, Vec<Box<str>>>,
    #[serde(default, rename = "rule")]
    rules: Vec<Spanned<RuleTable>>,
}

#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum RefusedPublishText {
    #[default]
    Drop,
    Disconnect,
}

/// Reads the table `[acl]`. The line of a rule is the byte at which it begins, until the text is there to count lines.
pub(in crate::config) fn settings<'de, D: Deserializer<'de>>(input: D) -> Result<AclSettings, D::Error> {
    let AclTable { refused_publish, groups, rules } = AclTable::deserialize(input)?;
    let refused_publish = match refused_publish {
        RefusedPublishText::Drop => RefusedPublish::Drop,
        RefusedPublishText::Disconnect => RefusedPublish::Disconnect,
    };
    let rules = rules.into_iter().map(RuleTable::into_rule).collect();
    Ok(AclSettings { refused_publish, rules, groups })
}

/// A rule, with what is not in the text left out.
struct RuleTable {
    allow: bool,
    actions: Actions,
    topics: Vec<Pattern>,
    audience: Audience,
}

impl RuleTable {
    fn into_rule(rule: Spanned<Self>) -> Rule {
        let line = rule.span().start;
        let Self { allow, actions, topics, audience } = rule.into_inner();
        Rule { line, allow, actions, audience, topics, text: None }
    }
}

/// A rule as it is written.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    allow: Option<ActionsText>,
    deny: Option<ActionsText>,
    topics: Vec<PatternText>,
    users: Option<Vec<Box<str>>>,
    groups: Option<Vec<Box<str>>>,
    clients: Option<Vec<Box<str>>>,
    anonymous: Option<bool>,
}

impl<'de> Deserialize<'de> for RuleTable {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let RuleText { allow, deny, topics, users, groups, clients, anonymous } =
            RuleText::deserialize(input)?;
        let (allow, ActionsText(actions)) = match (allow, deny) {
            (Some(actions), None) => (true, actions),
            (None, Some(actions)) => (false, actions),
            (Some(_), Some(_)) => {
                return Err(de::Error::custom("a rule has allow or deny, not both: make two of it"));
            }
            (None, None) => {
                return Err(de::Error::custom("a rule needs allow or deny, with a list of actions"));
            }
        };
        if topics.is_empty() {
            let message = "topics is empty, so the rule is about nothing: \"#\" is every topic";
            return Err(de::Error::custom(message));
        }
        let is_everyone = users.is_none() && groups.is_none() && clients.is_none() && anonymous.is_none();
        let audience = if is_everyone {
            Audience::Everyone
        } else {
            Audience::Named {
                anonymous: anonymous.unwrap_or_default(),
                users: users.unwrap_or_default(),
                groups: groups.unwrap_or_default(),
                clients: clients.unwrap_or_default(),
            }
        };
        Ok(Self { allow, actions, topics: topics.into_iter().map(|topic| topic.0).collect(), audience })
    }
}

/// `"all"`, or a list of actions.
struct ActionsText(Actions);

impl<'de> Deserialize<'de> for ActionsText {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(ActionsVisitor).map(Self)
    }
}

struct ActionsVisitor;

impl<'de> Visitor<'de> for ActionsVisitor {
    type Value = Actions;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"all\", or a list of \"publish\", \"subscribe\" and \"retain\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Actions, E> {
        if text == "all" { Ok(Actions::ALL) } else { Err(E::invalid_value(de::Unexpected::Str(text), &self)) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Actions, A::Error> {
        let mut actions = Actions::default();
        while let Some(text) = list.next_element::<String>()? {
            let action = Action::ALL.into_iter().find(|action| action.name() == text);
            let action = action
                .ok_or_else(|| de::Error::unknown_variant(&text, &["publish", "subscribe", "retain"]))?;
            actions = actions.and(action);
        }
        if actions == Actions::default() {
            return Err(de::Error::custom(
                "the list is empty, so the rule is about nothing: \"all\" is every action",
            ));
        }
        Ok(actions)
    }
}

struct PatternText(Pattern);

impl<'de> Deserialize<'de> for PatternText {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        let pattern = Pattern::new(&text);
        pattern
            .map(Self)
            .map_err(|error| de::Error::custom(format_args!("\"{text}\" is no topic filter: {error}")))
    }
}
