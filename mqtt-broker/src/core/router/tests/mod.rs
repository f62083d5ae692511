//! What the tests share: a matcher to compare with, and texts to try.

mod cache;
mod index;
mod retained;
mod share;
mod standard;

use mqtt_codec::{QoS, SubscriptionId};
use proptest::prelude::*;

use super::{Granted, Matched, SessionKey, Subscriptions};

/// The rules of section 4.7, as directly as they can be written.
fn naive_matches(filter: &str, topic: &str) -> bool {
    fn levels_match(filter: &[&str], topic: &[&str]) -> bool {
        match (filter, topic) {
            ([], []) | (["#"], _) => true,
            ([level, filter @ ..], [text, topic @ ..]) => {
                (*level == "+" || level == text) && levels_match(filter, topic)
            }
            _ => false,
        }
    }
    let hidden = topic.starts_with('$') && filter.starts_with(['+', '#']);
    let (filter, topic): (Vec<_>, Vec<_>) = (filter.split('/').collect(), topic.split('/').collect());
    !hidden && levels_match(&filter, &topic)
}

/// Few level texts, so that filters and topics meet: empty, a prefix of another, with bytes on both sides of `/`, and
/// one that begins with `$`.
fn level() -> impl Strategy<Value = &'static str> + Clone {
    prop::sample::select(vec!["", "a", "a", "b", "A", "a!", "aa", "$s", "é"])
}

fn topic() -> impl Strategy<Value = String> {
    prop::collection::vec(level(), 1..5).prop_map(|levels| not_empty(levels.join("/")))
}

fn filter() -> impl Strategy<Value = String> + Clone {
    let level = prop_oneof![2 => level(), 1 => Just("+")];
    (prop::collection::vec(level, 0..5), any::<bool>()).prop_map(|(mut levels, many)| {
        levels.extend(many.then_some("#"));
        not_empty(levels.join("/"))
    })
}

/// A topic or filter has at least one character.
fn not_empty(text: String) -> String {
    if text.is_empty() { "/".to_owned() } else { text }
}

fn session(slot: u32) -> SessionKey {
    SessionKey { shard: (slot % 3) as u16, generation: 1, slot }
}

fn granted(qos: u8) -> Granted {
    let subscription_id = SubscriptionId::new(u32::from(qos));
    let qos = QoS::from_wire(qos).expect("a QoS");
    Granted { qos, no_local: false, retain_as_published: qos == QoS::AtLeastOnce, subscription_id }
}

fn matches(subscriptions: &Subscriptions, topic: &str) -> Vec<Matched> {
    let mut found = Vec::new();
    subscriptions.matches(topic, |matched| found.push(matched));
    found
}

/// The slots of the Sessions that a topic matches, in order.
fn matched_slots(subscriptions: &Subscriptions, topic: &str) -> Vec<u32> {
    let slot = |matched| match matched {
        Matched::Session(session, _) => session.slot,
        Matched::Group(id) => panic!("{id:?} is not a Session"),
    };
    let mut slots: Vec<u32> = matches(subscriptions, topic).into_iter().map(slot).collect();
    slots.sort_unstable();
    slots
}

/// Subscribes Session 0 to the first filter, Session 1 to the second, and so on.
fn subscribed(filters: &[impl AsRef<str>]) -> Subscriptions {
    let mut subscriptions = Subscriptions::new(1);
    for (slot, filter) in (0..).zip(filters) {
        assert_eq!(subscriptions.subscribe(filter.as_ref(), session(slot), granted(1)), None);
    }
    subscriptions
}
