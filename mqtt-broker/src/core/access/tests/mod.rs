//! Rules as operators write them, and what must hold for any.

mod mosquitto;
mod relation;
mod rulings;
mod who;

use std::collections::BTreeMap;
use std::sync::Arc;

use mqtt_codec::Text;

use super::{Actions, Audience, ClientAccess, Pattern, Rule, RuleError, Rules};
use crate::core::User;

/// A rule for everyone and every action, on line 1.
fn rule(allow: bool, topics: &[&str]) -> Rule {
    Rule {
        line: 1,
        allow,
        actions: Actions::ALL,
        audience: Audience::Everyone,
        topics: topics.iter().map(|topic| Pattern::new(topic).expect("a filter")).collect(),
        text: None,
    }
}

fn rules(rules: Vec<Rule>) -> Arc<Rules> {
    Arc::new(Rules::new("a test", rules, &BTreeMap::new()).expect("groups that exist"))
}

fn text(text: &str) -> Text {
    Text::new(text).expect("a text")
}

fn user(name: Option<&str>, groups: &[&str]) -> Arc<User> {
    Arc::new(User {
        name: name.map(text),
        groups: groups.iter().map(|group| text(group)).collect(),
        permissions: None,
    })
}

/// What the rules say of a client.
fn access(rules: &Arc<Rules>, client_id: &str, user_name: Option<&str>) -> ClientAccess {
    rules.of(&text(client_id), Some(&user(user_name, &[]))).expect("rules that refuse something")
}

fn mosquitto(text: &str) -> Result<Arc<Rules>, RuleError> {
    super::parse_mosquitto("acl", text).map(Arc::new)
}

/// Matching as the standard tells it, for a topic that may be empty.
fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let filter: Vec<&str> = filter.split('/').collect();
    let topic: Vec<&str> = topic.split('/').collect();
    let (fixed, more) = match filter.split_last() {
        Some((&"#", fixed)) => (fixed, true),
        _ => (&filter[..], false),
    };
    let long_enough = if more { topic.len() >= fixed.len() } else { topic.len() == fixed.len() };
    long_enough && fixed.iter().zip(&topic).all(|(level, text)| *level == "+" || level == text)
}

/// All texts of one to `depth` of these levels.
fn texts(levels: &[&str], depth: usize) -> Vec<String> {
    let mut all: Vec<String> = levels.iter().map(|level| (*level).to_owned()).collect();
    let mut start = 0;
    for _ in 1..depth {
        let end = all.len();
        for index in start..end {
            all.extend(levels.iter().map(|level| format!("{}/{level}", all[index])).collect::<Vec<_>>());
        }
        start = end;
    }
    all
}

/// Topics of up to four levels, one of which is in no filter of a test.
fn topics() -> Vec<String> {
    texts(&["", "a", "b", "$x", "z"], 4)
}

/// Filters of up to three levels.
fn filters() -> Vec<String> {
    let plain = texts(&["", "a", "b", "$x", "+"], 3);
    let two = texts(&["", "a", "b", "$x", "+"], 2);
    let more = two.iter().map(|filter| format!("{filter}/#"));
    plain.iter().filter(|filter| !filter.is_empty()).cloned().chain(more).chain(["#".to_owned()]).collect()
}
