//! Rules of permission, in TOML and in mosquitto's form.

use std::sync::Arc;

use mqtt_broker::config::parse_acl;
use mqtt_broker::core::User;
use mqtt_broker::core::access::Extent;
use mqtt_codec::{Text, TopicFilterRef, TopicRef};

const NAMES: [&str; 6] = ["a", "", "a/b", "+", "#", "$SYS"];
const FILTERS: [&str; 8] = ["#", "+", "a/#", "a/+", "+/b", "$SYS/#", "a", "a/b/#"];
const TOPICS: [&str; 8] = ["a", "a/b", "a/b/c", "b", "b/b", "$SYS", "$SYS/a", "/"];

/// Finds rules whose parser fails other than by an error with a line of the text, that say something else of a filter than
/// of its topics, and that lead a client to topics below `$SYS` which no rule names.
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
    for client_id in NAMES {
        for user_name in NAMES.map(Some).into_iter().chain([None]) {
            let text = |text: &str| Text::new(text).expect("a text");
            let user = User { name: user_name.map(text), ..User::default() };
            let access = rules.of(&text(client_id), Some(&Arc::new(user))).expect("rules that refuse");
            for filter in FILTERS {
                let extent = access.may_subscribe(filter).extent;
                let filter = TopicFilterRef::new(filter).expect("a filter");
                for topic in TOPICS.map(|topic| TopicRef::new(topic).expect("a topic")) {
                    let allowed = access.may_receive(topic.as_str()).allowed;
                    let matches = filter.matches(topic);
                    assert!(!matches || extent != Extent::Inside || allowed, "{filter} {}", topic.as_str());
                    assert!(
                        !matches || extent != Extent::Disjoint || !allowed,
                        "{filter} {}",
                        topic.as_str()
                    );
                }
            }
            let below = access.may_receive("$SYS/a").allowed || access.may_publish("$SYS/a", false).allowed;
            assert!(!below || text_names_dollar(data), "{client_id} {user_name:?}");
        }
    }
}

/// Whether a `$` stands in the text; in TOML it may be written as an escape.
fn text_names_dollar(data: &[u8]) -> bool {
    data.iter().any(|byte| matches!(byte, b'$' | b'\\'))
}
