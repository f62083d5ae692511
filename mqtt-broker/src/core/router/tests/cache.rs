//! The match cache: never stale, never too large, and not emptied by others.

use proptest::prelude::*;

use super::super::{CacheLimits, MatchCache, Matched, Subscriptions};
use super::{filter, granted, matches, session, subscribed, topic};

type Cache = MatchCache<Vec<Matched>>;

fn cache(entries: usize, bytes: usize) -> Cache {
    MatchCache::new(CacheLimits { entries, bytes }, |value| size_of_val(&value[..]), 9)
}

/// Matches through the cache, and says whether it knew.
fn look_up(cache: &mut Cache, subscriptions: &Subscriptions, topic: &str) -> (Vec<Matched>, bool) {
    if let Some(known) = cache.get(topic, subscriptions.generations()) {
        return (known.clone(), true);
    }
    let stamp = subscriptions.generations().stamp(topic);
    let found = matches(subscriptions, topic);
    cache.insert(topic, stamp, found.clone());
    (found, false)
}

fn is_known(cache: &mut Cache, subscriptions: &Subscriptions, topic: &str) -> bool {
    look_up(cache, subscriptions, topic).1
}

#[derive(Debug, Clone)]
enum Step {
    Subscribe(bool, String, u32, u8),
    Unsubscribe(bool, String, u32),
    LookUp(String),
}

fn step() -> impl Strategy<Value = Step> {
    let subscription = (any::<bool>(), filter(), 0u32..2);
    prop_oneof![
        1 => (subscription.clone(), 0u8..3)
            .prop_map(|((shared, filter, slot), qos)| Step::Subscribe(shared, filter, slot, qos)),
        1 => subscription.prop_map(|(shared, filter, slot)| Step::Unsubscribe(shared, filter, slot)),
        3 => topic().prop_map(Step::LookUp),
    ]
}

proptest! {
    #[test]
    fn what_the_cache_knows_is_what_a_match_finds(
        steps in prop::collection::vec(step(), 1..300), entries in 0usize..40, bytes in 0usize..2000
    ) {
        let (mut cache, mut subscriptions) = (cache(entries, bytes), Subscriptions::new(2));
        for step in steps {
            match step {
                Step::Subscribe(false, filter, slot, qos) => {
                    subscriptions.subscribe(&filter, session(slot), granted(qos));
                }
                Step::Subscribe(true, filter, slot, qos) => {
                    subscriptions.subscribe_shared("g", &filter, session(slot), granted(qos));
                }
                Step::Unsubscribe(false, filter, slot) => {
                    subscriptions.unsubscribe(&filter, session(slot));
                }
                Step::Unsubscribe(true, filter, slot) => {
                    subscriptions.unsubscribe_shared("g", &filter, session(slot));
                }
                Step::LookUp(topic) => {
                    let (found, _) = look_up(&mut cache, &subscriptions, &topic);
                    prop_assert_eq!(found, matches(&subscriptions, &topic));
                }
            }
            prop_assert!(cache.len() <= entries && cache.bytes() <= bytes);
        }
    }
}

#[test]
fn a_topic_that_repeats_is_known_until_something_that_concerns_it_changes() {
    let concerning = ["a/b/c", "a/b/+", "a/b/#", "a/+/c", "a/#", "+/b/c", "#", "a/b/c/#"];
    for filter in concerning {
        let (mut cache, mut subscriptions) = (cache(9, 999), subscribed(&["a/#"]));
        assert!(!is_known(&mut cache, &subscriptions, "a/b/c"));
        assert!(is_known(&mut cache, &subscriptions, "a/b/c"));
        subscriptions.subscribe(filter, session(7), granted(0));
        assert!(!is_known(&mut cache, &subscriptions, "a/b/c"), "{filter}");
        assert!(is_known(&mut cache, &subscriptions, "a/b/c"));
        subscriptions.unsubscribe(filter, session(7));
        assert!(!is_known(&mut cache, &subscriptions, "a/b/c"), "{filter}");
    }
}

#[test]
fn a_busy_subscriber_elsewhere_does_not_empty_the_cache() {
    let (mut cache, mut subscriptions) = (cache(9, 999), subscribed(&["a/#"]));
    assert!(!is_known(&mut cache, &subscriptions, "a/b/c"));
    for filter in ["x", "x/#", "x/+/c", "a", "a/b", "a/b/d", "a/x/#", "a/x/+"] {
        subscriptions.subscribe(filter, session(7), granted(0));
        subscriptions.unsubscribe(filter, session(7));
    }
    assert!(is_known(&mut cache, &subscriptions, "a/b/c"));
}

#[test]
fn what_changes_no_match_invalidates_nothing() {
    let (mut cache, mut subscriptions) = (cache(9, 999), subscribed(&["a/#"]));
    subscriptions.subscribe_shared("g", "a/b", session(1), granted(0));
    assert!(!is_known(&mut cache, &subscriptions, "a/b"));
    subscriptions.subscribe("a/#", session(0), granted(1));
    subscriptions.unsubscribe("a/#", session(8));
    subscriptions.subscribe_shared("g", "a/b", session(2), granted(0));
    subscriptions.unsubscribe_shared("g", "a/b", session(1));
    assert!(is_known(&mut cache, &subscriptions, "a/b"));
}

#[test]
fn topics_that_are_used_outlive_topics_that_are_not() {
    let (mut cache, subscriptions) = (cache(10, 9999), subscribed(&["a"]));
    assert!(!is_known(&mut cache, &subscriptions, "popular"));
    for topic in 0..100 {
        assert!(!is_known(&mut cache, &subscriptions, &topic.to_string()));
        assert!(is_known(&mut cache, &subscriptions, "popular"), "after {topic} others");
    }
    assert_eq!(cache.len(), 10);
}

#[test]
fn what_is_larger_than_the_cache_is_not_kept_and_drives_nothing_out() {
    let (mut cache, subscriptions) = (cache(10, 50), subscribed(&["#"]));
    assert!(!is_known(&mut cache, &subscriptions, "small"));
    assert!(!is_known(&mut cache, &subscriptions, &"large".repeat(10)));
    assert!(!is_known(&mut cache, &subscriptions, &"large".repeat(10)));
    assert!(is_known(&mut cache, &subscriptions, "small"));
    assert_eq!((cache.len(), cache.bytes(), cache.is_empty()), (1, 21, false));
}
