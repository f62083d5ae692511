//! mosquitto's file of permissions.

use super::pattern::Pattern;
use super::rule::{Action, Actions, Audience, Rule, RuleError, RuleFault};
use super::rules::{Groups, Rules};

/// Reads a file in mosquitto's form.
///
/// ```text
/// # before the first user: for clients without a user name
/// topic read public/#
/// user alice
/// topic readwrite alice/#
/// topic deny alice/secret
/// pattern write devices/%c/state
/// ```
///
/// As there, `topic` without an access means readwrite, `write` includes retained messages, and `pattern` is for everybody,
/// but not for clients whose identifier or user name has a `+` or `#`. What is refused to a user comes first, then what is
/// allowed, then the patterns in the same order; an empty file allows nothing. Other than there, a subscription of which
/// nothing is allowed is refused, a name with `/` makes no more levels of a pattern, and one with `$` at its beginning
/// does not lead to `$SYS`.
///
/// # Errors
/// The first line that cannot be read.
pub fn parse_mosquitto(source: &str, text: &str) -> Result<Rules, RuleError> {
    let mut rules = Vec::new();
    let mut audience = named(None);
    for (line, text) in (1..).zip(text.lines()) {
        let read = read(text.trim_ascii_end(), &mut audience);
        let read = read.map_err(|fault| RuleError { line, fault })?;
        rules.extend(read.map(|read| Rule { line, ..read }));
    }
    // a stable sort: lines of a kind stay in their order
    rules.sort_by_key(|rule| (rule.audience == Audience::Everyone, rule.allow));
    Ok(Rules::build(source, rules, &Groups::new(), true))
}

/// Reads one line: perhaps a rule, or another audience for those that follow.
fn read(line: &str, audience: &mut Audience) -> Result<Option<Rule>, RuleFault> {
    if line.starts_with('#') {
        return Ok(None);
    }
    let text = line.trim_start_matches(' ');
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let rest = rest.trim_ascii();
    match word {
        "" => Ok(None),
        "topic" => rule(text, rest, Pattern::literal, audience.clone()).map(Some),
        "pattern" => rule(text, rest, Pattern::new, Audience::Everyone).map(Some),
        "user" if rest.is_empty() => Err(RuleFault::UserMissing),
        "user" => {
            *audience = named(Some(rest));
            Ok(None)
        }
        word => Err(RuleFault::Word(word.into())),
    }
}

fn rule(
    text: &str,
    rest: &str,
    pattern: impl FnOnce(&str) -> Result<Pattern, super::PatternError>,
    audience: Audience,
) -> Result<Rule, RuleFault> {
    let read = Actions::default().and(Action::Subscribe);
    let write = Actions::default().and(Action::Publish).and(Action::Retain);
    let ((allow, actions), filter) = match rest.split_once(' ') {
        None if rest.is_empty() => return Err(RuleFault::TopicMissing),
        None => ((true, Actions::ALL), rest),
        Some(("read", filter)) => ((true, read), filter),
        Some(("write", filter)) => ((true, write), filter),
        Some(("readwrite", filter)) => ((true, Actions::ALL), filter),
        Some(("deny", filter)) => ((false, Actions::ALL), filter),
        Some((other, _)) => return Err(RuleFault::Access(other.into())),
    };
    let filter = filter.trim_ascii();
    let topic = pattern(filter).map_err(|error| RuleFault::pattern(filter, error))?;
    Ok(Rule { line: 0, allow, actions, audience, topics: vec![topic], text: Some(text.into()) })
}

fn named(user: Option<&str>) -> Audience {
    Audience::Named {
        anonymous: user.is_none(),
        users: user.map(Into::into).into_iter().collect(),
        groups: Vec::new(),
        clients: Vec::new(),
    }
}
