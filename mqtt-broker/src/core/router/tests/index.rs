//! The subscription index against a map of all subscriptions.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::{Granted, Matched, Subscriptions};
use super::{filter, granted, matched_slots, matches, naive_matches, session, subscribed, topic};

/// `$share` group, if any, with filter and slot.
type Key = (Option<&'static str>, String, u32);

#[derive(Debug, Clone)]
enum Step {
    Subscribe(Key, u8),
    Unsubscribe(Key),
    Publish(String),
}

fn step() -> impl Strategy<Value = Step> {
    let group = prop::sample::select(vec![None, None, Some("g"), Some("h")]);
    let key = (group, filter(), 0u32..3).boxed();
    prop_oneof![
        (key.clone(), 0u8..3).prop_map(|(key, qos)| Step::Subscribe(key, qos)),
        key.prop_map(Step::Unsubscribe),
        topic().prop_map(Step::Publish),
    ]
}

fn subscribe(subscriptions: &mut Subscriptions, key: &Key, qos: u8) -> Option<Granted> {
    let (group, filter, slot) = key;
    match group {
        Some(group) => subscriptions.subscribe_shared(group, filter, session(*slot), granted(qos)),
        None => subscriptions.subscribe(filter, session(*slot), granted(qos)),
    }
}

fn unsubscribe(subscriptions: &mut Subscriptions, key: &Key) -> Option<Granted> {
    let (group, filter, slot) = key;
    match group {
        Some(group) => subscriptions.unsubscribe_shared(group, filter, session(*slot)),
        None => subscriptions.unsubscribe(filter, session(*slot)),
    }
}

/// All subscriptions that a topic matches, and for groups all members, sorted.
fn expected(model: &BTreeMap<Key, u8>, topic: &str) -> Vec<(Option<&'static str>, u32, u8)> {
    let matching = model.iter().filter(|((_, filter, _), _)| naive_matches(filter, topic));
    let mut found: Vec<_> = matching.map(|((group, _, slot), &qos)| (*group, *slot, qos)).collect();
    found.sort_unstable();
    found
}

fn found(subscriptions: &Subscriptions, topic: &str) -> Vec<(Option<&'static str>, u32, u8)> {
    let mut found = Vec::new();
    for matched in matches(subscriptions, topic) {
        match matched {
            Matched::Session(session, granted) => found.push((None, session.slot, granted.qos as u8)),
            Matched::Group(id) => {
                let group = subscriptions.group(id).expect("a matched group exists");
                let name = if group.name() == "g" { "g" } else { "h" };
                found.extend(
                    group.members().map(|(session, granted)| (Some(name), session.slot, granted.qos as u8)),
                );
            }
        }
    }
    found.sort_unstable();
    found
}

proptest! {
    #[test]
    fn a_match_is_what_the_rules_say(filters in prop::collection::vec(filter(), 1..40), topic in topic()) {
        let subscriptions = subscribed(&filters);
        let expected = (0..).zip(&filters).filter(|(_, filter)| naive_matches(filter, &topic));
        let expected: Vec<u32> = expected.map(|(slot, _)| slot).collect();
        prop_assert_eq!(matched_slots(&subscriptions, &topic), expected);
    }

    #[test]
    fn the_index_does_what_a_list_of_subscriptions_does(steps in prop::collection::vec(step(), 1..200)) {
        let mut subscriptions = Subscriptions::new(3);
        let mut model = BTreeMap::new();
        for step in steps {
            match step {
                Step::Subscribe(key, qos) => {
                    let previous = subscribe(&mut subscriptions, &key, qos);
                    prop_assert_eq!(previous, model.insert(key, qos).map(granted));
                }
                Step::Unsubscribe(key) => {
                    let removed = unsubscribe(&mut subscriptions, &key);
                    prop_assert_eq!(removed, model.remove(&key).map(granted));
                }
                Step::Publish(topic) => {
                    prop_assert_eq!(found(&subscriptions, &topic), expected(&model, &topic));
                }
            }
            let shared = model.keys().filter(|key| key.0.is_some()).count();
            prop_assert_eq!(subscriptions.shared_subscriptions(), shared);
            prop_assert_eq!(subscriptions.subscriptions(), model.len() - shared);
        }
        for key in model.keys() {
            prop_assert!(unsubscribe(&mut subscriptions, key).is_some());
        }
        prop_assert_eq!((subscriptions.nodes(), subscriptions.share_groups()), (0, 0));
    }

    #[test]
    fn the_seed_does_not_change_the_order_of_matches(
        filters in prop::collection::vec(filter(), 1..40), topic in topic(), seed in any::<u64>()
    ) {
        let mut other = Subscriptions::new(seed);
        for (slot, filter) in (0..).zip(&filters) {
            other.subscribe(filter, session(slot), granted(1));
        }
        prop_assert_eq!(matches(&subscribed(&filters), &topic), matches(&other, &topic));
    }
}

#[test]
fn a_session_is_matched_once_for_each_of_its_filters() {
    let mut subscriptions = Subscriptions::new(1);
    for (filter, qos) in [("a/b", 0), ("a/+", 1), ("a/#", 2)] {
        subscriptions.subscribe(filter, session(5), granted(qos));
    }
    let found = matches(&subscriptions, "a/b");
    let expected = [0, 2, 1].map(|qos| Matched::Session(session(5), granted(qos)));
    assert_eq!(found, expected);
}

#[test]
fn a_filter_with_many_subscribers_finds_each_of_them() {
    for filter in ["news", "news/#"] {
        let mut subscriptions = Subscriptions::new(1);
        for slot in 0..1000 {
            subscriptions.subscribe(filter, session(slot), granted(0));
        }
        for slot in (0..1000).filter(|slot| slot % 3 != 0) {
            assert_eq!(subscriptions.unsubscribe(filter, session(slot)), Some(granted(0)));
        }
        let left: Vec<u32> = (0..1000).filter(|slot| slot % 3 == 0).collect();
        assert_eq!(matched_slots(&subscriptions, "news"), left);
    }
}

#[test]
fn removing_all_of_a_session_leaves_the_others_and_no_trace_of_it() {
    let filters = ["a", "a/+", "a/#", "deep/er/+/than/#"];
    let shared = ["a/b", "+"];
    let mut subscriptions = subscribed(&["a/b", "#"]);
    let before = subscriptions.nodes();
    for filter in filters {
        assert_eq!(subscriptions.subscribe(filter, session(9), granted(0)), None);
    }
    for filter in shared {
        assert_eq!(subscriptions.subscribe_shared("g", filter, session(9), granted(0)), None);
    }
    assert_eq!((subscriptions.subscriptions(), subscriptions.shared_subscriptions()), (6, 2));
    for filter in filters {
        assert_eq!(subscriptions.unsubscribe(filter, session(9)), Some(granted(0)));
    }
    for filter in shared {
        assert_eq!(subscriptions.unsubscribe_shared("g", filter, session(9)), Some(granted(0)));
    }
    assert_eq!((subscriptions.subscriptions(), subscriptions.shared_subscriptions()), (2, 0));
    assert_eq!((subscriptions.nodes(), subscriptions.share_groups()), (before, 0));
    assert_eq!(matched_slots(&subscriptions, "a/b"), [0, 1]);
}

#[test]
fn the_deepest_topic_and_the_deepest_filters_are_walked_without_a_deep_stack() {
    let depth = 32_768;
    let topic = vec![""; depth].join("/");
    let plus = vec!["+"; depth].join("/");
    let filters = [plus.clone(), format!("{plus}/#"), format!("{plus}/+"), "#".to_owned(), topic.clone()];
    let mut subscriptions = subscribed(&filters);
    assert_eq!(matched_slots(&subscriptions, &topic), [0, 1, 3, 4]);
    assert_eq!(matched_slots(&subscriptions, &topic[1..]), [3]);
    for (slot, filter) in (0..).zip(&filters) {
        assert!(subscriptions.unsubscribe(filter, session(slot)).is_some());
    }
    assert_eq!(subscriptions.nodes(), 0);
}

#[test]
fn levels_deep_in_a_topic_are_told_apart_on_each_branch() {
    let with = |place: usize, level: &str| {
        let mut levels: Vec<String> = (0..40).map(|level| level.to_string()).collect();
        level.clone_into(&mut levels[place]);
        levels.join("/")
    };
    let filters: Vec<String> = (0..40).map(|place| with(place, "+")).collect();
    let subscriptions = subscribed(&filters);
    assert_eq!(matched_slots(&subscriptions, &with(0, "0")), (0..40).collect::<Vec<u32>>());
    for place in 0..40 {
        let expected = u32::try_from(place).expect("a small number");
        assert_eq!(matched_slots(&subscriptions, &with(place, "other")), [expected]);
        assert_eq!(
            matched_slots(&subscriptions, &with(place, "7")),
            if place == 7 { (0..40).collect() } else { vec![expected] }
        );
    }
}

#[test]
fn each_of_all_combinations_of_a_literal_and_a_wildcard_is_matched_once() {
    let depth = 12;
    let filter = |bits: u32| -> String {
        let levels = (0..depth).map(|level| if bits >> level & 1 == 1 { "+" } else { "a" });
        levels.collect::<Vec<_>>().join("/")
    };
    let filters: Vec<String> = (0..1 << depth).map(filter).collect();
    let subscriptions = subscribed(&filters);
    assert_eq!(matched_slots(&subscriptions, &filter(0)), (0..1 << depth).collect::<Vec<u32>>());
    let last_differs = format!("{}b", filter(0).strip_suffix('a').expect("the filter ends with a"));
    assert_eq!(matched_slots(&subscriptions, &last_differs).len(), 1 << (depth - 1));
}

#[test]
fn the_router_can_be_read_from_many_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Subscriptions>();
    shared::<super::super::Retained<Vec<u8>>>();
    shared::<super::super::MatchCache<Vec<Matched>>>();
    shared::<super::super::Cursor>();
}

#[test]
fn what_a_subscription_was_granted_takes_eight_bytes() {
    assert_eq!(size_of::<Granted>(), 8);
    assert_eq!(size_of::<Matched>(), 16);
}
