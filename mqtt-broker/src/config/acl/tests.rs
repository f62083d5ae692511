//! Rules in TOML: what they mean, and what is told of those that mean nothing.

use std::sync::Arc;

use mqtt_codec::Text;

use super::{RefusedPublish, parse_acl};
use crate::config::Config;
use crate::core::User;
use crate::core::access::{Action, Rules};

const RULES: &str = r##"# who lives here
[groups]
operators = ["ann"]
displays = []

[[rule]]
deny = "all"
topics = ["secret/#"]

[[rule]]
allow = ["publish", "retain"]
topics = [
    "devices/%c/#",
    "users/%u/#",
]

[[rule]]
allow = ["subscribe"]
topics = ["#"]
groups = ["operators", "displays"]
anonymous = false
"##;

/// What an unknown client with this user name may do.
fn may(rules: Rules, user_name: &str, action: Action, topic: &str) -> (bool, Option<usize>) {
    let text = |text: &str| Text::new(text).expect("a text");
    let user = User { name: Some(text(user_name)), ..User::default() };
    let rules = Arc::new(rules);
    let ruling = rules.of(&text("c"), Some(&Arc::new(user))).expect("rules that refuse").may(action, topic);
    (ruling.allowed, ruling.rule.and_then(|id| rules.rule(id)).map(|rule| rule.line))
}

#[test]
fn rules_are_asked_in_their_order_and_known_by_their_lines() {
    for (user, action, topic, expected) in [
        ("ann", Action::Subscribe, "a", (true, Some(17))),
        ("ann", Action::Subscribe, "secret/a", (false, Some(6))),
        ("ann", Action::Publish, "a", (false, None)),
        ("bob", Action::Subscribe, "a", (false, None)),
        ("bob", Action::Retain, "users/bob/a", (true, Some(10))),
        ("bob", Action::Publish, "devices/c/a", (true, Some(10))),
        ("bob", Action::Publish, "devices/d/a", (false, None)),
    ] {
        let rules = parse_acl("acl", RULES).expect("rules");
        assert_eq!(may(rules, user, action, topic), expected, "{user} {action:?} {topic}");
    }
}

#[test]
fn a_configuration_has_the_same_rules_in_its_own_table() {
    let text = RULES.replace("[groups]", "[acl.groups]").replace("[[rule]]", "[[acl.rule]]");
    let text = format!("[acl]\nrefused_publish = \"disconnect\"\n{text}");
    let config: Config = text.parse().expect("a configuration");
    assert_eq!(config.acl.refused_publish, RefusedPublish::Disconnect);
    assert_eq!(config.acl.groups.len(), 2);
    let rules = config.rules("configuration").expect("rules");
    assert_eq!((rules.len(), rules.source()), (3, "configuration"));
    assert_eq!(may(rules, "bob", Action::Subscribe, "secret/a"), (false, Some(8)));
    assert!(!Config::default().rules("").expect("no rules").restricts());
}

#[test]
fn a_file_is_mosquittos_unless_it_begins_with_a_table_or_a_key() {
    for (text, rules) in [
        ("# a\n\n[[rule]]\nallow = \"all\"\ntopics = [\"a\"]\n", 1),
        ("rule = [{ allow = \"all\", topics = [\"a\"] }]", 1),
        ("# [[rule]]\ntopic a=b\npattern %u=%c\n", 2),
        ("user a = b\n", 0),
        ("", 0),
        ("[groups]\n", 0),
    ] {
        let parsed = parse_acl("acl", text).expect(text);
        assert_eq!(parsed.len(), rules, "{text}");
        assert!(parsed.restricts(), "{text}");
    }
}

#[test]
fn mistakes_are_told_with_their_line() {
    let rule = |lines: &str| format!("[groups]\ng = []\n[[rule]]\n{lines}\n");
    for (text, message) in [
        (rule("topics = [\"a\"]"), "acl, line 3: a rule needs allow or deny, with a list of actions"),
        (
            rule("allow = \"all\"\ndeny = \"all\"\ntopics = [\"a\"]"),
            "acl, line 3: a rule has allow or deny, not both: make two of it",
        ),
        (rule("allow = \"all\""), "acl, line 3: missing field `topics`"),
        (
            rule("allow = \"all\"\ntopics = []"),
            "acl, line 3: topics is empty, so the rule is about nothing: \"#\" is every topic",
        ),
        (
            rule("allow = []\ntopics = [\"a\"]"),
            "acl, line 4: the list is empty, so the rule is about nothing: \"all\" is every action",
        ),
        (
            rule("allow = [\"read\"]\ntopics = [\"a\"]"),
            "acl, line 4: unknown variant `read`, expected one of `publish`, `subscribe`, `retain`",
        ),
        (
            rule("allow = \"al\"\ntopics = [\"a\"]"),
            "acl, line 4: invalid value: string \"al\", expected \"all\", or a list of \"publish\", \"subscribe\" and \"retain\"",
        ),
        (
            rule("allow = \"all\"\ntopics = [\"a\"]\ngroups = [\"h\"]"),
            "acl, line 3: there is no group \"h\": add it to [groups], as h = [] if only tokens name its members",
        ),
        (
            rule("allow = \"all\"\ntopics = [\"$share/g/a\"]"),
            "acl, line 3: \"$share/g/a\" names a shared subscription: name only the filter in it, rules hold for both",
        ),
        (
            "tpoic a\n".to_owned(),
            "acl, line 1: \"tpoic\" begins no rule: a line is a comment (#), or begins with user, topic or pattern",
        ),
    ] {
        assert_eq!(parse_acl("acl", &text).expect_err(&text).to_string(), message);
    }
    let text = rule("allow = \"all\"\ntopics = [\n  \"a\",\n  \"a#\"]");
    let message = parse_acl("acl", &text).expect_err("no filter").to_string();
    assert!(message.starts_with("acl, line 5: \"a#\" is no topic filter: "), "{message}");
    let text = rule("allow = \"all\"\ntopics = [\"a\"]\nuser = [\"a\"]");
    let message = parse_acl("acl", &text).expect_err("no such key").to_string();
    assert!(message.starts_with("acl, line 6: unknown field `user`"), "{message}");
}
