//! mosquitto's files: how they are read, and what is wrong with others.

use super::super::{Extent, Pattern, PatternError, RuleError, RuleFault};
use super::{access, mosquitto};

const FILE: &str = "\
# comment

topic read public/#
topic deny public/secret
user alice
topic alice/#
topic write in box/+
topic  deny   alice/secret
topic deny %c
user bob smith
topic read news
pattern write devices/%c/state
pattern deny devices/%c/state/x
pattern read %u/mail
";

#[test]
fn users_have_their_lines_and_patterns_are_for_everybody() {
    let rules = mosquitto(FILE).expect("a file");
    for (user, topic, publish, receive) in [
        (None, "public/a", false, true),
        (None, "public/secret", false, false),
        (None, "alice/a", false, false),
        (Some("alice"), "public/a", false, false),
        (Some("alice"), "alice/a", true, true),
        (Some("alice"), "alice/secret", false, false),
        (Some("alice"), "in box/a", true, false),
        (Some("alice"), "alice/mail", true, true),
        (Some("bob smith"), "news", false, true),
        (Some("bob smith"), "bob smith/mail", false, true),
        (Some("bob"), "news", false, false),
        (Some("bob"), "devices/c/state", true, false),
        (Some("bob"), "devices/d/state", false, false),
        (Some("bob"), "%c", false, false),
    ] {
        let access = access(&rules, "c", user);
        assert_eq!(access.may_publish(topic, false).allowed, publish, "{user:?} publishes to {topic}");
        assert_eq!(access.may_publish(topic, true).allowed, publish, "{user:?} retains {topic}");
        assert_eq!(access.may_receive(topic).allowed, receive, "{user:?} receives {topic}");
    }
}

#[test]
fn refusals_come_first_wherever_they_stand() {
    let text = "user u\ntopic a/#\ntopic deny a/b\npattern deny a/#\npattern b/#\npattern deny b/%c\n";
    let access = access(&mosquitto(text).expect("a file"), "c", Some("u"));
    assert!(access.may_receive("a/c").allowed, "the user's own lines come before patterns");
    assert!(!access.may_receive("a/b").allowed);
    assert!(access.may_receive("b/d").allowed);
    assert!(!access.may_receive("b/c").allowed);
    assert_eq!(access.may_subscribe("a/#").extent, Extent::Overlaps);
}

#[test]
fn patterns_are_not_for_names_with_wildcards() {
    let rules = mosquitto("user u+\ntopic a\npattern read b\n").expect("a file");
    assert!(access(&rules, "c", Some("v")).may_receive("b").allowed);
    for (client_id, user) in [("c+", Some("v")), ("c", Some("u+")), ("#", None)] {
        assert!(!access(&rules, client_id, user).may_receive("b").allowed, "{client_id} {user:?}");
    }
    assert!(access(&rules, "c", Some("u+")).may_receive("a").allowed);
}

#[test]
fn an_empty_file_allows_nothing() {
    let rules = mosquitto("# nothing\n\n").expect("a file");
    assert!(rules.is_empty() && rules.restricts());
    assert!(!access(&rules, "c", None).may_receive("a").allowed);
    assert_eq!(access(&rules, "c", None).may_subscribe("#").extent, Extent::Disjoint);
}

#[test]
fn what_cannot_be_read_is_told_with_its_line() {
    for (text, line, fault) in [
        ("topic", 1, RuleFault::TopicMissing),
        ("\n\nuser", 3, RuleFault::UserMissing),
        ("pattern   ", 1, RuleFault::TopicMissing),
        ("topic reads a", 1, RuleFault::Access("reads".into())),
        ("user a\r\ntopics a", 2, RuleFault::Word("topics".into())),
        ("topic\ta", 1, RuleFault::Word("topic\ta".into())),
        (" # a", 1, RuleFault::Word("#".into())),
    ] {
        assert_eq!(mosquitto(text).err(), Some(RuleError { line, fault }), "{text}");
    }
    let error = mosquitto("user a\ntopic read a#").expect_err("no filter").to_string();
    assert!(error.starts_with("line 2: \"a#\" is no topic filter: "), "{error}");
    let deep = "a/".repeat(Pattern::LEVELS);
    let fault = RuleFault::Pattern { filter: deep.clone().into(), error: PatternError::Levels };
    assert_eq!(mosquitto(&format!("topic {deep}")).err(), Some(RuleError { line: 1, fault }));
}
