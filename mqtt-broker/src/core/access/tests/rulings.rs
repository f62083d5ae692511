//! Rulings about topics and filters, against a naive reading of the rules.

use proptest::prelude::*;

use super::super::{Action, Actions, Extent, Pattern, Rule};
use super::{access, filters, matches, rule, rules, texts, topics};

/// Names among which are those that could widen a rule.
const NAMES: [&str; 9] = ["a", "b", "zz", "a/b", "+", "#", "a#", "$x", ""];

/// The filter that a rule has for a client, as the documentation tells it.
fn substituted(pattern: &str, client_id: &str, user_name: Option<&str>) -> Option<String> {
    let mut filter = pattern.to_owned();
    for (mark, value) in [("%c", Some(client_id)), ("%u", user_name)] {
        if pattern.contains(mark) {
            let value = value.filter(|value| !value.is_empty() && !value.contains(['/', '+', '#']))?;
            if pattern.starts_with(mark) && value.starts_with('$') {
                return None;
            }
            filter = filter.replace(mark, value);
        }
    }
    Some(filter)
}

fn is_allowed(all: &[Rule], action: Action, topic: &str, client_id: &str, user_name: Option<&str>) -> bool {
    let decides = |rule: &&Rule| {
        rule.actions.contains(action)
            && rule.topics.iter().any(|pattern| {
                substituted(pattern.as_str(), client_id, user_name)
                    .is_some_and(|filter| matches(&filter, topic))
            })
    };
    all.iter().find(decides).is_some_and(|rule| rule.allow)
}

prop_compose! {
    fn any_rule()(
        allow: bool,
        actions in 1_u8..8,
        topics in prop::collection::vec(prop::sample::select(patterns()), 1..3),
    ) -> Rule {
        let chosen = Action::ALL.into_iter().filter(|action| actions & (1 << *action as u8) != 0);
        let actions = chosen.fold(Actions::default(), Actions::and);
        let topics = topics.iter().map(|topic| Pattern::new(topic).expect("a filter")).collect();
        Rule { topics, actions, ..rule(allow, &[]) }
    }
}

fn patterns() -> Vec<String> {
    let more = texts(&["a", "%c", "%u", "x%c", "+", "$x"], 3);
    let below = texts(&["a", "%c", "%u", "+"], 2).into_iter().map(|filter| format!("{filter}/#"));
    more.into_iter().chain(below).chain(["#".to_owned()]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_topic_is_judged_by_the_first_rule_about_it(
        all in prop::collection::vec(any_rule(), 0..6),
        client_id in prop::sample::select(NAMES.to_vec()),
        user_name in prop::option::of(prop::sample::select(NAMES.to_vec())),
    ) {
        let access = access(&rules(all.clone()), client_id, user_name);
        for topic in topics() {
            let naive = |action| is_allowed(&all, action, &topic, client_id, user_name);
            let publish = naive(Action::Publish);
            prop_assert_eq!(access.may_publish(&topic, false).allowed, publish, "publish to {}", &topic);
            let retain = publish && naive(Action::Retain);
            prop_assert_eq!(access.may_publish(&topic, true).allowed, retain, "retain {}", &topic);
            prop_assert_eq!(access.may_receive(&topic).allowed, naive(Action::Subscribe), "receive {}", &topic);
        }
    }

    #[test]
    fn what_is_inside_is_allowed_throughout_and_what_is_disjoint_nowhere(
        all in prop::collection::vec(any_rule(), 0..6),
        chosen in prop::collection::vec(prop::sample::select(filters()), 8),
        client_id in prop::sample::select(NAMES.to_vec()),
        user_name in prop::option::of(prop::sample::select(NAMES.to_vec())),
    ) {
        let access = access(&rules(all), client_id, user_name);
        for filter in chosen {
            let matched: Vec<bool> = topics()
                .iter()
                .filter(|topic| matches(&filter, topic))
                .map(|topic| access.may_receive(topic).allowed)
                .collect();
            match access.may_subscribe(&filter).extent {
                Extent::Inside => prop_assert!(matched.iter().all(|allowed| *allowed), "{}", filter),
                Extent::Disjoint => prop_assert!(!matched.iter().any(|allowed| *allowed), "{}", filter),
                Extent::Overlaps => {}
            }
        }
    }

    #[test]
    fn with_one_rule_that_allows_the_extent_is_exact(
        pattern in prop::sample::select(filters()),
        filter in prop::sample::select(filters()),
    ) {
        let access = access(&rules(vec![rule(true, &[&pattern])]), "c", None);
        let topics = topics();
        let matched: Vec<&String> = topics.iter().filter(|topic| matches(&filter, topic)).collect();
        let allowed = matched.iter().filter(|topic| access.may_receive(topic).allowed).count();
        let expected = match allowed {
            0 => Extent::Disjoint,
            all if all == matched.len() => Extent::Inside,
            _ => Extent::Overlaps,
        };
        prop_assert_eq!(access.may_subscribe(&filter).extent, expected);
    }
}

#[test]
fn a_filter_is_told_apart_by_what_comes_first() {
    let all = rules(vec![rule(false, &["a/secret/#"]), rule(true, &["a/#", "b/+"]), rule(false, &["#"])]);
    let access = access(&all, "c", None);
    for (filter, extent, decides) in [
        ("a/public", Extent::Inside, Some("allow publish, subscribe, retain on a/#, b/+ for everyone")),
        ("a/#", Extent::Overlaps, Some("allow publish, subscribe, retain on a/#, b/+ for everyone")),
        ("a/secret/x", Extent::Disjoint, Some("deny publish, subscribe, retain on a/secret/# for everyone")),
        ("c/#", Extent::Disjoint, Some("deny publish, subscribe, retain on # for everyone")),
        ("$SYS/#", Extent::Disjoint, None),
        ("#", Extent::Overlaps, Some("allow publish, subscribe, retain on a/#, b/+ for everyone")),
    ] {
        let ruling = access.may_subscribe(filter);
        assert_eq!(ruling.extent, extent, "{filter}");
        let rule = ruling.rule.and_then(|id| all.rule(id)).map(ToString::to_string);
        assert_eq!(rule.as_deref(), decides, "{filter}");
    }
}

#[test]
fn a_ruling_names_the_rule_that_decides() {
    let all =
        rules(vec![Rule { line: 3, ..rule(false, &["a/b"]) }, Rule { line: 9, ..rule(true, &["a/+"]) }]);
    let access = access(&all, "c", None);
    for (topic, allowed, line) in [("a/b", false, Some(3)), ("a/c", true, Some(9)), ("b", false, None)] {
        let ruling = access.may_receive(topic);
        assert_eq!(ruling.allowed, allowed, "{topic}");
        assert_eq!(ruling.rule.and_then(|id| all.rule(id)).map(|rule| rule.line), line, "{topic}");
    }
}

#[test]
fn a_name_is_a_whole_level_or_nothing() {
    let all = rules(vec![rule(true, &["devices/%c/#", "%u/#", "by/%u-%c"])]);
    let may =
        |client_id, user_name, topic: &str| access(&all, client_id, user_name).may_receive(topic).allowed;
    assert!(may("d1", None, "devices/d1/state"));
    assert!(may("d1", Some("u"), "by/u-d1"));
    for client_id in ["+", "#", "d1/state", "+/state", "", "d", "d11"] {
        assert!(!may(client_id, None, "devices/d1/state"), "{client_id}");
    }
    assert!(!may("d1", None, "by/-d1"));
    for user_name in ["$SYS", "+", "#", ""] {
        assert!(!may("c", Some(user_name), "$SYS/broker/uptime"), "{user_name}");
        assert_eq!(access(&all, "c", Some(user_name)).may_subscribe("$SYS/#").extent, Extent::Disjoint);
        assert_eq!(access(&all, "c", Some(user_name)).may_subscribe("#").extent, Extent::Overlaps);
    }
    assert_eq!(access(&all, "+", None).may_subscribe("devices/+/#").extent, Extent::Disjoint);
}
