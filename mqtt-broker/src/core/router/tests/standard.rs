//! The normative statements about topics and filters, by their ids, in the index and in the retained store.
#![expect(non_snake_case, reason = "the ids of statements are in the names")]

use super::super::{Retained, Subscriptions};
use super::{granted, matched_slots, session, subscribed};

/// A filter, topics that it matches, and topics that it does not.
type Case<'a> = (&'a str, &'a [&'a str], &'a [&'a str]);

fn check(cases: &[Case<'_>]) {
    for &(filter, matching, others) in cases {
        let subscriptions = subscribed(&[filter]);
        let mut retained = Retained::new(|()| 0, 1);
        for topic in matching.iter().chain(others) {
            retained.set(topic, ());
        }
        let mut found = Vec::new();
        retained.matching(filter, |topic, ()| found.push(topic.to_owned()));
        for topic in matching {
            assert_eq!(matched_slots(&subscriptions, topic), [0], "{filter} matches {topic}");
            assert!(found.iter().any(|each| each == topic), "{filter} finds {topic}");
        }
        for topic in others {
            assert_eq!(matched_slots(&subscriptions, topic), [0; 0], "{filter} does not match {topic}");
        }
        assert_eq!(found.len(), matching.len(), "{filter} finds nothing else");
    }
}

const MULTI_LEVEL: &[Case<'_>] = &[
    (
        "sport/tennis/player1/#",
        &["sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/score/wimbledon"],
        &["sport/tennis/player10", "sport/tennis", "sport/tennis/player2", "sport/tennis/player"],
    ),
    ("sport/#", &["sport", "sport/", "sport//x"], &["sports", "/sport", "sport!"]),
    ("#", &["sport", "/", "a/b/c"], &[]),
    ("sport/tennis/#", &["sport/tennis", "sport/tennis/"], &["sport"]),
    ("/#", &["/", "/a", "//a"], &["a", "a/"]),
];

const SINGLE_LEVEL: &[Case<'_>] = &[
    (
        "sport/tennis/+",
        &["sport/tennis/player1", "sport/tennis/player2", "sport/tennis/"],
        &["sport/tennis/player1/ranking", "sport/tennis"],
    ),
    ("sport/+", &["sport/", "sport/x"], &["sport", "sport/x/y"]),
    ("+", &["sport", "a"], &["/", "/a", "a/"]),
    ("+/tennis/#", &["a/tennis", "/tennis/b"], &["tennis", "a/b/tennis"]),
    ("sport/+/player1", &["sport/tennis/player1", "sport//player1"], &["sport/a/b/player1", "sport/player1"]),
    ("+/+", &["/finance", "a/b", "/"], &["finance", "/a/b"]),
    ("/+", &["/finance", "/"], &["finance", "a/finance"]),
];

const DOLLAR: &[Case<'_>] = &[
    ("#", &["a"], &["$SYS", "$SYS/broker/uptime", "$", "$/a"]),
    ("+/monitor/Clients", &["a/monitor/Clients"], &["$SYS/monitor/Clients"]),
    ("+", &["a"], &["$SYS"]),
    ("+/#", &["a", "a/b"], &["$SYS", "$SYS/a"]),
    ("$SYS/#", &["$SYS", "$SYS/", "$SYS/broker/uptime"], &["SYS/a", "$SYSTEM/a"]),
    ("$SYS/monitor/+", &["$SYS/monitor/Clients"], &["$SYS/monitor"]),
    ("a/+", &["a/$SYS", "a/$"], &[]),
    ("/#", &["/$SYS"], &[]),
];

const AS_THEY_ARE: &[Case<'_>] = &[
    ("ACCOUNTS", &["ACCOUNTS"], &["Accounts", "accounts", "ACCOUNTS "]),
    ("Accounts payable", &["Accounts payable"], &["Accounts%20payable", "Accountspayable"]),
    ("/a", &["/a"], &["a", "//a", "/a/"]),
    ("a//b", &["a//b"], &["a/b", "a///b"]),
    ("a/./b", &["a/./b"], &["a/b"]),
    // One precomposed character, and the same letter with a combining accent.
    ("caf\u{e9}/+", &["caf\u{e9}/1"], &["cafe\u{301}/1"]),
    ("\u{feff}a", &["\u{feff}a"], &["a"]),
];

fn a_later_subscription_with_the_identical_filter_replaces_the_earlier() {
    for filter in ["a/b", "a/+", "a/#"] {
        let mut subscriptions = subscribed(&[filter]);
        assert_eq!(subscriptions.subscribe(filter, session(0), granted(2)), Some(granted(1)));
        assert_eq!(matched_slots(&subscriptions, "a/b"), [0]);
        assert_eq!(subscriptions.subscriptions(), 1);
        assert_eq!(subscriptions.unsubscribe(filter, session(0)), Some(granted(2)));
    }
}

fn unsubscribing_compares_filters_character_by_character() {
    let filters = ["a/b", "a/+", "a/#", "+/b", "#"];
    let mut subscriptions = Subscriptions::new(1);
    for filter in filters {
        subscriptions.subscribe(filter, session(0), granted(0));
    }
    for other in ["A/b", "a/b/", "a/c", "a/b/#", "+/+", "a", "+", "b/#"] {
        assert_eq!(subscriptions.unsubscribe(other, session(0)), None, "{other}");
    }
    for (filter, left) in filters.into_iter().zip((0..5).rev()) {
        assert_eq!(subscriptions.unsubscribe(filter, session(1)), None);
        assert_eq!(subscriptions.unsubscribe(filter, session(0)), Some(granted(0)));
        assert_eq!(matched_slots(&subscriptions, "a/b").len(), left);
    }
}

#[test]
fn mqtt_3_1_1__4_7_1_2_a_multi_level_wildcard_matches_the_parent_and_all_levels_below() {
    check(MULTI_LEVEL);
}

#[test]
fn mqtt_5_0__4_7_1_1_a_multi_level_wildcard_matches_the_parent_and_all_levels_below() {
    check(MULTI_LEVEL);
}

#[test]
fn mqtt_3_1_1__4_7_1_3_a_single_level_wildcard_matches_one_whole_level_anywhere() {
    check(SINGLE_LEVEL);
}

#[test]
fn mqtt_5_0__4_7_1_2_a_single_level_wildcard_matches_one_whole_level_anywhere() {
    check(SINGLE_LEVEL);
}

#[test]
fn mqtt_3_1_1__4_7_2_1_a_leading_wildcard_does_not_match_a_topic_that_begins_with_a_dollar_sign() {
    check(DOLLAR);
}

#[test]
fn mqtt_5_0__4_7_2_1_a_leading_wildcard_does_not_match_a_topic_that_begins_with_a_dollar_sign() {
    check(DOLLAR);
}

#[test]
fn mqtt_3_1_1__4_7_3_4_names_and_filters_are_matched_as_they_are() {
    check(AS_THEY_ARE);
}

#[test]
fn mqtt_5_0__4_7_3_4_names_and_filters_are_matched_as_they_are() {
    check(AS_THEY_ARE);
}

#[test]
fn mqtt_3_1_1__3_8_4_3_a_later_subscription_replaces_the_identical_one() {
    a_later_subscription_with_the_identical_filter_replaces_the_earlier();
}

#[test]
fn mqtt_5_0__3_8_4_3_a_later_subscription_replaces_the_identical_one() {
    a_later_subscription_with_the_identical_filter_replaces_the_earlier();
}

#[test]
fn mqtt_3_1_1__3_10_4_1_only_an_exactly_equal_filter_is_unsubscribed() {
    unsubscribing_compares_filters_character_by_character();
}

#[test]
fn mqtt_5_0__3_10_4_1_only_an_exactly_equal_filter_is_unsubscribed() {
    unsubscribing_compares_filters_character_by_character();
}
