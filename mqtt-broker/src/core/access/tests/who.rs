//! Whom a rule is about, and what clients share.

use std::collections::BTreeMap;
use std::sync::Arc;

use mqtt_codec::TopicFilter;

use super::super::{Audience, ClientAccess, Extent, Rule, RuleError, RuleFault, Rules};
use super::{rule, text, user};
use crate::auth::Permissions;
use crate::core::User;

fn named(users: &[&str], groups: &[&str], clients: &[&str]) -> Audience {
    let own = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
    Audience::Named { anonymous: false, users: own(users), groups: own(groups), clients: own(clients) }
}

fn anonymous() -> Audience {
    Audience::Named { anonymous: true, users: Vec::new(), groups: Vec::new(), clients: Vec::new() }
}

fn office() -> Arc<Rules> {
    let groups =
        BTreeMap::from([("staff".into(), vec!["ann".into(), "bob".into()]), ("guests".into(), vec![])]);
    let about = |audience, topic| Rule { audience, ..rule(true, &[topic]) };
    let all = vec![
        about(named(&["ann"], &[], &[]), "user"),
        about(named(&[], &["staff"], &[]), "group"),
        about(named(&[], &["guests"], &[]), "guests"),
        about(named(&["ann"], &[], &["c1"]), "client"),
        about(anonymous(), "anonymous"),
        about(Audience::Everyone, "everyone"),
    ];
    Arc::new(Rules::new("a test", all, &groups).expect("rules"))
}

fn of(rules: &Arc<Rules>, client_id: &str, name: Option<&str>, groups: &[&str]) -> ClientAccess {
    rules.of(&text(client_id), Some(&user(name, groups))).expect("rules that refuse something")
}

#[test]
fn a_rule_is_about_whoever_it_names_in_any_way() {
    let rules = office();
    for (client_id, name, groups, allowed) in [
        ("c1", Some("ann"), &[][..], &["user", "group", "client", "everyone"][..]),
        ("c2", Some("ann"), &[], &["user", "group", "client", "everyone"]),
        ("c2", Some("bob"), &[], &["group", "everyone"]),
        ("c1", Some("eve"), &[], &["client", "everyone"]),
        ("c2", Some("eve"), &["guests", "unknown"], &["guests", "everyone"]),
        ("c2", None, &["staff"], &["group", "anonymous", "everyone"]),
        ("c2", None, &[], &["anonymous", "everyone"]),
    ] {
        let access = of(&rules, client_id, name, groups);
        for topic in ["user", "group", "guests", "client", "anonymous", "everyone", "nobody"] {
            let expected = allowed.contains(&topic);
            assert_eq!(access.may_receive(topic).allowed, expected, "{name:?} as {client_id}: {topic}");
            let inside = access.may_subscribe(topic).extent == Extent::Inside;
            assert_eq!(inside, expected, "{name:?} as {client_id}: {topic}");
        }
    }
    assert!(rules.of(&text("c2"), None).expect("rules").may_receive("anonymous").allowed);
}

#[test]
fn clients_with_the_same_rules_share_them() {
    let rules = office();
    let tree = |access: &ClientAccess| access.own.as_ref().map(Arc::as_ptr);
    let ann = of(&rules, "c1", Some("ann"), &[]);
    assert_eq!(tree(&ann), tree(&of(&rules, "c1", Some("ann"), &["staff"])));
    assert_eq!(tree(&ann), tree(&of(&rules, "c2", Some("ann"), &[])));
    assert_eq!(tree(&of(&rules, "c2", Some("bob"), &[])), tree(&of(&rules, "c3", Some("eve"), &["staff"])));
    assert_eq!(tree(&of(&rules, "c2", Some("eve"), &[])), None);
}

#[test]
fn rules_that_nobody_has_any_more_are_forgotten() {
    let mut groups = BTreeMap::new();
    let mut all = Vec::new();
    for number in 0..200 {
        let name = format!("g{number}");
        groups.insert(name.as_str().into(), Vec::new());
        all.push(Rule { audience: named(&[], &[&name], &[]), ..rule(true, &[&name]) });
    }
    let rules = Arc::new(Rules::new("a test", all, &groups).expect("rules"));
    for number in 0..10_000 {
        let (one, other) = (format!("g{}", number % 200), format!("g{}", (number / 200 + number + 1) % 200));
        assert!(of(&rules, "c", Some("u"), &[&one, &other]).may_receive(&one).allowed);
    }
    assert!(rules.merged_trees() < 500, "{}", rules.merged_trees());
}

#[test]
fn a_group_that_is_not_there_and_a_shared_subscription_are_mistakes() {
    let groups = BTreeMap::new();
    let unknown = Rule { line: 4, audience: named(&[], &["stuff"], &[]), ..rule(true, &["a"]) };
    let error = Rules::new("a test", vec![unknown], &groups).expect_err("an unknown group");
    assert_eq!(error, RuleError { line: 4, fault: RuleFault::Group("stuff".into()) });
    let shared = Rules::new("a test", vec![rule(true, &["$share/g/a"])], &groups).expect_err("no filter");
    assert_eq!(shared.fault, RuleFault::Shared("$share/g/a".into()));
}

#[test]
fn evidence_says_what_is_allowed_at_most() {
    let filters = |filters: &[&str]| {
        filters.iter().map(|filter| TopicFilter::new(filter).expect("a filter")).collect::<Vec<_>>()
    };
    let permissions = Permissions { publish: filters(&["a/%c"]), subscribe: filters(&["a/#", "b/+/c"]) };
    let user = Arc::new(User { permissions: Some(permissions), ..User::default() });
    let of = |rules: Rules| Arc::new(rules).of(&text("id"), Some(&user)).expect("a restriction");
    let only = of(Rules::open());
    assert!(only.may_publish("a/%c", true).allowed && !only.may_publish("a/id", false).allowed);
    assert!(only.may_receive("a/x").allowed && !only.may_receive("c").allowed);
    let rules = Rules::new("a test", vec![rule(false, &["a/x"]), rule(true, &["#"])], &BTreeMap::new());
    let both = of(rules.expect("rules"));
    assert!(
        both.may_receive("a/y").allowed && !both.may_receive("a/x").allowed && !both.may_receive("c").allowed
    );
    for (filter, with_evidence, with_both) in [
        ("a/y", Extent::Inside, Extent::Inside),
        ("a/+", Extent::Inside, Extent::Overlaps),
        ("b/x/c", Extent::Inside, Extent::Inside),
        ("a/x", Extent::Inside, Extent::Disjoint),
        ("b/#", Extent::Overlaps, Extent::Overlaps),
        ("c", Extent::Disjoint, Extent::Disjoint),
    ] {
        assert_eq!(only.may_subscribe(filter).extent, with_evidence, "{filter}");
        assert_eq!(both.may_subscribe(filter).extent, with_both, "{filter}");
    }
}

#[test]
fn open_rules_say_nothing_of_anybody() {
    let rules = Arc::new(Rules::open());
    assert!(!rules.restricts() && rules.is_empty() && rules.of(&text("c"), None).is_none());
}
