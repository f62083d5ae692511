//! Rules of permission, in TOML and in mosquitto's form.

use std::sync::Arc;

use mqtt_broker::config::parse_acl;
use mqtt_broker::core::User;
use mqtt_broker::core::access::{Action, ClientAccess, Extent, Rules};
use mqtt_codec::{Text, TopicFilterRef, TopicRef};

const NAMES: [&str; 6] = ["a", "", "a/b", "+", "#", "$SYS"];
const FILTERS: [&str; 8] = ["#", "+", "a/#", "a/+", "+/b", "$SYS/#", "a", "a/b/#"];
const TOPICS: [&str; 8] = ["a", "a/b", "a/b/c", "b", "b/b", "$SYS", "$SYS/a", "/"];

/// Filters and topics of the text that are asked about, beside those that are always.
const WORDS: usize = 6;

/// Finds rules whose parser fails other than by an error with a line of the text, that decide about topics which they do not
/// match, that say something else of a filter than of its topics, and that lead a client to topics below `$SYS` which no rule
/// names.
pub fn acl(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let rules = match parse_acl("acl", text) {
        Ok(rules) => Arc::new(rules),
        Err(error) => {
            let message = error.to_string();
            let line = message.strip_prefix("acl, line ").and_then(|rest| rest.split(':').next());
            let line: usize = line.and_then(|line| line.parse().ok()).unwrap_or_else(|| panic!("{message}"));
            assert!(line >= 1 && line <= text.split('\n').count(), "{message}");
            return;
        }
    };
    assert!(rules.restricts());
    let (filters, topics) = asked(text);
    for client_id in NAMES {
        for user_name in NAMES.map(Some).into_iter().chain([None]) {
            let text = |text: &str| Text::new(text).expect("a text");
            let user = User { name: user_name.map(text), ..User::default() };
            let access = rules.of(&text(client_id), Some(&Arc::new(user))).expect("rules that refuse");
            for topic in &topics {
                decided(&rules, &access, topic, [Some(client_id), user_name]);
            }
            for filter in &filters {
                let extent = access.may_subscribe(filter).extent;
                let filter = TopicFilterRef::new(filter).expect("a filter");
                for topic in &topics {
                    let allowed = access.may_receive(topic).allowed;
                    let matches = filter.matches(TopicRef::new(topic).expect("a topic"));
                    assert!(!matches || extent != Extent::Inside || allowed, "{filter} {topic}");
                    assert!(!matches || extent != Extent::Disjoint || !allowed, "{filter} {topic}");
                }
            }
            let below = access.may_receive("$SYS/a").allowed || access.may_publish("$SYS/a", false).allowed;
            assert!(!below || text_names_dollar(data), "{client_id} {user_name:?}");
        }
    }
}

/// What to ask about: what is always asked, and what the rules are about.
fn asked(text: &str) -> (Vec<String>, Vec<String>) {
    let words =
        text.split(['"', '\'', ' ', '\t', '\r', '\n']).filter(|word| word.contains('/') && word.len() < 100);
    let words: Vec<&str> = words.filter(|word| TopicFilterRef::new(word).is_ok()).take(WORDS).collect();
    let named = |word: &&str| word.replace("%c", "a").replace("%u", "a");
    let topics = words.iter().map(|word| named(word).replace('+', "a").replace('#', "a/b"));
    let topics =
        topics.filter(|topic| TopicRef::new(topic).is_ok()).chain(TOPICS.map(str::to_owned)).collect();
    (words.iter().map(named).chain(FILTERS.map(str::to_owned)).collect(), topics)
}

/// The rule that is said to decide is about the action and the topic, and says what was decided; and to retain is to publish.
fn decided(rules: &Rules, access: &ClientAccess, topic: &str, names: [Option<&str>; 2]) {
    for action in Action::ALL {
        let ruling = access.may(action, topic);
        let Some(rule) = ruling.rule.and_then(|id| rules.rule(id)) else {
            assert!(!ruling.allowed, "{action:?} {topic}");
            continue;
        };
        let is_about = |pattern: &str| {
            let filter = TopicFilterRef::new(pattern);
            filter.is_ok_and(|filter| filter.matches(TopicRef::new(topic).expect("a topic")))
        };
        let substituted = |pattern: &str| {
            let filter = pattern.replace("%c", names[0].unwrap_or("%c"));
            filter.replace("%u", names[1].unwrap_or("%u"))
        };
        let mut patterns = rule.topics.iter().map(|pattern| pattern.as_str());
        let matches = patterns.any(|pattern| is_about(pattern) || is_about(&substituted(pattern)));
        assert!(
            matches && rule.actions.contains(action) && rule.allow == ruling.allowed,
            "{action:?} {topic}"
        );
    }
    assert!(access.may_publish(topic, false).allowed || !access.may_publish(topic, true).allowed, "{topic}");
}

/// Whether a `$` stands in the text; in TOML it may be written as an escape.
fn text_names_dollar(data: &[u8]) -> bool {
    data.iter().any(|byte| matches!(byte, b'$' | b'\\'))
}
