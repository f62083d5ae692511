//! Topic Names, Topic Filters, shared subscriptions, and matching.
#![allow(non_snake_case, reason = "the names of tests carry statement ids")]

mod support;

use mqtt_codec::{
    InvalidText, InvalidTopic, InvalidTopicFilter, Text, Topic, TopicFilter, TopicFilterRef, TopicRef,
};
use proptest::prelude::*;

#[test]
fn mqtt_5_0__4_7_0_1_and_mqtt_3_1_1__4_7_1_1_a_topic_name_has_no_wildcard() {
    for name in ["a", "/", "//", "a/b", "$SYS/x", " ", "a b", "ü/\u{FEFF}", "a\u{1}"] {
        assert_eq!(Topic::new(name).map(|topic| topic.as_str().to_owned()).as_deref(), Ok(name));
    }
    for name in ["+", "#", "a/+", "a/#", "a+b", "#a", "a/b+/c"] {
        assert_eq!(Topic::new(name), Err(InvalidTopic::Wildcard), "{name}");
    }
}

#[test]
fn mqtt_5_0__4_7_3_1_and_mqtt_3_1_1__4_7_3_1_topics_and_filters_have_a_character() {
    assert_eq!(Topic::new(""), Err(InvalidTopic::Empty));
    assert_eq!(TopicFilter::new(""), Err(InvalidTopicFilter::Empty));
    assert!(Topic::new("x").is_ok() && TopicFilter::new("x").is_ok());
}

#[test]
fn mqtt_5_0__4_7_3_2_and_mqtt_3_1_1__4_7_3_2_topics_and_filters_hold_no_u0000() {
    for text in ["\0", "a\0", "a/\0/b"] {
        assert_eq!(Topic::new(text), Err(InvalidTopic::Text(InvalidText::NullCharacter)));
        assert_eq!(TopicFilter::new(text), Err(InvalidTopicFilter::Text(InvalidText::NullCharacter)));
        assert_eq!(Text::new(text), Err(InvalidText::NullCharacter));
    }
}

#[test]
fn mqtt_5_0__4_7_3_3_and_mqtt_3_1_1__4_7_3_3_topics_and_filters_have_at_most_65535_bytes() {
    let longest = "x".repeat(65_535);
    assert!(
        Topic::new(&longest).is_ok() && TopicFilter::new(&longest).is_ok() && Text::new(&longest).is_ok()
    );
    let longer = "x".repeat(65_536);
    assert_eq!(Topic::new(&longer), Err(InvalidTopic::Text(InvalidText::TooLong)));
    assert_eq!(TopicFilter::new(&longer), Err(InvalidTopicFilter::Text(InvalidText::TooLong)));
    // bytes are counted, not characters
    assert_eq!(Text::new(&"ü".repeat(32_768)), Err(InvalidText::TooLong));
}

#[test]
fn mqtt_5_0__4_7_1_1_and_mqtt_3_1_1__4_7_1_2_the_multi_level_wildcard_is_the_last_level_alone() {
    for filter in ["#", "a/#", "/#", "+/#", "a//#"] {
        assert!(TopicFilter::new(filter).is_ok(), "{filter}");
    }
    for filter in ["#/", "#/a", "a/#/b", "a/#/"] {
        assert_eq!(TopicFilter::new(filter), Err(InvalidTopicFilter::MultiLevelNotLast), "{filter}");
    }
    for filter in ["a#", "#a", "a/b#", "##", "#+"] {
        assert_eq!(TopicFilter::new(filter), Err(InvalidTopicFilter::MultiLevelNotAlone), "{filter}");
    }
}

#[test]
fn mqtt_5_0__4_7_1_2_and_mqtt_3_1_1__4_7_1_3_the_single_level_wildcard_fills_its_level() {
    for filter in ["+", "+/a", "a/+", "a/+/b", "/+", "+/", "+/+"] {
        assert!(TopicFilter::new(filter).is_ok(), "{filter}");
    }
    for filter in ["a+", "+a", "a/b+", "++", "a/+b/c", "+#", "a/+#"] {
        assert_eq!(TopicFilter::new(filter), Err(InvalidTopicFilter::SingleLevelNotAlone), "{filter}");
    }
}

#[test]
fn mqtt_5_0__4_8_2_1_and_mqtt_5_0__4_8_2_2_a_shared_filter_has_a_name_and_a_filter() {
    let share = |filter: &'static str| {
        let share = TopicFilterRef::new(filter).and_then(TopicFilterRef::share);
        share.map(|share| share.map(|share| (share.name, share.filter.as_str())))
    };
    for (filter, name, rest) in [
        ("$share/g/a", "g", "a"),
        ("$share/g/#", "g", "#"),
        ("$share/g/a/b/+", "g", "a/b/+"),
        ("$share/g//", "g", "/"),
        ("$share/a name/x", "a name", "x"),
        ("$share/$share/$share/x", "$share", "$share/x"),
    ] {
        assert_eq!(share(filter), Ok(Some((name, rest))), "{filter}");
    }
    for filter in ["a", "share/g/a", "$shared/g/a", "$SHARE/g/a", "/$share/g/a", "$sharea"] {
        assert_eq!(share(filter), Ok(None), "{filter}");
    }
    for filter in ["$share", "$share/", "$share/g", "$share//a", "$share//", "$share/+/a", "$share/#"] {
        assert_eq!(share(filter), Err(InvalidTopicFilter::ShareName), "{filter}");
    }
    assert_eq!(share("$share/g/"), Err(InvalidTopicFilter::Empty));
}

#[test]
fn matching_by_the_examples_of_the_standard() {
    let rows: [(&str, &[&str], &[&str]); 11] = [
        (
            "sport/tennis/#",
            &["sport/tennis", "sport/tennis/p1", "sport/tennis/p1/x"],
            &["sport", "sport/tennisx"],
        ),
        ("sport/#", &["sport", "sport/", "sport/a/b"], &["sports", "a/sport"]),
        ("#", &["a", "/", "a/b", "/a"], &["$SYS", "$SYS/a", "$"]),
        ("+", &["a", "b c"], &["/a", "a/", "a/b", "$SYS"]),
        ("+/+", &["/a", "a/b", "/", "a/"], &["a", "a/b/c", "$SYS/a"]),
        ("/+", &["/a", "/", "/$SYS"], &["a", "//", "a/b"]),
        ("sport/+", &["sport/", "sport/a"], &["sport", "sport/a/b"]),
        ("+/monitor/Clients", &["a/monitor/Clients"], &["$SYS/monitor/Clients"]),
        ("$SYS/#", &["$SYS", "$SYS/", "$SYS/a/b"], &["a", "SYS/a"]),
        ("$SYS/monitor/+", &["$SYS/monitor/Clients"], &["$SYS/monitor"]),
        ("ACCOUNTS", &["ACCOUNTS"], &["Accounts", "/ACCOUNTS", "ACCOUNTS/"]),
    ];
    for (filter, matching, others) in rows {
        let matches = |topic: &str| {
            let topic = TopicRef::new(topic).expect("a good topic");
            TopicFilterRef::new(filter).expect("a good filter").matches(topic)
        };
        for topic in matching {
            assert!(matches(topic), "{filter} and {topic}");
        }
        for topic in others {
            assert!(!matches(topic), "{filter} but not {topic}");
        }
    }
}

/// Level by level on vectors, with no regard to speed.
fn naive(filter: &[&str], topic: &[&str]) -> bool {
    match (filter, topic) {
        (["#"], _) => true,
        (["+", filter @ ..], [_, topic @ ..]) => naive(filter, topic),
        ([level, filter @ ..], [name, topic @ ..]) => level == name && naive(filter, topic),
        ([], []) => true,
        _ => false,
    }
}

proptest! {
    #![proptest_config(support::seeded(1000))]

    #[test]
    fn matching_agrees_with_a_naive_matcher(
        topic in "(\\$|)[ab]?(/[ab]{0,2}){0,4}",
        filter in "(\\$|\\+|)(/([ab]{0,2}|\\+)){0,4}(/#)?",
    ) {
        let (Ok(topic), Ok(filter)) = (Topic::new(&topic), TopicFilter::new(&filter)) else { return Ok(()) };
        let levels: Vec<_> = filter.as_str().split('/').collect();
        let names: Vec<_> = topic.as_str().split('/').collect();
        let hidden = topic.as_str().starts_with('$') && matches!(levels[0], "+" | "#");
        let expected = !hidden && naive(&levels, &names);
        prop_assert_eq!(filter.view().matches(topic.view()), expected, "{} and {}", filter, topic);
    }

    #[test]
    fn a_filter_without_wildcards_matches_itself_alone(a in "[ab/$]{1,5}", b in "[ab/$]{1,5}") {
        let filter = TopicFilter::new(&a).expect("no wildcard");
        let topic = Topic::new(&b).expect("no wildcard");
        prop_assert_eq!(filter.view().matches(topic.view()), a == b);
        prop_assert!(!filter.view().has_wildcard());
    }
}

#[test]
fn a_filter_knows_whether_it_has_a_wildcard() {
    for (filter, has_wildcard) in [
        ("a/b", false),
        ("a/+", true),
        ("#", true),
        ("+/b", true),
        ("$share/g/a", false),
        ("$share/g/a/#", true),
    ] {
        let owned = TopicFilter::new(filter).unwrap();
        assert_eq!(owned.view().has_wildcard(), has_wildcard, "{filter}");
    }
}
